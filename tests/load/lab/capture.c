/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/capture.h"

#include "dataplane/client/session.h"
#include "tests/load/lab/datagram.h"
#include "tests/load/lab/events.h"
#include "tests/load/random.h"
#include "tests/load/walk.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)
/* A client's one-way delay, and what comes on top of it packet by packet: mostly little, one time
 * in fifty a queue somewhere. A path is a queue: what comes behind a late packet is late, too, and
 * then they come in a row. */
#define DELAY_MIN_US   3000u
#define DELAY_MAX_US   45000u
#define JITTER_US      1500u
#define SPIKE_US       20000u
#define SPIKE_ONE_IN   50u
#define BEHIND_US      10u  /* two packets that waited in one queue */
#define FRAME_SHAKE_US 800u /* a game's frames are not quite even */
#define SERVER_TIME_US (TW_LAB_START_S * UINT64_C(1000000))
/* Any number of packets of the library's own is shorter. */
#define DATAGRAM_MAX 256u
#define NO_DATAGRAM  UINT32_MAX
#define FIRST_PORT   20000u
/* No account of a store has such a number. */
#define ACCOUNT_BASE (UINT64_C(1) << 62)

enum kind {
    KIND_TURN,     /* a client's frame */
    KIND_ARRIVAL,  /* a datagram at the engine */
    KIND_SNAPSHOT, /* the server's for one client */
    KIND_DELIVERY, /* a datagram at the client */
};

struct datagram {
    uint32_t next_free;
    uint32_t length;
    uint8_t bytes[DATAGRAM_MAX];
};

struct client {
    struct tw_client_session session;
    struct tw_client_link server; /* the other end */
    struct tw_view *view;
    struct tw_load_walk walk;
    uint64_t random;
    uint64_t delay_ns;
    uint64_t last_ns[2]; /* newest arrival at either end */
    uint64_t newest;     /* largest packet number captured */
    struct tw_acks acks; /* of the server's end */
    uint32_t snapshot;
    uint32_t newest_input_tick;
    uint32_t connection_id;
    uint8_t suite;
};

struct tw_capture {
    struct tw_capture_config config;
    struct client *clients;
    uint8_t *views;
    struct tw_lab_events events;
    struct datagram *datagrams; /* grows */
    uint32_t datagram_count, first_free;
    struct tw_client_events client_events; /* nobody looks at them */
    struct tw_client_event client_event_queue[TW_CLIENT_EVENTS_RESERVE + 4u];
    struct tw_client_statistics statistics;
    uint8_t seed[TW_LAB_SEED_SIZE];
    uint8_t frame[TW_LAB_HEADERS_MAX + DATAGRAM_MAX];
};

/* ---- who is who ----------------------------------------------------------------------------- */

static uint32_t clients_per_worker(const struct tw_capture_config *config)
{
    return (config->clients + config->workers - 1u) / config->workers;
}

struct tw_address tw_capture_address(const struct tw_capture_config *config, uint32_t client)
{
    uint32_t host = client % config->client_hosts;
    struct tw_address address = tw_address_from_ipv6(
        config->client_ip, (uint16_t)(FIRST_PORT + client / config->client_hosts));
    /* Those of IPv4 end in these 32 bits, too. */
    tw_store_be32(address.ip + 12, tw_load_be32(address.ip + 12) + host);
    return address;
}

static uint32_t connection_id_of(const struct tw_capture_config *config, uint32_t client,
                                 uint64_t *random)
{
    uint32_t per_worker = clients_per_worker(config);
    uint32_t generation = 1u + tw_load_random_below(random, (1u << TW_GENERATION_BITS) - 1u);
    return tw_connection_id(client / per_worker, config->first_slot + client % per_worker,
                            generation);
}

static uint8_t suite_of(uint8_t suites, uint32_t client)
{
    if (suites == TW_SUITES_KNOWN)
        return client % 2u == 0 ? TW_SUITE_CHACHA20_POLY1305 : TW_SUITE_AES256_GCM;
    return suites;
}

struct tw_lab_header tw_capture_header(const struct tw_capture *capture)
{
    struct tw_lab_header header = {.count = capture->config.clients,
                                   .tick_hz = (uint16_t)capture->config.tick_hz,
                                   .duration_ns = capture->config.duration_ns};
    memcpy(header.seed, capture->seed, sizeof(header.seed));
    return header;
}

struct tw_lab_session tw_capture_session(const struct tw_capture *capture, uint32_t client)
{
    const struct client *who = &capture->clients[client];
    return (struct tw_lab_session){
        .connection_id = who->connection_id,
        .index = client,
        .world = capture->config.world,
        .suite = who->suite,
        .port = capture->config.port,
        .account =
            ACCOUNT_BASE | (tw_load_u64(capture->seed) & UINT64_C(0x3ffffffffff)) << 20 | client,
        .address = tw_capture_address(&capture->config, client),
        .first_sequence = TW_SEQUENCE_FIRST,
        .packets = (uint32_t)who->newest,
    };
}

/* ---- datagrams under way -------------------------------------------------------------------- */

static uint32_t take_datagram(struct tw_capture *capture)
{
    if (capture->first_free == NO_DATAGRAM) {
        uint32_t count = capture->datagram_count == 0 ? 1024u : capture->datagram_count * 2u;
        struct datagram *larger = realloc(capture->datagrams, count * sizeof(*larger));
        if (!larger)
            return NO_DATAGRAM;
        for (uint32_t i = capture->datagram_count; i < count; i++)
            larger[i].next_free = i + 1u < count ? i + 1u : NO_DATAGRAM;
        capture->first_free = capture->datagram_count;
        capture->datagrams = larger;
        capture->datagram_count = count;
    }
    uint32_t taken = capture->first_free;
    capture->first_free = capture->datagrams[taken].next_free;
    return taken;
}

static void return_datagram(struct tw_capture *capture, uint32_t datagram)
{
    capture->datagrams[datagram].next_free = capture->first_free;
    capture->first_free = datagram;
}

static uint64_t arrival_ns(struct client *client, bool at_client, uint64_t now_ns)
{
    uint64_t extra_us = tw_load_random_below(&client->random, JITTER_US);
    if (tw_load_random_below(&client->random, SPIKE_ONE_IN) == 0)
        extra_us += tw_load_random_below(&client->random, SPIKE_US);
    uint64_t at_ns = now_ns + client->delay_ns + extra_us * NS_PER_US;
    uint64_t *last_ns = &client->last_ns[at_client];
    if (at_ns < *last_ns + BEHIND_US * NS_PER_US)
        at_ns = *last_ns + BEHIND_US * NS_PER_US;
    *last_ns = at_ns;
    return at_ns;
}

/* Running out of memory ends the program: a capture that lacks packets is no capture. */
static void schedule(struct tw_capture *capture, struct tw_lab_event event)
{
    if (!tw_lab_events_push(&capture->events, event))
        abort();
}

/* `leaves` says of whom, which way and when. */
static void send_datagram(struct tw_capture *capture, struct tw_lab_event leaves,
                          const uint8_t *bytes, size_t length)
{
    uint32_t datagram = take_datagram(capture);
    TW_ASSERT(length <= DATAGRAM_MAX);
    if (datagram == NO_DATAGRAM)
        abort();
    memcpy(capture->datagrams[datagram].bytes, bytes, length);
    capture->datagrams[datagram].length = (uint32_t)length;
    struct tw_lab_event arrives = leaves;
    arrives.at_ns =
        arrival_ns(&capture->clients[leaves.client], leaves.kind == KIND_DELIVERY, leaves.at_ns);
    arrives.datagram = datagram;
    schedule(capture, arrives);
}

/* ---- the server's end ----------------------------------------------------------------------- */

static uint64_t server_time_us(uint64_t now_ns)
{
    return SERVER_TIME_US + now_ns / NS_PER_US;
}

/* Frames stand at packet + TW_HEADER_SIZE, up to the writer. */
static void answer(struct tw_capture *capture, uint32_t number, uint8_t *packet,
                   struct tw_writer *writer, uint64_t now_ns)
{
    struct client *client = &capture->clients[number];
    struct tw_frame_ack ack;
    if (tw_acks_frame(&client->acks, &ack, now_ns / NS_PER_US))
        tw_frame_write_ack(writer, &ack);
    TW_ASSERT(!writer->failed);
    size_t plaintext = (size_t)(writer->next - packet) - TW_HEADER_SIZE;
    size_t length = tw_client_link_seal(&client->server, packet, plaintext);
    struct tw_lab_event leaves = {.at_ns = now_ns, .kind = KIND_DELIVERY, .client = number};
    send_datagram(capture, leaves, packet, length);
}

static struct tw_writer frames_of(uint8_t packet[TW_DATAGRAM_MAX])
{
    return tw_writer_make(packet + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
}

/* A snapshot of an empty world: number, tick, last input, no self, nothing in sight. */
static void send_snapshot(struct tw_capture *capture, uint32_t number, uint64_t now_ns)
{
    struct client *client = &capture->clients[number];
    uint8_t packet[TW_DATAGRAM_MAX];
    uint8_t body[TW_SNAPSHOT_FIXED_SIZE + 4u] = {0}; /* four empty lists */
    uint32_t tick = (uint32_t)(server_time_us(now_ns) * capture->config.tick_hz / 1000000u);
    struct tw_writer writer = frames_of(packet);
    uint32_t applied = client->newest_input_tick < tick ? client->newest_input_tick : tick;
    tw_store_u32(body + TW_SNAPSHOT_NUMBER, ++client->snapshot);
    tw_store_u32(body + TW_SNAPSHOT_TICK, tick);
    tw_store_u32(body + TW_SNAPSHOT_LAST_INPUT, applied);
    tw_write_u8(&writer, TW_FRAME_SNAPSHOT);
    tw_write_u16(&writer, sizeof(body));
    tw_write_bytes(&writer, body, sizeof(body));
    answer(capture, number, packet, &writer, now_ns);
    schedule(capture,
             (struct tw_lab_event){.at_ns = now_ns + NS_PER_S / capture->config.snapshot_hz,
                                   .kind = KIND_SNAPSHOT,
                                   .client = number});
}

/* Opens what arrived as an engine would: a capture holds nothing that is not valid. */
static void take_in(struct tw_capture *capture, uint32_t number, const struct datagram *datagram,
                    uint64_t now_ns)
{
    struct client *client = &capture->clients[number];
    uint8_t packet[TW_DATAGRAM_MAX];
    struct tw_client_frames frames;
    memcpy(packet, datagram->bytes, datagram->length);
    uint64_t sequence = tw_load_u64(packet + TW_HEADER_SEQUENCE);
    enum tw_client_link_result opened =
        tw_client_link_open(&client->server, packet, datagram->length, now_ns / NS_PER_US);
    TW_ASSERT(opened == TW_CLIENT_LINK_OK);
    enum tw_frames_result decoded =
        tw_client_frames_decode(&frames, packet + TW_HEADER_SIZE, datagram->length - TW_PACKET_MIN);
    TW_ASSERT(decoded == TW_FRAMES_OK);
    tw_acks_take(&client->acks, sequence, false, now_ns / NS_PER_US);
    if (sequence > client->newest)
        client->newest = sequence;
    if (frames.has_inputs && frames.newest_tick > client->newest_input_tick)
        client->newest_input_tick = frames.newest_tick;
    if (!frames.has_ping)
        return;
    struct tw_writer writer = frames_of(packet);
    struct tw_frame_pong pong = {.echo_us = frames.ping_time_us,
                                 .received_us = server_time_us(now_ns),
                                 .sent_us = server_time_us(now_ns)};
    tw_frame_write_pong(&writer, &pong);
    answer(capture, number, packet, &writer, now_ns);
}

/* ---- the client's end ----------------------------------------------------------------------- */

static void take_turn(struct tw_capture *capture, uint32_t number, uint64_t now_ns)
{
    struct client *client = &capture->clients[number];
    uint64_t now_us = server_time_us(now_ns); /* any origin would do */
    uint8_t packet[TW_DATAGRAM_MAX];
    struct tw_client_input input;
    if (tw_load_walk_step(&client->walk, now_us, &input))
        client->session.inputs.current = (struct tw_input){.move_x = input.move_x,
                                                           .move_y = input.move_y,
                                                           .facing = input.facing,
                                                           .buttons = input.buttons};
    size_t length = tw_client_session_write(&client->session, packet, now_us);
    struct tw_lab_event leaves = {.at_ns = now_ns, .kind = KIND_ARRIVAL, .client = number};
    if (length > 0)
        send_datagram(capture, leaves, packet, length);
    uint64_t frame_ns = NS_PER_S / capture->config.tick_hz;
    uint64_t shake_ns = tw_load_random_below(&client->random, FRAME_SHAKE_US) * NS_PER_US;
    /* Frames stay on their grid: what one is late, the next one is early. */
    uint64_t grid_ns = now_ns - (now_ns - client->delay_ns % frame_ns) % frame_ns;
    schedule(capture, (struct tw_lab_event){.at_ns = grid_ns + frame_ns + shake_ns,
                                            .kind = KIND_TURN,
                                            .client = number});
}

/* Snapshots never overtake here, so everything is taken. */
static void deliver(struct tw_capture *capture, const struct tw_lab_event *event)
{
    struct datagram *datagram = &capture->datagrams[event->datagram];
    bool taken =
        tw_client_session_receive(&capture->clients[event->client].session, datagram->bytes,
                                  datagram->length, server_time_us(event->at_ns));
    TW_ASSERT(taken);
    return_datagram(capture, event->datagram);
}

static bool make_client(struct tw_capture *capture, uint32_t number, size_t view_size)
{
    const struct tw_capture_config *config = &capture->config;
    struct client *client = &capture->clients[number];
    client->random = config->seed * UINT64_C(1000003) + number;
    client->walk.random = tw_load_random(&client->random);
    client->connection_id = connection_id_of(config, number, &client->random);
    client->suite = suite_of(config->suites, number);
    client->delay_ns =
        (DELAY_MIN_US + tw_load_random_below(&client->random, DELAY_MAX_US - DELAY_MIN_US)) *
        NS_PER_US;
    client->view = tw_view_init(capture->views + number * view_size, 1);

    struct tw_session_secrets secrets = {0};
    tw_lab_secrets_derive(capture->seed, number, secrets.client_to_server,
                          secrets.server_to_client);
    struct tw_welcome welcome = {.connection_id = client->connection_id,
                                 .world = config->world,
                                 .server_time_us = SERVER_TIME_US,
                                 .suite = client->suite,
                                 .tick_hz = (uint8_t)config->tick_hz};
    struct tw_client_session_config session = {
        .backend = tw_aead_sodium(),
        .secrets = &secrets,
        .welcome = &welcome,
        .view = client->view,
        .events = &capture->client_events,
        .statistics = &capture->statistics,
    };
    tw_client_link_init(&client->server, tw_aead_sodium(), &secrets, (enum tw_suite)client->suite,
                        TW_CLIENT_LINK_SERVER);
    client->server.connection_id = client->connection_id;
    return tw_client_session_init(&client->session, &session, SERVER_TIME_US);
}

static void start_client(struct tw_capture *capture, uint32_t number)
{
    struct client *client = &capture->clients[number];
    /* The delay is as good as any number for where its frames lie. */
    uint64_t frame_ns = NS_PER_S / capture->config.tick_hz;
    uint64_t snapshot_ns = NS_PER_S / capture->config.snapshot_hz;
    schedule(capture, (struct tw_lab_event){.at_ns = client->delay_ns % frame_ns,
                                            .kind = KIND_TURN,
                                            .client = number});
    schedule(capture,
             (struct tw_lab_event){.at_ns = snapshot_ns +
                                            tw_load_random_below(&client->random, 1000) * NS_PER_US,
                                   .kind = KIND_SNAPSHOT,
                                   .client = number});
}

/* ---- life ----------------------------------------------------------------------------------- */

static void derive_seed(struct tw_capture *capture)
{
    static const char label[] = "tickwire capture seed";
    uint8_t input[sizeof(label) + sizeof(capture->config.seed)];
    memcpy(input, label, sizeof(label));
    tw_store_u64(input + sizeof(label), capture->config.seed);
    crypto_hash_sha256(capture->seed, input, sizeof(input));
}

struct tw_capture *tw_capture_create(const struct tw_capture_config *config)
{
    if (config->clients == 0 || config->workers == 0 || config->workers > TW_WORKERS_MAX ||
        config->first_slot >= TW_SESSIONS_PER_WORKER || config->port >= TW_PORTS_MAX ||
        clients_per_worker(config) > TW_SESSIONS_PER_WORKER - config->first_slot)
        return NULL;
    struct tw_capture *capture = calloc(1, sizeof(*capture));
    if (!capture)
        return NULL;
    size_t view_size = (tw_view_footprint(1) + 63u) & ~(size_t)63u;
    capture->config = *config;
    capture->first_free = NO_DATAGRAM;
    capture->clients = calloc(config->clients, sizeof(*capture->clients));
    capture->views = aligned_alloc(64, config->clients * view_size);
    derive_seed(capture);
    tw_client_events_init(&capture->client_events, capture->client_event_queue,
                          TW_CLIENT_EVENTS_RESERVE + 4u);
    bool made = capture->clients != NULL && capture->views != NULL;
    for (uint32_t i = 0; made && i < config->clients; i++)
        made = make_client(capture, i, view_size);
    for (uint32_t i = 0; made && i < config->clients; i++)
        start_client(capture, i);
    if (made)
        return capture;
    tw_capture_destroy(capture);
    return NULL;
}

void tw_capture_destroy(struct tw_capture *capture)
{
    if (!capture)
        return;
    tw_lab_events_free(&capture->events);
    free(capture->datagrams);
    free(capture->clients);
    free(capture->views);
    free(capture);
}

/* Its length. */
static uint32_t write_frame(struct tw_capture *capture, uint32_t number,
                            const struct datagram *datagram)
{
    const struct tw_capture_config *config = &capture->config;
    struct tw_lab_ends ends = {
        .from = tw_capture_address(config, number),
        .to = tw_address_from_ipv6(config->engine_ip, config->engine_port),
    };
    memcpy(ends.from_mac, config->client_mac, sizeof(ends.from_mac));
    memcpy(ends.to_mac, config->engine_mac, sizeof(ends.to_mac));
    memcpy(capture->frame + tw_lab_headers_size(&ends), datagram->bytes, datagram->length);
    return tw_lab_datagram_write(capture->frame, &ends, datagram->length);
}

static struct tw_capture_frame arrive(struct tw_capture *capture, const struct tw_lab_event *event)
{
    const struct datagram *datagram = &capture->datagrams[event->datagram];
    struct tw_capture_frame frame = {.at_ns = event->at_ns,
                                     .bytes = capture->frame,
                                     .length = write_frame(capture, event->client, datagram)};
    take_in(capture, event->client, datagram, event->at_ns);
    return_datagram(capture, event->datagram);
    return frame;
}

bool tw_capture_next(struct tw_capture *capture, struct tw_capture_frame *frame)
{
    struct tw_lab_event event;
    while (tw_lab_events_pop(&capture->events, &event) &&
           event.at_ns < capture->config.duration_ns) {
        switch ((enum kind)event.kind) {
        case KIND_TURN:
            take_turn(capture, event.client, event.at_ns);
            break;
        case KIND_SNAPSHOT:
            send_snapshot(capture, event.client, event.at_ns);
            break;
        case KIND_DELIVERY:
            deliver(capture, &event);
            break;
        case KIND_ARRIVAL:
            *frame = arrive(capture, &event);
            return true;
        }
    }
    return false;
}
