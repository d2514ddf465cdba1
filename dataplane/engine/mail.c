/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/main_loop_state.h"

#include "dataplane/engine/key_log.h"
#include "dataplane/engine/port_watch.h"
#include "dataplane/gate/ring.h"
#include "tickwire/assert.h"

#include <rte_ring_elem.h>
#include <sodium.h>
#include <string.h>

#define EVENTS_PER_TURN 256u
/* Each derives a session's keys: some 5 ms in all. */
#define LAB_COMMANDS_PER_TURN 1024u
/* The worker's number stands in bits of its request id that no worker uses: entries are few. */
#define REQUEST_WORKER_SHIFT 28u

/* ---- to the workers -------------------------------------------------------------------------- */

/* Sends loop->command and wipes it. False: no room. */
static bool command(struct tw_main_loop *loop, uint32_t worker, enum tw_command_type type)
{
    loop->command.type = (uint16_t)type;
    bool sent = rte_ring_sp_enqueue_elem(loop->mailboxes[worker].commands, &loop->command,
                                         sizeof(loop->command)) == 0;
    sodium_memzero(&loop->command, sizeof(loop->command));
    return sent;
}

static bool settle_mailbox(struct tw_main_loop *loop, uint32_t worker)
{
    struct tw_mailbox *box = &loop->mailboxes[worker];
    if (box->owes_cookie) {
        memcpy(loop->command.cookie.key, loop->cookie_key, sizeof(loop->cookie_key));
        loop->command.cookie.slot = loop->cookie_slot;
        box->owes_cookie = !command(loop, worker, TW_COMMAND_COOKIE_KEY);
    }
    if (box->owes_control) {
        loop->command.control.linked = loop->told_linked ? 1 : 0;
        box->owes_control = !command(loop, worker, TW_COMMAND_CONTROL_STATE);
    }
    const struct tw_filter_table *table = tw_filters_owed(loop->filters, worker);
    if (table != NULL) {
        loop->command.filter = table;
        if (command(loop, worker, TW_COMMAND_FILTER))
            tw_filters_told(loop->filters, worker);
    }
    if (box->owes_close) {
        loop->command.reason = TW_CLOSE_SHUTDOWN;
        box->owes_close = !command(loop, worker, TW_COMMAND_CLOSE_ALL);
    }
    if (box->owes_resync && !box->resync_runs && command(loop, worker, TW_COMMAND_RESYNC)) {
        box->owes_resync = false;
        box->resync_runs = true;
        box->resync_is_stale = false;
    }
    return !box->owes_cookie && !box->owes_control && !box->owes_close;
}

static void settle_neighbours(struct tw_main_loop *loop, uint8_t interface,
                              struct tw_neighbour_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        struct tw_neighbour_entry *entry = &table->entries[i];
        for (uint32_t worker = 0; worker < loop->workers && entry->owed != 0; worker++) {
            if ((entry->owed & 1u << worker) == 0)
                continue;
            loop->command.neighbour.address = tw_address_from_ipv6(entry->ip, 0);
            loop->command.neighbour.interface = interface;
            memcpy(loop->command.neighbour.mac, entry->mac, sizeof(entry->mac));
            if (command(loop, worker, TW_COMMAND_NEIGHBOUR_SET))
                entry->owed &= ~(1u << worker);
        }
    }
}

bool tw_mail_has_room(const struct tw_main_loop *loop)
{
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        if (tw_ring_room(loop->mailboxes[worker].commands) <= TW_TOPOLOGY_COMMANDS_RESERVE)
            return false;
    return true;
}

/* Of the session in loop->command, if there is one. */
static void log_keys(struct tw_main_loop *loop)
{
    if (!loop->key_log || loop->command.type != TW_COMMAND_LAB_INSTALL ||
        tw_engine_key_log_session(loop->key_log, &loop->command.lab_install))
        return;
    fprintf(stderr, "tickwire-engine: the key log cannot be written: it ends here\n");
    loop->key_log = NULL;
}

static void settle_lab(struct tw_main_loop *loop)
{
    uint32_t worker;
    uint8_t random[TW_TOKEN_ID_SIZE];
    for (uint32_t i = 0; i < LAB_COMMANDS_PER_TURN && tw_mail_has_room(loop); i++) {
        randombytes_buf(random, sizeof(random));
        if (!tw_lab_import_next(loop->lab, &loop->command, &worker, random))
            break;
        log_keys(loop);
        if (!command(loop, worker, (enum tw_command_type)loop->command.type))
            break;
        tw_lab_import_sent(loop->lab);
    }
    const struct tw_agent_lab_result *result = tw_lab_import_result(loop->lab);
    if (result != NULL &&
        tw_agent_protocol_push(loop->protocol, TW_AGENT_LAB_RESULT, result, sizeof(*result)))
        tw_lab_import_told(loop->lab);
}

void tw_mail_ask_neighbour(struct tw_main_loop *loop, uint8_t interface, const uint8_t ip[16])
{
    loop->command.neighbour.address = tw_address_from_ipv6(ip, 0);
    loop->command.neighbour.interface = interface;
    (void)command(loop, 0, TW_COMMAND_NEIGHBOUR_ASK);
}

void tw_mail_settle(struct tw_main_loop *loop)
{
    bool settled = true;
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        settled = settle_mailbox(loop, worker) && settled;
    for (uint8_t interface = 0; settled && interface < loop->engine->topology->ports; interface++)
        for (uint32_t family = 0; family < TW_NEIGHBOUR_FAMILIES; family++)
            settle_neighbours(loop, interface, &loop->neighbours[interface][family]);
    settle_lab(loop);
}

/* ---- from the workers ------------------------------------------------------------------------ */

static void relay_handshake(struct tw_main_loop *loop, uint32_t worker)
{
    struct tw_agent_handshake_request *request = &loop->event.handshake;
    uint64_t own = request->request;
    TW_ASSERT((own >> REQUEST_WORKER_SHIFT & (TW_WORKERS_MAX - 1u)) == 0);
    request->request = own | (uint64_t)worker << REQUEST_WORKER_SHIFT;
    if (tw_agent_protocol_push(loop->protocol, TW_AGENT_HANDSHAKE_REQUEST, request,
                               sizeof(*request)))
        return;
    loop->command.reply.request = own;
    loop->command.reply.verdict = TW_VERDICT_CONTROL_GONE;
    (void)command(loop, worker, TW_COMMAND_HANDSHAKE_REPLY);
}

static void relay_session(struct tw_main_loop *loop, uint32_t worker)
{
    const struct tw_worker_event *event = &loop->event;
    if (event->query != 0) {
        struct tw_agent_session_state state = {.query = event->query, .found = event->found};
        if (event->found != 0)
            state.session = event->session;
        tw_agent_protocol_push(loop->protocol, TW_AGENT_SESSION_STATE, &state, sizeof(state));
    } else if (!loop->mailboxes[worker].resync_is_stale) {
        tw_agent_protocol_push_session(loop->protocol, &event->session);
    }
}

static void finish_resync(struct tw_main_loop *loop, uint32_t worker)
{
    struct tw_mailbox *box = &loop->mailboxes[worker];
    box->resync_runs = false;
    box->resync_done = !box->resync_is_stale;
}

static struct tw_neighbour_table *table_of(struct tw_main_loop *loop,
                                           const struct tw_mailbox_neighbour *neighbour)
{
    enum tw_neighbour_family family =
        tw_ip_is_ipv4(neighbour->address.ip) ? TW_NEIGHBOUR_IPV4 : TW_NEIGHBOUR_IPV6;
    return &loop->neighbours[neighbour->interface][family];
}

static void see_neighbour(struct tw_main_loop *loop, const struct tw_mailbox_neighbour *neighbour,
                          uint64_t now_ns)
{
    struct tw_neighbour_news news = {.ip = neighbour->address.ip,
                                     .mac = neighbour->mac,
                                     .keeps_known = neighbour->keeps_known != 0};
    tw_neighbour_table_seen(table_of(loop, neighbour), &news, now_ns);
}

static void want_neighbour(struct tw_main_loop *loop, const struct tw_mailbox_neighbour *neighbour,
                           uint64_t now_ns)
{
    const uint8_t *ip = neighbour->address.ip;
    if (tw_neighbour_table_wanted(table_of(loop, neighbour), ip, now_ns))
        tw_mail_ask_neighbour(loop, neighbour->interface, ip);
}

static void handle_event(struct tw_main_loop *loop, uint32_t worker, uint64_t now_ns)
{
    const struct tw_worker_event *event = &loop->event;
    switch ((enum tw_event_type)event->type) {
    case TW_EVENT_HANDSHAKE:
        relay_handshake(loop, worker);
        break;
    case TW_EVENT_CONFIRMED:
        tw_agent_protocol_push_event(loop->protocol, TW_AGENT_SESSION_CONFIRMED, &event->session);
        break;
    case TW_EVENT_MOVED:
        /* Without a link nobody has to be told: the next resync names the id that it has then. */
        if (tw_agent_link_is_up(&loop->link))
            tw_agent_protocol_push_event(loop->protocol, TW_AGENT_SESSION_MOVED, &event->session);
        break;
    case TW_EVENT_CLOSED:
        tw_agent_protocol_push_event(loop->protocol, TW_AGENT_SESSION_CLOSED, &event->session);
        break;
    case TW_EVENT_LIFE:
        (void)tw_agent_protocol_push(loop->protocol, TW_AGENT_SESSION_LIFE, &event->session,
                                     sizeof(event->session));
        break;
    case TW_EVENT_SESSION:
        relay_session(loop, worker);
        break;
    case TW_EVENT_RESYNC_END:
        finish_resync(loop, worker);
        break;
    case TW_EVENT_NEIGHBOUR_SEEN:
        see_neighbour(loop, &event->neighbour, now_ns);
        break;
    case TW_EVENT_NEIGHBOUR_WANTED:
        want_neighbour(loop, &event->neighbour, now_ns);
        break;
    case TW_EVENT_LAB:
        tw_lab_import_report(loop->lab, event);
        break;
    }
}

void tw_mail_drain_events(struct tw_main_loop *loop, uint64_t now_ns)
{
    for (uint32_t worker = 0; worker < loop->workers; worker++) {
        for (uint32_t i = 0; i < EVENTS_PER_TURN; i++) {
            /* The list of live sessions waits for room in the link's queue: none may be left out.
             */
            if (tw_agent_protocol_is_resyncing(loop->protocol) &&
                tw_agent_protocol_room(loop->protocol) == 0)
                return;
            if (rte_ring_sc_dequeue_elem(loop->mailboxes[worker].events, &loop->event,
                                         sizeof(loop->event)) != 0)
                break;
            handle_event(loop, worker, now_ns);
        }
    }
    sodium_memzero(&loop->event, sizeof(loop->event));
}

/* ---- the link -------------------------------------------------------------------------------- */

void tw_mail_follow_link(struct tw_main_loop *loop)
{
    if (loop->link.epoch != loop->link_epoch) {
        loop->link_epoch = loop->link.epoch;
        tw_lab_import_abandon(loop->lab);
        for (uint32_t worker = 0; worker < loop->workers; worker++) {
            struct tw_mailbox *box = &loop->mailboxes[worker];
            box->owes_resync = true;
            box->resync_is_stale = box->resync_runs;
            box->resync_done = false;
        }
    }
    if (tw_agent_protocol_is_resyncing(loop->protocol)) {
        bool done = true;
        for (uint32_t worker = 0; worker < loop->workers; worker++)
            done = done && loop->mailboxes[worker].resync_done;
        if (done)
            (void)tw_agent_protocol_end_resync(loop->protocol);
    }
    bool linked = tw_agent_protocol_is_linked(loop->protocol);
    if (linked == loop->told_linked)
        return;
    loop->told_linked = linked;
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        loop->mailboxes[worker].owes_control = true;
}

static void pass_reply(struct tw_main_loop *loop, const struct tw_agent_handshake_reply *reply)
{
    uint32_t worker = (uint32_t)(reply->request >> REQUEST_WORKER_SHIFT) & (TW_WORKERS_MAX - 1u);
    if (worker >= loop->workers)
        return;
    loop->command.reply = *reply;
    loop->command.reply.request &= ~((uint64_t)(TW_WORKERS_MAX - 1u) << REQUEST_WORKER_SHIFT);
    (void)command(loop, worker, TW_COMMAND_HANDSHAKE_REPLY);
}

static void pass_kick(struct tw_main_loop *loop, const struct tw_agent_session_kick *kick)
{
    uint32_t worker = tw_connection_worker(kick->connection_id);
    if (worker >= loop->workers)
        return;
    loop->command.connection_id = kick->connection_id;
    loop->command.reason = kick->reason;
    (void)command(loop, worker, TW_COMMAND_KICK);
}

static void pass_conduct(struct tw_main_loop *loop, const struct tw_agent_session_conduct *conduct)
{
    uint32_t worker = tw_connection_worker(conduct->connection_id);
    if (worker >= loop->workers)
        return;
    loop->command.connection_id = conduct->connection_id;
    loop->command.conduct = *conduct;
    (void)command(loop, worker, TW_COMMAND_CONDUCT);
}

static void pass_query(struct tw_main_loop *loop, const struct tw_agent_session_query *query)
{
    uint32_t worker = tw_connection_worker(query->connection_id);
    /* 0 would read as part of a resync; an id of no worker names no session. */
    if (query->query == 0 || worker >= loop->workers) {
        struct tw_agent_session_state state = {.query = query->query};
        tw_agent_protocol_push(loop->protocol, TW_AGENT_SESSION_STATE, &state, sizeof(state));
        return;
    }
    loop->command.connection_id = query->connection_id;
    loop->command.query = query->query;
    (void)command(loop, worker, TW_COMMAND_QUERY);
}

static void obey(struct tw_main_loop *loop, enum tw_agent_action action, uint64_t now_ns)
{
    const union tw_agent_message *message = &loop->message;
    switch (action) {
    case TW_AGENT_ACTION_REPLY:
        pass_reply(loop, &message->handshake_reply);
        break;
    case TW_AGENT_ACTION_KICK:
        pass_kick(loop, &message->session_kick);
        break;
    case TW_AGENT_ACTION_CONDUCT:
        pass_conduct(loop, &message->session_conduct);
        break;
    case TW_AGENT_ACTION_QUERY:
        pass_query(loop, &message->session_query);
        break;
    case TW_AGENT_ACTION_PORT_RESET:
        /* A name that is no port's any more: whoever asked sees that nothing happens. */
        (void)tw_port_watch_reset(loop->engine, message->port_reset.name);
        break;
    case TW_AGENT_ACTION_LAB:
        tw_lab_import_receive(loop->lab, message);
        break;
    case TW_AGENT_ACTION_FILTER:
        /* The next link brings all rules afresh. */
        if (!tw_filters_change(loop->filters, &message->filter_change))
            tw_agent_link_close(&loop->link, now_ns);
        break;
    case TW_AGENT_ACTION_NONE:
    case TW_AGENT_ACTION_LINKED:
    case TW_AGENT_ACTION_CLOSE:
        break;
    }
}

void tw_mail_receive_from_link(struct tw_main_loop *loop, uint64_t now_ns)
{
    while (tw_mail_has_room(loop)) {
        enum tw_agent_action action = tw_agent_link_receive(&loop->link, &loop->message, now_ns);
        obey(loop, action, now_ns);
        sodium_memzero(&loop->message, sizeof(loop->message));
        if (action == TW_AGENT_ACTION_NONE || action == TW_AGENT_ACTION_CLOSE)
            break;
    }
}
