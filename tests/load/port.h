/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel UDP socket of one or many bots, with sendmmsg and recvmmsg bursts and exact counts.
 *
 * Counts are of what the kernel took and gave, so they can be compared with an interface's
 * counters; --loss drops before the one and after the other. One thread.
 */
#ifndef TICKWIRE_TESTS_LOAD_PORT_H
#define TICKWIRE_TESTS_LOAD_PORT_H

#include "tests/load/demux.h"
#include "tickwire/wire.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define TW_LOAD_BURST 32u

struct tw_load_traffic {
    uint64_t packets_sent, bytes_sent;         /* taken by the kernel; UDP payload bytes */
    uint64_t packets_received, bytes_received; /* given by the kernel */
    uint64_t send_errors;                      /* refused by the kernel: not sent */
    uint64_t lost_out, lost_in;                /* dropped by --loss */
    uint64_t nobody;                           /* received for no bot */
};

struct tw_load_loss {
    uint64_t random;
    uint32_t percent;
};

struct tw_load_port {
    int descriptor;
    sa_family_t family;
    uint32_t first_bot;
    struct tw_load_demux demux;
    struct tw_load_traffic *traffic; /* shared by all ports */
    struct tw_load_loss *loss;       /* shared by all ports */
    bool deaf;
    uint64_t overflow; /* before it was */
    uint32_t pending;  /* datagrams in the burst to send */
    struct mmsghdr messages[TW_LOAD_BURST];
    struct iovec vectors[TW_LOAD_BURST];
    struct sockaddr_storage targets[TW_LOAD_BURST];
    uint8_t bytes[TW_LOAD_BURST][TW_DATAGRAM_MAX];
};

/* One burst of received datagrams; one for all ports. */
struct tw_load_inbox {
    struct mmsghdr messages[TW_LOAD_BURST];
    struct iovec vectors[TW_LOAD_BURST];
    uint8_t bytes[TW_LOAD_BURST][TW_DATAGRAM_MAX + 1u];
};

/* An IPv4 socket, or one for both families: an IPv6 one that reaches IPv4 servers by their
 * v4-mapped addresses. False and errno on failure. */
bool tw_load_port_open(struct tw_load_port *port, sa_family_t family);
void tw_load_port_close(struct tw_load_port *port);

/* The send callback of the client library; context is the port. */
int tw_load_port_send(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                      uint16_t port);
void tw_load_port_flush(struct tw_load_port *port);

/* Takes one burst; returns its size, with those lost by --loss given length 0. */
uint32_t tw_load_port_receive(struct tw_load_port *port, struct tw_load_inbox *inbox);

/* Nothing more comes in: the kernel counts it among UDP's errors. What lies in the buffer is still
 * to be received, and then nothing is closed unread, which nobody would count. */
void tw_load_port_deafen(struct tw_load_port *port);

/* Datagrams the kernel dropped because the socket's buffer was full. */
uint64_t tw_load_port_overflow(const struct tw_load_port *port);

#endif
