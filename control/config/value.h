/* SPDX-License-Identifier: BSD-3-Clause */
/* One configuration value between its text and its field. Pure; the schema row says which. */
#ifndef TICKWIRE_CONTROL_CONFIG_VALUE_H
#define TICKWIRE_CONTROL_CONFIG_VALUE_H

#include "control/config/schema.h"

enum tw_value_result {
    TW_VALUE_OK,
    TW_VALUE_TYPE,  /* not of the key's type */
    TW_VALUE_RANGE, /* right type, outside the range; also: list full or element repeated */
};

/* Takes lists apart? (CORES, FLAGS): then values come one by one through tw_value_add. */
bool tw_value_is_list(const struct tw_schema_key *key);

/* Empties a list field before its elements are added. */
void tw_value_clear(const struct tw_schema_key *key, struct tw_config *config);
enum tw_value_result tw_value_add(const struct tw_schema_key *key, struct tw_config *config,
                                  const char *text, size_t length);
/* False: a list that must not be empty is. */
bool tw_value_list_complete(const struct tw_schema_key *key, const struct tw_config *config);

/* For keys that are no list. `quoted`: the text stood in quotes, so it is a string. */
enum tw_value_result tw_value_set(const struct tw_schema_key *key, struct tw_config *config,
                                  const char *text, size_t length, bool quoted);

/* The schema's default into its field. */
void tw_value_set_default(const struct tw_schema_key *key, struct tw_config *config);

/* YAML of the field's value. */
void tw_value_format(const struct tw_schema_key *key, const struct tw_config *config, char *out,
                     size_t size);

#endif
