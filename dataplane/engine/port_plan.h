/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a port is asked to do, decided from what it says it can: queues, MTU, receive-side scaling,
 * checksums, freeing of sent buffers. Pure: facts in, a plan or one message out.
 *
 *   received checksums   the card's where it offers both IPv4 and UDP, else ours
 *   sent checksums       the same, for IPv6 too; a port that offers one of the two gets neither
 *   fast free            wherever offered: all a queue sends comes from one pool, once referenced
 *   scaling              needed for several queues on a card, for each family it serves; a virtual
 *                        port's peer deals out
 *   jumbo, scattered     never: a packet has to fit one buffer
 *   link events          wherever offered, but for TAP, which offers them and never tells
 *   removal events       wherever offered: mlx5 tells of firmware errors so, and only if asked
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_PORT_PLAN_H
#define TICKWIRE_DATAPLANE_ENGINE_PORT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define TW_PORT_MTU     1500u
#define TW_PORT_MTU_MIN 1248u /* 1,200 bytes, which any path must take, UDP and IPv6 headers */

struct tw_port_facts {
    const char *name;
    const char *driver;
    uint16_t max_rx_queues, max_tx_queues;
    uint16_t max_mtu;     /* 0: not told */
    uint64_t rx_offloads; /* RTE_ETH_RX_OFFLOAD_* it can do */
    uint64_t tx_offloads; /* RTE_ETH_TX_OFFLOAD_* */
    uint64_t hashes;      /* RTE_ETH_RSS_* */
    uint32_t flags;       /* RTE_ETH_DEV_INTR_*: what it says that it tells of */
};

struct tw_port_wanted {
    uint32_t workers; /* a queue pair each */
    bool ipv6;        /* it serves IPv6 beside IPv4 */
};

struct tw_port_plan {
    uint16_t queues;
    uint16_t mtu;
    uint64_t rx_offloads, tx_offloads, hashes;
    bool tx_checksum; /* the port finishes IPv4 and UDP checksums */
    /* It is asked to tell of these. */
    bool link_events, removal_events;
};

struct tw_port_plan_error {
    char message[320];
};

/* False: *error says what is missing and what the port can do. */
bool tw_port_plan_make(struct tw_port_plan *plan, const struct tw_port_facts *facts,
                       const struct tw_port_wanted *wanted, struct tw_port_plan_error *error)
    __attribute__((warn_unused_result));

/* As they are told to operators: bit i is enum tw_port_feature, enum tw_port_hash. */
uint32_t tw_port_plan_features(const struct tw_port_plan *plan);
uint32_t tw_port_plan_hashes(const struct tw_port_plan *plan);

#endif
