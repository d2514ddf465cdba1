/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages through a worker: lent to the shard, taken from it, and what hostile clients get. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

static struct rig rig;
static struct rig_client client;
static uint32_t epoch;

static void start_with(struct tw_port_orders *orders)
{
    rig_make(&rig, 1);
    rig.worker_config[0].port_orders = orders;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 5000);
    epoch = rig_join_epoch(&rig);
}

static void start(void)
{
    start_with(NULL);
}

static struct tw_talk *talk(void)
{
    return &rig.worker[0]->talk;
}

static struct tw_writer begin(uint8_t plaintext[TW_PLAINTEXT_MAX])
{
    struct tw_writer writer = tw_writer_make(plaintext, TW_PLAINTEXT_MAX);
    tw_write_space(&writer, TW_FRAME_HEADER_SIZE);
    return writer;
}

static void send_entries(struct tw_writer *writer, uint8_t *plaintext)
{
    size_t size = (size_t)(writer->next - plaintext);
    plaintext[0] = TW_FRAME_MESSAGES;
    tw_store_u16(plaintext + 1, (uint16_t)(size - TW_FRAME_HEADER_SIZE));
    rig_client_send_frames(&rig, &client, plaintext, size);
}

static void send_entry(struct tw_entry entry)
{
    rig_client_send_entry(&rig, &client, &entry, (uint8_t)(entry.number + 1u));
    rig_turn(&rig, RIG_MS);
}

static struct tw_entry whole(uint8_t channel, uint16_t number, uint32_t size)
{
    return (struct tw_entry){
        .channel = channel, .kind = TW_ENTRY_WHOLE, .number = number, .size = size, .length = size};
}

static void send_ack(uint64_t largest, uint64_t bitmap)
{
    uint8_t plaintext[32];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_ack(&writer, &(struct tw_frame_ack){.largest = largest, .bitmap = bitmap});
    rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
}

/* Number of the newest packet to the client. */
static uint64_t newest(void)
{
    return rig.worker[0]->sessions.bodies[tw_connection_slot(client.id)].send_sequence - 1u;
}

/* As a shard does once it has read the record. */
static void give_back(struct tw_message *message)
{
    assert_int_equal(rte_ring_sp_enqueue_elem(rig.worker_config[0].shard_rings[0].returned,
                                              &message, sizeof(message)),
                     0);
    rig_turn(&rig, RIG_MS);
}

static void stop(void)
{
    rig_turn(&rig, RIG_MS);
    assert_int_equal(tw_lines_taken(talk()->lent), 0);
    rig_stop(&rig);
}

static void messages_are_lent_and_come_back(void **state)
{
    (void)state;
    struct tw_record record;
    uint8_t bytes[1000];
    start();
    send_entry(whole(TW_CHANNEL_ORDERED, 1, 900)); /* before its turn */
    assert_false(rig_record(&rig, 0, &record));
    send_entry(whole(TW_CHANNEL_ORDERED, 0, 30));
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(rig_record(&rig, 0, &record));
        assert_int_equal(record.type, TW_RECORD_MESSAGE);
        assert_int_equal(record.route_epoch, epoch);
        assert_int_equal(record.message.message->size, i == 0 ? 30 : 900);
        tw_message_copy(record.message.message, record.message.blocks, bytes);
        assert_int_equal(bytes[29], i + 1u);
        assert_int_equal(talk()->lent[TW_CHANNEL_ORDERED], 2 - i);
        give_back(record.message.message);
    }
    assert_int_equal(talk()->pool.free_count, rig.config.limits.message_memory_kb);
    assert_int_equal(rig_message_bytes(&rig, TW_BYTES_IN_ORDERED), 930);
    /* The client is told within the ack's delay. */
    rig_turn(&rig, 20 * RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_true(client.frames.has_ack);
    assert_int_equal(client.frames.ack.largest, client.sequence - 1u);
    stop();
}

/* Bytes that nothing makes fewer; the same at the same place. */
static uint8_t noise(uint32_t at)
{
    uint32_t mixed = (at + 1u) * 2654435761u;
    return (uint8_t)((mixed ^ mixed >> 15) * 2246822519u >> 24);
}

static uint8_t plain(uint32_t at)
{
    return (uint8_t)(at / 1000u);
}

static uint8_t part_channel = TW_CHANNEL_BULK;

static void give_part_of(uint8_t (*byte)(uint32_t), uint32_t size, uint32_t offset)
{
    uint8_t bytes[TW_DATAGRAM_MAX];
    uint32_t length = size - offset < sizeof(bytes) ? size - offset : (uint32_t)sizeof(bytes);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = byte(offset + i);
    const struct rig_part part = {.slot = tw_connection_slot(client.id),
                                  .epoch = epoch,
                                  .channel = part_channel,
                                  .size = size,
                                  .offset = offset,
                                  .bytes = bytes,
                                  .length = length};
    assert_true(rig_shard_gives(&rig, &part));
}

static void give_part(uint32_t size, uint32_t offset)
{
    give_part_of(noise, size, offset);
}

static void a_shards_message_reaches_the_client_and_is_sent_again(void **state)
{
    (void)state;
    start();
    for (uint32_t offset = 0; offset < 3000; offset += 1362)
        give_part(3000, offset);
    uint32_t before = client.received;
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.received - before, 3);
    assert_true(client.frames.has_messages);
    /* All but the first arrived. */
    rig_turn(&rig, 30 * RIG_MS);
    send_ack(newest(), 1);
    rig_turn(&rig, 300 * RIG_MS); /* two behind are no loss, but a round trip later it is */
    before = client.received;
    rig_client_receive(&rig, &client, 1);
    assert_true(client.received > before);
    assert_in_range(rig_message_bytes(&rig, TW_BYTES_AGAIN), 900, 1100);
    assert_in_range(rig_message_bytes(&rig, TW_BYTES_OUT_BULK), 3900, 4100);
    send_ack(newest(), (UINT64_C(1) << (newest() - 1u)) - 1u); /* all */
    assert_int_equal(talk()->pool.free_count, rig.config.limits.message_memory_kb);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_out), 1);
    stop();
}

static void acks_of_packets_never_sent_are_refused(void **state)
{
    (void)state;
    start();
    uint64_t range = rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE);
    send_ack(1000, 0);
    send_ack(UINT64_MAX, UINT64_MAX);
    send_ack(1, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE) - range, 3);
    send_ack(1, 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE) - range, 3);
    stop();
}

static void contradictions_close_the_session_in_the_end(void **state)
{
    (void)state;
    start();
    uint64_t range = rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE);
    for (uint32_t i = 0; i <= rig.config.limits.malformed_max; i++)
        send_entry(whole(TW_CHANNEL_ORDERED, TW_MESSAGE_WINDOW, 10));
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FRAME_RANGE) - range,
                     rig.config.limits.malformed_max + 1u);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_MISBEHAVED);
    stop();
}

static void a_message_begun_and_left_closes_the_session(void **state)
{
    (void)state;
    start();
    send_entry((struct tw_entry){.channel = TW_CHANNEL_BULK,
                                 .kind = TW_ENTRY_PART,
                                 .size = TW_MESSAGE_MAX,
                                 .length = TW_GRANULE_BYTES});
    for (uint32_t i = 0; i < 60 && client.closes == 0; i++) {
        send_ack(newest(), 0);
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, 100 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
    assert_int_equal(client.frames.close_reason, TW_CLOSE_STALLED);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_stalled), 1);
    stop();
}

static void live_for(uint32_t ms)
{
    for (uint32_t i = 0; i < ms && client.closes == 0; i += 10) {
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, 10 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
}

/* What is left for all is somebody else's: nobody may hold more than its bound. */
static void use_up_what_is_ample(void)
{
    talk()->pool.ample = UINT32_MAX;
}

/* 192 KB of messages of 20 bytes are 2,304: more have to wait, the shard's buffers with them, and
 * whoever takes none of them for five seconds is closed for that. */
static void whoever_takes_nothing_is_closed(void **state)
{
    (void)state;
    start();
    use_up_what_is_ample();
    const tw_counter *taken = &rig.counters[0]->messages_out;
    uint32_t most = rig.config.limits.message_backlog_kb * 12u;
    part_channel = TW_CHANNEL_ORDERED;
    for (uint32_t given = 0; given < most; given += 64) {
        for (uint32_t i = 0; i < 64; i++)
            give_part(20, 0);
        live_for(10);
    }
    assert_int_equal(tw_counter_get(taken), most);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_waited), 0);
    const struct rte_ring *buffers = rig.worker_config[0].shard_rings[0].message_buffers;
    for (uint32_t i = 0; i < TW_OUT_MESSAGE_BUFFERS; i++) {
        give_part(20, 0);
        if (i % 64u == 63u)
            live_for(10);
    }
    /* The shard has none left and gets none. */
    assert_int_equal(rte_ring_count(buffers), 0);
    assert_int_equal(tw_counter_get(taken), most);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_waited), TW_OUT_MESSAGE_BUFFERS);
    live_for(4000);
    assert_int_equal(client.closes, 0);
    live_for(2000);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_BACKLOG);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_backlog), 1);
    assert_int_equal(tw_counter_get(taken), most);
    assert_int_equal(talk()->pool.free_count, talk()->pool.capacity); /* at once */
    assert_int_equal(rte_ring_count(buffers), TW_OUT_MESSAGE_BUFFERS);
    part_channel = TW_CHANNEL_BULK;
    rig_turn(&rig, 500 * RIG_MS);
    rig_turn(&rig, 500 * RIG_MS);
    stop();
}

/* Gives so many messages of a block each while the client takes `taken_per_s` of them and plays on;
 * how long until it was closed, at most `ms`. */
static uint32_t live_among_talkers(uint32_t given_per_s, uint32_t taken_per_s, uint32_t ms)
{
    const struct tw_session_body *body =
        &rig.worker[0]->sessions.bodies[tw_connection_slot(client.id)];
    uint64_t given = 0, taken = 0, acked = body->send_sequence - 1u;
    uint32_t passed = 0;
    for (; passed < ms && client.closes == 0; passed += 10) {
        for (; given < (uint64_t)given_per_s * passed / 1000u; given++)
            give_part(900, 0);
        rig_turn(&rig, 10 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
        /* A message a packet, and nothing else. */
        for (; taken < (uint64_t)taken_per_s * passed / 1000u && acked + 1u < body->send_sequence &&
               client.closes == 0;
             taken++)
            send_ack(++acked, 0);
    }
    return passed;
}

/* Who takes nearly what comes is given more room than it may have while that is nobody else's, so
 * that nobody waits for it; but not for ever: it was behind for five seconds. */
static void whoever_takes_too_little_is_closed_and_makes_nobody_wait(void **state)
{
    (void)state;
    start();
    uint32_t most = rig.config.limits.message_backlog_kb;
    const struct tw_transport *transport = &talk()->transports[tw_connection_slot(client.id)];
    part_channel = TW_CHANNEL_UNORDERED;
    uint32_t until_behind_ms = most * 1000u / 30u; /* 30 a second are too many for it */
    uint32_t took_ms = live_among_talkers(80, 50, 30000);
    assert_in_range(took_ms, until_behind_ms + 4900, until_behind_ms + 8000);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_BACKLOG);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_backlog), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_waited), 0);
    assert_null(transport->channels);
    /* What they said was dear by then. */
    assert_int_equal(tw_dearness_now(&talk()->dearness, rig.now_ns / 1000u), TW_DEARNESS_MAX);
    part_channel = TW_CHANNEL_BULK;
    rig_turn(&rig, 500 * RIG_MS);
    rig_turn(&rig, 500 * RIG_MS);
    stop();
}

/* Who takes what comes stays, however long. */
static void whoever_takes_what_comes_stays(void **state)
{
    (void)state;
    start();
    part_channel = TW_CHANNEL_UNORDERED;
    assert_int_equal(live_among_talkers(100, 100, 20000), 20000);
    assert_int_equal(tw_dearness_now(&talk()->dearness, rig.now_ns / 1000u), 1);
    part_channel = TW_CHANNEL_BULK;
    stop();
}

/* What may be lost is, when there is no room; nobody is closed for that. */
static void the_latest_is_dropped_for_lack_of_room(void **state)
{
    (void)state;
    start();
    use_up_what_is_ample();
    part_channel = TW_CHANNEL_ORDERED;
    for (uint32_t i = 0; i < rig.config.limits.message_backlog_kb; i++) {
        give_part(900, 0); /* a block each */
        if (i % 64u == 63u)
            live_for(10);
    }
    uint64_t taken = tw_counter_get(&rig.counters[0]->messages_out);
    part_channel = TW_CHANNEL_STATE;
    for (uint32_t i = 0; i < 3; i++)
        give_part(900, 0);
    live_for(6000);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_latest_dropped), 3);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_out), taken);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_waited), 0);
    assert_int_equal(client.closes, 0);
    part_channel = TW_CHANNEL_BULK;
    stop();
}

static void a_flood_of_messages_waits_for_its_budget(void **state)
{
    (void)state;
    struct tw_record record;
    uint32_t lent = 0;
    start();
    for (uint16_t number = 0; number < 200; number++) {
        send_entry(whole(TW_CHANNEL_UNORDERED, number, 500));
        while (rig_record(&rig, 0, &record)) {
            if (record.type != TW_RECORD_MESSAGE)
                continue;
            lent++;
            give_back(record.message.message);
        }
    }
    /* 0.2 s and more passed: the burst and a few. */
    assert_in_range(lent, TW_TALK_MESSAGES_BURST, TW_TALK_MESSAGES_BURST + 40u);
    const struct tw_channels *channels = talk()->transports[tw_connection_slot(client.id)].channels;
    assert_true(tw_counter_get(&rig.counters[0]->messages_no_room) +
                    channels->receiver.ready[TW_CHANNEL_UNORDERED].list.count >
                0);
    stop();
}

/* Channels are held while a message is under way, not longer; without any, nothing is lost. */
static void channels_run_out_and_come_back(void **state)
{
    (void)state;
    struct tw_record record;
    start();
    struct tw_channels_pool *pool = &talk()->channels;
    const struct tw_transport *transport = &talk()->transports[tw_connection_slot(client.id)];
    uint32_t free_count = pool->free_count;
    assert_int_equal(free_count, pool->capacity);
    assert_null(transport->channels);
    send_entry(whole(TW_CHANNEL_ORDERED, 0, 30));
    assert_true(rig_record(&rig, 0, &record));
    give_back(record.message.message);
    rig_turn(&rig, 20 * RIG_MS); /* acknowledged */
    rig_turn(&rig, RIG_MS);
    assert_null(transport->channels);
    assert_int_equal(pool->free_count, free_count);

    pool->free_count = 0;
    send_entry(whole(TW_CHANNEL_ORDERED, 1, 30));
    assert_false(rig_record(&rig, 0, &record));
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_no_channels), 1);
    rig_client_receive(&rig, &client, 1);
    uint64_t newest = client.sequence - 1u;
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.ack.largest, newest + 1u);
    assert_int_equal(client.frames.ack.bitmap & 1u, 0); /* so it comes again */
    pool->free_count = free_count;
    send_entry(whole(TW_CHANNEL_ORDERED, 1, 30));
    assert_true(rig_record(&rig, 0, &record));
    give_back(record.message.message);

    rig_turn(&rig, 20 * RIG_MS);
    rig_turn(&rig, RIG_MS);
    pool->free_count = 0;
    give_part(100, 0);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 0);
    assert_in_range(tw_counter_get(&rig.counters[0]->messages_no_channels), 2, 4);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_waited), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_out), 0);
    pool->free_count = free_count; /* others are done with theirs */
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_out), 1);
    assert_true(client.frames.has_messages);
    stop();
}

/* ---- compressed --------------------------------------------------------------------------------
 */

static uint64_t counted(const tw_counter *counter)
{
    return tw_counter_get(counter);
}

static void give_whole(uint8_t (*byte)(uint32_t), uint32_t size)
{
    for (uint32_t offset = 0; offset < size; offset += 1362)
        give_part_of(byte, size, offset);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_true(client.frames.has_messages);
}

/* The entry of the newest packet, of a message that one packet holds. */
static struct tw_entry entry_received(void)
{
    struct tw_entry entry;
    struct tw_reader reader = tw_reader_make(client.frames.messages, client.frames.messages_size);
    assert_int_equal(tw_entry_read(&reader, &entry), TW_FRAMES_OK);
    return entry;
}

static void large_messages_leave_compressed_if_that_helps(void **state)
{
    (void)state;
    static uint8_t whole[5000];
    start();
    struct tw_worker_counters *counters = rig.counters[0];
    struct tw_bulk *bulk = talk()->bulk;
    give_whole(plain, 5000);
    struct tw_entry entry = entry_received();
    assert_int_equal(entry.flags, TW_ENTRY_COMPRESSED);
    assert_int_equal(entry.kind, TW_ENTRY_WHOLE);
    assert_int_equal(counted(&counters->messages_compressed), 1);
    assert_int_equal(counted(&counters->compressed_from_bytes), 5000);
    assert_int_equal(counted(&counters->compressed_to_bytes), entry.size);
    struct tw_block block;
    struct tw_message message = {.size = entry.size, .flags = entry.flags};
    memcpy(block.bytes, entry.bytes, entry.size);
    assert_int_equal(tw_message_full_size(&message, &block), 5000);
    assert_true(tw_message_restore(&message, &block, bulk->scratch, whole));
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(whole[i], plain(i));
    /* To the next one who hears it, nothing is compressed again. */
    uint64_t spent = bulk->compress_budget.full_at_ns;
    assert_true(spent > rig.now_ns - RIG_MS);
    give_whole(plain, 5000);
    assert_int_equal(bulk->compress_budget.full_at_ns, spent);
    assert_int_equal(counted(&counters->messages_compressed), 2);
    give_whole(noise, 1100);
    assert_int_equal(counted(&counters->messages_incompressible), 1);
    assert_int_equal(entry_received().flags, 0);
    give_whole(plain, rig.config.limits.compress_above_bytes);
    assert_int_equal(entry_received().flags, 0);
    /* Out of budget it leaves as it is. */
    bulk->compress_budget.full_at_ns = rig.now_ns + 1000 * RIG_MS;
    give_whole(plain, 1100);
    assert_int_equal(counted(&counters->messages_compress_busy), 1);
    assert_int_equal(entry_received().flags, 0);
    assert_int_equal(counted(&counters->messages_compressed), 2);
    assert_int_equal(counted(&counters->messages_out), 5);
    stop();
}

/* One of the client's, of `size` bytes before it is compressed. */
static void send_compressed(uint16_t number, uint32_t size, uint8_t damage)
{
    static struct tw_compressor compressor;
    static uint8_t bytes[TW_MESSAGE_MAX];
    uint8_t plaintext[TW_PLAINTEXT_MAX];
    struct tw_writer writer = begin(plaintext);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = plain(i);
    tw_compressor_init(&compressor);
    tw_compress(&compressor, bytes, size);
    assert_in_range(compressor.compressed_size, 1, 1000);
    compressor.compressed[0] ^= damage;
    struct tw_entry entry = whole(TW_CHANNEL_BULK, number, compressor.compressed_size);
    entry.flags = TW_ENTRY_COMPRESSED;
    memcpy(tw_entry_write(&writer, &entry), compressor.compressed, entry.size);
    send_entries(&writer, plaintext);
    rig_turn(&rig, RIG_MS);
}

static struct tw_message *restored(uint32_t size)
{
    static uint8_t bytes[TW_MESSAGE_MAX];
    struct tw_record record;
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MESSAGE);
    assert_int_equal(record.message.message->size, size);
    assert_int_equal(record.message.message->channel, TW_CHANNEL_BULK);
    tw_message_copy(record.message.message, record.message.blocks, bytes);
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], plain(i));
    return record.message.message;
}

static void compressed_messages_are_restored_for_the_shard(void **state)
{
    (void)state;
    struct tw_record record;
    start();
    struct tw_bulk *bulk = talk()->bulk;
    send_compressed(0, 5000, 0);
    send_compressed(1, 10000, 0);
    assert_int_equal(talk()->lent[TW_CHANNEL_BULK],
                     1); /* they came at once: the other one waits for a moment */
    rig_turn(&rig, 20 * RIG_MS);
    struct tw_message *first = restored(5000);
    struct tw_message *second = restored(10000);
    assert_int_equal(talk()->pool.free_count, rig.config.limits.message_memory_kb);
    assert_int_equal(__builtin_popcount(bulk->lent), 2);
    assert_int_equal(talk()->lent[TW_CHANNEL_BULK], 2);
    give_back(second);
    give_back(first);
    assert_int_equal(bulk->lent, 0);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_decompressed), 2);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_in), 2);
    /* While shards hold all places, it waits. */
    bulk->lent = (1u << TW_BULK_PLACES) - 1u;
    send_compressed(2, 5000, 0);
    rig_turn(&rig, 100 * RIG_MS);
    assert_false(rig_record(&rig, 0, &record));
    bulk->lent = 0;
    rig_turn(&rig, 100 * RIG_MS);
    give_back(restored(5000));
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_decompressed), 3);
    /* While it is time for packets, too. */
    bulk->restore_budget.full_at_ns = rig.now_ns + 90 * RIG_MS;
    send_compressed(3, 5000, 0);
    rig_turn(&rig, 50 * RIG_MS);
    assert_false(rig_record(&rig, 0, &record));
    rig_turn(&rig, 50 * RIG_MS);
    give_back(restored(5000));
    stop();
}

/* A message of several packets, whole in the end. */
static void send_large(uint16_t number, uint32_t size)
{
    for (uint32_t at = 0; at < size; at += 8u * TW_GRANULE_BYTES) {
        uint32_t left = size - at;
        send_entry((struct tw_entry){
            .channel = TW_CHANNEL_BULK,
            .kind = TW_ENTRY_PART,
            .number = number,
            .first = (uint16_t)(at / TW_GRANULE_BYTES),
            .size = size,
            .length = left < 8u * TW_GRANULE_BYTES ? left : 8u * TW_GRANULE_BYTES});
        rig_turn(&rig, 3 * RIG_MS); /* as many packets a second as it may send */
    }
}

/* How many are lent in so many ms; each goes back at once. */
static uint32_t lent_within(uint32_t ms)
{
    struct tw_record record;
    uint32_t lent = 0;
    for (uint32_t i = 0; i < ms; i++) {
        rig_turn(&rig, RIG_MS);
        while (rig_record(&rig, 0, &record)) {
            if (record.type != TW_RECORD_MESSAGE)
                continue;
            lent++;
            give_back(record.message.message);
        }
    }
    return lent;
}

/* Bytes that came have another limit, that of packets; but while somebody is nearly behind, each KB
 * counts. */
static void a_large_message_costs_its_size_when_it_matters(void **state)
{
    (void)state;
    start();
    for (uint16_t number = 0; number < 3; number++)
        send_large(number, 20000);
    assert_int_equal(lent_within(2), 3);
    assert_int_equal(lent_within(2000), 0); /* its burst is there again */
    tw_dearness_press(&talk()->dearness, rig.now_ns / 1000u);
    assert_int_equal(tw_dearness_now(&talk()->dearness, rig.now_ns / 1000u), 2);
    for (uint16_t number = 3; number < 6; number++)
        send_large(number, 20000);
    assert_int_equal(lent_within(2), 1); /* of bulk nothing is saved up */
    for (uint16_t number = 6; number < 20; number++)
        send_large(number, 60000);
    for (uint32_t i = 0; i < 20; i++) {
        tw_dearness_press(&talk()->dearness, rig.now_ns / 1000u);
        (void)lent_within(100);
    }
    /* The next one waits for four seconds; what is small waits for nothing. */
    assert_int_equal(lent_within(100), 0);
    send_entry(whole(TW_CHANNEL_ORDERED, 0, 500));
    assert_int_equal(lent_within(2), 1);
    stop();
}

/* While somebody is behind, five small ones a second are left to everybody. */
static void messages_are_dear_while_somebody_is_behind(void **state)
{
    (void)state;
    start();
    for (uint16_t number = 0; number < 30; number++)
        send_entry(whole(TW_CHANNEL_UNORDERED, number, 500));
    assert_int_equal(lent_within(10), 30);
    rig_turn(&rig, 2000 * RIG_MS); /* its burst is there again */
    for (uint16_t number = 30; number < 60; number++) {
        tw_dearness_press(&talk()->dearness, rig.now_ns / 1000u);
        send_entry(whole(TW_CHANNEL_UNORDERED, number, 500));
        rig_turn(&rig, 50 * RIG_MS);
        tw_dearness_press(&talk()->dearness, rig.now_ns / 1000u);
        rig_turn(&rig, 50 * RIG_MS);
    }
    /* Three seconds at the dearest: the burst, and five a second. */
    assert_in_range(lent_within(1), 128u / TW_DEARNESS_MAX + 10u, 29u);
    assert_in_range(lent_within(3000), 1, 8);
    /* What was said at the usual price counts as if it had been dear. */
    for (uint16_t number = 60; number < 90; number++)
        send_entry(whole(TW_CHANNEL_UNORDERED, number, 500));
    assert_int_equal(lent_within(10), 30);
    tw_dearness_leap(&talk()->dearness, rig.now_ns / 1000u);
    send_entry(whole(TW_CHANNEL_UNORDERED, 90, 500));
    assert_int_equal(lent_within(100), 0);
    stop();
}

/* Whoever says much in few bytes waits as if it had sent all of them. */
static void what_was_left_out_is_paid_for(void **state)
{
    (void)state;
    struct tw_record record;
    uint32_t turns = 0;
    start();
    send_compressed(0, 60000, 0);
    give_back(restored(60000));
    send_compressed(1, 60000, 0);
    while (!rig_record(&rig, 0, &record)) {
        rig_turn(&rig, RIG_MS);
        turns++;
        assert_true(turns < 2000);
    }
    /* 59 blocks at 60 a second, less the five that were left of the burst. */
    assert_in_range(turns, 800, 1000);
    give_back(record.message.message);
    stop();
}

static void a_damaged_message_closes_the_session(void **state)
{
    (void)state;
    struct tw_record record;
    start();
    send_compressed(0, 5000, 1); /* the announced size */
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_MISBEHAVED);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_damaged), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_in), 0);
    for (uint32_t i = 0; i < 10; i++) {
        rig_turn(&rig, 200 * RIG_MS);
        while (rig_record(&rig, 0, &record))
            assert_int_not_equal(record.type, TW_RECORD_MESSAGE);
    }
    assert_int_equal(talk()->pool.free_count, rig.config.limits.message_memory_kb);
    assert_int_equal(talk()->bulk->lent, 0);
    stop();
}

/* With the handle in front it would not be a message any more. */
static void too_long_a_message_closes_the_session(void **state)
{
    (void)state;
    struct tw_record record;
    start();
    send_entry(whole(TW_CHANNEL_STATE, 1, TW_SAID_UNRELIABLE_MAX));
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.message.message->size, TW_SAID_UNRELIABLE_MAX);
    give_back(record.message.message);
    send_entry(whole(TW_CHANNEL_STATE, 2, TW_SAID_UNRELIABLE_MAX + 1u));
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_MISBEHAVED);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_damaged), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_in), 1);
    for (uint32_t i = 0; i < 10; i++)
        rig_turn(&rig, 200 * RIG_MS);
    stop();
}

/* While a port has no link, what a session has to say is tried two hundred times a second at most.
 */
static void a_dead_link_is_not_tried_all_the_time(void **state)
{
    (void)state;
    static struct tw_port_orders orders;
    memset(&orders, 0, sizeof(orders));
    start_with(&orders);
    tw_port_orders_give(&orders, 0, TW_PORT_LINK_DOWN);
    give_part(100, 0);
    uint32_t before = client.received;
    for (uint32_t i = 0; i < 1000; i++)
        rig_turn(&rig, RIG_MS / 10);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.received, before);
    assert_in_range(rig_send(&rig, TW_SEND_LINK_DOWN), 2, 25); /* in 100 ms */
    tw_port_orders_give(&orders, 0, TW_PORT_SERVE);
    rig_turn(&rig, 10 * RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.received, before + 1);
    assert_true(client.frames.has_messages);
    stop();
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_lent_and_come_back),
        cmocka_unit_test(a_shards_message_reaches_the_client_and_is_sent_again),
        cmocka_unit_test(acks_of_packets_never_sent_are_refused),
        cmocka_unit_test(contradictions_close_the_session_in_the_end),
        cmocka_unit_test(a_message_begun_and_left_closes_the_session),
        cmocka_unit_test(whoever_takes_nothing_is_closed),
        cmocka_unit_test(whoever_takes_too_little_is_closed_and_makes_nobody_wait),
        cmocka_unit_test(whoever_takes_what_comes_stays),
        cmocka_unit_test(the_latest_is_dropped_for_lack_of_room),
        cmocka_unit_test(a_flood_of_messages_waits_for_its_budget),
        cmocka_unit_test(channels_run_out_and_come_back),
        cmocka_unit_test(large_messages_leave_compressed_if_that_helps),
        cmocka_unit_test(compressed_messages_are_restored_for_the_shard),
        cmocka_unit_test(a_large_message_costs_its_size_when_it_matters),
        cmocka_unit_test(messages_are_dear_while_somebody_is_behind),
        cmocka_unit_test(what_was_left_out_is_paid_for),
        cmocka_unit_test(a_damaged_message_closes_the_session),
        cmocka_unit_test(too_long_a_message_closes_the_session),
        cmocka_unit_test(a_dead_link_is_not_tried_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
