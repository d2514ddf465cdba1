/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/interest/observer.h"

#include "simulation/core/hash.h"
#include "simulation/interest/plan.h"
#include "tickwire/assert.h"

void tw_interest_carve(struct tw_interest *interest, struct tw_arena *arena,
                       const struct tw_interest_config *config)
{
    interest->config = *config;
    /* Half as much again: in a crowd that streams past, exits wait a round trip for their ack. */
    interest->entries_max = config->view_max + config->view_max / 2u + 16u;
    TW_ASSERT(interest->entries_max < UINT16_MAX);
    size_t entries = (size_t)config->players_max * interest->entries_max;
    tw_records_carve(&interest->records, arena, config->entities_max);
    interest->observers = tw_arena_take(arena, config->players_max, sizeof(*interest->observers));
    interest->entries = tw_arena_take(arena, entries, sizeof(*interest->entries));
    interest->marks = tw_arena_take(arena, config->entities_max, sizeof(*interest->marks));
    interest->keys = tw_arena_take(arena, (size_t)config->entities_max + interest->entries_max,
                                   sizeof(*interest->keys));
    interest->plan = tw_arena_take(arena, 1, tw_snapshot_plan_size(interest->entries_max));
}

void tw_observer_reset(struct tw_interest *interest, uint32_t player, uint64_t hash_due_tick)
{
    interest->observers[player] = (struct tw_observer){.hash_due_tick = hash_due_tick};
}

void tw_observer_acknowledge(struct tw_observer *observer, uint32_t newest, uint32_t bitmap)
{
    if (newest == 0 || newest > observer->number)
        return;
    uint64_t arrived = (uint64_t)bitmap << 1 | 1u; /* bit i = number newest - i */
    if (newest >= observer->baseline)
        observer->baseline_told = true;
    for (uint32_t i = 0; i <= 32u && i < newest; i++) {
        uint32_t number = newest - i;
        if (observer->number - number >= TW_SNAPSHOT_HISTORY)
            break;
        observer->acked |= (arrived >> i & 1u) << number % TW_SNAPSHOT_HISTORY;
    }
}

uint64_t tw_observer_hash(const struct tw_interest *interest, uint32_t player,
                          const struct tw_check *check)
{
    const struct tw_records *records = &interest->records;
    const struct tw_view_entry *entries = tw_interest_entries(interest, player);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < interest->observers[player].entry_count; i++) {
        const struct tw_view_entry *entry = &entries[i];
        uint32_t index = entry->handle & TW_ENTITY_INDEX_MASK;
        if (entry->state != TW_ENTRY_EXITING && tw_check_names(check, entry->handle))
            sum += tw_hash64_entity(entry->handle, records->hot[index].cell,
                                    records->hot[index].bytes, records->cold[index].bytes);
    }
    return sum;
}

enum tw_check_result tw_observer_compare(const struct tw_observer *observer,
                                         const struct tw_check *report)
{
    const struct tw_check *sent = &observer->checks[report->number % TW_CHECK_HISTORY];
    if (report->number == 0 || sent->number != report->number || sent->bits != report->bits ||
        sent->group != report->group || report->number < observer->baseline)
        return TW_CHECK_UNKNOWN;
    return sent->sum == report->sum ? TW_CHECK_AGREED : TW_CHECK_DIFFERED;
}

bool tw_observer_rebase(struct tw_interest *interest, uint32_t player, uint64_t tick,
                        uint32_t tick_hz)
{
    struct tw_observer *observer = &interest->observers[player];
    struct tw_view_entry *entries = tw_interest_entries(interest, player);
    if (observer->baseline != 0 &&
        (!observer->baseline_told || tick < observer->baseline_at_tick + tick_hz))
        return false;
    for (uint32_t i = 0; i < observer->entry_count;) {
        struct tw_view_entry *entry = &entries[i];
        if (entry->state == TW_ENTRY_EXITING) {
            *entry = entries[--observer->entry_count];
            continue;
        }
        *entry = (struct tw_view_entry){
            .handle = entry->handle, .distance_m = entry->distance_m, .state = TW_ENTRY_NEW};
        i++;
    }
    observer->self_base = 0;
    observer->self_carried = 0;
    observer->baseline = observer->number + 1u;
    observer->baseline_told = false;
    observer->baseline_at_tick = tick;
    observer->hash_due_tick = tick;
    observer->hash_number = 0;
    return true;
}

bool tw_observer_acked_tick(const struct tw_observer *observer, uint64_t carried, uint32_t *tick)
{
    uint64_t both = carried & observer->acked;
    if (both == 0)
        return false;
    /* Turn the newest number's bit to the top: leading zeros then count how old a number is. */
    uint32_t turn = (observer->number + 1u) % TW_SNAPSHOT_HISTORY;
    uint64_t turned = turn ? both >> turn | both << (TW_SNAPSHOT_HISTORY - turn) : both;
    uint32_t number = observer->number - (uint32_t)__builtin_clzll(turned);
    *tick = observer->ticks[number % TW_SNAPSHOT_HISTORY];
    return true;
}

static void leave_sight(struct tw_view_entry *entry)
{
    entry->state = entry->state == TW_ENTRY_NEW ? TW_ENTRY_DROPPED : TW_ENTRY_EXITING;
    entry->carried = 0;
    entry->cold_carried = 0;
    entry->wait = 0;
}

static void settle_acks(const struct tw_interest *interest, const struct tw_observer *observer,
                        struct tw_view_entry *entry)
{
    uint32_t index = entry->handle & TW_ENTITY_INDEX_MASK;
    uint32_t tick;
    if (entry->state == TW_ENTRY_ENTERING) {
        if (tw_observer_acked_tick(observer, entry->carried, &tick)) {
            entry->state = TW_ENTRY_LIVE;
            entry->hot_base = tick;
            entry->cold_base = tick;
        }
        return;
    }
    if (entry->state != TW_ENTRY_LIVE)
        return;
    if (interest->records.hot[index].tick > entry->hot_base &&
        tw_observer_acked_tick(observer, entry->carried, &tick) && tick > entry->hot_base)
        entry->hot_base = tick;
    if (interest->entities->cold_newest[index] > entry->cold_base &&
        tw_observer_acked_tick(observer, entry->cold_carried, &tick) && tick > entry->cold_base)
        entry->cold_base = tick;
}

struct look {
    struct tw_interest *interest;
    struct tw_observer *observer;
    struct tw_view_entry *entries;
    int32_t x, y;
    uint32_t visible; /* entries neither EXITING nor DROPPED */
};

static uint64_t distance_squared(const struct look *look, uint32_t index)
{
    const struct tw_entities *entities = look->interest->entities;
    return tw_plane_distance_squared(look->interest->config.plane, look->x, look->y,
                                     entities->x[index], entities->y[index]);
}

/* The root in whole metres, found from `guess`: between two snapshots a distance changes by a metre
 * at most, so a step or none is needed, where a root of thousands of entries a tick would show. */
static uint16_t to_metres(uint64_t distance_squared_units, uint32_t guess)
{
    uint64_t square_metres = distance_squared_units / (TW_UNITS_PER_METRE * TW_UNITS_PER_METRE);
    while ((uint64_t)guess * guess > square_metres)
        guess--;
    while ((guess + UINT64_C(1)) * (guess + UINT64_C(1)) <= square_metres)
        guess++;
    return (uint16_t)guess;
}

/* One entry that was there before; false if it is to be removed. */
static bool review(struct look *look, struct tw_view_entry *entry)
{
    const struct tw_interest *interest = look->interest;
    uint32_t index = entry->handle & TW_ENTITY_INDEX_MASK;
    bool alive = tw_entities_alive(interest->entities, (tw_entity){.bits = entry->handle});
    uint64_t exit = interest->config.exit;
    uint32_t tick;
    if (entry->state == TW_ENTRY_EXITING)
        return !tw_observer_acked_tick(look->observer, entry->carried, &tick);
    if (!alive) {
        leave_sight(entry);
        return entry->state != TW_ENTRY_DROPPED;
    }
    uint64_t squared = distance_squared(look, index);
    if (squared > exit * exit) {
        leave_sight(entry);
        return entry->state != TW_ENTRY_DROPPED;
    }
    entry->distance_m = to_metres(squared, entry->distance_m);
    settle_acks(interest, look->observer, entry);
    look->visible++;
    return true;
}

static void review_all(struct look *look)
{
    struct tw_observer *observer = look->observer;
    uint64_t keep = ~(UINT64_C(1) << (observer->number + 1u) % TW_SNAPSHOT_HISTORY);
    for (uint32_t i = 0; i < observer->entry_count;) {
        struct tw_view_entry *entry = &look->entries[i];
        entry->carried &= keep;
        entry->cold_carried &= keep;
        if (!review(look, entry)) {
            *entry = look->entries[--observer->entry_count];
            continue;
        }
        i++;
        if (tw_entities_alive(look->interest->entities, (tw_entity){.bits = entry->handle}))
            look->interest->marks[entry->handle & TW_ENTITY_INDEX_MASK] = (uint16_t)i;
    }
}

/* Takes an entity into the view; false if there is no room. */
static bool take(struct look *look, uint32_t index)
{
    const struct tw_interest *interest = look->interest;
    uint32_t mark = interest->marks[index];
    struct tw_view_entry *entry;
    if (mark) {
        /* An exit may have been sent: only an enter sent from now on counts. */
        entry = &look->entries[mark - 1u];
        entry->state = TW_ENTRY_ENTERING;
        entry->carried = 0;
        entry->cold_carried = 0;
        entry->wait = 0;
    } else {
        if (look->observer->entry_count == interest->entries_max)
            return false;
        entry = &look->entries[look->observer->entry_count++];
        *entry = (struct tw_view_entry){
            .handle = tw_entities_handle(interest->entities, index).bits,
            .distance_m = (uint16_t)(interest->config.enter / TW_UNITS_PER_METRE),
            .state = TW_ENTRY_NEW};
    }
    entry->distance_m = to_metres(distance_squared(look, index), entry->distance_m);
    return true;
}

/* Rearranges keys so that the `rank` smallest come first; keys are distinct, 0 < rank < count. */
static void select_smallest(uint64_t *keys, uint32_t count, uint32_t rank)
{
    uint32_t low = 0;
    uint32_t high = count - 1u;
    while (low < high) {
        uint64_t pivot = keys[low + (high - low) / 2u];
        uint32_t i = low;
        uint32_t j = high;
        for (;;) {
            while (keys[i] < pivot)
                i++;
            while (keys[j] > pivot)
                j--;
            if (i >= j)
                break;
            uint64_t swap = keys[i];
            keys[i] = keys[j];
            keys[j] = swap;
        }
        if (i + 1u <= rank)
            low = i + 1u;
        else if (i > low)
            high = i - 1u;
        else
            break;
    }
}

/* More in sight than the view can hold: the nearest stay or come. Who is in counts as a quarter
 * nearer (in squared distance), so that the edge of a crowd does not flicker. */
static uint32_t take_nearest(struct look *look, uint32_t fresh)
{
    struct tw_interest *interest = look->interest;
    uint32_t view_max = interest->config.view_max;
    uint64_t *keys = interest->keys;
    uint32_t count = 0;
    for (uint32_t i = 0; i < look->observer->entry_count; i++) {
        uint32_t index = look->entries[i].handle & TW_ENTITY_INDEX_MASK;
        if (look->entries[i].state != TW_ENTRY_EXITING)
            keys[count++] = distance_squared(look, index) * 3u / 4u << TW_ENTITY_INDEX_BITS | index;
    }
    uint32_t known = count;
    for (uint32_t i = 0; i < fresh; i++)
        keys[count++] = distance_squared(look, interest->index->nearby[i]) << TW_ENTITY_INDEX_BITS |
                        interest->index->nearby[i];
    TW_ASSERT(known == look->visible && count > view_max);
    select_smallest(keys, count, view_max);
    for (uint32_t i = view_max; i < count; i++) {
        uint32_t mark = interest->marks[keys[i] & TW_ENTITY_INDEX_MASK];
        if (mark && look->entries[mark - 1u].state != TW_ENTRY_EXITING)
            leave_sight(&look->entries[mark - 1u]);
    }
    uint32_t refused = count - view_max;
    for (uint32_t i = 0; i < view_max; i++) {
        uint32_t index = keys[i] & TW_ENTITY_INDEX_MASK;
        uint32_t mark = interest->marks[index];
        if (!mark || look->entries[mark - 1u].state == TW_ENTRY_EXITING)
            refused += !take(look, index);
    }
    return refused;
}

/* Removes DROPPED entries and clears the marks. */
static void tidy(struct look *look)
{
    struct tw_observer *observer = look->observer;
    for (uint32_t i = 0; i < observer->entry_count;) {
        struct tw_view_entry *entry = &look->entries[i];
        look->interest->marks[entry->handle & TW_ENTITY_INDEX_MASK] = 0;
        if (entry->state == TW_ENTRY_DROPPED)
            *entry = look->entries[--observer->entry_count];
        else
            i++;
    }
}

uint32_t tw_observer_look(struct tw_interest *interest, uint32_t player, uint32_t own_index)
{
    struct look look = {.interest = interest,
                        .observer = &interest->observers[player],
                        .entries = tw_interest_entries(interest, player),
                        .x = interest->entities->x[own_index],
                        .y = interest->entities->y[own_index]};
    review_all(&look);
    uint32_t found = tw_index_near(interest->index, look.x, look.y, interest->config.enter);
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < found; i++) {
        uint32_t mark = interest->marks[interest->index->nearby[i]];
        if (!mark || look.entries[mark - 1u].state == TW_ENTRY_EXITING)
            interest->index->nearby[fresh++] = interest->index->nearby[i];
    }
    uint32_t refused = 0;
    if (look.visible + fresh > interest->config.view_max) {
        refused = take_nearest(&look, fresh);
    } else {
        for (uint32_t i = 0; i < fresh; i++)
            refused += !take(&look, interest->index->nearby[i]);
    }
    tidy(&look);
    return refused;
}
