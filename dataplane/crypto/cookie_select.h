/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which HMAC-SHA256 makes the cookies here: decided once, at start.
 *
 * A faster one than libsodium's counts if the CPU can run it and its self-test finds it equal to
 * libsodium's; else libsodium's serves, and the report says why. Main thread; sodium_init() must
 * have succeeded.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_COOKIE_SELECT_H
#define TICKWIRE_DATAPLANE_CRYPTO_COOKIE_SELECT_H

#include "dataplane/wire/cookie.h"

struct tw_cookie_candidate {
    const char *name;
    const struct tw_cookie_hash *(*get)(void); /* NULL: this CPU cannot run it */
};

struct tw_cookie_report {
    const char *used;
    const char *refused; /* wanted, but not used; NULL: none was */
    const char *reason;  /* of that, a constant text */
};

/* The fastest there is, or libsodium's where that is wanted. Never NULL. */
const struct tw_cookie_hash *tw_cookie_select(bool libsodium, struct tw_cookie_report *report)
    __attribute__((warn_unused_result));

/* The same with one candidate of the caller's. */
const struct tw_cookie_hash *tw_cookie_select_from(const struct tw_cookie_candidate *candidate,
                                                   struct tw_cookie_report *report)
    __attribute__((warn_unused_result));

/* 256 random keys and inputs, alone and in pairs, under 1 ms. NULL: equal to libsodium's. Else what
 * differed, a constant text. */
const char *tw_cookie_self_test(const struct tw_cookie_hash *hash)
    __attribute__((warn_unused_result));

#endif
