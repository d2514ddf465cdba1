/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main loop between fake workers (the other end of real rings) and a fake control plane (the
 * other end of a real unix socket). Time is made up; EAL is not started.
 */
#include "dataplane/engine/clock.h"
#include "dataplane/engine/main_loop.h"
#include "dataplane/engine/shard_config.h"
#include "dataplane/gate/filter_table.h"
#include "dataplane/gate/mailbox.h"

#include <rte_ring_elem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 2u

static struct tw_config config;
static struct tw_topology topology;
static struct tw_engine engine;
static struct tw_main_loop *loop;
static struct tw_worker_counters worker_counters[WORKERS];
static struct tw_shard_counters shard_counters;
static void *shard_memory;
static int listener = -1, peer = -1;
static uint64_t now_ns;

/* ---- the engine around the loop ------------------------------------------------------------- */

static void make_rings(void)
{
    for (uint32_t i = 0; i < topology.ring_count; i++) {
        const struct tw_topology_ring *wanted = &topology.rings[i];
        size_t size = (size_t)rte_ring_get_memsize_elem(wanted->element_size, wanted->depth);
        engine.rings[i] = aligned_alloc(64, (size + 63u) & ~(size_t)63);
        assert_non_null(engine.rings[i]);
        assert_int_equal(rte_ring_init(engine.rings[i], wanted->name, wanted->depth,
                                       RING_F_SP_ENQ | RING_F_SC_DEQ),
                         0);
    }
}

static void make_shard(void)
{
    uint32_t shard = tw_topology_shard(&topology, 0);
    struct tw_shard_loop_config wanted = {.shard = tw_shard_config_from(&config),
                                          .counters = &shard_counters,
                                          .epoch_ns = engine.epoch_ns,
                                          .stop = &engine.stop};
    for (uint32_t i = 0; i < WORKERS; i++) {
        uint32_t worker = tw_topology_worker(&topology, i);
        wanted.rings[i] = (struct tw_worker_shard_rings){
            .records =
                engine.rings[tw_topology_find_ring(&topology, TW_RING_RECORDS, worker, shard)],
            .empty = engine.rings[tw_topology_find_ring(&topology, TW_RING_EMPTY, worker, shard)],
            .message_buffers = engine.rings[tw_topology_find_ring(
                &topology, TW_RING_MESSAGE_BUFFERS, worker, shard)],
            .full = engine.rings[tw_topology_find_ring(&topology, TW_RING_FULL, shard, worker)],
        };
    }
    shard_memory = aligned_alloc(64, (tw_shard_loop_footprint(&wanted) + 63u) & ~(size_t)63);
    assert_non_null(shard_memory);
    engine.shards[0] = tw_shard_loop_init(shard_memory, &wanted);
}

static int setup(void **state)
{
    (void)state;
    static struct tw_topology_host host;
    struct tw_topology_error error;
    memset(&engine, 0, sizeof(engine));
    memset(worker_counters, 0, sizeof(worker_counters));
    memset(&shard_counters, 0, sizeof(shard_counters));
    tw_config_defaults(&config);
    config.engine.workers = WORKERS;
    config.engine.sessions_max = 1024;
    config.engine.memory_mb = 1024;
    config.limits.pending_max = 16;
    config.world.npcs = 10;
    config.world.players_max = 16;
    config.world.entities_max = 256;
    snprintf(config.control.agent_socket, sizeof(config.control.agent_socket),
             "/tmp/tickwire-main-loop-%d.sock", (int)getpid());
    unlink(config.control.agent_socket);
    memset(host.cores, 1, sizeof(host.cores));
    if (!tw_topology_build(&topology, &config, &host, &error))
        fail_msg("%s", error.message);
    now_ns = 50 * TW_SECOND_NS;
    engine.config = &config;
    engine.topology = &topology;
    engine.epoch_ns = now_ns;
    engine.boot_id = 4711;
    make_rings();
    make_shard();
    for (uint32_t i = 0; i < WORKERS; i++)
        engine.worker_counters[i] = &worker_counters[i];
    engine.shard_counters[0] = &shard_counters;
    loop = tw_main_loop_create(&engine);
    assert_non_null(loop);
    return 0;
}

static void close_peer(void)
{
    if (peer >= 0)
        close(peer);
    peer = -1;
}

static int teardown(void **state)
{
    (void)state;
    tw_main_loop_destroy(loop);
    close_peer();
    if (listener >= 0)
        close(listener);
    listener = -1;
    unlink(config.control.agent_socket);
    for (uint32_t i = 0; i < topology.ring_count; i++)
        free(engine.rings[i]);
    free(shard_memory);
    return 0;
}

static void turn(void)
{
    now_ns += TW_MILLISECOND_NS;
    tw_main_loop_turn(loop, now_ns);
}

/* ---- the workers ---------------------------------------------------------------------------- */

static bool take_command(uint32_t worker, struct tw_worker_command *command)
{
    return rte_ring_sc_dequeue_elem(tw_engine_commands(&engine, worker), command,
                                    sizeof(*command)) == 0;
}

/* Drops everything up to the next command of this type. */
static struct tw_worker_command expect_command(uint32_t worker, enum tw_command_type type)
{
    struct tw_worker_command command;
    while (take_command(worker, &command))
        if (command.type == type)
            return command;
    fail_msg("worker %u was not sent command %d", worker, (int)type);
    return command;
}

static void expect_no_command(uint32_t worker)
{
    struct tw_worker_command command;
    if (take_command(worker, &command))
        fail_msg("worker %u was sent command %u", worker, command.type);
}

static void drop_commands(void)
{
    struct tw_worker_command command;
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        while (take_command(worker, &command))
            ;
}

static bool tell(uint32_t worker, enum tw_event_type type, struct tw_worker_event event)
{
    event.type = (uint16_t)type;
    event.worker = (uint16_t)worker;
    return rte_ring_sp_enqueue_elem(tw_engine_events(&engine, worker), &event, sizeof(event)) == 0;
}

static void tell_session(uint32_t worker, enum tw_event_type type, uint32_t slot)
{
    struct tw_worker_event event = {
        .found = 1,
        .session = {.connection_id = tw_connection_id(worker, slot, 7), .account = slot + 1}};
    assert_true(tell(worker, type, event));
}

/* Answers a RESYNC as a worker with these many live sessions does. */
static void tell_all_sessions(uint32_t worker, uint32_t count)
{
    for (uint32_t slot = 0; slot < count; slot++)
        tell_session(worker, TW_EVENT_SESSION, slot);
    assert_true(tell(worker, TW_EVENT_RESYNC_END, (struct tw_worker_event){0}));
}

/* ---- the control plane ---------------------------------------------------------------------- */

static void listen_for_engine(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", config.control.agent_socket);
    unlink(address.sun_path);
    listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
}

/* As kill -9 leaves it: both sockets closed, the path still there. */
static void kill_control(void)
{
    close_peer();
    if (listener >= 0)
        close(listener);
    listener = -1;
}

static uint16_t take(union tw_agent_message *message)
{
    ssize_t length = recv(peer, message, sizeof(*message), MSG_DONTWAIT);
    if (length < (ssize_t)sizeof(message->header))
        return 0;
    assert_int_equal(message->header.length, length);
    return message->header.type;
}

static union tw_agent_message expect_message(enum tw_agent_type type)
{
    union tw_agent_message message;
    uint16_t taken;
    while ((taken = take(&message)) != 0)
        if (taken == type)
            return message;
    fail_msg("the control plane was not sent message %d", (int)type);
    return message;
}

static void say(union tw_agent_message *message, enum tw_agent_type type, size_t length)
{
    message->header = (struct tw_agent_header){(uint16_t)type, TW_AGENT_VERSION, (uint32_t)length};
    assert_int_equal(send(peer, message, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void accept_engine(void)
{
    union tw_agent_message hello = {.control_hello = {.accepted = 1}};
    say(&hello, TW_AGENT_CONTROL_HELLO, sizeof(hello.control_hello));
}

static void acknowledge(uint64_t event)
{
    union tw_agent_message ack = {.event_ack = {.event = event}};
    say(&ack, TW_AGENT_EVENT_ACK, sizeof(ack.event_ack));
}

static void connect_engine(void)
{
    if (listener < 0)
        listen_for_engine();
    now_ns += 3 * TW_SECOND_NS; /* longer than it waits between two tries */
    turn();
    peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
}

/* Linked, resynced without sessions, nothing under way. */
static void link_up(void)
{
    connect_engine();
    accept_engine();
    turn();
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        (void)expect_command(worker, TW_COMMAND_RESYNC);
        tell_all_sessions(worker, 0);
    }
    turn();
    turn();
    assert_int_equal(expect_message(TW_AGENT_RESYNC_END).resync_end.sessions, 0);
    drop_commands();
}

/* ---- what it starts with -------------------------------------------------------------------- */

static void test_workers_learn_the_cookie_key_at_once_and_every_minute(void **state)
{
    (void)state;
    struct tw_worker_command first[WORKERS], second;
    turn();
    for (uint32_t i = 0; i < WORKERS; i++) {
        first[i] = expect_command(i, TW_COMMAND_COOKIE_KEY);
        expect_no_command(i);
    }
    assert_memory_equal(first[0].cookie.key, first[1].cookie.key, TW_KEY_SIZE);
    now_ns += 59 * TW_SECOND_NS;
    turn();
    expect_no_command(0);
    now_ns += TW_SECOND_NS;
    turn();
    for (uint32_t i = 0; i < WORKERS; i++) {
        second = expect_command(i, TW_COMMAND_COOKIE_KEY);
        assert_int_equal(second.cookie.slot, first[i].cookie.slot + 1);
        assert_memory_not_equal(second.cookie.key, first[i].cookie.key, TW_KEY_SIZE);
    }
}

static void test_resync_is_whole_before_events_follow(void **state)
{
    (void)state;
    connect_engine();
    union tw_agent_message message = expect_message(TW_AGENT_ENGINE_HELLO);
    assert_int_equal(message.engine_hello.boot_id, 4711);
    assert_string_equal(message.engine_hello.name, config.engine.name);
    for (uint32_t i = 0; i < WORKERS; i++)
        (void)expect_command(i, TW_COMMAND_RESYNC);
    tell_all_sessions(0, 3);
    tell_session(0, TW_EVENT_CLOSED, 1);
    turn();
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(take(&message), TW_AGENT_SESSION);
    assert_int_equal(take(&message), 0); /* worker 1 has not answered yet */
    accept_engine();
    turn();
    /* The control plane answers no handshake before it knows who plays. */
    for (uint32_t i = 0; i < WORKERS; i++)
        expect_no_command(i);
    tell_all_sessions(1, 2);
    turn();
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(expect_command(i, TW_COMMAND_CONTROL_STATE).control.linked, 1);
    assert_int_equal(take(&message), TW_AGENT_SESSION);
    assert_int_equal(take(&message), TW_AGENT_SESSION);
    assert_int_equal(take(&message), TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, 5);
    assert_int_equal(take(&message), TW_AGENT_SESSION_CLOSED);
    assert_int_equal(message.session.connection_id, tw_connection_id(0, 1, 7));
    assert_int_equal(message.session.event, 1);
}

/* More sessions than the link's queue holds, to a control plane that reads late. */
static void test_no_session_is_left_out_of_a_long_resync(void **state)
{
    (void)state;
    connect_engine();
    accept_engine();
    uint32_t told[WORKERS] = {0}, seen = 0;
    union tw_agent_message message;
    for (uint32_t step = 0; step < 4000; step++) {
        for (uint32_t i = 0; i < WORKERS; i++)
            for (uint32_t n = 0; n < 64 && told[i] <= 1024; n++) {
                bool last = told[i] == 1024;
                struct tw_worker_event event = {
                    .found = 1, .session = {.connection_id = tw_connection_id(i, told[i], 7)}};
                if (!tell(i, last ? TW_EVENT_RESYNC_END : TW_EVENT_SESSION, event))
                    break;
                told[i]++;
            }
        turn();
        drop_commands();
        if (step < 1000 || peer < 0)
            continue;
        uint16_t type = take(&message);
        seen += type == TW_AGENT_SESSION;
        if (type == TW_AGENT_RESYNC_END)
            break;
    }
    assert_int_equal(message.header.type, TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, WORKERS * 1024);
    assert_int_equal(seen, WORKERS * 1024);
}

/* ---- handshakes ----------------------------------------------------------------------------- */

static void test_reply_finds_the_worker_that_asked(void **state)
{
    (void)state;
    link_up();
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct tw_worker_event event = {.handshake = {.request = UINT64_C(0x123400000005)}};
        assert_true(tell(i, TW_EVENT_HANDSHAKE, event));
    }
    turn();
    union tw_agent_message asked[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++)
        asked[i] = expect_message(TW_AGENT_HANDSHAKE_REQUEST);
    assert_int_not_equal(asked[0].handshake_request.request, asked[1].handshake_request.request);
    for (uint32_t i = WORKERS; i-- > 0;) {
        union tw_agent_message reply = {
            .handshake_reply = {.request = asked[i].handshake_request.request,
                                .verdict = TW_VERDICT_TOKEN_USED,
                                .account = 100 + i}};
        say(&reply, TW_AGENT_HANDSHAKE_REPLY, sizeof(reply.handshake_reply));
    }
    turn();
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct tw_worker_command command = expect_command(i, TW_COMMAND_HANDSHAKE_REPLY);
        assert_int_equal(command.reply.request, UINT64_C(0x123400000005));
        assert_int_equal(command.reply.account, 100 + i);
        expect_no_command(i);
    }
    /* A worker that does not exist: nobody is told, and the link lives on. */
    union tw_agent_message odd = {
        .handshake_reply = {.request = UINT64_MAX, .verdict = TW_VERDICT_TOKEN_USED}};
    say(&odd, TW_AGENT_HANDSHAKE_REPLY, sizeof(odd.handshake_reply));
    turn();
    for (uint32_t i = 0; i < WORKERS; i++)
        expect_no_command(i);
    assert_true(tell(0, TW_EVENT_HANDSHAKE, (struct tw_worker_event){0}));
    turn();
    (void)expect_message(TW_AGENT_HANDSHAKE_REQUEST);
}

static void test_without_control_plane_handshakes_end_at_once(void **state)
{
    (void)state;
    link_up();
    kill_control();
    turn();
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(expect_command(i, TW_COMMAND_CONTROL_STATE).control.linked, 0);
    /* It was on its way when the news came. */
    struct tw_worker_event event = {.handshake = {.request = 9}};
    assert_true(tell(1, TW_EVENT_HANDSHAKE, event));
    turn();
    struct tw_worker_command command = expect_command(1, TW_COMMAND_HANDSHAKE_REPLY);
    assert_int_equal(command.reply.verdict, TW_VERDICT_CONTROL_GONE);
    assert_int_equal(command.reply.request, 9);
    link_up();
}

/* ---- the control plane dies at every point -------------------------------------------------- */

/* A reconnect while a worker still answers the resync of the link before: its END is not ours. */
static void test_end_of_an_old_resync_does_not_end_the_new_one(void **state)
{
    (void)state;
    connect_engine();
    turn();
    for (uint32_t i = 0; i < WORKERS; i++)
        (void)expect_command(i, TW_COMMAND_RESYNC);
    tell_session(0, TW_EVENT_SESSION, 0);
    kill_control();
    turn();
    connect_engine();
    accept_engine();
    turn();
    tell_session(0, TW_EVENT_SESSION, 1); /* still of the old one, as are both ENDs */
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_true(tell(i, TW_EVENT_RESYNC_END, (struct tw_worker_event){0}));
    turn();
    turn();
    union tw_agent_message message;
    assert_int_equal(take(&message), TW_AGENT_ENGINE_HELLO);
    assert_int_equal(take(&message), 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        (void)expect_command(i, TW_COMMAND_RESYNC);
        tell_all_sessions(i, 2);
    }
    turn();
    for (uint32_t i = 0; i < WORKERS * 2; i++)
        assert_int_equal(take(&message), TW_AGENT_SESSION);
    assert_int_equal(take(&message), TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, WORKERS * 2);
}

/* Acts like a worker and a control plane for a while; returns the newest event number seen. */
static uint64_t live(uint32_t turns, bool answers, uint64_t newest)
{
    struct tw_worker_command command;
    union tw_agent_message message;
    for (uint32_t step = 0; step < turns; step++) {
        tell_session(step % WORKERS, TW_EVENT_CONFIRMED, step);
        turn();
        for (uint32_t i = 0; i < WORKERS; i++)
            while (take_command(i, &command))
                if (command.type == TW_COMMAND_RESYNC)
                    tell_all_sessions(i, 3);
        while (peer >= 0 && take(&message) != 0) {
            if (message.header.type == TW_AGENT_ENGINE_HELLO && answers)
                accept_engine();
            if (message.header.type != TW_AGENT_SESSION_CONFIRMED)
                continue;
            /* In order, and none left out; sent again are those that nobody acknowledged. */
            assert_true(message.session.event <= newest + 1);
            if (message.session.event > newest)
                newest = message.session.event;
            if (step % 3 == 0)
                acknowledge(message.session.event);
        }
    }
    return newest;
}

static void test_no_event_is_lost_when_the_control_plane_dies_at_any_time(void **state)
{
    (void)state;
    uint64_t told = 0, newest = 0;
    for (uint32_t round = 0; round < 40; round++) {
        connect_engine();
        /* Dies before it answered the hello, in the middle of the resync, or later. */
        uint32_t turns = round % 10;
        newest = live(turns, round % 4 != 0, newest);
        told += turns;
        kill_control();
        newest = live(2, false, newest);
        told += 2;
    }
    connect_engine();
    newest = live(20, true, newest);
    told += 20;
    for (uint32_t i = 0; i < 5; i++)
        turn();
    union tw_agent_message message;
    while (take(&message) != 0)
        if (message.header.type == TW_AGENT_SESSION_CONFIRMED) {
            assert_int_equal(message.session.event, newest + 1);
            newest++;
        }
    assert_int_equal(newest, told);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void kick(uint32_t connection_id)
{
    union tw_agent_message message = {
        .session_kick = {.connection_id = connection_id, .reason = TW_CLOSE_KICKED}};
    say(&message, TW_AGENT_SESSION_KICK, sizeof(message.session_kick));
}

/* A worker that takes nothing: what is for it waits in the socket, and then arrives in order. */
static void test_kicks_wait_for_a_worker_that_is_held_up(void **state)
{
    (void)state;
    link_up();
    uint32_t sent = 0, taken = 0;
    struct tw_worker_command command;
    for (uint32_t step = 0; step < 20; step++) {
        for (uint32_t i = 0; i < 30; i++)
            kick(tw_connection_id(0, sent++, 7));
        turn();
    }
    assert_true(rte_ring_free_count(tw_engine_commands(&engine, 0)) <=
                TW_TOPOLOGY_COMMANDS_RESERVE);
    /* The ring keeps room for what only the newest state of counts. */
    now_ns += 61 * TW_SECOND_NS;
    turn();
    for (uint32_t step = 0; step < 400; step++) {
        for (uint32_t i = 0; i < 3 && take_command(0, &command); i++)
            if (command.type == TW_COMMAND_KICK)
                assert_int_equal(tw_connection_slot(command.connection_id), taken++);
        turn();
    }
    assert_int_equal(taken, sent);
    (void)expect_command(1, TW_COMMAND_COOKIE_KEY);
}

static void test_questions_about_sessions_are_answered(void **state)
{
    (void)state;
    link_up();
    union tw_agent_message query = {
        .session_query = {.query = 5, .connection_id = tw_connection_id(1, 3, 7)}};
    say(&query, TW_AGENT_SESSION_QUERY, sizeof(query.session_query));
    turn();
    struct tw_worker_command command = expect_command(1, TW_COMMAND_QUERY);
    assert_int_equal(command.query, 5);
    assert_int_equal(command.connection_id, tw_connection_id(1, 3, 7));
    expect_no_command(0);
    struct tw_worker_event event = {.query = 5, .found = 1, .session = {.account = 77}};
    assert_true(tell(1, TW_EVENT_SESSION, event));
    turn();
    union tw_agent_message message = expect_message(TW_AGENT_SESSION_STATE);
    assert_int_equal(message.session_state.query, 5);
    assert_int_equal(message.session_state.found, 1);
    assert_int_equal(message.session_state.session.account, 77);
    /* No such worker: answered without asking anybody. */
    query.session_query.query = 6;
    query.session_query.connection_id = tw_connection_id(9, 3, 7);
    say(&query, TW_AGENT_SESSION_QUERY, sizeof(query.session_query));
    turn();
    message = expect_message(TW_AGENT_SESSION_STATE);
    assert_int_equal(message.session_state.query, 6);
    assert_int_equal(message.session_state.found, 0);
}

static void test_neighbours_are_told_to_all_and_asked_for_once(void **state)
{
    (void)state;
    turn();
    drop_commands();
    uint32_t address = config.ports[0].address + 5;
    struct tw_worker_event event = {.neighbour = {.address = tw_address_from_ipv4(address, 0)}};
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_true(tell(i, TW_EVENT_NEIGHBOUR_WANTED, event));
    turn();
    assert_int_equal(tw_ip_ipv4(expect_command(0, TW_COMMAND_NEIGHBOUR_ASK).neighbour.address.ip),
                     address);
    expect_no_command(0);
    expect_no_command(1);
    memcpy(event.neighbour.mac, (const uint8_t[6]){2, 0, 0, 0, 0, 5}, TW_MAC_SIZE);
    assert_true(tell(1, TW_EVENT_NEIGHBOUR_SEEN, event));
    turn();
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct tw_worker_command command = expect_command(i, TW_COMMAND_NEIGHBOUR_SET);
        assert_int_equal(tw_ip_ipv4(command.neighbour.address.ip), address);
        assert_memory_equal(command.neighbour.mac, event.neighbour.mac, TW_MAC_SIZE);
        expect_no_command(i);
    }
}

static void put_rule(uint32_t id, uint32_t total)
{
    union tw_agent_message message = {
        .filter_change = {.count = 1,
                          .total = total,
                          .last = 1,
                          .rules = {{.id = id, .kind = TW_FILTER_DENY, .prefix_length = 32}}}};
    message.filter_change.rules[0].ip[0] = (uint8_t)id;
    say(&message, TW_AGENT_FILTER_CHANGE, sizeof(message.filter_change));
    turn();
}

static void test_filter_rules_reach_all_workers_and_outlive_the_control_plane(void **state)
{
    (void)state;
    link_up();
    put_rule(1, 1);
    const struct tw_filter_table *table = NULL;
    for (uint32_t i = 0; i < WORKERS; i++) {
        table = expect_command(i, TW_COMMAND_FILTER).filter;
        assert_int_equal(table->rule_count, 1);
        tw_counter_set(&worker_counters[i].filter_version, table->version);
        tw_counter_set(&worker_counters[i].filters[0].packets, 5);
    }
    now_ns += TW_SECOND_NS;
    turn();
    struct tw_agent_filter_counters figures =
        expect_message(TW_AGENT_FILTER_COUNTERS).filter_counters;
    assert_int_equal(figures.count, 1);
    assert_int_equal(figures.figures[0].rule, 1);
    assert_int_equal(figures.figures[0].packets, WORKERS * 5);
    kill_control();
    drop_commands();
    now_ns += TW_SECOND_NS;
    turn();
    for (uint32_t i = 0; i < WORKERS; i++) {
        assert_int_equal(expect_command(i, TW_COMMAND_CONTROL_STATE).control.linked, 0);
        expect_no_command(i); /* and so no other table */
    }
    assert_int_equal(table->rule_count, 1);
    /* The next control plane tells a set that does not add up: it has to come again. */
    link_up();
    put_rule(2, 5);
    union tw_agent_message message;
    ssize_t length;
    do
        length = recv(peer, &message, sizeof(message), MSG_DONTWAIT);
    while (length > 0);
    assert_int_equal(length, 0); /* closed */
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct tw_worker_command command;
        while (take_command(i, &command))
            assert_int_not_equal(command.type, TW_COMMAND_FILTER);
    }
}

/* ---- figures -------------------------------------------------------------------------------- */

static void test_figures_are_sums_and_percentiles_of_the_last_second(void **state)
{
    (void)state;
    link_up();
    now_ns += TW_SECOND_NS;
    turn();
    (void)expect_message(TW_AGENT_STATS);
    for (uint32_t i = 0; i < WORKERS; i++) {
        tw_counter_add(&worker_counters[i].outcomes[TW_OUTCOME_ACCEPTED], 10 + i);
        tw_counter_add(&worker_counters[i].rx_packets, 20 + i);
        tw_counter_set(&worker_counters[i].sessions_live, 3 + i);
    }
    for (uint32_t i = 0; i < 98; i++)
        tw_histogram_record(&shard_counters.tick_ns, 1000);
    tw_histogram_record(&shard_counters.tick_ns, 2000000);
    tw_histogram_record(&shard_counters.tick_ns, 8000000);
    now_ns += TW_SECOND_NS;
    turn();
    struct tw_agent_stats stats = expect_message(TW_AGENT_STATS).stats;
    assert_int_equal(stats.outcomes[TW_OUTCOME_ACCEPTED], 21);
    assert_int_equal(stats.rx_packets, 41);
    assert_int_equal(stats.sessions_live, 7);
    assert_int_equal(stats.workers, WORKERS);
    assert_in_range(stats.tick_p50_ns, 960, 1000);
    assert_in_range(stats.tick_p99_ns, 1900000, 2000000);
    assert_in_range(stats.tick_max_ns, 7700000, 8000000);
    /* The second after that: other samples, the same sums. */
    for (uint32_t i = 0; i < 10; i++)
        tw_histogram_record(&shard_counters.tick_ns, 5000);
    now_ns += TW_SECOND_NS;
    turn();
    stats = expect_message(TW_AGENT_STATS).stats;
    assert_int_equal(stats.rx_packets, 41);
    assert_in_range(stats.tick_max_ns, 4800, 5000);
    now_ns += TW_SECOND_NS;
    turn();
    assert_int_equal(expect_message(TW_AGENT_STATS).stats.tick_max_ns, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_workers_learn_the_cookie_key_at_once_and_every_minute),
        TEST(test_resync_is_whole_before_events_follow),
        TEST(test_no_session_is_left_out_of_a_long_resync),
        TEST(test_reply_finds_the_worker_that_asked),
        TEST(test_without_control_plane_handshakes_end_at_once),
        TEST(test_end_of_an_old_resync_does_not_end_the_new_one),
        TEST(test_no_event_is_lost_when_the_control_plane_dies_at_any_time),
        TEST(test_kicks_wait_for_a_worker_that_is_held_up),
        TEST(test_questions_about_sessions_are_answered),
        TEST(test_neighbours_are_told_to_all_and_asked_for_once),
        TEST(test_filter_rules_reach_all_workers_and_outlive_the_control_plane),
        TEST(test_figures_are_sums_and_percentiles_of_the_last_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
