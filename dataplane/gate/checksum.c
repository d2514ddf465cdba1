/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/checksum.h"

#include "dataplane/gate/network_bytes.h"

#include <string.h>

uint64_t tw_checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    /* 32-bit words fold to the same result as 16-bit ones; 2^32 of them fit the sum. */
    while (length >= 4) {
        uint32_t word;
        memcpy(&word, bytes, sizeof(word));
        sum += word;
        bytes += 4;
        length -= 4;
    }
    if (length > 0) {
        uint8_t tail[4] = {0};
        memcpy(tail, bytes, length);
        uint32_t word;
        memcpy(&word, tail, sizeof(word));
        sum += word;
    }
    return sum;
}

uint16_t tw_checksum_finish(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)~sum;
}

void tw_checksum_store(uint8_t *bytes, uint16_t checksum)
{
    memcpy(bytes, &checksum, sizeof(checksum));
}

uint64_t tw_checksum_pseudo_header(const uint8_t *ipv4, uint16_t udp_length)
{
    uint8_t tail[4] = {0, TW_PROTOCOL_UDP};
    tw_store_be16(tail + 2, udp_length);
    uint64_t sum = tw_checksum_add(0, ipv4 + TW_IPV4_SOURCE, 8);
    return tw_checksum_add(sum, tail, sizeof(tail));
}
