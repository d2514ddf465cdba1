/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/crc32c_isal.h"
#include "dataplane/wire/crc32c.h"
#include "tests/unit/wire/testing.h"

static void equals_the_portable_one(void **state)
{
    (void)state;
    static uint8_t bytes[2048];
    uint64_t seed = 0x6973616c;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)testing_random(&seed);
    for (size_t size = 0; size <= 1300; size++) {
        const uint8_t *start = bytes + size % 17; /* every alignment */
        uint32_t previous = (uint32_t)testing_random(&seed);
        assert_int_equal(tw_crc32c_isal(0, start, size), tw_crc32c_portable(0, start, size));
        assert_int_equal(tw_crc32c_isal(previous, start, size),
                         tw_crc32c_portable(previous, start, size));
    }
}

static void seals_the_same_trailer(void **state)
{
    (void)state;
    uint8_t packet[338] = {1, 2, 3};
    tw_crc32c_seal(tw_crc32c_isal, packet, sizeof(packet));
    assert_true(tw_crc32c_check(tw_crc32c_portable, packet, sizeof(packet)));
    packet[0] ^= 1;
    assert_false(tw_crc32c_check(tw_crc32c_isal, packet, sizeof(packet)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_portable_one),
        cmocka_unit_test(seals_the_same_trailer),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
