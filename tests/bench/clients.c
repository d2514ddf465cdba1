/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/clients.h"

#include "dataplane/engine/tick_schedule.h"
#include "dataplane/gate/udp_frame.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/handshake_client.h"
#include "dataplane/wire/header.h"
#include "simulation/client/view.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT    1024u
#define SECOND_NS     UINT64_C(1000000000)
#define RETRY_NS      (SECOND_NS / 4)
#define HEADERS       (TW_ETHERNET_SIZE + TW_IPV4_SIZE + TW_UDP_SIZE)
#define VIEW_EVERY    100u
#define VIEW_CAPACITY 4096u
#define INPUT_LEAD    2u   /* ticks ahead of the server's clock */
#define SENT_TICKS    256u /* inputs are shown long before 4 s have passed */

struct client {
    bool live;
    uint16_t port;
    struct tw_handshake_client handshake;
    uint64_t next_ns; /* handshake: next try; live: next input */
    struct tw_aead_key send_key, receive_key;
    uint32_t connection_id;
    uint64_t sequence;
    uint64_t newest_received, received_bitmap; /* packet numbers, for the ACK frame */
    uint32_t input_tick, shown_tick;
    uint64_t sent_ns[SENT_TICKS]; /* by input tick */
    uint32_t snapshot_newest, snapshot_bitmap;
    uint64_t snapshot_ns;
    struct tw_view *view; /* one client in VIEW_EVERY */
    uint32_t heading;
};

struct tw_clients {
    struct tw_clients_config config;
    struct tw_parse_rules rules; /* sender of the frames: only address, port, MAC are used */
    const struct tw_aead_backend *aead;
    struct client *clients;
    uint32_t connected, next;
    bool measuring;
    struct tw_clients_results results;
    uint8_t frame[HEADERS + TW_DATAGRAM_MAX];
    uint8_t packet[TW_DATAGRAM_MAX];
};

struct tw_clients *tw_clients_create(const struct tw_clients_config *config)
{
    struct tw_clients *clients = aligned_alloc(64, (sizeof(*clients) + 63u) & ~(size_t)63);
    if (clients == NULL)
        return NULL;
    memset(clients, 0, sizeof(*clients));
    clients->config = *config;
    clients->aead = tw_aead_sodium();
    clients->rules.address = UINT32_C(0xc6120002); /* 198.18.0.2 */
    memcpy(clients->rules.mac, (const uint8_t[6]){2, 0, 0, 0, 0, 2}, 6);
    size_t size = (config->count * sizeof(struct client) + 63u) & ~(size_t)63;
    clients->clients = aligned_alloc(64, size);
    if (clients->clients == NULL) {
        free(clients);
        return NULL;
    }
    memset(clients->clients, 0, size);
    for (uint32_t i = 0; i < config->count; i++) {
        struct client *client = &clients->clients[i];
        client->port = (uint16_t)(FIRST_PORT + i);
        uint8_t secret[TW_KEY_SIZE];
        randombytes_buf(secret, sizeof(secret));
        if (!tw_handshake_client_init(&client->handshake, &config->tokens[i], config->suites,
                                      secret, tw_crc32c_portable))
            abort();
        if (i % VIEW_EVERY == 0)
            client->view = tw_view_init(
                aligned_alloc(64, (tw_view_footprint(VIEW_CAPACITY) + 63u) & ~(size_t)63),
                VIEW_CAPACITY);
    }
    return clients;
}

void tw_clients_destroy(struct tw_clients *clients)
{
    for (uint32_t i = 0; i < clients->config.count; i++)
        free(clients->clients[i].view);
    free(clients->clients);
    free(clients);
}

static void send_packet(struct tw_clients *clients, const struct client *client, uint32_t length)
{
    struct tw_udp_target target = {.port = clients->config.server.port};
    const uint8_t *ip = clients->config.server.ip + 12;
    target.address =
        (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | (uint32_t)ip[3];
    memcpy(target.mac, clients->config.server_mac, sizeof(target.mac));
    clients->rules.udp_port = client->port;
    tw_udp_frame_write(clients->frame, &clients->rules, &target, (uint16_t)length);
    clients->config.send(clients->config.context, clients->frame, HEADERS + length);
}

static void send_sealed(struct tw_clients *clients, struct client *client, struct tw_writer *writer)
{
    uint8_t *packet = clients->frame + HEADERS;
    if (writer->failed)
        abort();
    tw_header_write(packet, (struct tw_header){.connection_id = client->connection_id,
                                               .sequence = ++client->sequence});
    struct tw_aead_job job = {
        .key = &client->send_key, .packet = packet, .length = (uint32_t)(writer->next - packet)};
    clients->aead->seal(&job, 1);
    send_packet(clients, client, job.length);
    if (clients->measuring)
        clients->results.packets_sent++;
}

/* Every unshown input of the last eight ticks; walks in a circle. */
static void send_inputs(struct tw_clients *clients, struct client *client, uint64_t now_ns)
{
    const struct tw_clients_config *config = &clients->config;
    uint32_t newest =
        (uint32_t)tw_tick_at_ns(config->epoch_ns, config->tick_hz, now_ns) + INPUT_LEAD;
    if (newest <= client->input_tick)
        return;
    uint32_t oldest = client->shown_tick + 1;
    if (oldest + TW_INPUTS_MAX <= newest)
        oldest = newest - TW_INPUTS_MAX + 1;
    struct tw_input inputs[TW_INPUTS_MAX];
    uint8_t count = 0;
    for (uint32_t tick = newest; tick >= oldest && count < TW_INPUTS_MAX; tick--) {
        uint32_t octant = (tick / 64 + client->heading) % 8;
        static const int8_t moves[8][2] = {{127, 0},  {90, 90},   {0, 127},  {-90, 90},
                                           {-127, 0}, {-90, -90}, {0, -127}, {90, -90}};
        inputs[count++] = (struct tw_input){.move_x = moves[octant][0],
                                            .move_y = moves[octant][1],
                                            .facing = (uint16_t)(octant * 8192u)};
    }
    for (uint32_t tick = client->input_tick + 1; tick <= newest; tick++)
        client->sent_ns[tick % SENT_TICKS] = now_ns;
    if (clients->measuring)
        clients->results.inputs_sent += newest - client->input_tick;
    client->input_tick = newest;

    uint8_t *packet = clients->frame + HEADERS;
    struct tw_writer writer = tw_writer_make(packet + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    tw_frame_write_inputs(&writer, newest, inputs, count);
    if (client->snapshot_newest != 0)
        tw_frame_write_snapshot_ack(&writer, client->snapshot_newest, client->snapshot_bitmap);
    if (client->newest_received != 0) {
        struct tw_frame_ack ack = {.largest = client->newest_received,
                                   .bitmap = client->received_bitmap};
        tw_frame_write_ack(&writer, &ack);
    }
    send_sealed(clients, client, &writer);
}

void tw_clients_turn(struct tw_clients *clients, uint64_t now_ns, uint32_t budget)
{
    uint32_t count = clients->config.count;
    for (uint32_t looked = 0; looked < count && budget > 0; looked++) {
        struct client *client = &clients->clients[clients->next];
        clients->next = (clients->next + 1) % count;
        if (now_ns < client->next_ns)
            continue;
        budget--;
        if (client->live) {
            send_inputs(clients, client, now_ns);
            client->next_ns += SECOND_NS / clients->config.tick_hz;
            if (client->next_ns < now_ns)
                client->next_ns = now_ns + SECOND_NS / clients->config.tick_hz;
            continue;
        }
        size_t length = tw_handshake_client_packet(&client->handshake, clients->frame + HEADERS);
        if (length > 0)
            send_packet(clients, client, (uint32_t)length);
        client->next_ns = now_ns + RETRY_NS;
    }
}

static void go_live(struct tw_clients *clients, struct client *client, uint64_t now_ns)
{
    const struct tw_handshake_client *handshake = &client->handshake;
    enum tw_suite suite = (enum tw_suite)handshake->welcome.suite;
    tw_packet_key_expand(&client->send_key, clients->aead, suite,
                         handshake->secrets.client_to_server);
    tw_packet_key_expand(&client->receive_key, clients->aead, suite,
                         handshake->secrets.server_to_client);
    client->connection_id = handshake->welcome.connection_id;
    client->heading = randombytes_uniform(8);
    client->live = true;
    clients->connected++;
    /* Spread over a tick, as players are. */
    client->next_ns = now_ns + randombytes_uniform((uint32_t)(SECOND_NS / clients->config.tick_hz));
    tw_handshake_client_wipe(&client->handshake);
}

static void note_packet(struct client *client, uint64_t sequence)
{
    if (sequence > client->newest_received) {
        uint64_t shift = sequence - client->newest_received;
        client->received_bitmap =
            shift > 64 ? 0
                       : ((shift == 64 ? 0 : client->received_bitmap << shift) |
                          (client->newest_received != 0 ? UINT64_C(1) << (shift - 1) : 0));
        client->newest_received = sequence;
    }
}

static void note_snapshot(struct tw_clients *clients, struct client *client, const uint8_t *body,
                          uint64_t now_ns)
{
    struct tw_clients_results *results = &clients->results;
    const struct tw_clients_config *config = &clients->config;
    uint32_t number = tw_load_u32(body + TW_SNAPSHOT_NUMBER);
    uint32_t tick = tw_load_u32(body + TW_SNAPSHOT_TICK);
    uint32_t last_input = tw_load_u32(body + TW_SNAPSHOT_LAST_INPUT);
    if (number <= client->snapshot_newest)
        return;
    uint32_t shift = number - client->snapshot_newest;
    if (clients->measuring) {
        results->snapshots++;
        results->snapshot_gaps += shift - 1;
        uint64_t due_ns = tw_tick_due_ns(config->epoch_ns, config->tick_hz, tick);
        tw_histogram_record(&results->engine_latency, now_ns - due_ns);
        uint64_t interval_ns = now_ns - client->snapshot_ns;
        uint64_t nominal_ns = SECOND_NS / config->snapshot_hz;
        tw_histogram_record(&results->jitter, interval_ns > nominal_ns ? interval_ns - nominal_ns
                                                                       : nominal_ns - interval_ns);
    }
    client->snapshot_bitmap = shift > 32 ? 0
                                         : ((shift == 32 ? 0 : client->snapshot_bitmap << shift) |
                                            (client->snapshot_newest != 0 ? 1u << (shift - 1) : 0));
    client->snapshot_newest = number;
    client->snapshot_ns = now_ns;
    for (uint32_t shown = client->shown_tick + 1; shown <= last_input; shown++)
        if (clients->measuring && client->shown_tick != 0 && last_input - shown < SENT_TICKS)
            tw_histogram_record(&results->latency, now_ns - client->sent_ns[shown % SENT_TICKS]);
    if (last_input > client->shown_tick)
        client->shown_tick = last_input;
}

static void receive_sealed(struct tw_clients *clients, struct client *client, uint32_t length,
                           uint64_t now_ns)
{
    uint8_t *packet = clients->packet;
    struct tw_aead_job job = {.key = &client->receive_key, .packet = packet, .length = length};
    clients->aead->open(&job, 1);
    struct tw_server_frames frames;
    if (!job.ok || tw_server_frames_decode(&frames, packet + TW_HEADER_SIZE,
                                           length - TW_HEADER_SIZE - TW_TAG_SIZE) != TW_FRAMES_OK)
        return;
    note_packet(client, tw_header_read(packet).sequence);
    if (!frames.has_snapshot)
        return;
    if (client->view != NULL) {
        struct tw_view_changes changes;
        if (tw_view_apply(client->view, frames.snapshot, frames.snapshot_size, &changes) !=
            TW_VIEW_APPLIED) {
            clients->results.views_wrong++;
            return;
        }
        clients->results.views_checked += changes.hash_checked ? 1 : 0;
        clients->results.views_wrong += changes.hash_wrong ? 1 : 0;
    }
    note_snapshot(clients, client, frames.snapshot, now_ns);
}

void tw_clients_receive(struct tw_clients *clients, const uint8_t *frame, uint32_t length,
                        uint64_t now_ns)
{
    if (length < HEADERS + TW_HEADER_SIZE + TW_TAG_SIZE || length > sizeof(clients->frame) ||
        tw_load_be16(frame + TW_ETHERNET_TYPE) != TW_ETHERTYPE_IPV4)
        return;
    uint16_t port = tw_load_be16(frame + TW_ETHERNET_SIZE + TW_IPV4_SIZE + TW_UDP_DESTINATION_PORT);
    if (port < FIRST_PORT || port >= FIRST_PORT + clients->config.count)
        return;
    struct client *client = &clients->clients[port - FIRST_PORT];
    length -= HEADERS;
    memcpy(clients->packet, frame + HEADERS, length);
    if (client->live) {
        receive_sealed(clients, client, length, now_ns);
        return;
    }
    enum tw_handshake_news news =
        tw_handshake_client_receive(&client->handshake, clients->packet, length);
    if (news == TW_NEWS_WELCOME)
        go_live(clients, client, now_ns);
    else if (news == TW_NEWS_COOKIE)
        client->next_ns = now_ns;
}

uint32_t tw_clients_connected(const struct tw_clients *clients)
{
    return clients->connected;
}

void tw_clients_measure(struct tw_clients *clients, bool measuring)
{
    clients->measuring = measuring;
}

const struct tw_clients_results *tw_clients_get_results(const struct tw_clients *clients)
{
    return &clients->results;
}
