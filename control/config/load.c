/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config/load.h"

#include "control/config/check.h"
#include "control/config/schema.h"
#include "control/config/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define FOUND_SIZE 64u

struct loader {
    yaml_parser_t parser;
    const char *name;
    struct tw_config *config;
    struct tw_config_error *error;
    size_t section_lines[TW_SCHEMA_SECTIONS_MAX]; /* 0 = not seen */
    size_t key_lines[TW_SCHEMA_KEYS_MAX];
};

__attribute__((format(printf, 3, 4))) static bool fail(struct loader *loader, size_t line,
                                                       const char *format, ...)
{
    char *out = loader->error->message;
    size_t size = sizeof(loader->error->message);
    int used = line ? snprintf(out, size, "%.160s:%zu: ", loader->name, line)
                    : snprintf(out, size, "%.160s: ", loader->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out + used, size - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

static size_t line_of(const yaml_event_t *event)
{
    return event->start_mark.line + 1;
}

/* The caller owns *event after true. */
static bool next_event(struct loader *loader, yaml_event_t *event)
{
    if (yaml_parser_parse(&loader->parser, event))
        return true;
    const char *problem = loader->parser.problem ? loader->parser.problem : "out of memory";
    return fail(loader, loader->parser.problem_mark.line + 1, "not YAML: %s", problem);
}

/* Printable, short text of what stands in the file. */
static const char *found_text(const yaml_event_t *event, char out[FOUND_SIZE])
{
    if (event->type == YAML_MAPPING_START_EVENT)
        return "a mapping";
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return "a list";
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (length == 0)
        return "nothing";
    bool quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    size_t used = 0;
    if (quoted)
        out[used++] = '"';
    for (size_t i = 0; i < length && used < FOUND_SIZE - 8; i++)
        out[used++] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
    if (length > FOUND_SIZE - 9)
        used += (size_t)snprintf(out + used, 4, "...");
    if (quoted)
        out[used++] = '"';
    out[used] = '\0';
    return out;
}

static bool fail_value(struct loader *loader, const struct tw_schema_key *key,
                       const yaml_event_t *event)
{
    char expected[256];
    char found[FOUND_SIZE];
    tw_schema_expectation(key, expected, sizeof(expected));
    return fail(loader, line_of(event), "key `%s.%s`: found %s, expected %s", key->section,
                key->name, found_text(event, found), expected);
}

static bool has_tag_or_anchor(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default:
        return event->type == YAML_ALIAS_EVENT;
    }
}

/* A value, an element or a key: anything but what this file format has no use for. */
static bool next_plain(struct loader *loader, yaml_event_t *event)
{
    if (!next_event(loader, event))
        return false;
    if (!has_tag_or_anchor(event))
        return true;
    size_t line = line_of(event);
    yaml_event_delete(event);
    return fail(loader, line, "found an alias, anchor or tag, expected plain values");
}

static bool load_element(struct loader *loader, const struct tw_schema_key *key,
                         const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT)
        return fail_value(loader, key, event);
    enum tw_value_result result = tw_value_add(
        key, loader->config, (const char *)event->data.scalar.value, event->data.scalar.length);
    return result == TW_VALUE_OK || fail_value(loader, key, event);
}

static bool load_list(struct loader *loader, const struct tw_schema_key *key,
                      const yaml_event_t *start)
{
    if (start->type != YAML_SEQUENCE_START_EVENT)
        return fail_value(loader, key, start);
    tw_value_clear(key, loader->config);
    for (;;) {
        yaml_event_t event;
        if (!next_plain(loader, &event))
            return false;
        bool at_end = event.type == YAML_SEQUENCE_END_EVENT;
        bool ok = at_end || load_element(loader, key, &event);
        yaml_event_delete(&event);
        if (!ok)
            return false;
        if (at_end)
            break;
    }
    if (tw_value_list_complete(key, loader->config))
        return true;
    char expected[256];
    tw_schema_expectation(key, expected, sizeof(expected));
    return fail(loader, line_of(start), "key `%s.%s`: found an empty list, expected %s",
                key->section, key->name, expected);
}

static bool load_value(struct loader *loader, const struct tw_schema_key *key)
{
    yaml_event_t event;
    if (!next_plain(loader, &event))
        return false;
    bool ok;
    if (tw_value_is_list(key)) {
        ok = load_list(loader, key, &event);
    } else if (event.type != YAML_SCALAR_EVENT) {
        ok = fail_value(loader, key, &event);
    } else {
        bool quoted = event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        enum tw_value_result result =
            tw_value_set(key, loader->config, (const char *)event.data.scalar.value,
                         event.data.scalar.length, quoted);
        ok = result == TW_VALUE_OK || fail_value(loader, key, &event);
    }
    yaml_event_delete(&event);
    return ok;
}

static void list_keys(const char *section, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < tw_schema_key_count; i++) {
        if (strcmp(tw_schema_keys[i].section, section) == 0 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     tw_schema_keys[i].name);
    }
}

static bool load_key(struct loader *loader, const char *section, const yaml_event_t *event)
{
    char found[FOUND_SIZE];
    if (event->type != YAML_SCALAR_EVENT)
        return fail(loader, line_of(event), "key `%s`: found %s, expected the name of a key",
                    section, found_text(event, found));
    int index = tw_schema_find_key(section, (const char *)event->data.scalar.value,
                                   event->data.scalar.length);
    if (index < 0) {
        char names[320];
        list_keys(section, names, sizeof(names));
        return fail(loader, line_of(event), "key `%s.%s`: unknown key, expected one of %s", section,
                    found_text(event, found), names);
    }
    if (loader->key_lines[index])
        return fail(loader, line_of(event),
                    "key `%s.%s`: given twice, expected once (first on line %zu)", section,
                    tw_schema_keys[index].name, loader->key_lines[index]);
    loader->key_lines[index] = line_of(event);
    return load_value(loader, &tw_schema_keys[index]);
}

/* Keys of one section until its mapping ends. */
static bool load_keys(struct loader *loader, const char *section)
{
    for (;;) {
        yaml_event_t event;
        if (!next_plain(loader, &event))
            return false;
        bool at_end = event.type == YAML_MAPPING_END_EVENT;
        bool ok = at_end || load_key(loader, section, &event);
        yaml_event_delete(&event);
        if (!ok || at_end)
            return ok;
    }
}

static bool load_section_body(struct loader *loader, const char *section)
{
    yaml_event_t event;
    if (!next_plain(loader, &event))
        return false;
    bool is_mapping = event.type == YAML_MAPPING_START_EVENT;
    /* A section whose keys are all commented out. */
    bool is_empty = event.type == YAML_SCALAR_EVENT && event.data.scalar.length == 0 &&
                    event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    char found[FOUND_SIZE];
    bool ok = is_mapping || is_empty ||
              fail(loader, line_of(&event), "key `%s`: found %s, expected a section of keys",
                   section, found_text(&event, found));
    yaml_event_delete(&event);
    return ok && (is_empty || load_keys(loader, section));
}

static bool fail_section(struct loader *loader, const yaml_event_t *event)
{
    char found[FOUND_SIZE];
    char names[160];
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < tw_schema_section_count && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
                                 tw_schema_sections[i].name);
    return fail(loader, line_of(event), "key `%s`: unknown section, expected one of %s",
                found_text(event, found), names);
}

static bool load_section(struct loader *loader, const yaml_event_t *event)
{
    char found[FOUND_SIZE];
    if (event->type != YAML_SCALAR_EVENT)
        return fail(loader, line_of(event), "found %s, expected the name of a section",
                    found_text(event, found));
    int index =
        tw_schema_find_section((const char *)event->data.scalar.value, event->data.scalar.length);
    if (index < 0)
        return fail_section(loader, event);
    const char *section = tw_schema_sections[index].name;
    if (loader->section_lines[index])
        return fail(loader, line_of(event),
                    "key `%s`: given twice, expected once (first on line %zu)", section,
                    loader->section_lines[index]);
    loader->section_lines[index] = line_of(event);
    return load_section_body(loader, section);
}

static bool load_sections(struct loader *loader)
{
    for (;;) {
        yaml_event_t event;
        if (!next_plain(loader, &event))
            return false;
        bool at_end = event.type == YAML_MAPPING_END_EVENT;
        bool ok = at_end || load_section(loader, &event);
        yaml_event_delete(&event);
        if (!ok || at_end)
            return ok;
    }
}

/* Next event must be of this type. */
static bool expect(struct loader *loader, yaml_event_type_t type, const char *expected)
{
    yaml_event_t event;
    if (!next_event(loader, &event))
        return false;
    bool ok = event.type == type || fail(loader, line_of(&event), "expected %s", expected);
    yaml_event_delete(&event);
    return ok;
}

static bool load_document(struct loader *loader)
{
    if (!expect(loader, YAML_STREAM_START_EVENT, "a YAML stream"))
        return false;
    yaml_event_t event;
    if (!next_event(loader, &event))
        return false;
    bool empty = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
    if (empty)
        return true; /* nothing but comments: all defaults */
    return expect(loader, YAML_MAPPING_START_EVENT,
                  "a mapping of the sections engine, limits, world, control") &&
           load_sections(loader) && expect(loader, YAML_DOCUMENT_END_EVENT, "the document's end") &&
           expect(loader, YAML_STREAM_END_EVENT, "one document, found another");
}

static bool check_combinations(struct loader *loader)
{
    struct tw_check_fault fault;
    if (tw_config_check(loader->config, &fault))
        return true;
    int key = tw_schema_find_key(fault.section, fault.key, strlen(fault.key));
    int other = tw_schema_find_key(fault.section, fault.other_key, strlen(fault.other_key));
    size_t line = loader->key_lines[key] ? loader->key_lines[key] : loader->key_lines[other];
    return fail(loader, line, "key `%s.%s`: %s", fault.section, fault.key, fault.message);
}

bool tw_config_parse(const char *name, const char *text, size_t length, struct tw_config *config,
                     struct tw_config_error *error)
{
    struct loader loader = {.name = name, .config = config, .error = error};
    tw_config_defaults(config);
    if (length > TW_CONFIG_FILE_MAX)
        return fail(&loader, 0, "larger than %u bytes, expected a configuration",
                    TW_CONFIG_FILE_MAX);
    if (!yaml_parser_initialize(&loader.parser))
        return fail(&loader, 0, "out of memory");
    yaml_parser_set_input_string(&loader.parser, (const unsigned char *)text, length);
    bool ok = load_document(&loader) && check_combinations(&loader);
    yaml_parser_delete(&loader.parser);
    return ok;
}

void tw_config_defaults(struct tw_config *config)
{
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < tw_schema_key_count; i++)
        tw_value_set_default(&tw_schema_keys[i], config);
}

bool tw_config_load(const char *path, struct tw_config *config, struct tw_config_error *error)
{
    struct loader names = {.name = path, .error = error};
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(&names, 0, "cannot be read: %s", strerror(errno));
    char *text = malloc(TW_CONFIG_FILE_MAX + 1u);
    if (!text) {
        fclose(file);
        return fail(&names, 0, "out of memory");
    }
    size_t length = fread(text, 1, TW_CONFIG_FILE_MAX + 1u, file);
    bool ok = ferror(file) ? fail(&names, 0, "cannot be read: %s", strerror(errno))
                           : tw_config_parse(path, text, length, config, error);
    fclose(file);
    free(text);
    return ok;
}
