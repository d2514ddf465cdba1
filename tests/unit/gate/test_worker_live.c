/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker and its sessions' packets: every way in which one can end, inputs, snapshots, pongs. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/network_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_ring_elem.h>
#include <sodium.h>

static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};

static uint32_t tick_now(const struct rig *rig)
{
    return (uint32_t)((rig->now_ns - rig->epoch_ns) / 1000 * 60 / 1000000);
}

/* ---- becoming live, inward ------------------------------------------------------------------ */

static void first_packet_makes_live(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CONFIRMED, &event), 1);
    assert_int_equal(event.session.connection_id, client.id);
    assert_int_equal(event.session.account, 4711);
    assert_int_equal(event.session.address.port, TEST_CLIENT_PORT);
    struct tw_record record;
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_JOIN);
    assert_int_equal(record.join.account, 4711);
    assert_int_equal(record.slot, tw_connection_slot(client.id));
    assert_int_equal(record.route_epoch, 1);
    assert_int_equal(record.world, 1);
    assert_false(rig_record(&rig, 0, &record));
    /* The ping was answered in the same turn, with an acknowledgement. */
    assert_int_equal(client.received, 1);
    assert_true(client.frames.has_pong && client.frames.has_ack);
    assert_int_equal(client.frames.pong.echo_us, 99);
    assert_int_equal(client.frames.pong.received_us, (rig.now_ns - rig.epoch_ns) / 1000);
    assert_int_equal(client.frames.ack.largest, 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_live), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_pending), 0);
    rig_stop(&rig);
}

static void inputs_reach_the_shard_once(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    struct tw_record record;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    assert_true(rig_record(&rig, 0, &record)); /* join */
    uint32_t tick = tick_now(&rig);
    rig_client_send_inputs(&rig, &client, tick, 3);
    rig_client_send_inputs(&rig, &client, tick + 1, 4);
    rig_client_send_inputs(&rig, &client, tick + 62, 1);
    rig_client_send_inputs(&rig, &client, tick - 100, 2);
    rig_client_send_inputs(&rig, &client, 3, 8); /* ticks below 0 */
    rig_turn(&rig, RIG_MS);
    for (uint32_t expected = tick - 2; expected <= tick + 1; expected++) {
        assert_true(rig_record(&rig, 0, &record));
        assert_int_equal(record.type, TW_RECORD_INPUT);
        assert_int_equal(record.input.tick, expected);
        assert_int_equal(record.input.input.facing, (uint16_t)expected);
        assert_int_equal(record.received_ns, rig.now_ns);
    }
    assert_false(rig_record(&rig, 0, &record));
    assert_int_equal(rig_input(&rig, TW_INPUT_ROUTED), 4);
    assert_int_equal(rig_input(&rig, TW_INPUT_DUPLICATE), 3);
    assert_int_equal(rig_input(&rig, TW_INPUT_AHEAD), 1);
    /* The decoder may refuse a list that reaches below tick 0; then its 8 were never inputs. */
    uint64_t old = rig_input(&rig, TW_INPUT_OLD);
    assert_int_equal(old + 8 * rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE), 10);
    rig_stop(&rig);
}

/* One record for an input and what its packet acknowledges; a repeat's acknowledgement goes alone.
 */
static void an_input_takes_the_acknowledgement_along(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    struct tw_record record;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    assert_true(rig_record(&rig, 0, &record)); /* join */
    const struct tw_input inputs[2] = {{.facing = 8}, {.facing = 7}};
    uint32_t tick = tick_now(&rig);
    for (uint32_t newest = 5; newest < 7; newest++) {
        uint8_t plaintext[64];
        struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
        tw_frame_write_inputs(&writer, tick, inputs, 2);
        tw_frame_write_snapshot_ack(&writer, newest, 3);
        rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    }
    rig_turn(&rig, RIG_MS);
    assert_true(rig_record(&rig, 0, &record)); /* the older one */
    assert_int_equal(record.type, TW_RECORD_INPUT);
    assert_int_equal(record.input.tick, tick - 1);
    assert_int_equal(record.input.acked_newest, 0);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_INPUT);
    assert_int_equal(record.input.tick, tick);
    assert_int_equal(record.input.acked_newest, 5);
    assert_int_equal(record.input.acked_bitmap, 3);
    assert_true(rig_record(&rig, 0, &record)); /* of the repeat */
    assert_int_equal(record.type, TW_RECORD_SNAPSHOT_ACK);
    assert_int_equal(record.snapshot_ack.newest, 6);
    assert_false(rig_record(&rig, 0, &record));
    rig_stop(&rig);
}

/* Everything the window takes at once: from 63 ticks ago to 60 ahead. */
static void inputs_above_the_rate_are_counted(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    uint32_t now = tick_now(&rig);
    for (uint32_t newest = now - 56; newest <= now + 56; newest += 8)
        rig_client_send_inputs(&rig, &client, newest, 8);
    rig_turn(&rig, 0);
    assert_int_equal(rig_input(&rig, TW_INPUT_ROUTED), 64); /* the burst */
    assert_int_equal(rig_input(&rig, TW_INPUT_RATE), 56);
    rig_turn(&rig, 1000 * RIG_MS);
    now = tick_now(&rig);
    for (uint32_t newest = now - 48; newest <= now + 56; newest += 8)
        rig_client_send_inputs(&rig, &client, newest, 8);
    rig_turn(&rig, 0);
    assert_in_range(rig_input(&rig, TW_INPUT_ROUTED), 64 + 60, 64 + 75);
    rig_stop(&rig);
}

static void inputs_are_limited(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    struct tw_record record;
    rig_make(&rig, 1);
    rig.records_depth = 128;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    /* 600 inputs within a second, ten times what the world can use: 75 a second and 64 at once. */
    uint32_t first = tick_now(&rig);
    for (uint32_t i = 0; i < 75; i++) {
        rig_client_send_inputs(&rig, &client, first + i % 60 + 8, 8);
        rig_turn(&rig, 1000 * RIG_MS / 75);
        first = tick_now(&rig);
        while (rig_record(&rig, 0, &record))
            continue;
    }
    uint64_t routed = rig_input(&rig, TW_INPUT_ROUTED);
    assert_in_range(routed, 60, 64 + 75);
    /* A full ring: counted, and the repeat of the same input gets through later. */
    rig_turn(&rig, 5000 * RIG_MS);
    first = tick_now(&rig);
    uint32_t acks = 0;
    uint8_t plaintext[32];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_snapshot_ack(&writer, 5, 1);
    while (tw_counter_get(&rig.counters[0]->records_ring_full) == 0 && acks++ < 200) {
        rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
        rig_turn(&rig, RIG_MS);
    }
    assert_int_equal(acks, 128);
    rig_client_send_inputs(&rig, &client, first, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_input(&rig, TW_INPUT_RING_FULL), 1);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_SNAPSHOT_ACK);
    assert_int_equal(record.snapshot_ack.newest, 5);
    assert_int_equal(record.snapshot_ack.bitmap, 1);
    rig_client_send_inputs(&rig, &client, first, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_input(&rig, TW_INPUT_ROUTED), routed + 1);
    rig_stop(&rig);
}

/* ---- every way to be dropped ---------------------------------------------------------------- */

static void expect(struct rig *rig, const struct rig_client *client, const uint8_t *packet,
                   size_t length, enum tw_outcome outcome)
{
    uint64_t before = rig_outcome(rig, outcome);
    rig_client_send(rig, client, packet, length);
    rig_turn(rig, RIG_MS);
    assert_int_equal(rig_outcome(rig, outcome), before + 1);
}

static void bad_packets_have_their_own_end(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX];
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    size_t size = rig_client_seal(&client, 2000, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_ACCEPTED);
    expect(&rig, &client, packet, size, TW_OUTCOME_REPLAY_DUPLICATE);
    size = rig_client_seal(&client, 2000 - TW_REPLAY_WINDOW, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_REPLAY_OLD);
    size = rig_client_seal(&client, 2001 - TW_REPLAY_WINDOW, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_ACCEPTED);
    size = rig_client_seal(&client, 2002, ping, sizeof(ping), packet);
    tw_store_u64(packet + TW_HEADER_SEQUENCE, 0); /* no sealer agrees to number 0 */
    expect(&rig, &client, packet, size, TW_OUTCOME_SEQUENCE_INVALID);
    size = rig_client_seal(&client, TW_SEALED_MAX + 1, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_SEQUENCE_INVALID);
    /* A forged packet from far ahead must not move the window. */
    size = rig_client_seal(&client, 100000, ping, sizeof(ping), packet);
    packet[size - 1] ^= 1;
    expect(&rig, &client, packet, size, TW_OUTCOME_TAG_WRONG);
    size = rig_client_seal(&client, 1999, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_ACCEPTED);
    size = rig_client_seal(&client, 2002, ping, sizeof(ping), packet);
    static const uint8_t flags[] = {0x02, 0x03, 0x80};
    for (size_t i = 0; i < sizeof(flags); i++) {
        packet[TW_HEADER_FLAGS] = flags[i];
        expect(&rig, &client, packet, size, TW_OUTCOME_HEADER_FLAGS);
    }
    packet[TW_HEADER_FLAGS] = TW_FLAG_KEY_PHASE; /* nobody began one */
    expect(&rig, &client, packet, size, TW_OUTCOME_PHASE_UNKNOWN);
    packet[TW_HEADER_FLAGS] = 0;
    packet[TW_HEADER_CHANNEL] = 1;
    expect(&rig, &client, packet, size, TW_OUTCOME_HEADER_FLAGS);
    packet[TW_HEADER_CHANNEL] = 0;
    tw_store_u32(packet, client.id ^ 1u << 25);
    expect(&rig, &client, packet, size, TW_OUTCOME_GENERATION_STALE);
    tw_store_u32(packet, client.id ^ 0x8000u);
    expect(&rig, &client, packet, size, TW_OUTCOME_CONNECTION_UNKNOWN);
    tw_store_u32(packet, client.id ^ 5u << TW_SLOT_BITS);
    expect(&rig, &client, packet, size, TW_OUTCOME_CONNECTION_UNKNOWN);
    size = rig_client_seal(&client, 1998, ping, sizeof(ping), packet);
    client.port++; /* its number is not newer than all before it */
    expect(&rig, &client, packet, size, TW_OUTCOME_PATH_UNKNOWN);
    client.port--;
    /* None of it was believed: the packets still pass. */
    size = rig_client_seal(&client, 2002, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_ACCEPTED);
    size = rig_client_seal(&client, 1998, ping, sizeof(ping), packet);
    expect(&rig, &client, packet, size, TW_OUTCOME_ACCEPTED);
    expect(&rig, &client, packet, TW_PACKET_MIN - 1, TW_OUTCOME_PAYLOAD_SMALL);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

static void copies_in_one_burst(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX];
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    size_t size = rig_client_seal(&client, 50, ping, sizeof(ping), packet);
    for (int i = 0; i < 20; i++)
        rig_client_send(&rig, &client, packet, size);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_REPLAY_DUPLICATE), 19);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 2); /* one for each accepted ping */
    rig_stop(&rig);
}

static void misbehaviour_closes(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    static const uint8_t unknown[] = {200, 0, 0};
    static const uint8_t range[] = {TW_FRAME_CLOSE, 2, 0, 0xff, 0xff};
    rig_make(&rig, 1); /* malformed_max = 3 */
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    for (int i = 0; i < 2; i++)
        rig_client_send_frames(&rig, &client, unknown, sizeof(unknown));
    rig_client_send_frames(&rig, &client, range, sizeof(range));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FRAME_MALFORMED), 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_client_send_frames(&rig, &client, unknown, sizeof(unknown));
    rig_client_send_ping(&rig, &client, 5);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_CLOSING), 1);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_MISBEHAVED);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_MISBEHAVED);
    rig_stop(&rig);
}

static void session_budget_holds(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.config.limits.session_pps = 20;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    rig_turn(&rig, 2000 * RIG_MS);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    for (int i = 0; i < 30; i++)
        rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 20);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_BUDGET), 10);
    rig_stop(&rig);
}

/* Whoever sees a client's packets can send more of them, and forge others, from its address: the
 * client's own ones still pass. */
static void forgers_do_not_use_up_a_session(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t copy[TW_DATAGRAM_MAX], forged[TW_DATAGRAM_MAX];
    rig_make(&rig, 1);
    rig.config.limits.session_pps = 100;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    size_t size = rig_client_seal(&client, 50, ping, sizeof(ping), copy);
    expect(&rig, &client, copy, size, TW_OUTCOME_ACCEPTED);
    rig_client_seal(&client, 60, ping, sizeof(ping), forged);
    forged[size - 1] ^= 1;
    rig_turn(&rig, 2000 * RIG_MS);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 50; i++) {
            rig_client_send(&rig, &client, copy, size);
            rig_client_send(&rig, &client, forged, size);
        }
        rig_turn(&rig, 0);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_REPLAY_DUPLICATE), 300);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 300);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_BUDGET), 0);
    size = rig_client_seal(&client, 61, ping, sizeof(ping), copy);
    expect(&rig, &client, copy, size, TW_OUTCOME_ACCEPTED);
    rig_stop(&rig);
}

/* Many times the rates of strangers and of the session: what is forged costs its victim nothing. */
static void a_flood_of_forgeries_leaves_its_victim_alone(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX], forged[TW_DATAGRAM_MAX];
    rig_make(&rig, 1);
    rig.config.limits.session_pps = 100;
    rig.config.limits.stranger_pps = 100;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    size_t size = rig_client_seal(&client, 1000, ping, sizeof(ping), forged);
    forged[size - 1] ^= 1;
    rig_turn(&rig, 2000 * RIG_MS);
    for (uint64_t round = 0; round < 40; round++) {
        for (int i = 0; i < 50; i++)
            rig_client_send(&rig, &client, forged, size);
        rig_turn(&rig, 0);
        size_t honest = rig_client_seal(&client, 50 + round, ping, sizeof(ping), packet);
        expect(&rig, &client, packet, honest, TW_OUTCOME_ACCEPTED);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 2000);
    rig_stop(&rig);
}

/* Random bytes and bent packets: defined ends only, and no close. rig_stop checks the ledger. */
static void survives_garbage(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint64_t seed = (uint64_t)time(NULL);
    uint8_t bytes[randombytes_SEEDBYTES] = {0};
    memcpy(bytes, &seed, sizeof(seed));
    print_message("seed %llu\n", (unsigned long long)seed);
    rig_make(&rig, 1);
    rig.config.limits.session_pps = 1000000;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    uint64_t next = 10;
    for (uint32_t round = 0; round < 4000; round++) {
        uint8_t random[64], packet[TW_DATAGRAM_MAX], frame[TEST_FRAME_MAX];
        bytes[8] = (uint8_t)round;
        bytes[9] = (uint8_t)(round >> 8);
        randombytes_buf_deterministic(random, sizeof(random), bytes);
        size_t size = rig_client_seal(&client, next++, ping, sizeof(ping), packet);
        size_t length = test_udp_frame(frame, client.ip, client.port, packet, size);
        for (int i = 0; i < random[0] % 4; i++)
            frame[random[1 + i] % length] ^= random[8 + i];
        if (random[16] % 2)
            test_fix_ipv4(frame);
        if (random[17] % 2 && tw_load_be16(frame + 38) == 8 + size)
            test_fix_udp(frame);
        rig_inject(&rig, 0, frame, random[18] % 5 == 0 ? random[19] % length : length);
        if (round % 50 == 0)
            rig_turn(&rig, RIG_MS);
        if (round % 200 == 0)
            rig_client_receive(&rig, &client, 1);
    }
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

/* ---- outward -------------------------------------------------------------------------------- */

static struct tw_out_buffer take_empty(struct rig *rig)
{
    struct tw_out_buffer buffer;
    assert_int_equal(rte_ring_sc_dequeue_elem(rig->worker_config[0].shard_rings[0].empty, &buffer,
                                              sizeof(buffer)),
                     0);
    return buffer;
}

static void give_full(struct rig *rig, struct tw_out_buffer *buffer,
                      const struct rig_client *client, uint32_t epoch, enum tw_out_kind kind)
{
    buffer->slot = tw_connection_slot(client->id);
    buffer->route_epoch = epoch;
    buffer->kind = (uint16_t)kind;
    assert_int_equal(rte_ring_sp_enqueue_elem(rig->worker_config[0].shard_rings[0].full, buffer,
                                              sizeof(*buffer)),
                     0);
}

/* A snapshot frame that fills the buffer to `length`. */
static void fill(struct tw_out_buffer *buffer, uint16_t length)
{
    buffer->bytes[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(buffer->bytes + 1, (uint16_t)(length - TW_FRAME_HEADER_SIZE));
    for (uint16_t i = TW_FRAME_HEADER_SIZE; i < length; i++)
        buffer->bytes[i] = (uint8_t)(i * 3);
    buffer->length = length;
}

static void snapshots_go_out_sealed(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    struct tw_out_buffer buffer = take_empty(&rig);
    assert_int_equal(buffer.capacity, 1362);
    uint16_t lengths[] = {20, TW_SHARD_BASE_CAPACITY, 500};
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            buffer = take_empty(&rig);
        fill(&buffer, lengths[i]);
        give_full(&rig, &buffer, &client, 1, TW_OUT_SNAPSHOT);
        rig_client_send_ping(&rig, &client, 7);
        uint32_t received = client.received;
        rig_turn(&rig, RIG_MS);
        rig_client_receive(&rig, &client, 1);
        /* One packet: snapshot, pong and acknowledgement together. */
        assert_int_equal(client.received, received + 1);
        assert_true(client.frames.has_snapshot && client.frames.has_pong && client.frames.has_ack);
        assert_int_equal(client.frames.snapshot_size, lengths[i] - TW_FRAME_HEADER_SIZE);
        for (uint16_t k = 0; k < client.frames.snapshot_size; k++)
            assert_int_equal(client.frames.snapshot[k], (uint8_t)((k + TW_FRAME_HEADER_SIZE) * 3));
    }
    assert_int_equal(tw_counter_get(&rig.counters[0]->snapshots), 3);
    rig_stop(&rig);
}

static void stale_buffers_are_recycled(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, TEST_CLIENT_PORT);
    struct tw_out_buffer buffer = take_empty(&rig);
    fill(&buffer, 100);
    give_full(&rig, &buffer, &client, 2, TW_OUT_SNAPSHOT); /* another install's */
    buffer = take_empty(&rig);
    give_full(&rig, &buffer, &client, 1, TW_OUT_UNUSED); /* handed back */
    buffer = take_empty(&rig);
    buffer.reason = TW_CLOSE_REFUSED;
    give_full(&rig, &buffer, &client, 9, TW_OUT_CLOSE); /* of another install: ignored */
    uint32_t received = client.received;
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.received, received);
    assert_int_equal(rig_send(&rig, TW_SEND_SESSION_GONE), 1);
    buffer = take_empty(&rig);
    buffer.reason = TW_CLOSE_REFUSED;
    give_full(&rig, &buffer, &client, 1, TW_OUT_CLOSE);
    rig_turn(&rig, RIG_MS);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_REFUSED);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_packet_makes_live),
        cmocka_unit_test(inputs_reach_the_shard_once),
        cmocka_unit_test(an_input_takes_the_acknowledgement_along),
        cmocka_unit_test(inputs_above_the_rate_are_counted),
        cmocka_unit_test(inputs_are_limited),
        cmocka_unit_test(bad_packets_have_their_own_end),
        cmocka_unit_test(copies_in_one_burst),
        cmocka_unit_test(misbehaviour_closes),
        cmocka_unit_test(session_budget_holds),
        cmocka_unit_test(forgers_do_not_use_up_a_session),
        cmocka_unit_test(a_flood_of_forgeries_leaves_its_victim_alone),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(snapshots_go_out_sealed),
        cmocka_unit_test(stale_buffers_are_recycled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
