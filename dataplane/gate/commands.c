/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/gate/arp.h"
#include "dataplane/gate/nd.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>
#include <sodium.h>

/* A handshake reply expands keys: 16 of them keep a turn well under a millisecond. */
#define COMMANDS_PER_TURN 16u
/* All sessions are looked at within this many housekeeping rounds of 1 ms. */
#define TIMEOUT_ROUNDS 64u

/* ---- commands ------------------------------------------------------------------------------- */

static uint32_t find_open_session(const struct tw_worker *worker, uint32_t connection_id)
{
    uint32_t slot;
    if (tw_connection_worker(connection_id) != worker->config.index ||
        tw_sessions_find(&worker->sessions, connection_id, &slot) != TW_SESSIONS_FOUND ||
        worker->sessions.hot[slot].state == TW_SESSION_CLOSING ||
        worker->sessions.hot[slot].state == TW_SESSION_RESERVED)
        return TW_SESSION_NONE;
    return slot;
}

static void kick(struct tw_worker *worker, const struct tw_worker_command *command)
{
    uint32_t slot = find_open_session(worker, command->connection_id);
    if (slot == TW_SESSION_NONE)
        return;
    if (worker->sessions.hot[slot].state == TW_SESSION_MOVED)
        tw_move_close(worker, slot, command->reason);
    else
        tw_owed_close(worker, slot, command->reason, true);
}

/* A tombstone's: where the session is now tells the control plane of it, which tells it again. */
static void take_conduct(struct tw_worker *worker, const struct tw_worker_command *command)
{
    struct tw_conduct_verdict verdict = {0};
    uint32_t slot = find_open_session(worker, command->connection_id);
    if (slot == TW_SESSION_NONE || worker->sessions.hot[slot].state != TW_SESSION_LIVE)
        return;
    struct tw_conduct *conduct = &worker->sessions.bodies[slot].conduct;
    const struct tw_conduct_past past = {.score = command->conduct.score,
                                         .stage = (uint8_t)command->conduct.stage,
                                         .kind = (uint8_t)command->conduct.charge};
    tw_conduct_reset(conduct, command->conduct.reset, worker->now_ns, &verdict);
    (void)tw_route_verdict(worker, slot, &verdict);
    verdict = (struct tw_conduct_verdict){0};
    tw_conduct_carry(conduct, &worker->conduct, &past, worker->now_ns, &verdict);
    (void)tw_route_verdict(worker, slot, &verdict);
}

static void query(struct tw_worker *worker, const struct tw_worker_command *command)
{
    uint32_t slot = find_open_session(worker, command->connection_id);
    memset(&worker->event, 0, sizeof(worker->event));
    worker->event.query = command->query;
    /* A full ring loses the answer; whoever asked asks again. A tombstone has nothing to tell. */
    if (slot != TW_SESSION_NONE && worker->sessions.hot[slot].state != TW_SESSION_MOVED)
        (void)!tw_owed_session_event(worker, TW_EVENT_SESSION, slot);
    else
        (void)!tw_owed_event(worker, TW_EVENT_SESSION);
}

static void set_neighbour(struct tw_worker *worker, const struct tw_mailbox_neighbour *neighbour)
{
    struct tw_interface *interface = &worker->interfaces[neighbour->interface];
    const uint8_t *ip = neighbour->address.ip;
    if (tw_ip_is_ipv4(ip))
        tw_neighbours_set(&interface->neighbours, tw_ip_ipv4(ip), neighbour->mac);
    else
        tw_neighbours6_set(&interface->neighbours6, ip, neighbour->mac);
}

static void ask_neighbour(struct tw_worker *worker, const struct tw_mailbox_neighbour *neighbour)
{
    const struct tw_parse_rules *rules = &worker->interfaces[neighbour->interface].rules;
    const uint8_t *ip = neighbour->address.ip;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    if (tw_ip_is_ipv4(ip)) {
        tw_arp_request_write(rte_pktmbuf_mtod(mbuf, uint8_t *), rules, tw_ip_ipv4(ip));
        mbuf->data_len = TW_ARP_FRAME_SIZE;
    } else {
        tw_nd_solicitation_write(rte_pktmbuf_mtod(mbuf, uint8_t *), rules, ip);
        mbuf->data_len = TW_ND_FRAME_SIZE;
    }
    mbuf->pkt_len = mbuf->data_len;
    tw_transmit_frame(worker, neighbour->interface, mbuf);
}

static void obey(struct tw_worker *worker, const struct tw_worker_command *command)
{
    switch ((enum tw_command_type)command->type) {
    case TW_COMMAND_HANDSHAKE_REPLY:
        tw_handshake_reply(worker, &command->reply);
        break;
    case TW_COMMAND_KICK:
        kick(worker, command);
        break;
    case TW_COMMAND_CONDUCT:
        take_conduct(worker, command);
        break;
    case TW_COMMAND_NEIGHBOUR_SET:
        set_neighbour(worker, &command->neighbour);
        break;
    case TW_COMMAND_NEIGHBOUR_ASK:
        ask_neighbour(worker, &command->neighbour);
        break;
    case TW_COMMAND_COOKIE_KEY:
        tw_cookie_rotate(&worker->cookies, command->cookie.key, command->cookie.slot);
        break;
    case TW_COMMAND_CONTROL_STATE:
        worker->control_linked = command->control.linked != 0;
        break;
    case TW_COMMAND_CLOSE_ALL:
        worker->closing_all = true;
        worker->close_walk = (struct tw_walk){.running = true, .reason = command->reason};
        break;
    case TW_COMMAND_RESYNC:
        worker->resync_walk = (struct tw_walk){.running = true};
        break;
    case TW_COMMAND_QUERY:
        query(worker, command);
        break;
    case TW_COMMAND_FILTER:
        tw_filter_use(&worker->filter, command->filter);
        break;
    case TW_COMMAND_LAB_CHECK:
        tw_lab_check(worker, &command->lab_check);
        break;
    case TW_COMMAND_LAB_INSTALL:
        tw_lab_install(worker, &command->lab_install);
        break;
    case TW_COMMAND_LAB_REPORT:
        tw_lab_report(worker, command->lab_report.import);
        break;
    }
}

/* Takes the oldest command and wipes its place in the ring, where keys would outlive their session.
 */
static bool take_command(struct tw_worker *worker)
{
    struct rte_ring *ring = worker->config.commands;
    struct rte_ring_zc_data place;
    if (rte_ring_dequeue_zc_bulk_elem_start(ring, sizeof(worker->command), 1, &place, NULL) != 1)
        return false;
    memcpy(&worker->command, place.ptr1, sizeof(worker->command));
    sodium_memzero(place.ptr1, sizeof(worker->command));
    rte_ring_dequeue_zc_elem_finish(ring, 1);
    return true;
}

void tw_commands_turn(struct tw_worker *worker)
{
    for (uint32_t i = 0; i < COMMANDS_PER_TURN; i++) {
        if (!take_command(worker))
            return;
        obey(worker, &worker->command);
        sodium_memzero(&worker->command, sizeof(worker->command));
    }
}

/* ---- walks over all sessions, a few per turn ------------------------------------------------ */

static void walk_close(struct tw_worker *worker)
{
    struct tw_walk *walk = &worker->close_walk;
    for (uint32_t i = 0; i < TW_SESSIONS_PER_TURN && walk->next < worker->sessions.capacity; i++) {
        uint32_t slot = walk->next++;
        if (worker->sessions.hot[slot].state == TW_SESSION_MOVED)
            worker->sessions.hot[slot].timer_ns = worker->now_ns; /* no 5 s more */
        else if (worker->sessions.hot[slot].state != TW_SESSION_FREE &&
                 worker->sessions.hot[slot].state != TW_SESSION_RESERVED)
            tw_owed_close(worker, slot, walk->reason, true);
    }
    walk->running = walk->next < worker->sessions.capacity;
}

static void walk_resync(struct tw_worker *worker)
{
    struct tw_walk *walk = &worker->resync_walk;
    for (uint32_t i = 0; i < TW_SESSIONS_PER_TURN && walk->next < worker->sessions.capacity; i++) {
        uint32_t slot = walk->next;
        worker->event.query = 0;
        if (worker->sessions.hot[slot].state == TW_SESSION_LIVE &&
            !tw_owed_session_event(worker, TW_EVENT_SESSION, slot))
            return;
        walk->next++;
    }
    if (walk->next < worker->sessions.capacity)
        return;
    memset(&worker->event, 0, sizeof(worker->event));
    walk->running = !tw_owed_event(worker, TW_EVENT_RESYNC_END);
}

static void check_timeout(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    /* What a player sent while we were held up may wait in the port still. */
    uint64_t heard_ns = session->heard_ns > worker->back_ns ? session->heard_ns : worker->back_ns;
    if (session->state == TW_SESSION_PENDING &&
        worker->now_ns - session->heard_ns >= TW_SESSION_PENDING_NS)
        tw_owed_release(worker, slot);
    else if (session->state == TW_SESSION_LIVE &&
             worker->now_ns - heard_ns >= worker->lives.times.degraded_ms * UINT64_C(1000000))
        tw_life_silent(worker, slot, (worker->now_ns - heard_ns) / 1000000u);
    else if (session->state == TW_SESSION_MOVED)
        tw_move_check_tombstone(worker, slot);
}

static void check_timeouts(struct tw_worker *worker)
{
    uint32_t count = worker->sessions.capacity / TIMEOUT_ROUNDS + 1u;
    for (uint32_t i = 0; i < count; i++) {
        check_timeout(worker, worker->timeout_slot);
        worker->timeout_slot = (worker->timeout_slot + 1u) % worker->sessions.capacity;
    }
}

static void publish(struct tw_worker *worker)
{
    const uint32_t *counts = worker->sessions.counts;
    tw_counter_set(&worker->config.counters->sessions_live, counts[TW_SESSION_LIVE]);
    tw_counter_set(&worker->config.counters->sessions_pending, counts[TW_SESSION_PENDING]);
    tw_counter_set(&worker->config.counters->sessions_degraded,
                   worker->lives.counts[TW_LIFE_DEGRADED]);
    tw_counter_set(&worker->config.counters->sessions_reconnecting,
                   worker->lives.counts[TW_LIFE_RECONNECTING]);
    bool drained = worker->closing_all && !worker->close_walk.running &&
                   counts[TW_SESSION_FREE] == worker->sessions.capacity;
    atomic_store_explicit(&worker->drained, drained, memory_order_release);
}

void tw_commands_housekeeping(struct tw_worker *worker)
{
    if (worker->close_walk.running)
        walk_close(worker);
    if (worker->resync_walk.running)
        walk_resync(worker);
    tw_lab_settle(worker);
    if (worker->now_ns >= worker->housekeeping_ns) {
        worker->housekeeping_ns = worker->now_ns + TW_HOUSEKEEPING_NS;
        check_timeouts(worker);
        tw_rekey_round(worker);
        tw_handshake_expire(worker);
    }
    publish(worker);
}
