/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network that misbehaves on purpose: deterministic, seeded, in virtual time.
 *
 * Directed paths between numbered ends; each has latency, jitter, loss (random, in bursts, by a
 * pattern, total for a while), duplication, corruption, and a bandwidth with a queue that
 * overflows. Packets come out in order of arrival time. The same seed and the same calls give the
 * same network.
 */
#ifndef TICKWIRE_TESTS_SIM_NETWORK_H
#define TICKWIRE_TESTS_SIM_NETWORK_H

#include "simulation/core/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_PACKET_MAX 1500u

struct net_profile {
    const char *name;
    uint32_t latency_us; /* one way */
    uint32_t jitter_us;  /* deviation; added as its absolute value, as queues add */
    uint32_t loss_ppm;
    uint32_t burst_ppm; /* chance in each second that a burst of loss begins */
    uint32_t burst_us;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one bit */
    uint64_t bits_per_s;  /* 0: no limit */
    uint32_t queue_bytes; /* in front of the limit */
    bool reorders;        /* jitter lets packets overtake each other */
};

/* The requirements' five, and a LAN. Latencies there are round trips; half of them each way. */
extern const struct net_profile net_profiles[];
extern const uint32_t net_profile_count;
const struct net_profile *net_profile_find(const char *name);

struct net_delivery {
    uint64_t at_us;
    uint32_t from, to;
    uint32_t size;
    uint8_t bytes[NET_PACKET_MAX];
};

struct net_statistics {
    uint64_t sent, delivered, bytes_sent, bytes_delivered;
    uint64_t lost_random, lost_burst, lost_pattern, lost_outage, lost_queue;
    uint64_t duplicated, corrupted, bytes_lost;
};

struct net;

/* Chosen by what a packet is: true drops it. */
typedef bool net_pattern(void *context, uint32_t from, uint32_t to, const uint8_t *bytes,
                         size_t size);

struct net *net_create(uint32_t ends, const struct net_profile *profile, uint64_t seed);
void net_destroy(struct net *net);
/* All paths, from now on. */
void net_set_profile(struct net *net, const struct net_profile *profile);
void net_set_pattern(struct net *net, net_pattern *pattern, void *context);
/* Nothing gets through before this time. */
void net_outage(struct net *net, uint64_t until_us);

void net_send(struct net *net, uint32_t from, uint32_t to, const uint8_t *bytes, size_t size,
              uint64_t now_us);
/* The next packet that has arrived by now; false if there is none. */
bool net_receive(struct net *net, uint64_t now_us, struct net_delivery *delivery);
/* When the next one arrives; UINT64_MAX: none is on its way. */
uint64_t net_next_us(const struct net *net);
const struct net_statistics *net_get_statistics(const struct net *net);

#endif
