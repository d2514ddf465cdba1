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
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TESTING_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define TESTING_SANITIZED true
#endif
#endif
#ifndef TESTING_SANITIZED
#define TESTING_SANITIZED false
#endif

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

/* How many random cases a test takes: `usual`; with TICKWIRE_LONG in the environment `many`, or a
 * tenth of them under a sanitizer, which makes everything several times slower. TICKWIRE_CASES
 * in the environment is another number. */
static inline uint64_t testing_cases(uint64_t usual, uint64_t many)
{
    const char *text = getenv("TICKWIRE_CASES");
    if (text != NULL) {
        uint64_t cases = strtoull(text, NULL, 10);
        assert_true(cases > 0); /* none would prove nothing */
        return cases;
    }
    if (getenv("TICKWIRE_LONG") == NULL)
        return usual;
    return TESTING_SANITIZED ? many / 10 : many;
}

/* Another one each time, printed; TICKWIRE_SEED in the environment repeats it. */
static inline uint64_t testing_seed(void)
{
    const char *text = getenv("TICKWIRE_SEED");
    uint64_t seed = 0;
    if (text != NULL)
        seed = strtoull(text, NULL, 0);
    else
        randombytes_buf(&seed, sizeof(seed));
    seed += seed == 0; /* testing_random would stay there */
    print_message("TICKWIRE_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
