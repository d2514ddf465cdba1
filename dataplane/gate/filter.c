/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/filter.h"

#include "tickwire/align.h"

/* ---- life ----------------------------------------------------------------------------------- */

static size_t states_size(void)
{
    return tw_align_line(TW_FILTER_RULES_MAX * sizeof(struct tw_filter_state));
}

static size_t sources_size(void)
{
    return tw_align_line(sizeof(struct tw_filter_sources));
}

size_t tw_filter_footprint(uint32_t sessions)
{
    return states_size() + 2u * sources_size() + sessions * sizeof(uint64_t);
}

void tw_filter_init(struct tw_filter *filter, void *memory, const uint8_t key[16],
                    struct tw_worker_counters *counters)
{
    uint8_t *next = memory;
    filter->table = NULL;
    filter->metered = (struct tw_filter_sources *)(void *)next;
    next += sources_size();
    filter->offenders = (struct tw_filter_sources *)(void *)next;
    next += sources_size();
    filter->states = (struct tw_filter_state *)(void *)next;
    next += states_size();
    filter->forged_until_ns = (uint64_t *)(void *)next;
    filter->counters = counters;
    memcpy(filter->metered->key, key, sizeof(filter->metered->key));
    memcpy(filter->offenders->key, key, sizeof(filter->offenders->key));
}

static void reset_slot(struct tw_filter *filter, uint32_t slot, const struct tw_filter_rule *rule)
{
    struct tw_filter_counters *counters = &filter->counters->filters[slot];
    tw_counter_set(&counters->packets, 0);
    tw_counter_set(&counters->bytes, 0);
    tw_counter_set(&counters->dropped, 0);
    tw_counter_set(&counters->denials, 0);
    filter->states[slot] = (struct tw_filter_state){
        .rule = rule->id,
        .rates = tw_filter_rates_make(rule->pps, rule->bps),
        .each = tw_filter_rates_make(rule->source_pps, rule->source_bps),
        .has_each = rule->source_pps.hard != 0 || rule->source_bps.hard != 0,
    };
}

void tw_filter_use(struct tw_filter *filter, const struct tw_filter_table *table)
{
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        if (filter->states[slot].rule != table->rules[slot].id)
            reset_slot(filter, slot, &table->rules[slot]);
    }
    filter->table = table->rule_count > 0 ? table : NULL;
    atomic_store_explicit(&filter->counters->filter_version, table->version, memory_order_release);
}

/* ---- judging -------------------------------------------------------------------------------- */

/* What of an address one sender has for itself: a host, or an IPv6 network. */
struct source {
    uint8_t ip[16];
};

static struct source source_of(const uint8_t ip[16])
{
    struct source source;
    memcpy(source.ip, ip, sizeof(source.ip));
    if (!tw_filter_is_ipv4(ip))
        memset(source.ip + 8, 0, 8);
    return source;
}

static struct tw_filter_counters *count_asked(const struct tw_filter *filter, uint32_t slot,
                                              const struct tw_filter_view *view)
{
    struct tw_filter_counters *counters = &filter->counters->filters[slot];
    tw_counter_add(&counters->packets, 1);
    tw_counter_add(&counters->bytes, view->length);
    return counters;
}

static void drop(struct tw_filter_view *view, struct tw_filter_counters *counters,
                 enum tw_outcome outcome)
{
    tw_counter_add(&counters->dropped, 1);
    view->outcome = (uint16_t)outcome;
}

/* False: dropped. */
static bool pass_verdict(const struct tw_filter *filter, const struct tw_filter_node *node,
                         struct tw_filter_view *view)
{
    /* Another worker's packet is counted there, unless it ends here. */
    if (node->verdict == 0 || (view->class == TW_FILTER_FOREIGN && !node->deny))
        return true;
    struct tw_filter_counters *counters = count_asked(filter, node->verdict - 1u, view);
    if (node->deny)
        drop(view, counters, TW_OUTCOME_FILTER_DENIED);
    return !node->deny;
}

static bool is_denied(const struct tw_filter *filter, uint32_t slot, const uint8_t ip[16],
                      uint64_t now_ns)
{
    const struct tw_filter_state *state = &filter->states[slot];
    if (now_ns >= state->offences.denied_until_ns)
        return false; /* nobody is */
    if (!filter->table->rules[slot].per_source)
        return true;
    struct source source = source_of(ip);
    const struct tw_filter_source *entry =
        tw_filter_sources_find(filter->offenders, state->rule, source.ip);
    return entry && now_ns < entry->offences.denied_until_ns;
}

static bool pass_offenders(const struct tw_filter *filter, uint32_t slot,
                           struct tw_filter_view *view, uint64_t now_ns)
{
    struct tw_filter_counters *counters = count_asked(filter, slot, view);
    if (view->class == TW_FILTER_KNOWN || !is_denied(filter, slot, view->ip, now_ns))
        return true;
    drop(view, counters, TW_OUTCOME_FILTER_OFFENDER);
    return false;
}

static enum tw_filter_load higher(enum tw_filter_load a, enum tw_filter_load b)
{
    return a > b ? a : b;
}

/* The bucket of the packet's source; NULL: there is no room for one more. */
static struct tw_filter_source *metered_source(const struct tw_filter *filter,
                                               const struct tw_filter_state *state,
                                               struct tw_filter_view *view, uint64_t now_ns)
{
    struct tw_filter_source *first = filter->metered->entries[0];
    if (view->metered == 0) {
        struct source source = source_of(view->ip);
        struct tw_filter_source *each =
            tw_filter_sources_take(filter->metered, state->rule, source.ip, now_ns);
        view->metered = each ? (uint32_t)(each - first) + 1u : 0;
    }
    return view->metered != 0 ? first + view->metered - 1u : NULL;
}

/* What one more packet would be; `each` is its source's bucket, if the rule has such. */
static enum tw_filter_load weigh(const struct tw_filter *filter, struct tw_filter_state *state,
                                 struct tw_filter_view *view, uint64_t now_ns,
                                 struct tw_filter_source **each)
{
    enum tw_filter_load load =
        tw_filter_meter_look(&state->meter, &state->rates, view->length, now_ns);
    *each = NULL;
    if (!state->has_each || load == TW_LOAD_ABOVE_HARD)
        return load;
    *each = metered_source(filter, state, view, now_ns);
    /* No room to meter one more source: strangers wait, nobody who plays pays for it. */
    return higher(load,
                  *each ? tw_filter_meter_look(&(*each)->meter, &state->each, view->length, now_ns)
                        : TW_LOAD_ABOVE_SOFT);
}

static void charge(struct tw_filter_state *state, struct tw_filter_source *each,
                   const struct tw_filter_view *view, enum tw_filter_load load)
{
    bool above_soft = load == TW_LOAD_ABOVE_SOFT;
    tw_filter_meter_charge(&state->meter, &state->rates, view->length, above_soft);
    if (each)
        tw_filter_meter_charge(&each->meter, &state->each, view->length, above_soft);
}

/* What forged packets of its source took, if the rule has a limit for each source and there is room
 * to remember this one. */
static struct tw_filter_source *forged_of_source(const struct tw_filter *filter,
                                                 const struct tw_filter_state *state,
                                                 const struct tw_filter_view *view, uint64_t now_ns)
{
    struct source source = source_of(view->ip);
    return state->has_each
               ? tw_filter_sources_take(filter->offenders, state->rule, source.ip, now_ns)
               : NULL;
}

/* False: there is no more for forged packets. */
static bool take_forged(const struct tw_filter *filter, struct tw_filter_state *state,
                        const struct tw_filter_view *view, uint64_t now_ns)
{
    struct tw_filter_source *each = forged_of_source(filter, state, view, now_ns);
    uint32_t length = view->length;
    if (tw_filter_meter_look(&state->forged, &state->rates, length, now_ns) == TW_LOAD_ABOVE_HARD ||
        (each &&
         tw_filter_meter_look(&each->meter, &state->each, length, now_ns) == TW_LOAD_ABOVE_HARD))
        return false;
    tw_filter_meter_charge(&state->forged, &state->rates, length, true);
    if (each)
        tw_filter_meter_charge(&each->meter, &state->each, length, true);
    return true;
}

static void give_back_forged(const struct tw_filter *filter, struct tw_filter_state *state,
                             const struct tw_filter_view *view, uint64_t now_ns)
{
    struct tw_filter_source *each = forged_of_source(filter, state, view, now_ns);
    tw_filter_meter_return(&state->forged, &state->rates, view->length);
    if (each)
        tw_filter_meter_return(&each->meter, &state->each, view->length);
}

static void pass_limit(const struct tw_filter *filter, uint32_t slot, struct tw_filter_view *view,
                       uint64_t now_ns)
{
    struct tw_filter_state *state = &filter->states[slot];
    struct tw_filter_counters *counters = count_asked(filter, slot, view);
    struct tw_filter_source *each;
    enum tw_filter_load load = weigh(filter, state, view, now_ns, &each);
    bool known = view->class == TW_FILTER_KNOWN;
    /* Only where somebody forged lately is it looked up whose packets. */
    view->suspect = known && state->forged.full_at_ns > now_ns &&
                    filter->forged_until_ns[view->session] > now_ns;
    if (load == TW_LOAD_ABOVE_HARD || (view->suspect && !take_forged(filter, state, view, now_ns)))
        drop(view, counters, TW_OUTCOME_FILTER_HARD);
    else if (known)
        view->limit = (uint16_t)(slot + 1u);
    else if (load == TW_LOAD_ABOVE_SOFT)
        drop(view, counters, TW_OUTCOME_FILTER_SOFT);
    else
        charge(state, each, view, load);
}

static void judge(const struct tw_filter *filter, const struct tw_filter_node *node,
                  struct tw_filter_view *view, uint64_t now_ns)
{
    if (!pass_verdict(filter, node, view) || view->class == TW_FILTER_FOREIGN)
        return;
    if (node->malformed != 0 && !pass_offenders(filter, node->malformed - 1u, view, now_ns))
        return;
    if (node->limit != 0)
        pass_limit(filter, node->limit - 1u, view, now_ns);
}

void tw_filter_admit(struct tw_filter *filter, struct tw_filter_view *views, uint32_t count,
                     uint64_t now_ns)
{
    if (!filter->table)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const struct tw_filter_node *node = tw_filter_table_find(filter->table, views[i].ip);
        if (node != filter->table->nodes)
            judge(filter, node, &views[i], now_ns);
    }
}

/* ---- after the cipher ----------------------------------------------------------------------- */

static void pay(const struct tw_filter *filter, uint32_t slot, struct tw_filter_view *view,
                uint64_t now_ns)
{
    struct tw_filter_state *state = &filter->states[slot];
    struct tw_filter_source *each;
    /* Anew: the packets before it in its burst have paid. */
    enum tw_filter_load load = weigh(filter, state, view, now_ns, &each);
    if (load == TW_LOAD_ABOVE_HARD)
        drop(view, &filter->counters->filters[slot], TW_OUTCOME_FILTER_HARD);
    else
        charge(state, each, view, load);
}

void tw_filter_settle(struct tw_filter *filter, struct tw_filter_view *view, uint64_t now_ns)
{
    uint32_t slot = view->limit - 1u;
    struct tw_filter_state *state = &filter->states[slot];
    if (view->outcome == TW_OUTCOME_TAG_WRONG) {
        filter->forged_until_ns[view->session] = now_ns + TW_FILTER_SECOND_NS;
        /* The first ones come unsuspected: as many as fit are put down. */
        if (!view->suspect)
            (void)take_forged(filter, state, view, now_ns);
        return;
    }
    if (view->suspect)
        give_back_forged(filter, state, view, now_ns);
    if (view->outcome == TW_FILTER_PASSED)
        pay(filter, slot, view, now_ns);
}

/* ---- offences ------------------------------------------------------------------------------- */

bool tw_filter_is_offence(uint16_t outcome)
{
    static const bool offences[TW_OUTCOME_COUNT + 1] = {
        [TW_OUTCOME_UDP_TRUNCATED] = true,  [TW_OUTCOME_UDP_CHECKSUM] = true,
        [TW_OUTCOME_PAYLOAD_SMALL] = true,  [TW_OUTCOME_PAYLOAD_OVERSIZED] = true,
        [TW_OUTCOME_HANDSHAKE_TYPE] = true, [TW_OUTCOME_HANDSHAKE_MALFORMED] = true,
        [TW_OUTCOME_HANDSHAKE_CRC] = true,  [TW_OUTCOME_COOKIE_WRONG] = true,
        [TW_OUTCOME_HEADER_FLAGS] = true,   [TW_OUTCOME_SEQUENCE_INVALID] = true,
        [TW_OUTCOME_TAG_WRONG] = true,      [TW_OUTCOME_FRAME_MALFORMED] = true,
        [TW_OUTCOME_FRAME_RANGE] = true,
    };
    return outcome < TW_OUTCOME_COUNT && offences[outcome];
}

/* True: one more than the rule bears; a denial begins. */
static bool offend(struct tw_filter_offences *offences, const struct tw_filter_rule *rule,
                   uint64_t now_ns)
{
    offences->debt =
        tw_filter_debt_left(offences->debt, rule->above_pps, now_ns - offences->newest_ns);
    offences->newest_ns = now_ns;
    offences->full_at_ns = now_ns + TW_FILTER_SECOND_NS;
    if (tw_filter_debt_fits(offences->debt, rule->above_pps, 1)) {
        offences->debt += TW_FILTER_SECOND_NS;
        return false;
    }
    offences->debt = 0;
    offences->denied_until_ns = now_ns + rule->for_s * TW_FILTER_SECOND_NS;
    offences->full_at_ns = offences->denied_until_ns;
    return true;
}

void tw_filter_report(struct tw_filter *filter, const uint8_t ip[16], uint64_t now_ns)
{
    if (!filter->table)
        return;
    const struct tw_filter_node *node = tw_filter_table_find(filter->table, ip);
    if (node->malformed == 0)
        return;
    uint32_t slot = node->malformed - 1u;
    const struct tw_filter_rule *rule = &filter->table->rules[slot];
    struct tw_filter_offences *all = &filter->states[slot].offences;
    struct tw_filter_offences *offences = all;
    if (rule->per_source) {
        struct source source = source_of(ip);
        struct tw_filter_source *entry =
            tw_filter_sources_take(filter->offenders, rule->id, source.ip, now_ns);
        if (!entry)
            return; /* its packets still end by themselves */
        offences = &entry->offences;
    }
    /* What was on its way when the denial began does not begin another one. */
    if (now_ns < offences->denied_until_ns || !offend(offences, rule, now_ns))
        return;
    tw_counter_add(&filter->counters->filters[slot].denials, 1);
    all->denied_until_ns = offences->denied_until_ns;
}
