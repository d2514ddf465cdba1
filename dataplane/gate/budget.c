/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/budget.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

struct tw_budget_rate tw_budget_rate_make(uint64_t per_second, uint64_t burst)
{
    if (per_second == 0 || burst == 0)
        return (struct tw_budget_rate){.interval_ns = NS_PER_S, .burst_ns = 0};
    uint64_t interval_ns = NS_PER_S / per_second;
    if (interval_ns == 0)
        interval_ns = 1;
    return (struct tw_budget_rate){.interval_ns = interval_ns, .burst_ns = interval_ns * burst};
}

void tw_source_budgets_init(struct tw_source_budgets *budgets, const uint8_t key[16])
{
    memcpy(budgets->key, key, sizeof(budgets->key));
}

bool tw_source_budgets_take(struct tw_source_budgets *budgets, const struct tw_address *source,
                            struct tw_budget_rate rate, uint64_t now_ns)
{
    static_assert(sizeof(budgets->key) == crypto_shorthash_KEYBYTES, "SipHash key");
    uint8_t ip[16];
    uint64_t hash;
    memcpy(ip, source->ip, sizeof(ip));
    if (!tw_ip_is_ipv4(ip))
        memset(ip + 8, 0, 8);
    crypto_shorthash((unsigned char *)&hash, ip, sizeof(ip), budgets->key);
    struct tw_source_budget *set = budgets->entries[hash % TW_SOURCE_SETS];
    struct tw_source_budget *best = &set[0];
    for (uint32_t way = 0; way < TW_SOURCE_WAYS; way++) {
        if (memcmp(set[way].ip, ip, sizeof(ip)) == 0)
            return tw_budget_take(&set[way].budget, rate, now_ns);
        if (set[way].budget.full_at_ns < best->budget.full_at_ns)
            best = &set[way];
    }
    if (best->budget.full_at_ns <= now_ns)
        memcpy(best->ip, ip, sizeof(best->ip));
    return tw_budget_take(&best->budget, rate, now_ns);
}
