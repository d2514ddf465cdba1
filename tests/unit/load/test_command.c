/* SPDX-License-Identifier: BSD-3-Clause */
/* A bot's commands: what is heard is what was said, in a few bytes, and nothing else is heard. */
#include "tests/load/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void what_is_said_is_heard(void **state)
{
    (void)state;
    uint8_t bytes[TW_LOAD_COMMAND_MAX];
    struct tw_load_command heard;
    for (uint32_t bot = 0; bot < 60; bot++) {
        for (uint32_t number = 0; number < 1000; number += 1u + bot) {
            struct tw_load_command said = tw_load_command_make(bot * 1110u, number);
            said.said_us = number * 1000003u;
            size_t size = tw_load_command_write(&said, bytes);
            assert_in_range(size, 14, 16);
            assert_true(tw_load_command_read(&heard, bytes, size));
            assert_true(tw_load_command_equal(&said, &heard));
            assert_int_equal(heard.said_us, said.said_us);
            assert_false(tw_load_command_read(&heard, bytes, size - 1u));
            /* With one bit changed it is another command, or none: one value has one encoding. */
            uint8_t again[TW_LOAD_COMMAND_MAX];
            bytes[number % size] ^= (uint8_t)(1u << (bot % 8u));
            if (tw_load_command_read(&heard, bytes, size)) {
                assert_int_equal(tw_load_command_write(&heard, again), size);
                assert_memory_equal(again, bytes, size);
            }
        }
    }
}

static void what_cannot_be_said_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[TW_LOAD_COMMAND_MAX];
    struct tw_load_command heard;
    struct tw_load_command said[5];
    for (uint32_t i = 0; i < 5; i++)
        said[i] = tw_load_command_make(1, 1);
    said[0].bot = 65536;
    said[1].aim_x_m = 64.01;
    said[2].reach_mm = -1;
    said[3].deed = (enum tw_load_deed)5;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(tw_load_command_write(&said[i], bytes), 0);
    said[4].turn = INT32_MIN;
    said[4].number = UINT32_MAX;
    assert_in_range(tw_load_command_write(&said[4], bytes), 20, TW_LOAD_COMMAND_MAX);
    memset(bytes, 0xff, sizeof(bytes));
    assert_false(tw_load_command_read(&heard, bytes, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_heard),
        cmocka_unit_test(what_cannot_be_said_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
