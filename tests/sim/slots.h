/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard of two workers in a test's hands, and a session that goes from a slot of the first to one
 * of the second. What both have to say is read when the test says so. One at a time.
 */
#ifndef TICKWIRE_TESTS_SIM_SLOTS_H
#define TICKWIRE_TESTS_SIM_SLOTS_H

#include "tests/sim/harness.h"

#define SLOTS_OLD     3u /* of worker 0 */
#define SLOTS_NEW     5u /* of worker 1 */
#define SLOTS_EPOCH   7u /* of the old one; one more of the new one */
#define SLOTS_BUFFERS 4u

extern struct slots {
    struct tw_shard_config config;
    struct tw_shard *shard;
    struct tw_shard_counters counters;
    void *memory;
    uint64_t tick;
    struct tw_out_buffer buffers[2][SLOTS_BUFFERS], messages[2][SLOTS_BUFFERS];
    uint8_t bytes[2][2u * SLOTS_BUFFERS][1200];
    struct tw_message said[8]; /* lent until they are returned */
    uint32_t said_count;
    struct tw_outbox outboxes[2];
} slots;

/* For cmocka: before and after each test. */
int slots_setup(void **state);
int slots_teardown(void **state);

void slots_give_buffers(void);
void slots_tick(void);

/* Of the old slot, or of worker 1's new one. */
struct tw_record slots_record(enum tw_record_type type, uint32_t worker);
void slots_say(enum tw_record_type type, uint32_t worker);
void slots_press(uint32_t worker, uint64_t for_tick);
/* A message of one byte. Nobody else is there: what it says itself is what it is to hear. */
void slots_lend(struct tw_record *record, uint8_t what);
void slots_speak(uint32_t worker, uint8_t what);

/* It joins, and gets its snapshots there. */
void slots_play_at_old(void);

uint32_t slots_entity(void);
uint64_t slots_inputs(enum tw_shard_input_outcome outcome);
/* Of the newest tick. */
uint32_t slots_count_out(uint32_t worker, enum tw_out_kind kind);
/* Snapshots of the next interval go to this worker's slot and to no other. */
void slots_expect_snapshots_at(uint32_t worker);

#endif
