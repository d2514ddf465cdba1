/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of a bad path: what happens to each packet. Deterministic, seeded, virtual time.
 *
 *   packet → MTU → queue in front of the bandwidth → outage, bursts, chance, patterns → latency,
 * jitter
 *
 * Pure: sizes and times come in, a fate comes out; the bytes are the caller's. The same seed and
 * the same calls give the same fates. The network of the simulator and `tickwire-load impair` run
 * it. One thread.
 */
#ifndef TICKWIRE_TESTS_SIM_IMPAIR_H
#define TICKWIRE_TESTS_SIM_IMPAIR_H

#include "simulation/core/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPAIR_MILLION  UINT32_C(1000000)
#define IMPAIR_NO_BIT   UINT32_MAX
#define IMPAIR_COPY_MAX 2u
/* Of IPv4 and UDP, in front of the bytes that come in. */
#define IMPAIR_HEADERS 28u
/* Jitter never exceeds so many deviations. */
#define IMPAIR_JITTER_MOST 6u

struct impair_profile {
    const char *name;
    uint32_t latency_us; /* one way */
    uint32_t jitter_us;  /* deviation; added as its absolute value, as queues add */
    uint32_t loss_ppm;
    /* Everything is lost for burst_us, begun with this chance in each second. */
    uint32_t burst_ppm;
    uint32_t burst_us;
    /* Gilbert-Elliott: chances, at each packet, to turn bad and to turn good again; while bad,
     * bad_loss_ppm are lost. */
    uint32_t bad_enter_ppm, bad_leave_ppm, bad_loss_ppm;
    /* Patterns: each n-th packet; all above a size. 0: none. */
    uint32_t drop_every;
    uint32_t drop_above_bytes;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one bit */
    uint32_t mtu;         /* of IPv4 packets, headers included; 0: none */
    uint64_t bits_per_s;  /* 0: no limit */
    uint32_t queue_bytes; /* in front of the limit */
    bool reorders;        /* jitter lets packets overtake each other */
};

/* The requirements' five, and a LAN. Latencies there are round trips; half of them each way. Their
 * bursts are taken by the second and their random losses come on top, so the last three lose more
 * in all than the ranges that the requirements model:
 *
 *                    fiber      dsl      mobile_4g   satellite   congested_wifi
 *   lost here        0.25 %     1.4 %    5.2 %       10.5 %      24.5 %
 *   modelled         0.1-0.5 %  0.5-2 %  1-5 %       2-8 %       3-15 %
 */
extern const struct impair_profile impair_profiles[];
extern const uint32_t impair_profile_count;
/* NULL: there is none of that name. */
const struct impair_profile *impair_profile_find(const char *name);

enum impair_loss {
    IMPAIR_ARRIVES,
    IMPAIR_LOST_QUEUE,
    IMPAIR_LOST_OUTAGE,
    IMPAIR_LOST_BURST,
    IMPAIR_LOST_RANDOM,
    IMPAIR_LOST_BAD,
    IMPAIR_LOST_PATTERN,
    IMPAIR_LOST_SIZE,
    IMPAIR_LOSS_COUNT,
};
extern const char *const impair_loss_names[IMPAIR_LOSS_COUNT];

struct impair_statistics {
    uint64_t sent, bytes_sent;
    uint64_t lost[IMPAIR_LOSS_COUNT], bytes_lost;
    uint64_t duplicated, corrupted;
    uint64_t delivered, bytes_delivered; /* counted by who delivers */
};

struct impair {
    struct impair_profile profile; /* may be changed at any time */
    uint64_t outage_until_us;      /* nothing gets through before it */
    struct impair_statistics statistics;
    struct tw_rng rng;
    uint64_t free_us; /* when the limit has sent what stands in its queue */
    uint64_t newest_us;
    uint64_t burst_from_us, burst_until_us;
    uint64_t burst_second; /* last second a burst was drawn for */
    uint32_t turn;         /* towards drop_every */
    bool bad;              /* Gilbert-Elliott */
};

struct impair_fate {
    enum impair_loss loss;
    uint32_t copies; /* 0 when lost */
    struct {
        uint64_t at_us;
        uint32_t bit; /* flipped; IMPAIR_NO_BIT: none */
    } copy[IMPAIR_COPY_MAX];
};

void impair_init(struct impair *impair, const struct impair_profile *profile, uint64_t seed);
/* A packet of `size` bytes, 1 or more, leaves at now_us, which never goes back. */
struct impair_fate impair_packet(struct impair *impair, size_t size, uint64_t now_us);
/* For patterns of the caller's own: counts it, and as lost. */
void impair_drop(struct impair *impair, size_t size);

uint64_t impair_lost(const struct impair_statistics *statistics);
void impair_add(struct impair_statistics *sum, const struct impair_statistics *more);

#endif
