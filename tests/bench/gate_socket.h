/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the gate is compared with: the inner loop of a UDP server on kernel sockets and libsodium,
 * written as well as such a server can be: recvmmsg and sendmmsg in bursts of 64, direct index by
 * connection id, the same replay window and the same decoder of frames as the gate, keys loaded
 * ahead. No filters, budgets, counters by reason, rings to a shard.
 *
 * One thread in a network namespace of its own, sender and receiver in turn, so that nothing is
 * lost. The kernel brings a packet to a socket on the server's core as well; over loopback it does
 * so while the sender sends. Its part is what sending to a loopback socket costs more than sending
 * into a device that drops. That device also takes what the server sends. No driver of a network
 * card is in either figure.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_SOCKET_H
#define TICKWIRE_TESTS_BENCH_GATE_SOCKET_H

#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* ns per packet, medians. */
struct gate_socket_cost {
    double deliver_ns; /* the kernel's way to the socket */
    double receive_ns; /* input packets of 64 bytes, from the socket until they are decoded */
    double send_ns;    /* snapshots of 300 bytes, from plaintext */
};

/* Enters a new network namespace, for good. False if this process may not. */
bool gate_socket_prepare(void) __attribute__((warn_unused_result));

/* After gate_socket_prepare. `sessions` clients in random order; `repetitions` rounds of 1,024
 * packets each way. */
struct gate_socket_cost gate_socket_measure(enum tw_suite suite, uint32_t sessions,
                                            uint32_t repetitions);

#endif
