/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two transports and the bad network between them: a session without keys.
 *
 * End 0 is a client: an input packet 60 times a second, on the average. End 1 is a server: a
 * snapshot 20 times. Both are the shipped code, called as client library and worker call it; an end
 * that has used up its packet numbers says nothing more, as a session does that ends there.
 * Messages carry their number and a pattern, so that what arrives is checked byte by byte.
 */
#ifndef TICKWIRE_TESTS_SIM_PEERS_H
#define TICKWIRE_TESTS_SIM_PEERS_H

#include "dataplane/wire/compression.h"
#include "dataplane/wire/transport.h"
#include "tests/sim/network.h"

#include <stdio.h>
#include <stdlib.h>

/* Ends, and the paths that begin there. */
#define PEERS_CLIENT   0u
#define PEERS_SERVER   1u
#define PEERS_EVER_MAX 65536u
#define PEERS_STEP_US  1000u
#define PEERS_PACKETS  4096u
/* Of messages that wait to be sent. */
#define PEERS_SEND_BLOCKS 292u
/* Of these, what bulk may fill. */
#define PEERS_BULK_BLOCKS (PEERS_SEND_BLOCKS - PEERS_SEND_BLOCKS / 8u)

struct peers_channel {
    uint32_t sent; /* messages ever */
    uint32_t received;
    uint32_t in_order;   /* ordered: next one expected */
    uint32_t prompt;     /* messages that took no longer than peers->prompt_us */
    uint64_t slowest_us; /* the longest that one took */
    uint8_t seen[PEERS_EVER_MAX / 8u];
    uint64_t sent_at_us[PEERS_EVER_MAX];
    uint64_t deadline_us[PEERS_EVER_MAX]; /* 0: none */
    /* Message by number on the wire, of those that left with their beginning. */
    uint32_t standing[TW_MESSAGE_WINDOW];
    uint16_t standing_number[TW_MESSAGE_WINDOW];
    bool has_standing[TW_MESSAGE_WINDOW];
    uint32_t overdue; /* messages received from peers->back_us before their deadline on */
};

struct peers_end {
    struct tw_transport transport;
    struct tw_block_pool pool;
    void *pool_memory;
    struct tw_channels_pool channels_pool; /* of one session */
    void *channels_memory;
    uint64_t sequence;
    uint64_t next_tick_us;
    uint32_t tick_us, tick_bytes;
    uint32_t ticks_received, ticks_prompt; /* of this end's, at the other one */
    uint64_t tick_at_us[PEERS_PACKETS];    /* when each left, by packet number; 0: no tick */
    struct peers_channel channels[TW_CHANNEL_COUNT]; /* sent by this end */
    uint64_t no_room, refused;
    uint32_t compressed;  /* messages … */
    uint64_t saved_bytes; /* … and what that saved */
    uint32_t probes;      /* of the path's size */
    uint32_t burst_max;   /* packets of messages in one step */
    /* Packets, no probes, that the network lost because they had more than peers->hole_bytes. */
    uint32_t swallowed;
};

struct peers {
    struct net *net;
    struct tw_rng rng;
    uint64_t seed;
    uint64_t now_us;
    uint64_t prompt_us; /* for counting what was on time */
    /* An acknowledgement is back so long after what it is of has arrived, at the latest; and what
     * leaves arrives so long after that, at the latest (0: not checked). */
    uint64_t back_us, way_us;
    uint64_t take_every_us; /* 0: messages are taken as soon as they are there */
    bool gaps_allowed;      /* messages with deadlines may be missing */
    bool compresses;        /* large ones, as worker and client library do */
    bool noise;             /* what messages hold does not get smaller */
    uint32_t hole_bytes;    /* that many the path takes; 0: all */
    struct tw_compressor compressor;
    struct peers_end ends[2];
};

struct peers_options {
    uint64_t first_sequence[2]; /* of each end; 0: 1 */
    uint16_t first_number;
    bool keeps_channels;   /* and so counts; else they rest whenever nothing is under way */
    uint32_t blocks;       /* 0: 1,024 each */
    uint32_t datagram_max; /* 0: larger ones are not tried */
};

struct peers *peers_create(const struct impair_profile *profile, uint64_t seed,
                           const struct peers_options *options);
/* Checks that every block and the channels came back, then frees everything. */
void peers_destroy(struct peers *peers);
/* A message of `size` (8 or more) from one end; false if it was not taken. */
bool peers_send(struct peers *peers, uint32_t end, uint32_t channel, uint32_t size,
                uint64_t deadline_us);
/* Moves time by steps of a millisecond. */
void peers_run(struct peers *peers, uint64_t us);
/* Until nothing is under way; false if it still is after `us`. */
bool peers_settle(struct peers *peers, uint64_t us);

#define PEERS_CHECK(peers, condition)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s; seed %llu, %llu us\n", __FILE__, __LINE__, #condition,     \
                    (unsigned long long)(peers)->seed, (unsigned long long)(peers)->now_us);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
