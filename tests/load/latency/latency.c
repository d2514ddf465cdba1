/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/latency/latency.h"

#include "dataplane/client/link.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/handshake_client.h"
#include "tests/load/impair/endpoint.h"
#include "tests/load/tokens.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX  100000u
#define HANDSHAKE_MS 250
#define TRIES        40u
#define ANSWER_MS    200
#define SECOND_NS    UINT64_C(1000000000)
/* A ping as it is on the wire; the echo's datagrams have the same size. */
#define PING_SIZE (TW_PACKET_MIN + TW_FRAME_HEADER_SIZE + TW_PING_SIZE)

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: tickwire-load latency --tokens FILE | --echo ADDRESS:PORT | --serve ADDRESS:PORT\n"
    "                             [--count N] [--every US]\n"
    "\n"
    "Measures round trips, one at a time: of pings inside a session with the engine of the first\n"
    "token in FILE, or of bare datagrams of the same size with an echo, which --serve is until it\n"
    "is stopped. Prints one JSON object with percentiles in microseconds.\n"
    "\n"
    "  --count N   round trips (default 2,000)\n"
    "  --every US  between two of them (default 5,000: below what an engine allows a session)\n";

struct prober {
    int descriptor;
    struct tw_client_link link; /* session */
    bool in_session;
    uint64_t every_us;
    uint32_t count, taken, lost;
    uint64_t round_trips_ns[SAMPLES_MAX];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static int open_socket(const struct tw_address *address,
                       int (*bind_or_connect)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_storage to;
    socklen_t length = tw_endpoint_to_socket(address, &to);
    int descriptor = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0 && bind_or_connect(descriptor, (const struct sockaddr *)&to, length) == 0)
        return descriptor;
    fprintf(stderr, "tickwire-load: latency: %s\n", strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* The next datagram within wait_ms: its size, or 0. */
static size_t receive(const struct prober *prober, uint8_t bytes[TW_DATAGRAM_MAX], int wait_ms)
{
    struct pollfd ready = {.fd = prober->descriptor, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) != 1)
        return 0;
    ssize_t got = recv(prober->descriptor, bytes, TW_DATAGRAM_MAX, MSG_DONTWAIT);
    return got > 0 ? (size_t)got : 0;
}

/* ---- session --------------------------------------------------------------------------------- */

static bool join(struct prober *prober, const struct tw_connect_token *connect)
{
    static struct tw_handshake_client handshake;
    const struct tw_aead_backend *backend = tw_aead_sodium();
    uint8_t secret[TW_KEY_SIZE], bytes[TW_DATAGRAM_MAX];
    randombytes_buf(secret, sizeof(secret));
    bool welcome = false;
    if (!tw_handshake_client_init(&handshake, connect, backend->suites, secret, tw_crc32c_portable))
        return false;
    for (uint32_t i = 0; i < TRIES && !welcome; i++) {
        size_t size = tw_handshake_client_packet(&handshake, bytes);
        (void)!send(prober->descriptor, bytes, size, 0);
        size = receive(prober, bytes, HANDSHAKE_MS);
        welcome =
            size > 0 && tw_handshake_client_receive(&handshake, bytes, size) == TW_NEWS_WELCOME;
    }
    if (welcome) {
        tw_client_link_init(&prober->link, backend, &handshake.secrets,
                            (enum tw_suite)handshake.welcome.suite, TW_CLIENT_LINK_CLIENT);
        tw_client_link_name(&prober->link, handshake.welcome.connection_id);
    }
    tw_handshake_client_wipe(&handshake);
    sodium_memzero(secret, sizeof(secret));
    return welcome;
}

static size_t make_ping(struct prober *prober, uint8_t bytes[TW_DATAGRAM_MAX], uint64_t mark)
{
    if (!prober->in_session) {
        memset(bytes, 0, PING_SIZE);
        tw_store_u64(bytes, mark);
        return PING_SIZE;
    }
    struct tw_writer writer = tw_writer_make(bytes + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    tw_frame_write_ping(&writer, mark);
    return tw_client_link_seal(&prober->link, bytes, TW_PLAINTEXT_MAX - tw_writer_left(&writer));
}

static bool is_answer(struct prober *prober, uint8_t *bytes, size_t size, uint64_t mark)
{
    if (!prober->in_session)
        return size == PING_SIZE && tw_load_u64(bytes) == mark;
    struct tw_server_frames frames;
    return tw_client_link_open(&prober->link, bytes, size, now_ns() / 1000u) == TW_CLIENT_LINK_OK &&
           tw_server_frames_decode(&frames, bytes + TW_HEADER_SIZE, size - TW_PACKET_MIN) ==
               TW_FRAMES_OK &&
           frames.has_pong && frames.pong.echo_us == mark;
}

static void leave(struct prober *prober)
{
    uint8_t bytes[TW_DATAGRAM_MAX];
    for (uint32_t i = 0; prober->in_session && i < 3; i++) {
        struct tw_writer writer = tw_writer_make(bytes + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
        tw_frame_write_close(&writer, TW_CLOSE_BY_CLIENT);
        size_t size =
            tw_client_link_seal(&prober->link, bytes, TW_PLAINTEXT_MAX - tw_writer_left(&writer));
        (void)!send(prober->descriptor, bytes, size, 0);
    }
    tw_client_link_wipe(&prober->link);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Time is taken before the ping is made and after its answer was opened: what a game sees. */
static void probe(struct prober *prober)
{
    uint8_t bytes[TW_DATAGRAM_MAX];
    uint64_t begun_ns = now_ns();
    size_t size = make_ping(prober, bytes, begun_ns / 1000u);
    if (send(prober->descriptor, bytes, size, 0) < 0)
        return;
    while (now_ns() - begun_ns < ANSWER_MS * UINT64_C(1000000)) {
        size = receive(prober, bytes, ANSWER_MS);
        if (size > 0 && is_answer(prober, bytes, size, begun_ns / 1000u)) {
            prober->round_trips_ns[prober->taken++] = now_ns() - begun_ns;
            return;
        }
    }
    prober->lost++;
}

static void wait_until(uint64_t until_ns)
{
    struct timespec when = {.tv_sec = (time_t)(until_ns / SECOND_NS),
                            .tv_nsec = (long)(until_ns % SECOND_NS)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static double microseconds(const struct prober *prober, uint32_t permille)
{
    uint64_t rank = ((uint64_t)prober->taken * permille + 999u) / 1000u;
    return (double)prober->round_trips_ns[rank > 0 ? rank - 1u : 0] / 1000.0;
}

static int report(struct prober *prober)
{
    if (prober->taken == 0) {
        fputs("tickwire-load: latency: nothing came back\n", stderr);
        return EXIT_FAILED;
    }
    qsort(prober->round_trips_ns, prober->taken, sizeof(prober->round_trips_ns[0]), by_size);
    printf("{\"kind\":\"%s\",\"count\":%u,\"lost\":%u,\"min_us\":%.1f,\"p50_us\":%.1f,"
           "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
           prober->in_session ? "session" : "echo", prober->taken, prober->lost,
           microseconds(prober, 0), microseconds(prober, 500), microseconds(prober, 990),
           microseconds(prober, 999), microseconds(prober, 1000));
    return EXIT_OK;
}

static int measure(struct prober *prober, const volatile sig_atomic_t *stop)
{
    /* The first ones find caches cold and the session pending. */
    uint64_t next_ns = now_ns();
    for (uint32_t i = 0; i < prober->count + prober->count / 10u && *stop == 0; i++) {
        if (i == prober->count / 10u)
            prober->taken = prober->lost = 0;
        probe(prober);
        next_ns += prober->every_us * 1000u;
        wait_until(next_ns);
    }
    leave(prober);
    return report(prober);
}

static int serve(const struct tw_address *address, const volatile sig_atomic_t *stop)
{
    uint8_t bytes[TW_DATAGRAM_MAX];
    int descriptor = open_socket(address, bind);
    if (descriptor < 0)
        return EXIT_FAILED;
    fputs("ready\n", stderr);
    while (*stop == 0) {
        struct sockaddr_storage from;
        socklen_t length = sizeof(from);
        ssize_t got =
            recvfrom(descriptor, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);
        if (got > 0)
            (void)!sendto(descriptor, bytes, (size_t)got, 0, (struct sockaddr *)&from, length);
    }
    close(descriptor);
    return EXIT_OK;
}

/* ---- command line ---------------------------------------------------------------------------- */

struct latency_options {
    const char *tokens;
    struct tw_address echo, serve;
    uint32_t count, every_us;
};

static bool number(const char *text, uint32_t highest, uint32_t *out)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *out = (uint32_t)value;
    return end != text && *end == '\0' && text[0] != '-' && value >= 1 && value <= highest;
}

static bool parse(struct latency_options *options, int argc, char **argv)
{
    enum { TOKENS = 256, ECHO_TO, SERVE, COUNT, EVERY };
    static const struct option known[] = {
        {"tokens", required_argument, NULL, TOKENS}, {"echo", required_argument, NULL, ECHO_TO},
        {"serve", required_argument, NULL, SERVE},   {"count", required_argument, NULL, COUNT},
        {"every", required_argument, NULL, EVERY},   {NULL, 0, NULL, 0}};
    int option = 0;
    bool ok = true;
    *options = (struct latency_options){.count = 2000, .every_us = 5000};
    while (ok && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == TOKENS)
            options->tokens = optarg;
        else if (option == ECHO_TO)
            ok = tw_endpoint_parse(optarg, &options->echo);
        else if (option == SERVE)
            ok = tw_endpoint_parse(optarg, &options->serve);
        else if (option == COUNT)
            ok = number(optarg, SAMPLES_MAX / 2u, &options->count);
        else if (option == EVERY)
            ok = number(optarg, 1000000, &options->every_us);
        else
            ok = false;
    }
    return ok && optind == argc &&
           (options->tokens != NULL) + (options->echo.port != 0) + (options->serve.port != 0) == 1;
}

static bool read_token(const char *path, struct tw_connect_token *out)
{
    uint8_t bytes[1][TW_CONNECT_SIZE];
    return tw_load_tokens_read(path, bytes, 1) == 1 &&
           tw_connect_token_read(out, bytes[0], TW_CONNECT_SIZE);
}

int tw_latency_main(int argc, char **argv, const volatile sig_atomic_t *stop)
{
    static struct prober prober;
    struct latency_options options;
    struct tw_connect_token token = {0};
    if (!parse(&options, argc, argv)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (options.serve.port != 0)
        return serve(&options.serve, stop);
    if (sodium_init() < 0 || (options.tokens && !read_token(options.tokens, &token)))
        return EXIT_USAGE;
    prober.in_session = options.tokens != NULL;
    prober.count = options.count;
    prober.every_us = options.every_us;
    prober.descriptor =
        open_socket(prober.in_session ? &token.addresses[0] : &options.echo, connect);
    if (prober.descriptor < 0)
        return EXIT_FAILED;
    if (prober.in_session && !join(&prober, &token)) {
        fputs("tickwire-load: latency: no welcome\n", stderr);
        return EXIT_FAILED;
    }
    return measure(&prober, stop);
}
