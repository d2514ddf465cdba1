/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages of packets with a connection id, one by one over a burst of plain bytes. */
#include "dataplane/gate/live.h"

#include "dataplane/wire/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define SESSIONS 4u
#define NOW_NS   UINT64_C(5000000000)
#define RATE     8u /* packets of a session, at once */

struct given {
    struct tw_sessions sessions;
    struct tw_path_tries tries;
    struct tw_live live;
    struct tw_burst burst;
    void *memory;
    uint32_t slots[SESSIONS];
    uint8_t bytes[TW_BURST_MAX][TW_DATAGRAM_MAX];
};

static struct tw_address address_of(uint32_t number)
{
    return tw_address_from_ipv4(0xc6120010u + number, (uint16_t)(4000u + number));
}

static int setup(void **state)
{
    struct given *given = calloc(1, sizeof(*given));
    size_t size = tw_sessions_footprint(SESSIONS);
    given->memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
    memset(given->memory, 0, size);
    tw_sessions_init(&given->sessions, given->memory, SESSIONS, 0, 7);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        const uint8_t secret[TW_KEY_SIZE] = {(uint8_t)(i + 1)};
        given->slots[i] = tw_sessions_take(&given->sessions);
        given->sessions.hot[given->slots[i]].address = address_of(i);
        given->sessions.hot[given->slots[i]].heard_ns = NOW_NS;
        tw_sessions_set_state(&given->sessions, given->slots[i], TW_SESSION_LIVE);
        tw_packet_key_expand(&given->sessions.bodies[given->slots[i]].receive_keys[0],
                             tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305, secret);
    }
    given->live = (struct tw_live){
        .sessions = &given->sessions,
        .aead = tw_aead_sodium(),
        .session_rate = tw_budget_rate_make(1, RATE),
        .path_tries = &given->tries,
    };
    tw_path_tries_init(&given->tries, 7);
    given->tries.heard_rate = tw_budget_rate_make(1, 2);
    *state = given;
    return 0;
}

static int teardown(void **state)
{
    struct given *given = *state;
    free(given->memory);
    free(given);
    return 0;
}

/* Session `number` sends a ping under `sequence`; the packet is the burst's next. */
static struct tw_packet *add(struct given *given, uint32_t number, uint64_t sequence)
{
    struct tw_burst *burst = &given->burst;
    uint32_t i = burst->count++, slot = given->slots[number];
    struct tw_aead_key key = given->sessions.bodies[slot].receive_keys[0];
    uint8_t *bytes = given->bytes[i];
    struct tw_writer writer = tw_writer_make(bytes + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    tw_frame_write_ping(&writer, sequence);
    tw_header_write(bytes,
                    (struct tw_header){.connection_id = tw_sessions_id(&given->sessions, slot),
                                       .sequence = sequence});
    struct tw_aead_job job = {
        .key = &key, .packet = bytes, .length = (uint32_t)(writer.next - bytes)};
    tw_aead_sodium()->seal(&job, 1);
    burst->packets[i] = (struct tw_packet){
        .outcome = TW_OUTCOME_OPEN,
        .kind = TW_PACKET_UDP,
        .payload = bytes,
        .payload_length = (uint16_t)job.length,
        .source = address_of(number),
        .header = tw_header_read(bytes),
    };
    burst->going[burst->going_count++] = (uint8_t)i;
    return &burst->packets[i];
}

static void begin(struct given *given)
{
    given->burst.count = given->burst.going_count = 0;
}

static void run(struct given *given)
{
    tw_live_find(&given->live, &given->burst, NOW_NS);
    tw_live_test(&given->live, &given->burst, NOW_NS);
    tw_live_open(&given->live, &given->burst);
    tw_live_commit(&given->live, &given->burst, NOW_NS);
    tw_live_validate(&given->live, &given->burst);
}

static void find_hands_on_what_it_knows_in_order(void **state)
{
    struct given *given = *state;
    begin(given);
    add(given, 0, 1);
    struct tw_replay *replay = &given->sessions.bodies[given->slots[1]].replay;
    assert_int_equal(tw_replay_commit(replay, 2), TW_REPLAY_FRESH);
    add(given, 1, 1)->source.port++; /* not newer than all before it */
    add(given, 2, 1)->header.connection_id ^= 1u << (TW_SLOT_BITS + TW_WORKER_BITS);
    add(given, 3, 1)->header.connection_id = tw_connection_id(0, SESSIONS, 1);
    add(given, 3, 1)->header.flags = 0x80;
    add(given, 3, 1)->header.channel = 9;
    add(given, 3, 1)->header.sequence = 0;
    add(given, 3, 1)->header.sequence = TW_SEALED_MAX + 1;
    add(given, 3, 1);
    tw_sessions_set_state(&given->sessions, given->slots[2], TW_SESSION_CLOSING);
    add(given, 2, 1);
    tw_live_find(&given->live, &given->burst, NOW_NS);
    static const uint16_t wanted[] = {TW_OUTCOME_OPEN,
                                      TW_OUTCOME_PATH_UNKNOWN,
                                      TW_OUTCOME_GENERATION_STALE,
                                      TW_OUTCOME_CONNECTION_UNKNOWN,
                                      TW_OUTCOME_HEADER_FLAGS,
                                      TW_OUTCOME_HEADER_FLAGS,
                                      TW_OUTCOME_SEQUENCE_INVALID,
                                      TW_OUTCOME_SEQUENCE_INVALID,
                                      TW_OUTCOME_OPEN,
                                      TW_OUTCOME_SESSION_CLOSING};
    for (uint32_t i = 0; i < given->burst.count; i++)
        assert_int_equal(given->burst.packets[i].outcome, wanted[i]);
    assert_int_equal(given->burst.going_count, 2);
    assert_int_equal(given->burst.going[0], 0);
    assert_int_equal(given->burst.going[1], 8);
    assert_int_equal(given->burst.packets[8].slot, given->slots[3]);
}

/* Each session gets one look in 10 ms, all together what the worker's budget gives. */
static void packets_from_elsewhere_have_a_budget_of_their_own(void **state)
{
    struct given *given = *state;
    begin(given);
    add(given, 0, 9)->source.port++;
    add(given, 0, 10)->source.port++;
    add(given, 1, 9)->interface = 1;
    add(given, 2, 9)->source.port++;
    add(given, 2, 9);
    tw_live_find(&given->live, &given->burst, NOW_NS);
    assert_int_equal(given->burst.packets[0].path, TW_PATH_FRESH);
    assert_int_equal(given->burst.packets[0].outcome, TW_OUTCOME_OPEN);
    assert_int_equal(given->burst.packets[1].outcome, TW_OUTCOME_PATH_UNKNOWN);
    assert_int_equal(given->burst.packets[2].path, TW_PATH_FRESH);
    assert_int_equal(given->burst.packets[2].outcome, TW_OUTCOME_OPEN);
    assert_int_equal(given->burst.packets[3].outcome, TW_OUTCOME_PATH_UNKNOWN);
    assert_int_equal(given->burst.packets[4].path, TW_PATH_CURRENT);
    /* They cost their session nothing, whether they open or not. */
    struct tw_budget before = given->sessions.hot[given->slots[0]].budget;
    given->burst.packets[0].payload[20] ^= 1;
    tw_live_test(&given->live, &given->burst, NOW_NS);
    tw_live_open(&given->live, &given->burst);
    assert_int_equal(given->burst.packets[0].outcome, TW_OUTCOME_TAG_WRONG);
    assert_int_equal(given->burst.packets[2].outcome, TW_OUTCOME_OPEN);
    assert_memory_equal(&given->sessions.hot[given->slots[0]].budget, &before, sizeof(before));
    assert_int_equal(given->sessions.hot[given->slots[1]].budget.full_at_ns, 0);
}

static void fall_silent(struct given *given, uint32_t number, uint64_t silent_ns)
{
    given->sessions.hot[given->slots[number]].heard_ns = NOW_NS - silent_ns;
}

/* As many as there is budget for, each if it might be the client's: and it costs the session, and
 * those that are heard, nothing. */
static void of_a_silent_session_all_are_opened(void **state)
{
    struct given *given = *state;
    begin(given);
    fall_silent(given, 0, TW_PATH_SILENT_NS);
    fall_silent(given, 1, TW_PATH_SILENT_NS - 1);
    struct tw_replay *replay = &given->sessions.bodies[given->slots[0]].replay;
    assert_int_equal(tw_replay_commit(replay, 8), TW_REPLAY_FRESH);
    for (uint32_t i = 0; i < 20; i++) {
        struct tw_packet *packet = add(given, 0, 9 + i);
        packet->source.port++;
        packet->payload[20] ^= 1;
    }
    add(given, 0, 8)->source.port++; /* not newer */
    add(given, 0, 29)->interface = 1;
    add(given, 1, 9)->source.port++; /* heard: one in 10 ms */
    add(given, 1, 10)->source.port++;
    run(given);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(given->burst.packets[i].outcome, TW_OUTCOME_TAG_WRONG);
    assert_int_equal(given->burst.packets[20].outcome, TW_OUTCOME_PATH_UNKNOWN);
    assert_int_equal(given->burst.packets[21].outcome, TW_OUTCOME_ACCEPTED);
    assert_int_equal(given->burst.packets[21].path, TW_PATH_FRESH);
    assert_int_equal(given->burst.packets[22].outcome, TW_OUTCOME_ACCEPTED);
    assert_int_equal(given->burst.packets[23].outcome, TW_OUTCOME_PATH_UNKNOWN);
    assert_int_equal(given->sessions.hot[given->slots[0]].budget.full_at_ns, 0);
    /* What was not worth the cipher took nothing. */
    struct tw_budget_rate rate = given->tries.silent_rate;
    assert_int_equal(given->tries.silent.full_at_ns, NOW_NS + 21 * rate.interval_ns);
}

/* Once it is used up it is named, and the body is not looked at; a candidate's is another budget,
 * and while a candidate is new nobody draws. */
static void a_silent_sessions_budget_ends(void **state)
{
    struct given *given = *state;
    fall_silent(given, 0, TW_PATH_SILENT_NS);
    struct tw_session_body *body = &given->sessions.bodies[given->slots[0]];
    struct tw_address from = address_of(0);
    from.port++;
    uint8_t challenge[TW_CHALLENGE_SIZE] = {1};
    given->tries.silent.full_at_ns = NOW_NS + given->tries.silent_rate.burst_ns;
    begin(given);
    add(given, 0, 9)->source = from;
    add(given, 0, 10);
    tw_live_find(&given->live, &given->burst, NOW_NS);
    assert_int_equal(given->burst.packets[0].outcome, TW_OUTCOME_PATH_BUDGET);
    assert_int_equal(given->burst.packets[1].outcome, TW_OUTCOME_OPEN);
    tw_path_open(&body->path, &(struct tw_path_end){from, 0}, challenge, NOW_NS);
    given->sessions.hot[given->slots[0]].roam |= TW_ROAM_CANDIDATE;
    given->tries.silent.full_at_ns = 0;
    begin(given);
    add(given, 0, 11)->source = from;
    add(given, 0, 12)->source.port += 2;
    tw_live_find(&given->live, &given->burst, NOW_NS);
    assert_int_equal(given->burst.packets[0].path, TW_PATH_CANDIDATE);
    assert_int_equal(given->burst.packets[0].outcome, TW_OUTCOME_OPEN);
    assert_int_equal(given->burst.packets[1].outcome, TW_OUTCOME_PATH_UNKNOWN);
    assert_int_equal(given->tries.silent.full_at_ns, 0);
}

/* Overtaken in its own burst by a packet over the session's path: not the newest any more. */
static void commit_opens_nothing_for_an_old_number(void **state)
{
    struct given *given = *state;
    begin(given);
    add(given, 0, 20);
    add(given, 0, 19)->source.port++;
    add(given, 0, 18);
    run(given);
    assert_int_equal(given->burst.packets[0].outcome, TW_OUTCOME_ACCEPTED);
    assert_int_equal(given->burst.packets[1].outcome, TW_OUTCOME_PATH_UNKNOWN);
    assert_int_equal(given->burst.packets[2].outcome, TW_OUTCOME_ACCEPTED);
}

static void test_asks_the_window_before_the_budget(void **state)
{
    struct given *given = *state;
    struct tw_replay *replay = &given->sessions.bodies[given->slots[0]].replay;
    assert_int_equal(tw_replay_commit(replay, 5000), TW_REPLAY_FRESH);
    begin(given);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(add(given, 0, 5000)->outcome, TW_OUTCOME_OPEN);
    add(given, 0, 5000 - TW_REPLAY_WINDOW);
    for (uint32_t i = 0; i < RATE + 1; i++)
        add(given, 0, 5001 + i);
    tw_live_find(&given->live, &given->burst, NOW_NS);
    tw_live_test(&given->live, &given->burst, NOW_NS);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(given->burst.packets[i].outcome, TW_OUTCOME_REPLAY_DUPLICATE);
    assert_int_equal(given->burst.packets[10].outcome, TW_OUTCOME_REPLAY_OLD);
    /* The repeats took nothing of the budget. */
    assert_int_equal(given->burst.going_count, RATE);
    assert_int_equal(given->burst.packets[11 + RATE].outcome, TW_OUTCOME_SESSION_BUDGET);
    assert_true(replay->newest == 5000);
}

static void open_refuses_each_damaged_byte_alone(void **state)
{
    struct given *given = *state;
    uint32_t length = TW_PACKET_MIN + TW_FRAME_HEADER_SIZE + TW_PING_SIZE;
    for (uint32_t at = 0; at < length; at++) {
        begin(given);
        struct tw_packet *first = add(given, 0, 1), *damaged = add(given, 1, 1);
        assert_int_equal(damaged->payload_length, length);
        damaged->payload[at] ^= 0x10;
        first->slot = given->slots[0];
        damaged->slot = given->slots[1];
        tw_live_open(&given->live, &given->burst);
        assert_int_equal(given->burst.going_count, 1);
        assert_int_equal(first->outcome, TW_OUTCOME_OPEN);
        assert_int_equal(damaged->outcome, TW_OUTCOME_TAG_WRONG);
    }
    assert_true(given->sessions.bodies[given->slots[1]].replay.newest == 0);
}

/* What a forger took is given back. */
static void forged_packets_are_not_charged(void **state)
{
    struct given *given = *state;
    begin(given);
    for (uint32_t i = 0; i < RATE; i++)
        add(given, 0, 1 + i)->payload[TW_HEADER_SIZE] ^= 1;
    run(given);
    assert_int_equal(given->burst.going_count, 0);
    begin(given);
    for (uint32_t i = 0; i < RATE; i++)
        add(given, 0, 10 + i);
    run(given);
    assert_int_equal(given->burst.going_count, RATE);
}

static void a_copy_in_the_same_burst_fails_when_it_is_recorded(void **state)
{
    struct given *given = *state;
    begin(given);
    add(given, 0, 3);
    add(given, 1, 3);
    add(given, 0, 3);
    run(given);
    assert_int_equal(given->burst.packets[0].outcome, TW_OUTCOME_ACCEPTED);
    assert_int_equal(given->burst.packets[1].outcome, TW_OUTCOME_ACCEPTED);
    assert_int_equal(given->burst.packets[2].outcome, TW_OUTCOME_REPLAY_DUPLICATE);
    assert_int_equal(given->burst.going_count, 2);
}

static void validate_decodes_each_packet_into_its_own_frames(void **state)
{
    struct given *given = *state;
    begin(given);
    for (uint32_t i = 0; i < SESSIONS; i++)
        add(given, i, 100 + i);
    given->burst.packets[1].payload[TW_HEADER_SIZE] ^= 1; /* never opens */
    run(given);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if (i == 1)
            continue;
        assert_true(given->burst.frames[i].has_ping);
        assert_true(given->burst.frames[i].ping_time_us == 100 + i);
    }
}

static void malformed_packets_are_counted_against_their_session(void **state)
{
    struct given *given = *state;
    begin(given);
    struct tw_packet *packet = add(given, 0, 1);
    packet->slot = given->slots[0];
    memset(packet->payload + TW_HEADER_SIZE, 0xff, 3); /* as if it had been sealed so */
    tw_live_validate(&given->live, &given->burst);
    assert_int_equal(packet->outcome, TW_OUTCOME_FRAME_MALFORMED);
    assert_int_equal(given->burst.going_count, 1); /* a session may have to be closed for it */
    assert_int_equal(given->sessions.hot[given->slots[0]].malformed, 1);
}

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(find_hands_on_what_it_knows_in_order),
        TEST(test_asks_the_window_before_the_budget),
        TEST(open_refuses_each_damaged_byte_alone),
        TEST(packets_from_elsewhere_have_a_budget_of_their_own),
        TEST(of_a_silent_session_all_are_opened),
        TEST(a_silent_sessions_budget_ends),
        TEST(commit_opens_nothing_for_an_old_number),
        TEST(forged_packets_are_not_charged),
        TEST(a_copy_in_the_same_burst_fails_when_it_is_recorded),
        TEST(validate_decodes_each_packet_into_its_own_frames),
        TEST(malformed_packets_are_counted_against_their_session),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
