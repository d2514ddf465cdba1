/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/shard_loop.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/tick_schedule.h"
#include "tickwire/assert.h"
#include "tickwire/shard.h"

#include <rte_pause.h>
#include <rte_ring_elem.h>
#include <string.h>
#include <sys/prctl.h>

/* Records a burst takes off a ring: 4 KB, stays in the first-level cache. */
#define RECORD_BURST 64u
/* A look at the rings this often between ticks: well below the 4 ticks a ring holds. */
#define GLANCES_PER_TICK 4u

struct outgoing {
    struct tw_out_buffer *buffers; /* [waiting used ones][held empty ones] */
    uint32_t capacity;
    uint32_t waiting; /* used, not taken by the full ring yet */
    uint32_t held;    /* empty */
};

struct tw_shard_loop {
    struct tw_shard_loop_config config;
    struct tw_tick_schedule schedule;
    struct tw_shard *shard;
    struct outgoing outgoing[TW_WORKERS_MAX];
    struct tw_outbox outboxes[TW_WORKERS_MAX];
    struct tw_record burst[RECORD_BURST];
    _Atomic uint64_t tick; /* shard: w, main: r */
};

static size_t align_up(size_t size)
{
    return (size + 63u) & ~(size_t)63u;
}

size_t tw_shard_loop_footprint(const struct tw_shard_loop_config *config)
{
    size_t shard = tw_shard_footprint(&config->shard);
    if (shard == 0 || config->shard.workers > TW_WORKERS_MAX || config->shard.tick_hz == 0)
        return 0;
    size_t size = align_up(sizeof(struct tw_shard_loop)) + align_up(shard);
    for (uint32_t i = 0; i < config->shard.workers; i++)
        size += align_up(rte_ring_get_size(config->rings[i].full) * sizeof(struct tw_out_buffer));
    return size;
}

struct tw_shard_loop *tw_shard_loop_init(void *memory, const struct tw_shard_loop_config *config)
{
    TW_ASSERT(tw_shard_loop_footprint(config) != 0 && (uintptr_t)memory % 64u == 0);
    struct tw_shard_loop *loop = memory;
    memset(loop, 0, sizeof(*loop));
    loop->config = *config;
    uint8_t *next = (uint8_t *)memory + align_up(sizeof(*loop));
    loop->shard = tw_shard_init(next, &config->shard, config->counters);
    TW_ASSERT(loop->shard != NULL);
    next += align_up(tw_shard_footprint(&config->shard));
    for (uint32_t i = 0; i < config->shard.workers; i++) {
        loop->outgoing[i].capacity = rte_ring_get_size(config->rings[i].full);
        loop->outgoing[i].buffers = (struct tw_out_buffer *)(void *)next;
        next += align_up(loop->outgoing[i].capacity * sizeof(struct tw_out_buffer));
    }
    loop->schedule = (struct tw_tick_schedule){
        .epoch_ns = config->epoch_ns, .hz = config->shard.tick_hz, .next = 1};
    return loop;
}

/* rte_ring_count reads what the other thread writes without saying so. */
static uint32_t records_in(const struct rte_ring *ring)
{
    uint32_t written = __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE);
    uint32_t taken = __atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED);
    return (written - taken) & ring->mask;
}

/* Takes what was there at the start: a worker that never stops cannot keep a tick waiting. */
static void drain_records(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct rte_ring *ring = loop->config.rings[i].records;
        uint32_t left = records_in(ring);
        while (left > 0) {
            uint32_t want = left < RECORD_BURST ? left : RECORD_BURST;
            uint32_t count = rte_ring_sc_dequeue_burst_elem(ring, loop->burst,
                                                            sizeof(struct tw_record), want, NULL);
            if (count == 0)
                break;
            tw_shard_consume(loop->shard, loop->burst, count);
            left -= count;
        }
    }
}

/* The first looks at the rings are free of work as long as they are less than a quarter full. */
static void drain_filling(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        const struct rte_ring *ring = loop->config.rings[i].records;
        if (records_in(ring) > rte_ring_get_capacity(ring) / 4) {
            drain_records(loop);
            return;
        }
    }
}

static void offer_waiting(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct outgoing *out = &loop->outgoing[i];
        if (out->waiting == 0)
            continue;
        uint32_t taken =
            rte_ring_sp_enqueue_burst_elem(loop->config.rings[i].full, out->buffers,
                                           sizeof(struct tw_out_buffer), out->waiting, NULL);
        out->waiting -= taken;
        memmove(out->buffers, out->buffers + taken,
                (out->waiting + out->held) * sizeof(struct tw_out_buffer));
    }
}

static void fill_outboxes(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct outgoing *out = &loop->outgoing[i];
        uint32_t start = out->waiting + out->held;
        out->held += rte_ring_sc_dequeue_burst_elem(
            loop->config.rings[i].empty, out->buffers + start, sizeof(struct tw_out_buffer),
            out->capacity - start, NULL);
        loop->outboxes[i] =
            (struct tw_outbox){.buffers = out->buffers + out->waiting, .count = out->held};
    }
}

static void empty_outboxes(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct outgoing *out = &loop->outgoing[i];
        uint32_t used = loop->outboxes[i].used;
        TW_ASSERT(used <= out->held);
        out->waiting += used;
        out->held -= used;
    }
    offer_waiting(loop);
}

static void run_tick(struct tw_shard_loop *loop, uint64_t start_ns)
{
    /* The shard sees the gap in tick numbers and counts it. */
    (void)tw_tick_schedule_catch_up(&loop->schedule, start_ns);
    uint64_t tick = loop->schedule.next;
    drain_records(loop);
    offer_waiting(loop);
    fill_outboxes(loop);
    tw_shard_tick(loop->shard, tick, tw_tick_schedule_due_ns(&loop->schedule), loop->outboxes);
    empty_outboxes(loop);
    loop->schedule.next = tick + 1;
    atomic_store_explicit(&loop->tick, tick, memory_order_relaxed);
}

uint64_t tw_shard_loop_turn(struct tw_shard_loop *loop, uint64_t now_ns)
{
    uint64_t due_ns = tw_tick_schedule_due_ns(&loop->schedule);
    if (now_ns >= due_ns) {
        run_tick(loop, now_ns);
        uint64_t end_ns = tw_clock_now_ns();
        /* A caller's clock may stand still within a turn (tests), never ahead of the real one. */
        uint64_t duration_ns = end_ns > now_ns ? end_ns - now_ns : 0;
        tw_histogram_record(&loop->config.counters->tick_ns, duration_ns);
        due_ns = tw_tick_schedule_due_ns(&loop->schedule);
        if (now_ns + duration_ns > due_ns)
            tw_counter_add(&loop->config.counters->ticks_late, 1);
        return due_ns;
    }
    offer_waiting(loop);
    drain_filling(loop);
    uint64_t glance_ns = now_ns + TW_SECOND_NS / loop->config.shard.tick_hz / GLANCES_PER_TICK;
    return glance_ns < due_ns ? glance_ns : due_ns;
}

int tw_shard_loop_run(void *argument)
{
    struct tw_shard_loop *loop = argument;
    /* Wake within microseconds of the deadline instead of the default 50 µs slack. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    while (!atomic_load_explicit(loop->config.stop, memory_order_acquire)) {
        uint64_t next_ns = tw_shard_loop_turn(loop, tw_clock_now_ns());
        if (loop->config.idle == TW_IDLE_BACKOFF) {
            if (next_ns > tw_clock_now_ns())
                tw_clock_sleep_until_ns(next_ns);
        } else {
            rte_pause();
        }
    }
    return 0;
}

uint64_t tw_shard_loop_tick(const struct tw_shard_loop *loop)
{
    return atomic_load_explicit(&((struct tw_shard_loop *)(uintptr_t)loop)->tick,
                                memory_order_relaxed);
}
