/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent link: greeting, resync, events, statistics, operator commands, bad peers. */
#include "tests/unit/control/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_1 0x00100001u
#define ID_2 0x00100002u

static struct tw_agent_session make_session(uint32_t connection_id, uint64_t account,
                                            uint64_t event)
{
    struct tw_agent_session session = {.connection_id = connection_id,
                                       .first_id = connection_id,
                                       .world = 1,
                                       .account = account,
                                       .event = event,
                                       .age_s = 30,
                                       .address = tw_address_from_ipv4(0xc6120002u, 5555)};
    memset(session.token_id, (int)(connection_id & 0xff), sizeof(session.token_id));
    return session;
}

static json_t *by_id(const char *connection)
{
    return json_pack("{s:s}", "connection", connection);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static size_t live_count(struct fixture *fixture)
{
    json_t *list = fixture_result(fixture, "session.list", NULL);
    size_t count = json_array_size(json_object_get(list, "sessions"));
    json_decref(list);
    return count;
}

static void test_other_version_is_told_and_closed(void **state)
{
    struct fixture *fixture = *state;
    int engine = fixture_engine_connect(fixture);
    union tw_agent_message hello = {0};
    strcpy(hello.engine_hello.name, "e1");
    hello.header = (struct tw_agent_header){
        .type = TW_AGENT_ENGINE_HELLO, .version = TW_AGENT_VERSION + 1, .length = 40};
    assert_int_equal(send(engine, &hello, 40, 0), 40);
    struct tw_agent_control_hello answer =
        fixture_receive(engine, TW_AGENT_CONTROL_HELLO).control_hello;
    assert_int_equal(answer.accepted, 0);
    char expected[128];
    snprintf(expected, sizeof(expected),
             "agent version %u, expected %u: engine and control plane must be of one release",
             TW_AGENT_VERSION + 1, TW_AGENT_VERSION);
    assert_string_equal(answer.message, expected);
    assert_true(fixture_is_closed(engine));
    (void)close(engine);
}

static void test_other_name_and_second_engine_are_refused(void **state)
{
    struct fixture *fixture = *state;
    int stranger = fixture_engine_connect(fixture);
    assert_int_equal(fixture_hello(stranger, "e2").control_hello.accepted, 0);
    assert_true(fixture_is_closed(stranger));
    (void)close(stranger);

    fixture_link(fixture, NULL, 0);
    int second = fixture_engine_connect(fixture);
    struct tw_agent_control_hello answer = fixture_hello(second, "e1").control_hello;
    assert_int_equal(answer.accepted, 0);
    assert_string_equal(answer.message, "an engine of this name is linked already");
    assert_true(fixture_is_closed(second));
    (void)close(second);
    /* its successor is welcome as soon as the first is gone */
    (void)close(fixture->engine);
    fixture_link(fixture, NULL, 0);
}

static void test_bad_messages_close_the_link(void **state)
{
    struct fixture *fixture = *state;
    union tw_agent_message message = {0};
    /* 1 before hello */
    int engine = fixture_engine_connect(fixture);
    fixture_send(engine, &message, TW_AGENT_RESYNC_END, sizeof(message.resync_end));
    assert_true(fixture_is_closed(engine));
    (void)close(engine);
    /* 2 too large for any message */
    static char large[sizeof(union tw_agent_message) + 1];
    fixture_link(fixture, NULL, 0);
    message.header = (struct tw_agent_header){TW_AGENT_STATS, TW_AGENT_VERSION, sizeof(large)};
    memcpy(large, &message.header, sizeof(message.header));
    assert_int_equal(send(fixture->engine, large, sizeof(large), 0), sizeof(large));
    assert_true(fixture_is_closed(fixture->engine));
    (void)close(fixture->engine);
    /* 3 a message only the control plane sends */
    fixture_link(fixture, NULL, 0);
    fixture_send(fixture->engine, &message, TW_AGENT_EVENT_ACK, sizeof(message.event_ack));
    assert_true(fixture_is_closed(fixture->engine));
    (void)close(fixture->engine);
    /* 4 a resync that does not add up */
    fixture->engine = fixture_engine_connect(fixture);
    assert_int_equal(fixture_hello(fixture->engine, "e1").control_hello.accepted, 1);
    message.resync_end.sessions = 1;
    fixture_send(fixture->engine, &message, TW_AGENT_RESYNC_END, sizeof(message.resync_end));
    assert_true(fixture_is_closed(fixture->engine));
}

static void test_no_handshake_before_the_resync_ends(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    union tw_agent_message message = {0};
    uint8_t packet[TW_DATAGRAM_MAX];
    fixture->engine = fixture_engine_connect(fixture);
    assert_int_equal(fixture_hello(fixture->engine, "e1").control_hello.accepted, 1);
    assert_int_equal(tw_handshake_client_packet(&client, packet), TW_HELLO2_SIZE);
    message.handshake_request.destination = tw_address_from_ipv4(FIXTURE_ADDRESS, FIXTURE_PORT);
    memcpy(message.handshake_request.hello2, packet, TW_HELLO2_SIZE);
    fixture_send(fixture->engine, &message, TW_AGENT_HANDSHAKE_REQUEST,
                 sizeof(message.handshake_request));
    assert_true(fixture_is_silent(fixture->engine));
    union tw_agent_message end = {.resync_end.sessions = 0};
    fixture_send(fixture->engine, &end, TW_AGENT_RESYNC_END, sizeof(end.resync_end));
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

static void test_resync_rebuilds_the_list(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session sessions[2] = {make_session(ID_1, 1, 1), make_session(ID_2, 2, 2)};
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &sessions[0]);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &sessions[1]);
    assert_int_equal(live_count(fixture), 2);
    /* engine and control plane part; the first session ends meanwhile, unheard */
    (void)close(fixture->engine);
    (void)fixture_stop(fixture, SIGKILL);
    fixture_start(fixture);
    assert_int_equal(live_count(fixture), 0);
    fixture_link(fixture, &sessions[1], 1);
    json_t *ended = fixture_result(fixture, "session.show", by_id("00100001"));
    assert_string_equal(text_of(ended, "state"), "ended");
    assert_string_equal(text_of(ended, "reason"), "unknown");
    json_decref(ended);
    assert_int_equal(live_count(fixture), 1);
    /* the late report corrects the guess */
    sessions[0].event = 3;
    sessions[0].reason = TW_CLOSE_TIMEOUT;
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &sessions[0]);
    ended = fixture_result(fixture, "session.show", by_id("00100001"));
    assert_string_equal(text_of(ended, "reason"), "timeout");
    json_decref(ended);
    sessions[1].event = 4;
    sessions[1].reason = TW_CLOSE_BY_CLIENT;
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &sessions[1]);
    assert_int_equal(live_count(fixture), 0);
}

static void expect_listed(struct fixture *fixture, const char *connection, const char *life)
{
    json_t *result = fixture_result(fixture, "session.list", json_object());
    const json_t *sessions = json_object_get(result, "sessions");
    bool listed = false;
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        const json_t *one = json_array_get(sessions, i);
        if (strcmp(text_of(one, "connection"), connection) != 0)
            continue;
        listed = true;
        assert_string_equal(text_of(one, "life"), life);
    }
    assert_true(listed);
    json_decref(result);
}

/* As the engine told it, whatever made it so. */
static void test_the_list_shows_how_a_session_does(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"connected", "degraded", "reconnecting"};
    static const uint32_t lives[] = {1, 2, 0};
    struct tw_agent_session session = make_session(ID_1, 1, 0), other = make_session(ID_2, 2, 1);
    fixture_link(fixture, &session, 1);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &other);
    expect_listed(fixture, "00100001", "connected");
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        union tw_agent_message message = {.session = session};
        message.session.life = lives[i];
        fixture_send(fixture->engine, &message, TW_AGENT_SESSION_LIFE, sizeof(message.session));
        /* An event that is acknowledged: what was sent before it was read. */
        other.event++;
        fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &other);
        expect_listed(fixture, "00100001", names[lives[i]]);
        expect_listed(fixture, "00100002", "connected");
    }
}

/* The same session under another connection id; it used its token under the first one. */
static struct tw_agent_session renamed(const struct tw_agent_session *session, uint32_t id,
                                       uint64_t event)
{
    struct tw_agent_session moved = *session;
    moved.connection_id = id;
    moved.moves = session->moves + 1u;
    moved.event = event;
    return moved;
}

static void test_a_moved_session_stays_one(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session first = make_session(ID_1, 1, 1), moved = renamed(&first, ID_2, 2);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    fixture_event(fixture, TW_AGENT_SESSION_MOVED, &moved);
    fixture_event(fixture, TW_AGENT_SESSION_MOVED, &moved); /* sent again after a reconnect */
    assert_int_equal(live_count(fixture), 1);
    assert_true(fixture_is_silent(fixture->engine)); /* nobody is kicked for it */
    json_decref(fixture_result(fixture, "session.kick", by_id("100002")));
    assert_int_equal(
        fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK).session_kick.connection_id, ID_2);
    /* Old news about the first id changes nothing. */
    first.event = 3;
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    assert_int_equal(live_count(fixture), 1);
    assert_true(fixture_is_silent(fixture->engine));
    moved.event = 4;
    moved.reason = TW_CLOSE_KICKED;
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &moved);
    assert_int_equal(live_count(fixture), 0);
    json_t *ended = fixture_result(fixture, "session.show", by_id("00100001"));
    assert_string_equal(text_of(ended, "state"), "ended");
    assert_string_equal(text_of(ended, "reason"), "kicked");
    json_decref(ended);
}

/* It moved while the control plane was dead: the resync names its new id, old events follow. */
static void test_a_session_moves_while_nobody_listens(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session first = make_session(ID_1, 1, 1), moved = renamed(&first, ID_2, 0);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    (void)close(fixture->engine);
    (void)fixture_stop(fixture, SIGKILL);
    fixture_start(fixture);
    fixture_link(fixture, &moved, 1);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    assert_int_equal(live_count(fixture), 1);
    assert_true(fixture_is_silent(fixture->engine));
    json_decref(fixture_result(fixture, "session.kick", by_id("100002")));
    assert_int_equal(
        fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK).session_kick.connection_id, ID_2);
}

static void test_kick_and_ban_reach_the_engine(void **state)
{
    struct fixture *fixture = *state;
    json_decref(fixture_result(fixture, "account.add", json_pack("{s:s}", "name", "anna")));
    struct tw_agent_session session = make_session(ID_1, 1, 0);
    fixture_link(fixture, &session, 1);
    while (live_count(fixture) == 0)
        continue; /* the daemon reads the agent socket in its own time */
    json_decref(fixture_result(fixture, "session.kick", by_id("100001")));
    struct tw_agent_session_kick kick =
        fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK).session_kick;
    assert_int_equal(kick.connection_id, ID_1);
    assert_int_equal(kick.reason, TW_CLOSE_KICKED);
    json_t *result = fixture_result(fixture, "account.ban",
                                    json_pack("{s:s, s:i}", "name", "anna", "seconds", 60));
    assert_int_equal(json_integer_value(json_object_get(result, "sessions_kicked")), 1);
    json_decref(result);
    kick = fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK).session_kick;
    assert_int_equal(kick.connection_id, ID_1);
    assert_int_equal(kick.reason, TW_CLOSE_BANNED);
}

/* `session show` asks the engine; the pipe holds the CLI's half of the conversation. */
static json_t *show_with_engine(struct fixture *fixture, bool answers)
{
    int ends[2];
    char text[4096];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        json_t *result = fixture_result(fixture, "session.show", by_id("00100001"));
        char *line = json_dumps(result, 0);
        _exit(write(ends[1], line, strlen(line)) > 0 ? 0 : 1);
    }
    union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_SESSION_QUERY);
    if (answers) {
        uint64_t query = message.session_query.query;
        memset(&message, 0, sizeof(message));
        message.session_state.query = query;
        message.session_state.found = 1;
        message.session_state.session = make_session(ID_1, 1, 0);
        message.session_state.session.received_packets = 12345;
        fixture_send(fixture->engine, &message, TW_AGENT_SESSION_STATE,
                     sizeof(message.session_state));
    }
    (void)close(ends[1]);
    ssize_t length = read(ends[0], text, sizeof(text));
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(length > 0);
    json_t *result = json_loadb(text, (size_t)length, 0, NULL);
    assert_non_null(result);
    return result;
}

static void test_session_show_asks_the_engine(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session session = make_session(ID_1, 1, 0);
    fixture_link(fixture, &session, 1);
    while (live_count(fixture) == 0)
        continue;
    json_t *result = show_with_engine(fixture, true);
    assert_true(json_is_true(json_object_get(result, "engine_answered")));
    assert_int_equal(json_integer_value(json_object_get(result, "received_packets")), 12345);
    assert_string_equal(text_of(result, "address"), "198.18.0.2:5555");
    json_decref(result);
    /* a silent engine: what is known here, after a second */
    result = show_with_engine(fixture, false);
    assert_true(json_is_false(json_object_get(result, "engine_answered")));
    assert_string_equal(text_of(result, "state"), "live");
    json_decref(result);
}

static json_int_t number(const json_t *object, const char *part, const char *key)
{
    const json_t *inner = part ? json_object_get(object, part) : object;
    const json_t *value = json_object_get(inner, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void check_space(struct fixture *fixture)
{
    json_t *space = fixture_result(fixture, "debug.space", NULL);
    const json_t *figures = json_object_get(space, "figures");
    assert_string_equal(text_of(space, "verdict"), "faulty");
    assert_int_equal(json_array_size(figures), TW_SPACE_FIGURE_COUNT);
    const json_t *splits = json_array_get(figures, TW_SPACE_FIGURE_SPLITS);
    assert_string_equal(text_of(splits, "name"), "splits");
    assert_int_equal(number(splits, NULL, "value"), 12);
    const json_t *wraps = json_array_get(figures, TW_SPACE_FIGURE_WRAPS);
    assert_string_equal(text_of(wraps, "name"), "wraps");
    assert_int_equal(number(wraps, NULL, "value"), 1);
    json_decref(space);
}

static void fill_ports(struct tw_agent_stats *stats)
{
    stats->ports = 2;
    strcpy(stats->port[0].driver, "net_af_xdp");
    strcpy(stats->port[1].name, "net_tap1");
    stats->port[1].rx_packets = 42;
    stats->port[0].state = TW_PORT_STATE_FAILED;
    strcpy(stats->port[0].name, "net_af_xdp0");
    stats->port[1].state = TW_PORT_STATE_NO_LINK;
    stats->port[1].link_downs = 2;
    stats->port[1].resets = 3;
    stats->port[1].features = 1u << TW_PORT_FEATURE_FAST_FREE;
    stats->port[1].hashes = 1u << TW_PORT_HASH_IPV4 | 1u << TW_PORT_HASH_IPV6_UDP;
}

static void check_port_life(const json_t *port)
{
    assert_string_equal(text_of(port, "state"), "no_link");
    assert_int_equal(number(port, NULL, "link_downs"), 2);
    assert_int_equal(number(port, NULL, "resets"), 3);
    const json_t *features = json_object_get(port, "features");
    assert_int_equal(json_array_size(features), 1);
    assert_string_equal(json_string_value(json_array_get(features, 0)), "fast_free");
    const json_t *hashes = json_object_get(port, "hashes");
    assert_int_equal(json_array_size(hashes), 2);
    assert_string_equal(json_string_value(json_array_get(hashes, 1)), "ipv6_udp");
}

static void fill_crypto(struct tw_agent_crypto *crypto)
{
    strcpy(crypto->chacha20_poly1305, "chacha-lanes");
    strcpy(crypto->cookie, "libsodium");
    strcpy(crypto->refused, "sha-ni for cookies: differs");
}

static void check_crypto(const json_t *crypto)
{
    assert_true(json_is_null(json_object_get(crypto, "aes256_gcm")));
    assert_string_equal(text_of(crypto, "chacha20_poly1305"), "chacha-lanes");
    assert_string_equal(text_of(crypto, "cookie"), "libsodium");
    assert_string_equal(text_of(crypto, "refused"), "sha-ni for cookies: differs");
}

static void expect_refusal(struct fixture *fixture, const char *port, const char *code)
{
    json_t *answer = fixture_ask(fixture, "port.reset", json_pack("{s:s}", "name", port));
    assert_string_equal(text_of(json_object_get(answer, "error"), "code"), code);
    json_decref(answer);
}

static void check_port_reset(struct fixture *fixture)
{
    expect_refusal(fixture, "net_tap2", "PORT_NOT_FOUND");
    expect_refusal(fixture, "net_af_xdp0", "PORT_FAILED");
    json_t *result = fixture_result(fixture, "port.reset", json_pack("{s:s}", "name", "net_tap1"));
    assert_int_equal(number(result, NULL, "resets"), 3); /* before this one */
    json_decref(result);
    union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_PORT_RESET);
    assert_string_equal(message.port_reset.name, "net_tap1");
}

static void test_statistics_by_name(void **state)
{
    struct fixture *fixture = *state;
    union tw_agent_message message = {0};
    json_t *answer = fixture_ask(fixture, "drops", NULL);
    assert_string_equal(text_of(json_object_get(answer, "error"), "code"), "NO_STATISTICS");
    json_decref(answer);
    fixture_link(fixture, NULL, 0);
    message.stats.outcomes[TW_OUTCOME_ACCEPTED] = 100;
    message.stats.outcomes[TW_OUTCOME_TAG_WRONG] = 7;
    message.stats.inputs[TW_INPUT_DUPLICATE] = 5;
    message.stats.sends[TW_SEND_PORT_FULL] = 3;
    message.stats.verdicts[TW_VERDICT_TOKEN_USED] = 2;
    message.stats.shard_inputs[TW_SHARD_INPUT_LATE] = 1;
    message.stats.rx_packets = 107;
    message.stats.port_missed = 11;
    message.stats.state_hash = UINT64_C(0xfedcba9876543210);
    message.stats.uptime_ns = 4000;
    message.stats.workers = 2;
    message.stats.worker[1] = (struct tw_agent_worker){
        .rx_packets = 107, .polls_busy = 1, .polls_empty = 2, .slept_ns = 3000, .core = 5};
    message.stats.space[TW_SPACE_FIGURE_SPLITS] = 12;
    message.stats.space[TW_SPACE_FIGURE_WRAPS] = 1;
    message.stats.space[TW_SPACE_FIGURE_FAULTS] = 1;
    fill_ports(&message.stats);
    fill_crypto(&message.stats.crypto);
    fixture_send(fixture->engine, &message, TW_AGENT_STATS, sizeof(message.stats));
    json_t *status = fixture_result(fixture, "status", NULL);
    while (json_is_null(json_object_get(status, "stats"))) {
        json_decref(status);
        status = fixture_result(fixture, "status", NULL);
    }
    const json_t *stats = json_object_get(status, "stats");
    json_int_t sum = 0;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(stats, "outcomes"), name, value) sum +=
        json_integer_value(value);
    assert_int_equal(sum, number(stats, NULL, "rx_packets"));
    assert_int_equal(json_object_size(json_object_get(stats, "outcomes")), TW_OUTCOME_COUNT);
    assert_int_equal(number(stats, "outcomes", "tag_wrong"), 7);
    assert_int_equal(number(stats, "inputs", "duplicate"), 5);
    assert_int_equal(number(stats, "sends", "port_full"), 3);
    assert_int_equal(number(stats, "verdicts", "token_used"), 2);
    assert_int_equal(number(stats, "shard_inputs", "late"), 1);
    assert_int_equal(number(stats, NULL, "port_missed"), 11);
    assert_string_equal(text_of(stats, "state_hash"), "fedcba9876543210");
    const json_t *ports = json_object_get(stats, "ports");
    assert_int_equal(json_array_size(ports), 2);
    assert_string_equal(text_of(json_array_get(ports, 0), "driver"), "net_af_xdp");
    assert_string_equal(text_of(json_array_get(ports, 1), "name"), "net_tap1");
    assert_int_equal(number(json_array_get(ports, 1), NULL, "rx_packets"), 42);
    check_port_life(json_array_get(ports, 1));
    check_crypto(json_object_get(stats, "crypto"));
    const json_t *worker = json_array_get(json_object_get(stats, "worker"), 1);
    assert_int_equal(json_array_size(json_object_get(stats, "worker")), 2);
    assert_int_equal(number(worker, NULL, "core"), 5);
    assert_true(json_real_value(json_object_get(worker, "busy_percent")) == 33.3);
    assert_true(json_real_value(json_object_get(worker, "slept_percent")) == 75.0);
    json_decref(status);
    json_t *drops = fixture_result(fixture, "drops", NULL);
    const json_t *ledgers = json_object_get(drops, "ledgers");
    assert_int_equal(number(ledgers, "packets", "sum"), 107);
    assert_int_equal(number(ledgers, "handshakes", "sum"), 2);
    json_decref(drops);
    check_space(fixture);
    check_port_reset(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_other_version_is_told_and_closed),
        TEST(test_other_name_and_second_engine_are_refused),
        TEST(test_bad_messages_close_the_link),
        TEST(test_no_handshake_before_the_resync_ends),
        TEST(test_resync_rebuilds_the_list),
        TEST(test_the_list_shows_how_a_session_does),
        TEST(test_a_moved_session_stays_one),
        TEST(test_a_session_moves_while_nobody_listens),
        TEST(test_kick_and_ban_reach_the_engine),
        TEST(test_session_show_asks_the_engine),
        TEST(test_statistics_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
