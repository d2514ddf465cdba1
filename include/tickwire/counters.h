/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of the engine: one block per worker and per shard, written by that thread alone, read
 * by the engine's main thread (relaxed atomics: a reader may be one packet behind, never torn).
 *
 * Histograms are log-linear (HDR style): 32 buckets per power of two, so a percentile is within
 * 3.2 % of the sample. Values are nanoseconds up to 2^40 (18 minutes), larger ones saturate.
 */
#ifndef TICKWIRE_COUNTERS_H
#define TICKWIRE_COUNTERS_H

#include "tickwire/config.h"
#include "tickwire/drop_reasons.h"
#include "tickwire/filter.h"
#include "tickwire/space_figures.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TW_HISTOGRAM_SUB_BITS 5u
#define TW_HISTOGRAM_MAX_BITS 40u
#define TW_HISTOGRAM_BUCKETS                                                                       \
    ((TW_HISTOGRAM_MAX_BITS - TW_HISTOGRAM_SUB_BITS + 1u) << TW_HISTOGRAM_SUB_BITS)

typedef _Atomic uint64_t tw_counter;

struct tw_histogram {
    _Atomic uint32_t buckets[TW_HISTOGRAM_BUCKETS];
};

/* Single-writer increments: a load and a store, no locked instruction. */
static inline void tw_counter_add(tw_counter *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

static inline void tw_counter_set(tw_counter *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline uint64_t tw_counter_get(const tw_counter *counter)
{
    return atomic_load_explicit((tw_counter *)(uintptr_t)counter, memory_order_relaxed);
}

static inline uint32_t tw_histogram_bucket(uint64_t value)
{
    if (value >= UINT64_C(1) << TW_HISTOGRAM_MAX_BITS)
        return TW_HISTOGRAM_BUCKETS - 1u;
    if (value < 1u << TW_HISTOGRAM_SUB_BITS)
        return (uint32_t)value;
    uint32_t top_bit = 63u - (uint32_t)__builtin_clzll(value);
    uint32_t shift = top_bit - TW_HISTOGRAM_SUB_BITS;
    uint32_t sub = (uint32_t)(value >> shift) & ((1u << TW_HISTOGRAM_SUB_BITS) - 1u);
    return ((shift + 1u) << TW_HISTOGRAM_SUB_BITS) + sub;
}

/* Smallest value of a bucket. */
static inline uint64_t tw_histogram_value(uint32_t bucket)
{
    uint32_t octave = bucket >> TW_HISTOGRAM_SUB_BITS;
    uint64_t sub = bucket & ((1u << TW_HISTOGRAM_SUB_BITS) - 1u);
    if (octave == 0)
        return sub;
    return ((UINT64_C(1) << TW_HISTOGRAM_SUB_BITS) | sub) << (octave - 1u);
}

static inline void tw_histogram_record(struct tw_histogram *histogram, uint64_t value)
{
    _Atomic uint32_t *bucket = &histogram->buckets[tw_histogram_bucket(value)];
    uint32_t count = atomic_load_explicit(bucket, memory_order_relaxed);
    atomic_store_explicit(bucket, count + 1u, memory_order_relaxed);
}

/* Value below which `permille` of the samples in counts[TW_HISTOGRAM_BUCKETS] lie; 0 if none. */
static inline uint64_t tw_histogram_permille(const uint32_t *counts, uint32_t permille)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS; i++)
        total += counts[i];
    uint64_t rank = (total * permille + 999u) / 1000u;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS && total > 0; i++) {
        seen += counts[i];
        if (seen >= rank && seen > 0)
            return tw_histogram_value(i);
    }
    return 0;
}

/* Of the rule in one slot of the filter table, since the worker learnt of that rule. */
struct tw_filter_counters {
    tw_counter packets; /* it was asked about */
    tw_counter bytes;   /* of these, whole frames */
    tw_counter dropped; /* of the packets */
    tw_counter denials; /* that it began by itself: sources, or its prefix */
};

/* Owner and only writer: the worker's lcore. */
struct tw_worker_counters {
    tw_counter outcomes[TW_OUTCOME_COUNT]; /* per received packet; sum = rx_packets */
    tw_counter inputs[TW_INPUT_COUNT];     /* per input record */
    tw_counter sends[TW_SEND_COUNT];       /* per packet to be sent */
    tw_counter verdicts[TW_VERDICT_COUNT]; /* per relayed hello 2 */
    tw_counter roaming[TW_ROAMING_COUNT];  /* events */
    tw_counter conduct[TW_CONDUCT_COUNT];  /* events */
    tw_counter rekeys[TW_REKEY_COUNT];     /* events */
    tw_counter life[TW_LIFE_EVENT_COUNT];  /* events */
    tw_counter message_bytes[TW_BYTES_COUNT];
    tw_counter rx_packets;               /* taken from the ports */
    tw_counter rx_of_port[TW_PORTS_MAX]; /* of these, by the engine's ports */
    tw_counter rx_bytes;
    tw_counter tx_bytes;
    tw_counter snapshots;            /* snapshot frames sealed */
    tw_counter snapshots_late;       /* of these: still there when the next tick's came */
    tw_counter records_ring_full;    /* join, leave and ack records the shard ring refused */
    tw_counter messages_in;          /* from clients, handed to a shard */
    tw_counter messages_out;         /* from shards, queued for a client */
    tw_counter messages_no_room;     /* packets not acknowledged: their messages found no room */
    tw_counter messages_no_channels; /* the same, and tries to queue one: too many sessions talk */
    tw_counter messages_waited; /* buffers of shards that found no room for a client, and wait */
    tw_counter messages_latest_dropped; /* of the channel that may lose them, for lack of room */
    tw_counter messages_missed;  /* for silent clients that had lapsed, or lapsed with them */
    tw_counter messages_backlog; /* sessions closed, or lapsed: they took too little, too long */
    tw_counter messages_stalled; /* the same: a message begun, and left or too slow */
    tw_counter messages_damaged; /* sessions closed: a message not what it said, or too long */
    tw_counter messages_decompressed;   /* of those in */
    tw_counter messages_compressed;     /* of those out, each time */
    tw_counter compressed_from_bytes;   /* they were so large, */
    tw_counter compressed_to_bytes;     /* and became so small */
    tw_counter messages_incompressible; /* tried, and no smaller */
    tw_counter messages_compress_busy;  /* not tried: it was time for packets */
    tw_counter sessions_live;           /* gauge */
    tw_counter sessions_pending;        /* gauge */
    tw_counter sessions_degraded;     /* gauge, of the live ones: silent a moment, or a bad path */
    tw_counter sessions_reconnecting; /* gauge, of the live ones: silent for longer */
    tw_counter polls_empty;
    tw_counter polls_busy;
    tw_counter slept_ns;       /* between polls, as it turned out */
    tw_counter filter_version; /* of the filter table in use; earlier ones are let go of */
    struct tw_filter_counters filters[TW_FILTER_RULES_MAX]; /* by slot */
} __attribute__((aligned(64)));

/* Owner and only writer: the shard's lcore. */
struct tw_shard_counters {
    tw_counter ticks;
    tw_counter ticks_late;    /* ended after the next was due */
    tw_counter ticks_skipped; /* never run: the clock was moved on after an overrun */
    tw_counter inputs[TW_SHARD_INPUT_COUNT];
    tw_counter records_stale; /* join, leave, ack of an old route epoch */
    tw_counter joins_refused;
    tw_counter joins_replacing; /* took the place of their account's older session */
    tw_counter players_starved; /* closed: they sent inputs and no snapshot reached them */
    tw_counter parking_full;    /* silent players that stayed in the world for lack of a place */
    tw_counter players_away;    /* gauge: in the world, their sessions silent */
    tw_counter players_parked;  /* gauge: of the players, out of the world */
    tw_counter players;         /* gauge */
    tw_counter entities;        /* gauge */
    tw_counter snapshots;
    tw_counter snapshot_bytes;
    tw_counter snapshots_incomplete;
    tw_counter snapshots_no_buffer;
    tw_counter shed_middle_bytes;  /* of snapshots, held back for the sake of a strained path: */
    tw_counter shed_far_bytes;     /* changes of entities in the middle, and far ones */
    tw_counter links_conservative; /* gauge: players whose path is strained */
    tw_counter links_emergency;    /* gauge: players whose path fails */
    tw_counter checks_sent;        /* snapshots that say what a view has to come to */
    tw_counter checks_agreed;      /* clients' reports of their views */
    tw_counter checks_differed;    /* views that are not what they should be */
    tw_counter checks_unknown;     /* reports about what was never asked, or too late */
    tw_counter baselines;          /* views told anew for that */
    tw_counter input_depths;       /* looks at how many inputs of a player wait */
    tw_counter input_depth_sum;    /* and what they saw */
    tw_counter messages;           /* relayed, each to all who hear it */
    tw_counter messages_dropped;   /* their senders were not in the world any more */
    tw_counter view_full;          /* interest candidates beyond the view's capacity */
    tw_counter state_hash;         /* newest state hash */
    tw_counter state_hash_tick;
    tw_counter space[TW_SPACE_FIGURE_COUNT]; /* of its world's index */
    struct tw_histogram tick_ns;             /* start of drain → last snapshot handed over */
} __attribute__((aligned(64)));

#endif
