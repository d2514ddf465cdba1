/* SPDX-License-Identifier: BSD-3-Clause */
/* A line for each channel through a worker: what stands still in one holds up no other one, both
 * ways, and leaves to each other one its part of what they share. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

#define CLIENTS 2u
#define LARGE   20000u
#define PART    1024u

static struct rig rig;
static struct rig_client clients[CLIENTS];
static uint32_t epochs[CLIENTS];

static struct tw_talk *talk(void)
{
    return &rig.worker[0]->talk;
}

static uint32_t slot_of(uint32_t client)
{
    return tw_connection_slot(clients[client].id);
}

static void start_with(uint32_t sessions_max)
{
    rig_make(&rig, 1);
    rig.config.engine.sessions_max = sessions_max;
    rig_start(&rig);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        rig_client_make_live(&rig, &clients[i], (uint16_t)(5000u + i));
        epochs[i] = rig_join_epoch(&rig);
    }
    /* What is left for all is somebody else's: nobody may hold more than its bound. */
    talk()->pool.ample = UINT32_MAX;
}

static void start(void)
{
    start_with(64);
}

static void live_for(uint32_t ms)
{
    for (uint32_t i = 0; i < ms; i += 10) {
        for (uint32_t client = 0; client < CLIENTS; client++)
            rig_client_send_ping(&rig, &clients[client], i);
        rig_turn(&rig, 10 * RIG_MS);
        rig_client_receive(&rig, clients, CLIENTS);
    }
}

static void stop(void)
{
    rig_stop(&rig);
}

static uint64_t waited(void)
{
    return tw_counter_get(&rig.counters[0]->messages_waited);
}

static uint64_t taken(void)
{
    return tw_counter_get(&rig.counters[0]->messages_out);
}

/* ---- from the shard -------------------------------------------------------------------------- */

/* A part of a message to the client. */
static void give_part(uint32_t client, uint8_t channel, uint32_t size, uint32_t offset)
{
    uint8_t bytes[PART];
    memset(bytes, channel, sizeof(bytes));
    const struct rig_part part = {.slot = slot_of(client),
                                  .epoch = epochs[client],
                                  .channel = channel,
                                  .size = size,
                                  .offset = offset,
                                  .bytes = bytes,
                                  .length = size - offset < PART ? size - offset : PART};
    assert_true(rig_shard_gives(&rig, &part));
}

/* A block each, until one waits. */
static void fill(uint32_t client, uint8_t channel)
{
    uint64_t before = waited();
    for (uint32_t i = 0; i < 1000 && waited() == before; i++) {
        give_part(client, channel, 900, 0);
        live_for(10);
    }
    assert_int_equal(waited(), before + 1u);
}

/* The bulk of one has no room at the first client: the others' commands pass in the same turn,
 * whoever they are for, the first client included: its bulk has left room for them. */
static void bulk_that_waits_holds_up_no_command(void **state)
{
    (void)state;
    start();
    fill(0, TW_CHANNEL_BULK);
    for (uint32_t i = 0; i < 100; i++)
        give_part(0, TW_CHANNEL_BULK, 900, 0);
    live_for(10);
    uint64_t before = taken(), waits = waited();
    give_part(1, TW_CHANNEL_ORDERED, 100, 0);
    give_part(1, TW_CHANNEL_UNORDERED, 100, 0);
    give_part(1, TW_CHANNEL_STATE, 100, 0);
    give_part(0, TW_CHANNEL_ORDERED, 100, 0);
    give_part(1, TW_CHANNEL_BULK, 100, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(taken() - before, 4);
    assert_int_equal(waited() - waits, 1); /* the bulk, in its line */
    assert_int_equal(clients[0].closes, 0);
    stop();
}

/* Nor do commands that wait hold up what is not one. */
static void commands_that_wait_hold_up_no_bulk(void **state)
{
    (void)state;
    start();
    fill(0, TW_CHANNEL_ORDERED);
    uint64_t before = taken(), waits = waited();
    give_part(1, TW_CHANNEL_ORDERED, 100, 0);
    give_part(1, TW_CHANNEL_UNORDERED, 100, 0);
    give_part(1, TW_CHANNEL_BULK, 100, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(taken() - before, 2);
    assert_int_equal(waited() - waits, 1);
    stop();
}

/* Once its time is up, whoever it waited for is closed, as ever, and the line goes on in order. */
static void the_line_goes_on(void **state)
{
    (void)state;
    start();
    fill(0, TW_CHANNEL_BULK);
    uint64_t before = taken();
    for (uint32_t i = 0; i < 10; i++)
        give_part(1, TW_CHANNEL_BULK, 900, 0);
    live_for(3000);
    assert_int_equal(taken(), before);
    assert_int_equal(clients[0].closes, 0);
    live_for(3500);
    assert_int_equal(clients[0].frames.close_reason, TW_CLOSE_BACKLOG);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_backlog), 1);
    assert_int_equal(taken() - before, 10);
    assert_int_equal(talk()->delivery.count, 0);
    stop();
}

/* A shard writes on each channel as far as it has buffers: parts of one stand between another's. */
static void parts_of_two_channels_mix(void **state)
{
    (void)state;
    start();
    uint64_t before = taken();
    for (uint32_t offset = 0; offset < LARGE; offset += PART) {
        give_part(0, TW_CHANNEL_ORDERED, LARGE, offset);
        give_part(1, TW_CHANNEL_UNORDERED, LARGE, offset);
        rig_turn(&rig, RIG_MS);
    }
    assert_int_equal(taken() - before, 2);
    for (uint32_t client = 0; client < CLIENTS; client++) {
        const struct tw_channels *channels = talk()->transports[slot_of(client)].channels;
        const struct tw_sender_channel *of =
            &channels->sender.channels[client == 0 ? TW_CHANNEL_ORDERED : TW_CHANNEL_UNORDERED];
        assert_int_equal((uint16_t)(of->next - of->base), 1);
    }
    stop();
}

/* That nothing more comes for a slot is told when all that came before it was taken, whatever
 * came behind it. */
static void the_last_word_waits_for_every_line(void **state)
{
    (void)state;
    start();
    const struct tw_record slot = {.slot = slot_of(1), .route_epoch = epochs[1]};
    fill(0, TW_CHANNEL_BULK);
    give_part(1, TW_CHANNEL_ORDERED, 100, 0);
    rig_held(&rig, 0, &slot);
    live_for(10);
    assert_int_equal(talk()->delivery.held_count, 1);
    talk()->pool.ample = 0; /* there is room now */
    give_part(1, TW_CHANNEL_ORDERED, 100, 0);
    live_for(10);
    assert_int_equal(talk()->delivery.held_count, 0);
    assert_int_equal(talk()->delivery.count, 0);
    stop();
}

/* Its slot is the next session's at once. */
static void replace(uint32_t client, uint16_t port)
{
    uint8_t plaintext[TW_FRAME_HEADER_SIZE + 16u];
    struct tw_record record;
    uint32_t slot = slot_of(client);
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_close(&writer, TW_CLOSE_BY_CLIENT);
    rig_client_send_frames(&rig, &clients[client], plaintext, (size_t)(writer.next - plaintext));
    live_for(200);
    while (rig_record(&rig, 0, &record))
        ;
    rig_client_make_live(&rig, &clients[client], port);
    epochs[client] = rig_join_epoch(&rig);
    assert_int_equal(slot_of(client), slot);
}

/* While a line stands still sessions come and go, on a worker that has no more of them than are
 * here: of those that have ended no word is kept, so each other one finds its place. */
static void words_of_the_gone_take_no_place(void **state)
{
    (void)state;
    start_with(CLIENTS);
    fill(0, TW_CHANNEL_BULK);
    for (uint32_t round = 0; round < 4; round++) {
        const struct tw_record slot = {.slot = slot_of(1), .route_epoch = epochs[1]};
        rig_held(&rig, 0, &slot); /* its hold's, and its last */
        rig_held(&rig, 0, &slot);
        live_for(10);
        if (round < 3)
            replace(1, (uint16_t)(6000u + round));
    }
    assert_in_range(talk()->delivery.held_count, 2, 2u * CLIENTS);
    const struct tw_session *last = &rig.worker[0]->sessions.hot[slot_of(1)];
    rig.worker[0]->sessions.hot[slot_of(1)].roam |= TW_ROAM_FENCED;
    live_for(10);
    assert_true((last->roam & TW_ROAM_FENCED) != 0);
    talk()->pool.ample = 0; /* there is room now */
    live_for(10);
    assert_int_equal(talk()->delivery.held_count, 0);
    assert_int_equal(last->roam & TW_ROAM_FENCED, 0); /* told */
    assert_int_equal(clients[0].closes, 0);
    stop();
}

/* The shard is told of which channel each buffer comes back. */
static void buffers_come_back_by_channel(void **state)
{
    (void)state;
    static const uint32_t given[TW_CHANNEL_COUNT] = {2, 7, 3, 5};
    struct tw_out_buffer buffer;
    uint32_t came[TW_CHANNEL_COUNT + 1u] = {0};
    start();
    struct rte_ring *buffers = rig.worker_config[0].shard_rings[0].message_buffers;
    for (uint8_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        for (uint32_t i = 0; i < given[channel]; i++)
            give_part(1, channel, 100, 0);
    }
    live_for(20);
    uint32_t count = rte_ring_count(buffers);
    assert_int_equal(count, TW_OUT_MESSAGE_BUFFERS);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(rte_ring_sc_dequeue_elem(buffers, &buffer, sizeof(buffer)), 0);
        assert_in_range(buffer.instead, 0, TW_CHANNEL_COUNT);
        came[buffer.instead]++;
        assert_int_equal(rte_ring_sp_enqueue_elem(buffers, &buffer, sizeof(buffer)), 0);
    }
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        assert_int_equal(came[channel + 1u], given[channel]);
    stop();
}

/* ---- to the shard ---------------------------------------------------------------------------- */

static void send_entry(uint32_t client, struct tw_entry entry)
{
    rig_client_send_entry(&rig, &clients[client], &entry, 7);
}

static void say(uint32_t client, uint8_t channel, uint16_t number)
{
    send_entry(client, (struct tw_entry){.channel = channel,
                                         .kind = TW_ENTRY_WHOLE,
                                         .number = number,
                                         .size = 100,
                                         .length = 100});
}

static void say_large(uint32_t client, uint8_t channel)
{
    for (uint32_t first = 0; first * TW_GRANULE_BYTES < LARGE; first += PART / TW_GRANULE_BYTES) {
        uint32_t left = LARGE - first * TW_GRANULE_BYTES;
        send_entry(client, (struct tw_entry){.channel = channel,
                                             .kind = TW_ENTRY_PART,
                                             .first = (uint16_t)first,
                                             .size = LARGE,
                                             .length = left < PART ? left : PART});
        rig_turn(&rig, RIG_MS);
    }
}

/* How many messages of each channel the shard was lent; it gives them back. */
static void pass_on(uint32_t count[TW_CHANNEL_COUNT])
{
    struct tw_record record;
    while (rig_record(&rig, 0, &record)) {
        if (record.type != TW_RECORD_MESSAGE)
            continue;
        count[record.message.message->channel]++;
        assert_int_equal(rte_ring_sp_enqueue_elem(rig.worker_config[0].shard_rings[0].returned,
                                                  &record.message.message, sizeof(void *)),
                         0);
    }
}

/* What one client says on each channel, and what another says. */
static void say_on_all(void)
{
    for (uint8_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        say(0, channel, channel == TW_CHANNEL_STATE);
        say(1, channel, channel == TW_CHANNEL_STATE);
    }
    rig_turn(&rig, RIG_MS);
}

/* While `taken` says that bulk has all that it may have of `total`, all others have their part. */
static void bulk_leaves_its_part(uint32_t taken[TW_CHANNEL_COUNT], uint32_t total)
{
    uint32_t count[TW_CHANNEL_COUNT] = {0};
    taken[TW_CHANNEL_BULK] = TW_LINES_MOST(total, TW_CHANNEL_BULK);
    say_on_all();
    pass_on(count);
    for (uint32_t channel = 0; channel < TW_CHANNEL_BULK; channel++)
        assert_int_equal(count[channel], CLIENTS);
    assert_int_equal(count[TW_CHANNEL_BULK], 0);
    taken[TW_CHANNEL_BULK] = 0; /* it came back */
    live_for(50);
    pass_on(count);
    assert_int_equal(count[TW_CHANNEL_BULK], CLIENTS);
    live_for(50);
    assert_int_equal(tw_lines_taken(taken), 0);
}

static void lent_bulk_leaves_places(void **state)
{
    (void)state;
    start();
    bulk_leaves_its_part(talk()->lent, TW_TALK_LENT_MAX);
    stop();
}

static void lent_bulk_leaves_memory(void **state)
{
    (void)state;
    start();
    bulk_leaves_its_part(talk()->lent_blocks, talk()->lent_blocks_max);
    stop();
}

/* While speech is dear, a large message waits for seconds; what its speaker says on another channel
 * does not, and takes turns with it: it comes through, too. */
static void what_is_dear_holds_up_no_command(void **state)
{
    (void)state;
    uint32_t count[TW_CHANNEL_COUNT] = {0}, said = 0, large_ms = 0;
    start();
    struct tw_talk_account *account = &talk()->sessions[slot_of(0)].account;
    tw_dearness_leap(&talk()->dearness, rig.now_ns / 1000u);
    account->dear.full_at_ns = rig.now_ns + talk()->dear_rate.burst_ns; /* nothing is left */
    say_large(0, TW_CHANNEL_UNORDERED);
    for (uint32_t ms = 0; ms < 10000 && large_ms == 0; ms += 10) {
        tw_dearness_leap(&talk()->dearness, rig.now_ns / 1000u);
        /* Two a second: less than half of what it may say. */
        if (ms % 500 == 0)
            say(0, TW_CHANNEL_ORDERED, (uint16_t)said++);
        live_for(10);
        pass_on(count);
        if (ms % 500 == 490)
            assert_int_equal(count[TW_CHANNEL_ORDERED], said);
        large_ms = count[TW_CHANNEL_UNORDERED] > 0 ? ms : 0;
    }
    /* 64 of 60 a second, of which commands take 24. */
    assert_in_range(large_ms, 1000, 3000);
    stop();
}

/* Nor do commands, however many its speaker says, keep the large one from coming through. */
static void what_is_dear_comes_through(void **state)
{
    (void)state;
    uint32_t count[TW_CHANNEL_COUNT] = {0}, said = 0, large_ms = 0;
    start();
    struct tw_talk_account *account = &talk()->sessions[slot_of(0)].account;
    tw_dearness_leap(&talk()->dearness, rig.now_ns / 1000u);
    account->dear.full_at_ns = rig.now_ns + talk()->dear_rate.burst_ns;
    say_large(0, TW_CHANNEL_UNORDERED);
    for (uint32_t ms = 0; ms < 10000 && large_ms == 0; ms += 10) {
        tw_dearness_leap(&talk()->dearness, rig.now_ns / 1000u);
        if (ms % 100 == 0) /* twice as many as it may */
            say(0, TW_CHANNEL_ORDERED, (uint16_t)said++);
        live_for(10);
        pass_on(count);
        large_ms = count[TW_CHANNEL_UNORDERED] > 0 ? ms : 0;
    }
    /* 64 of 60 a second, of which it has half. */
    assert_in_range(large_ms, 1500, 3000);
    assert_in_range(count[TW_CHANNEL_ORDERED], 4, said - 1u);
    stop();
}

/* ---- shares ---------------------------------------------------------------------------------- */

/* Whatever the others have, each channel has its part, and together they have no more than there
 * is. */
static void each_has_its_part(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {255, 256, 64, 2048};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t places = sizes[i];
        for (uint32_t order = 0; order < TW_CHANNEL_COUNT; order++) {
            uint32_t took[TW_CHANNEL_COUNT] = {0};
            for (uint32_t n = 0; n < TW_CHANNEL_COUNT; n++) {
                uint32_t channel = (order + n) % TW_CHANNEL_COUNT;
                uint32_t left = tw_lines_left(took, places, channel);
                assert_int_equal(left, n == 0 ? TW_LINES_MOST(places, channel)
                                              : TW_LINES_KEPT(places, channel));
                took[channel] = left; /* all that it may */
                assert_int_equal(tw_lines_left(took, places, channel), 0);
            }
            assert_int_equal(tw_lines_taken(took), places);
        }
    }
    assert_true(TW_LINES_KEPT(255u, TW_CHANNEL_ORDERED) == 63u);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_that_waits_holds_up_no_command),
        cmocka_unit_test(commands_that_wait_hold_up_no_bulk),
        cmocka_unit_test(the_line_goes_on),
        cmocka_unit_test(parts_of_two_channels_mix),
        cmocka_unit_test(the_last_word_waits_for_every_line),
        cmocka_unit_test(words_of_the_gone_take_no_place),
        cmocka_unit_test(buffers_come_back_by_channel),
        cmocka_unit_test(lent_bulk_leaves_places),
        cmocka_unit_test(lent_bulk_leaves_memory),
        cmocka_unit_test(what_is_dear_holds_up_no_command),
        cmocka_unit_test(what_is_dear_comes_through),
        cmocka_unit_test(each_has_its_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
