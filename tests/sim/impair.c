/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/impair.h"

#include <string.h>

#define MBIT      UINT64_C(1000000)
#define SECOND_US 1000000u

const struct impair_profile impair_profiles[] = {
    {.name = "lan",
     .latency_us = 250,
     .jitter_us = 50,
     .mtu = 1500,
     .bits_per_s = 1000 * MBIT,
     .queue_bytes = 1000000},
    {.name = "fiber",
     .latency_us = 12500,
     .jitter_us = 1500,
     .loss_ppm = 2000,
     .burst_ppm = 10000,
     .burst_us = 50000,
     .mtu = 1500,
     .bits_per_s = 200 * MBIT,
     .queue_bytes = 500000},
    {.name = "dsl",
     .latency_us = 27500,
     .jitter_us = 5000,
     .loss_ppm = 10000,
     .burst_ppm = 30000,
     .burst_us = 150000,
     .mtu = 1492,
     .bits_per_s = 50 * MBIT,
     .queue_bytes = 300000},
    {.name = "mobile_4g",
     .latency_us = 50000,
     .jitter_us = 15000,
     .loss_ppm = 30000,
     .burst_ppm = 80000,
     .burst_us = 300000,
     .mtu = 1420,
     .bits_per_s = 35 * MBIT,
     .queue_bytes = 300000,
     .reorders = true},
    {.name = "satellite",
     .latency_us = 300000,
     .jitter_us = 30000,
     .loss_ppm = 50000,
     .burst_ppm = 120000,
     .burst_us = 500000,
     .mtu = 1340,
     .bits_per_s = 25 * MBIT,
     .queue_bytes = 500000},
    {.name = "congested_wifi",
     .latency_us = 37500,
     .jitter_us = 22500,
     .loss_ppm = 80000,
     .burst_ppm = 200000,
     .burst_us = 1000000,
     .mtu = 1500,
     .bits_per_s = 20 * MBIT,
     .queue_bytes = 200000,
     .reorders = true},
};
const uint32_t impair_profile_count = sizeof(impair_profiles) / sizeof(impair_profiles[0]);

const char *const impair_loss_names[IMPAIR_LOSS_COUNT] = {"arrives", "queue", "outage",  "burst",
                                                          "random",  "bad",   "pattern", "mtu"};

const struct impair_profile *impair_profile_find(const char *name)
{
    for (uint32_t i = 0; i < impair_profile_count; i++) {
        if (strcmp(impair_profiles[i].name, name) == 0)
            return &impair_profiles[i];
    }
    return NULL;
}

void impair_init(struct impair *impair, const struct impair_profile *profile, uint64_t seed)
{
    *impair = (struct impair){.profile = *profile};
    tw_rng_seed(&impair->rng, seed);
}

static bool chance(struct impair *impair, uint32_t ppm)
{
    return ppm > 0 && tw_rng_below(&impair->rng, IMPAIR_MILLION) < ppm;
}

/* |normal(0, deviation)| by a sum of twelve: integers only. */
static uint64_t jitter(struct impair *impair)
{
    if (impair->profile.jitter_us == 0)
        return 0;
    int64_t sum = -(int64_t)IMPAIR_JITTER_MOST * 1024;
    for (uint32_t i = 0; i < 2u * IMPAIR_JITTER_MOST; i++)
        sum += (int64_t)tw_rng_below(&impair->rng, 1024);
    return (uint64_t)(sum < 0 ? -sum : sum) * impair->profile.jitter_us / 1024u;
}

/* *left_us: when the last bit has passed the limit. False: the queue is full. */
static bool pass_limit(struct impair *impair, size_t size, uint64_t now_us, uint64_t *left_us)
{
    uint64_t rate = impair->profile.bits_per_s;
    *left_us = now_us;
    if (rate == 0)
        return true;
    uint64_t begin_us = impair->free_us > now_us ? impair->free_us : now_us;
    uint64_t queued = (begin_us - now_us) * rate / 8u / SECOND_US;
    if (queued + size > impair->profile.queue_bytes)
        return false;
    impair->free_us = begin_us + (size * 8u * SECOND_US + rate - 1u) / rate;
    *left_us = impair->free_us;
    return true;
}

static bool in_burst(struct impair *impair, uint64_t now_us)
{
    uint64_t second = now_us / SECOND_US + 1u;
    if (impair->profile.burst_ppm == 0)
        return false; /* nor does one go on that began under another profile */
    if (impair->burst_second != second) {
        impair->burst_second = second;
        if (chance(impair, impair->profile.burst_ppm)) {
            impair->burst_from_us = now_us + tw_rng_below(&impair->rng, SECOND_US);
            impair->burst_until_us = impair->burst_from_us + impair->profile.burst_us;
        }
    }
    return now_us >= impair->burst_from_us && now_us < impair->burst_until_us;
}

static bool lost_while_bad(struct impair *impair)
{
    const struct impair_profile *profile = &impair->profile;
    if (chance(impair, impair->bad ? profile->bad_leave_ppm : profile->bad_enter_ppm))
        impair->bad = !impair->bad;
    return impair->bad && chance(impair, profile->bad_loss_ppm);
}

static bool in_pattern(struct impair *impair, size_t size)
{
    const struct impair_profile *profile = &impair->profile;
    if (profile->drop_every > 0 && ++impair->turn >= profile->drop_every) {
        impair->turn = 0;
        return true;
    }
    return profile->drop_above_bytes > 0 && size > profile->drop_above_bytes;
}

static enum impair_loss loss_of(struct impair *impair, size_t size, uint64_t now_us)
{
    if (now_us < impair->outage_until_us)
        return IMPAIR_LOST_OUTAGE;
    if (in_burst(impair, now_us))
        return IMPAIR_LOST_BURST;
    if (chance(impair, impair->profile.loss_ppm))
        return IMPAIR_LOST_RANDOM;
    if (lost_while_bad(impair))
        return IMPAIR_LOST_BAD;
    return in_pattern(impair, size) ? IMPAIR_LOST_PATTERN : IMPAIR_ARRIVES;
}

static void count_loss(struct impair *impair, enum impair_loss loss, size_t size)
{
    impair->statistics.lost[loss]++;
    impair->statistics.bytes_lost += size;
}

static void add_copy(struct impair *impair, struct impair_fate *fate, size_t size, uint64_t left_us)
{
    uint64_t at_us = left_us + impair->profile.latency_us + jitter(impair);
    if (!impair->profile.reorders && at_us < impair->newest_us)
        at_us = impair->newest_us;
    impair->newest_us = at_us;
    uint32_t bit = IMPAIR_NO_BIT;
    if (chance(impair, impair->profile.corrupt_ppm)) {
        bit = tw_rng_below(&impair->rng, (uint32_t)size * 8u);
        impair->statistics.corrupted++;
    }
    fate->copy[fate->copies].at_us = at_us;
    fate->copy[fate->copies++].bit = bit;
}

struct impair_fate impair_packet(struct impair *impair, size_t size, uint64_t now_us)
{
    struct impair_fate fate = {.loss = IMPAIR_LOST_QUEUE};
    impair->statistics.sent++;
    impair->statistics.bytes_sent += size;
    uint64_t left_us;
    if (impair->profile.mtu > 0 && size + IMPAIR_HEADERS > impair->profile.mtu)
        fate.loss = IMPAIR_LOST_SIZE; /* in front of everything: nobody is told */
    else if (pass_limit(impair, size, now_us, &left_us))
        fate.loss = loss_of(impair, size, now_us);
    if (fate.loss != IMPAIR_ARRIVES) {
        count_loss(impair, fate.loss, size);
        return fate;
    }
    if (chance(impair, impair->profile.duplicate_ppm)) {
        impair->statistics.duplicated++;
        add_copy(impair, &fate, size, left_us);
    }
    add_copy(impair, &fate, size, left_us);
    return fate;
}

void impair_drop(struct impair *impair, size_t size)
{
    impair->statistics.sent++;
    impair->statistics.bytes_sent += size;
    count_loss(impair, IMPAIR_LOST_PATTERN, size);
}

uint64_t impair_lost(const struct impair_statistics *statistics)
{
    uint64_t lost = 0;
    for (uint32_t i = IMPAIR_ARRIVES + 1u; i < IMPAIR_LOSS_COUNT; i++)
        lost += statistics->lost[i];
    return lost;
}

void impair_add(struct impair_statistics *sum, const struct impair_statistics *more)
{
    sum->sent += more->sent;
    sum->bytes_sent += more->bytes_sent;
    for (uint32_t i = 0; i < IMPAIR_LOSS_COUNT; i++)
        sum->lost[i] += more->lost[i];
    sum->bytes_lost += more->bytes_lost;
    sum->duplicated += more->duplicated;
    sum->corrupted += more->corrupted;
    sum->delivered += more->delivered;
    sum->bytes_delivered += more->bytes_delivered;
}
