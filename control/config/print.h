/* SPDX-License-Identifier: BSD-3-Clause */
/* The schema table as text: commented YAML of a configuration, and the reference table. */
#ifndef TICKWIRE_CONTROL_CONFIG_PRINT_H
#define TICKWIRE_CONTROL_CONFIG_PRINT_H

#include "tickwire/config.h"

#include <stdio.h>

/* YAML that loads back to the same values. */
void tw_config_print(FILE *out, const struct tw_config *config);

/* Markdown tables, one per section, for docs/operations.md. */
void tw_config_print_reference(FILE *out);

/* {"engine": {"name": …}, …} without a JSON library: the engine links this, too. */
void tw_config_print_json(FILE *out, const struct tw_config *config);

#endif
