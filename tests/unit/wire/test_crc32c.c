/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/crc32c.h"

#include "tests/unit/wire/testing.h"
#include "tickwire/wire.h"

/* Bit by bit, from the definition. */
static uint32_t crc_by_bits(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

/* The check value of the catalogue, and RFC 3720 appendix B.4. */
static void published_values(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(tw_crc32c_portable(0, (const uint8_t *)"123456789", 9), 0xe3069283u);
    assert_int_equal(tw_crc32c_portable(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(tw_crc32c_portable(0, bytes, 32), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(tw_crc32c_portable(0, bytes, 32), 0x46dd794eu);
}

static void every_byte_and_split(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 167 + 3);
    uint32_t whole = tw_crc32c_portable(0, bytes, sizeof(bytes));
    assert_int_equal(whole, crc_by_bits(bytes, sizeof(bytes)));
    for (size_t split = 0; split <= sizeof(bytes); split++) {
        uint32_t first = tw_crc32c_portable(0, bytes, split);
        assert_int_equal(first, crc_by_bits(bytes, split));
        assert_int_equal(tw_crc32c_portable(first, bytes + split, sizeof(bytes) - split), whole);
    }
}

static void first_part_is_the_protocols(void **state)
{
    (void)state;
    assert_int_equal(tw_crc32c_portable(0, (const uint8_t *)TW_PROTOCOL_ID, TW_PROTOCOL_ID_SIZE),
                     TW_CRC_OF_PROTOCOL_ID);
}

static void trailer_round_trip(void **state)
{
    (void)state;
    uint8_t packet[66], with_id[70];
    for (size_t i = 0; i < sizeof(packet); i++)
        packet[i] = (uint8_t)i;
    tw_crc32c_seal(tw_crc32c_portable, packet, sizeof(packet));
    memcpy(with_id, "TICKWIRE", 8);
    memcpy(with_id + 8, packet, 62);
    uint32_t expected = crc_by_bits(with_id, sizeof(with_id));
    assert_int_equal(packet[62], expected & 0xff);
    assert_int_equal(packet[65], expected >> 24);
    assert_true(tw_crc32c_check(tw_crc32c_portable, packet, sizeof(packet)));
    for (size_t at = 0; at < sizeof(packet); at++) {
        packet[at] ^= 0x20;
        assert_false(tw_crc32c_check(tw_crc32c_portable, packet, sizeof(packet)));
        packet[at] ^= 0x20;
    }
    for (size_t length = 0; length < 4; length++)
        assert_false(tw_crc32c_check(tw_crc32c_portable, packet, length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(every_byte_and_split),
        cmocka_unit_test(first_part_is_the_protocols),
        cmocka_unit_test(trailer_round_trip),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
