/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/filter_list.h"

#include "control/daemon/filter_text.h"
#include "tickwire/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROWS_PER_READ 64u

static_assert(TW_AGENT_QUEUE_MAX >=
                  TW_AGENT_QUEUE_RESERVE + 1u + TW_FILTER_RULES_MAX / TW_AGENT_FILTER_RULES,
              "a greeting and all rules fit the queue beside a batch's answers");

static bool load_row(struct tw_filter_list *list, const struct tw_filter_row *row, char *error)
{
    struct tw_filter_rule rule;
    struct tw_filter_text_error wrong;
    if (!tw_filter_text_parse(row->rule, &rule, &wrong)) {
        snprintf(error, TW_FILTER_LIST_ERROR_SIZE, "filter rule %" PRIu64 ", column %u: %.180s",
                 row->id, wrong.column, wrong.message);
        return false;
    }
    rule.id = (uint32_t)row->id;
    if (row->id == 0 || row->id > UINT32_MAX || list->count == TW_FILTER_RULES_MAX ||
        tw_filter_list_rival(list, &rule)) {
        snprintf(error, TW_FILTER_LIST_ERROR_SIZE,
                 "filter rule %" PRIu64 " cannot stand beside the others", row->id);
        return false;
    }
    tw_filter_list_add(list, &rule, row->created_unix_s);
    return true;
}

bool tw_filter_list_load(struct tw_filter_list *list, struct tw_store *store,
                         char error[TW_FILTER_LIST_ERROR_SIZE])
{
    struct tw_filter_row rows[ROWS_PER_READ];
    uint64_t after = 0;
    size_t count = 0;
    list->count = 0;
    do {
        if (tw_store_filter_list(store, after, rows, ROWS_PER_READ, &count) != TW_STORE_OK) {
            snprintf(error, TW_FILTER_LIST_ERROR_SIZE, "%s", tw_store_error(store));
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (!load_row(list, &rows[i], error))
                return false;
            after = rows[i].id;
        }
    } while (count == ROWS_PER_READ);
    return true;
}

struct tw_filter_entry *tw_filter_list_find(struct tw_filter_list *list, uint32_t id)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->entries[i].rule.id == id)
            return &list->entries[i];
    }
    return NULL;
}

const struct tw_filter_entry *tw_filter_list_rival(const struct tw_filter_list *list,
                                                   const struct tw_filter_rule *rule)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct tw_filter_rule *other = &list->entries[i].rule;
        if (tw_filter_family(other) == tw_filter_family(rule) && tw_filter_same_prefix(other, rule))
            return &list->entries[i];
    }
    return NULL;
}

void tw_filter_list_add(struct tw_filter_list *list, const struct tw_filter_rule *rule,
                        uint64_t created_unix_s)
{
    TW_ASSERT(list->count < TW_FILTER_RULES_MAX && tw_filter_rule_valid(rule));
    list->entries[list->count++] =
        (struct tw_filter_entry){.rule = *rule, .created_unix_s = created_unix_s};
}

void tw_filter_list_remove(struct tw_filter_list *list, struct tw_filter_entry *entry)
{
    uint32_t behind = list->count - (uint32_t)(entry - list->entries) - 1u;
    memmove(entry, entry + 1, behind * sizeof(*entry));
    list->count--;
}

void tw_filter_list_send(const struct tw_filter_list *list, struct tw_agent_queue *queue)
{
    uint32_t next = 0;
    do {
        union tw_agent_outgoing *message = tw_agent_queue_push(
            queue, TW_AGENT_FILTER_CHANGE, sizeof(struct tw_agent_filter_change));
        TW_ASSERT(message != NULL);
        struct tw_agent_filter_change *change = &message->filter_change;
        change->first = next == 0;
        while (change->count < TW_AGENT_FILTER_RULES && next < list->count)
            change->rules[change->count++] = list->entries[next++].rule;
        change->last = next == list->count;
        change->total = list->count;
    } while (next < list->count);
}

void tw_filter_list_forget(struct tw_filter_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        list->entries[i].active = false;
}

void tw_filter_list_note(struct tw_filter_list *list,
                         const struct tw_agent_filter_counters *counters)
{
    for (uint64_t i = 0; i < counters->count; i++) {
        const struct tw_agent_filter_figures *figures = &counters->figures[i];
        struct tw_filter_entry *entry = tw_filter_list_find(list, (uint32_t)figures->rule);
        if (!entry)
            continue; /* removed a moment ago */
        entry->active = true;
        entry->figures = *figures;
    }
}
