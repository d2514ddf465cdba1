/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes of one worker: which hello 2 is on its way to the control plane, and which session
 * came of it. Found by a fingerprint of the whole hello 2 under a secret key: nobody can make
 * another packet that passes for a repeated one.
 *
 *   free ──begin──► relayed ──reply──► installed (until its session is released) ──► free
 *                      └──3 s──► expired ──late reply, or 7 s──► free
 *
 * An expired entry is kept for a while so that every relayed hello 2 ends in one verdict:
 * REPLY_LATE if the answer still comes, CONTROL_GONE if not. Once the control plane has left, no
 * answer comes, and both kinds end at once. Fixed size in caller memory; time is an argument; one
 * thread. Holds no secret: what is kept was sent in clear.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PENDING_H
#define TICKWIRE_DATAPLANE_GATE_PENDING_H

#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_PENDING_NONE UINT32_MAX
/* Longer than the control plane takes under load, shorter than a client's patience. */
#define TW_PENDING_ANSWER_NS UINT64_C(3000000000)
#define TW_PENDING_LATE_NS   UINT64_C(7000000000)
#define TW_FINGERPRINT_SIZE  16u

enum tw_pending_state {
    TW_PENDING_FREE = 0,
    TW_PENDING_RELAYED,
    TW_PENDING_INSTALLED,
    TW_PENDING_EXPIRED,
};

struct tw_pending_entry {
    uint8_t fingerprint[TW_FINGERPRINT_SIZE];
    uint8_t ephemeral[TW_KEY_SIZE]; /* the client's */
    struct tw_address source;
    uint8_t interface;     /* that received it */
    uint8_t state;         /* enum tw_pending_state */
    uint8_t suites;        /* offered by the client */
    uint32_t serial;       /* tells uses of this entry apart */
    uint32_t slot;         /* INSTALLED: of the session */
    uint64_t timer_ns;     /* RELAYED, EXPIRED: end of that state */
    uint32_t next_free;    /* FREE */
    uint32_t older, newer; /* RELAYED, EXPIRED: neighbours in time */
    uint8_t welcome[TW_WELCOME_SIZE];
};

struct tw_pending_list {
    uint32_t oldest, newest;
    uint32_t count;
};

struct tw_pending {
    struct tw_pending_entry *entries;
    uint32_t *index; /* open addressing, entry number or TW_PENDING_NONE */
    uint32_t index_mask;
    uint32_t capacity;
    uint32_t first_free;
    uint32_t relayed_max;
    struct tw_pending_list relayed;
    struct tw_pending_list expired;
    uint8_t key[16];
};

/* Room for `relayed_max` handshakes under way, as many expired ones, and `sessions` installed. */
size_t tw_pending_footprint(uint32_t relayed_max, uint32_t sessions);

/* memory: zeroed, aligned to 64. */
void tw_pending_init(struct tw_pending *pending, void *memory, uint32_t relayed_max,
                     uint32_t sessions, const uint8_t key[16]);

void tw_pending_fingerprint(const struct tw_pending *pending, const uint8_t hello2[TW_HELLO2_SIZE],
                            uint8_t fingerprint[TW_FINGERPRINT_SIZE]);

/* The RELAYED or INSTALLED entry of this hello 2, or TW_PENDING_NONE. */
uint32_t tw_pending_find(const struct tw_pending *pending,
                         const uint8_t fingerprint[TW_FINGERPRINT_SIZE]);

/* A new RELAYED entry, or TW_PENDING_NONE when relayed_max are under way. */
uint32_t tw_pending_begin(struct tw_pending *pending,
                          const uint8_t fingerprint[TW_FINGERPRINT_SIZE], uint64_t now_ns);

/* The number that names this use of the entry to the control plane, and back: the serial above the
 * entry's number, which is below 2^18, so that others find bits 18..31 zero. */
uint64_t tw_pending_request(const struct tw_pending *pending, uint32_t entry);
/* TW_PENDING_NONE if that use is over; else RELAYED or EXPIRED. */
uint32_t tw_pending_of_request(const struct tw_pending *pending, uint64_t request);

void tw_pending_install(struct tw_pending *pending, uint32_t entry, uint32_t slot);
void tw_pending_end(struct tw_pending *pending, uint32_t entry);

/* Moves on one entry whose time is over (`control_left`: any that waits for an answer). True: call
 * again. *gone is set when an entry ended unanswered. */
bool tw_pending_expire(struct tw_pending *pending, uint64_t now_ns, bool control_left, bool *gone);

#endif
