/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/engine/main_loop_rig.h"

#include "dataplane/engine/shard_config.h"

#include <rte_ring_elem.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct main_loop_rig rig = {.listener = -1, .peer = -1};

/* ---- the engine around the loop ------------------------------------------------------------- */

static void make_rings(void)
{
    for (uint32_t i = 0; i < rig.topology.ring_count; i++) {
        const struct tw_topology_ring *wanted = &rig.topology.rings[i];
        size_t size = (size_t)rte_ring_get_memsize_elem(wanted->element_size, wanted->depth);
        rig.engine.rings[i] = aligned_alloc(64, (size + 63u) & ~(size_t)63);
        assert_non_null(rig.engine.rings[i]);
        assert_int_equal(rte_ring_init(rig.engine.rings[i], wanted->name, wanted->depth,
                                       RING_F_SP_ENQ | RING_F_SC_DEQ),
                         0);
    }
}

static void make_shard(void)
{
    uint32_t shard = tw_topology_shard(&rig.topology, 0);
    struct tw_shard_loop_config wanted = {.shard = tw_shard_config_from(&rig.config),
                                          .counters = &rig.shard_counters,
                                          .epoch_ns = rig.engine.epoch_ns,
                                          .stop = &rig.engine.stop};
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        uint32_t worker = tw_topology_worker(&rig.topology, i);
        wanted.rings[i] = (struct tw_worker_shard_rings){
            .records =
                rig.engine
                    .rings[tw_topology_find_ring(&rig.topology, TW_RING_RECORDS, worker, shard)],
            .empty = rig.engine
                         .rings[tw_topology_find_ring(&rig.topology, TW_RING_EMPTY, worker, shard)],
            .message_buffers = rig.engine.rings[tw_topology_find_ring(
                &rig.topology, TW_RING_MESSAGE_BUFFERS, worker, shard)],
            .full =
                rig.engine.rings[tw_topology_find_ring(&rig.topology, TW_RING_FULL, shard, worker)],
        };
    }
    rig.shard_memory = aligned_alloc(64, (tw_shard_loop_footprint(&wanted) + 63u) & ~(size_t)63);
    assert_non_null(rig.shard_memory);
    rig.engine.shards[0] = tw_shard_loop_init(rig.shard_memory, &wanted);
}

int rig_setup(void **state)
{
    (void)state;
    static struct tw_topology_host host;
    struct tw_topology_error error;
    memset(&rig.engine, 0, sizeof(rig.engine));
    memset(rig.worker_counters, 0, sizeof(rig.worker_counters));
    memset(&rig.shard_counters, 0, sizeof(rig.shard_counters));
    tw_config_defaults(&rig.config);
    rig.config.engine.workers = RIG_WORKERS;
    rig.config.engine.sessions_max = 1024;
    rig.config.engine.memory_mb = 1024;
    rig.config.limits.pending_max = 16;
    rig.config.world.npcs = 10;
    rig.config.world.players_max = 16;
    rig.config.world.entities_max = 256;
    snprintf(rig.config.control.agent_socket, sizeof(rig.config.control.agent_socket),
             "/tmp/tickwire-main-loop-%d.sock", (int)getpid());
    unlink(rig.config.control.agent_socket);
    memset(host.cores, 1, sizeof(host.cores));
    if (!tw_topology_build(&rig.topology, &rig.config, &host, &error))
        fail_msg("%s", error.message);
    rig.now_ns = 50 * TW_SECOND_NS;
    rig.engine.config = &rig.config;
    rig.engine.topology = &rig.topology;
    rig.engine.epoch_ns = rig.now_ns;
    rig.engine.boot_id = 4711;
    make_rings();
    make_shard();
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        rig.engine.worker_counters[i] = &rig.worker_counters[i];
    rig.engine.shard_counters[0] = &rig.shard_counters;
    rig.loop = tw_main_loop_create(&rig.engine);
    assert_non_null(rig.loop);
    return 0;
}

static void close_peer(void)
{
    if (rig.peer >= 0)
        close(rig.peer);
    rig.peer = -1;
}

int rig_teardown(void **state)
{
    (void)state;
    tw_main_loop_destroy(rig.loop);
    close_peer();
    if (rig.listener >= 0)
        close(rig.listener);
    rig.listener = -1;
    unlink(rig.config.control.agent_socket);
    for (uint32_t i = 0; i < rig.topology.ring_count; i++)
        free(rig.engine.rings[i]);
    free(rig.shard_memory);
    return 0;
}

void rig_turn(void)
{
    rig.now_ns += TW_MILLISECOND_NS;
    tw_main_loop_turn(rig.loop, rig.now_ns);
}

/* ---- the workers ---------------------------------------------------------------------------- */

bool rig_take_command(uint32_t worker, struct tw_worker_command *command)
{
    return rte_ring_sc_dequeue_elem(tw_engine_commands(&rig.engine, worker), command,
                                    sizeof(*command)) == 0;
}

struct tw_worker_command rig_expect_command(uint32_t worker, enum tw_command_type type)
{
    struct tw_worker_command command;
    while (rig_take_command(worker, &command))
        if (command.type == type)
            return command;
    fail_msg("worker %u was not sent command %d", worker, (int)type);
    return command;
}

void rig_expect_no_command(uint32_t worker)
{
    struct tw_worker_command command;
    if (rig_take_command(worker, &command))
        fail_msg("worker %u was sent command %u", worker, command.type);
}

void rig_drop_commands(void)
{
    struct tw_worker_command command;
    for (uint32_t worker = 0; worker < RIG_WORKERS; worker++)
        while (rig_take_command(worker, &command))
            ;
}

bool rig_tell(uint32_t worker, enum tw_event_type type, struct tw_worker_event event)
{
    event.type = (uint16_t)type;
    event.worker = (uint16_t)worker;
    return rte_ring_sp_enqueue_elem(tw_engine_events(&rig.engine, worker), &event, sizeof(event)) ==
           0;
}

void rig_tell_session(uint32_t worker, enum tw_event_type type, uint32_t slot)
{
    struct tw_worker_event event = {
        .found = 1,
        .session = {.connection_id = tw_connection_id(worker, slot, 7), .account = slot + 1}};
    assert_true(rig_tell(worker, type, event));
}

void rig_tell_all_sessions(uint32_t worker, uint32_t count)
{
    for (uint32_t slot = 0; slot < count; slot++)
        rig_tell_session(worker, TW_EVENT_SESSION, slot);
    assert_true(rig_tell(worker, TW_EVENT_RESYNC_END, (struct tw_worker_event){0}));
}

/* ---- the control plane ---------------------------------------------------------------------- */

static void listen_for_engine(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig.config.control.agent_socket);
    unlink(address.sun_path);
    rig.listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(rig.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(rig.listener, 4), 0);
}

void rig_kill_control(void)
{
    close_peer();
    if (rig.listener >= 0)
        close(rig.listener);
    rig.listener = -1;
}

uint16_t rig_take_message(union tw_agent_message *message)
{
    ssize_t length = recv(rig.peer, message, sizeof(*message), MSG_DONTWAIT);
    if (length < (ssize_t)sizeof(message->header))
        return 0;
    assert_int_equal(message->header.length, length);
    return message->header.type;
}

union tw_agent_message rig_expect_message(enum tw_agent_type type)
{
    union tw_agent_message message;
    uint16_t taken;
    while ((taken = rig_take_message(&message)) != 0)
        if (taken == type)
            return message;
    fail_msg("the control plane was not sent message %d", (int)type);
    return message;
}

void rig_say(union tw_agent_message *message, enum tw_agent_type type, size_t length)
{
    message->header = (struct tw_agent_header){(uint16_t)type, TW_AGENT_VERSION, (uint32_t)length};
    assert_int_equal(send(rig.peer, message, length, MSG_NOSIGNAL), (ssize_t)length);
}

void rig_accept_engine(void)
{
    union tw_agent_message hello = {.control_hello = {.accepted = 1}};
    rig_say(&hello, TW_AGENT_CONTROL_HELLO, sizeof(hello.control_hello));
}

void rig_acknowledge(uint64_t event)
{
    union tw_agent_message ack = {.event_ack = {.event = event}};
    rig_say(&ack, TW_AGENT_EVENT_ACK, sizeof(ack.event_ack));
}

void rig_connect_engine(void)
{
    if (rig.listener < 0)
        listen_for_engine();
    rig.now_ns += 3 * TW_SECOND_NS; /* longer than it waits between two tries */
    rig_turn();
    rig.peer = accept(rig.listener, NULL, NULL);
    assert_true(rig.peer >= 0);
}

void rig_link_up(void)
{
    rig_connect_engine();
    rig_accept_engine();
    rig_turn();
    for (uint32_t worker = 0; worker < RIG_WORKERS; worker++) {
        (void)rig_expect_command(worker, TW_COMMAND_RESYNC);
        rig_tell_all_sessions(worker, 0);
    }
    rig_turn();
    rig_turn();
    assert_int_equal(rig_expect_message(TW_AGENT_RESYNC_END).resync_end.sessions, 0);
    rig_drop_commands();
}
