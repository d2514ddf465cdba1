/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classes of entities that server and client compare: those whose index has the same low bits.
 * docs/protocol.md section 5. Pure, any thread.
 */
#ifndef TICKWIRE_SIMULATION_CORE_CHECK_H
#define TICKWIRE_SIMULATION_CORE_CHECK_H

#include "tickwire/ids.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* A class of a view of 256 entities, with exits under way: small enough to be told whole in any
 * snapshot, a fifth of one at most. */
#define TW_CHECK_CLASS_MAX 25u
/* At 20 snapshots a second all of a view was compared after 0.8 s. */
#define TW_CHECK_BITS_MIN 4u

struct tw_check {
    uint32_t number; /* of the snapshot after which; 0: none */
    uint32_t sum;    /* low half of the sum of their hashes */
    uint8_t bits;    /* 0: all entities */
    uint8_t group;   /* the class */
};

/* Bits for a view of so many entities. */
static inline uint8_t tw_check_bits(uint32_t entities)
{
    uint8_t bits = TW_CHECK_BITS_MIN;
    while (bits < TW_CHECK_BITS_MAX && entities >> bits > TW_CHECK_CLASS_MAX)
        bits++;
    return bits;
}

static inline bool tw_check_names(const struct tw_check *check, uint32_t handle)
{
    return (handle & ((1u << check->bits) - 1u)) == check->group;
}

#endif
