/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cookie's HMAC-SHA256 by the SHA instructions of x86-64: with a prepared key two compressions,
 * and nothing else. What the engine puts in for libsodium's (dataplane/wire/cookie.h).
 *
 * Constant time: the instructions are, and no branch or address depends on data. Pure, any thread.
 * Sources: FIPS 180-4, RFC 2104; Intel SDM volume 2 for the lanes of the instructions.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_COOKIE_SHA_NI_H
#define TICKWIRE_DATAPLANE_CRYPTO_COOKIE_SHA_NI_H

#include "dataplane/wire/cookie.h"

/* NULL if the CPU cannot. */
const struct tw_cookie_hash *tw_cookie_hash_sha_ni(void);

#endif
