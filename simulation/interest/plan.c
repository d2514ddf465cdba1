/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/interest/plan.h"

#define URGENCY_BUCKETS 256u

/* Weights; a hot change at distance d has WEIGHT_NEAR * 16 / (16 + d metres), which the others have
 * on top. */
#define WEIGHT_EXIT        2048u
#define WEIGHT_ENTER       1024u
#define WEIGHT_ENTER_AGAIN 512u /* under way already */
#define WEIGHT_EXIT_AGAIN  256u
#define WEIGHT_COLD        256u
#define WEIGHT_NEAR        256u

/* A class takes a third of a packet at most: in one that is smaller than the first, what is near
 * would miss it, so one of four such carries a class; the second has three records for each. */
#define CHECK_PARTS    3u
#define CHECK_ROOM     200u
#define CHECK_ROOM_MIN 96u
#define CHECK_EVERY    4u

size_t tw_snapshot_plan_size(uint32_t entries_max)
{
    return sizeof(struct tw_snapshot_plan) +
           entries_max * (sizeof(struct tw_plan_item) + 2u * sizeof(uint16_t));
}

static void place_arrays(struct tw_snapshot_plan *plan, uint32_t entries_max)
{
    plan->items = (struct tw_plan_item *)(void *)(plan + 1);
    plan->order = (uint16_t *)(void *)(plan->items + entries_max);
    plan->hot_next = plan->order + entries_max;
}

static uint8_t cold_owed(const struct tw_entities *entities, const struct tw_view_entry *entry)
{
    uint32_t index = entry->handle & TW_ENTITY_INDEX_MASK;
    uint8_t mask = 0;
    if (entities->cold_newest[index] <= entry->cold_base)
        return 0;
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        if (entities->cold_tick[field][index] > entry->cold_base)
            mask = (uint8_t)(mask | 1u << field);
    }
    return mask;
}

static size_t cold_record_size(uint8_t mask)
{
    return TW_INDEX_SIZE + 1u + tw_schema_cold_size(mask);
}

/* Fills item->kinds; returns bytes at most. */
static size_t owe(const struct tw_snapshot_writing *writing, const struct tw_view_entry *entry,
                  struct tw_plan_item *item)
{
    const struct tw_interest *interest = writing->interest;
    size_t bytes = 0;
    switch (entry->state) {
    case TW_ENTRY_EXITING:
        item->kinds = TW_PLAN_EXIT;
        return TW_HANDLE_SIZE;
    case TW_ENTRY_NEW:
    case TW_ENTRY_ENTERING:
        item->kinds = TW_PLAN_ENTER;
        return TW_ENTER_SIZE;
    default:
        item->cold_mask = cold_owed(interest->entities, entry);
        if (item->cold_mask) {
            item->kinds |= TW_PLAN_COLD;
            bytes += cold_record_size(item->cold_mask);
        }
        if (interest->records.hot[entry->handle & TW_ENTITY_INDEX_MASK].tick > entry->hot_base) {
            item->kinds |= TW_PLAN_HOT;
            bytes += TW_HOT_RECORD_SIZE + TW_HOT_GROUP_HEADER_SIZE;
        }
        return bytes;
    }
}

static uint32_t urgency(const struct tw_view_entry *entry, uint8_t kinds)
{
    uint32_t near = WEIGHT_NEAR * 16u / (16u + entry->distance_m) + 1u;
    uint32_t weight = near;
    if (kinds & TW_PLAN_EXIT)
        weight = entry->carried ? WEIGHT_EXIT_AGAIN : WEIGHT_EXIT;
    else if (kinds & TW_PLAN_ENTER)
        weight = near + (entry->carried ? WEIGHT_ENTER_AGAIN : WEIGHT_ENTER);
    else if (kinds & TW_PLAN_COLD)
        weight = near + WEIGHT_COLD;
    return weight * (1u + entry->wait);
}

/* Logarithmic: eight buckets per doubling, so neighbours differ by at most 12 %. */
static uint8_t urgency_bucket(uint32_t value)
{
    uint32_t top = 31u - (uint32_t)__builtin_clz(value);
    uint32_t fraction = top >= 3u ? value >> (top - 3u) & 7u : value << (3u - top) & 7u;
    return (uint8_t)(top * 8u + fraction);
}

static void list_items(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    plan->item_count = 0;
    plan->owed = 0;
    for (uint32_t i = 0; i < writing->observer->entry_count; i++) {
        struct tw_plan_item *item = &plan->items[plan->item_count];
        *item = (struct tw_plan_item){.entry = (uint16_t)i};
        item->bytes = (uint16_t)owe(writing, &writing->entries[i], item);
        plan->owed += item->bytes;
        plan->item_count += item->kinds != 0;
    }
}

/* What this snapshot holds back stays owed: it waits, and counts as left out. */
static void shed_items(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    uint32_t radius_m = writing->interest->config.enter / TW_UNITS_PER_METRE;
    uint32_t state = writing->info->link_state;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct tw_plan_item *item = &plan->items[i];
        const struct tw_view_entry *entry = &writing->entries[item->entry];
        item->tier = (uint8_t)tw_shed_tier(entry->distance_m, radius_m);
        if (item->compared)
            item->tier = TW_TIER_NEAR;
        if (item->compared || (item->kinds & (TW_PLAN_COLD | TW_PLAN_HOT)) == 0 ||
            !tw_shed_holds(state, item->tier, writing->observer->number, entry->handle))
            continue;
        plan->shed_bytes[item->tier] += (item->kinds & TW_PLAN_HOT) ? TW_HOT_RECORD_SIZE : 0u;
        if (item->kinds & TW_PLAN_COLD)
            plan->shed_bytes[item->tier] += (uint32_t)cold_record_size(item->cold_mask);
        item->shed = true;
        plan->incomplete = true;
    }
}

/* plan->order by falling urgency: counting sort; ties by place in the view. */
static void sort_items(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    uint16_t starts[URGENCY_BUCKETS] = {0};
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct tw_plan_item *item = &plan->items[i];
        const struct tw_view_entry *entry = &writing->entries[item->entry];
        item->bucket = urgency_bucket(urgency(entry, item->kinds));
        starts[item->bucket]++;
    }
    uint16_t start = 0;
    for (uint32_t bucket = URGENCY_BUCKETS; bucket-- > 0;) {
        uint16_t count = starts[bucket];
        starts[bucket] = start;
        start = (uint16_t)(start + count);
    }
    for (uint32_t i = 0; i < plan->item_count; i++)
        plan->order[starts[plan->items[i].bucket]++] = (uint16_t)i;
}

static bool take_part(struct tw_snapshot_plan *plan, struct tw_plan_part *part, uint32_t item,
                      size_t size)
{
    if (part->count == TW_PLAN_PART_MAX || plan->left < size)
        return false;
    part->items[part->count++] = (uint16_t)item;
    plan->left -= size;
    return true;
}

static bool take_hot(const struct tw_snapshot_writing *writing, uint32_t item)
{
    struct tw_snapshot_plan *plan = writing->plan;
    /* In a crowd most come after the buffer is full: no search for those. */
    if (plan->left < TW_HOT_RECORD_SIZE)
        return false;
    uint32_t index = writing->entries[plan->items[item].entry].handle & TW_ENTITY_INDEX_MASK;
    const uint16_t *cell = writing->interest->records.hot[index].cell;
    uint32_t at = 0;
    while (at < plan->group_count &&
           !(plan->groups[at].cell[0] == cell[0] && plan->groups[at].cell[1] == cell[1] &&
             plan->groups[at].count < TW_PLAN_PART_MAX))
        at++;
    size_t size = TW_HOT_RECORD_SIZE + (at == plan->group_count ? TW_HOT_GROUP_HEADER_SIZE : 0u);
    if (at == TW_PLAN_PART_MAX || plan->left < size)
        return false;
    struct tw_plan_group *group = &plan->groups[at];
    if (at == plan->group_count) {
        *group = (struct tw_plan_group){.cell = {cell[0], cell[1]}, .first = (uint16_t)(item + 1u)};
        plan->group_count++;
    } else {
        plan->hot_next[group->last - 1u] = (uint16_t)(item + 1u);
    }
    group->last = (uint16_t)(item + 1u);
    group->count++;
    plan->hot_next[item] = 0;
    plan->left -= size;
    return true;
}

static void take_item(const struct tw_snapshot_writing *writing, uint32_t at)
{
    struct tw_snapshot_plan *plan = writing->plan;
    struct tw_plan_item *item = &plan->items[at];
    size_t reserve = item->tier != TW_TIER_NEAR ? plan->reserve : 0;
    if (item->shed || plan->left <= reserve) {
        plan->incomplete = true;
        return;
    }
    plan->left -= reserve;
    if (item->kinds & TW_PLAN_EXIT && take_part(plan, &plan->exits, at, TW_HANDLE_SIZE))
        item->taken |= TW_PLAN_EXIT;
    if (item->kinds & TW_PLAN_ENTER && take_part(plan, &plan->enters, at, TW_ENTER_SIZE))
        item->taken |= TW_PLAN_ENTER;
    if (item->kinds & TW_PLAN_COLD &&
        take_part(plan, &plan->colds, at, cold_record_size(item->cold_mask)))
        item->taken |= TW_PLAN_COLD;
    if (item->kinds & TW_PLAN_HOT && take_hot(writing, at))
        item->taken |= TW_PLAN_HOT;
    plan->left += reserve;
    plan->incomplete |= item->taken != item->kinds;
}

static bool self_owed(const struct tw_snapshot_writing *writing)
{
    struct tw_observer *observer = writing->observer;
    uint32_t changed = writing->interest->entities->changed_tick[writing->info->own_index];
    uint32_t tick;
    if (tw_observer_acked_tick(observer, observer->self_carried, &tick) &&
        tick > observer->self_base)
        observer->self_base = tick;
    /* Ticks start at 1, so a client that has nothing yet is owed one. */
    return observer->self_base == 0 || changed > observer->self_base;
}

/* A second after the last one, if that arrived; else as soon as it should have been heard of. */
static bool hash_is_due(const struct tw_snapshot_writing *writing)
{
    const struct tw_observer *observer = writing->observer;
    const struct tw_snapshot_info *info = writing->info;
    if (observer->hash_number == 0)
        return info->tick >= observer->hash_due_tick;
    uint64_t bit = UINT64_C(1) << observer->hash_number % TW_SNAPSHOT_HISTORY;
    bool heard = observer->number - observer->hash_number < TW_SNAPSHOT_HISTORY &&
                 (observer->acked & bit) != 0;
    return info->tick >= observer->hash_due_tick + (heard ? info->tick_hz : info->tick_hz / 3u);
}

/* Marks what is owed of a class; returns bytes at most. */
static size_t mark_class(const struct tw_snapshot_writing *writing, const struct tw_check *check)
{
    struct tw_snapshot_plan *plan = writing->plan;
    size_t bytes = 0;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct tw_plan_item *item = &plan->items[i];
        item->compared = tw_check_names(check, writing->entries[item->entry].handle);
        bytes += item->compared ? item->bytes : 0u;
    }
    return bytes;
}

static bool has_room_for_class(const struct tw_snapshot_writing *writing)
{
    size_t left = writing->plan->left;
    return left >= CHECK_ROOM ||
           (left >= CHECK_ROOM_MIN && writing->observer->number % CHECK_EVERY == 0);
}

/* As long as a hash of everything is due and cannot be told, because snapshots leave something out,
 * each tells all of one class of entities and what its hashes come to; the classes take turns.
 * Where a packet is small the classes are. */
static void choose_class(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    struct tw_observer *observer = writing->observer;
    if (!hash_is_due(writing) || !has_room_for_class(writing))
        return;
    uint32_t turn = observer->next_class++;
    for (uint8_t bits = tw_check_bits(observer->entry_count); bits <= TW_CHECK_BITS_MAX; bits++) {
        struct tw_check check = {.number = observer->number + 1u,
                                 .bits = bits,
                                 .group = (uint8_t)(turn & ((1u << bits) - 1u))};
        if (mark_class(writing, &check) > plan->left / CHECK_PARTS)
            continue;
        plan->check = check;
        plan->left -= TW_VIEW_CHECK_SIZE;
        return;
    }
    for (uint32_t i = 0; i < plan->item_count; i++)
        plan->items[i].compared = false;
}

/* The class first; then the check goes out only if all of the class is told. */
static void take_class(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    bool whole = true;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct tw_plan_item *item = &plan->items[i];
        if (!item->compared)
            continue;
        take_item(writing, i);
        whole = whole && item->taken == item->kinds;
    }
    if (!whole) {
        plan->check.number = 0;
        plan->left += TW_VIEW_CHECK_SIZE;
    }
}

static void take_self(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    plan->self = self_owed(writing);
    if (plan->self && plan->left >= TW_SELF_SIZE) {
        plan->left -= TW_SELF_SIZE;
    } else if (plan->self) {
        plan->self = false;
        plan->incomplete = true;
    }
}

static void take_items(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    bool all = plan->owed + plan->reserve <= plan->left;
    if (!all)
        sort_items(writing);
    if (plan->check.number != 0)
        take_class(writing);
    for (uint32_t i = 0; i < plan->item_count; i++) {
        uint32_t at = all ? i : plan->order[i];
        if (!plan->items[at].compared)
            take_item(writing, at);
    }
}

static void begin_plan(const struct tw_snapshot_writing *writing, size_t capacity)
{
    struct tw_snapshot_plan *plan = writing->plan;
    plan->left = capacity - TW_SNAPSHOT_FRAME_MIN;
    plan->incomplete = false;
    plan->hash = false;
    plan->check = (struct tw_check){0};
    plan->baseline = !writing->observer->baseline_told && writing->observer->baseline != 0;
    if (plan->baseline)
        plan->left -= TW_BASELINE_SIZE;
    plan->group_count = 0;
    plan->exits.count = 0;
    plan->enters.count = 0;
    plan->colds.count = 0;
    plan->reserve = tw_shed_reserve(writing->info->link_state, plan->left);
    memset(plan->shed_bytes, 0, sizeof(plan->shed_bytes));
}

void tw_snapshot_plan_make(const struct tw_snapshot_writing *writing, size_t capacity)
{
    struct tw_snapshot_plan *plan = writing->plan;
    place_arrays(plan, writing->interest->entries_max);
    begin_plan(writing, capacity);
    take_self(writing);
    list_items(writing);
    choose_class(writing);
    if (writing->info->link_state != 0)
        shed_items(writing);
    take_items(writing);
    if (!plan->incomplete && plan->left >= TW_VIEW_HASH_SIZE && hash_is_due(writing)) {
        plan->left -= TW_VIEW_HASH_SIZE;
        plan->hash = true;
        plan->check = (struct tw_check){.number = writing->observer->number + 1u};
    }
}
