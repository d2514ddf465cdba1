/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages that are not worth sending after some time. */
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/testing.h"

#define SECOND_US UINT64_C(1000000)
#define MS_US     UINT64_C(1000)

static struct fake_server server;
static struct tw_client *client;

static void say(enum tw_client_channel channel, uint8_t name, uint32_t deadline_ms)
{
    const uint8_t bytes[40] = {name};
    assert_int_equal(tw_client_send(client, channel, bytes, sizeof(bytes), deadline_ms),
                     TW_CLIENT_OK);
}

/* The server sends back what reaches it. The names of all that did, a bit each. */
static uint32_t take_names(enum tw_client_channel channel)
{
    struct tw_client_message message;
    uint8_t bytes[40];
    uint32_t names = 0;
    while (tw_client_take_message(client, &message, bytes, sizeof(bytes)) == 1) {
        assert_int_equal(message.channel, channel);
        assert_int_equal(names >> bytes[0], 0); /* each once, in their order */
        names |= 1u << bytes[0];
    }
    return names;
}

/* Nothing reaches the server for 300 ms. What is worth nothing by then is not sent any more, what
 * still is arrives; so does what is behind one that was given up. */
static void test_what_is_late_is_not_sent(void **state)
{
    (void)state;
    static const uint32_t deadlines_ms[] = {0, 1, 100, 250, 2000, 0, 299, 5000, 0};
    for (uint32_t channel = TW_CLIENT_ORDERED; channel <= TW_CLIENT_BULK; channel++) {
        client = fake_server_join(&server);
        uint32_t worth_it = 0;
        server.dead = true;
        for (uint8_t i = 0; i < sizeof(deadlines_ms) / sizeof(deadlines_ms[0]); i++) {
            bool late = deadlines_ms[i] != 0 && deadlines_ms[i] < 300;
            worth_it |= late ? 0 : 1u << i;
            say((enum tw_client_channel)channel, i, deadlines_ms[i]);
        }
        fake_server_run(&server, client, 300 * MS_US);
        server.dead = false;
        fake_server_run(&server, client, 3 * SECOND_US);
        assert_int_equal(take_names((enum tw_client_channel)channel), worth_it);
        tw_client_destroy(client);
    }
}

/* All of a path that loses nothing are there long before. */
static void test_what_is_in_time_is_sent(void **state)
{
    (void)state;
    for (uint32_t channel = TW_CLIENT_LATEST; channel <= TW_CLIENT_BULK; channel++) {
        client = fake_server_join(&server);
        say((enum tw_client_channel)channel, 3, 50);
        fake_server_run(&server, client, SECOND_US);
        assert_int_equal(take_names((enum tw_client_channel)channel), 1u << 3);
        tw_client_destroy(client);
    }
}

/* A game that does not come round for longer than that: it never leaves, whatever its channel. */
static void test_what_waits_too_long_never_leaves(void **state)
{
    (void)state;
    for (uint32_t channel = TW_CLIENT_LATEST; channel <= TW_CLIENT_BULK; channel++) {
        client = fake_server_join(&server);
        say((enum tw_client_channel)channel, 1, 20);
        fake_server_pass(&server, client, 40 * MS_US);
        fake_server_run(&server, client, SECOND_US);
        assert_int_equal(take_names((enum tw_client_channel)channel), 0);
        say((enum tw_client_channel)channel, 2, 60);
        fake_server_pass(&server, client, 40 * MS_US);
        fake_server_run(&server, client, SECOND_US);
        assert_int_equal(take_names((enum tw_client_channel)channel), 1u << 2);
        tw_client_destroy(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_late_is_not_sent),
        cmocka_unit_test(test_what_is_in_time_is_sent),
        cmocka_unit_test(test_what_waits_too_long_never_leaves),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
