/* SPDX-License-Identifier: BSD-3-Clause */
/* Key phases: both ends against each other, packets delayed, doubled, lost and forged at will. */
#include "tests/sim/server_link.h"
#include "tests/unit/wire/testing.h"

#include "dataplane/client/link.h"

#include <string.h>

#define SECOND_NS  UINT64_C(1000000000)
#define PHASE_S    600u
#define PLAINTEXT  40u
#define CONNECTION 77u

struct datagram {
    uint8_t bytes[TW_DATAGRAM_MAX];
    size_t size;
};

struct ends {
    struct server_link server;
    struct tw_client_link client;
    uint64_t now_ns;
};

static struct ends *make_ends(enum tw_suite suite)
{
    static struct ends ends;
    struct tw_session_secrets secrets;
    randombytes_buf(&secrets, sizeof(secrets));
    memset(&ends, 0, sizeof(ends));
    ends.now_ns = 5 * SECOND_NS;
    tw_client_link_init(&ends.client, tw_aead_sodium(), &secrets, suite, TW_CLIENT_LINK_CLIENT);
    tw_client_link_name(&ends.client, CONNECTION);
    server_link_init(&ends.server, &secrets, suite, CONNECTION, ends.now_ns);
    ends.server.limits = (struct tw_phase_limits){.packets = TW_PHASE_PACKETS_MAX,
                                                  .duration_ns = PHASE_S * SECOND_NS};
    return &ends;
}

static struct datagram from_client(struct ends *ends)
{
    struct datagram datagram = {.bytes = {0}};
    datagram.size = tw_client_link_seal(&ends->client, datagram.bytes, PLAINTEXT);
    return datagram;
}

static struct datagram from_server(struct ends *ends)
{
    struct datagram datagram = {.bytes = {0}};
    datagram.size = server_link_seal(&ends->server, datagram.bytes, PLAINTEXT);
    return datagram;
}

static enum server_link_result to_server(struct ends *ends, struct datagram datagram)
{
    return server_link_open(&ends->server, datagram.bytes, datagram.size, ends->now_ns);
}

static enum tw_client_link_result to_client(struct ends *ends, struct datagram datagram)
{
    return tw_client_link_open(&ends->client, datagram.bytes, datagram.size, ends->now_ns / 1000u);
}

static void pass(struct ends *ends, uint64_t ns)
{
    ends->now_ns += ns;
    server_link_update(&ends->server, ends->now_ns);
    tw_phase_client_age(&ends->client.keys, ends->now_ns / 1000u);
}

static void exchange(struct ends *ends)
{
    assert_int_equal(to_server(ends, from_client(ends)), SERVER_LINK_OK);
    assert_int_equal(to_client(ends, from_server(ends)), TW_CLIENT_LINK_OK);
}

static uint8_t flag_of(const struct datagram *datagram)
{
    return datagram->bytes[TW_HEADER_FLAGS];
}

static void assert_wiped(const struct tw_aead_key *key)
{
    assert_true(sodium_is_zero((const uint8_t *)key, sizeof(*key)));
}

static void run_through_phases(enum tw_suite suite)
{
    struct ends *ends = make_ends(suite);
    exchange(ends);
    for (uint32_t number = 1; number <= 5; number++) {
        pass(ends, PHASE_S * SECOND_NS - 1);
        assert_int_equal(ends->server.phase.number, number - 1);
        pass(ends, 1);
        assert_int_equal(ends->server.phase.number, number);
        /* Until the client hears of it, it goes on as before. */
        struct datagram before = from_client(ends), told = from_server(ends);
        assert_int_equal(flag_of(&before), (number - 1) & 1);
        assert_int_equal(flag_of(&told), number & 1);
        assert_int_equal(to_server(ends, before), SERVER_LINK_OK);
        assert_int_equal(to_client(ends, told), TW_CLIENT_LINK_OK);
        assert_int_equal(ends->client.keys.number, number);
        struct datagram after = from_client(ends);
        assert_int_equal(flag_of(&after), number & 1);
        assert_int_equal(to_server(ends, after), SERVER_LINK_OK);
        exchange(ends);
    }
    assert_int_equal(ends->server.opened_old, 0);
    assert_int_equal(ends->client.forged, 0);
}

/* The phase bit wraps twice. Packet numbers go on. */
static void several_phases_with_each_suite(void **state)
{
    (void)state;
    run_through_phases(TW_SUITE_CHACHA20_POLY1305);
    if ((tw_aead_sodium()->suites & TW_SUITE_AES256_GCM) != 0)
        run_through_phases(TW_SUITE_AES256_GCM);
}

static void every_phase_has_its_keys(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    struct tw_aead_key seals = ends->server.send, opens = ends->server.receive[0];
    uint8_t secret[TW_KEY_SIZE];
    memcpy(secret, ends->server.phase.send_secret, sizeof(secret));
    pass(ends, PHASE_S * SECOND_NS);
    assert_memory_not_equal(seals.expanded, ends->server.send.expanded, TW_KEY_SIZE);
    assert_memory_not_equal(seals.iv, ends->server.send.iv, TW_IV_SIZE);
    assert_memory_not_equal(opens.expanded, ends->server.receive[1].expanded, TW_KEY_SIZE);
    /* As the document says. */
    uint8_t expected[TW_KEY_SIZE];
    tw_hkdf_expand(expected, sizeof(expected), secret, "phase");
    assert_memory_equal(expected, ends->server.phase.send_secret, sizeof(expected));
}

static void packets_in_either_direction_end_a_phase(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    ends->server.limits.packets = 100;
    exchange(ends);
    for (uint32_t i = 0; i < 98; i++)
        (void)from_server(ends);
    pass(ends, 1);
    assert_int_equal(ends->server.phase.number, 0);
    (void)from_server(ends);
    pass(ends, 1);
    assert_int_equal(ends->server.phase.number, 1);
    exchange(ends);
    exchange(ends);
    for (uint32_t i = 0; i < 120; i++)
        assert_int_equal(to_server(ends, from_client(ends)), SERVER_LINK_OK);
    pass(ends, 1);
    assert_int_equal(ends->server.phase.number, 2);
}

/* Whatever comes due: the client has to be in the newest phase. */
static void no_phase_starts_before_the_last_was_followed(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    pass(ends, PHASE_S * SECOND_NS);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(to_server(ends, from_client(ends)), SERVER_LINK_OK);
        pass(ends, PHASE_S * SECOND_NS);
        assert_int_equal(ends->server.phase.number, 1);
    }
    exchange(ends); /* it follows */
    exchange(ends);
    pass(ends, PHASE_S * SECOND_NS);
    assert_int_equal(ends->server.phase.number, 2);
}

static void late_packets_of_the_old_phase_open_for_5_seconds(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    struct datagram up[3], down[3];
    for (uint32_t i = 0; i < 3; i++) {
        up[i] = from_client(ends);
        down[i] = from_server(ends);
    }
    pass(ends, PHASE_S * SECOND_NS);
    struct tw_aead_key *old = &ends->server.receive[0], *old_client = &ends->client.keys.receive[0];
    assert_int_equal(to_server(ends, up[2]), SERVER_LINK_OK);
    struct datagram first = from_server(ends), second = from_server(ends);
    assert_int_equal(to_client(ends, second), TW_CLIENT_LINK_OK);
    assert_int_equal(to_client(ends, first), TW_CLIENT_LINK_OK);
    assert_int_equal(to_client(ends, down[0]), TW_CLIENT_LINK_OK);
    assert_int_equal(to_client(ends, down[0]), TW_CLIENT_LINK_REPLAYED);
    assert_int_equal(to_server(ends, from_client(ends)), SERVER_LINK_OK);
    assert_int_equal(to_server(ends, up[0]), SERVER_LINK_OK);
    assert_int_equal(to_server(ends, up[0]), SERVER_LINK_REPLAYED);
    assert_int_equal(ends->server.opened_old, 1);
    pass(ends, 5 * SECOND_NS - 1000);
    assert_false(sodium_is_zero((const uint8_t *)old, sizeof(*old)));
    assert_false(sodium_is_zero((const uint8_t *)old_client, sizeof(*old_client)));
    pass(ends, 1000);
    assert_wiped(old);
    assert_wiped(old_client);
    uint64_t opens = ends->server.opens;
    assert_int_equal(to_server(ends, up[1]), SERVER_LINK_PHASE);
    assert_int_equal(to_client(ends, down[1]), TW_CLIENT_LINK_PHASE);
    assert_int_equal(ends->server.opens, opens);
    exchange(ends);
}

/* A start takes the old key's place at once; the client's old key makes room for the next one. */
static void short_phases_give_old_keys_up_early(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    ends->server.limits.packets = 64;
    exchange(ends);
    struct datagram up = from_client(ends), down = from_server(ends);
    for (uint32_t number = 1; number <= 9; number++) {
        for (uint32_t i = 0; i < 65; i++)
            exchange(ends);
        pass(ends, 1000);
        assert_int_equal(ends->server.phase.number, number);
        exchange(ends);
        exchange(ends);
        if (number == 1) {
            assert_int_equal(to_server(ends, up), SERVER_LINK_OK);
            assert_int_equal(to_client(ends, down), TW_CLIENT_LINK_OK);
            up = from_client(ends);
            down = from_server(ends);
        } else if (number == 3) {
            assert_int_equal(to_server(ends, up), SERVER_LINK_FORGED); /* two phases behind */
            assert_int_equal(to_client(ends, down), TW_CLIENT_LINK_FORGED);
        }
    }
    assert_int_equal(ends->client.keys.number, 9);
}

/* Packets of two phases ago carry the bit of the present one. */
static void replays_across_phases_stay_replays(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    struct datagram up[2], down[2];
    for (uint32_t i = 0; i < 2; i++) {
        up[i] = from_client(ends);
        down[i] = from_server(ends);
    }
    assert_int_equal(to_server(ends, up[0]), SERVER_LINK_OK);
    assert_int_equal(to_client(ends, down[0]), TW_CLIENT_LINK_OK);
    for (uint32_t i = 0; i < 2; i++) {
        pass(ends, PHASE_S * SECOND_NS);
        exchange(ends);
        exchange(ends);
    }
    assert_int_equal(ends->server.phase.number, 2);
    assert_int_equal(to_server(ends, up[0]), SERVER_LINK_REPLAYED);
    assert_int_equal(to_client(ends, down[0]), TW_CLIENT_LINK_REPLAYED);
    /* Never seen before, but of a key that is gone. */
    assert_int_equal(to_server(ends, up[1]), SERVER_LINK_FORGED);
    assert_int_equal(to_client(ends, down[1]), TW_CLIENT_LINK_FORGED);
}

/* Sets the phase bit of a datagram and a number nobody used. */
static struct datagram forged(struct datagram datagram, uint64_t sequence)
{
    datagram.bytes[TW_HEADER_FLAGS] ^= TW_FLAG_KEY_PHASE;
    tw_store_u64(datagram.bytes + TW_HEADER_SEQUENCE, sequence);
    return datagram;
}

static void a_forged_bit_costs_a_failed_open_and_moves_nothing(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    /* The server began nothing: it does not even open. */
    struct tw_phase_server server = ends->server.phase;
    uint64_t opens = ends->server.opens;
    assert_int_equal(to_server(ends, forged(from_client(ends), 1000)), SERVER_LINK_PHASE);
    assert_int_equal(ends->server.opens, opens);
    assert_memory_equal(&server, &ends->server.phase, sizeof(server));
    /* A client tries the key it has ready, once, and derives none. */
    static struct tw_phase_client client;
    memcpy(&client, &ends->client.keys, sizeof(client));
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(to_client(ends, forged(from_server(ends), 1000 + i)),
                         TW_CLIENT_LINK_FORGED);
    assert_memory_equal(&client, &ends->client.keys, sizeof(client));
    assert_int_equal(ends->client.forged_next, 100);
    assert_int_equal(ends->client.replay.newest, 1);
    /* Between the first and the newest number of a phase no other phase can be. */
    assert_int_equal(to_client(ends, from_server(ends)), TW_CLIENT_LINK_OK);
    assert_int_equal(to_client(ends, forged(from_server(ends), 50)), TW_CLIENT_LINK_PHASE);
    /* While a phase is being started, the server opens it once. */
    pass(ends, PHASE_S * SECOND_NS);
    memcpy(&server, &ends->server.phase, sizeof(server));
    opens = ends->server.opens;
    assert_int_equal(to_server(ends, forged(from_client(ends), 2000)), SERVER_LINK_FORGED);
    assert_int_equal(ends->server.opens, opens + 1);
    assert_memory_equal(&server, &ends->server.phase, sizeof(server));
    exchange(ends);
    exchange(ends);
    assert_int_equal(ends->client.keys.number, 1);
}

/* Old keys are there, but a number between the first and the newest of the phase is not theirs. */
static void numbers_in_the_middle_are_of_no_other_phase(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    pass(ends, PHASE_S * SECOND_NS);
    exchange(ends);
    exchange(ends);
    ends->client.next_sequence = ends->server.next_sequence = 100;
    exchange(ends);
    uint64_t opens = ends->server.opens;
    assert_int_equal(to_server(ends, forged(from_client(ends), 50)), SERVER_LINK_PHASE);
    assert_int_equal(ends->server.opens, opens);
    assert_int_equal(to_client(ends, forged(from_server(ends), 50)), TW_CLIENT_LINK_PHASE);
    assert_int_equal(to_client(ends, forged(from_server(ends), 1)), TW_CLIENT_LINK_REPLAYED);
}

/* A client that seals in the next phase before the server did is not heard. */
static void only_a_server_starts(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    tw_phase_client_opened(&ends->client.keys, TW_FLAG_KEY_PHASE, 1, 2, 0); /* as if told to */
    assert_int_equal(ends->client.keys.number, 1);
    assert_int_equal(to_server(ends, from_client(ends)), SERVER_LINK_PHASE);
    assert_int_equal(ends->server.phase.number, 0);
}

/* Behind a packet of the next phase no packet of the old one with a higher number counts. */
static void a_client_cannot_go_back(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    static struct tw_client_link stayed;
    memcpy(&stayed, &ends->client, sizeof(stayed));
    pass(ends, PHASE_S * SECOND_NS);
    exchange(ends);
    exchange(ends);
    assert_int_equal(ends->server.phase.other, TW_PHASE_OTHER_OLD);
    stayed.next_sequence = 100;
    struct datagram datagram = {.bytes = {0}};
    datagram.size = tw_client_link_seal(&stayed, datagram.bytes, PLAINTEXT);
    assert_int_equal(to_server(ends, datagram), SERVER_LINK_PHASE);
}

static void a_client_that_never_follows_is_given_up(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    exchange(ends);
    pass(ends, PHASE_S * SECOND_NS);
    /* Silence is no refusal: time-outs are another matter. */
    pass(ends, 10 * PHASE_S * SECOND_NS);
    assert_false(server_link_is_ignored(&ends->server));
    for (uint32_t i = 0; i < TW_PHASE_PATIENCE; i++) {
        assert_false(server_link_is_ignored(&ends->server));
        assert_int_equal(to_server(ends, from_client(ends)), SERVER_LINK_OK);
    }
    assert_true(server_link_is_ignored(&ends->server));
    /* Shorter phases, less patience. */
    ends->server.limits.packets = 64;
    ends->server.phase.received_start = (uint32_t)ends->server.replay.newest - 63u;
    assert_false(server_link_is_ignored(&ends->server));
    ends->server.phase.received_start--;
    assert_true(server_link_is_ignored(&ends->server));
}

static void a_duration_of_0_means_never(void **state)
{
    (void)state;
    struct ends *ends = make_ends(TW_SUITE_CHACHA20_POLY1305);
    ends->server.limits = (struct tw_phase_limits){.packets = 64};
    for (uint32_t i = 0; i < 200; i++) {
        exchange(ends);
        pass(ends, PHASE_S * SECOND_NS);
    }
    assert_int_equal(ends->server.phase.number, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_phases_with_each_suite),
        cmocka_unit_test(every_phase_has_its_keys),
        cmocka_unit_test(packets_in_either_direction_end_a_phase),
        cmocka_unit_test(no_phase_starts_before_the_last_was_followed),
        cmocka_unit_test(late_packets_of_the_old_phase_open_for_5_seconds),
        cmocka_unit_test(short_phases_give_old_keys_up_early),
        cmocka_unit_test(replays_across_phases_stay_replays),
        cmocka_unit_test(a_forged_bit_costs_a_failed_open_and_moves_nothing),
        cmocka_unit_test(numbers_in_the_middle_are_of_no_other_phase),
        cmocka_unit_test(only_a_server_starts),
        cmocka_unit_test(a_client_cannot_go_back),
        cmocka_unit_test(a_client_that_never_follows_is_given_up),
        cmocka_unit_test(a_duration_of_0_means_never),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
