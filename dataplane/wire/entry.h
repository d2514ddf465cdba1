/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The entries of a messages frame: a whole message, a part of one, or that one was given up.
 *
 * Pure bytes; what an entry means for a session is the receiver's business. Any thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_ENTRY_H
#define TICKWIRE_DATAPLANE_WIRE_ENTRY_H

#include "dataplane/wire/frames.h"

struct tw_entry {
    uint8_t channel;
    uint8_t kind;  /* enum tw_entry_kind */
    uint8_t flags; /* TW_ENTRY_COMPRESSED or 0 */
    uint16_t number;
    uint16_t first;       /* granule of the first byte */
    uint32_t size;        /* of the message; 0 for one that was abandoned */
    uint32_t length;      /* bytes here: whole granules, but at the message's end */
    const uint8_t *bytes; /* inside the frame */
};

/* The next entry. MALFORMED: truncated or another kind; RANGE: sizes that contradict each other. */
enum tw_frames_result tw_entry_read(struct tw_reader *reader, struct tw_entry *entry);

/* Bytes of an entry beside the message's own. */
size_t tw_entry_overhead(const struct tw_entry *entry);

/* Writes all but the message's bytes and returns room for these; NULL: no room, writer failed. */
uint8_t *tw_entry_write(struct tw_writer *writer, const struct tw_entry *entry);

#endif
