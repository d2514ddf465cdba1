/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network that misbehaves on purpose: numbered one-way paths, each impaired on its own, and the
 * packets under way, which come out in order of arrival.
 *
 * Virtual time, seeded: the same seed and the same calls give the same network, and a path's fates
 * do not depend on what other paths carry. One thread.
 */
#ifndef TICKWIRE_TESTS_SIM_NETWORK_H
#define TICKWIRE_TESTS_SIM_NETWORK_H

#include "tests/sim/impair.h"

#define NET_PACKET_MAX 1500u

struct net_delivery {
    uint64_t at_us;
    uint32_t path;
    uint32_t size;
    uint8_t bytes[NET_PACKET_MAX];
};

struct net;

/* Chosen by what a packet is: true drops it. */
typedef bool net_pattern(void *context, uint32_t path, const uint8_t *bytes, size_t size);

struct net *net_create(uint32_t paths, const struct impair_profile *profile, uint64_t seed);
void net_destroy(struct net *net);

/* A path of its own: set its profile, or its outage, from now on. */
struct impair *net_path(struct net *net, uint32_t path);
/* All paths, from now on. */
void net_set_profile(struct net *net, const struct impair_profile *profile);
void net_set_pattern(struct net *net, net_pattern *pattern, void *context);
/* Nothing gets through before this time. */
void net_outage(struct net *net, uint64_t until_us);

/* False: the network loses it. */
bool net_send(struct net *net, uint32_t path, const uint8_t *bytes, size_t size, uint64_t now_us);
/* The next packet that has arrived by now; false if there is none. */
bool net_receive(struct net *net, uint64_t now_us, struct net_delivery *delivery);
/* When the next one arrives; UINT64_MAX: none is on its way. */
uint64_t net_next_us(const struct net *net);
/* Packets on their way. */
size_t net_under_way(const struct net *net);
/* Of all paths. */
struct impair_statistics net_statistics(const struct net *net);

#endif
