/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka wants these headers in this order. */
#ifndef TICKWIRE_TESTS_UNIT_CLIENT_TESTING_H
#define TICKWIRE_TESTS_UNIT_CLIENT_TESTING_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

static inline int testing_setup(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

#endif
