/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages while a session goes to another worker: whatever the shard writes, and whenever it looks
 * at its rings, the client gets each message once and in order. And how its link is judged.
 *
 * The shard is the test's, and as slow or as fast as the test likes: it reads a worker's ring,
 * writes for where it believes the session to be, and answers HOLD.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/transport.h"
#include "tests/sim/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

#define POOL_BLOCKS 256u
#define MESSAGE     600u

static struct rig rig;
static struct rig_client client;

/* ---- the client: a transport of its own ------------------------------------------------------ */

static struct {
    struct tw_transport transport;
    struct tw_block_pool pool;
    struct tw_channels_pool channels;
    void *pool_memory, *channels_memory;
    uint32_t heard; /* messages, each the number of the one before and one more */
} peer;

static uint64_t now_us(void)
{
    return rig.now_ns / 1000u;
}

static void hear(struct rig_client *from, uint64_t sequence)
{
    struct tw_message *message;
    struct tw_transport_packet packet = {
        .sequence = sequence,
        .ack = from->frames.has_ack ? &from->frames.ack : NULL,
        .messages = from->frames.has_messages ? from->frames.messages : NULL,
        .messages_size = from->frames.messages_size,
    };
    assert_int_equal(tw_transport_receive(&peer.transport, &packet, now_us()), TW_TRANSPORT_OK);
    while ((message = tw_transport_take(&peer.transport)) != NULL) {
        uint8_t bytes[MESSAGE];
        assert_int_equal(message->size, MESSAGE);
        tw_message_copy(message, peer.pool.blocks, bytes);
        assert_int_equal(tw_load_u32(bytes), peer.heard);
        peer.heard++;
        tw_message_free(&peer.pool, message);
    }
}

static void peer_make(void)
{
    memset(&peer, 0, sizeof(peer));
    peer.pool_memory = sim_take(tw_block_pool_footprint(POOL_BLOCKS));
    peer.channels_memory = sim_take(tw_channels_pool_footprint(1));
    tw_block_pool_init(&peer.pool, peer.pool_memory, POOL_BLOCKS);
    struct tw_channels_config channels = {.blocks = &peer.pool, .send_blocks_max = 64};
    tw_channels_pool_init(&peer.channels, &channels, peer.channels_memory, 1);
    struct tw_transport_config config = {.channels = &peer.channels,
                                         .first_sequence = client.sequence};
    tw_transport_init(&peer.transport, &config, now_us());
    client.opened = hear;
}

static void peer_free(void)
{
    tw_transport_fini(&peer.transport);
    free(peer.pool_memory);
    free(peer.channels_memory);
}

/* A ping, and what is to be acknowledged. */
static void client_sends(void)
{
    uint8_t plaintext[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plaintext, TW_PLAINTEXT_BASE);
    tw_frame_write_ping(&writer, 1);
    tw_transport_write(&peer.transport, &writer, now_us());
    size_t size = (size_t)(writer.next - plaintext);
    rig_client_send_frames(&rig, &client, plaintext, size);
    tw_transport_sent(&peer.transport, (uint32_t)size + TW_PACKET_MIN, now_us());
}

static void client_receives(void)
{
    rig_client_receive(&rig, &client, 1);
}

/* ---- the shard ------------------------------------------------------------------------------- */

static struct {
    uint32_t worker, slot, epoch; /* where it writes */
    bool held;
    bool early;               /* a HOLD of the slot that the session goes to was read first */
    struct tw_record holding; /* that one */
    uint32_t holds, moves, released;
    uint32_t written;
} shard;

static bool is_there(const struct tw_record *record)
{
    return record->worker == shard.worker && record->slot == shard.slot &&
           record->route_epoch == shard.epoch;
}

static void hold(const struct tw_record *record)
{
    if (!is_there(record)) {
        shard.early = record->hold.on != 0;
        shard.holding = *record;
        return;
    }
    shard.held = record->hold.on != 0;
    shard.holds += shard.held;
    shard.released += !shard.held;
    if (shard.held)
        rig_held(&rig, record->worker, record);
}

static void shard_reads(uint32_t worker)
{
    struct tw_record record;
    while (rig_record(&rig, worker, &record)) {
        if (record.type == TW_RECORD_HOLD)
            hold(&record);
        if (record.type != TW_RECORD_JOIN && record.type != TW_RECORD_MOVE)
            continue;
        bool moves = record.type == TW_RECORD_MOVE;
        assert_true(!moves || (shard.held && is_there(&record)));
        shard.moves += moves;
        shard.worker = moves ? record.move.worker : worker;
        shard.slot = moves ? record.move.slot : record.slot;
        shard.epoch = moves ? record.move.route_epoch : record.route_epoch;
        shard.held = false;
        if (shard.early)
            hold(&shard.holding);
        shard.early = false;
    }
}

static void shard_writes(void)
{
    uint8_t bytes[MESSAGE];
    memset(bytes, 0x42, sizeof(bytes));
    tw_store_u32(bytes, shard.written);
    const struct rig_part part = {.worker = shard.worker,
                                  .slot = shard.slot,
                                  .epoch = shard.epoch,
                                  .channel = TW_CHANNEL_ORDERED,
                                  .size = MESSAGE,
                                  .bytes = bytes,
                                  .length = MESSAGE};
    if (!shard.held && rig_shard_gives(&rig, &part))
        shard.written++;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static uint64_t backlog(void)
{
    return tw_counter_get(&rig.counters[0]->messages_backlog) +
           tw_counter_get(&rig.counters[1]->messages_backlog);
}

static enum tw_session_state state_at(uint32_t worker, uint32_t id)
{
    return (enum tw_session_state)rig.worker[worker]->sessions.hot[tw_connection_slot(id)].state;
}

static void begin(void)
{
    rig.holds_by_hand = true;
    rig_start(&rig);
    memset(&shard, 0, sizeof(shard));
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &client);
    peer_make();
    client_sends();
    rig_turn(&rig, RIG_MS);
    client_receives();
    shard_reads(0);
    assert_int_equal(tw_connection_worker(client.id), 0);
}

static void start(void)
{
    rig_make(&rig, 2);
    begin();
}

static void stop(void)
{
    peer_free();
    rig_stop(&rig);
}

/* Round trips of so many ms. */
static void exchange_far(uint32_t turns, uint32_t round_trip_ms)
{
    for (uint32_t i = 0; i < turns; i++) {
        client_sends();
        rig_turn(&rig, round_trip_ms * RIG_MS);
        client_receives();
    }
}

static void exchange(uint32_t turns)
{
    exchange_far(turns, 1);
}

/* Its packets land at worker 1 now; up to where the owner has asked the shard to hold it. */
static void go(void)
{
    client.queue = 1;
    exchange(TW_MOVE_AFTER + 6u);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
}

/* The tick has read its rings before HOLD came, and writes: what it wrote goes first. */
static void what_the_tick_wrote_meanwhile_goes_first(void **state)
{
    (void)state;
    start();
    uint32_t id = client.id;
    go();
    shard_writes();
    shard_reads(0);
    assert_int_equal(shard.holds, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
    shard_reads(0);
    assert_int_equal(shard.released, 1); /* it has something to do first */
    shard_writes();
    exchange(20); /* all is acknowledged */
    assert_int_equal(peer.heard, 2);
    shard_reads(0);
    assert_int_equal(shard.holds, 2);
    exchange(1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    assert_int_equal(state_at(0, id), TW_SESSION_MOVED);
    shard_reads(0);
    assert_int_equal(shard.moves, 1);
    shard_writes();
    exchange(20);
    assert_int_equal(peer.heard, 3);
    assert_int_equal(tw_connection_worker(client.id), 1);
    stop();
}

/* The shard is faster than the worker that is to get the session, which has looked at its ring of
 * moves in this turn already. */
static void the_first_message_is_there_before_the_session(void **state)
{
    (void)state;
    start();
    go();
    shard_reads(0);
    rig_turn_one(&rig, 0);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 0);
    shard_reads(0);
    assert_int_equal(shard.worker, 1);
    shard_writes();
    tw_outward_turn(rig.worker[1]);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 1);
    exchange(20);
    assert_int_equal(peer.heard, 1);
    stop();
}

/* However long the shard takes, the session is served where it is. */
static void a_slow_shard_holds_nobody_up(void **state)
{
    (void)state;
    start();
    go();
    uint32_t pongs = client.pongs;
    exchange(100);
    assert_in_range(client.pongs - pongs, 99, 100);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
    shard_reads(0);
    exchange(2);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    stop();
}

/* It ends while it is held, or while the answer is on its way: nothing is given, nothing is left.
 */
static void ended_while_held(void **state)
{
    (void)state;
    for (uint32_t after = 0; after < 2; after++) {
        start();
        uint32_t id = client.id;
        go();
        if (after == 1)
            shard_reads(0);
        struct tw_worker_command kick = {
            .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = id};
        rig_command(&rig, 0, &kick);
        rig_turn(&rig, RIG_MS);
        shard_reads(0);
        for (uint32_t i = 0; i < 1200; i++)
            rig_turn(&rig, RIG_MS);
        assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
        assert_int_equal(rig_roaming(&rig, TW_ROAMING_CANCELLED), 1);
        assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_FREE], 64);
        assert_int_equal(rig.worker[1]->sessions.counts[TW_SESSION_FREE], 64);
        client.opened = NULL;
        stop();
    }
}

/* A message each ms and a round trip of 20, so there is always one under way; a tick each 16 ms. */
static void talk_on(uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++) {
        shard_writes();
        client_sends();
        rig_turn(&rig, RIG_MS);
        if (i % 20u == 0)
            client_receives();
        if (i % 16u == 0) {
            shard_reads(0);
            shard_reads(1);
        }
        rig.event_count = 0;
    }
}

static void expect_empty_pools(uint32_t worker)
{
    const struct tw_talk *talk = &rig.worker[worker]->talk;
    assert_int_equal(talk->pool.free_count, talk->pool.capacity);
    assert_int_equal(talk->channels.free_count, talk->channels.capacity);
}

/* While a message stands still here for lack of room the shard is not asked to hold anybody: its
 * word would wait behind that message, and everybody who speaks to this player for its word. */
static void while_a_line_stands_nobody_is_held(void **state)
{
    (void)state;
    start();
    struct tw_talk *talk = &rig.worker[0]->talk;
    talk->pool.ample = UINT32_MAX; /* what is left for all is somebody else's */
    for (uint32_t i = 0; i < 500 && talk->delivery.count == 0; i++) {
        for (uint32_t n = 0; n < 20; n++)
            shard_writes();
        rig_turn(&rig, RIG_MS);
    }
    assert_true(talk->delivery.count > 0);
    client.queue = 1;
    for (uint32_t i = 0; i < 2u * TW_MOVE_PATIENCE_NS / RIG_MS; i++) {
        client_sends();
        rig_turn(&rig, RIG_MS);
    }
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED), 1);
    shard_reads(0);
    assert_int_equal(shard.holds, 0);
    talk->pool.ample = 0; /* there is room now */
    rig_turn(&rig, RIG_MS);
    shard_reads(0);
    assert_int_equal(shard.holds, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    client.opened = NULL;
    stop();
}

/* It is not kept for ever where it is: what is under way goes along. */
static void who_never_pauses_goes_with_its_messages(void **state)
{
    (void)state;
    start();
    uint32_t id = client.id;
    client.queue = 1;
    talk_on(TW_MOVE_AFTER + 2u);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED), 1);
    talk_on(TW_MOVE_PATIENCE_NS / RIG_MS - 5u);
    assert_int_equal(shard.holds, 0); /* a pause is waited for */
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
    talk_on(60);
    assert_int_equal(state_at(0, id), TW_SESSION_MOVED);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN_TALKING), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 1);
    assert_int_equal(shard.holds, 1);
    assert_int_equal(rig.worker[0]->moves_asked[1], 0);
    expect_empty_pools(0);
    assert_int_equal(backlog(), 0);
    assert_true(shard.written > 200);
    exchange(200);
    assert_int_equal(peer.heard, shard.written);
    assert_int_equal(tw_connection_worker(client.id), 1);
    expect_empty_pools(1);
    stop();
}

/* The new owner has no room for them: the session ends as that of anybody who is behind. */
static void messages_that_find_no_room_end_their_session(void **state)
{
    (void)state;
    start();
    client.queue = 1;
    talk_on(TW_MOVE_AFTER + 2u);
    struct tw_block_pool *pool = &rig.worker[1]->talk.pool;
    uint32_t share = pool->share, promised = pool->promised;
    pool->free_count = pool->share = pool->promised = 0;
    talk_on(TW_MOVE_PATIENCE_NS / RIG_MS + 60u);
    pool->free_count = pool->capacity;
    pool->share = share;
    pool->promised = promised;
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN_TALKING), 1);
    assert_int_equal(backlog(), 1);
    assert_int_equal(rig.worker[0]->moves_asked[1], 0);
    expect_empty_pools(0);
    for (uint32_t i = 0; i < TW_SESSION_CLOSING_NS / RIG_MS + 200u; i++) {
        rig_turn(&rig, RIG_MS);
        client_receives();
        shard_reads(1);
    }
    assert_true(client.closes > 0);
    assert_int_equal(rig.worker[1]->sessions.counts[TW_SESSION_FREE], 64);
    expect_empty_pools(1);
    client.opened = NULL;
    stop();
}

/* Everybody has a turn when it likes; packets are lost, each way. There are bursts of talk
 * and pauses in which it can go, or talk without a pause and a longer way. */
static void interleave(bool pauses)
{
    uint64_t seed = (uint64_t)time(NULL), random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    start();
    for (uint32_t round = 0; round < 40000; round++) {
        rig.now_ns += RIG_MS / 4u;
        bool talks = !pauses || round / 400u % 2u == 0;
        if (rig_random(&random, pauses ? 40 : 20) == 0 && talks && round < 38000)
            shard_writes();
        if (rig_random(&random, 60) == 0)
            shard_reads(rig_random(&random, 2));
        if (rig_random(&random, 600) == 0)
            client.queue = rig_random(&random, 2);
        if (rig_random(&random, 12) == 0)
            client_sends();
        rig_turn_one(&rig, rig_random(&random, 2));
        uint8_t frame[TEST_FRAME_MAX];
        if (rig_random(&random, pauses ? 10 : 100) == 0)
            rig_sent(&rig, frame);
        if (rig_random(&random, pauses ? 4 : 120) == 0)
            client_receives();
        if (rig_random(&random, 10) == 0)
            tw_transport_update(&peer.transport, now_us());
        rig.event_count = 0;
    }
    /* Then whatever move is under way ends, too. */
    for (uint32_t i = 0; i < 3000; i++) {
        exchange(1);
        shard_reads(0);
        shard_reads(1);
        rig.event_count = 0;
    }
    assert_int_equal(peer.heard, shard.written);
    assert_true(shard.written > 200);
    print_message("%u messages, %u moves, %u of %u holds in vain\n", shard.written, shard.moves,
                  shard.released, shard.holds);
    assert_true(shard.moves > (pauses ? 10 : 5) && (pauses || shard.released > 0));
    for (uint32_t i = 0; i < 2; i++) {
        expect_empty_pools(i);
        assert_int_equal(rig.worker[i]->moves_asked[1u - i], 0);
    }
    print_message("%u moves with messages\n",
                  (unsigned int)rig_roaming(&rig, TW_ROAMING_GIVEN_TALKING));
    assert_true(pauses || rig_roaming(&rig, TW_ROAMING_GIVEN_TALKING) > 0);
    stop();
}

static void any_interleaving(void **state)
{
    (void)state;
    interleave(true);
}

static void any_interleaving_without_pauses(void **state)
{
    (void)state;
    interleave(false);
}

/* How often it was told since, each time with what the session is now. */
static void expect_lives_told(uint32_t events, enum tw_life_state state)
{
    struct tw_worker_event event = {0};
    assert_int_equal(rig_events(&rig, TW_EVENT_LIFE, &event), events);
    if (events > 0) {
        assert_int_equal(event.session.connection_id, client.id);
        assert_int_equal(event.session.life, state);
    }
    rig.event_count = 0;
}

/* While packets arrive: no silence has a part in it. */
static void a_bad_path_is_told_and_that_it_is_none_any_more(void **state)
{
    (void)state;
    start();
    exchange_far(40, 20);
    expect_lives_told(0, TW_LIFE_CONNECTED);
    exchange_far(40, 100);
    expect_lives_told(1, TW_LIFE_DEGRADED);
    exchange_far(200, 20);
    expect_lives_told(1, TW_LIFE_CONNECTED);
    assert_int_equal(tw_counter_get(&rig.counters[0]->life[TW_LIFE_EVENT_SILENT]), 0);
    stop();
}

/* The same link twice: 40 ms above its baseline, then 80. */
static void links_are_judged_as_configured(void **state)
{
    (void)state;
    for (uint32_t patient = 0; patient < 2; patient++) {
        rig_make(&rig, 2);
        if (patient) {
            rig.config.congestion.calm_delay_ms = 50;
            rig.config.congestion.conservative_delay_ms = 60;
        }
        begin();
        uint32_t slot = tw_connection_slot(client.id);
        struct tw_transport *transport = &rig.worker[0]->talk.transports[slot];
        exchange_far(40, 20);
        assert_int_equal(transport->congestion.rtt.baseline_us, 20000);
        assert_int_equal(tw_transport_state(transport), TW_LINK_NORMAL);
        exchange_far(40, 60);
        assert_int_equal(tw_transport_state(transport),
                         patient ? TW_LINK_NORMAL : TW_LINK_CONSERVATIVE);
        exchange_far(40, 100);
        assert_int_equal(tw_transport_state(transport), TW_LINK_CONSERVATIVE);
        go();
        shard_reads(0);
        exchange(2);
        assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
        exchange(20);
        const struct tw_talk *talk = &rig.worker[1]->talk;
        assert_int_equal(tw_connection_worker(client.id), 1);
        assert_ptr_equal(talk->transports[tw_connection_slot(client.id)].thresholds,
                         &talk->thresholds);
        stop();
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_tick_wrote_meanwhile_goes_first),
        cmocka_unit_test(the_first_message_is_there_before_the_session),
        cmocka_unit_test(a_slow_shard_holds_nobody_up),
        cmocka_unit_test(ended_while_held),
        cmocka_unit_test(while_a_line_stands_nobody_is_held),
        cmocka_unit_test(who_never_pauses_goes_with_its_messages),
        cmocka_unit_test(messages_that_find_no_room_end_their_session),
        cmocka_unit_test(any_interleaving),
        cmocka_unit_test(any_interleaving_without_pauses),
        cmocka_unit_test(a_bad_path_is_told_and_that_it_is_none_any_more),
        cmocka_unit_test(links_are_judged_as_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
