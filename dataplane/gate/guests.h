/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions of other workers whose packets arrive at this one.
 *
 *   packet that names another worker ──► its owner: authentic ──"a guest of yours"──► noted here
 *                                                       (ring of moves, once a second)
 *   those after it: a budget of the guest's own, whatever else comes that names other workers
 *
 * Only the owner can tell a session's packet from garbage; until it has told, the two share what is
 * passed on. Who guesses ids hits no guest's; who has read one can use up that guest's budget.
 *
 * A table of fixed size by connection id: a set of four is one cache line. A guest is forgotten
 * some ten seconds after it was told of last, or for another one when four newer ones stand in its
 * set: then it shares what all share. Zeroed memory is an empty table. Pure; owned by one worker.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_GUESTS_H
#define TICKWIRE_DATAPLANE_GATE_GUESTS_H

#include "dataplane/gate/budget.h"

#include <assert.h>
#include <stdint.h>

/* 4,096 guests: within the second or two that each of them is one, a worker takes over a few
 * hundred. */
#define TW_GUEST_WAYS 4u
#define TW_GUEST_SETS 1024u
/* Owners tell in each unit of time in which packets arrive; a guest is one for so many more. */
#define TW_GUEST_STAYS 10u

/* 2^30 ns: a good second. */
static inline uint32_t tw_guest_unit(uint64_t now_ns)
{
    return (uint32_t)(now_ns >> 30);
}

struct tw_guest {
    uint32_t id;   /* connection id at its owner; 0: none */
    uint32_t told; /* in this unit of time, newest */
    struct tw_budget budget;
};

struct tw_guests {
    struct tw_guest sets[TW_GUEST_SETS][TW_GUEST_WAYS] __attribute__((aligned(64)));
};
static_assert(sizeof(struct tw_guest) * TW_GUEST_WAYS == 64, "a set is a cache line");

/* Its owner tells. What the guest has used of its budget stays used. */
void tw_guests_note(struct tw_guests *guests, uint32_t id, uint64_t now_ns);

/* The guest's own budget; NULL: the id names none. */
struct tw_budget *tw_guests_budget(struct tw_guests *guests, uint32_t id, uint64_t now_ns);

#endif
