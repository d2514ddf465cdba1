/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzzers share: the entry points libFuzzer calls, and readers over its input that never
 * run out (missing bytes are zero).
 */
#ifndef TICKWIRE_TESTS_FUZZ_FUZZING_H
#define TICKWIRE_TESTS_FUZZ_FUZZING_H

#include "tickwire/assert.h"
#include "tickwire/bytes.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Fills bytes[size] from the input; zeros where it ended. Returns how many came from it. */
static inline size_t fuzz_take(struct tw_reader *reader, uint8_t *bytes, size_t size)
{
    size_t left = tw_reader_left(reader);
    size_t part = left < size ? left : size;
    memset(bytes, 0, size);
    const uint8_t *from = tw_read_bytes(reader, part);
    if (part > 0)
        memcpy(bytes, from, part);
    return part;
}

static inline uint8_t fuzz_u8(struct tw_reader *reader)
{
    uint8_t value;
    fuzz_take(reader, &value, 1);
    return value;
}

static inline uint16_t fuzz_u16(struct tw_reader *reader)
{
    uint8_t bytes[2];
    fuzz_take(reader, bytes, sizeof(bytes));
    return tw_load_u16(bytes);
}

static inline uint32_t fuzz_u32(struct tw_reader *reader)
{
    uint8_t bytes[4];
    fuzz_take(reader, bytes, sizeof(bytes));
    return tw_load_u32(bytes);
}

static inline uint64_t fuzz_u64(struct tw_reader *reader)
{
    uint8_t bytes[8];
    fuzz_take(reader, bytes, sizeof(bytes));
    return tw_load_u64(bytes);
}

/* Damages one byte of packet[size], both chosen by the input. False: it chose no damage. */
static inline int fuzz_corrupt(struct tw_reader *reader, uint8_t *packet, size_t size)
{
    uint16_t at = fuzz_u16(reader);
    uint8_t mask = fuzz_u8(reader);
    packet[at % size] ^= mask;
    return mask != 0;
}

#endif
