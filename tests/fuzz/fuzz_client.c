/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server with the right keys that says anything to a client.
 * Input: a row of { u8 kind, … }: kind & 3 = 0 or 1: u16 size, plaintext of a packet; 2: u16 time,
 * in tenths of a millisecond; 3: packets of the client that are due leave. A packet that is refused
 * must have changed nothing, and what the client says must decode.
 */
#include "dataplane/client/session.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/header.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/sim/memory.h"
#include "tests/sim/server_link.h"

#define BLOCKS     700u
#define EVENTS     64u
#define ENTITIES   64u
#define CONNECTION 0x01020304u
#define START_US   UINT64_C(1000000)
#define PACKETS    64u /* a step of time is at most 6.5 s: of what is due then, so much */

static struct tw_block_pool pool;
static struct tw_channels_pool channels;
static struct tw_client_events events;
static struct tw_client_statistics statistics;
static struct tw_client_session session;
static struct server_link server;
static void *view_memory;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static struct tw_client_event queue[EVENTS];
    tw_block_pool_init(&pool, sim_take(tw_block_pool_footprint(BLOCKS)), BLOCKS);
    struct tw_channels_config config = {
        .blocks = &pool, .send_blocks_max = TW_CLIENT_SEND_BLOCKS, .kept = true};
    tw_channels_pool_init(&channels, &config, sim_take(tw_channels_pool_footprint(1)), 1);
    tw_client_events_init(&events, queue, EVENTS);
    view_memory = sim_take(tw_view_footprint(ENTITIES));
    return 0;
}

static void begin(void)
{
    static const struct tw_session_secrets secrets = {.client_to_server = {1},
                                                      .server_to_client = {2}};
    static const struct tw_welcome welcome = {.connection_id = CONNECTION,
                                              .server_time_us = 5000000,
                                              .mtu = TW_DATAGRAM_MAX,
                                              .suite = TW_SUITE_CHACHA20_POLY1305,
                                              .tick_hz = 60,
                                              .snapshot_hz = 20};
    statistics = (struct tw_client_statistics){0};
    struct tw_client_session_config config = {
        .backend = tw_aead_sodium(),
        .secrets = &secrets,
        .welcome = &welcome,
        .view = tw_view_init(view_memory, ENTITIES),
        .channels = &channels,
        .events = &events,
        .statistics = &statistics,
        .times = {.degraded_ms = 1000, .pause_ms = 5000, .park_ms = 30000, .grace_ms = 60000},
    };
    TW_ASSERT(tw_client_session_init(&session, &config, START_US));
    server_link_init(&server, &secrets, TW_SUITE_CHACHA20_POLY1305, CONNECTION, 0);
}

static void say(struct tw_reader *input, uint64_t now_us)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = fuzz_u16(input) % (TW_PLAINTEXT_MAX + 1u);
    fuzz_take(input, packet + TW_HEADER_SIZE, size);
    size = server_link_seal(&server, packet, size);
    uint32_t free_blocks = pool.free_count;
    uint64_t snapshots = statistics.snapshots;
    bool closed = session.closed;
    bool response_due = session.response_due;
    if (tw_client_session_receive(&session, packet, size, now_us))
        return;
    TW_ASSERT(pool.free_count == free_blocks && statistics.snapshots == snapshots);
    TW_ASSERT(session.closed == closed && session.response_due == response_due);
    TW_ASSERT(session.transport.acks.largest != server.next_sequence - 1u);
}

static void take_messages(void)
{
    struct tw_message *message;
    while ((message = tw_transport_take(&session.transport)) != NULL)
        tw_message_free(&pool, message);
}

static void answer(uint64_t now_us)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint8_t packet[TW_DATAGRAM_MAX];
        size_t size = tw_client_session_write(&session, packet, now_us);
        if (size == 0)
            return;
        TW_ASSERT(size <= sizeof(packet));
        TW_ASSERT(server_link_open(&server, packet, size, now_us * 1000u) == SERVER_LINK_OK);
        struct tw_client_frames frames;
        TW_ASSERT(tw_client_frames_decode(&frames, packet + TW_HEADER_SIZE, size - TW_PACKET_MIN) ==
                  TW_FRAMES_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader input = tw_reader_make(data, size);
    uint64_t now_us = START_US;
    struct tw_client_event event;
    begin();
    while (tw_reader_left(&input) > 0 && !tw_client_session_exhausted(&session)) {
        switch (fuzz_u8(&input) & 3u) {
        case 2:
            now_us += fuzz_u16(&input) * UINT64_C(100);
            (void)tw_client_session_health(&session, now_us);
            break;
        case 3:
            answer(now_us);
            break;
        default:
            say(&input, now_us);
            take_messages();
            break;
        }
        while (tw_client_events_pop(&events, &event))
            ;
    }
    tw_client_session_wipe(&session);
    TW_ASSERT(pool.free_count == pool.capacity && channels.free_count == channels.capacity);
    return 0;
}
