/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The schema table: every configuration key once, with type, range, default, unit and meaning.
 *
 * Loader, printer, combination checks and the reference table are all driven by it: a new key is
 * one field in tickwire/config.h and one row in schema.c. Constant data, any thread.
 */
#ifndef TICKWIRE_CONTROL_CONFIG_SCHEMA_H
#define TICKWIRE_CONTROL_CONFIG_SCHEMA_H

#include "tickwire/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tw_schema_type {
    TW_SCHEMA_STRING,  /* min..max characters, printable ASCII; size = capacity of the field */
    TW_SCHEMA_INTEGER, /* min..max; size = 1, 2, 4 or 8 bytes */
    TW_SCHEMA_SIZE,    /* megabytes in a u32; text may end in M or G */
    TW_SCHEMA_ENUM,    /* one of choices, stored as an int */
    TW_SCHEMA_FLAGS,   /* list of choices, or-ed into a u8; at least one */
    TW_SCHEMA_IPV4,    /* host byte order u32; min = 0 allows "none", stored as 0 */
    TW_SCHEMA_IPV6,    /* 16 bytes; "none" is stored as zeros */
    TW_SCHEMA_CORES,   /* list of min..max, u32 array at offset, u32 count at count_offset */
};

struct tw_schema_choice {
    const char *name;
    uint32_t value;
};

struct tw_schema_key {
    const char *section;
    const char *name;
    enum tw_schema_type type;
    size_t offset; /* in struct tw_config */
    size_t size;
    size_t count_offset;
    uint64_t min, max;
    const char *default_text; /* as one would write it; lists without brackets */
    const char *unit;         /* "" = none */
    const char *meaning;
    const struct tw_schema_choice *choices; /* ends with name NULL */
};

struct tw_schema_section {
    const char *name;
    const char *meaning;
};

#define TW_SCHEMA_KEYS_MAX     128u
#define TW_SCHEMA_SECTIONS_MAX 16u

extern const struct tw_schema_key tw_schema_keys[];
extern const size_t tw_schema_key_count;
extern const struct tw_schema_section tw_schema_sections[];
extern const size_t tw_schema_section_count;

/* Index of a section or key, or -1. */
int tw_schema_find_section(const char *name, size_t length);
int tw_schema_find_key(const char *section, const char *name, size_t length);

/* "an integer from 1 to 65535", "one of auto, on, off" … */
void tw_schema_expectation(const struct tw_schema_key *key, char *out, size_t size);

#endif
