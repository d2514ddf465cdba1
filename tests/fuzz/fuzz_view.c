/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes tw_view_apply. First byte even: the rest is one or more raw bodies (u16 length each).
 * Odd: a live shard writes real snapshots, the rest says which bytes of them are flipped before
 * they are applied. Either way a body that is refused must not have changed the view.
 */
#include "simulation/client/view.h"
#include "simulation/shard/shard.h"
#include "tickwire/assert.h"
#include "tickwire/bytes.h"
#include "tickwire/wire.h"

#include <stdlib.h>
#include <string.h>

#define VIEW_CAPACITY 64u
#define BODY_MAX      1200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tw_view *view;
static struct tw_shard *shard;
static struct tw_shard_counters counters;
static uint64_t tick;
static void *shard_memory;

static void *take(size_t size)
{
    void *memory = aligned_alloc(64, (size + 63u) / 64u * 64u);
    TW_ASSERT(memory);
    return memory;
}

static const struct tw_shard_config config = {.world_id = 1,
                                              .seed = 1,
                                              .size_m = 100,
                                              .players_max = 1,
                                              .entities_max = 128,
                                              .npcs = 60,
                                              .npcs_moving_percent = 50,
                                              .obstacles = 5,
                                              .aoi_enter_m = 30,
                                              .aoi_exit_m = 35,
                                              .view_max = 64,
                                              .tick_hz = 60,
                                              .snapshot_hz = 60,
                                              .workers = 1,
                                              .slots_per_worker = 1};

/* Both start anew for every input, so that a finding repeats from its file alone. */
static void set_up(void)
{
    if (!view) {
        view = take(tw_view_footprint(VIEW_CAPACITY));
        shard_memory = take(tw_shard_footprint(&config));
    }
    view = tw_view_init(view, VIEW_CAPACITY);
}

static void start_shard(void)
{
    struct tw_record join = {.type = TW_RECORD_JOIN, .route_epoch = 1, .world = 1};
    shard = tw_shard_init(shard_memory, &config, &counters);
    tick = 0;
    tw_shard_consume(shard, &join, 1);
}

static void apply(const uint8_t *body, size_t size)
{
    struct tw_view_changes changes;
    uint32_t newest_before, newest, bitmap;
    /* Exactly as large as the body, so that the sanitizer sees a read past its end. */
    uint8_t *copy = malloc(size ? size : 1u);
    TW_ASSERT(copy);
    memcpy(copy, body, size);
    uint64_t hash_before = tw_view_hash(view);
    tw_view_acknowledgement(view, &newest_before, &bitmap);
    enum tw_view_result result = tw_view_apply(view, copy, size, &changes);
    tw_view_acknowledgement(view, &newest, &bitmap);
    free(copy);
    if (result == TW_VIEW_MALFORMED || result == TW_VIEW_OLD) {
        TW_ASSERT(tw_view_hash(view) == hash_before && newest == newest_before);
        return;
    }
    struct tw_view_entity entities[VIEW_CAPACITY];
    size_t count = tw_view_entities(view, entities, VIEW_CAPACITY);
    TW_ASSERT(newest > newest_before && newest == changes.number);
    for (size_t i = 0; i < count; i++) {
        struct tw_view_entity found;
        TW_ASSERT(entities[i].handle >> 24 != 0 &&
                  tw_view_entity(view, entities[i].handle, &found));
    }
}

static void fuzz_raw(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    while (tw_reader_left(&reader) >= 2u) {
        size_t length = tw_read_u16(&reader);
        if (length > tw_reader_left(&reader))
            length = tw_reader_left(&reader);
        apply(tw_read_bytes(&reader, length), length);
    }
}

static void fuzz_corrupted(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    start_shard();
    while (tw_reader_left(&reader) >= 4u) {
        uint8_t bytes[BODY_MAX];
        struct tw_out_buffer buffer = {.bytes = bytes, .capacity = 1120};
        struct tw_outbox outbox = {.buffers = &buffer, .count = 1};
        tw_shard_tick(shard, ++tick, 0, &outbox);
        uint16_t at = tw_read_u16(&reader);
        uint8_t flip = tw_read_u8(&reader);
        uint8_t acked = tw_read_u8(&reader);
        uint32_t number = tw_load_u32(bytes + TW_FRAME_HEADER_SIZE);
        size_t body_size = buffer.length - TW_FRAME_HEADER_SIZE;
        TW_ASSERT(outbox.used == 1);
        bytes[TW_FRAME_HEADER_SIZE + at % body_size] ^= flip;
        apply(bytes + TW_FRAME_HEADER_SIZE, body_size);
        struct tw_record record = {.type = TW_RECORD_SNAPSHOT_ACK, .route_epoch = 1, .world = 1};
        record.snapshot_ack.newest = number;
        if (acked & 1u)
            tw_shard_consume(shard, &record, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    if (size == 0)
        return 0;
    if (data[0] & 1u)
        fuzz_corrupted(data + 1, size - 1u);
    else
        fuzz_raw(data + 1, size - 1u);
    return 0;
}
