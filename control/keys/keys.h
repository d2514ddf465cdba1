/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's long-lived secrets: the static X25519 key and the token keys, in one file.
 *
 * File: text, mode 0600, replaced atomically (written aside, synced, renamed):
 *   tickwire keys v1
 *   static <64 hex>
 *   token <id> <64 hex> <accepted until, Unix s; 0 = current>
 * Exactly one token key is current: it seals new tokens. Older ones still open tokens until the
 * last token sealed with them has expired. A file that group or others may read is refused: its
 * secrets may be known. Owned by the daemon's thread; wiped by tw_keys_wipe.
 */
#ifndef TICKWIRE_CONTROL_KEYS_KEYS_H
#define TICKWIRE_CONTROL_KEYS_KEYS_H

#include "dataplane/wire/handshake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Current and previous ones. Rotation refuses while all previous ones may still be in use. */
#define TW_KEYS_TOKEN_MAX 4u
/* Longest validity of a token: bounds how long a previous key and a used token are kept. */
#define TW_TOKEN_VALIDITY_MAX_S 3600u
#define TW_KEYS_ERROR_SIZE      256u

struct tw_keys {
    uint8_t static_secret[TW_KEY_SIZE];
    uint8_t static_public[TW_KEY_SIZE];
    struct tw_token_key token_keys[TW_KEYS_TOKEN_MAX]; /* [0] is current, then newest first */
    uint64_t accepted_until_unix_s[TW_KEYS_TOKEN_MAX]; /* [0] is 0 */
    size_t token_key_count;
};

/* Reads the file, or creates it with fresh keys when there is none. sodium_init() came before. */
bool tw_keys_open(const char *path, struct tw_keys *keys, char error[TW_KEYS_ERROR_SIZE])
    __attribute__((warn_unused_result));

/* New current token key; the old one stays accepted for TW_TOKEN_VALIDITY_MAX_S. The file is
 * written before *keys changes. */
bool tw_keys_rotate(const char *path, struct tw_keys *keys, uint64_t now_unix_s,
                    char error[TW_KEYS_ERROR_SIZE]) __attribute__((warn_unused_result));

/* The key of resume tokens: follows from the static key, so that rotating token keys leaves
 * sessions that live with what they have, and no issuer of tokens can make one. */
void tw_keys_resume(const struct tw_keys *keys, struct tw_token_key *out);

/* Forgets previous keys whose tokens have all expired (in memory; the file at next rotation). */
void tw_keys_expire(struct tw_keys *keys, uint64_t now_unix_s);

void tw_keys_wipe(struct tw_keys *keys);

#endif
