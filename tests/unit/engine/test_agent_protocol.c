/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/agent_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES 8u
#define EVENTS   16u

static void *memory;
static struct tw_agent_protocol *protocol;
static union tw_agent_message received;

static int setup(void **state)
{
    (void)state;
    struct tw_agent_protocol_config config = {
        .hello = {.name = "engine", .pid = 77, .boot_id = 5},
        .messages_max = MESSAGES,
        .events_max = EVENTS,
    };
    memory = aligned_alloc(64, tw_agent_protocol_footprint(&config));
    assert_non_null(memory);
    protocol = tw_agent_protocol_init(memory, &config);
    memset(&received, 0, sizeof(received));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

/* The next message's type, taken off the queue; 0 if there is none. */
static uint16_t take(union tw_agent_message *copy)
{
    size_t length;
    const void *message = tw_agent_protocol_next(protocol, &length);
    if (message == NULL)
        return 0;
    union tw_agent_message taken;
    memset(&taken, 0, sizeof(taken));
    assert_true(length <= sizeof(taken));
    memcpy(&taken, message, length);
    assert_int_equal(taken.header.length, length);
    assert_int_equal(taken.header.version, TW_AGENT_VERSION);
    tw_agent_protocol_sent(protocol);
    if (copy != NULL)
        *copy = taken;
    return taken.header.type;
}

static enum tw_agent_action receive(uint16_t type, size_t length)
{
    received.header.type = type;
    received.header.version = TW_AGENT_VERSION;
    received.header.length = (uint32_t)length;
    return tw_agent_protocol_receive(protocol, &received, length);
}

static enum tw_agent_action receive_hello(uint16_t accepted)
{
    received.control_hello.accepted = accepted;
    return receive(TW_AGENT_CONTROL_HELLO, sizeof(received.control_hello));
}

static enum tw_agent_action receive_ack(uint64_t event)
{
    received.event_ack.event = event;
    return receive(TW_AGENT_EVENT_ACK, sizeof(received.event_ack));
}

static void push_event(enum tw_agent_type type, uint32_t connection_id)
{
    struct tw_agent_session session = {.connection_id = connection_id};
    tw_agent_protocol_push_event(protocol, type, &session);
}

static void link_up(void)
{
    tw_agent_protocol_connected(protocol);
    assert_int_equal(take(NULL), TW_AGENT_ENGINE_HELLO);
    assert_true(tw_agent_protocol_end_resync(protocol));
    assert_int_equal(take(NULL), TW_AGENT_RESYNC_END);
    assert_int_equal(receive_hello(1), TW_AGENT_ACTION_LINKED);
}

static void test_order_of_a_resync(void **state)
{
    (void)state;
    push_event(TW_AGENT_SESSION_CLOSED, 9);
    tw_agent_protocol_connected(protocol);
    assert_true(tw_agent_protocol_is_resyncing(protocol));
    struct tw_agent_session session = {.connection_id = 4, .event = 99};
    assert_true(tw_agent_protocol_push_session(protocol, &session));
    assert_true(tw_agent_protocol_push_session(protocol, &session));
    union tw_agent_message message;
    assert_int_equal(take(&message), TW_AGENT_ENGINE_HELLO);
    assert_string_equal(message.engine_hello.name, "engine");
    assert_int_equal(take(&message), TW_AGENT_SESSION);
    assert_int_equal(message.session.event, 0);
    assert_int_equal(take(NULL), TW_AGENT_SESSION);
    /* The event must not overtake the list of sessions. */
    assert_int_equal(take(NULL), 0);
    assert_true(tw_agent_protocol_end_resync(protocol));
    assert_int_equal(take(&message), TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, 2);
    assert_int_equal(take(&message), TW_AGENT_SESSION_CLOSED);
    assert_int_equal(message.session.event, 1);
    assert_true(tw_agent_protocol_is_idle(protocol));
}

static void test_events_are_numbered_and_kept_until_acknowledged(void **state)
{
    (void)state;
    link_up();
    push_event(TW_AGENT_SESSION_CONFIRMED, 1);
    push_event(TW_AGENT_SESSION_CONFIRMED, 2);
    push_event(TW_AGENT_SESSION_CLOSED, 1);
    union tw_agent_message message;
    for (uint64_t number = 1; number <= 3; number++) {
        assert_true(take(&message) != 0);
        assert_int_equal(message.session.event, number);
    }
    assert_int_equal(receive_ack(2), TW_AGENT_ACTION_NONE);
    tw_agent_protocol_disconnected(protocol);
    link_up();
    assert_int_equal(take(&message), TW_AGENT_SESSION_CLOSED);
    assert_int_equal(message.session.event, 3);
    assert_int_equal(take(NULL), 0);
    assert_int_equal(receive_ack(3), TW_AGENT_ACTION_NONE);
    /* The same again, and an older one, change nothing. */
    assert_int_equal(receive_ack(3), TW_AGENT_ACTION_NONE);
    assert_int_equal(receive_ack(1), TW_AGENT_ACTION_NONE);
    tw_agent_protocol_disconnected(protocol);
    link_up();
    assert_int_equal(take(NULL), 0);
}

static void test_ack_of_what_was_not_sent_is_odd(void **state)
{
    (void)state;
    link_up();
    assert_int_equal(receive_ack(1), TW_AGENT_ACTION_CLOSE);
    push_event(TW_AGENT_SESSION_CLOSED, 1);
    assert_int_equal(receive_ack(1), TW_AGENT_ACTION_CLOSE);
    assert_int_equal(take(NULL), TW_AGENT_SESSION_CLOSED);
    assert_int_equal(receive_ack(2), TW_AGENT_ACTION_CLOSE);
    assert_int_equal(receive_ack(UINT64_MAX), TW_AGENT_ACTION_CLOSE);
    assert_int_equal(receive_ack(1), TW_AGENT_ACTION_NONE);
    assert_int_equal(tw_agent_protocol_counters(protocol).odd_messages, 4);
}

static void test_full_event_queue_loses_the_newest_and_counts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < EVENTS + 3; i++)
        push_event(TW_AGENT_SESSION_CLOSED, i);
    assert_int_equal(tw_agent_protocol_counters(protocol).events_lost, 3);
    link_up();
    union tw_agent_message message;
    for (uint32_t i = 0; i < EVENTS; i++) {
        assert_int_equal(take(&message), TW_AGENT_SESSION_CLOSED);
        assert_int_equal(message.session.connection_id, i);
    }
    assert_int_equal(take(NULL), 0);
    /* Room again after an acknowledgement; the ring wraps. */
    assert_int_equal(receive_ack(EVENTS), TW_AGENT_ACTION_NONE);
    push_event(TW_AGENT_SESSION_CLOSED, 500);
    assert_int_equal(take(&message), TW_AGENT_SESSION_CLOSED);
    assert_int_equal(message.session.event, EVENTS + 1);
    assert_int_equal(message.session.connection_id, 500);
}

static void test_full_message_queue_refuses_and_counts(void **state)
{
    (void)state;
    link_up();
    struct tw_agent_stats stats = {.tick = 3};
    for (uint32_t i = 0; i < MESSAGES; i++)
        assert_true(tw_agent_protocol_push(protocol, TW_AGENT_STATS, &stats, sizeof(stats)));
    assert_int_equal(tw_agent_protocol_room(protocol), 0);
    assert_false(tw_agent_protocol_push(protocol, TW_AGENT_STATS, &stats, sizeof(stats)));
    assert_int_equal(tw_agent_protocol_counters(protocol).messages_dropped, 1);
    /* An event still gets through, ahead of them. */
    push_event(TW_AGENT_SESSION_CLOSED, 1);
    assert_int_equal(take(NULL), TW_AGENT_SESSION_CLOSED);
    for (uint32_t i = 0; i < MESSAGES; i++)
        assert_int_equal(take(NULL), TW_AGENT_STATS);
    assert_int_equal(take(NULL), 0);
}

static void test_handshakes_only_when_linked(void **state)
{
    (void)state;
    struct tw_agent_handshake_request request = {.request = 1};
    assert_false(
        tw_agent_protocol_push(protocol, TW_AGENT_HANDSHAKE_REQUEST, &request, sizeof(request)));
    tw_agent_protocol_connected(protocol);
    assert_false(
        tw_agent_protocol_push(protocol, TW_AGENT_HANDSHAKE_REQUEST, &request, sizeof(request)));
    assert_false(tw_agent_protocol_is_linked(protocol));
    assert_int_equal(receive_hello(1), TW_AGENT_ACTION_LINKED);
    /* before the resync ended the control plane would not answer it */
    assert_false(tw_agent_protocol_is_linked(protocol));
    assert_false(
        tw_agent_protocol_push(protocol, TW_AGENT_HANDSHAKE_REQUEST, &request, sizeof(request)));
    assert_true(tw_agent_protocol_end_resync(protocol));
    assert_true(tw_agent_protocol_is_linked(protocol));
    assert_true(
        tw_agent_protocol_push(protocol, TW_AGENT_HANDSHAKE_REQUEST, &request, sizeof(request)));
    assert_int_equal(take(NULL), TW_AGENT_ENGINE_HELLO);
    assert_int_equal(take(NULL), TW_AGENT_RESYNC_END);
    assert_int_equal(take(NULL), TW_AGENT_HANDSHAKE_REQUEST);
    tw_agent_protocol_disconnected(protocol);
    assert_false(tw_agent_protocol_is_linked(protocol));
    assert_int_equal(take(NULL), 0);
}

static void test_resync_waits_for_room(void **state)
{
    (void)state;
    tw_agent_protocol_connected(protocol);
    struct tw_agent_session session = {.connection_id = 1};
    uint32_t pushed = 0;
    while (tw_agent_protocol_room(protocol) > 0) {
        assert_true(tw_agent_protocol_push_session(protocol, &session));
        pushed++;
    }
    assert_int_equal(pushed, MESSAGES - 1);
    assert_false(tw_agent_protocol_end_resync(protocol));
    assert_true(tw_agent_protocol_is_resyncing(protocol));
    assert_int_equal(take(NULL), TW_AGENT_ENGINE_HELLO);
    assert_true(tw_agent_protocol_end_resync(protocol));
    assert_false(tw_agent_protocol_is_resyncing(protocol));
}

static void test_refusal(void **state)
{
    (void)state;
    tw_agent_protocol_connected(protocol);
    memset(received.control_hello.message, 'n', sizeof(received.control_hello.message));
    assert_int_equal(receive_hello(0), TW_AGENT_ACTION_CLOSE);
    assert_int_equal(strlen(tw_agent_protocol_refusal(protocol)), TW_CONFIG_TEXT_SIZE - 1);
    assert_int_equal(tw_agent_protocol_counters(protocol).refused, 1);
    assert_false(tw_agent_protocol_is_linked(protocol));
}

static void test_odd_messages(void **state)
{
    (void)state;
    tw_agent_protocol_connected(protocol);
    /* Before the control plane's hello nothing else is accepted. */
    assert_int_equal(receive(TW_AGENT_SESSION_KICK, sizeof(received.session_kick)),
                     TW_AGENT_ACTION_CLOSE);
    assert_int_equal(receive_hello(2), TW_AGENT_ACTION_CLOSE);
    assert_int_equal(receive_hello(1), TW_AGENT_ACTION_LINKED);
    assert_int_equal(receive_hello(1), TW_AGENT_ACTION_CLOSE);
    /* Our own types, unknown types. */
    for (uint16_t type = 0; type < 300; type++)
        if (type < TW_AGENT_CONTROL_HELLO || type > TW_AGENT_SESSION_CONDUCT)
            assert_int_equal(receive(type, sizeof(received.stats)), TW_AGENT_ACTION_CLOSE);
    /* Every length but the right one. */
    for (size_t length = 0; length <= sizeof(received); length++) {
        if (length != sizeof(received.handshake_reply))
            assert_int_equal(receive(TW_AGENT_HANDSHAKE_REPLY, length), TW_AGENT_ACTION_CLOSE);
    }
    /* A length field that lies, a foreign version. */
    size_t size = sizeof(received.session_kick);
    received.header = (struct tw_agent_header){TW_AGENT_SESSION_KICK, TW_AGENT_VERSION, 8};
    assert_int_equal(tw_agent_protocol_receive(protocol, &received, size), TW_AGENT_ACTION_CLOSE);
    received.header =
        (struct tw_agent_header){TW_AGENT_SESSION_KICK, TW_AGENT_VERSION + 1, (uint32_t)size};
    assert_int_equal(tw_agent_protocol_receive(protocol, &received, size), TW_AGENT_ACTION_CLOSE);
    /* Values out of range. */
    memset(&received, 0, sizeof(received));
    received.session_kick.reason = TW_CLOSE_COUNT;
    assert_int_equal(receive(TW_AGENT_SESSION_KICK, size), TW_AGENT_ACTION_CLOSE);
    memset(&received, 0, sizeof(received));
    received.session_conduct.stage = TW_CONDUCT_STAGES;
    assert_int_equal(receive(TW_AGENT_SESSION_CONDUCT, sizeof(received.session_conduct)),
                     TW_AGENT_ACTION_CLOSE);
    received.session_conduct.stage = TW_CONDUCT_THROTTLED_STAGE;
    received.session_conduct.charge = TW_NOTICE_KINDS;
    assert_int_equal(receive(TW_AGENT_SESSION_CONDUCT, sizeof(received.session_conduct)),
                     TW_AGENT_ACTION_CLOSE);
    received.session_conduct.charge = TW_CONDUCT_ACTIONS;
    assert_int_equal(receive(TW_AGENT_SESSION_CONDUCT, sizeof(received.session_conduct)),
                     TW_AGENT_ACTION_CONDUCT);
    memset(&received, 0, sizeof(received));
    received.handshake_reply.verdict = TW_VERDICT_COUNT;
    assert_int_equal(receive(TW_AGENT_HANDSHAKE_REPLY, sizeof(received.handshake_reply)),
                     TW_AGENT_ACTION_CLOSE);
    received.handshake_reply.verdict = TW_VERDICT_WELCOMED;
    received.handshake_reply.suite = 3;
    assert_int_equal(receive(TW_AGENT_HANDSHAKE_REPLY, sizeof(received.handshake_reply)),
                     TW_AGENT_ACTION_CLOSE);
    received.handshake_reply.suite = TW_SUITE_AES256_GCM;
    received.handshake_reply.refused_size = TW_REFUSED_SIZE + 1;
    assert_int_equal(receive(TW_AGENT_HANDSHAKE_REPLY, sizeof(received.handshake_reply)),
                     TW_AGENT_ACTION_CLOSE);
    received.handshake_reply.refused_size = TW_REFUSED_SIZE;
    assert_int_equal(receive(TW_AGENT_HANDSHAKE_REPLY, sizeof(received.handshake_reply)),
                     TW_AGENT_ACTION_REPLY);
    assert_int_equal(receive(TW_AGENT_SESSION_QUERY, sizeof(received.session_query)),
                     TW_AGENT_ACTION_QUERY);
    memset(received.port_reset.name, 'x', sizeof(received.port_reset.name));
    assert_int_equal(receive(TW_AGENT_PORT_RESET, sizeof(received.port_reset)),
                     TW_AGENT_ACTION_CLOSE);
    received.port_reset.name[TW_CONFIG_NAME_SIZE - 1] = '\0';
    assert_int_equal(receive(TW_AGENT_PORT_RESET, sizeof(received.port_reset)),
                     TW_AGENT_ACTION_PORT_RESET);
}

static void test_filter_changes_are_checked_whole(void **state)
{
    (void)state;
    const size_t size = sizeof(received.filter_change);
    link_up();
    memset(&received, 0, sizeof(received));
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_FILTER);
    received.filter_change.count = TW_AGENT_FILTER_RULES;
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_CLOSE); /* no rules */
    for (uint32_t i = 0; i < TW_AGENT_FILTER_RULES; i++)
        received.filter_change.rules[i] =
            (struct tw_filter_rule){.id = i + 1, .kind = TW_FILTER_DENY, .prefix_length = 8};
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_FILTER);
    received.filter_change.rules[3].ip[1] = 1; /* beyond the prefix */
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_CLOSE);
    received.filter_change.count = 3;
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_FILTER);
    received.filter_change.count = TW_AGENT_FILTER_RULES + 1;
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_CLOSE);
    received.filter_change.count = 0;
    received.filter_change.last = 2;
    assert_int_equal(receive(TW_AGENT_FILTER_CHANGE, size), TW_AGENT_ACTION_CLOSE);
}

static void test_nothing_of_a_message_stays_behind(void **state)
{
    (void)state;
    link_up();
    struct tw_agent_handshake_request request;
    memset(&request, 0x5a, sizeof(request));
    assert_true(
        tw_agent_protocol_push(protocol, TW_AGENT_HANDSHAKE_REQUEST, &request, sizeof(request)));
    size_t length;
    const uint8_t *message = tw_agent_protocol_next(protocol, &length);
    assert_non_null(message);
    tw_agent_protocol_sent(protocol);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(message[i], 0);
}

static void test_footprint_refuses_empty_and_huge_queues(void **state)
{
    (void)state;
    struct tw_agent_protocol_config config = {.messages_max = 1, .events_max = 1};
    assert_true(tw_agent_protocol_footprint(&config) > 0);
    config.messages_max = 0;
    assert_int_equal(tw_agent_protocol_footprint(&config), 0);
    config.messages_max = 1;
    config.events_max = (1u << 20) + 1;
    assert_int_equal(tw_agent_protocol_footprint(&config), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order_of_a_resync),
        TEST(test_events_are_numbered_and_kept_until_acknowledged),
        TEST(test_ack_of_what_was_not_sent_is_odd),
        TEST(test_full_event_queue_loses_the_newest_and_counts),
        TEST(test_full_message_queue_refuses_and_counts),
        TEST(test_handshakes_only_when_linked),
        TEST(test_resync_waits_for_room),
        TEST(test_refusal),
        TEST(test_odd_messages),
        TEST(test_filter_changes_are_checked_whole),
        TEST(test_nothing_of_a_message_stays_behind),
        TEST(test_footprint_refuses_empty_and_huge_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
