/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a bot's view was compared with the server's as often as docs/protocol.md section 5 says:
 * a hash comes once a second as long as no snapshot leaves anything out and none is lost.
 *
 * Pure; time is µs. One per bot.
 */
#ifndef TICKWIRE_TESTS_LOAD_AGREEMENT_H
#define TICKWIRE_TESTS_LOAD_AGREEMENT_H

#include "tickwire/client.h"

#include <stdbool.h>
#include <stdint.h>

/* Three times the interval: what a stalled process adds to one is no fault. */
#define TW_LOAD_HASH_PATIENCE_US 3000000u
/* A longer gap between two looks counts as this: snapshots that piled up during a stall were not
 * seen one by one. */
#define TW_LOAD_LOOK_GAP_MAX_US 200000u

struct tw_load_agreement {
    uint64_t snapshots, incomplete, hashes; /* when last looked */
    uint64_t looked_us;
    uint64_t whole_us; /* how long snapshots have come whole, without a hash */
    uint32_t lost;
    bool overdue; /* ever */
};

void tw_load_agreement_look(struct tw_load_agreement *agreement,
                            const struct tw_client_statistics *statistics, uint64_t now_us);

#endif
