/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is this AEAD back end equal to libsodium? For every length of a packet, in bursts, with random
 * keys, IVs, headers and packet numbers: sealed bytes are the same, what one seals the other
 * opens, and a packet with one bit flipped in header, ciphertext or tag is refused. About 10 ms a
 * suite. Any thread on which the back end has started; sodium_init() must have succeeded.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_AEAD_SELF_TEST_H
#define TICKWIRE_DATAPLANE_CRYPTO_AEAD_SELF_TEST_H

#include "dataplane/wire/aead.h"

/* NULL: equal. Else what differed, a constant text. */
const char *tw_aead_self_test(const struct tw_aead_backend *backend, enum tw_suite suite)
    __attribute__((warn_unused_result));

#endif
