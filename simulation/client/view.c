/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/client/internal.h"

#include "simulation/core/arena.h"
#include "simulation/core/check.h"
#include "simulation/core/hash.h"
#include "simulation/core/schema.h"
#include "tickwire/assert.h"
#include "tickwire/ids.h"

#define CAPACITY_MAX 65536u

/* A checked snapshot: where its parts start. */
struct parts {
    uint32_t number, tick, last_input;
    uint32_t baseline; /* 0: none */
    uint8_t flags;
    const uint8_t *self, *hash, *check, *exits, *enters, *colds, *hots; /* lists: after the count */
    uint8_t exit_count, enter_count, cold_count, group_count;
};

static uint32_t slots_for(uint32_t capacity)
{
    uint32_t slots = 2;
    while (slots < 2u * capacity)
        slots *= 2u;
    return slots;
}

static void carve(struct tw_view *view, struct tw_arena *arena, uint32_t capacity)
{
    tw_arena_take(arena, 1, sizeof(*view));
    view->entries = tw_arena_take(arena, capacity, sizeof(*view->entries));
    view->slots = tw_arena_take(arena, slots_for(capacity), sizeof(*view->slots));
    view->exited = tw_arena_take(arena, capacity + 2u * TW_VIEW_PART_MAX, sizeof(*view->exited));
}

size_t tw_view_footprint(uint32_t capacity)
{
    if (capacity == 0 || capacity > CAPACITY_MAX)
        return 0;
    struct tw_view view;
    struct tw_arena arena = {0};
    carve(&view, &arena, capacity);
    return arena.used;
}

struct tw_view *tw_view_init(void *memory, uint32_t capacity)
{
    size_t footprint = tw_view_footprint(capacity);
    TW_ASSERT(footprint != 0 && (uintptr_t)memory % TW_ARENA_ALIGN == 0);
    memset(memory, 0, footprint);
    struct tw_view *view = memory;
    struct tw_arena arena = {.base = memory};
    carve(view, &arena, capacity);
    view->capacity = capacity;
    view->slots_mask = slots_for(capacity) - 1u;
    return view;
}

/* ---- index → entry -------------------------------------------------------------------------- */

static uint32_t home_slot(const struct tw_view *view, uint32_t index)
{
    return (index * 0x9E3779B1u) >> 7 & view->slots_mask;
}

/* The slot that holds `index`, or the free one where it would go. At most half are taken. */
static uint32_t find_slot(const struct tw_view *view, uint32_t index)
{
    uint32_t slot = home_slot(view, index);
    while (view->slots[slot] &&
           (view->entries[view->slots[slot] - 1u].handle & TW_ENTITY_INDEX_MASK) != index)
        slot = (slot + 1u) & view->slots_mask;
    return slot;
}

static struct tw_view_record *find_entry(const struct tw_view *view, uint32_t index)
{
    uint32_t at = view->slots[find_slot(view, index)];
    return at ? &view->entries[at - 1u] : NULL;
}

static void remove_entry(struct tw_view *view, uint32_t index)
{
    uint32_t hole = find_slot(view, index);
    uint32_t at = view->slots[hole] - 1u;
    /* Close the gap: move back every later one of the run that may stand in the hole. */
    for (uint32_t slot = (hole + 1u) & view->slots_mask; view->slots[slot];
         slot = (slot + 1u) & view->slots_mask) {
        uint32_t home =
            home_slot(view, view->entries[view->slots[slot] - 1u].handle & TW_ENTITY_INDEX_MASK);
        if (((slot - home) & view->slots_mask) >= ((slot - hole) & view->slots_mask)) {
            view->slots[hole] = view->slots[slot];
            hole = slot;
        }
    }
    view->slots[hole] = 0;
    uint32_t last = --view->count;
    if (at != last) {
        view->slots[find_slot(view, view->entries[last].handle & TW_ENTITY_INDEX_MASK)] = at + 1u;
        view->entries[at] = view->entries[last];
    }
}

/* ---- decoding ------------------------------------------------------------------------------- */

static bool is_handle(uint32_t handle)
{
    return tw_entity_generation((tw_entity){.bits = handle}) != 0;
}

static void check_exits(struct tw_reader *reader, struct parts *parts)
{
    parts->exit_count = tw_read_u8(reader);
    parts->exits = reader->next;
    for (uint32_t i = 0; i < parts->exit_count && !reader->failed; i++) {
        if (!is_handle(tw_read_u32(reader)))
            reader->failed = true;
    }
}

static void check_enters(struct tw_reader *reader, struct parts *parts)
{
    parts->enter_count = tw_read_u8(reader);
    parts->enters = reader->next;
    for (uint32_t i = 0; i < parts->enter_count && !reader->failed; i++) {
        const uint8_t *enter = tw_read_bytes(reader, TW_ENTER_SIZE);
        if (enter && (!is_handle(tw_load_u32(enter)) ||
                      enter[TW_HANDLE_SIZE + 4u + TW_HOT_SIZE] != TW_COLD_KNOWN))
            reader->failed = true;
    }
}

static void check_colds(struct tw_reader *reader, struct parts *parts)
{
    parts->cold_count = tw_read_u8(reader);
    parts->colds = reader->next;
    for (uint32_t i = 0; i < parts->cold_count && !reader->failed; i++) {
        tw_read_u24(reader);
        uint8_t mask = tw_read_u8(reader);
        if (mask == 0 || mask & ~TW_COLD_KNOWN)
            reader->failed = true;
        tw_read_bytes(reader, tw_schema_cold_size(mask));
    }
}

static void check_hots(struct tw_reader *reader, struct parts *parts)
{
    parts->group_count = tw_read_u8(reader);
    parts->hots = reader->next;
    for (uint32_t i = 0; i < parts->group_count && !reader->failed; i++) {
        tw_read_u32(reader);
        uint8_t count = tw_read_u8(reader);
        if (count == 0)
            reader->failed = true;
        tw_read_bytes(reader, (size_t)count * TW_HOT_RECORD_SIZE);
    }
}

/* A hash is of everything, a check of a class: there is one or the other. */
static bool flags_are_valid(uint32_t flags)
{
    return (flags & ~TW_SNAPSHOT_FLAGS_KNOWN) == 0 &&
           !(flags & TW_SNAPSHOT_HAS_HASH &&
             flags & (TW_SNAPSHOT_INCOMPLETE | TW_SNAPSHOT_HAS_CHECK));
}

static bool check_class(struct tw_reader *reader, struct parts *parts)
{
    parts->check = tw_read_bytes(reader, TW_VIEW_CHECK_SIZE);
    return parts->check && parts->check[0] <= TW_CHECK_BITS_MAX &&
           parts->check[1] < 1u << parts->check[0];
}

/* The whole body; false if any of it does not parse. */
static bool check_parts(struct tw_reader *reader, struct parts *parts)
{
    if (parts->number == 0 || !flags_are_valid(parts->flags))
        return false;
    if (parts->flags & TW_SNAPSHOT_HAS_SELF) {
        parts->self = tw_read_bytes(reader, TW_SELF_SIZE);
        if (!parts->self || !is_handle(tw_load_u32(parts->self)))
            return false;
    }
    if (parts->flags & TW_SNAPSHOT_HAS_HASH)
        parts->hash = tw_read_bytes(reader, TW_VIEW_HASH_SIZE);
    if (parts->flags & TW_SNAPSHOT_HAS_CHECK && !check_class(reader, parts))
        return false;
    if (parts->flags & TW_SNAPSHOT_BASELINE) {
        parts->baseline = tw_read_u32(reader);
        if (parts->baseline == 0 || parts->baseline > parts->number)
            return false;
    }
    check_exits(reader, parts);
    check_enters(reader, parts);
    check_colds(reader, parts);
    check_hots(reader, parts);
    return !reader->failed && tw_reader_left(reader) == 0;
}

/* ---- applying: cannot fail ------------------------------------------------------------------ */

static void apply_self(struct tw_view *view, const struct parts *parts)
{
    view->self.last_input_tick = parts->last_input;
    if (!parts->self)
        return;
    struct tw_reader reader = tw_reader_make(parts->self, TW_SELF_SIZE);
    view->self.handle = tw_read_u32(&reader);
    view->self.x = (int32_t)tw_read_u32(&reader);
    view->self.y = (int32_t)tw_read_u32(&reader);
    view->self.velocity_x = (int32_t)tw_read_u32(&reader);
    view->self.velocity_y = (int32_t)tw_read_u32(&reader);
    view->self.heading = tw_read_u16(&reader);
    view->self.tick = parts->tick;
}

/* Forgets all that was known before. */
static void apply_baseline(struct tw_view *view, const struct parts *parts,
                           struct tw_view_changes *changes)
{
    if (parts->baseline <= view->baseline)
        return;
    view->baseline = parts->baseline;
    changes->baseline = true;
    for (uint32_t i = 0; i < view->count; i++)
        view->exited[changes->exited_count++] = view->entries[i].handle;
    view->count = 0;
    memset(view->slots, 0, (view->slots_mask + 1u) * sizeof(*view->slots));
}

/* Of the entities that a check names. */
static uint64_t hash_of(const struct tw_view *view, const struct tw_check *check)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        const struct tw_view_record *entry = &view->entries[i];
        if (!tw_check_names(check, entry->handle))
            continue;
        uint8_t cold[TW_COLD_SIZE_MAX];
        tw_schema_encode_cold(cold, TW_COLD_KNOWN, entry->cold);
        sum += tw_hash64_entity(entry->handle, entry->cell, entry->hot, cold);
    }
    return sum;
}

static void compare(const struct tw_view *view, const struct parts *parts,
                    struct tw_view_changes *changes)
{
    struct tw_check check = {.number = parts->number};
    if (parts->check) {
        check.bits = parts->check[0];
        check.group = parts->check[1];
    } else if (!parts->hash) {
        return;
    }
    uint64_t hash = hash_of(view, &check);
    check.sum = (uint32_t)hash;
    changes->hash_checked = true;
    changes->hash_wrong =
        parts->hash ? tw_load_u64(parts->hash) != hash : tw_load_u32(parts->check + 2) != check.sum;
    changes->check = check;
}

static void apply_exits(struct tw_view *view, const struct parts *parts,
                        struct tw_view_changes *changes)
{
    for (uint32_t i = 0; i < parts->exit_count; i++) {
        uint32_t handle = tw_load_u32(parts->exits + i * TW_HANDLE_SIZE);
        const struct tw_view_record *entry = find_entry(view, handle & TW_ENTITY_INDEX_MASK);
        if (!entry || entry->handle != handle)
            continue;
        remove_entry(view, handle & TW_ENTITY_INDEX_MASK);
        view->exited[changes->exited_count++] = handle;
    }
}

/* The entry an enter goes to; NULL when the view is full. */
static struct tw_view_record *entry_for_enter(struct tw_view *view, uint32_t handle,
                                              struct tw_view_changes *changes)
{
    struct tw_view_record *entry = find_entry(view, handle & TW_ENTITY_INDEX_MASK);
    if (entry && entry->handle == handle)
        return entry;
    if (entry) {
        view->exited[changes->exited_count++] = entry->handle;
    } else {
        if (view->count == view->capacity)
            return NULL;
        view->slots[find_slot(view, handle & TW_ENTITY_INDEX_MASK)] = view->count + 1u;
        entry = &view->entries[view->count++];
    }
    view->entered[changes->entered_count++] = handle;
    return entry;
}

/* False when some found no room. */
static bool apply_enters(struct tw_view *view, const struct parts *parts,
                         struct tw_view_changes *changes)
{
    bool fits = true;
    for (uint32_t i = 0; i < parts->enter_count; i++) {
        const uint8_t *enter = parts->enters + i * TW_ENTER_SIZE;
        uint32_t handle = tw_load_u32(enter);
        struct tw_view_record *entry = entry_for_enter(view, handle, changes);
        if (!entry) {
            fits = false;
            continue;
        }
        *entry = (struct tw_view_record){
            .handle = handle,
            .tick = parts->tick,
            .cell = {tw_load_u16(enter + TW_HANDLE_SIZE), tw_load_u16(enter + TW_HANDLE_SIZE + 2u)},
        };
        memcpy(entry->hot, enter + TW_HANDLE_SIZE + 4u, TW_HOT_SIZE);
        tw_schema_decode_cold(enter + TW_HANDLE_SIZE + 4u + TW_HOT_SIZE + 1u, TW_COLD_KNOWN,
                              entry->cold);
    }
    return fits;
}

static void apply_colds(struct tw_view *view, const struct parts *parts)
{
    const uint8_t *next = parts->colds;
    for (uint32_t i = 0; i < parts->cold_count; i++) {
        struct tw_view_record *entry = find_entry(view, tw_load_u24(next));
        uint8_t mask = next[TW_INDEX_SIZE];
        next += TW_INDEX_SIZE + 1u;
        if (entry) {
            tw_schema_decode_cold(next, mask, entry->cold);
            entry->tick = parts->tick;
        }
        next += tw_schema_cold_size(mask);
    }
}

static void apply_hots(struct tw_view *view, const struct parts *parts)
{
    const uint8_t *next = parts->hots;
    for (uint32_t i = 0; i < parts->group_count; i++) {
        uint16_t cell[2] = {tw_load_u16(next), tw_load_u16(next + 2)};
        uint32_t count = next[4];
        next += TW_HOT_GROUP_HEADER_SIZE;
        for (uint32_t j = 0; j < count; j++, next += TW_HOT_RECORD_SIZE) {
            struct tw_view_record *entry = find_entry(view, tw_load_u24(next));
            if (!entry)
                continue;
            entry->cell[0] = cell[0];
            entry->cell[1] = cell[1];
            memcpy(entry->hot, next + TW_INDEX_SIZE, TW_HOT_SIZE);
            entry->tick = parts->tick;
        }
    }
}

static void note_number(struct tw_view *view, uint32_t number)
{
    uint32_t ahead = number - view->newest;
    uint64_t history = (uint64_t)view->bitmap << 1 | (view->newest != 0); /* bit i = newest - i */
    history = ahead > 32u ? 0 : history << (ahead - 1u);
    view->bitmap = (uint32_t)history;
    view->newest = number;
}

/* False: it does not parse. */
static bool decode(const uint8_t *body, size_t size, struct parts *parts)
{
    struct tw_reader reader = tw_reader_make(body, size);
    *parts = (struct parts){0};
    parts->number = tw_read_u32(&reader);
    parts->tick = tw_read_u32(&reader);
    parts->last_input = tw_read_u32(&reader);
    parts->flags = tw_read_u8(&reader);
    return !reader.failed && check_parts(&reader, parts);
}

bool tw_view_is_valid(const uint8_t *body, size_t size)
{
    struct parts parts;
    return decode(body, size, &parts);
}

enum tw_view_result tw_view_apply(struct tw_view *view, const uint8_t *body, size_t size,
                                  struct tw_view_changes *changes)
{
    struct parts parts;
    *changes = (struct tw_view_changes){0};
    if (!decode(body, size, &parts))
        return TW_VIEW_MALFORMED;
    if (parts.number <= view->newest)
        return TW_VIEW_OLD;
    *changes = (struct tw_view_changes){.number = parts.number,
                                        .tick = parts.tick,
                                        .last_input_tick = parts.last_input,
                                        .incomplete = parts.flags & TW_SNAPSHOT_INCOMPLETE,
                                        .missed = parts.number - view->newest - 1u,
                                        .entered = view->entered,
                                        .exited = view->exited};
    note_number(view, parts.number);
    apply_self(view, &parts);
    apply_baseline(view, &parts, changes);
    apply_exits(view, &parts, changes);
    bool fits = apply_enters(view, &parts, changes);
    apply_colds(view, &parts);
    apply_hots(view, &parts);
    compare(view, &parts, changes);
    return fits ? TW_VIEW_APPLIED : TW_VIEW_FULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

void tw_view_acknowledgement(const struct tw_view *view, uint32_t *newest, uint32_t *bitmap)
{
    *newest = view->newest;
    *bitmap = view->bitmap;
}

static struct tw_view_entity to_entity(const struct tw_view_record *entry)
{
    struct tw_view_entity entity = {
        .handle = entry->handle,
        .x = (int32_t)((uint32_t)entry->cell[0] << TW_CELL_SHIFT |
                       tw_load_u16(entry->hot + TW_HOT_X)),
        .y = (int32_t)((uint32_t)entry->cell[1] << TW_CELL_SHIFT |
                       tw_load_u16(entry->hot + TW_HOT_Y)),
        .heading = entry->hot[TW_HOT_HEADING],
        .speed = entry->hot[TW_HOT_SPEED],
        .action = entry->hot[TW_HOT_ACTION],
        .tick = entry->tick,
    };
#define TW_X(name, member, bits, unit) entity.member = (uint##bits##_t)entry->cold[TW_FIELD_##name];
    TW_SCHEMA_COLD(TW_X)
#undef TW_X
    return entity;
}

size_t tw_view_entities(const struct tw_view *view, struct tw_view_entity *out, size_t capacity)
{
    size_t count = view->count < capacity ? view->count : capacity;
    for (size_t i = 0; i < count; i++)
        out[i] = to_entity(&view->entries[i]);
    return count;
}

bool tw_view_entity(const struct tw_view *view, uint32_t handle, struct tw_view_entity *out)
{
    const struct tw_view_record *entry = find_entry(view, handle & TW_ENTITY_INDEX_MASK);
    if (!entry || entry->handle != handle)
        return false;
    *out = to_entity(entry);
    return true;
}

struct tw_view_self tw_view_get_self(const struct tw_view *view)
{
    return view->self;
}

uint64_t tw_view_hash(const struct tw_view *view)
{
    struct tw_check all = {0};
    return hash_of(view, &all);
}
