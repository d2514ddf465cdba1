/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_socket.h"

#include "dataplane/wire/frames.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/replay.h"
#include "tests/bench/gate_crowd.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/measure.h"
#include "tickwire/ids.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUND          1024u
#define BURST          64u
#define WARM_UP_ROUNDS 16u
#define BURSTS_MAX     (2048u * ROUND / BURST)
#define SNAPSHOT_SIZE  300u
#define BUFFER_BYTES                                                                               \
    (16 << 20) /* a round of small packets is under 2 MB of the kernel's memory                    \
                */
#define SINK_ADDRESS UINT32_C(0xc6120002) /* 198.18.0.2, behind a device that drops */
#define SINK_PORT    9u
#define GENERATION   1u

struct server_session {
    struct tw_aead_key receive_key, send_key;
    struct tw_replay replay;
    uint64_t send_sequence;
    struct sockaddr_in address;
};

struct samples {
    double ns[BURSTS_MAX]; /* per packet of a burst */
    uint32_t count;
};

struct server {
    struct gate_crowd crowd;
    struct server_session *sessions;
    int server_socket, client_socket;
    struct sockaddr_in server_address, client_address, sink_address;
    uint64_t accepted;
    struct samples into_sink, to_server, received, sent;
};

/* Packets of a burst, and what the kernel needs to know about them. */
struct burst {
    struct mmsghdr messages[BURST];
    struct iovec vectors[BURST];
    struct sockaddr_in addresses[BURST];
    uint8_t packets[BURST][TW_DATAGRAM_MAX] __attribute__((aligned(64)));
};

static struct burst burst;

/* ---- preparation ---------------------------------------------------------------------------- */

/* Both kinds of device drop what they are given; kernels have one or the other. */
bool gate_socket_prepare(void)
{
    return unshare(CLONE_NEWNET) == 0 &&
           system("ip link set lo up && "
                  "{ ip link add sink type dummy || ip link add sink type ifb; } 2>/dev/null && "
                  "ip address add 198.18.0.1/24 dev sink && "
                  "ip link set sink up") == 0;
}

/* Bound to every address; *address is the one on loopback. */
static int open_socket(struct sockaddr_in *address)
{
    int size = BUFFER_BYTES, handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(*address);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    GATE_CHECK(handle >= 0 && bind(handle, (struct sockaddr *)address, sizeof(*address)) == 0 &&
                   getsockname(handle, (struct sockaddr *)address, &length) == 0,
               "no socket: %s", strerror(errno));
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(handle, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)!setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return handle;
}

static void make_session(struct server *server, enum tw_suite suite, uint32_t number)
{
    struct server_session *session = &server->sessions[number];
    uint8_t inward[TW_KEY_SIZE], outward[TW_KEY_SIZE];
    randombytes_buf(inward, sizeof(inward));
    randombytes_buf(outward, sizeof(outward));
    gate_crowd_set_session(&server->crowd, number, suite, inward, outward);
    server->crowd.clients[number].connection_id = tw_connection_id(0, number, GENERATION);
    tw_packet_key_expand(&session->receive_key, tw_aead_sodium(), suite, inward);
    tw_packet_key_expand(&session->send_key, tw_aead_sodium(), suite, outward);
    tw_replay_init(&session->replay);
    session->send_sequence = TW_SEQUENCE_FIRST;
    session->address = server->client_address;
}

static void start(struct server *server, enum tw_suite suite, uint32_t sessions)
{
    static const uint8_t mac[6] = {0};
    memset(server, 0, sizeof(*server));
    server->server_socket = open_socket(&server->server_address);
    server->client_socket = open_socket(&server->client_address);
    server->sink_address = (struct sockaddr_in){.sin_family = AF_INET,
                                                .sin_port = htons(SINK_PORT),
                                                .sin_addr.s_addr = htonl(SINK_ADDRESS)};
    size_t size = sessions * sizeof(*server->sessions);
    server->sessions = aligned_alloc(64, (size + 63u) & ~(size_t)63);
    GATE_CHECK(server->sessions && gate_crowd_init(&server->crowd, sessions, mac),
               "no memory for a server on sockets");
    memset(server->sessions, 0, size);
    for (uint32_t i = 0; i < sessions; i++)
        make_session(server, suite, i);
    gate_crowd_begin(&server->crowd, 100, GATE_INPUT_PLAINTEXT);
}

static void stop(struct server *server)
{
    sodium_memzero(server->sessions, server->crowd.count * sizeof(*server->sessions));
    free(server->sessions);
    gate_crowd_fini(&server->crowd);
    close(server->server_socket);
    close(server->client_socket);
}

static void point_at(uint32_t i, uint32_t length, const struct sockaddr_in *to)
{
    burst.addresses[i] = *to;
    burst.vectors[i] = (struct iovec){.iov_base = burst.packets[i], .iov_len = length};
    burst.messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &burst.addresses[i],
                                                     .msg_namelen = sizeof(burst.addresses[i]),
                                                     .msg_iov = &burst.vectors[i],
                                                     .msg_iovlen = 1}};
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void take_sample(struct samples *samples, double start_ns)
{
    if (samples->count < BURSTS_MAX)
        samples->ns[samples->count++] = (now_ns() - start_ns) / BURST;
}

/* ---- the server's two directions ------------------------------------------------------------ */

static struct server_session *find_session(struct server *server, struct tw_header header,
                                           const struct sockaddr_in *from)
{
    uint32_t slot = tw_connection_slot(header.connection_id);
    if (slot >= server->crowd.count || tw_connection_generation(header.connection_id) != GENERATION)
        return NULL;
    struct server_session *session = &server->sessions[slot];
    bool same = session->address.sin_port == from->sin_port &&
                session->address.sin_addr.s_addr == from->sin_addr.s_addr;
    return same && tw_replay_test(&session->replay, header.sequence) == TW_REPLAY_FRESH ? session
                                                                                        : NULL;
}

/* The 512 bytes that libsodium keeps of a key. */
static void prefetch_key(const struct tw_aead_key *key)
{
    for (size_t at = 0; at < 512; at += 64)
        __builtin_prefetch((const uint8_t *)key + at);
}

static void take_burst(struct server *server, uint32_t count)
{
    struct tw_aead_job jobs[BURST];
    struct server_session *sessions[BURST];
    uint64_t sequences[BURST];
    uint32_t job_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = tw_connection_slot(tw_header_read(burst.packets[i]).connection_id);
        if (slot < server->crowd.count) {
            __builtin_prefetch(&server->sessions[slot].replay);
            __builtin_prefetch(&server->sessions[slot].address);
            prefetch_key(&server->sessions[slot].receive_key);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tw_header header = tw_header_read(burst.packets[i]);
        struct server_session *session = burst.messages[i].msg_len < TW_PACKET_MIN
                                             ? NULL
                                             : find_session(server, header, &burst.addresses[i]);
        if (session == NULL)
            continue;
        sessions[job_count] = session;
        sequences[job_count] = header.sequence;
        jobs[job_count++] = (struct tw_aead_job){.key = &session->receive_key,
                                                 .packet = burst.packets[i],
                                                 .length = burst.messages[i].msg_len};
    }
    tw_aead_sodium()->open(jobs, job_count);
    for (uint32_t i = 0; i < job_count; i++) {
        struct tw_client_frames frames;
        server->accepted +=
            jobs[i].ok && tw_replay_commit(&sessions[i]->replay, sequences[i]) == TW_REPLAY_FRESH &&
            tw_client_frames_decode(&frames, jobs[i].packet + TW_HEADER_SIZE,
                                    jobs[i].length - TW_PACKET_MIN) == TW_FRAMES_OK;
    }
}

/* Input packets from the clients to somebody. */
static void send_inputs(struct server *server, const struct sockaddr_in *to,
                        struct samples *samples)
{
    for (uint32_t sent = 0; sent < ROUND; sent += BURST) {
        for (uint32_t i = 0; i < BURST; i++) {
            struct gate_client *client = &server->crowd.clients[gate_crowd_next(&server->crowd)];
            point_at(i, gate_crowd_write_packet(&server->crowd, client, burst.packets[i]), to);
        }
        double start_ns = now_ns();
        GATE_CHECK(sendmmsg(server->client_socket, burst.messages, BURST, 0) == (int)BURST,
                   "sendmmsg: %s", strerror(errno));
        take_sample(samples, start_ns);
    }
}

static void receive_inputs(struct server *server)
{
    uint64_t accepted = server->accepted;
    for (uint32_t received = 0; received < ROUND; received += BURST) {
        double start_ns = now_ns();
        for (uint32_t i = 0; i < BURST; i++)
            point_at(i, TW_DATAGRAM_MAX, &server->server_address);
        int count = recvmmsg(server->server_socket, burst.messages, BURST, MSG_DONTWAIT, NULL);
        GATE_CHECK(count == (int)BURST, "the kernel lost packets: %u of %u came", received, ROUND);
        take_burst(server, BURST);
        take_sample(&server->received, start_ns);
    }
    GATE_CHECK(server->accepted - accepted == ROUND, "the server on sockets refused packets");
}

static void receive_round(struct server *server)
{
    send_inputs(server, &server->sink_address, &server->into_sink);
    send_inputs(server, &server->server_address, &server->to_server);
    receive_inputs(server);
}

static void write_snapshot(struct server *server, uint32_t number, uint8_t *packet)
{
    struct server_session *session = &server->sessions[number];
    tw_header_write(packet,
                    (struct tw_header){.connection_id = tw_connection_id(0, number, GENERATION),
                                       .channel = TW_CHANNEL_STATE,
                                       .sequence = session->send_sequence++});
    packet[TW_HEADER_SIZE] = TW_FRAME_SNAPSHOT;
    tw_store_u16(packet + TW_HEADER_SIZE + 1, SNAPSHOT_SIZE - TW_FRAME_HEADER_SIZE);
    memset(packet + TW_HEADER_SIZE + TW_FRAME_HEADER_SIZE, 0x5a,
           SNAPSHOT_SIZE - TW_FRAME_HEADER_SIZE);
}

static void send_burst(struct server *server)
{
    struct tw_aead_job jobs[BURST];
    for (uint32_t i = 0; i < BURST; i++) {
        uint32_t number = gate_crowd_next(&server->crowd);
        write_snapshot(server, number, burst.packets[i]);
        jobs[i] = (struct tw_aead_job){.key = &server->sessions[number].send_key,
                                       .packet = burst.packets[i],
                                       .length = TW_HEADER_SIZE + SNAPSHOT_SIZE};
    }
    double start_ns = now_ns();
    for (uint32_t i = 0; i < BURST; i++)
        prefetch_key(jobs[i].key);
    tw_aead_sodium()->seal(jobs, BURST);
    for (uint32_t i = 0; i < BURST; i++)
        point_at(i, jobs[i].length, &server->sink_address);
    GATE_CHECK(sendmmsg(server->server_socket, burst.messages, BURST, 0) == (int)BURST,
               "sendmmsg: %s", strerror(errno));
    take_sample(&server->sent, start_ns);
}

static void send_round(struct server *server)
{
    for (uint32_t sent = 0; sent < ROUND; sent += BURST)
        send_burst(server);
}

/* ---- figures -------------------------------------------------------------------------------- */

static double median_of(struct samples *samples)
{
    return measure_median(samples->ns, samples->count);
}

struct gate_socket_cost gate_socket_measure(enum tw_suite suite, uint32_t sessions,
                                            uint32_t repetitions)
{
    static struct server server;
    start(&server, suite, sessions);
    for (uint32_t i = 0; i < WARM_UP_ROUNDS + repetitions; i++) {
        if (i == WARM_UP_ROUNDS)
            server.into_sink.count = server.to_server.count = server.received.count =
                server.sent.count = 0;
        receive_round(&server);
        send_round(&server);
    }
    stop(&server);
    double to_server_ns = median_of(&server.to_server);
    return (struct gate_socket_cost){.deliver_ns = to_server_ns - median_of(&server.into_sink),
                                     .receive_ns = median_of(&server.received),
                                     .send_ns = median_of(&server.sent)};
}
