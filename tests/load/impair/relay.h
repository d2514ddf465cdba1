/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A UDP relay that misbehaves as it is told: many clients to one server, each direction of each
 * client a path of its own.
 *
 *   client ─► listening socket ─► path up ─► the client's own socket ─► server, and back
 *
 * A client is an address and port; the server sees another port for each. All memory is taken at
 * the start; a client or packet that finds no place is dropped and counted. One thread; time is µs,
 * CLOCK_MONOTONIC.
 */
#ifndef TICKWIRE_TESTS_LOAD_IMPAIR_RELAY_H
#define TICKWIRE_TESTS_LOAD_IMPAIR_RELAY_H

#include "tests/sim/network.h"
#include "tickwire/address.h"

#define TW_RELAY_CLIENTS_MAX 2000u
/* Under way at once: a second of 50,000 packets. */
#define TW_RELAY_PACKETS_MAX 50000u

struct tw_relay_options {
    struct tw_address listen, to;
    struct impair_profile up, down;
    uint64_t seed;
    uint32_t clients_max;
    uint64_t outage_at_us, outage_us; /* since the start; 0: none */
    bool json;
};

struct tw_impair_relay;

/* NULL and errno. */
struct tw_impair_relay *tw_impair_relay_create(const struct tw_relay_options *options);
void tw_impair_relay_destroy(struct tw_impair_relay *relay);

/* Waits for datagrams or for the next one to leave, 100 ms at the longest, and does what is due. */
void tw_impair_relay_turn(struct tw_impair_relay *relay);

void tw_impair_relay_report(const struct tw_impair_relay *relay);

#endif
