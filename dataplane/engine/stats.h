/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sums of all workers' and shards' counters, once a second and at the end, in the shape of the
 * agent protocol; percentiles of the tick's duration are over the samples since the last call.
 * Main thread.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_STATS_H
#define TICKWIRE_DATAPLANE_ENGINE_STATS_H

#include "dataplane/engine/engine.h"
#include "tickwire/agent.h"

#include <stdio.h>

struct tw_stats {
    uint32_t seen[TW_SHARDS_MAX][TW_HISTOGRAM_BUCKETS]; /* histograms at the last call */
    uint32_t fresh[TW_HISTOGRAM_BUCKETS];               /* samples since then, of all shards */
};

/* Header and events_lost are the caller's. */
/* What runs, and what was refused, as much of it as there is room for. */
void tw_stats_crypto(struct tw_agent_crypto *row, const struct tw_aead_report *aead,
                     const struct tw_cookie_report *cookie);

void tw_stats_collect(struct tw_stats *stats, struct tw_engine *engine, uint64_t now_ns,
                      struct tw_agent_stats *out);

/* One JSON line: {"event":<event>, ...every ledger...}. `extra` ("" or ",\"key\":…") goes in
 * before the closing brace. */
void tw_stats_print(FILE *out, const char *event, const struct tw_agent_stats *stats,
                    const char *extra);

#endif
