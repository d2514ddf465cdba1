/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static enum tw_input_outcome offer(struct tw_input_window *window, uint32_t tick, uint32_t now)
{
    enum tw_input_outcome outcome = tw_input_window_test(window, tick, now);
    if (outcome == TW_INPUT_ROUTED)
        tw_input_window_mark(window, tick);
    return outcome;
}

static void inputs_are_routed_once(void **state)
{
    (void)state;
    struct tw_input_window window = {0};
    assert_int_equal(offer(&window, 100, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 100, 100), TW_INPUT_DUPLICATE);
    assert_int_equal(offer(&window, 37, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 37, 100), TW_INPUT_DUPLICATE);
    assert_int_equal(offer(&window, 36, 100), TW_INPUT_OLD);
    assert_int_equal(offer(&window, 160, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 161, 100), TW_INPUT_AHEAD);
    assert_int_equal(offer(&window, UINT32_MAX, 100), TW_INPUT_AHEAD);
    assert_int_equal(offer(&window, 100, 100), TW_INPUT_DUPLICATE);
    assert_int_equal(offer(&window, 99, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 96, 100), TW_INPUT_OLD);
    assert_int_equal(offer(&window, 0, 100), TW_INPUT_OLD);
    struct tw_input_window last = {0};
    assert_int_equal(offer(&last, UINT32_MAX, UINT32_MAX - 5), TW_INPUT_ROUTED);
    assert_int_equal(offer(&last, UINT32_MAX, UINT32_MAX - 5), TW_INPUT_DUPLICATE);
    struct tw_input_window first = {0};
    assert_int_equal(offer(&first, 0, 0), TW_INPUT_ROUTED);
    assert_int_equal(offer(&first, 0, 0), TW_INPUT_DUPLICATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_routed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
