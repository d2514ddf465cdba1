/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/interest/snapshot.h"

#include "tickwire/assert.h"

#define INDEX_MASK ((1u << TW_ENTITY_INDEX_BITS) - 1u)

/* A u8 counts the records of a part. */
#define PART_MAX        255u
#define URGENCY_BUCKETS 256u

/* Weights; a hot change at distance d has WEIGHT_NEAR * 16 / (16 + d metres), which the others have
 * on top. */
#define WEIGHT_EXIT        2048u
#define WEIGHT_ENTER       1024u
#define WEIGHT_ENTER_AGAIN 512u /* under way already */
#define WEIGHT_EXIT_AGAIN  256u
#define WEIGHT_COLD        256u
#define WEIGHT_NEAR        256u

/* Smaller buffers would have no room for much else. */
#define CHECK_ROOM_MIN 200u

enum item_kind {
    ITEM_EXIT = 1,
    ITEM_ENTER = 2,
    ITEM_COLD = 4,
    ITEM_HOT = 8,
};

/* What is owed for one entry. */
struct item {
    uint16_t entry;
    uint16_t bytes; /* at most */
    uint8_t kinds;  /* enum item_kind, or'ed */
    uint8_t cold_mask;
    uint8_t taken; /* of kinds */
    uint8_t bucket;
    uint8_t tier; /* enum tw_tier; set on a strained path alone */
    bool shed;
    bool compared; /* of the class whose check this snapshot is to carry */
};

struct group {
    uint16_t cell[2];
    uint16_t first, last; /* item + 1, chained by hot_next */
    uint16_t count;
};

struct part {
    uint32_t count;
    uint16_t items[PART_MAX];
};

struct tw_snapshot_plan {
    uint32_t item_count;
    size_t left;    /* bytes of the buffer not spoken for */
    size_t owed;    /* bytes that everything would take at most */
    size_t reserve; /* bytes of these for near entities alone */
    uint32_t shed_bytes[TW_TIER_COUNT];
    bool self, hash, incomplete, baseline;
    struct tw_check check; /* number 0: none */
    uint32_t group_count;
    struct part exits, enters, colds;
    struct group groups[PART_MAX];
    struct item *items; /* entries_max */
    uint16_t *order;    /* items, most urgent first */
    uint16_t *hot_next; /* by item: the next one of its group + 1 */
};

/* One allocation: the plan, then its three arrays. */
size_t tw_snapshot_plan_size(uint32_t entries_max)
{
    return sizeof(struct tw_snapshot_plan) +
           entries_max * (sizeof(struct item) + 2u * sizeof(uint16_t));
}

static void place_arrays(struct tw_snapshot_plan *plan, uint32_t entries_max)
{
    plan->items = (struct item *)(void *)(plan + 1);
    plan->order = (uint16_t *)(void *)(plan->items + entries_max);
    plan->hot_next = plan->order + entries_max;
}

struct writing {
    const struct tw_interest *interest;
    struct tw_snapshot_plan *plan;
    struct tw_observer *observer;
    struct tw_view_entry *entries;
    const struct tw_snapshot_info *info;
};

static uint8_t cold_owed(const struct tw_entities *entities, const struct tw_view_entry *entry)
{
    uint32_t index = entry->handle & INDEX_MASK;
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
static size_t owe(const struct writing *writing, const struct tw_view_entry *entry,
                  struct item *item)
{
    const struct tw_interest *interest = writing->interest;
    size_t bytes = 0;
    switch (entry->state) {
    case TW_ENTRY_EXITING:
        item->kinds = ITEM_EXIT;
        return TW_HANDLE_SIZE;
    case TW_ENTRY_NEW:
    case TW_ENTRY_ENTERING:
        item->kinds = ITEM_ENTER;
        return TW_ENTER_SIZE;
    default:
        item->cold_mask = cold_owed(interest->entities, entry);
        if (item->cold_mask) {
            item->kinds |= ITEM_COLD;
            bytes += cold_record_size(item->cold_mask);
        }
        if (interest->records.hot[entry->handle & INDEX_MASK].tick > entry->hot_base) {
            item->kinds |= ITEM_HOT;
            bytes += TW_HOT_RECORD_SIZE + TW_HOT_GROUP_HEADER_SIZE;
        }
        return bytes;
    }
}

static uint32_t urgency(const struct tw_view_entry *entry, uint8_t kinds)
{
    uint32_t near = WEIGHT_NEAR * 16u / (16u + entry->distance_m) + 1u;
    uint32_t weight = near;
    if (kinds & ITEM_EXIT)
        weight = entry->carried ? WEIGHT_EXIT_AGAIN : WEIGHT_EXIT;
    else if (kinds & ITEM_ENTER)
        weight = near + (entry->carried ? WEIGHT_ENTER_AGAIN : WEIGHT_ENTER);
    else if (kinds & ITEM_COLD)
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

static void list_items(const struct writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    plan->item_count = 0;
    plan->owed = 0;
    for (uint32_t i = 0; i < writing->observer->entry_count; i++) {
        struct item *item = &plan->items[plan->item_count];
        *item = (struct item){.entry = (uint16_t)i};
        item->bytes = (uint16_t)owe(writing, &writing->entries[i], item);
        plan->owed += item->bytes;
        plan->item_count += item->kinds != 0;
    }
}

/* What this snapshot holds back stays owed: it waits, and counts as left out. */
static void shed_items(const struct writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    uint32_t radius_m = writing->interest->config.enter / TW_UNITS_PER_METRE;
    uint32_t state = writing->info->link_state;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct item *item = &plan->items[i];
        const struct tw_view_entry *entry = &writing->entries[item->entry];
        item->tier = (uint8_t)tw_shed_tier(entry->distance_m, radius_m);
        if (item->compared)
            item->tier = TW_TIER_NEAR;
        if (item->compared || (item->kinds & (ITEM_COLD | ITEM_HOT)) == 0 ||
            !tw_shed_holds(state, item->tier, writing->observer->number, entry->handle))
            continue;
        plan->shed_bytes[item->tier] += (item->kinds & ITEM_HOT) ? TW_HOT_RECORD_SIZE : 0u;
        if (item->kinds & ITEM_COLD)
            plan->shed_bytes[item->tier] += (uint32_t)cold_record_size(item->cold_mask);
        item->shed = true;
        plan->incomplete = true;
    }
}

/* plan->order by falling urgency: counting sort; ties by place in the view. */
static void sort_items(const struct writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    uint16_t starts[URGENCY_BUCKETS] = {0};
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct item *item = &plan->items[i];
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

static bool take_part(struct tw_snapshot_plan *plan, struct part *part, uint32_t item, size_t size)
{
    if (part->count == PART_MAX || plan->left < size)
        return false;
    part->items[part->count++] = (uint16_t)item;
    plan->left -= size;
    return true;
}

static bool take_hot(const struct writing *writing, uint32_t item)
{
    struct tw_snapshot_plan *plan = writing->plan;
    /* In a crowd most come after the buffer is full: no search for those. */
    if (plan->left < TW_HOT_RECORD_SIZE)
        return false;
    uint32_t index = writing->entries[plan->items[item].entry].handle & INDEX_MASK;
    const uint16_t *cell = writing->interest->records.hot[index].cell;
    uint32_t at = 0;
    while (at < plan->group_count &&
           !(plan->groups[at].cell[0] == cell[0] && plan->groups[at].cell[1] == cell[1] &&
             plan->groups[at].count < PART_MAX))
        at++;
    size_t size = TW_HOT_RECORD_SIZE + (at == plan->group_count ? TW_HOT_GROUP_HEADER_SIZE : 0u);
    if (at == PART_MAX || plan->left < size)
        return false;
    struct group *group = &plan->groups[at];
    if (at == plan->group_count) {
        *group = (struct group){.cell = {cell[0], cell[1]}, .first = (uint16_t)(item + 1u)};
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

static void take_item(const struct writing *writing, uint32_t at)
{
    struct tw_snapshot_plan *plan = writing->plan;
    struct item *item = &plan->items[at];
    size_t reserve = item->tier != TW_TIER_NEAR ? plan->reserve : 0;
    if (item->shed || plan->left <= reserve) {
        plan->incomplete = true;
        return;
    }
    plan->left -= reserve;
    if (item->kinds & ITEM_EXIT && take_part(plan, &plan->exits, at, TW_HANDLE_SIZE))
        item->taken |= ITEM_EXIT;
    if (item->kinds & ITEM_ENTER && take_part(plan, &plan->enters, at, TW_ENTER_SIZE))
        item->taken |= ITEM_ENTER;
    if (item->kinds & ITEM_COLD &&
        take_part(plan, &plan->colds, at, cold_record_size(item->cold_mask)))
        item->taken |= ITEM_COLD;
    if (item->kinds & ITEM_HOT && take_hot(writing, at))
        item->taken |= ITEM_HOT;
    plan->left += reserve;
    plan->incomplete |= item->taken != item->kinds;
}

static bool self_owed(const struct writing *writing)
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
static bool hash_is_due(const struct writing *writing)
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

/* As long as a hash of everything is due and cannot be told, because snapshots leave something out,
 * each tells all of one class of entities and what its hashes come to; the classes take turns. */
static void choose_class(const struct writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    struct tw_observer *observer = writing->observer;
    if (!hash_is_due(writing) || plan->left < CHECK_ROOM_MIN)
        return;
    uint8_t bits = tw_check_bits(observer->entry_count);
    struct tw_check check = {.number = observer->number + 1u,
                             .bits = bits,
                             .group = (uint8_t)(observer->next_class++ & ((1u << bits) - 1u))};
    size_t bytes = 0;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct item *item = &plan->items[i];
        item->compared = tw_check_names(&check, writing->entries[item->entry].handle);
        bytes += item->compared ? item->bytes : 0u;
    }
    if (bytes > plan->left / 3u) {
        for (uint32_t i = 0; i < plan->item_count; i++)
            plan->items[i].compared = false;
        return;
    }
    plan->check = check;
    plan->left -= TW_VIEW_CHECK_SIZE;
}

/* The class first; then the check goes out only if all of the class is told. */
static void take_class(const struct writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    bool whole = true;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        struct item *item = &plan->items[i];
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

static void take_self(const struct writing *writing)
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

static void take_items(const struct writing *writing)
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

static void begin_plan(const struct writing *writing, size_t capacity)
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

static void make_plan(const struct writing *writing, size_t capacity)
{
    struct tw_snapshot_plan *plan = writing->plan;
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

static void write_self(const struct writing *writing, struct tw_writer *writer)
{
    const struct tw_entities *entities = writing->interest->entities;
    uint32_t index = writing->info->own_index;
    tw_write_u32(writer, tw_entities_handle(entities, index).bits);
    tw_write_u32(writer, (uint32_t)entities->x[index]);
    tw_write_u32(writer, (uint32_t)entities->y[index]);
    tw_write_u32(writer, (uint32_t)entities->velocity_x[index]);
    tw_write_u32(writer, (uint32_t)entities->velocity_y[index]);
    tw_write_u16(writer, entities->heading[index]);
}

static const struct tw_view_entry *entry_of(const struct writing *writing, uint32_t item)
{
    return &writing->entries[writing->plan->items[item].entry];
}

static void write_enters(const struct writing *writing, struct tw_writer *writer)
{
    const struct tw_snapshot_plan *plan = writing->plan;
    const struct tw_records *records = &writing->interest->records;
    tw_write_u8(writer, (uint8_t)plan->enters.count);
    for (uint32_t i = 0; i < plan->enters.count; i++) {
        uint32_t handle = entry_of(writing, plan->enters.items[i])->handle;
        const struct tw_hot_record *hot = &records->hot[handle & INDEX_MASK];
        tw_write_u32(writer, handle);
        tw_write_u16(writer, hot->cell[0]);
        tw_write_u16(writer, hot->cell[1]);
        tw_write_bytes(writer, hot->bytes, TW_HOT_SIZE);
        tw_write_u8(writer, TW_COLD_KNOWN);
        tw_write_bytes(writer, records->cold[handle & INDEX_MASK].bytes, TW_COLD_SIZE_MAX);
    }
}

static void write_colds(const struct writing *writing, struct tw_writer *writer)
{
    const struct tw_snapshot_plan *plan = writing->plan;
    tw_write_u8(writer, (uint8_t)plan->colds.count);
    for (uint32_t i = 0; i < plan->colds.count; i++) {
        uint32_t index = entry_of(writing, plan->colds.items[i])->handle & INDEX_MASK;
        uint8_t mask = plan->items[plan->colds.items[i]].cold_mask;
        uint8_t fields[TW_COLD_SIZE_MAX];
        size_t size =
            tw_schema_pick_cold(fields, mask, writing->interest->records.cold[index].bytes);
        tw_write_u24(writer, index);
        tw_write_u8(writer, mask);
        tw_write_bytes(writer, fields, size);
    }
}

static void write_hots(const struct writing *writing, struct tw_writer *writer)
{
    const struct tw_snapshot_plan *plan = writing->plan;
    tw_write_u8(writer, (uint8_t)plan->group_count);
    for (uint32_t i = 0; i < plan->group_count; i++) {
        const struct group *group = &plan->groups[i];
        tw_write_u16(writer, group->cell[0]);
        tw_write_u16(writer, group->cell[1]);
        tw_write_u8(writer, (uint8_t)group->count);
        for (uint32_t item = group->first; item; item = plan->hot_next[item - 1u]) {
            uint32_t index = entry_of(writing, item - 1u)->handle & INDEX_MASK;
            tw_write_u24(writer, index);
            tw_write_bytes(writer, writing->interest->records.hot[index].bytes, TW_HOT_SIZE);
        }
    }
}

static void write_check(const struct tw_check *check, struct tw_writer *writer)
{
    tw_write_u8(writer, check->bits);
    tw_write_u8(writer, check->group);
    tw_write_u32(writer, check->sum);
}

static void write_body(const struct writing *writing, struct tw_writer *writer)
{
    struct tw_snapshot_plan *plan = writing->plan;
    bool partial = plan->check.number != 0 && !plan->hash;
    uint32_t flags =
        (plan->self ? TW_SNAPSHOT_HAS_SELF : 0u) | (plan->hash ? TW_SNAPSHOT_HAS_HASH : 0u) |
        (plan->incomplete ? TW_SNAPSHOT_INCOMPLETE : 0u) | (partial ? TW_SNAPSHOT_HAS_CHECK : 0u) |
        (plan->baseline ? TW_SNAPSHOT_BASELINE : 0u);
    uint32_t player = (uint32_t)(writing->observer - writing->interest->observers);
    uint64_t hash =
        plan->check.number != 0 ? tw_observer_hash(writing->interest, player, &plan->check) : 0;
    plan->check.sum = (uint32_t)hash;
    tw_write_u32(writer, writing->observer->number);
    tw_write_u32(writer, (uint32_t)writing->info->tick);
    tw_write_u32(writer, writing->info->last_input);
    tw_write_u8(writer, (uint8_t)flags);
    if (plan->self)
        write_self(writing, writer);
    if (plan->hash)
        tw_write_u64(writer, hash);
    if (partial)
        write_check(&plan->check, writer);
    if (plan->baseline)
        tw_write_u32(writer, writing->observer->baseline);
    tw_write_u8(writer, (uint8_t)plan->exits.count);
    for (uint32_t i = 0; i < plan->exits.count; i++)
        tw_write_u32(writer, entry_of(writing, plan->exits.items[i])->handle);
    write_enters(writing, writer);
    write_colds(writing, writer);
    write_hots(writing, writer);
}

/* Remembers what this snapshot number carries. */
static void account(const struct writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    struct tw_observer *observer = writing->observer;
    uint64_t bit = UINT64_C(1) << observer->number % TW_SNAPSHOT_HISTORY;
    observer->self_carried &= ~bit;
    observer->self_carried |= plan->self ? bit : 0u;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        const struct item *item = &plan->items[i];
        struct tw_view_entry *entry = &writing->entries[item->entry];
        if (item->taken & (ITEM_EXIT | ITEM_ENTER | ITEM_HOT))
            entry->carried |= bit;
        if (item->taken & (ITEM_ENTER | ITEM_COLD))
            entry->cold_carried |= bit;
        if (item->taken & ITEM_ENTER)
            entry->state = TW_ENTRY_ENTERING;
        if (item->taken == item->kinds)
            entry->wait = 0;
        else if (entry->wait < UINT8_MAX)
            entry->wait++;
    }
    if (plan->check.number != 0)
        observer->checks[observer->number % TW_CHECK_HISTORY] = plan->check;
    if (plan->hash) {
        observer->hash_due_tick = writing->info->tick;
        observer->hash_number = observer->number;
    }
}

struct tw_snapshot_result tw_snapshot_write(struct tw_interest *interest, uint32_t player,
                                            const struct tw_snapshot_info *info, uint8_t *bytes,
                                            size_t capacity)
{
    TW_ASSERT(capacity >= TW_SNAPSHOT_CAPACITY_MIN);
    if (capacity > TW_PLAINTEXT_MAX)
        capacity = TW_PLAINTEXT_MAX;
    struct writing writing = {.interest = interest,
                              .plan = interest->plan,
                              .observer = &interest->observers[player],
                              .entries = tw_interest_entries(interest, player),
                              .info = info};
    struct tw_observer *observer = writing.observer;
    place_arrays(writing.plan, interest->entries_max);
    make_plan(&writing, capacity);
    observer->number++;
    observer->acked &= ~(UINT64_C(1) << observer->number % TW_SNAPSHOT_HISTORY);
    observer->ticks[observer->number % TW_SNAPSHOT_HISTORY] = (uint32_t)info->tick;
    struct tw_writer writer = tw_writer_make(bytes, capacity);
    tw_write_u8(&writer, TW_FRAME_SNAPSHOT);
    tw_write_u16(&writer, 0);
    write_body(&writing, &writer);
    TW_ASSERT(!writer.failed);
    account(&writing);
    uint32_t size = (uint32_t)(writer.next - bytes);
    tw_store_u16(bytes + 1, (uint16_t)(size - TW_FRAME_HEADER_SIZE));
    struct tw_snapshot_result result = {.size = size,
                                        .incomplete = writing.plan->incomplete,
                                        .checked = writing.plan->check.number != 0};
    memcpy(result.shed_bytes, writing.plan->shed_bytes, sizeof(result.shed_bytes));
    return result;
}
