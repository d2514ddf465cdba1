/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML text → struct tw_config, driven by the schema table. Pure: text in, values or one error out.
 *
 * The document is a mapping of sections, each a mapping of keys; nothing nests deeper, so the
 * events of libyaml are taken one by one and every error carries the line of its key.
 * Refused: unknown or repeated sections and keys, wrong types, values out of range, combinations
 * that cannot run, aliases, tags, a second document, text above TW_CONFIG_FILE_MAX.
 */
#ifndef TICKWIRE_CONTROL_CONFIG_LOAD_H
#define TICKWIRE_CONTROL_CONFIG_LOAD_H

#include "tickwire/config.h"

/* A full configuration is 4 KB; this leaves room for comments and bounds the parser's memory. */
#define TW_CONFIG_FILE_MAX (256u * 1024u)

/* `name` stands in messages. On failure *config is unspecified. */
bool tw_config_parse(const char *name, const char *text, size_t length, struct tw_config *config,
                     struct tw_config_error *error) __attribute__((warn_unused_result));

#endif
