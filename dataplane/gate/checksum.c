/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/checksum.h"

/* Two 64-bit sums side by side: one vector register of any machine. */
typedef uint64_t sums __attribute__((vector_size(16)));

/* The 32-bit words of bytes[count * 16]. */
static uint64_t add_wide(const uint8_t *bytes, size_t count)
{
    sums low = {0}, high = {0};
    for (size_t i = 0; i < count; i++) {
        sums words;
        memcpy(&words, bytes + i * sizeof(words), sizeof(words));
        low += words & UINT32_MAX;
        high += words >> 32;
    }
    low += high;
    return low[0] + low[1];
}

uint64_t tw_checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    /* 32-bit words fold to the same result as 16-bit ones; 2^32 of them fit the sum. */
    size_t wide = length / sizeof(sums);
    sum += add_wide(bytes, wide);
    bytes += wide * sizeof(sums);
    length -= wide * sizeof(sums);
    while (length >= 4) {
        uint32_t word;
        memcpy(&word, bytes, sizeof(word));
        sum += word;
        bytes += 4;
        length -= 4;
    }
    if (length >= 2) {
        uint16_t half;
        memcpy(&half, bytes, sizeof(half));
        sum += half;
        bytes += 2;
        length -= 2;
    }
    if (length > 0)
        sum += bytes[0];
    return sum;
}
