/* SPDX-License-Identifier: BSD-3-Clause */
/* Connect tokens from a text file: one in base64 per line; empty lines are passed over. */
#ifndef TICKWIRE_TESTS_LOAD_TOKENS_H
#define TICKWIRE_TESTS_LOAD_TOKENS_H

#include "tickwire/wire.h"

#include <stdint.h>

/* Reads up to `most` tokens; how many, or -1: a message with file and line was printed. */
int tw_load_tokens_read(const char *path, uint8_t (*tokens)[TW_CONNECT_SIZE], uint32_t most);

#endif
