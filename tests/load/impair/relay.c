/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/impair/relay.h"

#include "tests/load/impair/endpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US   UINT64_C(1000000)
#define WAIT_MS     100
#define BURST       64u
#define EVENTS_MAX  64
#define BUCKETS     4096u
#define NONE        UINT32_MAX
#define LISTENER    NONE
#define TIMER       (NONE - 1u)
#define BUFFER      (4 << 20)
#define RELAY_BYTES NET_PACKET_MAX
/* Whoever was silent for so long makes room for somebody else. */
#define IDLE_US (30u * SECOND_US)

struct client {
    struct tw_address address;
    struct sockaddr_storage from; /* as the listening socket speaks of it */
    socklen_t from_length;
    int descriptor;
    uint64_t heard_us;
    uint32_t next; /* in its bucket */
};

struct tw_impair_relay {
    struct tw_relay_options options;
    struct net *net; /* path 2i up, 2i+1 down */
    struct client *clients;
    uint32_t count, clients_ever;
    uint32_t buckets[BUCKETS];
    int epoll, listener, timer;
    uint64_t started_us;
    uint64_t no_client_place, no_packet_place, send_errors;
    struct net_delivery delivery;
    uint8_t bytes[RELAY_BYTES + 1u];
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int open_socket(struct tw_impair_relay *relay, const struct tw_address *address,
                       int (*bind_or_connect)(int, const struct sockaddr *, socklen_t),
                       uint32_t name)
{
    struct sockaddr_storage to;
    socklen_t length = tw_endpoint_to_socket(address, &to);
    int off = 0, size = BUFFER;
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = name}};
    int descriptor = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    /* [::] takes IPv4 clients, too. */
    if (to.ss_family == AF_INET6)
        (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (bind_or_connect(descriptor, (const struct sockaddr *)&to, length) == 0 &&
        epoll_ctl(relay->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

static void set_timer(struct tw_impair_relay *relay)
{
    uint64_t due_us = net_next_us(relay->net);
    struct itimerspec when = {0};
    if (due_us != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(due_us / SECOND_US);
        when.it_value.tv_nsec = (long)(due_us % SECOND_US) * 1000 + 1;
    }
    (void)timerfd_settime(relay->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- clients --------------------------------------------------------------------------------- */

static uint32_t *bucket_of(struct tw_impair_relay *relay, const struct tw_address *address)
{
    uint32_t hash = address->port;
    for (uint32_t i = 0; i < sizeof(address->ip); i++)
        hash = (hash ^ address->ip[i]) * UINT32_C(16777619);
    return &relay->buckets[(hash ^ hash >> 16) % BUCKETS];
}

static void forget(struct tw_impair_relay *relay, uint32_t index)
{
    struct client *client = &relay->clients[index];
    uint32_t *link = bucket_of(relay, &client->address);
    while (*link != index)
        link = &relay->clients[*link].next;
    *link = client->next;
    close(client->descriptor);
}

/* A place nobody has, or that of whoever has been silent longest; NONE. */
static uint32_t find_place(struct tw_impair_relay *relay, uint64_t at_us)
{
    if (relay->count < relay->options.clients_max)
        return relay->count++;
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < relay->count; i++)
        oldest = relay->clients[i].heard_us < relay->clients[oldest].heard_us ? i : oldest;
    if (relay->clients[oldest].heard_us + IDLE_US > at_us)
        return NONE;
    forget(relay, oldest);
    return oldest;
}

static uint32_t find_client(struct tw_impair_relay *relay, const struct sockaddr_storage *from,
                            socklen_t from_length, uint64_t at_us)
{
    struct tw_address own = tw_endpoint_from_socket(from);
    const struct tw_address *address = &own;
    uint32_t *bucket = bucket_of(relay, address);
    for (uint32_t i = *bucket; i != NONE; i = relay->clients[i].next) {
        if (tw_address_equal(&relay->clients[i].address, address))
            return i;
    }
    uint32_t index = find_place(relay, at_us);
    if (index == NONE)
        return NONE;
    struct client *client = &relay->clients[index];
    int descriptor = open_socket(relay, &relay->options.to, connect, index);
    if (descriptor < 0) {
        /* Only a new place can be given back: it is the last one. */
        relay->count -= index + 1u == relay->count;
        return NONE;
    }
    *client = (struct client){.address = own,
                              .from = *from,
                              .from_length = from_length,
                              .descriptor = descriptor,
                              .next = *bucket};
    *bucket = index;
    relay->clients_ever++;
    return index;
}

/* ---- packets --------------------------------------------------------------------------------- */

static void carry(struct tw_impair_relay *relay, uint32_t path, size_t size, uint64_t at_us)
{
    if (net_under_way(relay->net) + IMPAIR_COPY_MAX > TW_RELAY_PACKETS_MAX)
        relay->no_packet_place++;
    else
        net_send(relay->net, path, relay->bytes, size, at_us);
}

/* Longer ones than the network carries are no packets of this protocol. */
static bool is_usable(ssize_t size)
{
    return size > 0 && size <= (ssize_t)RELAY_BYTES;
}

static void from_clients(struct tw_impair_relay *relay)
{
    for (uint32_t i = 0; i < BURST; i++) {
        struct sockaddr_storage from;
        socklen_t length = sizeof(from);
        ssize_t size = recvfrom(relay->listener, relay->bytes, sizeof(relay->bytes), MSG_TRUNC,
                                (struct sockaddr *)&from, &length);
        if (size < 0)
            return;
        if (!is_usable(size))
            continue;
        uint64_t at_us = now_us();
        uint32_t client = find_client(relay, &from, length, at_us);
        if (client == NONE) {
            relay->no_client_place++;
            continue;
        }
        relay->clients[client].heard_us = at_us;
        carry(relay, 2u * client, (size_t)size, at_us);
    }
}

static void from_server(struct tw_impair_relay *relay, uint32_t client)
{
    for (uint32_t i = 0; i < BURST; i++) {
        ssize_t size =
            recv(relay->clients[client].descriptor, relay->bytes, sizeof(relay->bytes), MSG_TRUNC);
        if (size < 0)
            return;
        if (is_usable(size))
            carry(relay, 2u * client + 1u, (size_t)size, now_us());
    }
}

static void deliver(struct tw_impair_relay *relay)
{
    struct net_delivery *packet = &relay->delivery;
    while (net_receive(relay->net, now_us(), packet)) {
        const struct client *client = &relay->clients[packet->path / 2u];
        bool down = packet->path % 2u == 1;
        ssize_t sent = sendto(down ? relay->listener : client->descriptor, packet->bytes,
                              packet->size, MSG_DONTWAIT | MSG_NOSIGNAL,
                              down ? (const struct sockaddr *)&client->from : NULL,
                              down ? client->from_length : 0);
        relay->send_errors += sent < 0;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

struct tw_impair_relay *tw_impair_relay_create(const struct tw_relay_options *options)
{
    struct tw_impair_relay *relay = calloc(1, sizeof(*relay));
    if (!relay)
        return NULL;
    relay->options = *options;
    relay->clients = calloc(options->clients_max, sizeof(*relay->clients));
    relay->net = net_create(2u * options->clients_max, &options->up, options->seed);
    for (uint32_t i = 0; i < options->clients_max; i++)
        net_path(relay->net, 2u * i + 1u)->profile = options->down;
    for (uint32_t i = 0; i < BUCKETS; i++)
        relay->buckets[i] = NONE;
    relay->epoll = epoll_create1(EPOLL_CLOEXEC);
    relay->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    relay->listener = open_socket(relay, &options->listen, bind, LISTENER);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = TIMER}};
    if (!relay->clients || relay->listener < 0 ||
        epoll_ctl(relay->epoll, EPOLL_CTL_ADD, relay->timer, &event) != 0) {
        int reason = errno;
        tw_impair_relay_destroy(relay);
        errno = reason;
        return NULL;
    }
    relay->started_us = now_us();
    return relay;
}

void tw_impair_relay_destroy(struct tw_impair_relay *relay)
{
    for (uint32_t i = 0; i < relay->count; i++)
        close(relay->clients[i].descriptor);
    if (relay->listener >= 0)
        close(relay->listener);
    if (relay->timer >= 0)
        close(relay->timer);
    if (relay->epoll >= 0)
        close(relay->epoll);
    net_destroy(relay->net);
    free(relay->clients);
    free(relay);
}

static void begin_outage(struct tw_impair_relay *relay)
{
    const struct tw_relay_options *options = &relay->options;
    uint64_t begin_us = relay->started_us + options->outage_at_us;
    if (options->outage_us == 0 || now_us() < begin_us)
        return;
    net_outage(relay->net, begin_us + options->outage_us);
    relay->options.outage_us = 0;
}

void tw_impair_relay_turn(struct tw_impair_relay *relay)
{
    struct epoll_event events[EVENTS_MAX];
    set_timer(relay);
    int count = epoll_wait(relay->epoll, events, EVENTS_MAX, WAIT_MS);
    begin_outage(relay);
    for (int i = 0; i < count; i++) {
        uint64_t expired;
        if (events[i].data.u32 == LISTENER)
            from_clients(relay);
        else if (events[i].data.u32 == TIMER)
            (void)!read(relay->timer, &expired, sizeof(expired));
        else
            from_server(relay, events[i].data.u32);
    }
    deliver(relay);
}

/* ---- report ---------------------------------------------------------------------------------- */

static struct impair_statistics sum_of(const struct tw_impair_relay *relay, uint32_t direction)
{
    struct impair_statistics sum = {0};
    for (uint32_t i = 0; i < relay->options.clients_max; i++)
        impair_add(&sum, &net_path(relay->net, 2u * i + direction)->statistics);
    return sum;
}

static void print_text(const char *name, const struct impair_statistics *is)
{
    printf("%s: %" PRIu64 " packets (%" PRIu64 " bytes), %" PRIu64 " delivered, %" PRIu64
           " duplicated, %" PRIu64 " corrupted, %" PRIu64 " lost",
           name, is->sent, is->bytes_sent, is->delivered, is->duplicated, is->corrupted,
           impair_lost(is));
    for (uint32_t i = IMPAIR_ARRIVES + 1u; i < IMPAIR_LOSS_COUNT; i++)
        if (is->lost[i] > 0)
            printf(", %s %" PRIu64, impair_loss_names[i], is->lost[i]);
    printf("\n");
}

static void print_json(const char *name, const struct impair_statistics *is)
{
    printf("\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"delivered\":%" PRIu64
           ",\"duplicated\":%" PRIu64 ",\"corrupted\":%" PRIu64 ",\"lost\":%" PRIu64,
           name, is->sent, is->bytes_sent, is->delivered, is->duplicated, is->corrupted,
           impair_lost(is));
    for (uint32_t i = IMPAIR_ARRIVES + 1u; i < IMPAIR_LOSS_COUNT; i++)
        printf(",\"lost_%s\":%" PRIu64, impair_loss_names[i], is->lost[i]);
    printf("},");
}

void tw_impair_relay_report(const struct tw_impair_relay *relay)
{
    struct impair_statistics up = sum_of(relay, 0), down = sum_of(relay, 1);
    if (relay->options.json) {
        printf("{");
        print_json("up", &up);
        print_json("down", &down);
        printf("\"clients\":%u,\"clients_refused\":%" PRIu64 ",\"overflows\":%" PRIu64
               ",\"send_errors\":%" PRIu64 ",\"seed\":%" PRIu64 "}\n",
               relay->clients_ever, relay->no_client_place, relay->no_packet_place,
               relay->send_errors, relay->options.seed);
        return;
    }
    print_text("up", &up);
    print_text("down", &down);
    printf("%u clients; %" PRIu64 " packets of others refused, %" PRIu64 " too many under way, "
           "%" PRIu64 " not sent; seed %" PRIu64 "\n",
           relay->clients_ever, relay->no_client_place, relay->no_packet_place, relay->send_errors,
           relay->options.seed);
}
