/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian loads and stores at any alignment, and bounded readers and writers over them.
 *
 * A reader or writer that would pass its end sets `failed`, returns zeros or stores nothing, and
 * stays failed: callers decode a whole message and test once. No allocation, any thread.
 */
#ifndef TICKWIRE_BYTES_H
#define TICKWIRE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tickwire builds for little-endian machines only (x86-64, aarch64)"
#endif

static inline uint16_t tw_load_u16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint32_t tw_load_u24(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

static inline uint32_t tw_load_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint64_t tw_load_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline void tw_store_u16(uint8_t *bytes, uint16_t value)
{
    memcpy(bytes, &value, sizeof(value));
}

static inline void tw_store_u24(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
}

static inline void tw_store_u32(uint8_t *bytes, uint32_t value)
{
    memcpy(bytes, &value, sizeof(value));
}

static inline void tw_store_u64(uint8_t *bytes, uint64_t value)
{
    memcpy(bytes, &value, sizeof(value));
}

struct tw_reader {
    const uint8_t *next;
    const uint8_t *end;
    bool failed;
};

static inline struct tw_reader tw_reader_make(const uint8_t *bytes, size_t length)
{
    return (struct tw_reader){.next = bytes, .end = bytes + length, .failed = false};
}

static inline size_t tw_reader_left(const struct tw_reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

/* The next `count` bytes in place, or NULL and `failed`. */
static inline const uint8_t *tw_read_bytes(struct tw_reader *reader, size_t count)
{
    if (reader->failed || tw_reader_left(reader) < count) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->next;
    reader->next += count;
    return bytes;
}

static inline uint8_t tw_read_u8(struct tw_reader *reader)
{
    const uint8_t *bytes = tw_read_bytes(reader, 1);
    return bytes ? bytes[0] : 0;
}

static inline uint16_t tw_read_u16(struct tw_reader *reader)
{
    const uint8_t *bytes = tw_read_bytes(reader, 2);
    return bytes ? tw_load_u16(bytes) : 0;
}

static inline uint32_t tw_read_u24(struct tw_reader *reader)
{
    const uint8_t *bytes = tw_read_bytes(reader, 3);
    return bytes ? tw_load_u24(bytes) : 0;
}

static inline uint32_t tw_read_u32(struct tw_reader *reader)
{
    const uint8_t *bytes = tw_read_bytes(reader, 4);
    return bytes ? tw_load_u32(bytes) : 0;
}

/* LEB128, 1 to 5 bytes, the shortest form only: one value has one encoding. */
#define TW_VARINT_SIZE_MAX 5u
static inline uint32_t tw_read_varint(struct tw_reader *reader)
{
    uint32_t value = 0;
    for (uint32_t shift = 0; shift < 35u; shift += 7u) {
        uint8_t byte = tw_read_u8(reader);
        bool overlong = (shift > 0 && byte == 0) || (shift == 28u && byte > 0x0fu);
        if (overlong)
            reader->failed = true;
        if (reader->failed)
            return 0;
        value |= (uint32_t)(byte & 0x7fu) << shift;
        if ((byte & 0x80u) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

struct tw_writer {
    uint8_t *next;
    uint8_t *end;
    bool failed;
};

static inline struct tw_writer tw_writer_make(uint8_t *bytes, size_t capacity)
{
    return (struct tw_writer){.next = bytes, .end = bytes + capacity, .failed = false};
}

static inline size_t tw_writer_left(const struct tw_writer *writer)
{
    return (size_t)(writer->end - writer->next);
}

/* Room for `count` bytes that the caller fills at once, or NULL and `failed`. */
static inline uint8_t *tw_write_space(struct tw_writer *writer, size_t count)
{
    if (writer->failed || tw_writer_left(writer) < count) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *bytes = writer->next;
    writer->next += count;
    return bytes;
}

static inline void tw_write_bytes(struct tw_writer *writer, const uint8_t *bytes, size_t count)
{
    uint8_t *space = tw_write_space(writer, count);
    if (space)
        memcpy(space, bytes, count);
}

static inline void tw_write_u8(struct tw_writer *writer, uint8_t value)
{
    tw_write_bytes(writer, &value, 1);
}

static inline void tw_write_u16(struct tw_writer *writer, uint16_t value)
{
    uint8_t *space = tw_write_space(writer, 2);
    if (space)
        tw_store_u16(space, value);
}

static inline void tw_write_u24(struct tw_writer *writer, uint32_t value)
{
    uint8_t *space = tw_write_space(writer, 3);
    if (space)
        tw_store_u24(space, value);
}

static inline void tw_write_u32(struct tw_writer *writer, uint32_t value)
{
    uint8_t *space = tw_write_space(writer, 4);
    if (space)
        tw_store_u32(space, value);
}

static inline void tw_write_u64(struct tw_writer *writer, uint64_t value)
{
    uint8_t *space = tw_write_space(writer, 8);
    if (space)
        tw_store_u64(space, value);
}

static inline size_t tw_varint_size(uint32_t value)
{
    size_t size = 1;
    for (; value >= 0x80u; value >>= 7)
        size++;
    return size;
}

static inline void tw_write_varint(struct tw_writer *writer, uint32_t value)
{
    uint8_t *space = tw_write_space(writer, tw_varint_size(value));
    if (!space)
        return;
    for (; value >= 0x80u; value >>= 7)
        *space++ = (uint8_t)(value | 0x80u);
    *space = (uint8_t)value;
}

#endif
