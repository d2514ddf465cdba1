/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which AEAD back end runs here: decided once, at start, for each suite on its own.
 *
 * Candidates stand in one table, fastest first. A candidate counts if the CPU can run it and its
 * self-test finds it equal to libsodium; libsodium is the last candidate and needs neither. When
 * two back ends serve one suite each, a back end made of both groups the jobs of a burst by suite
 * and leaves results where the jobs stood. It also gives a ChaCha20-Poly1305 packet that comes
 * alone to the next candidate, where the first one is faster from two on only; all candidates' keys
 * of that suite are the raw ones.
 *
 * Main thread, before the threads that use the choice: it stays the process's until the next call.
 * sodium_init() must have succeeded.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_AEAD_SELECT_H
#define TICKWIRE_DATAPLANE_CRYPTO_AEAD_SELECT_H

#include "dataplane/wire/aead.h"

#define TW_AEAD_AUTO           "auto"
#define TW_AEAD_CANDIDATES_MAX 8u
#define TW_AEAD_REFUSALS_MAX   (2u * TW_AEAD_CANDIDATES_MAX)

/* NULL: this CPU cannot run it. */
struct tw_aead_candidate {
    const char *name;
    const struct tw_aead_backend *(*get)(void);
    /* A ChaCha20-Poly1305 packet alone is faster in the next candidate that has the suite, unless
     * that is libsodium. */
    bool lone_to_next;
};

struct tw_aead_refusal {
    const char *backend;
    const char *suite;  /* NULL: all */
    const char *reason; /* constant text */
};

struct tw_aead_report {
    const char *aes256_gcm, *chacha20_poly1305; /* back ends in use; NULL: suite not available */
    uint32_t refused_count;
    struct tw_aead_refusal refused[TW_AEAD_REFUSALS_MAX]; /* wanted, but not used, and why */
};

/* `wanted`: "auto", or the name of one back end, with libsodium for what that one does not do.
 * NULL: no candidate has that name. */
const struct tw_aead_backend *tw_aead_select(const char *wanted, struct tw_aead_report *report)
    __attribute__((warn_unused_result));

/* The same from another table; the last entry must be libsodium. */
const struct tw_aead_backend *tw_aead_select_from(const struct tw_aead_candidate *candidates,
                                                  size_t count, const char *wanted,
                                                  struct tw_aead_report *report)
    __attribute__((warn_unused_result));

#endif
