/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/accounts.h"

#include "tickwire/assert.h"

/* 2^64 divided by the golden ratio: numbers that follow each other get chains far apart. */
#define SPREAD UINT64_C(0x9e3779b97f4a7c15)

void tw_accounts_carve(struct tw_accounts *accounts, struct tw_arena *arena, uint32_t players_max)
{
    uint32_t bits = 1;
    while (UINT64_C(1) << bits < players_max)
        bits++;
    accounts->shift = 64u - bits;
    accounts->accounts = tw_arena_take(arena, players_max, sizeof(*accounts->accounts));
    accounts->next = tw_arena_take(arena, players_max, sizeof(*accounts->next));
    accounts->first = tw_arena_take(arena, (size_t)1 << bits, sizeof(*accounts->first));
}

static uint32_t *chain_of(const struct tw_accounts *accounts, uint64_t account)
{
    return &accounts->first[account * SPREAD >> accounts->shift];
}

void tw_accounts_put(struct tw_accounts *accounts, uint32_t player, uint64_t account)
{
    uint32_t *first = chain_of(accounts, account);
    accounts->accounts[player] = account;
    accounts->next[player] = *first;
    *first = player + 1u;
}

void tw_accounts_remove(struct tw_accounts *accounts, uint32_t player)
{
    uint32_t *link = chain_of(accounts, accounts->accounts[player]);
    while (*link != player + 1u) {
        TW_ASSERT(*link != 0);
        link = &accounts->next[*link - 1u];
    }
    *link = accounts->next[player];
}

uint32_t tw_accounts_find(const struct tw_accounts *accounts, uint64_t account)
{
    uint32_t at = *chain_of(accounts, account);
    while (at != 0 && accounts->accounts[at - 1u] != account)
        at = accounts->next[at - 1u];
    return at != 0 ? at - 1u : TW_ACCOUNTS_NONE;
}
