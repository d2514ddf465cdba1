/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cells of a shard's ring that are a worker's to write, and what the frames of an accepted packet
 * become in them.
 *
 *   inputs        ─► a record each that was not routed before, oldest first, so that the shard sees
 *                    ticks in order; within the session's budget. What is passed over,
 *                    since the session is throttled, does not come again with a repeat
 *   snapshot ack  ─► in the newest input's record, which most packets have; else one of its own
 *   check         ─► a record
 *
 * Nothing of a session overtakes its join: until that stands in a cell, and when no cell is left,
 * what would be a record is counted. An input that found none was not routed: its repeats try anew.
 *
 * Pure over the session table and the cells, no DPDK; time is an argument; run by the worker that
 * owns both. Whose cells, and when the shard sees them: route.c.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_CELLS_H
#define TICKWIRE_DATAPLANE_GATE_CELLS_H

#include "dataplane/gate/burst.h"
#include "dataplane/gate/sessions.h"
#include "dataplane/wire/frames.h"
#include "tickwire/counters.h"
#include "tickwire/prefetch.h"
#include "tickwire/shard.h"

#include <stdint.h>

/* A ring is larger than any cache: a cell was read by the shard's core a second ago. The one that
 * is written this many records later is asked for with each: a burst's worth. */
#define TW_CELLS_AHEAD TW_BURST_MAX
/* What an accepted packet takes at most: an acknowledgement has a record of its own when no input
 * has. */
#define TW_CELLS_OF_PACKET (TW_INPUTS_MAX + 1u)

/* On their way to one shard, written in the ring's cells: the shard sees them all at once, for a
 * ring's index costs it a cache line each time it moves. */
struct tw_cells {
    uint32_t count;    /* written */
    uint32_t reserved; /* cells that are ours; 0: none */
    uint32_t first_count;
    struct tw_record *first, *second; /* the ring's end and its beginning */
};

/* What is the same for all records of a worker. */
struct tw_cells_writer {
    struct tw_sessions *sessions;
    struct tw_worker_counters *counters;
    struct tw_budget_rate input_rate;
    uint32_t worker;
};

/* Whose records are written, into which cells, and when. */
struct tw_cells_use {
    const struct tw_cells_writer *writer;
    struct tw_cells *cells;
    uint32_t slot;
    uint32_t tick; /* that runs now */
    uint64_t now_ns;
};

static inline struct tw_record *tw_cells_at(const struct tw_cells *cells, uint32_t number)
{
    return number < cells->first_count ? &cells->first[number]
                                       : &cells->second[number - cells->first_count];
}

static inline uint32_t tw_cells_left(const struct tw_cells *cells)
{
    return cells->reserved - cells->count;
}

/* The session's next record, its head filled in; NULL: no cell is left. */
static inline struct tw_record *tw_cells_take(const struct tw_cells_use *use,
                                              enum tw_record_type type)
{
    const struct tw_sessions *sessions = use->writer->sessions;
    struct tw_cells *cells = use->cells;
    if (tw_cells_left(cells) == 0)
        return NULL;
    if (tw_cells_left(cells) > TW_CELLS_AHEAD)
        tw_prefetch_to_write(tw_cells_at(cells, cells->count + TW_CELLS_AHEAD));
    struct tw_record *record = tw_cells_at(cells, cells->count++);
    *record = (struct tw_record){
        .type = (uint16_t)type,
        .worker = (uint16_t)use->writer->worker,
        .slot = use->slot,
        .route_epoch = sessions->hot[use->slot].route_epoch,
        .world = sessions->bodies[use->slot].world,
        .received_ns = use->now_ns,
    };
    return record;
}

/* The same, once the session has joined. */
static inline struct tw_record *tw_cells_take_joined(const struct tw_cells_use *use,
                                                     enum tw_record_type type)
{
    bool join_waits = (use->writer->sessions->hot[use->slot].due & TW_DUE_JOIN) != 0;
    return join_waits ? NULL : tw_cells_take(use, type);
}

/* Entry `newer` of the list: as many belong to later ticks. Sets *routed to its record, if it got
 * one. */
static inline enum tw_input_outcome tw_cells_write_input(const struct tw_cells_use *use,
                                                         const struct tw_client_frames *frames,
                                                         uint32_t newer, struct tw_record **routed)
{
    uint32_t tick = frames->newest_tick - newer;
    struct tw_session_body *body = &use->writer->sessions->bodies[use->slot];
    enum tw_input_outcome outcome = tw_input_window_test(&body->inputs, tick, use->tick);
    if (outcome != TW_INPUT_ROUTED)
        return outcome;
    if (!tw_budget_take(&body->input_budget, use->writer->input_rate, use->now_ns))
        return TW_INPUT_RATE;
    struct tw_record *record = tw_cells_take_joined(use, TW_RECORD_INPUT);
    if (!record)
        return TW_INPUT_RING_FULL;
    tw_input_window_mark(&body->inputs, tick);
    record->input.tick = tick;
    record->input.input = frames->inputs[newer];
    record->input.newer = (uint8_t)newer;
    *routed = record;
    return TW_INPUT_ROUTED;
}

/* It is not to be taken, nor are its repeats. */
static inline enum tw_input_outcome tw_cells_pass_over(const struct tw_cells_use *use,
                                                       uint32_t tick)
{
    struct tw_input_window *window = &use->writer->sessions->bodies[use->slot].inputs;
    enum tw_input_outcome outcome = tw_input_window_test(window, tick, use->tick);
    if (outcome != TW_INPUT_ROUTED)
        return outcome;
    tw_input_window_mark(window, tick);
    return TW_INPUT_CONDUCT;
}

/* No entry is older than tick 0. Returns the newest one's record; NULL if none was routed. */
static inline struct tw_record *tw_cells_write_inputs(const struct tw_cells_use *use,
                                                      const struct tw_client_frames *frames)
{
    struct tw_record *newest = NULL;
    tw_counter *counters = use->writer->counters->inputs;
    uint64_t repeats = tw_input_window_repeats(&use->writer->sessions->bodies[use->slot].inputs,
                                               frames->newest_tick, frames->input_count);
    tw_counter_add(&counters[TW_INPUT_DUPLICATE], (uint64_t)__builtin_popcountll(repeats));
    uint64_t fresh = ~repeats & UINT64_MAX >> (TW_INPUT_WINDOW - frames->input_count);
    while (fresh != 0) {
        uint32_t i = 63u - (uint32_t)__builtin_clzll(fresh);
        fresh ^= UINT64_C(1) << i;
        enum tw_input_outcome outcome = i + frames->passed_over >= frames->input_count
                                            ? tw_cells_pass_over(use, frames->newest_tick - i)
                                            : tw_cells_write_input(use, frames, i, &newest);
        tw_counter_add(&counters[outcome], 1);
    }
    return newest;
}

/* With the input of the same packet, or alone. */
static inline void tw_cells_write_snapshot_ack(const struct tw_cells_use *use,
                                               const struct tw_client_frames *frames,
                                               struct tw_record *input)
{
    if (input) {
        input->input.acked_newest = frames->snapshot_newest;
        input->input.acked_bitmap = frames->snapshot_bitmap;
        return;
    }
    struct tw_record *record = tw_cells_take_joined(use, TW_RECORD_SNAPSHOT_ACK);
    if (!record) {
        tw_counter_add(&use->writer->counters->records_ring_full, 1);
        return;
    }
    record->snapshot_ack.newest = frames->snapshot_newest;
    record->snapshot_ack.bitmap = frames->snapshot_bitmap;
}

static inline void tw_cells_write_check(const struct tw_cells_use *use,
                                        const struct tw_frame_check *check)
{
    struct tw_record *record = tw_cells_take_joined(use, TW_RECORD_CHECK);
    if (!record) {
        tw_counter_add(&use->writer->counters->records_ring_full, 1);
        return;
    }
    record->check.number = check->number;
    record->check.sum = check->sum;
    record->check.bits = check->bits;
    record->check.group = check->group;
}

/* What the shard hears of an accepted packet: TW_CELLS_OF_PACKET records at most. */
static inline void tw_cells_write_frames(const struct tw_cells_use *use,
                                         const struct tw_client_frames *frames)
{
    struct tw_record *input = frames->has_inputs ? tw_cells_write_inputs(use, frames) : NULL;
    if (frames->has_snapshot_ack)
        tw_cells_write_snapshot_ack(use, frames, input);
    if (frames->has_check)
        tw_cells_write_check(use, &frames->check);
}

#endif
