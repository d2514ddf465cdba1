/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting, over a network that loses, delays and lies. */
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/testing.h"
#include "tickwire/bytes.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_US UINT64_C(1000000)

struct scene {
    struct fake_server server;
    struct tw_client *client;
    uint8_t token[TW_CONNECT_SIZE];
};

static struct scene scene;

static void scene_start_valid(int64_t valid_s, uint32_t connect_ms)
{
    fake_server_init(&scene.server);
    fake_server_token(&scene.server, valid_s, scene.token);
    struct tw_client_config config = fake_server_client_config(&scene.server);
    config.connect_ms = connect_ms;
    scene.client = tw_client_create(&config);
    assert_non_null(scene.client);
}

static int scene_connect(void)
{
    return tw_client_connect(scene.client, scene.token, sizeof(scene.token), scene.server.now_us);
}

static void scene_start(void)
{
    scene_start_valid(60, 10000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
}

/* The next event of a kind, passing over entities. */
static struct tw_client_event next_event(void)
{
    struct tw_client_event event = {0};
    while (tw_client_poll_event(scene.client, &event) &&
           (event.type == TW_CLIENT_EVENT_ENTER || event.type == TW_CLIENT_EVENT_EXIT))
        event = (struct tw_client_event){0};
    return event;
}

static void expect_closed(enum tw_client_end end, uint32_t code)
{
    struct tw_client_event event = next_event();
    assert_int_equal(event.type, TW_CLIENT_EVENT_CLOSED);
    assert_int_equal(event.end, end);
    assert_int_equal(event.code, code);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CLOSED);
}

static void expect_connected(void)
{
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTED);
    assert_int_equal(next_event().type, TW_CLIENT_EVENT_CONNECTED);
    assert_int_equal(tw_client_get_connection_id(scene.client), scene.server.connection_id);
    assert_true(scene.server.sealed > 0);
}

static void test_connects(void **state)
{
    (void)state;
    scene_start();
    fake_server_run(&scene.server, scene.client, SECOND_US / 2);
    expect_connected();
    assert_int_equal(scene.server.hellos, 1);
    assert_int_equal(scene.server.hello2s, 1);
    struct tw_client_statistics statistics;
    tw_client_get_statistics(scene.client, &statistics);
    assert_int_equal(statistics.packets_rejected, 0);
    assert_true(statistics.suite == TW_SUITE_AES256_GCM ||
                statistics.suite == TW_SUITE_CHACHA20_POLY1305);
    tw_client_destroy(scene.client);
}

static void test_each_handshake_packet_may_be_lost(void **state)
{
    (void)state;
    /* client: hello, hello 2, first sealed; server: cookie, welcome, first snapshot */
    for (uint32_t lost = 1; lost <= 6; lost++) {
        scene_start();
        if (lost <= 3)
            scene.server.lose_out = lost;
        else
            scene.server.lose_in = lost - 3;
        fake_server_run(&scene.server, scene.client, SECOND_US);
        expect_connected();
        tw_client_destroy(scene.client);
    }
}

static void test_everything_twice(void **state)
{
    (void)state;
    scene_start();
    scene.server.twice = true;
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_connected();
    assert_int_equal(scene.server.hello2s, 1);
    tw_client_destroy(scene.client);
}

static void test_repeats_slow_down(void **state)
{
    (void)state;
    scene_start();
    scene.server.silent = true;
    fake_server_run(&scene.server, scene.client, 5 * SECOND_US);
    /* at 0, 0.25, 0.75, 1.75, 2.75, 3.75, 4.75 s */
    assert_int_equal(scene.server.count_out, 7);
    tw_client_destroy(scene.client);
}

static void test_try_again_then_connects(void **state)
{
    (void)state;
    scene_start();
    scene.server.try_again_left = 2;
    scene.server.try_again_ms = 700;
    fake_server_run(&scene.server, scene.client, 690000);
    struct tw_client_event event = next_event();
    assert_int_equal(event.type, TW_CLIENT_EVENT_TRY_AGAIN);
    assert_int_equal(event.code, 700);
    assert_int_equal(scene.server.count_out, 2); /* waits as told */
    fake_server_run(&scene.server, scene.client, 2 * SECOND_US);
    assert_int_equal(next_event().type, TW_CLIENT_EVENT_TRY_AGAIN);
    expect_connected();
    assert_int_equal(scene.server.hello2s, 3);
    assert_int_equal(scene.server.hellos, 3); /* starts over each time */
    tw_client_destroy(scene.client);
}

static void test_try_again_is_bounded(void **state)
{
    (void)state;
    scene_start_valid(60, 30000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    scene.server.try_again_left = 1;
    scene.server.try_again_ms = UINT32_MAX;
    fake_server_run(&scene.server, scene.client, SECOND_US);
    struct tw_client_event event = next_event();
    assert_int_equal(event.type, TW_CLIENT_EVENT_TRY_AGAIN);
    assert_int_equal(event.code, 10000);
    fake_server_run(&scene.server, scene.client, 11 * SECOND_US);
    expect_connected();
    tw_client_destroy(scene.client);
}

static void test_refused(void **state)
{
    (void)state;
    scene_start();
    scene.server.refuse = TW_REFUSAL_FULL;
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_closed(TW_CLIENT_END_REFUSED, TW_REFUSAL_FULL);
    assert_int_equal(scene.server.count_out, 2); /* final: nothing more is sent */
    tw_client_destroy(scene.client);
}

static void test_forged_refusal_is_ignored(void **state)
{
    (void)state;
    scene_start();
    scene.server.refuse = TW_REFUSAL_BANNED;
    scene.server.lose_in = 2;
    fake_server_run(&scene.server, scene.client, 100000);
    uint8_t forged[TW_REFUSED_SIZE];
    memcpy(forged, scene.server.last_packet, sizeof(forged));
    forged[TW_REFUSED_MAC] ^= 1u;
    tw_crc32c_seal(tw_crc32c_portable, forged, sizeof(forged));
    scene.server.refuse = TW_REFUSAL_NONE;
    fake_server_inject(&scene.server, forged, sizeof(forged));
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_connected();
    tw_client_destroy(scene.client);
}

static void test_wrong_version(void **state)
{
    (void)state;
    scene_start_valid(60, 2000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    scene.server.other_version = true;
    fake_server_run(&scene.server, scene.client, 1900000);
    /* Unauthenticated: it goes on trying. */
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTING);
    assert_true(scene.server.hellos > 2);
    fake_server_run(&scene.server, scene.client, 200000);
    expect_closed(TW_CLIENT_END_WRONG_VERSION, 0);
    tw_client_destroy(scene.client);
}

static void test_wrong_version_hint_alone_changes_nothing(void **state)
{
    (void)state;
    scene_start();
    scene.server.other_version = true;
    fake_server_run(&scene.server, scene.client, 100000);
    scene.server.other_version = false;
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_connected();
    tw_client_destroy(scene.client);
}

static void test_no_answer(void **state)
{
    (void)state;
    scene_start_valid(60, 3000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    scene.server.silent = true;
    fake_server_run(&scene.server, scene.client, 3100000);
    expect_closed(TW_CLIENT_END_NO_ANSWER, 0);
    tw_client_destroy(scene.client);
}

/* A server gives up whom it welcomed and does not hear: no patience with such a session. */
static void test_no_answer_after_the_welcome(void **state)
{
    (void)state;
    scene_start_valid(60, 3000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    while (!scene.server.welcomed)
        fake_server_run(&scene.server, scene.client, 1000);
    scene.server.dead = true;
    fake_server_run(&scene.server, scene.client, 2900000);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTED);
    while (next_event().type != TW_CLIENT_EVENT_NONE)
        continue;
    fake_server_run(&scene.server, scene.client, 200000);
    expect_closed(TW_CLIENT_END_NO_ANSWER, 0);
    assert_false(tw_client_is_leaving(scene.client));
    tw_client_destroy(scene.client);
}

/* Heard once, it has all the patience that there is. */
static void test_heard_once_after_the_welcome(void **state)
{
    (void)state;
    scene_start_valid(60, 1000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    fake_server_run(&scene.server, scene.client, 500000);
    expect_connected();
    scene.server.dead = scene.server.silent = true;
    fake_server_run(&scene.server, scene.client, 2500000);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTED);
    tw_client_destroy(scene.client);
}

static void test_token_expires_while_connecting(void **state)
{
    (void)state;
    scene_start_valid(2, 10000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    scene.server.silent = true;
    fake_server_run(&scene.server, scene.client, 2100000);
    expect_closed(TW_CLIENT_END_TOKEN_EXPIRED, 0);
    tw_client_destroy(scene.client);
}

static void test_server_decides_on_expired_token(void **state)
{
    (void)state;
    scene_start_valid(-5, 10000);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_closed(TW_CLIENT_END_REFUSED, TW_REFUSAL_EXPIRED);
    tw_client_destroy(scene.client);
}

static void test_cookie_keys_lost_starts_over(void **state)
{
    (void)state;
    scene_start();
    scene.server.lose_out = 2; /* hello 2 */
    fake_server_run(&scene.server, scene.client, 100000);
    for (uint32_t slot = 2; slot < 4; slot++) {
        uint8_t key[TW_KEY_SIZE];
        memset(key, (int)(0x40u + slot), sizeof(key));
        tw_cookie_rotate(&scene.server.cookies, key, slot);
    }
    fake_server_run(&scene.server, scene.client, 8 * SECOND_US);
    expect_connected();
    assert_int_equal(scene.server.hellos, 2);
    tw_client_destroy(scene.client);
}

static void test_garbage_is_counted(void **state)
{
    (void)state;
    scene_start();
    uint8_t garbage[TW_DATAGRAM_MAX];
    memset(garbage, 0, sizeof(garbage));
    for (uint32_t size = 1; size <= 200; size++) {
        garbage[TW_HEADER_CHANNEL] = (uint8_t)(size % 8u);
        tw_client_receive(scene.client, garbage, size, scene.server.now_us);
    }
    struct tw_client_statistics statistics;
    tw_client_get_statistics(scene.client, &statistics);
    assert_int_equal(statistics.packets_rejected, 200);
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_connected();
    tw_client_destroy(scene.client);
}

static void test_reconnects(void **state)
{
    (void)state;
    scene_start();
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_connected();
    tw_client_close(scene.client, scene.server.now_us);
    expect_closed(TW_CLIENT_END_LOCAL, 0);
    assert_true(tw_client_is_leaving(scene.client));
    fake_server_run(&scene.server, scene.client, SECOND_US / 25);
    assert_int_equal(scene.server.closes, 3);
    assert_int_equal(scene.server.close_reason, TW_CLOSE_BY_CLIENT);
    assert_int_equal(tw_client_get_connection_id(scene.client), 0);
    assert_true(sodium_is_zero(tw_client_get_ephemeral(scene.client), TW_KEY_SIZE));

    scene.server.welcomed = false;
    scene.server.sealed = 0;
    scene.server.connection_id++;
    fake_server_token(&scene.server, 60, scene.token);
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    assert_false(tw_client_is_leaving(scene.client));
    assert_int_equal(tw_client_get_entities(scene.client, NULL, 0), 0);
    fake_server_run(&scene.server, scene.client, SECOND_US);
    expect_connected();
    assert_int_equal(scene.server.closes, 3); /* a new session, and nothing of the one before */
    assert_int_equal(tw_client_get_entities(scene.client, NULL, 0), 2);
    tw_client_destroy(scene.client);
}

static void test_calls_in_wrong_states(void **state)
{
    (void)state;
    scene_start_valid(60, 5000);
    struct tw_client_input input = {.move_x = INT8_MIN};
    assert_int_equal(tw_client_set_input(scene.client, &input), TW_CLIENT_ERROR_ARGUMENT);
    input = (struct tw_client_input){.buttons = 0x100};
    assert_int_equal(tw_client_set_input(scene.client, &input), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_connect(scene.client, NULL, 388, 1), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_connect(scene.client, scene.token, 387, 1), TW_CLIENT_ERROR_TOKEN);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_IDLE);
    tw_client_close(scene.client, scene.server.now_us); /* nothing to close: no event */
    struct tw_client_event event;
    assert_false(tw_client_poll_event(scene.client, &event));
    assert_int_equal(scene_connect(), TW_CLIENT_OK);
    assert_int_equal(scene_connect(), TW_CLIENT_ERROR_STATE);
    tw_client_close(scene.client, scene.server.now_us);
    expect_closed(TW_CLIENT_END_LOCAL, 0);
    tw_client_destroy(scene.client);
}

static void test_null_is_harmless(void **state)
{
    (void)state;
    uint8_t bytes[TW_CONNECT_SIZE] = {0};
    struct tw_client_event event;
    struct tw_client_input input = {0};
    struct tw_client_entity entity;
    struct tw_client_statistics statistics;
    struct tw_client_self self = {.handle = 1};
    tw_client_destroy(NULL);
    tw_client_update(NULL, 1);
    tw_client_receive(NULL, bytes, sizeof(bytes), 1);
    tw_client_close(NULL, 1);
    assert_false(tw_client_is_leaving(NULL));
    tw_client_get_statistics(NULL, &statistics);
    tw_client_get_self(NULL, &self);
    assert_int_equal(self.handle, 0);
    struct tw_client_world world = {.width = 1};
    tw_client_get_world(NULL, &world);
    assert_int_equal(world.width, 0);
    tw_client_get_world(NULL, NULL);
    assert_int_equal(tw_client_difference(NULL, 5, 8), 3);
    assert_int_equal(tw_client_between(NULL, 5, 9, 32768), 7);
    assert_null(tw_client_create(NULL));
    assert_int_equal(tw_client_connect(NULL, bytes, sizeof(bytes), 1), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_set_input(NULL, &input), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_token_decode(NULL, bytes, sizeof(bytes)), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_get_state(NULL), TW_CLIENT_IDLE);
    assert_false(tw_client_poll_event(NULL, &event));
    assert_int_equal(tw_client_get_connection_id(NULL), 0);
    assert_null(tw_client_get_ephemeral(NULL));
    assert_int_equal(tw_client_get_descriptor(NULL), -1);
    assert_int_equal(tw_client_get_server_tick(NULL, 1), 0);
    assert_int_equal(tw_client_get_entities(NULL, &entity, 1), 0);
    assert_false(tw_client_get_entity(NULL, 1, &entity));

    scene_start_valid(60, 5000);
    tw_client_receive(scene.client, NULL, 10, 1);
    tw_client_get_statistics(scene.client, NULL);
    tw_client_get_self(scene.client, NULL);
    assert_int_equal(tw_client_set_input(scene.client, NULL), TW_CLIENT_ERROR_ARGUMENT);
    assert_false(tw_client_poll_event(scene.client, NULL));
    assert_int_equal(tw_client_get_entities(scene.client, NULL, 1), 0);
    assert_false(tw_client_get_entity(scene.client, 1, NULL));
    /* What does not belong to this state does nothing. */
    tw_client_update(scene.client, 1);
    tw_client_receive(scene.client, bytes, sizeof(bytes), 1);
    assert_false(tw_client_get_entity(scene.client, 1, &entity));
    assert_int_equal(tw_client_get_server_tick(scene.client, 1), 0);
    tw_client_get_statistics(scene.client, &statistics);
    assert_int_equal(statistics.packets_received, 0);
    assert_int_equal(statistics.packets_sent, 0);
    tw_client_destroy(scene.client);
}

static void test_configuration_is_checked(void **state)
{
    (void)state;
    struct tw_client_config config = tw_client_config_default();
    config.entities_max = 4097;
    assert_null(tw_client_create(&config));
    config = tw_client_config_default();
    config.events_max = 15;
    assert_null(tw_client_create(&config));
    config = tw_client_config_default();
    config.version = 2;
    assert_null(tw_client_create(&config));
    assert_null(tw_client_create(NULL));
    tw_client_destroy(NULL);
}

static void test_own_socket(void **state)
{
    (void)state;
    scene_start_valid(60, 5000);
    tw_client_destroy(scene.client);
    struct tw_client_config config = tw_client_config_default();
    struct tw_client *client = tw_client_create(&config);
    /* A server on loopback that nobody runs: refusals are loss, not errors. */
    struct tw_address nobody = tw_address_from_ipv4(0x7f000001u, 9);
    memcpy(scene.token + TW_CONNECT_ADDRESS_LIST, nobody.ip, sizeof(nobody.ip));
    tw_store_u16(scene.token + TW_CONNECT_ADDRESS_LIST + 16, nobody.port);
    assert_int_equal(tw_client_connect(client, scene.token, sizeof(scene.token), 1000),
                     TW_CLIENT_OK);
    assert_true(tw_client_get_descriptor(client) >= 0);
    for (uint64_t now_us = 1000; now_us < 3 * SECOND_US; now_us += 10000)
        tw_client_update(client, now_us);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTING);
    struct tw_client_statistics statistics;
    tw_client_get_statistics(client, &statistics);
    assert_true(statistics.packets_sent > 0);
    tw_client_close(client, 3 * SECOND_US);
    assert_int_equal(tw_client_get_descriptor(client), -1);
    tw_client_destroy(client);
}

static uint16_t own_port(const struct tw_client *client)
{
    struct sockaddr_in own = {0};
    socklen_t size = sizeof(own);
    int descriptor = tw_client_get_descriptor(client);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&own, &size), 0);
    return own.sin_port;
}

/* The own socket changes while it is still open: so the port does, too. */
static void test_rebind_opens_another_socket(void **state)
{
    (void)state;
    scene_start_valid(60, 5000);
    tw_client_destroy(scene.client);
    struct tw_client_config config = tw_client_config_default();
    struct tw_client *client = tw_client_create(&config);
    assert_int_equal(tw_client_rebind(NULL, 0), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_rebind(client, 0), TW_CLIENT_ERROR_STATE);
    struct tw_address nobody = tw_address_from_ipv4(0x7f000001u, 9);
    memcpy(scene.token + TW_CONNECT_ADDRESS_LIST, nobody.ip, sizeof(nobody.ip));
    tw_store_u16(scene.token + TW_CONNECT_ADDRESS_LIST + 16, nobody.port);
    assert_int_equal(tw_client_connect(client, scene.token, sizeof(scene.token), 1000),
                     TW_CLIENT_OK);
    uint16_t port = own_port(client);
    assert_int_equal(tw_client_rebind(client, 2000), TW_CLIENT_OK);
    assert_true(own_port(client) != port);
    tw_client_destroy(client);
}

/* A cookie belongs to an address: whoever moves while connecting begins again, and gets in. */
static void test_rebind_while_connecting(void **state)
{
    (void)state;
    scene_start();
    scene.server.delay_in_us = 20000;
    fake_server_run(&scene.server, scene.client, 30000);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTING);
    uint32_t hellos = scene.server.hellos;
    assert_int_equal(tw_client_rebind(scene.client, scene.server.now_us), TW_CLIENT_OK);
    fake_server_run(&scene.server, scene.client, SECOND_US);
    assert_int_equal(scene.server.hellos, hellos + 1);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTED);
    assert_int_equal(tw_client_rebind(scene.client, scene.server.now_us), TW_CLIENT_OK);
    fake_server_run(&scene.server, scene.client, SECOND_US);
    assert_int_equal(tw_client_get_state(scene.client), TW_CLIENT_CONNECTED);
    tw_client_destroy(scene.client);
}

static void set_address(uint32_t index, struct tw_address address)
{
    uint8_t *entry = scene.token + TW_CONNECT_ADDRESS_LIST + index * TW_ADDRESS_SIZE;
    memcpy(entry, address.ip, sizeof(address.ip));
    tw_store_u16(entry + 16, address.port);
    if (scene.token[TW_CONNECT_ADDRESS_COUNT] <= index)
        scene.token[TW_CONNECT_ADDRESS_COUNT] = (uint8_t)(index + 1);
}

/* This machine has no way to the first address (nobody may send to a broadcast address), the second
 * is of the other family. */
static void test_own_socket_takes_the_address_it_can_reach(void **state)
{
    (void)state;
    static const uint8_t loopback[16] = {[15] = 1};
    int server = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof(own);
    if (server < 0 || bind(server, (struct sockaddr *)&own, size) != 0 ||
        getsockname(server, (struct sockaddr *)&own, &size) != 0)
        skip(); /* a machine without IPv6 */
    scene_start_valid(60, 5000);
    tw_client_destroy(scene.client);
    struct tw_client_config config = tw_client_config_default();
    struct tw_client *client = tw_client_create(&config);
    set_address(0, tw_address_from_ipv4(0xffffffffu, 9));
    set_address(1, tw_address_from_ipv6(loopback, ntohs(own.sin6_port)));
    assert_int_equal(tw_client_connect(client, scene.token, sizeof(scene.token), 1000),
                     TW_CLIENT_OK);
    tw_client_update(client, 2000);
    uint8_t hello[2048];
    assert_int_equal(recv(server, hello, sizeof(hello), 0), TW_HELLO_SIZE);
    tw_client_destroy(client);
    client = tw_client_create(&config);
    set_address(1, tw_address_from_ipv4(0xffffffffu, 9));
    assert_int_equal(tw_client_connect(client, scene.token, sizeof(scene.token), 1000),
                     TW_CLIENT_ERROR_SOCKET);
    tw_client_destroy(client);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_each_handshake_packet_may_be_lost),
        cmocka_unit_test(test_everything_twice),
        cmocka_unit_test(test_repeats_slow_down),
        cmocka_unit_test(test_try_again_then_connects),
        cmocka_unit_test(test_try_again_is_bounded),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_forged_refusal_is_ignored),
        cmocka_unit_test(test_wrong_version),
        cmocka_unit_test(test_wrong_version_hint_alone_changes_nothing),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_no_answer_after_the_welcome),
        cmocka_unit_test(test_heard_once_after_the_welcome),
        cmocka_unit_test(test_token_expires_while_connecting),
        cmocka_unit_test(test_server_decides_on_expired_token),
        cmocka_unit_test(test_cookie_keys_lost_starts_over),
        cmocka_unit_test(test_garbage_is_counted),
        cmocka_unit_test(test_reconnects),
        cmocka_unit_test(test_calls_in_wrong_states),
        cmocka_unit_test(test_null_is_harmless),
        cmocka_unit_test(test_configuration_is_checked),
        cmocka_unit_test(test_own_socket),
        cmocka_unit_test(test_own_socket_takes_the_address_it_can_reach),
        cmocka_unit_test(test_rebind_opens_another_socket),
        cmocka_unit_test(test_rebind_while_connecting),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
