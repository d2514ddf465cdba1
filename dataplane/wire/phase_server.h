/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's end of key phases (drawing in phase.h): when to start one, which keys are there.
 *
 * Keys are the caller's: two to open, by phase bit, and one to seal, so that they lie where its hot
 * path wants them. The key of the other bit than the newest phase received is empty, of the phase
 * before (for 5 s after the client followed), or of the next one (from the start of a phase until
 * the client follows): the next one takes the place of an old one that is still there.
 *
 * Holds secrets: wipe it. Pure; time in ns; owned by the session's thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_PHASE_SERVER_H
#define TICKWIRE_DATAPLANE_WIRE_PHASE_SERVER_H

#include "dataplane/wire/aead.h"
#include "dataplane/wire/phase.h"

#include <stdbool.h>
#include <stdint.h>

/* What the key of the other bit is good for. */
enum tw_phase_other {
    TW_PHASE_OTHER_EMPTY = 0,
    TW_PHASE_OTHER_OLD,
    TW_PHASE_OTHER_NEXT,
};

struct tw_phase_server {
    uint64_t first;          /* packet number that showed the newest phase received; 0: phase 0 */
    uint64_t started_ns;     /* the newest phase */
    uint64_t followed_ns;    /* by the client */
    uint32_t sent_start;     /* next number to send when the newest phase started, */
    uint32_t received_start; /* newest number received then: neither is above TW_SEALED_MAX */
    uint32_t number;         /* newest phase: the one that seals */
    uint8_t other;           /* enum tw_phase_other */
    uint8_t receive_secret[TW_KEY_SIZE]; /* of phase `number` */
    uint8_t send_secret[TW_KEY_SIZE];
};

/* When a phase is over. */
struct tw_phase_limits {
    uint64_t packets;     /* in either direction */
    uint64_t duration_ns; /* 0: never, whatever the packets */
};

/* What the session has done so far. */
struct tw_phase_use {
    uint64_t next_sequence; /* to send */
    uint64_t newest;        /* received */
    uint64_t forged; /* packets that did not open with the key of the newest phase received */
};

/* Places that a start fills. */
struct tw_phase_keys {
    const struct tw_aead_backend *backend;
    struct tw_aead_key *receive; /* two, by phase bit */
    struct tw_aead_key *send;    /* nothing that it is to seal may wait */
};

void tw_phase_server_init(struct tw_phase_server *phase, const uint8_t receive_secret[TW_KEY_SIZE],
                          const uint8_t send_secret[TW_KEY_SIZE], const struct tw_phase_use *use,
                          uint64_t now_ns);

/* The header flag of what is sealed, and of the newest phase received. */
static inline uint8_t tw_phase_server_send_flag(const struct tw_phase_server *phase)
{
    return (uint8_t)(phase->number & TW_FLAG_KEY_PHASE);
}

static inline uint8_t tw_phase_server_receive_flag(const struct tw_phase_server *phase)
{
    return (uint8_t)((phase->number - (phase->other == TW_PHASE_OTHER_NEXT)) & TW_FLAG_KEY_PHASE);
}

/* Whether a packet with the other phase bit than the newest phase received has a key to be opened
 * with. newest: as in tw_phase_fit. */
static inline bool tw_phase_server_has_key(const struct tw_phase_server *phase, uint64_t newest,
                                           uint64_t sequence)
{
    enum tw_phase_fit fit = tw_phase_fit(phase->first, newest, sequence);
    return (fit == TW_PHASE_OLD && phase->other == TW_PHASE_OTHER_OLD) ||
           (fit == TW_PHASE_NEXT && phase->other == TW_PHASE_OTHER_NEXT);
}

/* A packet whose phase bit is not that of the newest phase received authenticated and is fresh.
 * True: the client followed, that is the newest phase now. */
bool tw_phase_server_follow(struct tw_phase_server *phase, uint64_t sequence, uint64_t now_ns);

/* The client is in the newest phase, whose time or packets are used up, or whose key too many
 * packets failed to open with. */
bool tw_phase_server_is_due(const struct tw_phase_server *phase,
                            const struct tw_phase_limits *limits, const struct tw_phase_use *use,
                            uint64_t now_ns);

/* Starts the next phase. The client must be in the newest one: a packet of it authenticated. */
void tw_phase_server_start(struct tw_phase_server *phase, const struct tw_phase_keys *keys,
                           const struct tw_phase_use *use, uint64_t now_ns);

/* The client goes on sending without ever following: the session is to be closed. */
bool tw_phase_server_is_ignored(const struct tw_phase_server *phase,
                                const struct tw_phase_limits *limits,
                                const struct tw_phase_use *use);

/* True: the old key's time is over, or it is good for nothing more, and it is wiped. */
bool tw_phase_server_forget(struct tw_phase_server *phase, struct tw_aead_key *receive,
                            uint64_t now_ns);
bool tw_phase_server_drop_old(struct tw_phase_server *phase, struct tw_aead_key *receive);

#endif
