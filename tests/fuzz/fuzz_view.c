/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes tw_view_apply. First byte even: the rest is one or more raw bodies (u16 length each).
 * Odd: the rest is steps of { u16 place, u8 flip, u8 which }: which of the recorded snapshots comes
 * next, and which byte of it is flipped before. Either way a body that is refused must not have
 * changed the view.
 *
 * A live shard records them once, at the start: to each of eight players it writes 32 snapshots,
 * who acknowledges none, each, every 2nd ... every 7th of them. A step names the player (3 bits)
 * and how many snapshots are lost before the one that arrives (5 bits, modulo 32: 31 is the same
 * one again, 30 the one before).
 */
#include "simulation/client/view.h"
#include "simulation/shard/shard.h"
#include "tests/fuzz/fuzzing.h"
#include "tickwire/wire.h"

#include <stdlib.h>
#include <string.h>

#define VIEW_CAPACITY 64u
#define BODY_MAX      1200u
#define PLAYERS       8u
#define SNAPSHOTS     32u /* as many as an acknowledgement tells */
#define STEPS_MAX     64u /* all snapshots twice: more of them takes time and tells nothing new */

struct recording {
    uint8_t body[BODY_MAX];
    size_t size;
};

static struct recording recordings[PLAYERS][SNAPSHOTS];
static struct tw_view *view;
/* A body is applied where the memory taken for it ends: the sanitizer sees a read past it. */
static uint8_t *bodies_end;

static void *take(size_t size)
{
    void *memory = aligned_alloc(64, (size + 63u) / 64u * 64u);
    TW_ASSERT(memory);
    return memory;
}

/* So few ticks a second that several of the snapshots carry a hash of the view. */
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
                                              .tick_hz = 10,
                                              .snapshot_hz = 10,
                                              .workers = 1,
                                              .slots_per_worker = 1};

/* Player 0 acknowledges nothing, player n every n-th snapshot. */
static void record_player(void *memory, uint32_t player)
{
    struct tw_record join = {.type = TW_RECORD_JOIN, .route_epoch = 1, .world = 1};
    static struct tw_shard_counters counters;
    struct tw_shard *shard = tw_shard_init(memory, &config, &counters);
    tw_shard_consume(shard, &join, 1);
    for (uint32_t i = 0; i < SNAPSHOTS; i++) {
        uint8_t frame[BODY_MAX + TW_FRAME_HEADER_SIZE];
        struct tw_out_buffer buffer = {.bytes = frame, .capacity = 1120};
        struct tw_outbox outbox = {.buffers = &buffer, .count = 1};
        tw_shard_tick(shard, i + 1u, 0, &outbox);
        TW_ASSERT(outbox.used == 1);
        /* Measured times may follow in a frame of their own. */
        struct recording *recording = &recordings[player][i];
        recording->size = tw_load_u16(frame + 1);
        memcpy(recording->body, frame + TW_FRAME_HEADER_SIZE, recording->size);
        struct tw_record record = {.type = TW_RECORD_SNAPSHOT_ACK, .route_epoch = 1, .world = 1};
        record.snapshot_ack.newest = tw_load_u32(recording->body);
        if (player > 0 && i % player == 0)
            tw_shard_consume(shard, &record, 1);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    view = take(tw_view_footprint(VIEW_CAPACITY));
    bodies_end = (uint8_t *)take(UINT16_MAX + 1u) + UINT16_MAX + 1u;
    void *memory = take(tw_shard_footprint(&config));
    for (uint32_t player = 0; player < PLAYERS; player++)
        record_player(memory, player);
    free(memory);
    return 0;
}

/* Whether the hash it carried was wrong. */
static bool apply(const uint8_t *body, size_t size)
{
    struct tw_view_changes changes;
    uint32_t newest_before, newest, bitmap;
    uint8_t *copy = bodies_end - size;
    memcpy(copy, body, size);
    uint64_t hash_before = tw_view_hash(view);
    tw_view_acknowledgement(view, &newest_before, &bitmap);
    enum tw_view_result result = tw_view_apply(view, copy, size, &changes);
    tw_view_acknowledgement(view, &newest, &bitmap);
    if (result == TW_VIEW_MALFORMED || result == TW_VIEW_OLD) {
        TW_ASSERT(tw_view_hash(view) == hash_before && newest == newest_before);
        return false;
    }
    struct tw_view_entity entities[VIEW_CAPACITY];
    size_t count = tw_view_entities(view, entities, VIEW_CAPACITY);
    TW_ASSERT(newest > newest_before && newest == changes.number);
    for (size_t i = 0; i < count; i++) {
        struct tw_view_entity found;
        TW_ASSERT(entities[i].handle >> 24 != 0 &&
                  tw_view_entity(view, entities[i].handle, &found));
    }
    return changes.hash_wrong;
}

static void fuzz_raw(struct tw_reader *reader)
{
    for (uint32_t i = 0; i < STEPS_MAX && tw_reader_left(reader) >= 2u; i++) {
        size_t length = tw_read_u16(reader);
        if (length > tw_reader_left(reader))
            length = tw_reader_left(reader);
        (void)apply(tw_read_bytes(reader, length), length);
    }
}

static void fuzz_recorded(struct tw_reader *reader)
{
    uint32_t player = 0, at = SNAPSHOTS - 1u;
    bool faithful = true; /* one player's snapshots, each in its turn, as they were written */
    for (uint32_t i = 0; i < STEPS_MAX && tw_reader_left(reader) >= 4u; i++) {
        uint16_t place = tw_read_u16(reader);
        uint8_t flip = tw_read_u8(reader);
        uint8_t which = tw_read_u8(reader);
        faithful &=
            flip == 0 && which >> 3 == 0 && (i == 0 || which % PLAYERS == player) && i < SNAPSHOTS;
        player = which % PLAYERS;
        at = (at + 1u + (which >> 3)) % SNAPSHOTS;
        struct recording copy = recordings[player][at];
        copy.body[place % copy.size] ^= flip;
        bool hash_wrong = apply(copy.body, copy.size);
        TW_ASSERT(!faithful || !hash_wrong);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    view = tw_view_init(view, VIEW_CAPACITY);
    if (fuzz_u8(&reader) & 1u)
        fuzz_recorded(&reader);
    else
        fuzz_raw(&reader);
    return 0;
}
