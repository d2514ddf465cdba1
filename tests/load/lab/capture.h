/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture out of nothing but a seed: N clients of the shipped client library talk to a server
 * that does no more than acknowledge, over paths with delay and jitter; what would have arrived at
 * the engine comes out as frames in order of time, and each client's in order of packet number.
 *
 * Same configuration, same bytes, on every machine. Time is simulated, in ns from the start.
 * All memory is taken in tw_capture_create. One thread.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_CAPTURE_H
#define TICKWIRE_TESTS_LOAD_LAB_CAPTURE_H

#include "dataplane/wire/lab.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_capture;

struct tw_capture_config {
    uint32_t clients;
    uint64_t duration_ns;
    uint64_t seed;
    uint8_t suites; /* enum tw_suite bits: one, or both in turn */
    uint32_t tick_hz, snapshot_hz;
    uint32_t world;
    uint32_t workers;      /* clients are spread over so many, evenly */
    uint32_t first_slot;   /* of each worker: captures for one engine must not share any */
    uint8_t port;          /* of the engine's, from 0: its sessions come by it */
    uint8_t engine_ip[16]; /* IPv6, or v4-mapped for IPv4 */
    uint16_t engine_port;
    uint8_t engine_mac[6];
    uint8_t client_ip[16]; /* of the first host, of the engine's family */
    uint32_t client_hosts; /* addresses in a row; clients of one host have ports of their own */
    uint8_t client_mac[6]; /* of all of them */
};

struct tw_capture_frame {
    uint64_t at_ns;
    const uint8_t *bytes; /* valid until the next call */
    uint32_t length;
};

/* NULL: no memory, or more clients than slots (65,536 for each worker). */
struct tw_capture *tw_capture_create(const struct tw_capture_config *config);
void tw_capture_destroy(struct tw_capture *capture);

/* The next frame that arrives at the engine before the capture ends; false: that was all. */
bool tw_capture_next(struct tw_capture *capture, struct tw_capture_frame *frame);

/* After the last frame: the sessions file's header, and record `client` of its count. */
struct tw_lab_header tw_capture_header(const struct tw_capture *capture);
struct tw_lab_session tw_capture_session(const struct tw_capture *capture, uint32_t client);

/* A client's address and port: also where a port's answers go. */
struct tw_address tw_capture_address(const struct tw_capture_config *config, uint32_t client);

#endif
