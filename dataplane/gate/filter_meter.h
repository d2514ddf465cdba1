/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exact token buckets with a soft and a hard level, for packets and bytes at once. A bucket holds
 * one second of its rate. What is stored is the debt, in (packets or bytes) x ns: it falls by the
 * rate per ns, nothing is rounded, and zeroed memory is a full bucket.
 *
 * The property the levels exist for: a stranger's packet must fit both levels and pays both, so
 * strangers never take more than `soft` of what `hard` grants; hard minus soft is there for known
 * sessions whatever a flood does.
 *
 * Pure; `now_ns` never goes back. One thread per bucket.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_FILTER_METER_H
#define TICKWIRE_DATAPLANE_GATE_FILTER_METER_H

#include "tickwire/filter.h"

#define TW_FILTER_SECOND_NS UINT64_C(1000000000)

enum tw_filter_debt {
    TW_DEBT_PACKETS_HARD,
    TW_DEBT_BYTES_HARD,
    TW_DEBT_PACKETS_SOFT,
    TW_DEBT_BYTES_SOFT,
    TW_DEBT_COUNT
};
#define TW_DEBT_FIRST_SOFT TW_DEBT_PACKETS_SOFT

struct tw_filter_meter {
    uint64_t full_at_ns; /* whatever was taken: one second after the newest look */
    uint64_t debts[TW_DEBT_COUNT];
};

struct tw_filter_rates {
    uint64_t per_second[TW_DEBT_COUNT]; /* 0: no limit */
};

enum tw_filter_load { TW_LOAD_BELOW, TW_LOAD_ABOVE_SOFT, TW_LOAD_ABOVE_HARD };

static inline struct tw_filter_rates tw_filter_rates_make(struct tw_filter_level pps,
                                                          struct tw_filter_level bps)
{
    return (struct tw_filter_rates){{pps.hard, bps.hard / 8u, pps.soft, bps.soft / 8u}};
}

/* What is left of a debt. per_second x 10^9 fits 64 bits, see TW_FILTER_BPS_MAX. */
static inline uint64_t tw_filter_debt_left(uint64_t debt, uint64_t per_second, uint64_t elapsed_ns)
{
    if (elapsed_ns >= TW_FILTER_SECOND_NS)
        return 0;
    uint64_t paid = per_second * elapsed_ns;
    return debt > paid ? debt - paid : 0;
}

static inline bool tw_filter_debt_fits(uint64_t debt, uint64_t per_second, uint32_t amount)
{
    return debt + amount * TW_FILTER_SECOND_NS <= per_second * TW_FILTER_SECOND_NS;
}

static inline uint32_t tw_filter_amount(uint32_t which, uint32_t length)
{
    return which == TW_DEBT_PACKETS_HARD || which == TW_DEBT_PACKETS_SOFT ? 1u : length;
}

/* Brings the debts up to date and tells what one more packet of this length would be. */
static inline enum tw_filter_load tw_filter_meter_look(struct tw_filter_meter *meter,
                                                       const struct tw_filter_rates *rates,
                                                       uint32_t length, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns + TW_FILTER_SECOND_NS - meter->full_at_ns;
    enum tw_filter_load load = TW_LOAD_BELOW;
    meter->full_at_ns = now_ns + TW_FILTER_SECOND_NS;
    /* Soft ones first: a hard one has the last word. */
    for (uint32_t i = TW_DEBT_COUNT; i-- > 0;) {
        uint64_t per_second = rates->per_second[i];
        meter->debts[i] = tw_filter_debt_left(meter->debts[i], per_second, elapsed_ns);
        if (per_second != 0 &&
            !tw_filter_debt_fits(meter->debts[i], per_second, tw_filter_amount(i, length)))
            load = i < TW_DEBT_FIRST_SOFT ? TW_LOAD_ABOVE_HARD : TW_LOAD_ABOVE_SOFT;
    }
    return load;
}

/* Charges a packet that passes; above soft the soft buckets, which it does not fit, stay. */
static inline void tw_filter_meter_charge(struct tw_filter_meter *meter,
                                          const struct tw_filter_rates *rates, uint32_t length,
                                          bool above_soft)
{
    uint32_t end = above_soft ? TW_DEBT_FIRST_SOFT : TW_DEBT_COUNT;
    for (uint32_t i = 0; i < end; i++) {
        if (rates->per_second[i] != 0)
            meter->debts[i] += tw_filter_amount(i, length) * TW_FILTER_SECOND_NS;
    }
}

/* Gives back what one packet took of the hard buckets at the time of the newest look. */
static inline void tw_filter_meter_return(struct tw_filter_meter *meter,
                                          const struct tw_filter_rates *rates, uint32_t length)
{
    for (uint32_t i = 0; i < TW_DEBT_FIRST_SOFT; i++) {
        uint64_t taken = tw_filter_amount(i, length) * TW_FILTER_SECOND_NS;
        if (rates->per_second[i] != 0)
            meter->debts[i] -= taken < meter->debts[i] ? taken : meter->debts[i];
    }
}

#endif
