/* SPDX-License-Identifier: BSD-3-Clause */
/* filter add, list, remove. What is stored is in force: at once, or with the engine's next link. */
#include "control/daemon/agent_link.h"
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"
#include "control/daemon/filter_text.h"
#include "control/daemon/log.h"

#include <stdlib.h>
#include <string.h>

static_assert(TW_FILTER_TEXT_SIZE == TW_STORE_RULE_SIZE, "a rule's text fits the store");

/* ---- add ------------------------------------------------------------------------------------- */

static bool parse(struct tw_call *call, const char *text, struct tw_filter_rule *rule)
{
    struct tw_filter_text_error error;
    if (tw_filter_text_parse(text, rule, &error))
        return true;
    tw_call_fail(call, "BAD_RULE", "column %u: %s", error.column, error.message);
    call->error_details = json_pack("{s:I}", "column", (json_int_t)error.column);
    return false;
}

/* Two rules of one family for the same prefix would contradict or repeat each other. */
static bool stands_alone(struct tw_call *call, const struct tw_filter_rule *rule)
{
    char text[TW_FILTER_TEXT_SIZE];
    const struct tw_filter_list *list = &call->daemon->filters;
    const struct tw_filter_entry *rival = tw_filter_list_rival(list, rule);
    if (rival) {
        struct tw_filter_rule same = *rule;
        same.id = rival->rule.id;
        bool equal = memcmp(&same, &rival->rule, sizeof(same)) == 0;
        tw_filter_text_write(&rival->rule, text);
        tw_call_fail(call, equal ? "RULE_EXISTS" : "RULE_CONTRADICTS",
                     equal ? "rule %u says so already: %s"
                           : "rule %u is about the same prefix: %s; remove it first",
                     rival->rule.id, text);
        call->error_details = json_pack("{s:I}", "id", (json_int_t)rival->rule.id);
        return false;
    }
    if (list->count < TW_FILTER_RULES_MAX)
        return true;
    tw_call_fail(call, "RULES_FULL", "there are %u rules, and no more can be", TW_FILTER_RULES_MAX);
    return false;
}

void tw_command_filter_add(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    struct tw_agent_filter_change change = {.count = 1, .last = 1};
    struct tw_filter_rule *rule = &change.rules[0];
    char text[TW_FILTER_TEXT_SIZE];
    const char *given = NULL;
    uint64_t id = 0;
    if (!tw_call_unpack(call, "{s:s}", "rule", &given) || !parse(call, given, rule) ||
        !stands_alone(call, rule))
        return;
    tw_filter_text_write(rule, text);
    if (tw_store_filter_add(daemon->store, text, tw_clock_unix_s(), &id) != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    rule->id = (uint32_t)id;
    tw_filter_list_add(&daemon->filters, rule, tw_clock_unix_s());
    change.total = daemon->filters.count;
    bool told = tw_agent_link_filter(daemon, &change);
    call->result =
        json_pack("{s:I, s:s, s:b}", "id", (json_int_t)id, "rule", text, "engine_linked", told);
    tw_log_info("filter_added", json_pack("{s:I, s:s}", "id", (json_int_t)id, "rule", text));
}

/* ---- list ------------------------------------------------------------------------------------ */

static json_t *entry_json(const struct tw_filter_entry *entry)
{
    char text[TW_FILTER_TEXT_SIZE];
    const struct tw_agent_filter_figures *figures = &entry->figures;
    tw_filter_text_write(&entry->rule, text);
    return json_pack("{s:I, s:s, s:I, s:b, s:I, s:I, s:I, s:I}", "id", (json_int_t)entry->rule.id,
                     "rule", text, "created_unix_s", (json_int_t)entry->created_unix_s, "active",
                     entry->active, "packets", (json_int_t)figures->packets, "bytes",
                     (json_int_t)figures->bytes, "dropped", (json_int_t)figures->dropped, "denials",
                     (json_int_t)figures->denials);
}

void tw_command_filter_list(struct tw_call *call)
{
    const struct tw_filter_list *list = &call->daemon->filters;
    if (!tw_call_unpack(call, "{}"))
        return;
    json_t *rules = json_array();
    for (uint32_t i = 0; i < list->count; i++)
        (void)json_array_append_new(rules, entry_json(&list->entries[i]));
    call->result =
        json_pack("{s:o, s:I, s:b}", "rules", rules, "rules_max", (json_int_t)TW_FILTER_RULES_MAX,
                  "engine_linked", call->daemon->engine != NULL);
}

/* ---- remove ---------------------------------------------------------------------------------- */

static struct tw_filter_entry *find(struct tw_call *call, const char *text)
{
    char *end = NULL;
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 9 || text[length] != '\0') {
        tw_call_fail(call, "BAD_ARGUMENT", "expected a rule's number, as `filter list` shows it");
        return NULL;
    }
    uint32_t id = (uint32_t)strtoul(text, &end, 10);
    struct tw_filter_entry *entry = tw_filter_list_find(&call->daemon->filters, id);
    if (!entry) {
        tw_call_fail(call, "RULE_NOT_FOUND", "no rule has the number %u", id);
        call->error_details = json_pack("{s:I}", "id", (json_int_t)id);
    }
    return entry;
}

void tw_command_filter_remove(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const char *given = NULL;
    char text[TW_FILTER_TEXT_SIZE];
    if (!tw_call_unpack(call, "{s:s}", "id", &given))
        return;
    struct tw_filter_entry *entry = find(call, given);
    if (!entry)
        return;
    uint32_t id = entry->rule.id;
    if (tw_store_filter_remove(daemon->store, id) != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    tw_filter_text_write(&entry->rule, text);
    tw_filter_list_remove(&daemon->filters, entry);
    struct tw_agent_filter_change change = {
        .removed = id, .last = 1, .total = daemon->filters.count};
    bool told = tw_agent_link_filter(daemon, &change);
    call->result =
        json_pack("{s:I, s:s, s:b}", "id", (json_int_t)id, "rule", text, "engine_linked", told);
    tw_log_info("filter_removed", json_pack("{s:I, s:s}", "id", (json_int_t)id, "rule", text));
}
