/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

#define MBIT      UINT64_C(1000000)
#define MILLION   1000000u
#define SECOND_US 1000000u

const struct net_profile net_profiles[] = {
    {.name = "lan",
     .latency_us = 250,
     .jitter_us = 50,
     .bits_per_s = 1000 * MBIT,
     .queue_bytes = 1000000},
    {.name = "fiber",
     .latency_us = 12500,
     .jitter_us = 1500,
     .loss_ppm = 2000,
     .burst_ppm = 10000,
     .burst_us = 50000,
     .bits_per_s = 200 * MBIT,
     .queue_bytes = 500000},
    {.name = "dsl",
     .latency_us = 27500,
     .jitter_us = 5000,
     .loss_ppm = 10000,
     .burst_ppm = 30000,
     .burst_us = 150000,
     .bits_per_s = 50 * MBIT,
     .queue_bytes = 300000},
    {.name = "mobile_4g",
     .latency_us = 50000,
     .jitter_us = 15000,
     .loss_ppm = 30000,
     .burst_ppm = 80000,
     .burst_us = 300000,
     .bits_per_s = 35 * MBIT,
     .queue_bytes = 300000,
     .reorders = true},
    {.name = "satellite",
     .latency_us = 300000,
     .jitter_us = 30000,
     .loss_ppm = 50000,
     .burst_ppm = 120000,
     .burst_us = 500000,
     .bits_per_s = 25 * MBIT,
     .queue_bytes = 500000},
    {.name = "congested_wifi",
     .latency_us = 37500,
     .jitter_us = 22500,
     .loss_ppm = 80000,
     .burst_ppm = 200000,
     .burst_us = 1000000,
     .bits_per_s = 20 * MBIT,
     .queue_bytes = 200000,
     .reorders = true},
};
const uint32_t net_profile_count = sizeof(net_profiles) / sizeof(net_profiles[0]);

struct path {
    uint64_t free_us; /* when the limit has sent what stands in its queue */
    uint64_t newest_us;
    uint64_t burst_from_us, burst_until_us;
    uint64_t burst_second; /* last second a burst was drawn for */
};

/* A heap by arrival, then by order of sending. */
struct flight {
    uint64_t at_us;
    uint64_t order;
    struct net_delivery *delivery;
};

struct net {
    struct net_profile profile;
    struct tw_rng rng;
    struct net_statistics statistics;
    net_pattern *pattern;
    void *pattern_context;
    uint64_t outage_until_us;
    uint64_t order;
    uint32_t ends;
    struct path *paths; /* [from * ends + to] */
    struct flight *heap;
    size_t heap_count, heap_capacity;
};

const struct net_profile *net_profile_find(const char *name)
{
    for (uint32_t i = 0; i < net_profile_count; i++) {
        if (strcmp(net_profiles[i].name, name) == 0)
            return &net_profiles[i];
    }
    return NULL;
}

static void *take(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

struct net *net_create(uint32_t ends, const struct net_profile *profile, uint64_t seed)
{
    struct net *net = take(sizeof(*net));
    net->profile = *profile;
    net->ends = ends;
    net->paths = take((size_t)ends * ends * sizeof(*net->paths));
    tw_rng_seed(&net->rng, seed);
    return net;
}

void net_destroy(struct net *net)
{
    for (size_t i = 0; i < net->heap_count; i++)
        free(net->heap[i].delivery);
    free(net->heap);
    free(net->paths);
    free(net);
}

void net_set_profile(struct net *net, const struct net_profile *profile)
{
    net->profile = *profile;
}

void net_set_pattern(struct net *net, net_pattern *pattern, void *context)
{
    net->pattern = pattern;
    net->pattern_context = context;
}

void net_outage(struct net *net, uint64_t until_us)
{
    net->outage_until_us = until_us;
}

const struct net_statistics *net_get_statistics(const struct net *net)
{
    return &net->statistics;
}

/* ---- heap ------------------------------------------------------------------------------------ */

static bool before(const struct flight *a, const struct flight *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct flight *a, struct flight *b)
{
    struct flight kept = *a;
    *a = *b;
    *b = kept;
}

static void heap_push(struct net *net, struct net_delivery *delivery)
{
    if (net->heap_count == net->heap_capacity) {
        net->heap_capacity = net->heap_capacity ? net->heap_capacity * 2u : 1024u;
        net->heap = realloc(net->heap, net->heap_capacity * sizeof(*net->heap));
        if (!net->heap)
            abort();
    }
    size_t at = net->heap_count++;
    net->heap[at] =
        (struct flight){.at_us = delivery->at_us, .order = net->order++, .delivery = delivery};
    for (; at > 0 && before(&net->heap[at], &net->heap[(at - 1u) / 2u]); at = (at - 1u) / 2u)
        swap(&net->heap[at], &net->heap[(at - 1u) / 2u]);
}

static struct net_delivery *heap_pop(struct net *net)
{
    struct net_delivery *first = net->heap[0].delivery;
    net->heap[0] = net->heap[--net->heap_count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2u * at + 1u; child <= 2u * at + 2u; child++) {
            if (child < net->heap_count && before(&net->heap[child], &net->heap[least]))
                least = child;
        }
        if (least == at)
            return first;
        swap(&net->heap[at], &net->heap[least]);
        at = least;
    }
}

/* ---- what happens to a packet ------------------------------------------------------------------
 */

static bool chance(struct net *net, uint32_t ppm)
{
    return ppm > 0 && tw_rng_below(&net->rng, MILLION) < ppm;
}

/* |normal(0, deviation)| by a sum of twelve: integers only. */
static uint64_t jitter(struct net *net)
{
    if (net->profile.jitter_us == 0)
        return 0;
    int64_t sum = -6 * 1024;
    for (uint32_t i = 0; i < 12; i++)
        sum += (int64_t)tw_rng_below(&net->rng, 1024);
    return (uint64_t)(sum < 0 ? -sum : sum) * net->profile.jitter_us / 1024u;
}

static bool in_burst(struct net *net, struct path *path, uint64_t now_us)
{
    uint64_t second = now_us / SECOND_US + 1u;
    if (path->burst_second != second) {
        path->burst_second = second;
        if (chance(net, net->profile.burst_ppm)) {
            path->burst_from_us = now_us + tw_rng_below(&net->rng, SECOND_US);
            path->burst_until_us = path->burst_from_us + net->profile.burst_us;
        }
    }
    return now_us >= path->burst_from_us && now_us < path->burst_until_us;
}

static uint64_t *loss_of(struct net *net, struct path *path, const struct net_delivery *packet,
                         uint64_t now_us)
{
    struct net_statistics *statistics = &net->statistics;
    if (now_us < net->outage_until_us)
        return &statistics->lost_outage;
    if (in_burst(net, path, now_us))
        return &statistics->lost_burst;
    if (chance(net, net->profile.loss_ppm))
        return &statistics->lost_random;
    if (net->pattern &&
        net->pattern(net->pattern_context, packet->from, packet->to, packet->bytes, packet->size))
        return &statistics->lost_pattern;
    return NULL;
}

/* When the last bit has passed the limit; 0: the queue is full. */
static uint64_t pass_limit(struct net *net, struct path *path, size_t size, uint64_t now_us)
{
    if (net->profile.bits_per_s == 0)
        return now_us;
    uint64_t begin_us = path->free_us > now_us ? path->free_us : now_us;
    uint64_t queued = (begin_us - now_us) * net->profile.bits_per_s / 8u / SECOND_US;
    if (queued + size > net->profile.queue_bytes)
        return 0;
    path->free_us =
        begin_us + (size * 8u * SECOND_US + net->profile.bits_per_s - 1u) / net->profile.bits_per_s;
    return path->free_us;
}

static void launch(struct net *net, struct path *path, struct net_delivery *packet,
                   uint64_t left_us)
{
    packet->at_us = left_us + net->profile.latency_us + jitter(net);
    if (!net->profile.reorders && packet->at_us < path->newest_us)
        packet->at_us = path->newest_us;
    path->newest_us = packet->at_us;
    if (chance(net, net->profile.corrupt_ppm)) {
        packet->bytes[tw_rng_below(&net->rng, packet->size)] ^=
            (uint8_t)(1u << tw_rng_below(&net->rng, 8));
        net->statistics.corrupted++;
    }
    heap_push(net, packet);
}

void net_send(struct net *net, uint32_t from, uint32_t to, const uint8_t *bytes, size_t size,
              uint64_t now_us)
{
    struct path *path = &net->paths[(size_t)from * net->ends + to];
    struct net_delivery *packet = take(sizeof(*packet));
    if (size > NET_PACKET_MAX || from >= net->ends || to >= net->ends)
        abort();
    packet->from = from;
    packet->to = to;
    packet->size = (uint32_t)size;
    memcpy(packet->bytes, bytes, size);
    net->statistics.sent++;
    net->statistics.bytes_sent += size;
    uint64_t left_us = pass_limit(net, path, size, now_us);
    uint64_t *loss =
        left_us == 0 ? &net->statistics.lost_queue : loss_of(net, path, packet, now_us);
    if (loss) {
        (*loss)++;
        net->statistics.bytes_lost += size;
        free(packet);
        return;
    }
    if (chance(net, net->profile.duplicate_ppm)) {
        struct net_delivery *copy = take(sizeof(*copy));
        *copy = *packet;
        net->statistics.duplicated++;
        launch(net, path, copy, left_us);
    }
    launch(net, path, packet, left_us);
}

bool net_receive(struct net *net, uint64_t now_us, struct net_delivery *delivery)
{
    if (net->heap_count == 0 || net->heap[0].at_us > now_us)
        return false;
    struct net_delivery *packet = heap_pop(net);
    *delivery = *packet;
    net->statistics.delivered++;
    net->statistics.bytes_delivered += packet->size;
    free(packet);
    return true;
}

uint64_t net_next_us(const struct net *net)
{
    return net->heap_count > 0 ? net->heap[0].at_us : UINT64_MAX;
}
