/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Game messages in as few bits as their values need: for whoever makes or reads the bytes of
 * tw_client_send and tw_client_take_message, and for game code of a server.
 *
 *   struct tw_bit_writer writer = tw_bit_writer_make(bytes, sizeof(bytes));
 *   tw_bit_write_range(&writer, health, 0, 100);               7 bits
 *   tw_bit_write_bool(&writer, running);                       1 bit
 *   tw_bit_write_stepped(&writer, x_mm, -50000, 50000, 10);   14 bits, nearest centimetre
 *   size_t size = tw_bit_writer_finish(&writer);               3 bytes; 0: something did not fit
 *
 * Nothing wraps and nothing is cut off in silence: a value outside its range, or a buffer that is
 * full, sets `failed`, which stays; from then on nothing is written, and zero is read. So a whole
 * message is written or read and asked about once. The reader refuses what the writer never
 * writes: one value has one encoding. Bits go lowest first into bytes, lowest first. Integers only,
 * no allocation, any thread; for values with a fraction see tickwire/bits_real.h.
 */
#ifndef TICKWIRE_BITS_H
#define TICKWIRE_BITS_H

#include "tickwire/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_bit_writer {
    uint8_t *bytes;
    size_t capacity; /* bits */
    size_t used;     /* bits */
    bool failed;
};

struct tw_bit_reader {
    const uint8_t *bytes;
    size_t length; /* bits */
    size_t used;   /* bits */
    bool failed;
};

static inline struct tw_bit_writer tw_bit_writer_make(uint8_t *bytes, size_t capacity)
{
    struct tw_bit_writer writer = {bytes, capacity * 8u, 0, false};
    return writer;
}

static inline struct tw_bit_reader tw_bit_reader_make(const uint8_t *bytes, size_t length)
{
    struct tw_bit_reader reader = {bytes, length * 8u, 0, false};
    return reader;
}

/* Bits that tell the values 0..largest apart: 0 to 32. */
static inline uint32_t tw_bits_for(uint32_t largest)
{
    uint32_t bits = 0;
    for (; largest > 0; largest >>= 1)
        bits++;
    return bits;
}

/* ---- unsigned values of 0..largest ---------------------------------------------------------- */

static inline void tw_bit_write(struct tw_bit_writer *writer, uint32_t value, uint32_t largest)
{
    uint32_t bits = tw_bits_for(largest);
    if (value > largest || writer->capacity - writer->used < bits)
        writer->failed = true;
    if (writer->failed)
        return;
    while (bits > 0) {
        uint32_t at = (uint32_t)(writer->used % 8u);
        uint32_t part = 8u - at < bits ? 8u - at : bits;
        uint8_t *byte = &writer->bytes[writer->used / 8u];
        uint32_t low = value & ((1u << part) - 1u);
        *byte = (uint8_t)((at > 0 ? *byte : 0u) | low << at);
        value >>= part;
        writer->used += part;
        bits -= part;
    }
}

static inline uint32_t tw_bit_read(struct tw_bit_reader *reader, uint32_t largest)
{
    uint32_t bits = tw_bits_for(largest);
    uint32_t value = 0;
    if (reader->length - reader->used < bits)
        reader->failed = true;
    if (reader->failed)
        return 0;
    for (uint32_t done = 0; done < bits;) {
        uint32_t at = (uint32_t)(reader->used % 8u);
        uint32_t part = 8u - at < bits - done ? 8u - at : bits - done;
        uint32_t low = ((uint32_t)reader->bytes[reader->used / 8u] >> at) & ((1u << part) - 1u);
        value |= low << done;
        reader->used += part;
        done += part;
    }
    if (value > largest)
        reader->failed = true;
    return reader->failed ? 0 : value;
}

static inline void tw_bit_write_bool(struct tw_bit_writer *writer, bool value)
{
    tw_bit_write(writer, value ? 1u : 0u, 1);
}

static inline bool tw_bit_read_bool(struct tw_bit_reader *reader)
{
    return tw_bit_read(reader, 1) != 0;
}

/* ---- integers of min..max, both included ---------------------------------------------------- */

static inline void tw_bit_write_range(struct tw_bit_writer *writer, int32_t value, int32_t min,
                                      int32_t max)
{
    if (value < min || value > max)
        writer->failed = true;
    tw_bit_write(writer, (uint32_t)value - (uint32_t)min, (uint32_t)max - (uint32_t)min);
}

/* 0 if it failed, be that in the range or not. */
static inline int32_t tw_bit_read_range(struct tw_bit_reader *reader, int32_t min, int32_t max)
{
    if (min > max)
        reader->failed = true;
    uint32_t above = tw_bit_read(reader, (uint32_t)max - (uint32_t)min);
    return reader->failed ? 0 : (int32_t)((int64_t)min + above);
}

/* The nearest of min, min + step, min + 2 step …; in the middle the larger one. Values from min to
 * max, and what they become is never off by more than half a step. */
static inline void tw_bit_write_stepped(struct tw_bit_writer *writer, int32_t value, int32_t min,
                                        int32_t max, uint32_t step)
{
    if (step == 0 || value < min || value > max) {
        writer->failed = true;
        return;
    }
    uint64_t above = (uint32_t)value - (uint32_t)min;
    uint64_t span = (uint32_t)max - (uint32_t)min;
    tw_bit_write(writer, (uint32_t)((above + step / 2u) / step),
                 (uint32_t)((span + step / 2u) / step));
}

/* Where the range is not whole steps, the last value is max. */
static inline int32_t tw_bit_read_stepped(struct tw_bit_reader *reader, int32_t min, int32_t max,
                                          uint32_t step)
{
    if (step == 0 || min > max) {
        reader->failed = true;
        return 0;
    }
    uint64_t span = (uint32_t)max - (uint32_t)min;
    uint64_t above = (uint64_t)tw_bit_read(reader, (uint32_t)((span + step / 2u) / step)) * step;
    return reader->failed ? 0 : (int32_t)(min + (int64_t)(above < span ? above : span));
}

/* ---- integers that are mostly small
 * --------------------------------------------------------------
 */

/* 8 bits up to 127, 16 up to 16,383 … 40; the encoding of tw_write_varint. */
static inline void tw_bit_write_varint(struct tw_bit_writer *writer, uint32_t value)
{
    uint8_t bytes[TW_VARINT_SIZE_MAX];
    struct tw_writer varint = tw_writer_make(bytes, sizeof(bytes));
    tw_write_varint(&varint, value);
    size_t size = (size_t)(varint.next - bytes);
    if (writer->capacity - writer->used < size * 8u)
        writer->failed = true;
    for (size_t i = 0; i < size; i++)
        tw_bit_write(writer, bytes[i], UINT8_MAX);
}

static inline uint32_t tw_bit_read_varint(struct tw_bit_reader *reader)
{
    uint8_t bytes[TW_VARINT_SIZE_MAX] = {0};
    uint32_t size = 0;
    do {
        bytes[size] = (uint8_t)tw_bit_read(reader, UINT8_MAX);
    } while ((bytes[size++] & 0x80u) != 0 && size < TW_VARINT_SIZE_MAX);
    struct tw_reader varint = tw_reader_make(bytes, size);
    uint32_t value = tw_read_varint(&varint);
    if (varint.failed)
        reader->failed = true;
    return reader->failed ? 0 : value;
}

/* 0, -1, 1, -2, 2 … become 0, 1, 2, 3, 4 …: small either way is short. */
static inline uint32_t tw_zigzag(int32_t value)
{
    return value < 0 ? ~((uint32_t)value << 1) : (uint32_t)value << 1;
}

static inline int32_t tw_zigzag_back(uint32_t value)
{
    int32_t half = (int32_t)(value >> 1);
    return (value & 1u) != 0 ? -half - 1 : half;
}

static inline void tw_bit_write_zigzag(struct tw_bit_writer *writer, int32_t value)
{
    tw_bit_write_varint(writer, tw_zigzag(value));
}

static inline int32_t tw_bit_read_zigzag(struct tw_bit_reader *reader)
{
    return tw_zigzag_back(tw_bit_read_varint(reader));
}

/* ---- the end
 * --------------------------------------------------------------------------------------
 */

/* Bytes that were written, the bits left of the last one zero; 0: it failed. */
static inline size_t tw_bit_writer_finish(const struct tw_bit_writer *writer)
{
    return writer->failed ? 0 : (writer->used + 7u) / 8u;
}

/* True if nothing failed, and nothing is left but the zero bits of the last byte. */
static inline bool tw_bit_reader_finish(struct tw_bit_reader *reader)
{
    size_t left = reader->length - reader->used;
    if (left >= 8u || tw_bit_read(reader, (1u << left) - 1u) != 0)
        reader->failed = true;
    return !reader->failed;
}

#endif
