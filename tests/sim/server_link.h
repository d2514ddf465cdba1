/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session's packets at the server's end, without a worker: keys and their phases, numbers, replay
 * window. What it does is the shipped phase_server.c, called in the order the worker calls it.
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_LINK_H
#define TICKWIRE_TESTS_SIM_SERVER_LINK_H

#include "dataplane/wire/keys.h"
#include "dataplane/wire/phase_server.h"
#include "dataplane/wire/replay.h"

enum server_link_result {
    SERVER_LINK_OK,
    SERVER_LINK_REPLAYED,
    SERVER_LINK_PHASE, /* no key of that phase: nothing was opened */
    SERVER_LINK_FORGED,
};

struct server_link {
    struct tw_aead_key receive[2], send;
    struct tw_phase_server phase;
    struct tw_phase_limits limits; /* set by the owner; none at first */
    struct tw_replay replay;
    uint32_t connection_id;
    uint64_t next_sequence;
    uint64_t opened_old; /* packets of the phase before the newest */
    uint64_t opens;      /* times the cipher was asked */
};

void server_link_init(struct server_link *link, const struct tw_session_secrets *secrets,
                      enum tw_suite suite, uint32_t connection_id, uint64_t now_ns);
/* Header and tag around `plaintext_size` bytes at TW_HEADER_SIZE; the datagram's size. */
size_t server_link_seal(struct server_link *link, uint8_t *packet, size_t plaintext_size);
enum server_link_result server_link_open(struct server_link *link, uint8_t *packet, size_t length,
                                         uint64_t now_ns);
/* Whatever is due: the next phase, the end of an old key. */
void server_link_update(struct server_link *link, uint64_t now_ns);
/* The client never followed: the session is to be closed. */
bool server_link_is_ignored(const struct server_link *link);

#endif
