/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages going out: queued, numbered, cut into what packets have room for, sent again when lost.
 *
 * A channel numbers at most TW_MESSAGE_WINDOW messages from its oldest unacknowledged one on, and
 * all but that one hold TW_MESSAGE_SPARE blocks at most: what the receiver is sure to have room
 * for. The rest waits in line. All share one bound, of which bulk leaves an eighth to the others,
 * and what is unordered half of that to what is ordered: however much waits of one, there is room
 * for what matters more. What left in a packet is described by runs, which the caller gives back as
 * acknowledged or lost. Pure, one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_SENDER_H
#define TICKWIRE_DATAPLANE_WIRE_SENDER_H

#include "dataplane/wire/entry.h"
#include "dataplane/wire/parcels.h"

/* Granules of one message in one packet; count 0: that it was abandoned. */
struct tw_run {
    uint8_t channel;
    uint16_t number;
    uint16_t first;
    uint16_t count;
};

struct tw_sender_channel {
    struct tw_parcel_list waiting; /* not numbered yet */
    uint32_t queued;               /* granules (and abandonments) to be sent */
    uint32_t queued_whole;         /* of these, of messages that one packet holds */
    uint32_t spare;                /* blocks of numbered messages but the one at base */
    uint16_t base;                 /* oldest number not acknowledged */
    uint16_t next;
    bool new_turn;  /* its next packet is one of new_first */
    uint8_t losses; /* packets with something of it that were lost, in a row */
};

/* By number % 64, of numbers from base to next; what stands at others was never written. */
struct tw_sender_window {
    uint32_t parcels[TW_MESSAGE_WINDOW]; /* 0: acknowledged */
    uint8_t held[TW_MESSAGE_WINDOW];     /* blocks counted in spare, but for the one at base */
};

struct tw_sender {
    uint32_t queued;      /* granules to be sent, of all channels; the latest counts as one */
    uint64_t deadline_us; /* the earliest; UINT64_MAX: none */
    struct tw_parcels parcels;
    uint32_t part_max; /* bytes of a message that a packet carries if it has to be cut */
    bool new_first;    /* in every other packet, what never left goes before what was lost */
    uint32_t latest;   /* channel 0: the one message to be sent; 0: none */
    uint16_t latest_number;
    struct tw_sender_channel channels[TW_CHANNEL_COUNT];
    /* counted, bytes of messages without any header */
    uint64_t messages, sent_bytes, again_bytes, lost_bytes, expired, replaced;
    uint64_t channel_bytes[TW_CHANNEL_COUNT];
    /* Granules (and abandonments) of channels 1 to 3: not acknowledged; and acknowledged since
     * there had been enough of them, which was then. */
    uint32_t left, taken, taken_ms;
    struct tw_sender_window windows[TW_CHANNEL_COUNT];
};

/* What goes on when everything was delivered. */
struct tw_sender_numbers {
    uint16_t latest;                 /* of channel 0: the newest */
    uint16_t next[TW_CHANNEL_COUNT]; /* of the others: the one to come */
};

enum tw_sender_result {
    TW_SENDER_QUEUED,
    TW_SENDER_SIZE,    /* 0, or above the channel's limit */
    TW_SENDER_FULL,    /* as many blocks as messages of this channel may fill up to */
    TW_SENDER_NO_POOL, /* the pool has no block left for it */
};

void tw_sender_init(struct tw_sender *sender, struct tw_block_pool *pool, uint32_t blocks_max);
/* Gives all blocks back. */
void tw_sender_fini(struct tw_sender *sender);
/* Numbers to go on with after another init: right after that. */
void tw_sender_resume(struct tw_sender *sender, const struct tw_sender_numbers *numbers);
struct tw_sender_numbers tw_sender_pause(const struct tw_sender *sender);

/* The other end is another process, which has nothing: whatever was not acknowledged goes to it
 * whole, in order, numbered from 0. */
void tw_sender_begin_again(struct tw_sender *sender);
/* Messages that were not acknowledged in full, nor given up. */
uint32_t tw_sender_count(const struct tw_sender *sender);
/* How long the oldest message that was not acknowledged has been here; 0: there is none. */
uint32_t tw_sender_waiting_ms(const struct tw_sender *sender, uint64_t now_us);
/* Of that time, since the other end last took enough: so many granules, however long they took. */
#define TW_SENDER_TAKEN_ENOUGH 100u
uint32_t tw_sender_idle_ms(const struct tw_sender *sender, uint64_t now_us);

struct tw_outgoing {
    uint8_t channel;
    uint8_t flags; /* TW_ENTRY_COMPRESSED */
    const uint8_t *bytes;
    uint32_t size;
    uint64_t deadline_us; /* not worth sending after; 0: always worth it */
};
/* Whether a message of that size would be queued. */
enum tw_sender_result tw_sender_room(const struct tw_sender *sender, uint32_t channel,
                                     uint32_t size);
enum tw_sender_result tw_sender_queue(struct tw_sender *sender, const struct tw_outgoing *message,
                                      uint64_t now_us);

/* Anything to be sent on this channel? With `whole`, only messages that one packet holds count. */
bool tw_sender_has(const struct tw_sender *sender, uint32_t channel, bool whole);
/* Nothing waits and nothing is unacknowledged. */
bool tw_sender_empty(const struct tw_sender *sender);

/* What of the messages is to be written. */
struct tw_sender_part {
    uint32_t channel;
    bool whole;          /* of the ordered one: only whole messages */
    struct tw_run *runs; /* runs[runs_max] will describe it */
    uint32_t runs_max;
};
/* Writes entries while there is room; returns how many runs they are. */
uint32_t tw_sender_write(struct tw_sender *sender, const struct tw_sender_part *part,
                         struct tw_writer *writer);
void tw_sender_acked(struct tw_sender *sender, const struct tw_run *run, uint64_t now_us);
void tw_sender_lost(struct tw_sender *sender, const struct tw_run *run);
/* A packet with something of these channels (bit i of channel i) was lost, or acknowledged. */
void tw_sender_note_packet(struct tw_sender *sender, uint32_t channels, bool lost);
/* Eight packets with something of it were lost in a row: the other end may have no room for it, and
 * acknowledges nothing that comes with it. */
#define TW_SENDER_REFUSED_LOSSES 8u
static inline bool tw_sender_is_refused(const struct tw_sender *sender, uint32_t channel)
{
    return sender->channels[channel].losses >= TW_SENDER_REFUSED_LOSSES;
}
/* Gives up messages whose deadline has passed. */
void tw_sender_expire(struct tw_sender *sender, uint64_t now_us);

#endif
