/* SPDX-License-Identifier: BSD-3-Clause */
/* Accounts' players, found as a look at all of them finds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/core/rng.h"
#include "simulation/shard/accounts.h"

/* Times this, small numbers differ in their lowest bits alone after they were spread. */
#define ONE_CHAIN UINT64_C(0xf1de83e19937733d)

static void *start(struct tw_accounts *accounts, uint32_t players_max)
{
    struct tw_arena arena = {0};
    tw_accounts_carve(accounts, &arena, players_max);
    void *memory = aligned_alloc(64, arena.used);
    assert_non_null(memory);
    memset(memory, 0, arena.used);
    arena = (struct tw_arena){.base = memory};
    tw_accounts_carve(accounts, &arena, players_max);
    return memory;
}

static uint32_t look(const uint64_t *model, uint32_t players_max, uint64_t account)
{
    for (uint32_t player = 0; player < players_max; player++) {
        if (model[player] == account)
            return player;
    }
    return TW_ACCOUNTS_NONE;
}

/* `range` accounts, 1 on, times `step`. */
static void come_and_go(uint32_t players_max, uint32_t range, uint64_t step)
{
    uint64_t *model = calloc(players_max, sizeof(*model)); /* 0: nobody */
    struct tw_accounts accounts;
    struct tw_rng rng;
    assert_non_null(model);
    void *memory = start(&accounts, players_max);
    tw_rng_seed(&rng, players_max);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t player = tw_rng_below(&rng, players_max);
        uint64_t account = (1u + tw_rng_below(&rng, range)) * step;
        assert_int_equal(tw_accounts_find(&accounts, account), look(model, players_max, account));
        if (model[player] != 0) {
            tw_accounts_remove(&accounts, player);
            assert_int_equal(tw_accounts_find(&accounts, model[player]), TW_ACCOUNTS_NONE);
            model[player] = 0;
        } else if (look(model, players_max, account) == TW_ACCOUNTS_NONE) {
            tw_accounts_put(&accounts, player, account);
            model[player] = account;
        }
    }
    for (uint32_t player = 0; player < players_max; player++) {
        if (model[player] != 0)
            assert_int_equal(tw_accounts_find(&accounts, model[player]), player);
    }
    free(memory);
    free(model);
}

static void test_accounts_are_found_as_by_looking_at_all(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 7, 64, 100};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        come_and_go(sizes[i], 2u * sizes[i], 1);
        come_and_go(sizes[i], 1000, 1);
        come_and_go(sizes[i], 2u * sizes[i], ONE_CHAIN);
    }
}

/* Numbers in a row, as a store gives them, find chains of their own. */
static void test_chains_are_short(void **state)
{
    (void)state;
    const uint32_t players = 10000;
    uint32_t longest = 0;
    struct tw_accounts accounts;
    void *memory = start(&accounts, players);
    for (uint32_t player = 0; player < players; player++)
        tw_accounts_put(&accounts, player, 1u + player);
    for (uint32_t player = 0; player < players; player++) {
        uint32_t length = 1;
        for (uint32_t at = player; accounts.next[at] != 0; at = accounts.next[at] - 1u)
            length++;
        longest = length > longest ? length : longest;
    }
    assert_in_range(longest, 1, 3);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts_are_found_as_by_looking_at_all),
        cmocka_unit_test(test_chains_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
