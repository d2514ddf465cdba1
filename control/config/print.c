/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config/print.h"

#include "control/config/schema.h"
#include "control/config/value.h"

#include <string.h>

#define VALUE_SIZE    (2u * TW_CONFIG_TEXT_SIZE + 8u)
#define EXPECTED_SIZE 256u

void tw_config_print(FILE *out, const struct tw_config *config)
{
    for (size_t s = 0; s < tw_schema_section_count; s++) {
        const struct tw_schema_section *section = &tw_schema_sections[s];
        fprintf(out, "%s# %s\n%s:\n", s ? "\n" : "", section->meaning, section->name);
        for (size_t i = 0; i < tw_schema_key_count; i++) {
            const struct tw_schema_key *key = &tw_schema_keys[i];
            if (strcmp(key->section, section->name) != 0)
                continue;
            char value[VALUE_SIZE];
            char expected[EXPECTED_SIZE];
            tw_value_format(key, config, value, sizeof(value));
            tw_schema_expectation(key, expected, sizeof(expected));
            fprintf(out, "  # %s (%s%s%s)\n  %s: %s\n", key->meaning, expected,
                    key->unit[0] ? "; " : "", key->unit, key->name, value);
        }
    }
}

void tw_config_print_reference(FILE *out)
{
    for (size_t s = 0; s < tw_schema_section_count; s++) {
        const struct tw_schema_section *section = &tw_schema_sections[s];
        fprintf(out, "%s### `%s`: %s\n\n", s ? "\n" : "", section->name, section->meaning);
        fprintf(out, "| key | value | default | unit | meaning |\n|---|---|---|---|---|\n");
        for (size_t i = 0; i < tw_schema_key_count; i++) {
            const struct tw_schema_key *key = &tw_schema_keys[i];
            if (strcmp(key->section, section->name) != 0)
                continue;
            char expected[EXPECTED_SIZE];
            tw_schema_expectation(key, expected, sizeof(expected));
            const char *empty = key->type == TW_SCHEMA_STRING ? "\"\"" : "[]";
            const char *text = key->default_text[0] ? key->default_text : empty;
            fprintf(out, "| `%s` | %s | `%s` | %s | %s |\n", key->name, expected, text, key->unit,
                    key->meaning);
        }
    }
}

/* Cores and numbers are JSON already; words and the members of flag lists get quotes. */
static void print_json_value(FILE *out, const struct tw_schema_key *key, char *value)
{
    bool word = key->type == TW_SCHEMA_ENUM || key->type == TW_SCHEMA_IPV4 ||
                (key->type == TW_SCHEMA_IPV6 && value[0] != '"');
    if (word) {
        fprintf(out, "\"%s\"", value);
    } else if (key->type == TW_SCHEMA_FLAGS) {
        fputc('[', out);
        const char *comma = "";
        for (char *name = strtok(value, "[], "); name; name = strtok(NULL, "[], "), comma = ", ")
            fprintf(out, "%s\"%s\"", comma, name);
        fputc(']', out);
    } else {
        fputs(value, out);
    }
}

void tw_config_print_json(FILE *out, const struct tw_config *config)
{
    fputc('{', out);
    for (size_t s = 0; s < tw_schema_section_count; s++) {
        const char *section = tw_schema_sections[s].name;
        fprintf(out, "%s\n  \"%s\": {", s ? "," : "", section);
        const char *comma = "";
        for (size_t i = 0; i < tw_schema_key_count; i++) {
            const struct tw_schema_key *key = &tw_schema_keys[i];
            if (strcmp(key->section, section) != 0)
                continue;
            char value[VALUE_SIZE];
            tw_value_format(key, config, value, sizeof(value));
            fprintf(out, "%s\n    \"%s\": ", comma, key->name);
            print_json_value(out, key, value);
            comma = ",";
        }
        fputs("\n  }", out);
    }
    fputs("\n}\n", out);
}
