/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's long-lived secrets: static X25519 keys and token keys, in one file.
 *
 * File: text, mode 0600, replaced atomically (written aside, synced, renamed):
 *   tickwire keys v1
 *   static <64 hex>                             the current static key,
 *   token <id> <64 hex> 0                       the current token key,
 *   token <id> <64 hex> <accepted until, Unix s>
 *   static <64 hex> <accepted until, Unix s>    one before it,
 *   token <id> <64 hex> <accepted until, Unix s>   and a token key of its time
 * Exactly one token key is current: it seals new tokens, which name the current static key. Older
 * ones still open tokens until the last token sealed with them has expired. A token key belongs to
 * the static key that stands before it, so what a token was sealed with tells which static key its
 * holder was given; a static key stays until the last resume token of its sessions has expired. A
 * file that group or others may read is refused: its secrets may be known. Owned by the daemon's
 * thread; wiped by tw_keys_wipe.
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
/* Current and previous ones: a static key can be replaced every two days, as previous ones stay for
 * the week that a resume token is good for. */
#define TW_KEYS_STATIC_MAX 4u
#define TW_KEYS_ERROR_SIZE 256u

struct tw_static_key {
    uint8_t secret[TW_KEY_SIZE];
    uint8_t public[TW_KEY_SIZE];
    uint64_t accepted_until_unix_s; /* 0: current */
};

struct tw_keys {
    struct tw_static_key statics[TW_KEYS_STATIC_MAX];  /* [0] is current, then newest first */
    struct tw_token_key token_keys[TW_KEYS_TOKEN_MAX]; /* the same */
    uint64_t accepted_until_unix_s[TW_KEYS_TOKEN_MAX]; /* [0] is 0 */
    uint8_t static_of[TW_KEYS_TOKEN_MAX];              /* which of statics[] its tokens name */
    size_t static_count, token_key_count;
};

/* Reads the file, or creates it with fresh keys when there is none. sodium_init() came before. */
bool tw_keys_open(const char *path, struct tw_keys *keys, char error[TW_KEYS_ERROR_SIZE])
    __attribute__((warn_unused_result));

struct tw_keys_rotation {
    bool with_static; /* a new static key, too */
    /* Whatever was replaced is refused at once: for secrets that may be known. Without with_static
     * that is tokens, with it resume tokens as well. */
    bool revoke;
};

/* New current token key; the old one stays accepted for TW_TOKEN_VALIDITY_MAX_S, and an old static
 * key for TW_RESUME_VALIDITY_S longer. Fails while as many previous ones are still in use as there
 * is room for. The file is written before *keys changes. */
bool tw_keys_rotate(const char *path, struct tw_keys *keys, const struct tw_keys_rotation *rotation,
                    uint64_t now_unix_s, char error[TW_KEYS_ERROR_SIZE])
    __attribute__((warn_unused_result));

/* Fills out[] with the keys of tokens whose holders know statics[which]; how many. The last one is
 * that of resume tokens: it follows from the static key, so that rotating token keys leaves
 * sessions that live with what they have, and no issuer of tokens can make one. */
size_t tw_keys_of_static(const struct tw_keys *keys, size_t which,
                         struct tw_token_key out[TW_KEYS_TOKEN_MAX + 1u]);

/* Forgets previous keys whose tokens have all expired (in memory; the file at next rotation). */
void tw_keys_expire(struct tw_keys *keys, uint64_t now_unix_s);

void tw_keys_wipe(struct tw_keys *keys);

#endif
