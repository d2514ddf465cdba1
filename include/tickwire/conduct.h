/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a score of conduct with time: one formula for the engine, which judges a session,
 * and the control plane, which keeps what a player's last one came to. Pure.
 */
#ifndef TICKWIRE_CONDUCT_H
#define TICKWIRE_CONDUCT_H

#include "tickwire/config.h"

#include <stdbool.h>
#include <stdint.h>

/* Scores are thousandths of points: what decays in a millisecond is a whole number of them. */
#define TW_CONDUCT_POINT 1000u

/* Resets have numbers, and a session names the newest that it has obeyed, or when it began: the
 * host's monotonic clock, which both processes read, in 67 ms. So nine years of it fit 32 bits, and
 * a session that begins as much after a reset may be told of it, too. */
static inline uint32_t tw_conduct_since(uint64_t monotonic_ns)
{
    return (uint32_t)(monotonic_ns >> 26);
}

static inline uint32_t tw_conduct_reset_number(uint64_t monotonic_ns)
{
    return tw_conduct_since(monotonic_ns) + 1u;
}

/* What is left of a score after so long. */
static inline uint32_t tw_conduct_decayed(uint32_t score, uint64_t elapsed_ms, uint32_t decay_per_s)
{
    /* Longer than any score lasts, and no product of it overflows. */
    uint64_t decayed = elapsed_ms < UINT32_MAX ? elapsed_ms * decay_per_s : UINT64_MAX;
    return decayed < score ? score - (uint32_t)decayed : 0;
}

/* Below it a session is neither warned nor throttled any more. */
static inline uint32_t tw_conduct_forgiven(const struct tw_config_conduct *conduct)
{
    return conduct->warn_score * (TW_CONDUCT_POINT / 100u) * conduct->forgive_percent;
}

#endif
