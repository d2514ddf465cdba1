/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filter rules. Input: u8 mode, then
 *   0  a rule's text, as an operator types it
 *   1  FILTER_CHANGE messages of a control plane, whole: { u8 flags, u8 count, rules } each
 * A text that parses is a valid rule and is written as itself; changes that pass the checks yield
 * tables that answer for any address by rules that cover it.
 */
#include "control/daemon/filter_text.h"
#include "dataplane/engine/filters.h"
#include "tests/fuzz/fuzzing.h"

static struct tw_worker_counters counters;
static struct tw_worker_counters *const pointers[] = {&counters};
static struct tw_filters *filters;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    filters = tw_filters_create(pointers, 1);
    return filters == NULL;
}

static void parse_text(struct tw_reader *reader)
{
    char text[512], written[TW_FILTER_TEXT_SIZE], again[TW_FILTER_TEXT_SIZE];
    struct tw_filter_rule rule, second;
    struct tw_filter_text_error error = {0};
    size_t length = fuzz_take(reader, (uint8_t *)text, sizeof(text) - 1);
    text[length] = '\0';
    if (!tw_filter_text_parse(text, &rule, &error)) {
        TW_ASSERT(error.column >= 1 && error.column <= strlen(text) + 1);
        size_t said = strnlen(error.message, sizeof(error.message));
        TW_ASSERT(said > 0 && said < sizeof(error.message));
        for (size_t i = 0; i < said; i++)
            TW_ASSERT(error.message[i] >= 0x20 && error.message[i] <= 0x7e);
        return;
    }
    tw_filter_text_write(&rule, written);
    TW_ASSERT(tw_filter_text_parse(written, &second, &error));
    TW_ASSERT(memcmp(&rule, &second, sizeof(rule)) == 0);
    tw_filter_text_write(&second, again);
    TW_ASSERT(strcmp(written, again) == 0);
    rule.id = 1;
    TW_ASSERT(tw_filter_rule_valid(&rule));
}

static void check_covers(const struct tw_filter_table *table, uint16_t place, const uint8_t ip[16])
{
    if (place == 0)
        return;
    const struct tw_filter_rule *rule = &table->rules[place - 1u];
    TW_ASSERT(rule->id != 0 && tw_filter_is_ipv4(rule->ip) == tw_filter_is_ipv4(ip));
    for (uint32_t bit = 0; bit < rule->prefix_length; bit++)
        TW_ASSERT(((rule->ip[bit / 8] ^ ip[bit / 8]) & 0x80u >> bit % 8) == 0);
}

static void ask(const struct tw_filter_table *table, const uint8_t ip[16])
{
    const struct tw_filter_node *node = tw_filter_table_find(table, ip);
    check_covers(table, node->verdict, ip);
    check_covers(table, node->limit, ip);
    check_covers(table, node->malformed, ip);
}

/* The one worker takes over what there is. NULL: nothing new. */
static const struct tw_filter_table *take_over(void)
{
    tw_filters_turn(filters);
    const struct tw_filter_table *table = tw_filters_owed(filters, 0);
    if (table == NULL)
        return NULL;
    tw_filters_told(filters, 0);
    tw_counter_set(&counters.filter_version, table->version);
    return table;
}

/* Whatever was there, half a set included, an empty set ends it. */
static void clear(void)
{
    const struct tw_agent_filter_change none = {.first = 1, .last = 1};
    TW_ASSERT(tw_filters_change(filters, &none));
    TW_ASSERT(take_over()->rule_count == 0);
}

static void change_rules(struct tw_reader *reader)
{
    struct tw_filter_rule last = {0};
    while (tw_reader_left(reader) > 0) {
        uint8_t flags = fuzz_u8(reader);
        struct tw_agent_filter_change change = {.count = fuzz_u8(reader) % 5u,
                                                .removed = flags >> 4,
                                                .total = fuzz_u8(reader),
                                                .first = flags & 1u,
                                                .last = flags >> 1 & 1u};
        bool valid = true;
        for (uint32_t i = 0; i < change.count; i++) {
            (void)fuzz_take(reader, (uint8_t *)&change.rules[i], sizeof(change.rules[i]));
            last = change.rules[i];
            valid = valid && tw_filter_rule_valid(&last);
        }
        /* What the protocol refuses, or what does not add up, costs the link. */
        if (!valid || !tw_filters_change(filters, &change))
            break;
        const struct tw_filter_table *table = take_over();
        if (table == NULL)
            continue;
        static const uint8_t zero[16] = {0};
        ask(table, zero);
        ask(table, last.ip);
        for (uint32_t slot = 0; slot < 16; slot++)
            ask(table, table->rules[slot].ip);
    }
    clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    if (fuzz_u8(&reader) % 2 == 0)
        parse_text(&reader);
    else
        change_rules(&reader);
    return 0;
}
