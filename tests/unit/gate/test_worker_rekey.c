/* SPDX-License-Identifier: BSD-3-Clause */
/* Key phases of a worker's sessions: started, followed, forgotten, refused, taken along. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define PHASE_PACKETS 64u
#define ELSEWHERE     1u

static struct rig rig;
static struct rig_client client;

static void start(uint32_t workers)
{
    rig_make(&rig, workers);
    rig.config.limits.rekey_s = 3600;
    rig.config.limits.rekey_packets = PHASE_PACKETS;
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &client);
}

static uint64_t rekeys(enum tw_rekey event)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rig.workers; i++)
        sum += tw_counter_get(&rig.counters[i]->rekeys[event]);
    return sum;
}

static struct tw_session_body *body(void)
{
    uint32_t slot = tw_connection_slot(client.id);
    return &rig.worker[tw_connection_worker(client.id)]->sessions.bodies[slot];
}

static void play_one(void)
{
    rig_client_send_ping(&rig, &client, client.sequence);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
}

/* Until so many phases were started; every ping is answered, whatever is changed meanwhile. */
static void play_until_started(uint64_t started)
{
    for (uint32_t i = 0; i < 8 * PHASE_PACKETS && rekeys(TW_REKEY_STARTED) < started; i++) {
        uint32_t pongs = client.pongs;
        play_one();
        assert_int_equal(client.pongs, pongs + 1);
    }
    assert_int_equal(rekeys(TW_REKEY_STARTED), started);
}

static size_t seal_ping(struct rig_client *as, uint64_t sequence, uint8_t packet[TW_DATAGRAM_MAX])
{
    static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    return rig_client_seal(as, sequence, ping, sizeof(ping), packet);
}

static void expect(const uint8_t *packet, size_t size, enum tw_outcome outcome)
{
    uint64_t before = rig_outcome(&rig, outcome);
    rig_client_send(&rig, &client, packet, size);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, outcome), before + 1);
    rig_client_receive(&rig, &client, 1);
}

static void goes_on_through_phases(void **state)
{
    (void)state;
    start(1);
    for (uint64_t number = 1; number <= 5; number++) {
        play_until_started(number);
        assert_int_equal(body()->send_flag, number & 1);
        for (uint32_t i = 0; i < 3; i++)
            play_one();
        assert_int_equal(client.heard_flags, number & 1);
        assert_int_equal(client.keys.number, number);
        assert_int_equal(body()->receive_flag, number & 1);
        assert_int_equal(rekeys(TW_REKEY_FOLLOWED), number);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PHASE_UNKNOWN), 0);
    rig_stop(&rig);
}

static void time_ends_a_phase_too(void **state)
{
    (void)state;
    rig_make(&rig, 1);
    rig.config.limits.rekey_s = 10;
    rig.config.limits.rekey_packets = TW_PHASE_PACKETS_MAX;
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &client);
    uint64_t joined_ns = rig.now_ns;
    while (rekeys(TW_REKEY_STARTED) == 0 && rig.now_ns < joined_ns + UINT64_C(12000000000)) {
        rig_turn(&rig, 20 * RIG_MS);
        play_one();
    }
    assert_int_equal(rekeys(TW_REKEY_STARTED), 1);
    assert_true(rig.now_ns - joined_ns >= UINT64_C(10000000000));
    rig_stop(&rig);
}

/* The phase has begun, and the client has heard of it: a copy of it from before. */
static struct rig_client client_before_it_followed(void)
{
    play_until_started(1);
    struct rig_client before = client;
    if (before.keys.number == 0) {
        client.sequence += 4; /* left to `before` */
        play_one();
    }
    play_one();
    assert_int_equal(before.keys.number, 0);
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 1);
    return before;
}

static void the_old_key_is_wiped_after_5_seconds(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start(1);
    struct rig_client before = client_before_it_followed();
    const struct tw_aead_key *old = &body()->receive_keys[0];
    size_t size = seal_ping(&before, before.sequence, packet);
    expect(packet, size, TW_OUTCOME_ACCEPTED);
    expect(packet, size, TW_OUTCOME_REPLAY_DUPLICATE);
    assert_false(sodium_is_zero((const uint8_t *)old, sizeof(*old)));
    for (uint32_t i = 0; i < 60; i++) {
        rig_turn(&rig, 100 * RIG_MS);
        if (i % 20 == 0)
            play_one();
    }
    assert_int_equal(rekeys(TW_REKEY_FORGOTTEN), 1);
    assert_true(sodium_is_zero((const uint8_t *)old, sizeof(*old)));
    size = seal_ping(&before, before.sequence + 1, packet);
    expect(packet, size, TW_OUTCOME_PHASE_UNKNOWN);
    play_one();
    rig_stop(&rig);
}

/* In one burst: a packet of the next phase, then two of the old one, then the next again. */
static void a_burst_across_the_change(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start(1);
    play_until_started(1);
    struct rig_client before = client;
    rig_turn(&rig, RIG_MS);
    while (client.keys.number == 0) {
        before = client;
        play_one();
    }
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 0);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED), first = client.sequence;
    client.sequence = first + 2;
    rig_client_send_ping(&rig, &client, 1);
    for (uint64_t i = 0; i < 2; i++) {
        size_t size = seal_ping(&before, first + i, packet);
        assert_int_equal(packet[TW_HEADER_FLAGS], 0);
        rig_client_send(&rig, &client, packet, size);
    }
    rig_client_send_ping(&rig, &client, 2);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 4);
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 1);
    assert_int_equal(body()->phase.first, first + 2);
    rig_stop(&rig);
}

static void forged_bits_move_nothing(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start(1);
    play_one();
    /* No phase was begun: not worth opening, not even counted as an attempt. */
    size_t size = seal_ping(&client, client.sequence, packet);
    packet[TW_HEADER_FLAGS] ^= TW_FLAG_KEY_PHASE;
    expect(packet, size, TW_OUTCOME_PHASE_UNKNOWN);
    assert_int_equal(body()->forged, 0);
    play_until_started(1);
    struct tw_phase_server phase = body()->phase;
    client.stays = true;
    size = seal_ping(&client, client.sequence + 500, packet);
    packet[TW_HEADER_FLAGS] ^= TW_FLAG_KEY_PHASE;
    expect(packet, size, TW_OUTCOME_TAG_WRONG);
    assert_int_equal(body()->forged, 0);
    assert_int_equal(body()->forged_other, 1);
    assert_memory_equal(&phase, &body()->phase, sizeof(phase));
    assert_int_equal(body()->receive_flag, 0);
    client.stays = false;
    play_one();
    play_one();
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 1);
    rig_stop(&rig);
}

static void who_never_follows_is_closed(void **state)
{
    (void)state;
    start(1);
    client.stays = true;
    for (uint32_t i = 0; i < 4 * PHASE_PACKETS && client.closes == 0; i++)
        play_one();
    assert_int_equal(rekeys(TW_REKEY_STARTED), 1);
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 0);
    assert_int_equal(rekeys(TW_REKEY_IGNORED), 1);
    assert_true(client.closes > 0);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_EXHAUSTED);
    rig_stop(&rig);
}

static void pass(uint32_t ms)
{
    for (uint32_t turn = 0; turn < ms; turn++)
        rig_turn(&rig, RIG_MS);
}

static void forge(uint8_t flip)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = seal_ping(&client, client.sequence + 500, packet);
    packet[size - 1] ^= 1;
    packet[TW_HEADER_FLAGS] ^= flip;
    expect(packet, size, TW_OUTCOME_TAG_WRONG);
}

/* Counts are set in these tests, for 2^35 packets take a day. With half of what the cipher allows
 * the next phase starts, in which the count begins anew: nobody is thrown out by forgeries. */
static void forgeries_start_a_phase(void **state)
{
    (void)state;
    start(1);
    play_one();
    body()->forged = TW_FORGED_REKEY - 2u;
    forge(0);
    pass(100);
    assert_int_equal(rekeys(TW_REKEY_STARTED), 0);
    forge(0);
    client.stays = true;
    pass(100);
    assert_int_equal(rekeys(TW_REKEY_STARTED), 1);
    assert_int_equal(rekeys(TW_REKEY_FORCED), 1);
    forge(0);
    forge(TW_FLAG_KEY_PHASE);
    assert_int_equal(body()->forged, TW_FORGED_REKEY + 1u);
    assert_int_equal(body()->forged_other, 1); /* with the key to come */
    client.stays = false;
    play_one();
    play_one();
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 1);
    assert_int_equal(body()->forged, 1);
    assert_int_equal(body()->forged_other, TW_FORGED_REKEY + 1u);
    pass(100);
    assert_int_equal(rekeys(TW_REKEY_STARTED), 1); /* once is enough */
    pass(TW_PHASE_OLD_US / 1000u);
    assert_int_equal(rekeys(TW_REKEY_FORGOTTEN), 1);
    assert_int_equal(body()->forged_other, 0);
    assert_int_equal(rekeys(TW_REKEY_EXHAUSTED), 0);
    assert_int_equal(client.closes, 0);
    rig_stop(&rig);
}

/* The old key goes before its 5 s are over: what was sealed with it is lost, the session is not. */
static void forgeries_use_up_an_old_key(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start(1);
    play_until_started(1);
    struct rig_client before = client;
    client.sequence++;
    play_one();
    play_one();
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 1);
    body()->forged_other = TW_FORGED_MAX;
    pass(100);
    assert_int_equal(rekeys(TW_REKEY_FORGOTTEN), 1);
    size_t size = seal_ping(&before, before.sequence, packet);
    expect(packet, size, TW_OUTCOME_PHASE_UNKNOWN);
    uint32_t pongs = client.pongs;
    play_one();
    assert_int_equal(client.pongs, pongs + 1);
    assert_int_equal(rekeys(TW_REKEY_EXHAUSTED), 0);
    rig_stop(&rig);
}

/* The next phase starts while the old key is there still, and takes its place: what failed to open
 * with that one is not held against the next. */
static void a_key_in_the_place_of_an_old_one(void **state)
{
    (void)state;
    start(1);
    client_before_it_followed();
    assert_int_equal(body()->phase.other, TW_PHASE_OTHER_OLD);
    body()->forged_other = TW_FORGED_MAX - 1u;
    play_until_started(2);
    assert_int_equal(rekeys(TW_REKEY_FORGOTTEN), 0);
    client.stays = true;
    forge(0); /* as of phase 2 */
    assert_int_equal(body()->forged_other, 1);
    pass(100);
    assert_int_equal(rekeys(TW_REKEY_EXHAUSTED), 0);
    rig_stop(&rig);
}

/* One more than the cipher allows, and a client that has not followed all the while. */
static void too_many_forgeries_end_a_session(void **state)
{
    (void)state;
    start(1);
    play_until_started(1);
    client.stays = true;
    body()->forged = TW_FORGED_MAX - 2u;
    for (uint32_t i = 0; i < 2; i++) {
        pass(100);
        assert_int_equal(rekeys(TW_REKEY_EXHAUSTED), 0);
        forge(0);
    }
    pass(100);
    assert_int_equal(rekeys(TW_REKEY_EXHAUSTED), 1);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_EXHAUSTED);
    rig_stop(&rig);
}

/* A session goes to another worker while a phase is begun and not followed, and again later. */
static void phases_go_along_to_another_worker(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start(2);
    play_until_started(1);
    client.stays = true;
    client.queue = ELSEWHERE;
    for (uint32_t i = 0; i < TW_MOVE_AFTER + 4; i++)
        play_one();
    assert_int_equal(tw_connection_worker(client.id), ELSEWHERE);
    assert_int_equal(body()->phase.number, 1);
    assert_int_equal(body()->phase.other, TW_PHASE_OTHER_NEXT);
    struct rig_client before = client;
    client.sequence++;
    client.stays = false;
    tw_phase_secret_advance(client.keys.send_secret); /* the change that it slept through */
    tw_packet_key_expand(&client.keys.send, tw_aead_sodium(), client.handshake.welcome.suite,
                         client.keys.send_secret);
    play_one();
    assert_int_equal(rekeys(TW_REKEY_FOLLOWED), 1);
    size_t size = seal_ping(&before, before.sequence, packet);
    expect(packet, size, TW_OUTCOME_ACCEPTED);
    play_until_started(3);
    rig_stop(&rig);
}

static void a_pending_session_has_no_other_phase(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start(1);
    size_t size = seal_ping(&client, 1, packet);
    packet[TW_HEADER_FLAGS] = TW_FLAG_KEY_PHASE;
    expect(packet, size, TW_OUTCOME_PHASE_UNKNOWN);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_PENDING], 1);
    rig_stop(&rig);
}

/* Secrets are of the newest phase alone: with them nobody opens what was before. */
static void old_secrets_are_gone(void **state)
{
    (void)state;
    start(1);
    play_until_started(1);
    const uint8_t *secrets[] = {client.handshake.secrets.client_to_server,
                                client.handshake.secrets.server_to_client};
    const uint8_t *bytes = (const uint8_t *)&body()->phase;
    for (size_t i = 0; i + TW_KEY_SIZE <= sizeof(body()->phase); i++) {
        assert_memory_not_equal(bytes + i, secrets[0], TW_KEY_SIZE);
        assert_memory_not_equal(bytes + i, secrets[1], TW_KEY_SIZE);
    }
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_through_phases),
        cmocka_unit_test(time_ends_a_phase_too),
        cmocka_unit_test(the_old_key_is_wiped_after_5_seconds),
        cmocka_unit_test(a_burst_across_the_change),
        cmocka_unit_test(forged_bits_move_nothing),
        cmocka_unit_test(who_never_follows_is_closed),
        cmocka_unit_test(forgeries_start_a_phase),
        cmocka_unit_test(forgeries_use_up_an_old_key),
        cmocka_unit_test(a_key_in_the_place_of_an_old_one),
        cmocka_unit_test(too_many_forgeries_end_a_session),
        cmocka_unit_test(phases_go_along_to_another_worker),
        cmocka_unit_test(a_pending_session_has_no_other_phase),
        cmocka_unit_test(old_secrets_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
