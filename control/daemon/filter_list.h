/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filter rules of this host: loaded from the store, told to the engine, with the figures it
 * sends back. In order of id. Owned by the daemon's thread.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_FILTER_LIST_H
#define TICKWIRE_CONTROL_DAEMON_FILTER_LIST_H

#include "control/daemon/agent_queue.h"
#include "control/store/store.h"
#include "tickwire/agent.h"

struct tw_filter_entry {
    struct tw_filter_rule rule;
    uint64_t created_unix_s;
    bool active; /* the engine obeys it; the figures are its newest */
    struct tw_agent_filter_figures figures;
};

struct tw_filter_list {
    uint32_t count;
    struct tw_filter_entry entries[TW_FILTER_RULES_MAX];
};

#define TW_FILTER_LIST_ERROR_SIZE 256u

/* False: the store failed or holds what is no rule; error tells. */
bool tw_filter_list_load(struct tw_filter_list *list, struct tw_store *store,
                         char error[TW_FILTER_LIST_ERROR_SIZE]) __attribute__((warn_unused_result));

struct tw_filter_entry *tw_filter_list_find(struct tw_filter_list *list, uint32_t id);
/* The rule that this one would stand beside and cannot: same family, same prefix. */
const struct tw_filter_entry *tw_filter_list_rival(const struct tw_filter_list *list,
                                                   const struct tw_filter_rule *rule);
/* There is room, and its id is the largest. */
void tw_filter_list_add(struct tw_filter_list *list, const struct tw_filter_rule *rule,
                        uint64_t created_unix_s);
void tw_filter_list_remove(struct tw_filter_list *list, struct tw_filter_entry *entry);

/* All rules into the queue of an engine that was just greeted: it is empty but for the hello. */
void tw_filter_list_send(const struct tw_filter_list *list, struct tw_agent_queue *queue);
/* The engine is gone. */
void tw_filter_list_forget(struct tw_filter_list *list);
void tw_filter_list_note(struct tw_filter_list *list,
                         const struct tw_agent_filter_counters *counters);

#endif
