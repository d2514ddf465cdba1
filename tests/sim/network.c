/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

/* A heap by arrival, then by order of sending. */
struct flight {
    uint64_t at_us;
    uint64_t order;
    struct net_delivery *delivery;
};

struct net {
    struct impair *paths;
    uint32_t path_count;
    net_pattern *pattern;
    void *pattern_context;
    uint64_t order;
    struct flight *heap;
    size_t heap_count, heap_capacity;
};

static void *take(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

struct net *net_create(uint32_t paths, const struct impair_profile *profile, uint64_t seed)
{
    struct net *net = take(sizeof(*net));
    net->path_count = paths;
    net->paths = take(paths * sizeof(*net->paths));
    struct tw_rng rng;
    tw_rng_seed(&rng, seed);
    for (uint32_t i = 0; i < paths; i++)
        impair_init(&net->paths[i], profile, tw_rng_next(&rng));
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

struct impair *net_path(struct net *net, uint32_t path)
{
    if (path >= net->path_count)
        abort();
    return &net->paths[path];
}

void net_set_profile(struct net *net, const struct impair_profile *profile)
{
    for (uint32_t i = 0; i < net->path_count; i++)
        net->paths[i].profile = *profile;
}

void net_set_pattern(struct net *net, net_pattern *pattern, void *context)
{
    net->pattern = pattern;
    net->pattern_context = context;
}

void net_outage(struct net *net, uint64_t until_us)
{
    for (uint32_t i = 0; i < net->path_count; i++)
        net->paths[i].outage_until_us = until_us;
}

struct impair_statistics net_statistics(const struct net *net)
{
    struct impair_statistics sum = {0};
    for (uint32_t i = 0; i < net->path_count; i++)
        impair_add(&sum, &net->paths[i].statistics);
    return sum;
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

/* ---- packets --------------------------------------------------------------------------------- */

bool net_send(struct net *net, uint32_t path, const uint8_t *bytes, size_t size, uint64_t now_us)
{
    struct impair *impair = net_path(net, path);
    if (size == 0 || size > NET_PACKET_MAX)
        abort();
    if (net->pattern && net->pattern(net->pattern_context, path, bytes, size)) {
        impair_drop(impair, size);
        return false;
    }
    struct impair_fate fate = impair_packet(impair, size, now_us);
    for (uint32_t i = 0; i < fate.copies; i++) {
        struct net_delivery *packet = take(sizeof(*packet));
        packet->at_us = fate.copy[i].at_us;
        packet->path = path;
        packet->size = (uint32_t)size;
        memcpy(packet->bytes, bytes, size);
        uint32_t bit = fate.copy[i].bit;
        if (bit != IMPAIR_NO_BIT)
            packet->bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        heap_push(net, packet);
    }
    return fate.copies > 0;
}

bool net_receive(struct net *net, uint64_t now_us, struct net_delivery *delivery)
{
    if (net->heap_count == 0 || net->heap[0].at_us > now_us)
        return false;
    struct net_delivery *packet = heap_pop(net);
    struct impair_statistics *statistics = &net->paths[packet->path].statistics;
    statistics->delivered++;
    statistics->bytes_delivered += packet->size;
    delivery->at_us = packet->at_us;
    delivery->path = packet->path;
    delivery->size = packet->size;
    memcpy(delivery->bytes, packet->bytes, packet->size);
    free(packet);
    return true;
}

uint64_t net_next_us(const struct net *net)
{
    return net->heap_count > 0 ? net->heap[0].at_us : UINT64_MAX;
}

size_t net_under_way(const struct net *net)
{
    return net->heap_count;
}
