/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/cli/cli.h"

#include <string.h>

#define COLUMNS_MAX 12u

static const char *cell(const json_t *row, size_t column)
{
    const char *text = json_string_value(json_array_get(row, column));
    return text ? text : "";
}

void tw_table_print(FILE *out, json_t *rows)
{
    size_t widths[COLUMNS_MAX] = {0};
    size_t columns = json_array_size(json_array_get(rows, 0));
    for (size_t r = 0; r < json_array_size(rows); r++) {
        for (size_t c = 0; c < columns; c++) {
            size_t width = strlen(cell(json_array_get(rows, r), c));
            if (width > widths[c])
                widths[c] = width;
        }
    }
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        size_t used = columns; /* no blanks at the end of lines */
        while (used > 1 && *cell(row, used - 1) == '\0')
            used--;
        for (size_t c = 0; c + 1 < used; c++)
            fprintf(out, "%-*s  ", (int)widths[c], cell(row, c));
        fprintf(out, "%s\n", used > 0 ? cell(row, used - 1) : "");
    }
    json_decref(rows);
}

json_t *tw_table_cell(const json_t *value)
{
    char text[32];
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string(json_string_value(value));
    case JSON_INTEGER:
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return json_string(text);
    case JSON_REAL:
        snprintf(text, sizeof(text), "%.1f", json_real_value(value));
        return json_string(text);
    case JSON_TRUE:
        return json_string("yes");
    case JSON_FALSE:
        return json_string("no");
    default:
        return json_string("-");
    }
}

void tw_json_print(const json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
}
