/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker and the handshake: strangers, cookies, the control plane with and without answers. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/pending.h"
#include "dataplane/gate/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

static void cookie_of(struct rig *rig, struct rig_client *client)
{
    rig_client_hello(rig, client, 0);
    rig_turn(rig, RIG_MS);
    rig_client_receive(rig, client, 1);
    assert_int_equal(client->news, TW_NEWS_COOKIE);
}

/* The worker of a rig that was made, and clients that each have a cookie. */
static void start_with_cookies(struct rig *rig, struct rig_client *clients, uint16_t count)
{
    rig_start(rig);
    for (uint16_t i = 0; i < count; i++) {
        rig_client_make(rig, &clients[i], TEST_CLIENT_ADDRESS, (uint16_t)(TEST_CLIENT_PORT + i));
        cookie_of(rig, &clients[i]);
    }
}

static void send_hello2(struct rig *rig, struct rig_client *client)
{
    rig_client_hello(rig, client, 0);
    rig_turn(rig, RIG_MS);
    rig_client_receive(rig, client, 1);
}

/* The control plane's to the newest hello 2, up to the client. */
static void answer(struct rig *rig, struct rig_client *client)
{
    struct tw_worker_command reply = rig_answer(rig, &rig->handshake);
    rig_command(rig, 0, &reply);
    rig_turn(rig, RIG_MS);
    rig_client_receive(rig, client, 1);
}

static void joins(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    rig_client_join(&rig, &client);
    const struct tw_welcome *welcome = &client.handshake.welcome;
    assert_int_equal(welcome->world, 1);
    assert_int_equal(welcome->tick_hz, 60);
    assert_int_equal(welcome->snapshot_hz, 20);
    assert_int_equal(welcome->width_cells, 0);
    assert_int_equal(welcome->mtu, 1200);
    assert_int_equal(welcome->server_time_us, (rig.now_ns - rig.epoch_ns) / 1000);
    assert_int_equal(welcome->tick, (rig.now_ns - rig.epoch_ns) / 1000 * 60 / 1000000);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_COOKIE_SENT), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED), 1);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_WELCOMED), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_pending), 1);
    struct tw_record record;
    assert_false(rig_record(&rig, 0, &record)); /* nothing reaches the world yet */
    rig_stop(&rig);
}

static void tells_the_width_of_a_world_without_edges(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.config.world.size_m = 1024;
    rig.config.world.edges = TW_EDGES_CHOICE_WRAP;
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    rig_client_join(&rig, &client);
    assert_int_equal(client.handshake.welcome.width_cells, 16);
    rig_stop(&rig);
}

static void resends_identical_welcome(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    start_with_cookies(&rig, &client, 1);
    struct tw_handshake_client asking = client.handshake;
    send_hello2(&rig, &client);
    send_hello2(&rig, &client);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_PENDING), 1);
    assert_int_equal(rig.handshake_count, 1);
    answer(&rig, &client);
    assert_int_equal(client.news, TW_NEWS_WELCOME);
    uint8_t first[TW_WELCOME_SIZE];
    memcpy(first, client.welcome, sizeof(first));
    /* The welcome was lost: the same hello 2 again, while pending and while live. */
    for (int i = 0; i < 2; i++) {
        memset(client.welcome, 0, sizeof(client.welcome));
        struct tw_handshake_client done = client.handshake;
        client.handshake = asking;
        rig_client_hello(&rig, &client, 0);
        client.handshake = done;
        rig_turn(&rig, 500 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
        assert_memory_equal(client.welcome, first, sizeof(first));
        rig_client_send_ping(&rig, &client, 1);
        rig_turn(&rig, RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WELCOME_RESENT), 2);
    assert_int_equal(rig.handshake_count, 1);
    rig_stop(&rig);
}

static void says_try_again(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[3];
    rig_make(&rig, 1);
    rig.config.limits.pending_max = 1;
    start_with_cookies(&rig, clients, 3);
    /* The control plane is away. */
    struct tw_worker_command state_command = {.type = TW_COMMAND_CONTROL_STATE};
    rig_command(&rig, 0, &state_command);
    rig_turn(&rig, RIG_MS);
    send_hello2(&rig, &clients[0]);
    assert_int_equal(clients[0].news, TW_NEWS_TRY_AGAIN);
    assert_int_equal(rig.handshake_count, 0);
    /* It is back, but has one handshake under way, and that is the limit. */
    state_command.control.linked = 1;
    rig_command(&rig, 0, &state_command);
    rig_turn(&rig, RIG_MS);
    send_hello2(&rig, &clients[1]);
    assert_int_equal(rig.handshake_count, 1);
    send_hello2(&rig, &clients[2]);
    assert_int_equal(clients[2].news, TW_NEWS_TRY_AGAIN);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TRY_AGAIN_SENT), 2);
    rig_stop(&rig);
}

static void full_events_ring_says_try_again(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[2];
    rig_make(&rig, 1);
    rig.events_depth = 2; /* holds one event */
    start_with_cookies(&rig, clients, 2);
    rig_client_hello(&rig, &clients[0], 0);
    rig_client_hello(&rig, &clients[1], 0);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, clients, 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED), 1);
    assert_int_equal(clients[1].news, TW_NEWS_TRY_AGAIN);
    rig_stop(&rig);
}

static void counts_one_verdict_each(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[4];
    rig_make(&rig, 1);
    start_with_cookies(&rig, clients, 4);
    /* 0: refused. */
    send_hello2(&rig, &clients[0]);
    rig.tokens_used = true;
    struct tw_worker_command refused = rig_answer(&rig, &rig.handshake);
    rig.tokens_used = false;
    rig_command(&rig, 0, &refused);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, clients, 4);
    assert_int_equal(clients[0].news, TW_NEWS_REFUSED);
    assert_int_equal(clients[0].handshake.reason, TW_REFUSAL_USED);
    /* 1: the answer comes too late. 2: it never comes. */
    send_hello2(&rig, &clients[1]);
    struct tw_worker_command late = rig_answer(&rig, &rig.handshake);
    send_hello2(&rig, &clients[2]);
    rig_turn(&rig, TW_PENDING_ANSWER_NS);
    rig_command(&rig, 0, &late);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_REPLY_LATE), 1);
    rig_turn(&rig, TW_PENDING_LATE_NS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_CONTROL_GONE), 1);
    rig_command(&rig, 0, &late); /* even later: already counted */
    /* 3: the control plane has another idea of suites. */
    send_hello2(&rig, &clients[3]);
    struct tw_worker_command odd = rig_answer(&rig, &rig.handshake);
    odd.reply.suite = 0x03;
    rig_command(&rig, 0, &odd);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_SUITE_NONE), 1);
    uint64_t verdicts = 0;
    for (uint32_t verdict = 0; verdict < TW_VERDICT_COUNT; verdict++)
        verdicts += rig_verdict(&rig, verdict);
    assert_int_equal(verdicts, rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED));
    assert_int_equal(verdicts, 4);
    rig_stop(&rig);
}

/* The worker believes no suite that this client did not offer, whoever says it. */
static void suite_must_be_an_offered_one(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    start_with_cookies(&rig, &client, 1);
    assert_int_equal(client.handshake.suites, TW_SUITE_CHACHA20_POLY1305);
    send_hello2(&rig, &client);
    struct tw_worker_command reply = rig_answer(&rig, &rig.handshake);
    reply.reply.suite = TW_SUITE_AES256_GCM;
    rig_command(&rig, 0, &reply);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_SUITE_NONE), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_pending), 0);
    rig_stop(&rig);
}

static void full_host_says_try_again(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client first, second;
    rig_make(&rig, 1);
    rig.config.engine.sessions_max = 1;
    rig_start(&rig);
    rig_client_make(&rig, &first, TEST_CLIENT_ADDRESS, 6000);
    rig_client_make(&rig, &second, TEST_CLIENT_ADDRESS, 6001);
    rig_client_join(&rig, &first);
    cookie_of(&rig, &second);
    send_hello2(&rig, &second);
    answer(&rig, &second);
    assert_int_equal(second.news, TW_NEWS_TRY_AGAIN);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_SESSIONS_FULL), 1);
    /* The first never sends: after 5 s its place is free. */
    rig_turn(&rig, TW_SESSION_PENDING_NS);
    for (int i = 0; i < 4; i++)
        rig_turn(&rig, 2 * RIG_MS);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_pending), 0);
    rig_client_make(&rig, &second, TEST_CLIENT_ADDRESS, 6001);
    rig_client_join(&rig, &second);
    assert_int_not_equal(first.id, second.id);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

static void send_hello_bytes(struct rig *rig, uint8_t *packet, size_t length, bool seal)
{
    uint8_t frame[TEST_FRAME_MAX];
    if (seal)
        tw_crc32c_seal(tw_crc32c_portable, packet, length);
    size_t size = test_udp_frame(frame, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT, packet, length);
    rig_inject(rig, 0, frame, size);
    rig_turn(rig, RIG_MS);
}

static void judges_handshake_packets(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t hello[TW_DATAGRAM_MAX], bent[TW_DATAGRAM_MAX];
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    assert_int_equal(tw_handshake_client_packet(&client.handshake, hello), TW_HELLO_SIZE);
    static const struct {
        size_t offset, length;
        uint8_t value;
        bool seal;
        enum tw_outcome outcome;
    } cases[] = {
        {TW_HEADER_CHANNEL, TW_HELLO_SIZE, 2, true, TW_OUTCOME_HANDSHAKE_TYPE},
        {TW_HEADER_CHANNEL, TW_HELLO_SIZE, 9, true, TW_OUTCOME_HANDSHAKE_TYPE},
        {TW_HEADER_CHANNEL, TW_HELLO_SIZE, 3, true, TW_OUTCOME_HANDSHAKE_MALFORMED},
        {TW_HEADER_FLAGS, TW_HELLO_SIZE, 1, true, TW_OUTCOME_HANDSHAKE_MALFORMED},
        {TW_HEADER_SEQUENCE, TW_HELLO_SIZE, 1, true, TW_OUTCOME_HANDSHAKE_MALFORMED},
        {700, TW_HELLO_SIZE, 1, true, TW_OUTCOME_HANDSHAKE_MALFORMED},
        {TW_HELLO_VERSION, TW_HELLO_SIZE - 1, 1, true, TW_OUTCOME_HANDSHAKE_MALFORMED},
        {20, TW_HELLO_SIZE, 0x55, false, TW_OUTCOME_HANDSHAKE_CRC},
        {TW_HELLO_VERSION, TW_HELLO_SIZE, 9, true, TW_OUTCOME_VERSION_TOLD},
        {TW_HELLO_SUITES, TW_HELLO_SIZE, 0x40, true, TW_OUTCOME_HELLO2_VERSION},
        {TW_HELLO_VERSION, TW_HELLO_SIZE, 1, true, TW_OUTCOME_COOKIE_SENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(bent, hello, sizeof(bent));
        bent[cases[i].offset] = cases[i].value;
        if (!cases[i].seal) /* a byte of the random key: it may have that value already */
            bent[cases[i].offset] = (uint8_t)(hello[cases[i].offset] ^ cases[i].value);
        uint64_t before = rig_outcome(&rig, cases[i].outcome);
        send_hello_bytes(&rig, bent, cases[i].length, cases[i].seal);
        assert_int_equal(rig_outcome(&rig, cases[i].outcome), before + 1);
    }
    rig_client_receive(&rig, &client, 1); /* the other version's answer, then the cookie */
    assert_int_equal(client.news, TW_NEWS_COOKIE);
    assert_int_equal(client.clear, 2);
    assert_int_equal(tw_handshake_client_packet(&client.handshake, hello), TW_HELLO2_SIZE);
    memcpy(bent, hello, TW_HELLO2_SIZE);
    bent[TW_HELLO2_COOKIE] ^= 1;
    send_hello_bytes(&rig, bent, TW_HELLO2_SIZE, true);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_COOKIE_WRONG), 1);
    /* The right cookie from another port is somebody else's. */
    client.port++;
    send_hello2(&rig, &client);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_COOKIE_WRONG), 2);
    memcpy(bent, hello, TW_HELLO2_SIZE);
    bent[TW_HELLO_VERSION] = 2;
    send_hello_bytes(&rig, bent, TW_HELLO2_SIZE, true);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HELLO2_VERSION), 2);
    assert_int_equal(rig.handshake_count, 0);
    rig_stop(&rig);
}

static void cookies_outlive_one_rotation(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[2];
    rig_make(&rig, 1);
    start_with_cookies(&rig, clients, 2);
    struct tw_worker_command key = {.type = TW_COMMAND_COOKIE_KEY, .cookie.slot = 8};
    memset(key.cookie.key, 1, TW_KEY_SIZE);
    rig_command(&rig, 0, &key);
    rig_turn(&rig, RIG_MS);
    send_hello2(&rig, &clients[0]);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED), 1);
    memset(key.cookie.key, 2, TW_KEY_SIZE);
    key.cookie.slot = 9;
    rig_command(&rig, 0, &key);
    rig_turn(&rig, RIG_MS);
    send_hello2(&rig, &clients[1]);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_COOKIE_WRONG), 1);
    rig_stop(&rig);
}

static void floods_hit_their_budgets(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.config.limits.stranger_pps = 50;
    rig.config.limits.source_pps = 5;
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    for (int i = 0; i < 60; i++)
        rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_COOKIE_SENT), 50);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_STRANGER_BUDGET), 10);
    rig_client_receive(&rig, &client, 1);
    rig_turn(&rig, 1000 * RIG_MS);
    for (int i = 0; i < 10; i++)
        rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_PENDING), 4);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SOURCE_BUDGET), 5);
    rig_stop(&rig);
}

/* A stranger's packet with somebody's binder is not somebody's packet. */
static void only_identical_hello2_is_a_repeated_one(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t hello2[TW_HELLO2_SIZE];
    rig_make(&rig, 1);
    start_with_cookies(&rig, &client, 1);
    assert_int_equal(tw_handshake_client_packet(&client.handshake, hello2), TW_HELLO2_SIZE);
    hello2[TW_HELLO2_TOKEN + 100] ^= 1;
    send_hello_bytes(&rig, hello2, sizeof(hello2), true);
    assert_int_equal(rig.handshake_count, 1);
    send_hello2(&rig, &client); /* must not wait for the forger's answer */
    assert_int_equal(rig.handshake_count, 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED), 2);
    send_hello2(&rig, &client);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_PENDING), 1);
    rig_stop(&rig);
}

/* A welcome that arrives in the session's last second is worth nothing: not sent; the client joins
 * by the same hello 2 once the session is released. */
static void late_welcome_is_a_new_one(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    start_with_cookies(&rig, &client, 1);
    struct tw_handshake_client asking = client.handshake;
    send_hello2(&rig, &client);
    answer(&rig, &client);
    uint32_t lost = client.handshake.welcome.connection_id;
    client.handshake = asking;
    rig_turn(&rig, 4100 * RIG_MS);
    send_hello2(&rig, &client);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WELCOME_RESENT), 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_PENDING), 1);
    rig_turn(&rig, 1000 * RIG_MS);
    for (int i = 0; i < 64; i++) /* all slots are looked at within 64 ms */
        rig_turn(&rig, RIG_MS);
    send_hello2(&rig, &client);
    assert_int_equal(rig.handshake_count, 2);
    answer(&rig, &client);
    assert_int_equal(client.news, TW_NEWS_WELCOME);
    assert_int_not_equal(client.handshake.welcome.connection_id, lost);
    rig_stop(&rig);
}

static void control_gone_is_told_at_once(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[3];
    rig_make(&rig, 1);
    start_with_cookies(&rig, clients, 3);
    send_hello2(&rig, &clients[0]);
    rig_turn(&rig, TW_PENDING_ANSWER_NS);
    rig_turn(&rig, RIG_MS); /* expired: its late answer was still possible */
    send_hello2(&rig, &clients[1]);
    struct tw_worker_command reply = rig_answer(&rig, &rig.handshake);
    send_hello2(&rig, &clients[2]);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_CONTROL_GONE), 0);
    struct tw_worker_command left = {.type = TW_COMMAND_CONTROL_STATE};
    rig_command(&rig, 0, &left);
    rig_turn(&rig, 2 * RIG_MS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_CONTROL_GONE), 3);
    left.control.linked = 1;
    rig_command(&rig, 0, &left);
    rig_command(&rig, 0, &reply); /* of a request that was passed on to its successor */
    rig_turn(&rig, RIG_MS);
    uint64_t verdicts = 0;
    for (uint32_t verdict = 0; verdict < TW_VERDICT_COUNT; verdict++)
        verdicts += rig_verdict(&rig, verdict);
    assert_int_equal(verdicts, rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED));
    send_hello2(&rig, &clients[1]); /* and it may begin anew at once */
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_HANDSHAKE_RELAYED), 4);
    rig_stop(&rig);
}

static bool holds(const void *memory, size_t size, const uint8_t secret[TW_KEY_SIZE])
{
    const uint8_t *bytes = memory;
    for (size_t at = 0; at + TW_KEY_SIZE <= size; at++) {
        if (memcmp(bytes + at, secret, TW_KEY_SIZE) == 0)
            return true;
    }
    return false;
}

/* Keys must not outlive their session in the ring they came by. */
static void secrets_leave_the_command_ring(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    start_with_cookies(&rig, &client, 1);
    send_hello2(&rig, &client);
    struct tw_worker_command reply = rig_answer(&rig, &rig.handshake);
    rig_command(&rig, 0, &reply);
    const struct rte_ring *ring = rig.worker_config[0].commands;
    size_t size = (size_t)rte_ring_get_memsize_elem(sizeof(reply), ring->size);
    assert_true(holds(ring, size, reply.reply.secret_client_to_server));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_WELCOMED), 1);
    assert_false(holds(ring, size, reply.reply.secret_client_to_server));
    assert_false(holds(ring, size, reply.reply.confirm_key));
    rig_stop(&rig);
}

/* Packets that cost a stranger 72 bytes on the wire must not shut out those of 1,242 bytes. */
static void unknown_ids_do_not_shut_out_hellos(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.config.limits.stranger_pps = 20;
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t packet[TW_PACKET_MIN] = {0};
        tw_store_u32(packet, tw_connection_id(i % 3, i % 60, 1 + i));
        rig_client_send(&rig, &client, packet, sizeof(packet));
    }
    rig_turn(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_CONNECTION_UNKNOWN), 200);
    cookie_of(&rig, &client);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),
        cmocka_unit_test(tells_the_width_of_a_world_without_edges),
        cmocka_unit_test(resends_identical_welcome),
        cmocka_unit_test(says_try_again),
        cmocka_unit_test(full_events_ring_says_try_again),
        cmocka_unit_test(counts_one_verdict_each),
        cmocka_unit_test(suite_must_be_an_offered_one),
        cmocka_unit_test(full_host_says_try_again),
        cmocka_unit_test(judges_handshake_packets),
        cmocka_unit_test(cookies_outlive_one_rotation),
        cmocka_unit_test(floods_hit_their_budgets),
        cmocka_unit_test(only_identical_hello2_is_a_repeated_one),
        cmocka_unit_test(late_welcome_is_a_new_one),
        cmocka_unit_test(control_gone_is_told_at_once),
        cmocka_unit_test(secrets_leave_the_command_ring),
        cmocka_unit_test(unknown_ids_do_not_shut_out_hellos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
