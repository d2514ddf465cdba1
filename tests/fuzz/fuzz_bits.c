/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes from anybody, read as packed values. Input: u8 rows, then rows of { u8 kind, u32, u32 },
 * which say what is read, then the bytes it is read from. Nothing is read past the end; what was
 * read lies in its range, and written again it is the same bits: one value, one encoding.
 */
#include "tests/fuzz/fuzzing.h"
#include "tickwire/bits_real.h"

#define ROWS_MAX 32u

struct row {
    uint8_t kind;
    uint32_t a, b;
};

static int32_t lower(const struct row *row)
{
    return (int32_t)row->a < (int32_t)row->b ? (int32_t)row->a : (int32_t)row->b;
}

static int32_t upper(const struct row *row)
{
    return (int32_t)row->a < (int32_t)row->b ? (int32_t)row->b : (int32_t)row->a;
}

/* Reads one value and writes it again. */
static void again(const struct row *row, struct tw_bit_reader *reader, struct tw_bit_writer *writer)
{
    int32_t min = lower(row), max = upper(row);
    uint32_t step = row->kind / 8u + 1u;
    int32_t number;
    uint32_t value;
    switch (row->kind % 6u) {
    case 0:
        value = tw_bit_read(reader, row->a);
        TW_ASSERT(value <= row->a);
        tw_bit_write(writer, value, row->a);
        break;
    case 1:
        number = tw_bit_read_range(reader, min, max);
        TW_ASSERT(reader->failed || (number >= min && number <= max));
        tw_bit_write_range(writer, number, min, max);
        break;
    case 2:
        number = tw_bit_read_stepped(reader, min, max, step);
        TW_ASSERT(reader->failed || (number >= min && number <= max));
        tw_bit_write_stepped(writer, number, min, max, step);
        break;
    case 3:
        tw_bit_write_varint(writer, tw_bit_read_varint(reader));
        break;
    case 4:
        tw_bit_write_zigzag(writer, tw_bit_read_zigzag(reader));
        break;
    default:
        /* Steps so wide that a double tells them apart. */
        tw_bit_write_real(writer, tw_bit_read_real(reader, -1000, 1000, row->a % 65536u + 1u),
                          -1000, 1000, row->a % 65536u + 1u);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader input = tw_reader_make(data, size);
    struct row rows[ROWS_MAX];
    uint8_t written[ROWS_MAX * TW_VARINT_SIZE_MAX + 1u];
    uint32_t count = fuzz_u8(&input) % ROWS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        rows[i].kind = fuzz_u8(&input);
        rows[i].a = (uint32_t)fuzz_u64(&input);
        rows[i].b = rows[i].a ^ fuzz_u16(&input);
    }
    size_t length = tw_reader_left(&input);
    struct tw_bit_reader reader = tw_bit_reader_make(input.next, length);
    struct tw_bit_writer writer = tw_bit_writer_make(written, sizeof(written));
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        again(&rows[i], &reader, &writer);
        TW_ASSERT(reader.used <= length * 8u);
        TW_ASSERT(reader.failed || (writer.used == reader.used && !writer.failed));
    }
    size_t used = reader.used;
    if (tw_bit_reader_finish(&reader)) {
        TW_ASSERT(tw_bit_writer_finish(&writer) == (used + 7u) / 8u);
        TW_ASSERT(memcmp(written, input.next, (used + 7u) / 8u) == 0);
    }
    return 0;
}
