/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loaded capture, ready to be played again and again: every packet opened once, and where in its
 * plaintext stand the values that must be fresh in each loop.
 *
 *   loop l, packet p of session s: number = first(s) + l * numbers(s) + place(p), due at
 *   (l * duration + at(p)) / speed; so no number is ever used twice, and times are the recorded
 * ones.
 *
 * The frames stay in the caller's copy of the file, opened in place. Without sessions a capture is
 * played as it is, once. Memory is taken in tw_plan_load. One owner; no clock.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_PLAN_H
#define TICKWIRE_TESTS_LOAD_LAB_PLAN_H

#include "dataplane/wire/aead.h"
#include "dataplane/wire/lab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_PLAN_NOT_THERE  0u /* no frame's body begins where the header stands */
#define TW_PLAN_NO_SESSION UINT32_MAX

struct tw_plan_packet {
    uint64_t at_ns; /* from the first frame of the file's clock: 0 is the capture's beginning */
    uint8_t *frame; /* sealed part: plaintext, and room for the tag */
    uint32_t session;
    uint32_t place;   /* packet number in the capture, from its first */
    uint16_t length;  /* whole frame */
    uint16_t payload; /* where the datagram's bytes begin; without sessions not known */
    /* Where in the frame these bodies stand, or TW_PLAN_NOT_THERE. */
    uint16_t inputs, snapshot_ack, ping, ack;
};

struct tw_plan_session {
    struct tw_lab_session lab;
    struct tw_aead_key seal_key, open_key;
};

struct tw_plan {
    struct tw_plan_packet *packets;
    struct tw_plan_session *sessions;
    uint32_t *session_of_place; /* by tw_lab_place, + 1; up to that of the last session */
    uint32_t place_count;
    uint8_t (*addresses)[16]; /* of clients: ascending, each once */
    uint64_t packet_count;
    uint32_t session_count, address_count;
    uint64_t duration_ns; /* of a loop */
    uint64_t bytes;       /* of a loop, whole frames */
    uint32_t tick_hz;
};

struct tw_plan_error {
    char message[256];
};

struct tw_plan_files {
    uint8_t *capture; /* changed in place; outlives the plan */
    size_t capture_length;
    const uint8_t *sessions; /* NULL: play as it is */
    size_t sessions_length;
};

/* Everything is checked: a packet that does not open under its session's key, or numbers that do
 * not ascend, end in an error that names the frame. */
bool tw_plan_load(struct tw_plan *plan, const struct tw_plan_files *files,
                  const struct tw_aead_backend *aead, struct tw_plan_error *error)
    __attribute__((warn_unused_result));
void tw_plan_free(struct tw_plan *plan);

/* Of a whole run, relative to its start; speed in permille, 0: all at once. */
uint64_t tw_plan_due_ns(const struct tw_plan *plan, uint64_t loop, uint64_t packet,
                        uint64_t speed_permille);
uint64_t tw_plan_sequence(const struct tw_plan *plan, uint64_t loop, uint64_t packet);
/* Loops that the packet numbers of a key last for, from the first. */
uint64_t tw_plan_loops_max(const struct tw_plan *plan);

/* Index of the session, or TW_PLAN_NO_SESSION. */
uint32_t tw_plan_find(const struct tw_plan *plan, uint32_t connection_id);
bool tw_plan_has_address(const struct tw_plan *plan, const uint8_t ip[16]);

/* What a packet says afresh in each loop. */
struct tw_plan_stamp {
    uint64_t sequence;
    int64_t tick_shift;                        /* onto the recorded input tick */
    uint32_t snapshot_newest, snapshot_bitmap; /* 0: as recorded */
    uint64_t ack_largest, ack_bitmap;          /* 0: as recorded */
};

/* Copies the packet's frame with fresh values into out; to be sealed. A ping carries the packet's
 * number for its time, so that the pong names the packet it answers. */
void tw_plan_stamp(const struct tw_plan *plan, uint64_t packet, const struct tw_plan_stamp *stamp,
                   uint8_t *out);
/* The job that seals it. */
struct tw_aead_job tw_plan_seal_job(const struct tw_plan *plan, uint64_t packet, uint8_t *frame);

#endif
