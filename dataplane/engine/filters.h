/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filter rules as the main thread has them: what the control plane wants, the table the workers
 * use, and the one that is built next.
 *
 *   change ─► rules, by slot ──build──► spare table ──command──► workers
 *                                           ▲                      │ filter_version
 *                                           └── once all have let go of it
 *
 * A rule keeps its slot, and with it its counters and buckets, as long as its id lives. Changes
 * that come while workers still take over the last table wait and then go out together. Without a
 * control plane everything stays as it is. Main thread; memory from tw_filters_create.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_FILTERS_H
#define TICKWIRE_DATAPLANE_ENGINE_FILTERS_H

#include "dataplane/gate/filter_table.h"
#include "tickwire/agent.h"

#include <stdbool.h>

struct tw_filters;

/* NULL if memory is short. counters[workers] are the workers' own and outlive this. */
struct tw_filters *tw_filters_create(struct tw_worker_counters *const *counters, uint32_t workers);
void tw_filters_destroy(struct tw_filters *filters);

/* A well-formed change with valid rules. False: it does not fit what is there (two rules of one
 * family and prefix, too many, another total): the sender must tell the whole set again. */
bool tw_filters_change(struct tw_filters *filters, const struct tw_agent_filter_change *change)
    __attribute__((warn_unused_result));

/* Builds the next table if one is due and the spare one is free. */
void tw_filters_turn(struct tw_filters *filters);

/* What the worker must be told; NULL: nothing. Then tw_filters_told, once it was. */
const struct tw_filter_table *tw_filters_owed(const struct tw_filters *filters, uint32_t worker);
void tw_filters_told(struct tw_filters *filters, uint32_t worker);

/* Figures of the rules in force from slot *next on; advances *next. False: nothing is left, or the
 * workers are not all at one table now. */
bool tw_filters_figures(const struct tw_filters *filters, uint32_t *next,
                        struct tw_agent_filter_counters *figures);

#endif
