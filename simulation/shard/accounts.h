/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which player is an account's: a hash table of all who are in, for joins, of which thousands may
 * come in one tick.
 *
 * Chained, as many chains as players: nothing moves when somebody leaves, and the order of coming
 * and going decides nothing that is told. Accounts are numbers of ours, so nobody can choose them
 * to fill one chain. No part of the world's hash. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_ACCOUNTS_H
#define TICKWIRE_SIMULATION_SHARD_ACCOUNTS_H

#include "simulation/core/arena.h"

#include <stdint.h>

#define TW_ACCOUNTS_NONE UINT32_MAX

struct tw_accounts {
    uint64_t *accounts; /* by player */
    uint32_t *next;     /* by player: player + 1; 0: the last one */
    uint32_t *first;    /* by chain, the same */
    uint32_t shift;     /* of 64 bits, what is left is the chain */
};

/* players_max: 1 to 2^31. Of zeroed memory, all are out. */
void tw_accounts_carve(struct tw_accounts *accounts, struct tw_arena *arena, uint32_t players_max);

/* The player is out, and so is the account. */
void tw_accounts_put(struct tw_accounts *accounts, uint32_t player, uint64_t account);
/* The player is in. */
void tw_accounts_remove(struct tw_accounts *accounts, uint32_t player);
/* The account's player, or TW_ACCOUNTS_NONE. */
uint32_t tw_accounts_find(const struct tw_accounts *accounts, uint64_t account);

#endif
