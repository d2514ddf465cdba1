/* SPDX-License-Identifier: BSD-3-Clause */
/* A session goes on in a new process: the player is moved, messages go along, the old one is out.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

static struct rig rig;
static struct rig_client old, new;
static uint32_t epoch;
static uint32_t sessions_max = 64; /* of each worker */
static uint8_t told_stage;

static void ping(struct rig_client *client, uint64_t time_us)
{
    rig_client_send_ping(&rig, client, time_us);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, client, 1);
}

static void start(uint32_t workers)
{
    rig_make(&rig, workers);
    rig.config.engine.sessions_max = sessions_max;
    rig_start(&rig);
    rig_client_make(&rig, &old, TEST_CLIENT_ADDRESS, 5000);
    rig_client_join(&rig, &old);
    ping(&old, 1);
    assert_int_equal(old.pongs, 1);
    epoch = rig_join_epoch(&rig);
    rig.resumes_id = old.id;
}

/* The new process has its welcome; nothing of the old session changed yet. */
static void shake(uint32_t queue)
{
    struct tw_record record;
    rig_client_make(&rig, &new, TEST_CLIENT_ADDRESS, 7000);
    new.queue = queue;
    rig_client_join(&rig, &new);
    assert_false(rig_record(&rig, 0, &record));
    ping(&old, 2);
    assert_int_equal(old.frames.pong.echo_us, 2);
}

static uint64_t life(enum tw_life_event event)
{
    return tw_counter_get(&rig.counters[0]->life[event]);
}

static void pass(uint32_t ms)
{
    for (uint32_t i = 0; i < ms / 10u; i++)
        rig_turn(&rig, 10 * RIG_MS);
}

static void expect_moved(void)
{
    struct tw_record record;
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MOVE);
    assert_int_equal(record.slot, tw_connection_slot(old.id));
    assert_int_equal(record.route_epoch, epoch);
    assert_int_equal(record.move.slot, tw_connection_slot(new.id));
    assert_int_equal(record.move.fresh, 1);
    uint32_t new_epoch = record.move.route_epoch;
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_ARRIVE);
    assert_int_equal(record.slot, tw_connection_slot(new.id));
    assert_int_equal(record.route_epoch, new_epoch);
}

static void a_token_comes_when_asked_for(void **state)
{
    (void)state;
    uint8_t plaintext[16];
    start(1);
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_resume_wanted(&writer);
    for (uint32_t i = 0; i < 5; i++) {
        rig_client_send_frames(&rig, &old, plaintext, (size_t)(writer.next - plaintext));
        rig_turn(&rig, 10 * RIG_MS);
    }
    assert_int_equal(life(TW_LIFE_EVENT_TOKEN_SENT), 1); /* as often as is good for it */
    rig_client_receive(&rig, &old, 1);
    assert_true(old.frames.has_resume);
    assert_int_equal(tw_load_u64(old.frames.resume + TW_RESUME_EXPIRES), 5000);
    pass(300);
    rig_client_send_frames(&rig, &old, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(life(TW_LIFE_EVENT_TOKEN_SENT), 2);
    rig_client_receive(&rig, &old, 1);
    rig_stop(&rig);
}

/* The shard is slow: what it wrote for the old slot before it read of the end goes on. */
static void a_late_message_goes_on(void **state)
{
    (void)state;
    struct tw_record record;
    start(1);
    rig.holds_by_hand = true;
    shake(0);
    ping(&new, 3);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MOVE);
    pass(1000);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 1);
    ping(&new, 4);
    rig_shard_says(&rig, &old, epoch, "late");
    rig_held(&rig, 0, &record);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &new, 1);
    assert_true(new.frames.has_messages);
    pass(20);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 0);
    rig_stop(&rig);
}

/* While the old process still plays. */
static void the_old_one_is_fenced(void **state)
{
    (void)state;
    struct tw_record record;
    struct tw_worker_event event;
    start(1);
    shake(0);
    uint32_t closed = rig_events(&rig, TW_EVENT_CLOSED, NULL);
    rig_client_send_ping(&rig, &old, 3); /* in the same burst, before it: still counts */
    rig_client_send_ping(&rig, &new, 4);
    rig_client_send_ping(&rig, &old, 5); /* and behind it: does not */
    rig_turn(&rig, RIG_MS);
    expect_moved();
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_CLOSING), 1);
    /* One session of the player, and the control plane hears of the end before the beginning. */
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_live), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), closed + 1u);
    assert_int_equal(event.session.connection_id, old.id);
    assert_int_equal(event.session.reason, TW_CLOSE_RESUMED);
    rig_events(&rig, TW_EVENT_CONFIRMED, &event);
    assert_int_equal(event.session.connection_id, new.id);
    struct rig_client both[2] = {old, new};
    pass(100);
    rig_client_receive(&rig, both, 2);
    assert_int_equal(both[0].closes, 3);
    assert_int_equal(both[0].frames.close_reason, TW_CLOSE_RESUMED);
    assert_int_equal(both[1].frames.pong.echo_us, 4);
    /* Once it is silent its packets are an earlier session's. */
    pass(1000);
    rig_client_send_ping(&rig, &old, 6);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_GENERATION_STALE), 1);
    assert_false(rig_record(&rig, 0, &record)); /* no leave */
    /* The new one leaves as any other. */
    uint8_t plaintext[8];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_close(&writer, TW_CLOSE_BY_CLIENT);
    rig_client_send_frames(&rig, &new, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_LEAVE);
    assert_int_equal(record.slot, tw_connection_slot(new.id));
    rig_stop(&rig);
}

/* What the old process had not acknowledged comes whole and in order, numbered from 0, and what was
 * on its way between shard and worker at that moment, too. */
static void messages_go_along(void **state)
{
    (void)state;
    start(1);
    rig_shard_says(&rig, &old, epoch, "zero");
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &old, 1);
    assert_true(old.frames.has_messages);
    uint8_t plaintext[32];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    uint64_t newest = rig.worker[0]->sessions.bodies[tw_connection_slot(old.id)].send_sequence - 1u;
    tw_frame_write_ack(&writer, &(struct tw_frame_ack){.largest = newest});
    rig_client_send_frames(&rig, &old, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    rig_shard_says(&rig, &old, epoch, "one");
    rig_turn(&rig, RIG_MS); /* sent, and lost with the process */
    shake(0);
    rig_shard_says(&rig, &old, epoch, "two");
    rig_client_send_ping(&rig, &new, 4);
    rig_turn(&rig, RIG_MS);
    expect_moved();
    rig_shard_says(&rig, &old, epoch, "three"); /* it has not read of the move yet */
    rig_turn(&rig, RIG_MS);
    for (int i = 0; i < 3; i++)
        rig_turn(&rig, 20 * RIG_MS);
    const struct tw_transport *transport =
        &rig.worker[0]->talk.transports[tw_connection_slot(new.id)];
    /* All three in the window, from 0. */
    const struct tw_sender *sender = &transport->channels->sender;
    assert_int_equal(sender->channels[TW_CHANNEL_ORDERED].base, 0);
    assert_int_equal(sender->channels[TW_CHANNEL_ORDERED].next, 3);
    static const char *const texts[] = {"one", "two", "three"};
    for (uint32_t i = 0; i < 3; i++) {
        const struct tw_parcels *parcels = &sender->parcels;
        const struct tw_parcel *message =
            tw_parcel_at(parcels, sender->windows[TW_CHANNEL_ORDERED].parcels[i]);
        uint8_t bytes[16] = {0};
        tw_parcel_copy(parcels, message, 0, bytes, message->size);
        assert_int_equal(message->size, strlen(texts[i]));
        assert_memory_equal(bytes, texts[i], message->size);
    }
    rig_client_receive(&rig, &new, 1);
    assert_true(new.received >= 2);
    rig_stop(&rig);
}

/* Silent for so long that it was parked: the same record ends it, after the move. */
static void a_parked_one_comes_back(void **state)
{
    (void)state;
    struct tw_record record;
    start(1);
    pass(7000);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(rig_record(&rig, 0, &record));
        assert_int_equal(record.type, TW_RECORD_PRESENCE);
    }
    rig_client_make(&rig, &new, TEST_CLIENT_ADDRESS, 7000);
    rig_client_join(&rig, &new);
    rig_client_send_ping(&rig, &new, 4);
    rig_turn(&rig, RIG_MS);
    expect_moved();
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_PRESENCE);
    assert_int_equal(record.slot, tw_connection_slot(new.id));
    assert_int_equal(record.presence.presence, TW_PRESENT);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_reconnecting), 0);
    rig_stop(&rig);
}

/* A welcome that nobody takes up leaves the old session alone, whatever became of its token. */
static void without_a_first_packet_nothing_changes(void **state)
{
    (void)state;
    struct tw_record record;
    start(1);
    shake(0);
    for (uint32_t i = 0; i < 60; i++) {
        ping(&old, 10 + i);
        pass(100);
    }
    assert_int_equal(old.frames.pong.echo_us, 69);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_pending), 0);
    rig_client_send_ping(&rig, &new, 4);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_GENERATION_STALE), 1);
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 0);
    assert_false(rig_record(&rig, 0, &record));
    rig_stop(&rig);
}

/* The packet was taken, and its inputs are in the ledger, too. */
static void expect_gone(void)
{
    struct tw_record record;
    uint64_t refused = tw_counter_get(&rig.counters[0]->inputs[TW_INPUT_CONDUCT]);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    rig_client_send_inputs(&rig, &new, 5, 3);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->inputs[TW_INPUT_CONDUCT]) - refused, 3);
    assert_int_equal(life(TW_LIFE_EVENT_RESUME_GONE), 1);
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 0);
    rig_client_receive(&rig, &new, 1);
    assert_int_equal(new.frames.close_reason, TW_CLOSE_GONE);
    while (rig_record(&rig, 0, &record))
        assert_int_not_equal(record.slot, tw_connection_slot(new.id));
}

/* It ended between welcome and first packet. */
static void too_late(void **state)
{
    (void)state;
    start(1);
    shake(0);
    struct tw_worker_command kick = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = old.id};
    rig_command(&rig, 0, &kick);
    rig_turn(&rig, RIG_MS);
    expect_gone();
    rig_stop(&rig);
}

/* The control plane never says so: another account's session is not taken over whatever it says. */
static void of_another_account(void **state)
{
    (void)state;
    start(1);
    rig.account = 4712;
    shake(0);
    expect_gone();
    ping(&old, 9);
    assert_int_equal(old.frames.pong.echo_us, 9);
    rig_stop(&rig);
}

/* Its hello 2 came to another worker than the session's. */
static void from_another_worker(void **state)
{
    (void)state;
    struct tw_record record;
    start(2);
    shake(1);
    assert_int_equal(tw_connection_worker(new.id), 0);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_WELCOMED), 2);
    rig_client_send_ping(&rig, &new, 4); /* lands at worker 1, and is handed over */
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    expect_moved();
    rig_client_receive(&rig, &new, 1);
    assert_int_equal(new.frames.pong.echo_us, 4);
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 1);
    assert_false(rig_record(&rig, 1, &record));
    rig_stop(&rig);
}

/* Its hello 2 at worker 1, and the control plane's answer there. */
static void ask_from_another_worker(void)
{
    uint32_t before = rig.handshake_count;
    rig_client_hello(&rig, &new, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig.handshake_count, before + 1);
    struct tw_worker_command reply = rig_answer(&rig, &rig.handshake);
    rig_command(&rig, rig.handshake.worker, &reply);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    new.news = TW_NEWS_NONE;
    rig_client_receive(&rig, &new, 1);
}

/* The session's worker has no room: nothing is answered, and the same hello 2 does it later. */
static void from_another_worker_without_room(void **state)
{
    (void)state;
    struct tw_record record;
    struct rig_client other;
    sessions_max = 2;
    start(2);
    sessions_max = 64;
    rig.resumes_id = 0;
    rig_client_make(&rig, &other, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &other);
    ping(&other, 1);
    rig.resumes_id = old.id;
    rig_client_make(&rig, &new, TEST_CLIENT_ADDRESS, 7000);
    new.queue = 1;
    rig_client_hello(&rig, &new, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &new, 1);
    assert_int_equal(new.news, TW_NEWS_COOKIE);
    ask_from_another_worker();
    assert_int_equal(new.news, TW_NEWS_NONE);
    assert_int_equal(life(TW_LIFE_EVENT_RESUME_FULL), 1);
    ping(&old, 2);
    assert_int_equal(old.frames.pong.echo_us, 2);
    struct tw_worker_command kick = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = other.id};
    rig_command(&rig, 0, &kick);
    pass(300);
    ask_from_another_worker();
    assert_int_equal(new.news, TW_NEWS_WELCOME);
    assert_int_equal(life(TW_LIFE_EVENT_RESUME_FULL), 1);
    rig_client_send_ping(&rig, &new, 4);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 1);
    while (rig_record(&rig, 0, &record))
        ;
    rig_stop(&rig);
}

/* The shard's ring is full: the first packet counts for nothing, and the next one does it. */
static void a_full_ring_only_delays(void **state)
{
    (void)state;
    struct tw_record record;
    struct rig_client other;
    rig_make(&rig, 1);
    rig.records_depth = 2; /* one record */
    rig_start(&rig);
    rig_client_make(&rig, &old, TEST_CLIENT_ADDRESS, 5000);
    rig_client_join(&rig, &old);
    ping(&old, 1);
    epoch = rig_join_epoch(&rig);
    rig_client_make(&rig, &other, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &other);
    ping(&other, 1); /* its join fills the ring */
    rig.resumes_id = old.id;
    rig_client_make(&rig, &new, TEST_CLIENT_ADDRESS, 7000);
    rig_client_join(&rig, &new);
    ping(&new, 4);
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 0);
    assert_int_equal(new.pongs, 0);
    ping(&old, 7);
    assert_int_equal(old.frames.pong.echo_us, 7);
    assert_true(rig_record(&rig, 0, &record));
    ping(&new, 5);
    assert_int_equal(new.frames.pong.echo_us, 5);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MOVE);
    rig_turn(&rig, RIG_MS);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_ARRIVE);
    rig_stop(&rig);
}

static void send_ahead(struct rig_client *client, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++)
        rig_client_send_inputs(&rig, client, 1000000, 1); /* 2 points */
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, client, 1);
}

/* As often as `times`, each in the tick of an input of its own. */
static void press(struct rig_client *client, uint32_t times)
{
    uint8_t plaintext[64];
    for (uint32_t tick = 1; tick <= 2u * times; tick++) {
        struct tw_input input = {.buttons = (uint16_t)(tick % 2u)};
        struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
        tw_frame_write_inputs(&writer, tick, &input, 1);
        rig_client_send_frames(&rig, client, plaintext, (size_t)(writer.next - plaintext));
    }
    rig_turn(&rig, RIG_MS);
}

static uint64_t charged(enum tw_conduct_event event)
{
    return tw_counter_get(&rig.counters[0]->conduct[event]);
}

/* Whoever resumes at each warning would never be throttled, and whoever is, never closed. */
static void conduct_goes_along(void **state)
{
    (void)state;
    struct tw_record record;
    start(1);
    press(&old, 4);
    assert_int_equal(charged(TW_CONDUCT_ACTIONS), 0);
    send_ahead(&old, 110);
    assert_int_equal(old.frames.notice.stage, TW_CONDUCT_THROTTLED_STAGE);
    /* What is used up of the budgets. */
    const struct tw_worker *worker = rig.worker[0];
    struct tw_budget said = {.full_at_ns = rig.now_ns + 100 * RIG_MS};
    worker->talk.sessions[tw_connection_slot(old.id)].account.budget = said;
    worker->sessions.bodies[tw_connection_slot(old.id)].input_budget = said;
    worker->sessions.hot[tw_connection_slot(old.id)].budget = said;
    while (rig_record(&rig, 0, &record))
        continue;
    shake(0);
    ping(&new, 4);
    assert_int_equal(life(TW_LIFE_EVENT_RESUMED), 1);
    uint32_t slot = tw_connection_slot(new.id);
    assert_int_equal(new.frames.pong.echo_us, 4);
    assert_int_equal(worker->talk.sessions[slot].account.budget.full_at_ns, said.full_at_ns);
    assert_int_equal(worker->sessions.bodies[slot].input_budget.full_at_ns, said.full_at_ns);
    assert_true(worker->sessions.hot[slot].budget.full_at_ns >= said.full_at_ns);
    /* Its numbers, clock and ticks are its own, and cost it nothing. */
    assert_int_equal(charged(TW_CONDUCT_TIME_BACK), 0);
    /* The presses of that second were made before. */
    press(&new, 1);
    assert_int_equal(charged(TW_CONDUCT_ACTIONS), 1);
    /* No second warning, and the end at 400 points. */
    send_ahead(&new, 80);
    assert_int_equal(charged(TW_CONDUCT_WARNED), 1);
    assert_int_equal(charged(TW_CONDUCT_THROTTLED), 1);
    assert_int_equal(charged(TW_CONDUCT_DISCONNECTED), 0);
    send_ahead(&new, 20);
    assert_int_equal(charged(TW_CONDUCT_DISCONNECTED), 1);
    assert_int_equal(new.frames.close_reason, TW_CLOSE_MISBEHAVED);
    rig_stop(&rig);
}

/* The new process hears at once that it is throttled. */
static void opened(struct rig_client *client, uint64_t sequence)
{
    (void)sequence;
    if (client->frames.has_notice)
        told_stage = client->frames.notice.stage;
}

static void a_throttled_one_is_told(void **state)
{
    (void)state;
    start(1);
    send_ahead(&old, 110);
    shake(0);
    told_stage = TW_CONDUCT_GOOD;
    new.opened = opened;
    ping(&new, 4);
    assert_int_equal(told_stage, TW_CONDUCT_THROTTLED_STAGE);
    rig_stop(&rig);
}

static void malformed_packets_go_along(void **state)
{
    (void)state;
    static const uint8_t unknown[] = {200, 0, 0};
    start(1); /* malformed_max = 3 */
    for (uint32_t i = 0; i < 2; i++)
        rig_client_send_frames(&rig, &old, unknown, sizeof(unknown));
    shake(0);
    ping(&new, 4);
    rig_client_send_frames(&rig, &new, unknown, sizeof(unknown));
    ping(&new, 5);
    assert_int_equal(new.frames.pong.echo_us, 5);
    rig_client_send_frames(&rig, &new, unknown, sizeof(unknown));
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &new, 1);
    assert_int_equal(new.frames.close_reason, TW_CLOSE_MISBEHAVED);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_comes_when_asked_for),
        cmocka_unit_test(a_late_message_goes_on),
        cmocka_unit_test(the_old_one_is_fenced),
        cmocka_unit_test(messages_go_along),
        cmocka_unit_test(a_parked_one_comes_back),
        cmocka_unit_test(without_a_first_packet_nothing_changes),
        cmocka_unit_test(too_late),
        cmocka_unit_test(of_another_account),
        cmocka_unit_test(from_another_worker),
        cmocka_unit_test(from_another_worker_without_room),
        cmocka_unit_test(a_full_ring_only_delays),
        cmocka_unit_test(conduct_goes_along),
        cmocka_unit_test(a_throttled_one_is_told),
        cmocka_unit_test(malformed_packets_go_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
