/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port a capture is played through: one queue pair, polled; and ARP or neighbour discovery for
 * the clients' addresses, which no kernel answers for. Thin glue over DPDK; main thread.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_REPLAY_PORT_H
#define TICKWIRE_TESTS_LOAD_LAB_REPLAY_PORT_H

#include "tests/load/lab/plan.h"
#include "tests/load/lab/replay_options.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;
struct rte_mbuf;

struct tw_replay_port {
    uint16_t id;
    uint16_t queues;
    struct rte_mempool *pool;
    uint8_t mac[6];
    uint8_t client_mac[6]; /* what the capture's frames come from */
    char driver[64];
    bool eal_started, started;
    uint64_t asked, answered; /* frames sent of ARP or neighbour discovery */
};

struct tw_replay_port_error {
    char message[640];
};

/* Starts DPDK and the port and waits for its link. `frame_max`: longest frame to be sent. */
bool tw_replay_port_open(struct tw_replay_port *port, const struct tw_replay_options *options,
                         uint32_t frame_max, struct tw_replay_port_error *error)
    __attribute__((warn_unused_result));
void tw_replay_port_close(struct tw_replay_port *port);

/* Tells the engine where each of the clients' addresses is, by asking for its own. */
void tw_replay_port_announce(struct tw_replay_port *port, const struct tw_plan *plan);

/* True if the frame was ARP or ICMPv6: answered when it asks for a client's address. */
bool tw_replay_port_neighbour(struct tw_replay_port *port, const struct tw_plan *plan,
                              const uint8_t *frame, uint32_t length);

#endif
