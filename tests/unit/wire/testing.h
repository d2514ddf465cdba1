/* SPDX-License-Identifier: BSD-3-Clause */
/* What every cmocka test of the wire library starts with: cmocka needs these headers in order. */
#ifndef TICKWIRE_TESTS_UNIT_WIRE_TESTING_H
#define TICKWIRE_TESTS_UNIT_WIRE_TESTING_H

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

/* Every test's group setup: a test must never run with libsodium not ready. */
static inline int testing_setup(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

/* xorshift64*: reproducible property tests; the seed is printed by the test that uses it. */
static inline uint64_t testing_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1Du;
}

#endif
