/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One transport with pools of its own, and a peer that sends what a test tells it. Time stands
 * still but for what tests add to now_us.
 */
#ifndef TICKWIRE_TESTS_UNIT_WIRE_TRANSPORT_RIG_H
#define TICKWIRE_TESTS_UNIT_WIRE_TRANSPORT_RIG_H

#include "dataplane/wire/transport.h"
#include "tests/unit/wire/testing.h"

#define BLOCKS 512u
#define SECOND UINT64_C(1000000)

struct fixture {
    struct tw_block_pool pool;
    struct tw_channels_pool channels;
    struct tw_transport transport;
    void *memory, *channels_memory;
    uint64_t now_us;
    uint64_t sequence; /* of the peer's packets */
};

void rig_setup(struct fixture *fixture, uint32_t blocks);
/* Fails if a block or the channels were not given back. */
void rig_teardown(struct fixture *fixture);

/* Queues a message of zeros; fails if there is no place for it. */
void rig_queue(struct fixture *fixture, uint8_t channel, uint32_t size);
/* One packet of whatever there is to send; its count of runs. */
uint32_t rig_send(struct fixture *fixture);
/* The peer's next packet, with nothing but this acknowledgement. */
enum tw_transport_result rig_acknowledge(struct fixture *fixture, uint64_t largest,
                                         uint64_t bitmap);

/* Entries of the peer's: a whole message, and a part of one of TW_MESSAGE_MAX bytes. */
struct tw_entry rig_whole(uint8_t channel, uint16_t number, uint32_t size);
struct tw_entry rig_part(uint8_t channel, uint16_t number, uint16_t first, uint32_t length);
/* Appends one to a body, filled with a pattern. */
void rig_write_part(struct tw_writer *writer, const struct tw_entry *entry);
/* The peer's next packet: what was written to `body`; or one entry. */
enum tw_transport_result rig_receive(struct fixture *fixture, const struct tw_writer *writer,
                                     const uint8_t *body);
enum tw_transport_result rig_receive_entry(struct fixture *fixture, const struct tw_entry *entry);

#endif
