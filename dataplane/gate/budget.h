/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets in 8 bytes each (the generic cell rate algorithm: only the time at which the
 * bucket would be full again is stored), and a fixed-size table of them by source address.
 *
 * Pure: time in ns is an argument and may start anywhere. A zeroed budget is a full one. Each
 * budget belongs to one thread.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_BUDGET_H
#define TICKWIRE_DATAPLANE_GATE_BUDGET_H

#include "tickwire/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_budget {
    uint64_t full_at_ns;
};

struct tw_budget_rate {
    uint64_t interval_ns; /* between two packets at the permitted rate */
    uint64_t burst_ns;    /* interval x burst; 0 permits nothing */
};

/* `burst` packets at once, `per_second` in the long run; either 0 permits nothing. */
struct tw_budget_rate tw_budget_rate_make(uint64_t per_second, uint64_t burst);

/* For what costs as much as `count` packets, and not more than the burst. */
static inline struct tw_budget_rate tw_budget_rate_times(struct tw_budget_rate rate, uint32_t count)
{
    rate.interval_ns *= count;
    return rate;
}

/* True if there is at least one packet's worth. */
static inline bool tw_budget_has(const struct tw_budget *budget, struct tw_budget_rate rate,
                                 uint64_t now_ns)
{
    uint64_t full_at_ns = budget->full_at_ns > now_ns ? budget->full_at_ns : now_ns;
    return full_at_ns - now_ns + rate.interval_ns <= rate.burst_ns;
}

/* Of the burst, so much is left. */
static inline uint64_t tw_budget_left_ns(const struct tw_budget *budget, struct tw_budget_rate rate,
                                         uint64_t now_ns)
{
    uint64_t full_at_ns = budget->full_at_ns > now_ns ? budget->full_at_ns : now_ns;
    return rate.burst_ns - (full_at_ns - now_ns);
}

/* Takes one packet's worth; false if there is none. */
static inline bool tw_budget_take(struct tw_budget *budget, struct tw_budget_rate rate,
                                  uint64_t now_ns)
{
    uint64_t full_at_ns = budget->full_at_ns > now_ns ? budget->full_at_ns : now_ns;
    if (full_at_ns - now_ns + rate.interval_ns > rate.burst_ns)
        return false;
    budget->full_at_ns = full_at_ns + rate.interval_ns;
    return true;
}

/* Takes one packet's worth, or what there is of it. */
static inline void tw_budget_drain(struct tw_budget *budget, struct tw_budget_rate rate,
                                   uint64_t now_ns)
{
    if (!tw_budget_take(budget, rate, now_ns))
        budget->full_at_ns = now_ns + rate.burst_ns;
}

/* Gives one packet's worth back that was taken. */
static inline void tw_budget_return(struct tw_budget *budget, struct tw_budget_rate rate)
{
    budget->full_at_ns -= rate.interval_ns;
}

/* ---- by source address ---------------------------------------------------------------------- */

/* 16,384 sources with less than a full bucket at once; more share buckets, and never gain. */
#define TW_SOURCE_WAYS 4u
#define TW_SOURCE_SETS 4096u

struct tw_source_budget {
    uint8_t ip[16];
    struct tw_budget budget;
};

/* The key is secret: nobody can aim at another source's set. */
struct tw_source_budgets {
    uint8_t key[16];
    struct tw_source_budget entries[TW_SOURCE_SETS][TW_SOURCE_WAYS];
};

/* `budgets` is zeroed memory. */
void tw_source_budgets_init(struct tw_source_budgets *budgets, const uint8_t key[16]);

/* By the whole IPv4 address, or the first 64 bits of an IPv6 one: a host has all of its /64. An
 * entry is given to another source only once its bucket is full again, so that no flood of sources
 * buys anybody a fresh bucket. */
bool tw_source_budgets_take(struct tw_source_budgets *budgets, const struct tw_address *source,
                            struct tw_budget_rate rate, uint64_t now_ns);

#endif
