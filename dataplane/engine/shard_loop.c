/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/shard_loop.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/tick_schedule.h"
#include "dataplane/gate/probe.h"
#include "dataplane/gate/ring.h"
#include "dataplane/gate/talk.h"
#include "simulation/shard/relay.h"
#include "tickwire/align.h"
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
#define RETURN_BURST     64u
static_assert(TW_TALK_LENT_MAX < TW_RELAY_LENT_MAX, "a shard keeps all that a worker lends");

/* Empty buffers stand at the end of their array, [first, capacity): a tick uses them from `first`
 * on, new ones come in before it, and none is ever moved. */
struct stock {
    struct tw_out_buffer *empty;
    uint32_t capacity;
    uint32_t first;
};

/* At most as many buffers as both stocks have room for, in all three arrays. */
struct outgoing {
    struct stock buffers, messages;
    struct tw_out_buffer *waiting; /* used, not taken by the full ring yet; oldest first */
    uint32_t waiting_count;
    uint32_t messages_out[TW_CHANNEL_COUNT]; /* buffers of messages, until it is told of them */
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

static size_t buffers_size(uint32_t count)
{
    return tw_align_line(count * sizeof(struct tw_out_buffer));
}

/* Once in the stocks and once in line. */
static size_t outgoing_size(const struct tw_shard_loop_config *config, uint32_t worker)
{
    uint32_t size = rte_ring_get_size(config->rings[worker].full);
    return buffers_size(size) + buffers_size(TW_OUT_MESSAGE_BUFFERS) +
           buffers_size(size + TW_OUT_MESSAGE_BUFFERS);
}

static uint8_t *make_stock(struct stock *stock, uint8_t *memory, uint32_t capacity)
{
    *stock = (struct stock){.empty = (void *)memory, .capacity = capacity, .first = capacity};
    return memory + buffers_size(capacity);
}

size_t tw_shard_loop_footprint(const struct tw_shard_loop_config *config)
{
    size_t shard = tw_shard_footprint(&config->shard);
    if (shard == 0 || config->shard.workers > TW_WORKERS_MAX || config->shard.tick_hz == 0)
        return 0;
    size_t size = tw_align_line(sizeof(struct tw_shard_loop)) + tw_align_line(shard);
    for (uint32_t i = 0; i < config->shard.workers; i++)
        size += outgoing_size(config, i);
    return size;
}

struct tw_shard_loop *tw_shard_loop_init(void *memory, const struct tw_shard_loop_config *config)
{
    TW_ASSERT(tw_shard_loop_footprint(config) != 0 && (uintptr_t)memory % 64u == 0);
    struct tw_shard_loop *loop = memory;
    memset(loop, 0, sizeof(*loop));
    loop->config = *config;
    uint8_t *next = (uint8_t *)memory + tw_align_line(sizeof(*loop));
    loop->shard = tw_shard_init(next, &config->shard, config->counters);
    TW_ASSERT(loop->shard != NULL);
    next += tw_align_line(tw_shard_footprint(&config->shard));
    for (uint32_t i = 0; i < config->shard.workers; i++) {
        struct outgoing *out = &loop->outgoing[i];
        uint32_t size = rte_ring_get_size(config->rings[i].full);
        next = make_stock(&out->buffers, next, size);
        next = make_stock(&out->messages, next, TW_OUT_MESSAGE_BUFFERS);
        out->waiting = (struct tw_out_buffer *)(void *)next;
        next += buffers_size(size + TW_OUT_MESSAGE_BUFFERS);
    }
    loop->schedule = (struct tw_tick_schedule){
        .epoch_ns = config->epoch_ns, .hz = config->shard.tick_hz, .next = 1};
    return loop;
}

/* Messages that were written to all who hear them; a worker's ring holds all that it lends. */
static void return_messages(struct tw_shard_loop *loop)
{
    struct tw_message *messages[RETURN_BURST];
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        uint32_t count;
        while ((count = tw_shard_returned(loop->shard, i, messages, RETURN_BURST)) > 0) {
            uint32_t put = rte_ring_sp_enqueue_bulk_elem(loop->config.rings[i].returned, messages,
                                                         sizeof(messages[0]), count, NULL);
            TW_ASSERT(put == count);
        }
    }
}

/* Takes what was there at the start: a worker that never stops cannot keep a tick waiting. */
static void drain_records(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct rte_ring *ring = loop->config.rings[i].records;
        uint32_t left = tw_ring_used(ring);
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
    return_messages(loop);
}

/* The first looks at the rings are free of work as long as they are less than a quarter full. */
static void drain_filling(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        const struct rte_ring *ring = loop->config.rings[i].records;
        if (tw_ring_used(ring) > rte_ring_get_capacity(ring) / 4) {
            drain_records(loop);
            return;
        }
    }
}

static uint32_t put_full(struct tw_shard_loop *loop, uint32_t worker,
                         const struct tw_out_buffer *buffers, uint32_t count)
{
    return rte_ring_sp_enqueue_burst_elem(loop->config.rings[worker].full, buffers,
                                          sizeof(struct tw_out_buffer), count, NULL);
}

static void offer_waiting(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct outgoing *out = &loop->outgoing[i];
        if (out->waiting_count == 0)
            continue;
        uint32_t taken = put_full(loop, i, out->waiting, out->waiting_count);
        out->waiting_count -= taken;
        memmove(out->waiting, out->waiting + taken,
                out->waiting_count * sizeof(struct tw_out_buffer));
    }
}

/* Takes what the ring has, as far as there is room beside `waiting` buffers; how many. */
static uint32_t fill_stock(struct stock *stock, struct rte_ring *ring, uint32_t waiting)
{
    uint32_t want = tw_ring_used(ring);
    uint32_t room = stock->first > waiting ? stock->first - waiting : 0;
    if (want > room)
        want = room;
    if (want == 0)
        return 0;
    uint32_t taken = rte_ring_sc_dequeue_bulk_elem(ring, stock->empty + stock->first - want,
                                                   sizeof(struct tw_out_buffer), want, NULL);
    TW_ASSERT(taken == want); /* nobody else takes from this ring */
    stock->first -= want;
    return want;
}

/* Those that came back to the worker; of messages there are no more than fit. */
static void fill_messages(struct outgoing *out, struct rte_ring *ring)
{
    uint32_t count = fill_stock(&out->messages, ring, 0);
    const struct tw_out_buffer *buffers = out->messages.empty + out->messages.first;
    for (uint32_t i = 0; i < count; i++) {
        if (buffers[i].instead == 0)
            continue;
        uint32_t *count_out = &out->messages_out[buffers[i].instead - 1u];
        TW_ASSERT(*count_out > 0);
        (*count_out)--;
    }
}

static void fill_outboxes(struct tw_shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        struct outgoing *out = &loop->outgoing[i];
        const struct tw_worker_shard_rings *rings = &loop->config.rings[i];
        (void)fill_stock(&out->buffers, rings->empty, out->waiting_count);
        if (rings->message_buffers)
            fill_messages(out, rings->message_buffers);
        loop->outboxes[i] = (struct tw_outbox){
            .buffers = out->buffers.empty + out->buffers.first,
            .count = out->buffers.capacity - out->buffers.first,
            .messages = out->messages.empty + out->messages.first,
            .message_count = out->messages.capacity - out->messages.first,
        };
        memcpy(loop->outboxes[i].messages_out, out->messages_out, sizeof(out->messages_out));
    }
}

/* None may overtake those that wait. */
static void hand_over(struct tw_shard_loop *loop, uint32_t worker, struct stock *stock,
                      uint32_t count)
{
    struct outgoing *out = &loop->outgoing[worker];
    const struct tw_out_buffer *used = stock->empty + stock->first;
    TW_ASSERT(count <= stock->capacity - stock->first);
    uint32_t taken = out->waiting_count == 0 ? put_full(loop, worker, used, count) : 0;
    memcpy(out->waiting + out->waiting_count, used + taken,
           (count - taken) * sizeof(struct tw_out_buffer));
    out->waiting_count += count - taken;
    stock->first += count;
}

static void empty_outboxes(struct tw_shard_loop *loop)
{
    offer_waiting(loop);
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        memcpy(loop->outgoing[i].messages_out, loop->outboxes[i].messages_out,
               sizeof(loop->outboxes[i].messages_out));
        hand_over(loop, i, &loop->outgoing[i].messages, loop->outboxes[i].messages_used);
        hand_over(loop, i, &loop->outgoing[i].buffers, loop->outboxes[i].used);
    }
}

static void run_tick(struct tw_shard_loop *loop, uint64_t start_ns)
{
    uint64_t skipped = tw_tick_schedule_catch_up(&loop->schedule, start_ns);
    uint64_t tick = loop->schedule.next;
    if (tick > TW_TICK_LAST)
        return;
    /* The shard counts gaps between its ticks; what came before the first one only we know. */
    if (atomic_load_explicit(&loop->tick, memory_order_relaxed) == 0)
        tw_counter_add(&loop->config.counters->ticks_skipped, skipped);
    TW_PROBE(tick_begin, tick);
    drain_records(loop);
    offer_waiting(loop);
    fill_outboxes(loop);
    TW_PROBE(tick_read, tick);
    tw_shard_tick(loop->shard, tick, tw_tick_schedule_due_ns(&loop->schedule), loop->outboxes);
    TW_PROBE(tick_simulated, tick);
    empty_outboxes(loop);
    return_messages(loop);
    TW_PROBE(tick_end, tick);
    loop->schedule.next = tick + 1;
    atomic_store_explicit(&loop->tick, tick, memory_order_relaxed);
}

uint64_t tw_shard_loop_turn(struct tw_shard_loop *loop, uint64_t now_ns)
{
    uint64_t due_ns = tw_tick_schedule_due_ns(&loop->schedule);
    if (loop->schedule.next > TW_TICK_LAST) {
        drain_filling(loop); /* the world is over; what still comes is for nobody */
        return now_ns + TW_SECOND_NS / loop->config.shard.tick_hz;
    }
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

uint32_t tw_shard_loop_buffers(const struct tw_shard_loop *loop)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < loop->config.shard.workers; i++) {
        const struct outgoing *out = &loop->outgoing[i];
        count += out->buffers.capacity - out->buffers.first + out->messages.capacity -
                 out->messages.first + out->waiting_count;
    }
    return count;
}
