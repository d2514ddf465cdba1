/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The protocol's test vectors: every message, built from fixed keys, under the names that
 * docs/protocol.md section 7 gives them. Used by the test of that section and for fuzzing seeds.
 */
#ifndef TICKWIRE_TESTS_UNIT_WIRE_VECTORS_H
#define TICKWIRE_TESTS_UNIT_WIRE_VECTORS_H

#include "dataplane/wire/handshake.h"
#include "tickwire/wire.h"

#include <stddef.h>
#include <stdint.h>

#define VECTORS_MAX 96u

struct vector {
    const char *group;
    const char *name;
    size_t size;
    uint8_t bytes[TW_DATAGRAM_MAX];
};

struct vectors {
    size_t count;
    struct vector list[VECTORS_MAX];
};

/* sodium_init() must have succeeded. AES-256-GCM packets are left out where it does not run. */
void vectors_build(struct vectors *vectors);

/* Aborts when there is none of this name. */
const struct vector *vector_get(const struct vectors *vectors, const char *name);
/* NULL when there is none. */
const struct vector *vector_find(const struct vectors *vectors, const char *name);

/* The token, connect token and handshake server the vectors were built with. */
struct tw_token vectors_token(const struct vectors *vectors);
struct tw_address vectors_server_address(void);
struct tw_address vectors_client_address(void);
struct tw_welcome vectors_welcome(void);
#define VECTORS_NOW_UNIX_S   UINT64_C(1800000001)
#define VECTORS_TOKEN_KEY_ID 7u
#define VECTORS_TIME_SLOT    30000000u

/* Section 5's H(), written from the text alone. */
uint64_t vectors_hash(const uint8_t *bytes, size_t length);

#endif
