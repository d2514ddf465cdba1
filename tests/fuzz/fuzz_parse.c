/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the way of a frame from the wire to decoded frames, without DPDK.
 *
 * Byte 0 of the input chooses: bit 0 clear: the rest is a raw frame (bit 1: the network card has
 * called the checksums good). Bit 0 set: the rest is plaintext that is sealed for a real session,
 * framed (bit 2: over IPv6; bit 3: in a key phase that the server has just started), and then
 * bent in one place; a bent packet must never be accepted, and moves no phase.
 */
#include "dataplane/gate/arp.h"
#include "dataplane/gate/icmp.h"
#include "dataplane/gate/icmpv6.h"
#include "dataplane/gate/live.h"
#include "dataplane/gate/nd.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/udp_frame.h"
#include "dataplane/wire/handshake.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <stdlib.h>

#define NOW_NS    UINT64_C(1000000000)
#define FRAME_MAX 2048u
#define PORT      7777u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tw_parse_rules server = {.mac = {2, 0, 0, 0, 0, 1},
                                             .prefix_length = 24,
                                             .udp_port = PORT,
                                             .address = 0xc6120001,
                                             .has_ipv6 = true,
                                             .prefix_length6 = 64,
                                             .address6 = {0xfd, 0x12, [15] = 1}};
static const struct tw_parse_rules client = {.mac = {2, 0, 0, 0, 0, 2},
                                             .prefix_length = 24,
                                             .udp_port = 5000,
                                             .address = 0xc6120002,
                                             .has_ipv6 = true,
                                             .prefix_length6 = 64,
                                             .address6 = {0xfd, 0x12, [15] = 2}};

struct bench {
    struct tw_sessions sessions;
    struct tw_path_tries tries;
    struct tw_live live;
    uint32_t slot;
    uint32_t id;
    uint8_t flag; /* key phase that the client seals in */
};

static uint8_t memory[16384] __attribute__((aligned(64)));

/* next_phase: the server started phase 1, and the client follows. */
static void install(struct bench *bench, bool over_ipv6, bool next_phase)
{
    static const uint8_t secret[TW_KEY_SIZE] = {7};
    TW_ASSERT(sodium_init() >= 0 && tw_sessions_footprint(4) <= sizeof(memory));
    memset(memory, 0, sizeof(memory));
    memset(bench, 0, sizeof(*bench));
    tw_sessions_init(&bench->sessions, memory, 4, 0, 11);
    bench->slot = tw_sessions_take(&bench->sessions);
    bench->id = tw_sessions_id(&bench->sessions, bench->slot);
    struct tw_session_body *body = &bench->sessions.bodies[bench->slot];
    bench->sessions.hot[bench->slot].address =
        over_ipv6 ? tw_address_from_ipv6(client.address6, client.udp_port)
                  : tw_address_from_ipv4(client.address, client.udp_port);
    tw_packet_key_expand(&body->receive_keys[0], tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305,
                         secret);
    tw_packet_key_expand(&body->send_key, tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305, secret);
    struct tw_phase_use use = {0};
    tw_phase_server_init(&body->phase, secret, secret, &use, NOW_NS);
    if (next_phase) {
        struct tw_phase_keys keys = {
            .backend = tw_aead_sodium(), .receive = body->receive_keys, .send = &body->send_key};
        tw_phase_server_start(&body->phase, &keys, &use, NOW_NS);
    }
    bench->flag = tw_phase_server_send_flag(&body->phase);
    tw_replay_init(&body->replay);
    tw_path_tries_init(&bench->tries, 11);
    bench->live = (struct tw_live){.sessions = &bench->sessions,
                                   .aead = tw_aead_sodium(),
                                   .path_tries = &bench->tries,
                                   .session_rate = tw_budget_rate_make(1000, 1000)};
}

static void check_hello(const struct tw_packet *packet)
{
    struct tw_hello hello;
    if (tw_hello_parse(&hello, packet->payload, packet->payload_length, tw_crc32c_portable) ==
        TW_HELLO_OK)
        TW_ASSERT(hello.ephemeral >= packet->payload);
    if (tw_hello2_parse(&hello, packet->payload, packet->payload_length, tw_crc32c_portable) ==
        TW_HELLO_OK)
        TW_ASSERT(hello.binder + TW_HASH_SIZE <= packet->payload + packet->payload_length);
}

/* What it tells points into the frame, and what we answer is well-formed. */
static void check_nd(const struct tw_packet *packet, size_t length)
{
    struct tw_nd_message message = tw_nd_read(packet);
    uint8_t answer[TW_ND_FRAME_SIZE];
    TW_ASSERT(message.mac == NULL ||
              (message.mac >= packet->frame && message.mac + 6 <= packet->frame + length));
    TW_ASSERT(message.mac == NULL || (message.mac[0] & 1) == 0);
    if (!message.is_solicitation) {
        TW_ASSERT(message.ip != NULL && message.ip + 16 <= packet->frame + length);
        return;
    }
    if (message.ip == NULL)
        TW_ASSERT(message.mac == NULL);
    if (message.ip != NULL && message.mac == NULL)
        return;
    tw_nd_advertisement_write(answer, &server, message.ip, message.mac);
    TW_ASSERT(memcmp(answer + 62, server.address6, 16) == 0);
}

/* Every stage in order; returns the outcome. */
static uint16_t run(struct bench *bench, uint8_t *frame, size_t length, enum tw_checksum_hint hint)
{
    static struct tw_burst burst;
    struct tw_packet *packet = &burst.packets[0];
    burst.going_count = 1;
    burst.going[0] = 0;
    *packet = (struct tw_packet){.frame = frame, .frame_length = (uint32_t)length};
    tw_packet_parse(packet, &server, (struct tw_checksum_hints){hint, hint});
    TW_ASSERT(packet->outcome <= TW_OUTCOME_OPEN);
    if (packet->outcome != TW_OUTCOME_OPEN)
        return packet->outcome;
    if (packet->kind == TW_PACKET_ARP) {
        TW_ASSERT(tw_arp_reply(packet, &server) <= length);
        return TW_OUTCOME_ARP_HANDLED;
    }
    if (packet->kind == TW_PACKET_ICMP) {
        TW_ASSERT(tw_icmp_reply(packet, &server, client.mac) <= length);
        return TW_OUTCOME_ICMP_ANSWERED;
    }
    if (packet->kind == TW_PACKET_ND) {
        check_nd(packet, length);
        return TW_OUTCOME_ND_HANDLED;
    }
    if (packet->kind == TW_PACKET_ICMPV6) {
        TW_ASSERT(tw_icmpv6_reply(packet, &server, client.mac) <= length);
        return TW_OUTCOME_ICMP_ANSWERED;
    }
    TW_ASSERT(packet->payload + packet->payload_length <= frame + length);
    if (packet->header.connection_id == 0) {
        check_hello(packet);
        return TW_OUTCOME_OPEN;
    }
    tw_live_find(&bench->live, &burst, NOW_NS);
    tw_live_test(&bench->live, &burst, NOW_NS);
    tw_live_open(&bench->live, &burst);
    tw_live_commit(&bench->live, &burst, NOW_NS);
    tw_live_validate(&bench->live, &burst);
    TW_ASSERT(packet->outcome < TW_OUTCOME_COUNT);
    return packet->outcome;
}

static void fuzz_raw(struct bench *bench, const uint8_t *data, size_t size, bool checksums_good)
{
    if (size > FRAME_MAX)
        return;
    uint8_t *frame = malloc(size == 0 ? 1 : size); /* its end is watched */
    TW_ASSERT(frame != NULL);
    memcpy(frame, data, size);
    run(bench, frame, size, checksums_good ? TW_CHECKSUM_GOOD : TW_CHECKSUM_UNKNOWN);
    free(frame);
}

static size_t seal_frame(struct bench *bench, uint8_t *frame, const uint8_t *plaintext, size_t size)
{
    bool over_ipv6 = !tw_ip_is_ipv4(bench->sessions.hot[bench->slot].address.ip);
    size_t headers = over_ipv6 ? TW_FRAME6_HEADERS_SIZE : TW_FRAME_HEADERS_SIZE;
    uint8_t *packet = frame + headers;
    struct tw_aead_key key = bench->sessions.bodies[bench->slot].receive_keys[bench->flag];
    tw_header_write(packet, (struct tw_header){
                                .connection_id = bench->id, .flags = bench->flag, .sequence = 5});
    memcpy(packet + TW_HEADER_SIZE, plaintext, size);
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + size)};
    tw_aead_sodium()->seal(&job, 1);
    struct tw_udp_target target = {.address = server.address, .port = PORT};
    struct tw_udp6_target target6 = {.port = PORT};
    memcpy(target.mac, server.mac, sizeof(target.mac));
    memcpy(target6.mac, server.mac, sizeof(target6.mac));
    memcpy(target6.ip, server.address6, sizeof(target6.ip));
    if (over_ipv6)
        tw_udp6_frame_write(frame, &client, &target6, (uint16_t)job.length);
    else
        tw_udp_frame_write(frame, &client, &target, (uint16_t)job.length);
    return headers + job.length;
}

static void fuzz_sealed(struct bench *bench, const uint8_t *data, size_t size)
{
    if (size < 3 || size - 3 > TW_PLAINTEXT_MAX)
        return;
    static uint8_t frame[FRAME_MAX];
    size_t where = tw_load_u16(data);
    size_t length = seal_frame(bench, frame, data + 3, size - 3);
    size_t payload = TW_PACKET_MIN + size - 3;
    frame[length - payload + where % payload] ^= data[2];
    uint16_t outcome = run(bench, frame, length, TW_CHECKSUM_GOOD);
    bool authentic = outcome == TW_OUTCOME_ACCEPTED || outcome == TW_OUTCOME_FRAME_MALFORMED ||
                     outcome == TW_OUTCOME_FRAME_RANGE;
    TW_ASSERT(authentic == (data[2] == 0));
    const struct tw_session_body *body = &bench->sessions.bodies[bench->slot];
    TW_ASSERT(body->receive_flag == (authentic ? bench->flag : 0));
    if (!authentic)
        return;
    /* The same packet again is a replay, whatever it held. */
    length = seal_frame(bench, frame, data + 3, size - 3);
    TW_ASSERT(run(bench, frame, length, TW_CHECKSUM_UNKNOWN) == TW_OUTCOME_REPLAY_DUPLICATE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench bench;
    if (size == 0)
        return 0;
    install(&bench, (data[0] & 4) != 0, (data[0] & 8) != 0);
    if ((data[0] & 1) == 0)
        fuzz_raw(&bench, data + 1, size - 1, (data[0] & 2) != 0);
    else
        fuzz_sealed(&bench, data + 1, size - 1);
    return 0;
}
