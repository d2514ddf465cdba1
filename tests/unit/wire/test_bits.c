/* SPDX-License-Identifier: BSD-3-Clause */
/* Bit packing: every value of every small range comes back, and nothing that is outside goes in. */
#include "tickwire/bits_real.h"

#include "tests/unit/wire/testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Ranges tried whole, and as many bits in front, so that values begin anywhere in a byte. */
#define SMALL 40
#define LEADS 8u

static uint8_t bytes[64];

static struct tw_bit_writer begin_write(uint32_t lead)
{
    memset(bytes, 0xa5, sizeof(bytes));
    struct tw_bit_writer writer = tw_bit_writer_make(bytes, sizeof(bytes));
    for (uint32_t i = 0; i < lead; i++)
        tw_bit_write_bool(&writer, i % 2u == 0);
    return writer;
}

/* Of what was written, with the bits in front read. */
static struct tw_bit_reader begin_read(const struct tw_bit_writer *writer, uint32_t lead)
{
    size_t size = tw_bit_writer_finish(writer);
    assert_true(size > 0 || writer->used == 0);
    if (size < sizeof(bytes))
        assert_int_equal(bytes[size], 0xa5);
    struct tw_bit_reader reader = tw_bit_reader_make(bytes, size);
    for (uint32_t i = 0; i < lead; i++)
        assert_int_equal(tw_bit_read_bool(&reader), i % 2u == 0);
    return reader;
}

static void range_comes_back(int32_t value, int32_t min, int32_t max, uint32_t lead)
{
    struct tw_bit_writer writer = begin_write(lead);
    uint32_t span = (uint32_t)max - (uint32_t)min;
    tw_bit_write_range(&writer, value, min, max);
    size_t bits = writer.used - lead;
    assert_true(bits == 32 || span < UINT64_C(1) << bits);
    assert_true(bits == 0 || span >= UINT64_C(1) << (bits - 1u)); /* and not one more */
    struct tw_bit_reader reader = begin_read(&writer, lead);
    assert_int_equal(tw_bit_read_range(&reader, min, max), value);
    assert_true(tw_bit_reader_finish(&reader));
}

static void range_is_refused(int32_t value, int32_t min, int32_t max)
{
    struct tw_bit_writer writer = begin_write(3);
    tw_bit_write_range(&writer, value, min, max);
    assert_true(writer.failed);
    assert_int_equal(writer.used, 3);
    tw_bit_write_bool(&writer, true); /* it stays failed */
    assert_int_equal(writer.used, 3);
    assert_int_equal(tw_bit_writer_finish(&writer), 0);
}

static void test_every_small_range(void **state)
{
    (void)state;
    for (int32_t min = -SMALL; min <= SMALL; min++) {
        for (int32_t max = min; max <= SMALL; max++) {
            for (int32_t value = min; value <= max; value++)
                range_comes_back(value, min, max, (uint32_t)(value - min) % LEADS);
            range_is_refused(min - 1, min, max);
            range_is_refused(max + 1, min, max);
        }
    }
    for (uint32_t lead = 0; lead < LEADS; lead++) {
        for (int32_t value = -3; value <= 9; value++)
            range_comes_back(value, -3, 9, lead);
    }
}

static void test_the_widest_ranges(void **state)
{
    (void)state;
    static const int32_t edges[] = {INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX - 1, INT32_MAX};
    for (uint32_t lead = 0; lead < LEADS; lead++) {
        for (uint32_t i = 0; i < 7; i++)
            range_comes_back(edges[i], INT32_MIN, INT32_MAX, lead);
    }
    range_comes_back(INT32_MAX, INT32_MAX, INT32_MAX, 0);
    range_is_refused(INT32_MIN, INT32_MIN + 1, INT32_MAX);
    range_is_refused(INT32_MAX, INT32_MIN, INT32_MAX - 1);
    range_is_refused(0, 1, -1); /* no range at all */
    uint64_t seed = 21;
    for (uint32_t i = 0; i < 100000; i++) {
        int32_t a = (int32_t)testing_random(&seed), b = (int32_t)testing_random(&seed);
        int32_t min = a < b ? a : b, max = a < b ? b : a;
        uint64_t span = (uint32_t)max - (uint32_t)min;
        int32_t value = (int32_t)(min + (int64_t)(testing_random(&seed) % (span + 1u)));
        range_comes_back(value, min, max, i % LEADS);
    }
}

/* What the writer never writes is not read either. */
static void test_codes_beyond_a_range(void **state)
{
    (void)state;
    for (uint32_t largest = 0; largest < 300; largest++) {
        uint32_t codes = 1u << tw_bits_for(largest);
        for (uint32_t code = 0; code < codes; code++) {
            struct tw_bit_writer writer = begin_write(0);
            tw_bit_write(&writer, code, codes - 1u);
            struct tw_bit_reader reader = begin_read(&writer, 0);
            uint32_t value = tw_bit_read(&reader, largest);
            assert_int_equal(reader.failed, code > largest);
            assert_int_equal(value, code > largest ? 0 : code);
        }
    }
}

static void test_stepped_is_the_nearest(void **state)
{
    (void)state;
    for (uint32_t step = 1; step <= 12; step++) {
        for (int32_t max = -30; max <= 30; max++) {
            for (int32_t value = -30; value <= max; value++) {
                struct tw_bit_writer writer = begin_write(step % LEADS);
                tw_bit_write_stepped(&writer, value, -30, max, step);
                struct tw_bit_reader reader = begin_read(&writer, step % LEADS);
                int32_t read = tw_bit_read_stepped(&reader, -30, max, step);
                assert_true(tw_bit_reader_finish(&reader));
                assert_in_range(read + 30, 0, max + 30);
                assert_true((uint32_t)(2 * abs(read - value)) <= step);
                assert_true((read + 30) % (int32_t)step == 0 || read == max);
                /* Half a step goes up, as long as there is something above. */
                if (2 * (value - read) == (int32_t)step)
                    fail_msg("%d of -30..%d by %u became %d", value, max, step, read);
            }
        }
    }
    struct tw_bit_writer writer = begin_write(0);
    tw_bit_write_stepped(&writer, INT32_MAX, INT32_MIN, INT32_MAX, UINT32_MAX);
    struct tw_bit_reader reader = begin_read(&writer, 0);
    assert_int_equal(writer.used, 1);
    assert_int_equal(tw_bit_read_stepped(&reader, INT32_MIN, INT32_MAX, UINT32_MAX), INT32_MAX);
    static const int32_t outside[][3] = {{31, -30, 30}, {-31, -30, 30}, {0, 1, 0}};
    for (uint32_t i = 0; i < 3; i++) {
        writer = begin_write(0);
        tw_bit_write_stepped(&writer, outside[i][0], outside[i][1], outside[i][2], 5);
        assert_true(writer.failed);
    }
    writer = begin_write(0);
    tw_bit_write_stepped(&writer, 0, 0, 1, 0);
    assert_true(writer.failed);
    reader = tw_bit_reader_make(bytes, 8);
    assert_int_equal(tw_bit_read_stepped(&reader, 0, 1, 0), 0);
    assert_true(reader.failed);
}

static void varint_comes_back(uint32_t value, uint32_t lead)
{
    uint8_t plain[TW_VARINT_SIZE_MAX];
    struct tw_writer varint = tw_writer_make(plain, sizeof(plain));
    struct tw_bit_writer writer = begin_write(lead);
    tw_write_varint(&varint, value);
    tw_bit_write_varint(&writer, value);
    assert_int_equal(writer.used - lead, 8 * (varint.next - plain));
    if (lead == 0)
        assert_memory_equal(bytes, plain, (size_t)(varint.next - plain));
    struct tw_bit_reader reader = begin_read(&writer, lead);
    assert_int_equal(tw_bit_read_varint(&reader), value);
    assert_true(tw_bit_reader_finish(&reader));
    assert_int_equal(tw_zigzag(tw_zigzag_back(value)), value);
    int32_t number = (int32_t)value;
    assert_int_equal(tw_zigzag_back(tw_zigzag(number)), number);
    writer = begin_write(lead);
    tw_bit_write_zigzag(&writer, number);
    reader = begin_read(&writer, lead);
    assert_int_equal(tw_bit_read_zigzag(&reader), number);
    assert_true(tw_bit_reader_finish(&reader));
}

static void test_varint_and_zigzag(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 40000; value++) {
        varint_comes_back(value, value % LEADS);
        varint_comes_back(0u - value, value % LEADS);
    }
    for (uint32_t bit = 0; bit < 32; bit++) {
        for (uint32_t lead = 0; lead < LEADS; lead++) {
            varint_comes_back(1u << bit, lead);
            varint_comes_back((1u << bit) - 1u, lead);
        }
    }
    static const int32_t order[] = {0, -1, 1, -2, 2, -3};
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(tw_zigzag(order[i]), i);
    assert_int_equal(tw_zigzag(INT32_MIN), UINT32_MAX);
    assert_int_equal(tw_zigzag(INT32_MAX), UINT32_MAX - 1u);
    /* Longer than need be, beyond 32 bits, cut off. */
    static const uint8_t wrong[][5] = {
        {0x80, 0}, {0xff, 0xff, 0xff, 0xff, 0x10}, {0xff, 0xff, 0xff, 0xff, 0xff}};
    for (uint32_t i = 0; i < 3; i++) {
        struct tw_bit_reader reader = tw_bit_reader_make(wrong[i], 5);
        assert_int_equal(tw_bit_read_varint(&reader), 0);
        assert_true(reader.failed);
    }
    struct tw_bit_reader reader = tw_bit_reader_make(wrong[1], 2);
    assert_int_equal(tw_bit_read_varint(&reader), 0);
    assert_true(reader.failed);
}

static void test_real_is_the_nearest(void **state)
{
    (void)state;
    static const uint32_t steps[] = {1, 2, 3, 255, 16383, UINT32_MAX};
    uint64_t seed = 22;
    for (uint32_t i = 0; i < 60000; i++) {
        uint32_t count = steps[i % 6u];
        double min = (double)(int32_t)testing_random(&seed) / 1000.0;
        double max = min + (double)(testing_random(&seed) % 100000u + 1u) / 16.0;
        double share = (double)(testing_random(&seed) % 4097u) / 4096.0;
        double value = fmin(min + (max - min) * share, max);
        struct tw_bit_writer writer = begin_write(i % LEADS);
        tw_bit_write_real(&writer, value, min, max, count);
        struct tw_bit_reader reader = begin_read(&writer, i % LEADS);
        double read = tw_bit_read_real(&reader, min, max, count);
        assert_true(tw_bit_reader_finish(&reader));
        double slack = (fabs(min) + fabs(max)) * 8 * DBL_EPSILON;
        assert_true(fabs(read - value) <= (max - min) / count / 2.0 + slack);
        assert_true(read >= min - slack && read <= max + slack);
    }
    static const double outside[] = {-1.001, 1.001, NAN, INFINITY, -INFINITY};
    for (uint32_t i = 0; i < 5; i++) {
        struct tw_bit_writer writer = begin_write(0);
        tw_bit_write_real(&writer, outside[i], -1, 1, 100);
        assert_true(writer.failed);
    }
    /* Ends exactly, the middle upwards. */
    static const double values[][2] = {{-1, 0}, {1, 2}, {-0.5, 1}, {0.5, 2}, {-0.51, 0}, {0.49, 1}};
    for (uint32_t i = 0; i < 6; i++) {
        struct tw_bit_writer writer = begin_write(0);
        tw_bit_write_real(&writer, values[i][0], -1, 1, 2);
        struct tw_bit_reader reader = begin_read(&writer, 0);
        assert_int_equal(tw_bit_read(&reader, 2), (uint32_t)values[i][1]);
    }
}

static void test_room(void **state)
{
    (void)state;
    memset(bytes, 0xa5, sizeof(bytes));
    struct tw_bit_writer writer = tw_bit_writer_make(bytes, 2);
    tw_bit_write(&writer, 0x1ff, 0x1ff);
    tw_bit_write(&writer, 0x7f, 0x7f); /* the last bit */
    assert_false(writer.failed);
    tw_bit_write(&writer, 0, 0); /* takes none */
    assert_int_equal(tw_bit_writer_finish(&writer), 2);
    struct tw_bit_writer full = writer;
    tw_bit_write_bool(&full, false);
    assert_true(full.failed);
    full = tw_bit_writer_make(bytes, 1);
    tw_bit_write_bool(&full, true);
    tw_bit_write_varint(&full, 5); /* a byte, of which seven bits are left */
    assert_true(full.failed);
    assert_int_equal(full.used, 1);
    assert_int_equal(bytes[2], 0xa5);
    /* A reader at its end, with something left, with bits that nobody wrote. */
    struct tw_bit_reader reader = tw_bit_reader_make(bytes, 2);
    assert_false(tw_bit_reader_finish(&reader));
    reader = tw_bit_reader_make(bytes, 0);
    assert_false(tw_bit_read_bool(&reader));
    assert_true(reader.failed);
    uint8_t zeros[9] = {0};
    for (size_t size = 1; size <= sizeof(zeros); size++) {
        reader = tw_bit_reader_make(zeros, size);
        assert_false(tw_bit_reader_finish(&reader));
    }
    uint8_t stray = 0x09;
    reader = tw_bit_reader_make(&stray, 1);
    assert_int_equal(tw_bit_read(&reader, 7), 1);
    assert_false(tw_bit_reader_finish(&reader));
    stray = 0x01;
    reader = tw_bit_reader_make(&stray, 1);
    assert_int_equal(tw_bit_read(&reader, 7), 1);
    assert_true(tw_bit_reader_finish(&reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_small_range),
        cmocka_unit_test(test_the_widest_ranges),
        cmocka_unit_test(test_codes_beyond_a_range),
        cmocka_unit_test(test_stepped_is_the_nearest),
        cmocka_unit_test(test_varint_and_zigzag),
        cmocka_unit_test(test_real_is_the_nearest),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
