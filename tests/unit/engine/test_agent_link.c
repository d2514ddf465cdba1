/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent link against a fake control plane on a real unix socket; time is made up, but in the
 * last test, where the peer is a thread of its own (for ThreadSanitizer). */
#include "dataplane/engine/agent_link.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES 64u
#define EVENTS   4096u

static char path[64];
static void *memory;
static struct tw_agent_protocol *protocol;
static struct tw_agent_link agent;
static union tw_agent_message message;
static int listener = -1, peer = -1;
static uint64_t now_ns;

static void open_listener(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/tickwire-agent-%d.sock", (int)getpid());
    unlink(path);
    struct tw_agent_protocol_config config = {
        .hello = {.name = "engine"}, .messages_max = MESSAGES, .events_max = EVENTS};
    memory = aligned_alloc(64, tw_agent_protocol_footprint(&config));
    protocol = tw_agent_protocol_init(memory, &config);
    tw_agent_link_init(&agent, protocol, path);
    now_ns = UINT64_C(1000000000);
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
    tw_agent_link_close(&agent, now_ns);
    close_peer();
    if (listener >= 0)
        close(listener);
    listener = -1;
    unlink(path);
    free(memory);
    return 0;
}

static uint16_t peer_take(union tw_agent_message *into)
{
    ssize_t length = recv(peer, into, sizeof(*into), MSG_DONTWAIT);
    if (length < (ssize_t)sizeof(into->header))
        return 0;
    assert_int_equal(into->header.length, length);
    return into->header.type;
}

static void peer_send(const void *bytes, size_t length)
{
    assert_int_equal(send(peer, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void peer_accepts(uint16_t accepted)
{
    struct tw_agent_control_hello hello = {
        .header = {TW_AGENT_CONTROL_HELLO, TW_AGENT_VERSION, sizeof(hello)}, .accepted = accepted};
    peer_send(&hello, sizeof(hello));
}

static enum tw_agent_action turn(void)
{
    tw_agent_link_send(&agent, now_ns);
    return tw_agent_link_receive(&agent, &message, now_ns);
}

static void link_up(void)
{
    turn();
    assert_true(tw_agent_link_is_up(&agent));
    peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    assert_true(tw_agent_protocol_end_resync(protocol));
    peer_accepts(1);
    assert_int_equal(turn(), TW_AGENT_ACTION_LINKED);
    union tw_agent_message taken;
    assert_int_equal(peer_take(&taken), TW_AGENT_ENGINE_HELLO);
    assert_int_equal(peer_take(&taken), TW_AGENT_RESYNC_END);
}

static void test_retries_with_growing_delay(void **state)
{
    (void)state;
    const uint64_t expected_ms[] = {100, 200, 400, 800, 1600, 2000, 2000};
    turn();
    for (size_t i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++) {
        assert_false(tw_agent_link_is_up(&agent));
        assert_int_equal(agent.retry_at_ns, now_ns + expected_ms[i] * 1000000);
        now_ns = agent.retry_at_ns - 1;
        uint64_t before_ns = agent.retry_at_ns;
        turn();
        assert_int_equal(agent.retry_at_ns, before_ns);
        now_ns = before_ns;
        turn();
    }
    /* The control plane comes back: linked, and the delay starts anew. */
    open_listener();
    now_ns = agent.retry_at_ns;
    link_up();
    assert_int_equal(agent.retry_delay_ns, TW_AGENT_RETRY_MIN_NS);
    assert_int_equal(agent.epoch, 1);
}

static void test_unacknowledged_events_survive_the_peer(void **state)
{
    (void)state;
    open_listener();
    link_up();
    for (uint32_t i = 0; i < 10; i++) {
        struct tw_agent_session session = {.connection_id = i};
        tw_agent_protocol_push_event(protocol, TW_AGENT_SESSION_CLOSED, &session);
    }
    turn();
    union tw_agent_message taken;
    for (uint64_t i = 1; i <= 10; i++) {
        assert_int_equal(peer_take(&taken), TW_AGENT_SESSION_CLOSED);
        assert_int_equal(taken.session.event, i);
    }
    struct tw_agent_event_ack ack = {.header = {TW_AGENT_EVENT_ACK, TW_AGENT_VERSION, sizeof(ack)},
                                     .event = 6};
    peer_send(&ack, sizeof(ack));
    assert_int_equal(turn(), TW_AGENT_ACTION_NONE);
    close_peer(); /* dies */
    assert_int_equal(turn(), TW_AGENT_ACTION_CLOSE);
    assert_false(tw_agent_protocol_is_linked(protocol));
    assert_int_equal(agent.losses, 1);
    now_ns = agent.retry_at_ns;
    link_up();
    turn();
    for (uint64_t i = 7; i <= 10; i++) {
        assert_int_equal(peer_take(&taken), TW_AGENT_SESSION_CLOSED);
        assert_int_equal(taken.session.event, i);
    }
    assert_int_equal(peer_take(&taken), 0);
}

static void test_garbage_costs_the_link_only(void **state)
{
    (void)state;
    open_listener();
    uint8_t garbage[4096];
    memset(garbage, 0xa5, sizeof(garbage));
    const size_t sizes[] = {1, 7, 8, 64, sizeof(struct tw_agent_handshake_reply), 4096};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        link_up();
        peer_send(garbage, sizes[i]);
        assert_int_equal(turn(), TW_AGENT_ACTION_CLOSE);
        assert_false(tw_agent_link_is_up(&agent));
        assert_int_equal(tw_agent_protocol_counters(protocol).odd_messages, i + 1);
        close_peer();
        now_ns = agent.retry_at_ns;
    }
    link_up();
}

static void test_reply_arrives_whole(void **state)
{
    (void)state;
    open_listener();
    link_up();
    struct tw_agent_handshake_reply reply;
    memset(&reply, 0x33, sizeof(reply));
    reply.header =
        (struct tw_agent_header){TW_AGENT_HANDSHAKE_REPLY, TW_AGENT_VERSION, sizeof(reply)};
    reply.verdict = TW_VERDICT_WELCOMED;
    reply.suite = TW_SUITE_AES256_GCM;
    reply.refused_size = 0;
    peer_send(&reply, sizeof(reply));
    assert_int_equal(turn(), TW_AGENT_ACTION_REPLY);
    assert_memory_equal(&message.handshake_reply, &reply, sizeof(reply));
    assert_int_equal(turn(), TW_AGENT_ACTION_NONE);
}

static void test_refused_version_is_retried_slowly(void **state)
{
    (void)state;
    open_listener();
    turn();
    peer = accept(listener, NULL, NULL);
    peer_accepts(0);
    assert_int_equal(turn(), TW_AGENT_ACTION_CLOSE);
    assert_int_equal(tw_agent_protocol_counters(protocol).refused, 1);
    uint64_t first_ns = agent.retry_at_ns - now_ns;
    close_peer();
    now_ns = agent.retry_at_ns;
    turn();
    peer = accept(listener, NULL, NULL);
    peer_accepts(0);
    turn();
    assert_true(agent.retry_at_ns - now_ns > first_ns);
}

static void test_peer_that_takes_nothing_is_left(void **state)
{
    (void)state;
    open_listener();
    link_up();
    struct tw_agent_session session = {.connection_id = 1};
    for (uint32_t i = 0; i < EVENTS; i++)
        tw_agent_protocol_push_event(protocol, TW_AGENT_SESSION_CLOSED, &session);
    for (uint32_t i = 0; i < 64; i++)
        turn();
    assert_true(agent.stalled_since_ns != 0);
    assert_false(tw_agent_protocol_is_idle(protocol));
    now_ns += TW_AGENT_STALL_NS;
    turn();
    assert_true(tw_agent_link_is_up(&agent));
    now_ns += 1;
    turn();
    assert_false(tw_agent_link_is_up(&agent));
    assert_int_equal(agent.stalls, 1);
    assert_int_equal(tw_agent_protocol_counters(protocol).events_lost, 0);
}

#define STRESS_EVENTS 20000u

struct stress {
    _Atomic bool stop;
    uint64_t newest; /* highest event number seen in order; read after the join */
    uint32_t connections;
    bool gap;
};

/* Reads events, acknowledges now and then, dies every few hundred messages. */
static void *run_peer(void *argument)
{
    struct stress *stress = argument;
    union tw_agent_message taken;
    while (!atomic_load(&stress->stop)) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            break;
        stress->connections++;
        struct tw_agent_control_hello hello = {
            .header = {TW_AGENT_CONTROL_HELLO, TW_AGENT_VERSION, sizeof(hello)}, .accepted = 1};
        bool up = send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) > 0;
        for (uint32_t i = 0; i < 3000 && up; i++) {
            if (recv(fd, &taken, sizeof(taken), 0) <= 0)
                break;
            if (taken.header.type != TW_AGENT_SESSION_CLOSED)
                continue;
            if (taken.session.event > stress->newest + 1)
                stress->gap = true;
            if (taken.session.event > stress->newest)
                stress->newest = taken.session.event;
            struct tw_agent_event_ack ack = {
                .header = {TW_AGENT_EVENT_ACK, TW_AGENT_VERSION, sizeof(ack)},
                .event = taken.session.event};
            if (i % 7 == 0 || stress->newest == STRESS_EVENTS)
                up = send(fd, &ack, sizeof(ack), MSG_NOSIGNAL) > 0;
        }
        close(fd);
    }
    return NULL;
}

static void test_no_event_is_lost_to_a_dying_peer(void **state)
{
    (void)state;
    open_listener();
    static struct stress stress;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_peer, &stress), 0);
    uint32_t pushed = 0;
    uint32_t turns = 0;
    bool done = false;
    while (!done && turns++ < 4000000) {
        now_ns += 1000000;
        /* Never more than fit: what is not acknowledged stays in the queue. */
        for (uint32_t i = 0; i < 64 && pushed < STRESS_EVENTS; i++) {
            struct tw_agent_session session = {.connection_id = pushed};
            uint64_t lost = tw_agent_protocol_counters(protocol).events_lost;
            tw_agent_protocol_push_event(protocol, TW_AGENT_SESSION_CLOSED, &session);
            if (tw_agent_protocol_counters(protocol).events_lost != lost)
                break;
            pushed++;
        }
        enum tw_agent_action action = turn();
        (void)action;
        if (tw_agent_protocol_is_resyncing(protocol))
            (void)tw_agent_protocol_end_resync(protocol);
        done = pushed == STRESS_EVENTS && tw_agent_protocol_unacknowledged(protocol) == 0;
    }
    atomic_store(&stress.stop, true);
    tw_agent_link_close(&agent, now_ns);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    assert_true(done);
    assert_false(stress.gap);
    assert_true(stress.connections > 1);
    assert_int_equal(stress.newest, STRESS_EVENTS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_retries_with_growing_delay),
        TEST(test_unacknowledged_events_survive_the_peer),
        TEST(test_garbage_costs_the_link_only),
        TEST(test_reply_arrives_whole),
        TEST(test_refused_version_is_retried_slowly),
        TEST(test_peer_that_takes_nothing_is_left),
        TEST(test_no_event_is_lost_to_a_dying_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
