/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/interest/snapshot.h"

#include "simulation/interest/plan.h"
#include "tickwire/assert.h"

static void write_self(const struct tw_snapshot_writing *writing, struct tw_writer *writer)
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

static const struct tw_view_entry *entry_of(const struct tw_snapshot_writing *writing,
                                            uint32_t item)
{
    return &writing->entries[writing->plan->items[item].entry];
}

static void write_enters(const struct tw_snapshot_writing *writing, struct tw_writer *writer)
{
    const struct tw_snapshot_plan *plan = writing->plan;
    const struct tw_records *records = &writing->interest->records;
    tw_write_u8(writer, (uint8_t)plan->enters.count);
    for (uint32_t i = 0; i < plan->enters.count; i++) {
        uint32_t handle = entry_of(writing, plan->enters.items[i])->handle;
        const struct tw_hot_record *hot = &records->hot[handle & TW_ENTITY_INDEX_MASK];
        tw_write_u32(writer, handle);
        tw_write_u16(writer, hot->cell[0]);
        tw_write_u16(writer, hot->cell[1]);
        tw_write_bytes(writer, hot->bytes, TW_HOT_SIZE);
        tw_write_u8(writer, TW_COLD_KNOWN);
        tw_write_bytes(writer, records->cold[handle & TW_ENTITY_INDEX_MASK].bytes,
                       TW_COLD_SIZE_MAX);
    }
}

static void write_colds(const struct tw_snapshot_writing *writing, struct tw_writer *writer)
{
    const struct tw_snapshot_plan *plan = writing->plan;
    tw_write_u8(writer, (uint8_t)plan->colds.count);
    for (uint32_t i = 0; i < plan->colds.count; i++) {
        uint32_t index = entry_of(writing, plan->colds.items[i])->handle & TW_ENTITY_INDEX_MASK;
        uint8_t mask = plan->items[plan->colds.items[i]].cold_mask;
        uint8_t fields[TW_COLD_SIZE_MAX];
        size_t size =
            tw_schema_pick_cold(fields, mask, writing->interest->records.cold[index].bytes);
        tw_write_u24(writer, index);
        tw_write_u8(writer, mask);
        tw_write_bytes(writer, fields, size);
    }
}

static void write_hots(const struct tw_snapshot_writing *writing, struct tw_writer *writer)
{
    const struct tw_snapshot_plan *plan = writing->plan;
    tw_write_u8(writer, (uint8_t)plan->group_count);
    for (uint32_t i = 0; i < plan->group_count; i++) {
        const struct tw_plan_group *group = &plan->groups[i];
        tw_write_u16(writer, group->cell[0]);
        tw_write_u16(writer, group->cell[1]);
        tw_write_u8(writer, (uint8_t)group->count);
        for (uint32_t item = group->first; item; item = plan->hot_next[item - 1u]) {
            uint32_t index = entry_of(writing, item - 1u)->handle & TW_ENTITY_INDEX_MASK;
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

static void write_body(const struct tw_snapshot_writing *writing, struct tw_writer *writer)
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
static void account(const struct tw_snapshot_writing *writing)
{
    struct tw_snapshot_plan *plan = writing->plan;
    struct tw_observer *observer = writing->observer;
    uint64_t bit = UINT64_C(1) << observer->number % TW_SNAPSHOT_HISTORY;
    observer->self_carried &= ~bit;
    observer->self_carried |= plan->self ? bit : 0u;
    for (uint32_t i = 0; i < plan->item_count; i++) {
        const struct tw_plan_item *item = &plan->items[i];
        struct tw_view_entry *entry = &writing->entries[item->entry];
        if (item->taken & (TW_PLAN_EXIT | TW_PLAN_ENTER | TW_PLAN_HOT))
            entry->carried |= bit;
        if (item->taken & (TW_PLAN_ENTER | TW_PLAN_COLD))
            entry->cold_carried |= bit;
        if (item->taken & TW_PLAN_ENTER)
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
    struct tw_snapshot_writing writing = {.interest = interest,
                                          .plan = interest->plan,
                                          .observer = &interest->observers[player],
                                          .entries = tw_interest_entries(interest, player),
                                          .info = info};
    struct tw_observer *observer = writing.observer;
    tw_snapshot_plan_make(&writing, capacity);
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
