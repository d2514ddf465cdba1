/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet filter's rule, as control plane and engine agree on it.
 *
 *   allow PREFIX                            lifts every rule of a wider prefix
 *   deny PREFIX                             drops all packets of these sources
 *   limit PREFIX [source] pps|bps SOFT/HARD …
 *   malformed PREFIX [source] above N for T
 *
 * Of the verdicts (allow, deny), the limits and the malformed-traffic rules that cover a source,
 * the longest prefix of each counts, and it alone. One prefix has at most one rule of each of
 * these three families. Addresses are IPv6 or v4-mapped IPv6, and a prefix never holds both: a
 * v4-mapped one is at least 96 bits long. Plain values; ids are never given twice.
 */
#ifndef TICKWIRE_FILTER_H
#define TICKWIRE_FILTER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Per host. What an operator keeps an eye on, and a table that is built within a millisecond. */
#define TW_FILTER_RULES_MAX 1024u

#define TW_FILTER_PPS_MAX UINT64_C(1000000000)
/* A bucket holds one second: it must hold a whole frame, and its arithmetic fit 64 bits. */
#define TW_FILTER_BPS_MIN   UINT64_C(16000)
#define TW_FILTER_BPS_MAX   UINT64_C(100000000000)
#define TW_FILTER_ABOVE_MAX 1000000u
/* One day: longer is a deny rule. */
#define TW_FILTER_FOR_MAX_S 86400u

#define TW_FILTER_IPV4_BITS 96u /* of a v4-mapped prefix are not of the IPv4 address */

enum tw_filter_kind {
    TW_FILTER_ALLOW = 1,
    TW_FILTER_DENY = 2,
    TW_FILTER_LIMIT = 3,
    TW_FILTER_MALFORMED = 4,
};

/* Per second; hard 0: no limit, else 0 < soft <= hard. Above soft, packets of strangers are
 * dropped; above hard, all packets. */
struct tw_filter_level {
    uint64_t soft, hard;
};

struct tw_filter_rule {
    uint32_t id; /* 0: no rule */
    uint8_t kind;
    uint8_t prefix_length;           /* 0..128; v4-mapped: 96..128 */
    uint8_t per_source;              /* MALFORMED: 1 = each source for itself */
    uint8_t reserved;                /* 0 */
    uint8_t ip[16];                  /* bits beyond the prefix are 0 */
    uint32_t above_pps;              /* MALFORMED: more offences a second than this … */
    uint32_t for_s;                  /* … deny for this long */
    struct tw_filter_level pps, bps; /* LIMIT: of all sources together */
    struct tw_filter_level source_pps, source_bps; /* LIMIT: of each source */
};
static_assert(sizeof(struct tw_filter_rule) == 96, "crosses the agent link as it is");

static inline bool tw_filter_is_ipv4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

/* Rules of one family and prefix exclude each other. */
static inline uint32_t tw_filter_family(const struct tw_filter_rule *rule)
{
    return rule->kind == TW_FILTER_ALLOW ? TW_FILTER_DENY : rule->kind;
}

static inline bool tw_filter_same_prefix(const struct tw_filter_rule *a,
                                         const struct tw_filter_rule *b)
{
    return a->prefix_length == b->prefix_length && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static inline bool tw_filter_level_valid(struct tw_filter_level level, uint64_t min, uint64_t max)
{
    if (level.hard == 0)
        return level.soft == 0;
    return level.soft >= min && level.soft <= level.hard && level.hard <= max;
}

static inline bool tw_filter_prefix_valid(const uint8_t ip[16], uint32_t length)
{
    if (length > 128 || (tw_filter_is_ipv4(ip) && length < TW_FILTER_IPV4_BITS))
        return false;
    for (uint32_t bit = length; bit < 128; bit++) {
        if (ip[bit / 8] & 0x80u >> bit % 8)
            return false;
    }
    return true;
}

/* Everything that both ends rely on, but that its family is free. */
static inline bool tw_filter_rule_valid(const struct tw_filter_rule *rule)
{
    bool limits =
        rule->pps.hard || rule->bps.hard || rule->source_pps.hard || rule->source_bps.hard;
    bool malformed = rule->above_pps || rule->for_s || rule->per_source;
    if (rule->id == 0 || rule->reserved != 0 || rule->per_source > 1 ||
        !tw_filter_prefix_valid(rule->ip, rule->prefix_length) ||
        !tw_filter_level_valid(rule->pps, 1, TW_FILTER_PPS_MAX) ||
        !tw_filter_level_valid(rule->source_pps, 1, TW_FILTER_PPS_MAX) ||
        !tw_filter_level_valid(rule->bps, TW_FILTER_BPS_MIN, TW_FILTER_BPS_MAX) ||
        !tw_filter_level_valid(rule->source_bps, TW_FILTER_BPS_MIN, TW_FILTER_BPS_MAX))
        return false;
    switch (rule->kind) {
    case TW_FILTER_ALLOW:
    case TW_FILTER_DENY:
        return !limits && !malformed;
    case TW_FILTER_LIMIT:
        return limits && !malformed;
    case TW_FILTER_MALFORMED:
        return !limits && rule->above_pps > 0 && rule->above_pps <= TW_FILTER_ABOVE_MAX &&
               rule->for_s > 0 && rule->for_s <= TW_FILTER_FOR_MAX_S;
    default:
        return false;
    }
}

#endif
