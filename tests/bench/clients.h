/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A crowd of clients as a cooperative stage of one thread's loop: each shakes hands for real,
 * sends an input per tick (the last unacknowledged ones repeated) sealed live, opens every
 * snapshot, acknowledges it; one in a hundred applies it to a replicated world and compares the
 * view hash.
 *
 * Bytes in, bytes out: frames are handed over by two callbacks. Time is an argument. All memory is
 * taken in tw_clients_create. One thread at a time.
 */
#ifndef TICKWIRE_TESTS_BENCH_CLIENTS_H
#define TICKWIRE_TESTS_BENCH_CLIENTS_H

#include "dataplane/wire/handshake.h"
#include "tickwire/counters.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_clients;

struct tw_clients_config {
    uint32_t count;
    uint32_t tick_hz, snapshot_hz;
    uint64_t epoch_ns;
    uint8_t server_mac[6];
    struct tw_address server;              /* v4-mapped */
    uint8_t suites;                        /* offered */
    const struct tw_connect_token *tokens; /* [count] */
    /* One Ethernet frame to the server; copied. */
    void (*send)(void *context, const uint8_t *frame, uint32_t length);
    void *context;
};

/* Filled while `measuring`; histograms in ns. */
struct tw_clients_results {
    struct tw_histogram engine_latency; /* tick due → snapshot at the port */
    struct tw_histogram latency;        /* input sent → first snapshot that shows it */
    struct tw_histogram jitter;         /* |interval between snapshots - nominal| */
    uint64_t inputs_sent, packets_sent, snapshots, snapshot_gaps, views_wrong, views_checked;
};

struct tw_clients *tw_clients_create(const struct tw_clients_config *config);
void tw_clients_destroy(struct tw_clients *clients);

/* One frame from the server. */
void tw_clients_receive(struct tw_clients *clients, const uint8_t *frame, uint32_t length,
                        uint64_t now_ns);
/* Sends what is due; at most `budget` packets. */
void tw_clients_turn(struct tw_clients *clients, uint64_t now_ns, uint32_t budget);

uint32_t tw_clients_connected(const struct tw_clients *clients);
void tw_clients_measure(struct tw_clients *clients, bool measuring);
const struct tw_clients_results *tw_clients_get_results(const struct tw_clients *clients);

#endif
