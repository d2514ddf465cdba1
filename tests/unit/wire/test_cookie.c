/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/cookie.h"

#include "tests/unit/wire/testing.h"

static const uint8_t key_a[32] = {1}, key_b[32] = {2}, key_c[32] = {3}, client[32] = {9};

struct given {
    struct tw_cookie_keys keys;
    struct tw_address source;
    uint8_t cookie[TW_COOKIE_SIZE];
};

static struct given make(void)
{
    struct given given = {.source = tw_address_from_ipv4(0xc6120001u, 4000)};
    tw_cookie_rotate(&given.keys, key_a, 100);
    tw_cookie_make(given.cookie, &given.keys, &given.source, client);
    return given;
}

static bool check(const struct given *given)
{
    return tw_cookie_check(given->cookie, &given->keys, &given->source, client);
}

static void right_cookie_is_accepted(void **state)
{
    (void)state;
    struct given given = make();
    assert_true(check(&given));
}

static void every_corrupted_byte_fails(void **state)
{
    (void)state;
    struct given given = make();
    for (size_t at = 0; at < TW_COOKIE_SIZE; at++) {
        given.cookie[at] ^= 0x40;
        assert_false(check(&given));
        given.cookie[at] ^= 0x40;
    }
}

static void other_source_fails(void **state)
{
    (void)state;
    struct given given = make();
    for (size_t at = 0; at < 16; at++) {
        given.source.ip[at] ^= 1;
        assert_false(check(&given));
        given.source.ip[at] ^= 1;
    }
    given.source.port++;
    assert_false(check(&given));
    given.source.port = (uint16_t)(given.source.port - 1 + 256);
    assert_false(check(&given));
}

static void other_client_key_fails(void **state)
{
    (void)state;
    struct given given = make();
    for (size_t at = 0; at < TW_KEY_SIZE; at++) {
        uint8_t other[32];
        memcpy(other, client, sizeof(other));
        other[at] ^= 1;
        assert_false(tw_cookie_check(given.cookie, &given.keys, &given.source, other));
    }
}

static void other_key_or_slot_fails(void **state)
{
    (void)state;
    struct given given = make();
    given.keys.keys[0].slot++;
    assert_false(check(&given));
    given.keys.keys[0].slot--;
    assert_true(check(&given));
    given.keys.keys[0].prepared[31] ^= 1;
    assert_false(check(&given));
}

static void previous_key_is_accepted_older_not(void **state)
{
    (void)state;
    struct given given = make();
    tw_cookie_rotate(&given.keys, key_b, 101);
    assert_true(check(&given));
    uint8_t fresh[TW_COOKIE_SIZE];
    tw_cookie_make(fresh, &given.keys, &given.source, client);
    assert_memory_not_equal(fresh, given.cookie, TW_COOKIE_SIZE);
    tw_cookie_rotate(&given.keys, key_c, 102);
    assert_false(check(&given));
    assert_true(tw_cookie_check(fresh, &given.keys, &given.source, client));
}

/* An all-zero key that was never installed must not accept what it would make. */
static void empty_keys_accept_nothing(void **state)
{
    (void)state;
    struct given given = make();
    struct tw_cookie_keys zero = {0};
    tw_cookie_rotate(&zero, (const uint8_t[32]){0}, 0);
    tw_cookie_make(given.cookie, &zero, &given.source, client);
    assert_false(check(&given)); /* keys[1] is all zero, but not valid */
    given.keys = (struct tw_cookie_keys){0};
    assert_false(check(&given));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_cookie_is_accepted),
        cmocka_unit_test(every_corrupted_byte_fails),
        cmocka_unit_test(other_source_fails),
        cmocka_unit_test(other_client_key_fails),
        cmocka_unit_test(other_key_or_slot_fails),
        cmocka_unit_test(previous_key_is_accepted_older_not),
        cmocka_unit_test(empty_keys_accept_nothing),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
