/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/sessions.h"

/* Kept for each session, so that what one sends never costs another its place: a client sends at
 * most 8 inputs in the packet that follows its join, and a join waits for one tick at most. */
#define EARLY_PER_ROUTE 8u

void tw_shard_sessions_carve(struct tw_shard_sessions *sessions, struct tw_arena *arena,
                             const struct tw_shard_config *config)
{
    size_t routes = (size_t)config->workers * config->slots_per_worker;
    sessions->workers = config->workers;
    sessions->slots_per_worker = config->slots_per_worker;
    sessions->players_max = config->players_max;
    sessions->routes = tw_arena_take(arena, routes, sizeof(*sessions->routes));
    sessions->joins = tw_arena_take(arena, routes, sizeof(*sessions->joins));
    sessions->notices = tw_arena_take(arena, routes, sizeof(*sessions->notices));
    tw_accounts_carve(&sessions->accounts, arena, config->players_max);
    sessions->leaving = tw_arena_take(arena, config->players_max, sizeof(*sessions->leaving));
    sessions->presence = tw_arena_take(arena, config->players_max, sizeof(*sessions->presence));
    sessions->early = tw_arena_take(arena, routes * EARLY_PER_ROUTE, sizeof(*sessions->early));
}

struct tw_route *tw_shard_sessions_find(const struct tw_shard_sessions *sessions,
                                        const struct tw_record *record)
{
    if (record->worker >= sessions->workers || record->slot >= sessions->slots_per_worker)
        return NULL;
    return &sessions->routes[record->worker * sessions->slots_per_worker + record->slot];
}

static void mark_leaving(struct tw_shard_sessions *sessions, const struct tw_route *route,
                         enum tw_route_leave leave)
{
    sessions->leave_count += sessions->leaving[route->player] == TW_LEAVE_NONE;
    sessions->leaving[route->player] = (uint8_t)leave;
}

static bool is_new(const struct tw_route *route, uint32_t epoch)
{
    return !route->used || (int32_t)(epoch - route->epoch) > 0;
}

static void list_notice(struct tw_shard_sessions *sessions, struct tw_route *route)
{
    if (!route->notice_listed)
        sessions->notices[sessions->notice_count++] = (uint32_t)(route - sessions->routes);
    route->notice_listed = true;
}

void tw_shard_sessions_set_hold(struct tw_shard_sessions *sessions, struct tw_route *route,
                                enum tw_route_hold hold)
{
    sessions->hold_count -= route->hold != TW_HOLD_NONE;
    sessions->hold_count += hold != TW_HOLD_NONE;
    route->hold = (uint8_t)hold;
    if (hold == TW_HOLD_ASKED)
        list_notice(sessions, route);
}

static void begin(struct tw_shard_sessions *sessions, struct tw_route *route, uint32_t epoch)
{
    /* The leave of the session before may have been lost to a full ring. */
    if (route->state == TW_ROUTE_PLAYING)
        mark_leaving(sessions, route, TW_LEAVE_OVER);
    route->used = true;
    route->epoch = epoch;
    route->left = TW_LEAVE_NONE;
    route->state = TW_ROUTE_NONE;
    tw_shard_sessions_set_hold(sessions, route, TW_HOLD_NONE);
}

static void list_join(struct tw_shard_sessions *sessions, struct tw_route *route)
{
    if (!route->join_listed)
        sessions->joins[sessions->join_count++] = (uint32_t)(route - sessions->routes);
    route->join_listed = true;
}

bool tw_shard_sessions_join(struct tw_shard_sessions *sessions, struct tw_route *route,
                            const struct tw_record *record)
{
    if (!is_new(route, record->route_epoch))
        return false;
    begin(sessions, route, record->route_epoch);
    route->account = record->join.account;
    route->installed_ns = record->join.installed_ns;
    route->state = TW_ROUTE_JOINING;
    list_join(sessions, route);
    return true;
}

bool tw_shard_sessions_arrive(struct tw_shard_sessions *sessions, struct tw_route *route,
                              const struct tw_record *record)
{
    if (!is_new(route, record->route_epoch))
        return route->epoch == record->route_epoch; /* the old slot was first */
    begin(sessions, route, record->route_epoch);
    route->account = record->join.account;
    route->state = TW_ROUTE_ARRIVING;
    return true;
}

/* The one that a move names, if it is a slot of this shard. */
static struct tw_route *find_target(const struct tw_shard_sessions *sessions,
                                    const struct tw_record *record)
{
    const struct tw_record target = {.worker = (uint16_t)record->move.worker,
                                     .slot = record->move.slot};
    return record->move.worker < sessions->workers ? tw_shard_sessions_find(sessions, &target)
                                                   : NULL;
}

/* From slot to slot as it went on; those it left may be told that they were its. */
static struct tw_route *pass_on(struct tw_shard_sessions *sessions, struct tw_route *to,
                                struct tw_record *record)
{
    while (to->state == TW_ROUTE_PASSING && to->epoch == record->move.route_epoch) {
        to->state = TW_ROUTE_NONE;
        record->move.worker = to->onward.index / sessions->slots_per_worker;
        record->move.slot = to->onward.index % sessions->slots_per_worker;
        record->move.route_epoch = to->onward.epoch;
        record->move.fresh = 1;
        to = &sessions->routes[to->onward.index];
    }
    return to;
}

/* The word of the slot that it came from is still to be read. */
static void pass(struct tw_shard_sessions *sessions, struct tw_route *route, struct tw_route *to)
{
    to->account = route->account;
    to->state = TW_ROUTE_ARRIVING;
    route->state = TW_ROUTE_PASSING;
    route->onward.index = (uint32_t)(to - sessions->routes);
    route->onward.epoch = to->epoch;
}

/* The session of `route`, as it was there. */
static void settle(struct tw_shard_sessions *sessions, struct tw_route *route, struct tw_route *to)
{
    enum tw_route_state state = (enum tw_route_state)route->state;
    route->state = TW_ROUTE_NONE;
    to->account = route->account;
    to->installed_ns = route->installed_ns;
    to->player = route->player;
    to->state = (uint8_t)state;
    if (state == TW_ROUTE_JOINING)
        list_join(sessions, to);
    else if (state == TW_ROUTE_CLOSING)
        tw_shard_sessions_close(sessions, (uint32_t)(to - sessions->routes),
                                (enum tw_close_reason)route->reason);
    if (to->left == TW_LEAVE_NONE)
        return;
    if (state == TW_ROUTE_PLAYING)
        mark_leaving(sessions, to, (enum tw_route_leave)to->left);
    to->state = TW_ROUTE_NONE;
}

bool tw_shard_sessions_move(struct tw_shard_sessions *sessions, struct tw_route *route,
                            struct tw_record *record, uint32_t *player)
{
    *player = TW_PLAYER_NONE;
    struct tw_route *to = find_target(sessions, record);
    if (route->epoch != record->route_epoch || !to)
        return false;
    /* A slot of the same worker takes over what is on its way to this one: up to our word. */
    tw_shard_sessions_set_hold(sessions, route,
                               record->move.fresh != 0 ? TW_HOLD_ASKED : TW_HOLD_NONE);
    to = pass_on(sessions, to, record);
    if (is_new(to, record->move.route_epoch))
        begin(sessions, to, record->move.route_epoch);
    if (to->epoch != record->move.route_epoch) {
        /* It has ended where it went, and somebody else is there by now. */
        if (route->state == TW_ROUTE_PLAYING)
            mark_leaving(sessions, route, TW_LEAVE_OVER);
        route->state = TW_ROUTE_NONE;
        return true;
    }
    if (route->state == TW_ROUTE_ARRIVING) {
        pass(sessions, route, to);
        return true;
    }
    if (route->state == TW_ROUTE_PLAYING)
        *player = route->player;
    settle(sessions, route, to);
    return true;
}

bool tw_shard_sessions_leave(struct tw_shard_sessions *sessions, struct tw_route *route,
                             const struct tw_record *record)
{
    if (route->state == TW_ROUTE_NONE || route->epoch != record->route_epoch)
        return false;
    enum tw_route_leave leave =
        record->leave.reason == TW_CLOSE_REPLACED ? TW_LEAVE_REPLACED : TW_LEAVE_OVER;
    if (route->state == TW_ROUTE_ARRIVING) {
        route->left = (uint8_t)leave; /* done when it has arrived */
        return true;
    }
    if (route->state == TW_ROUTE_PLAYING)
        mark_leaving(sessions, route, leave);
    route->state = TW_ROUTE_NONE;
    tw_shard_sessions_set_hold(sessions, route, TW_HOLD_NONE);
    return true;
}

bool tw_shard_sessions_hold(struct tw_shard_sessions *sessions, struct tw_route *route,
                            const struct tw_record *record)
{
    if (route->state == TW_ROUTE_NONE || route->epoch != record->route_epoch)
        return false;
    tw_shard_sessions_set_hold(sessions, route,
                               record->hold.on != 0 ? TW_HOLD_ASKED : TW_HOLD_NONE);
    return true;
}

bool tw_shard_sessions_presence(struct tw_shard_sessions *sessions, const struct tw_route *route,
                                const struct tw_record *record)
{
    if (route->state != TW_ROUTE_PLAYING || route->epoch != record->route_epoch ||
        record->presence.presence >= TW_PRESENCES)
        return false;
    sessions->presence_count += sessions->presence[route->player] == 0;
    sessions->presence[route->player] = (uint8_t)(record->presence.presence + 1u);
    return true;
}

void tw_shard_sessions_presence_done(struct tw_shard_sessions *sessions, uint32_t player)
{
    sessions->presence_count -= sessions->presence[player] != 0;
    sessions->presence[player] = 0;
}

bool tw_shard_sessions_keep_input(struct tw_shard_sessions *sessions, struct tw_route *route,
                                  const struct tw_record *record)
{
    if (route->early_count == EARLY_PER_ROUTE)
        return false;
    route->early_count++;
    sessions->early[sessions->early_count++] =
        (struct tw_early_input){.route = (uint32_t)(route - sessions->routes),
                                .epoch = record->route_epoch,
                                .tick = record->input.tick,
                                .input = record->input.input};
    return true;
}

static bool joins_before(const struct tw_shard_sessions *sessions, uint32_t a, uint32_t b)
{
    uint64_t account_a = sessions->routes[a].account;
    uint64_t account_b = sessions->routes[b].account;
    return account_a != account_b ? account_a < account_b : a < b;
}

static void sift_down(const struct tw_shard_sessions *sessions, uint32_t start, uint32_t end)
{
    uint32_t *heap = sessions->joins;
    uint32_t moving = heap[start];
    uint32_t at = start;
    for (;;) {
        uint32_t child = 2u * at + 1u;
        if (child >= end)
            break;
        if (child + 1u < end && joins_before(sessions, heap[child], heap[child + 1u]))
            child++;
        if (!joins_before(sessions, moving, heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

void tw_shard_sessions_sort_joins(struct tw_shard_sessions *sessions)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sessions->join_count; i++) {
        struct tw_route *route = &sessions->routes[sessions->joins[i]];
        route->join_listed = false;
        if (route->state == TW_ROUTE_JOINING)
            sessions->joins[kept++] = sessions->joins[i];
    }
    sessions->join_count = kept;
    /* Heap sort: thousands may join in one tick, and nothing may be allocated. */
    for (uint32_t start = kept / 2u; start-- > 0;)
        sift_down(sessions, start, kept);
    for (uint32_t end = kept; end-- > 1u;) {
        uint32_t largest = sessions->joins[0];
        sessions->joins[0] = sessions->joins[end];
        sessions->joins[end] = largest;
        sift_down(sessions, 0, end);
    }
}

void tw_shard_sessions_close(struct tw_shard_sessions *sessions, uint32_t route_index,
                             enum tw_close_reason reason)
{
    struct tw_route *route = &sessions->routes[route_index];
    route->state = TW_ROUTE_CLOSING;
    route->reason = (uint8_t)reason;
    list_notice(sessions, route);
}

void tw_shard_sessions_spare(struct tw_shard_sessions *sessions)
{
    for (uint32_t i = 0; i < sessions->join_count && sessions->leave_count > 0; i++) {
        const struct tw_route *route = &sessions->routes[sessions->joins[i]];
        if (route->state != TW_ROUTE_JOINING)
            continue;
        uint32_t player = tw_accounts_find(&sessions->accounts, route->account);
        if (player == TW_ACCOUNTS_NONE || sessions->leaving[player] != TW_LEAVE_REPLACED)
            continue;
        sessions->leaving[player] = TW_LEAVE_NONE;
        sessions->leave_count--;
    }
}

void tw_shard_sessions_present(struct tw_shard_sessions *sessions, uint32_t player)
{
    sessions->presence_count += sessions->presence[player] == 0;
    sessions->presence[player] = TW_PRESENT + 1u;
}
