/* SPDX-License-Identifier: BSD-3-Clause */
/* A transport goes from owner to owner in the middle of what it says and hears: nothing is lost,
 * comes twice or overtakes, and nothing stays behind. */
#include "dataplane/wire/transport.h"

#include "tests/sim/memory.h"
#include "tests/unit/wire/testing.h"

#include <stdlib.h>

#define BLOCKS     1024u
#define CHANNELS   2u
#define SIZE_LEAST 8u
#define IDS        4096u /* of messages, each way and channel */

struct home {
    struct tw_block_pool pool;
    struct tw_channels_pool channels;
    void *memory, *channels_memory;
};

struct end {
    struct tw_transport transport;
    struct home homes[2];
    uint32_t home;
    uint64_t sequence;                      /* of its newest packet */
    uint32_t said[TW_CHANNEL_COUNT];        /* by channel, the next id */
    uint32_t heard_next[TW_CHANNEL_COUNT];  /* of the ordered one */
    uint32_t heard_count[TW_CHANNEL_COUNT]; /* of the peer's */
    uint8_t heard[TW_CHANNEL_COUNT][IDS];
    uint64_t said_bytes;
};

static struct end ends[2];
static uint64_t random_state;
static uint64_t now_us;
static bool shared; /* pools are: what comes in is promised its room */

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(testing_random(&random_state) >> 32) % bound;
}

static void make_home(struct home *home)
{
    home->memory = sim_take(tw_block_pool_footprint(BLOCKS));
    tw_block_pool_init(&home->pool, home->memory, BLOCKS);
    if (shared)
        tw_block_pool_promise(&home->pool, CHANNELS);
    struct tw_channels_config config = {.blocks = &home->pool, .send_blocks_max = 128};
    home->channels_memory = sim_take(tw_channels_pool_footprint(CHANNELS));
    memset(home->channels_memory, 0xa5, tw_channels_pool_footprint(CHANNELS));
    tw_channels_pool_init(&home->channels, &config, home->channels_memory, CHANNELS);
}

static void make_ends(uint64_t seed)
{
    memset(ends, 0, sizeof(ends));
    random_state = seed;
    now_us = 1000000;
    for (uint32_t i = 0; i < 2; i++) {
        make_home(&ends[i].homes[0]);
        make_home(&ends[i].homes[1]);
        struct tw_transport_config config = {.channels = &ends[i].homes[0].channels,
                                             .first_sequence = 1};
        tw_transport_init(&ends[i].transport, &config, now_us);
    }
}

static void expect_nothing_in(const struct home *home)
{
    assert_int_equal(home->pool.free_count, BLOCKS);
    assert_int_equal(home->pool.incoming + home->pool.claimed + home->pool.loose, 0);
    assert_null(home->pool.line_first);
    assert_int_equal(home->channels.free_count, CHANNELS);
}

static void free_ends(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        struct home *home = &ends[i / 2u].homes[i % 2u];
        if (i % 2u == 0)
            tw_transport_fini(&ends[i / 2u].transport);
        expect_nothing_in(home);
        free(home->memory);
        free(home->channels_memory);
    }
}

static uint8_t byte_of(uint32_t channel, uint32_t id, uint32_t at)
{
    return (uint8_t)(channel * 83u + id * 31u + at * 7u + at / 128u);
}

static void say(struct end *end, uint8_t channel, uint32_t size)
{
    uint8_t bytes[TW_MESSAGE_MAX];
    uint32_t id = end->said[channel];
    if (id == IDS)
        return;
    for (uint32_t i = 4; i < size; i++)
        bytes[i] = byte_of(channel, id, i);
    tw_store_u32(bytes, id);
    struct tw_outgoing message = {.channel = channel, .bytes = bytes, .size = size};
    enum tw_sender_result result = tw_transport_send(&end->transport, &message, now_us);
    assert_true(result == TW_SENDER_QUEUED || result == TW_SENDER_FULL);
    end->said[channel] += result == TW_SENDER_QUEUED;
    end->said_bytes += result == TW_SENDER_QUEUED ? size : 0;
}

static void hear(struct end *end)
{
    static uint8_t bytes[TW_MESSAGE_MAX];
    struct tw_block_pool *pool = &end->homes[end->home].pool;
    struct tw_message *message;
    while (below(4) != 0 && (message = tw_transport_take(&end->transport)) != NULL) {
        tw_message_copy(message, pool->blocks, bytes);
        uint32_t id = tw_load_u32(bytes), channel = message->channel;
        assert_in_range(id, 0, IDS - 1u);
        assert_int_equal(end->heard[channel][id], 0);
        end->heard[channel][id] = 1;
        end->heard_count[channel]++;
        assert_true(channel != TW_CHANNEL_ORDERED || id == end->heard_next[channel]);
        end->heard_next[channel] = id + 1u;
        for (uint32_t i = 4; i < message->size; i++)
            assert_int_equal(bytes[i], byte_of(channel, id, i));
        tw_message_free(pool, message);
    }
}

/* One packet, of which one in ten is lost. */
static void send_packet(struct end *from, struct end *to)
{
    uint8_t plaintext[TW_PLAINTEXT_BASE];
    struct tw_server_frames frames;
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_transport_update(&from->transport, now_us);
    tw_transport_write(&from->transport, &writer, now_us);
    size_t size = (size_t)(writer.next - plaintext);
    if (size == 0)
        return;
    tw_transport_sent(&from->transport, (uint32_t)size + TW_PACKET_MIN, now_us);
    from->sequence++;
    if (below(10) == 0)
        return;
    assert_int_equal(tw_server_frames_decode(&frames, plaintext, size), TW_FRAMES_OK);
    struct tw_transport_packet packet = {
        .sequence = from->sequence,
        .ack = frames.has_ack ? &frames.ack : NULL,
        .messages = frames.has_messages ? frames.messages : NULL,
        .messages_size = frames.messages_size,
    };
    enum tw_transport_result result = tw_transport_receive(&to->transport, &packet, now_us);
    assert_true(result == TW_TRANSPORT_OK || result == TW_TRANSPORT_NO_ROOM);
}

/* As from worker to worker. True: messages were under way. */
static bool move(struct end *end)
{
    struct home *old = &end->homes[end->home], *new = &end->homes[1u - end->home];
    struct tw_transport moved = end->transport;
    struct tw_channels *channels = end->transport.channels;
    expect_nothing_in(new);
    if (channels)
        tw_receiver_leave_line(&channels->receiver);
    assert_true(tw_transport_adopt(&moved, &new->channels, &tw_congestion_defaults));
    assert_int_equal(new->channels.free_count, CHANNELS - (channels != NULL));
    /* What goes out is packed anew, in another order. */
    assert_int_equal(new->pool.incoming, old->pool.incoming);
    assert_in_range(new->pool.free_count, old->pool.free_count - 2u, BLOCKS);
    if (channels)
        tw_channels_give_copied(&old->channels, channels);
    expect_nothing_in(old);
    end->transport = moved;
    end->home = 1u - end->home;
    return channels != NULL;
}

static bool all_heard(const struct end *from, const struct end *to)
{
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        if (to->heard_count[channel] != from->said[channel])
            return false;
    }
    return true;
}

static void turn(void)
{
    now_us += 1000;
    for (uint32_t i = 0; i < 2; i++)
        send_packet(&ends[i], &ends[1u - i]);
    for (uint32_t i = 0; i < 2; i++)
        hear(&ends[i]);
}

static void messages_go_along(void)
{
    uint32_t talking = 0;
    make_ends(testing_seed());
    for (uint32_t round = 0; round < 20000; round++) {
        struct end *end = &ends[below(2)];
        uint8_t channel = (uint8_t)(TW_CHANNEL_ORDERED + below(3));
        uint32_t size = below(8) == 0 ? 6000 : 300;
        /* Pauses as well, in which there are no channels to take along. */
        if (below(4) == 0 && round / 500u % 4u != 0)
            say(end, channel, SIZE_LEAST + below(size));
        if (below(20) == 0)
            talking += move(end);
        turn();
    }
    for (uint32_t i = 0;
         i < 20000 && !(all_heard(&ends[0], &ends[1]) && all_heard(&ends[1], &ends[0])); i++) {
        turn();
        if (i % 16u == 0)
            move(&ends[i / 16u % 2u]);
    }
    assert_true(all_heard(&ends[0], &ends[1]) && all_heard(&ends[1], &ends[0]));
    assert_true(ends[0].said[TW_CHANNEL_BULK] > 300 && talking > 300);
    for (uint32_t i = 0; i < 200; i++)
        turn();
    for (uint32_t i = 0; i < 2; i++) {
        const struct home *homes = ends[i].homes;
        assert_true(tw_transport_rest(&ends[i].transport));
        uint64_t again = homes[0].channels.again_bytes + homes[1].channels.again_bytes;
        uint64_t sent = homes[0].channels.sent_bytes + homes[1].channels.sent_bytes;
        assert_true(again > 0);
        assert_int_equal(sent - again, ends[i].said_bytes); /* counted once, wherever it was */
    }
    free_ends();
}

static void test_messages_go_along(void **state)
{
    (void)state;
    messages_go_along();
}

/* What one pool has promised is another's to promise anew. */
static void test_messages_go_along_between_shared_pools(void **state)
{
    (void)state;
    shared = true;
    messages_go_along();
    shared = false;
}

/* Whatever is short there, nothing is taken, and nothing is changed here. */
static void test_without_room_nothing_is_taken(void **state)
{
    (void)state;
    make_ends(testing_seed());
    struct end *end = &ends[0];
    struct home *old = &end->homes[0], *new = &end->homes[1];
    for (uint32_t i = 0; i < 20; i++)
        say(end, TW_CHANNEL_BULK, 3000);
    uint32_t needed = BLOCKS - old->pool.free_count;
    assert_true(needed >= 60);
    for (uint32_t spare = 0; spare <= needed; spare++) {
        struct tw_transport moved = end->transport;
        new->pool.free_count = BLOCKS / 4u + spare; /* a quarter is for what comes in */
        assert_int_equal(tw_transport_adopt(&moved, &new->channels, &tw_congestion_defaults),
                         spare == needed);
        assert_int_equal(new->pool.free_count, BLOCKS / 4u + (spare == needed ? 0 : spare));
        assert_int_equal(new->channels.free_count, CHANNELS - (spare == needed));
        assert_true(spare == needed || moved.channels == NULL);
        tw_transport_fini(&moved);
        new->pool.free_count = BLOCKS;
    }
    struct tw_transport moved = end->transport;
    new->channels.free_count = 0;
    assert_false(tw_transport_adopt(&moved, &new->channels, &tw_congestion_defaults));
    new->channels.free_count = CHANNELS;
    for (uint32_t i = 0; i < 2000; i++)
        turn();
    assert_true(all_heard(&ends[0], &ends[1]));
    free_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_go_along),
        cmocka_unit_test(test_messages_go_along_between_shared_pools),
        cmocka_unit_test(test_without_room_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
