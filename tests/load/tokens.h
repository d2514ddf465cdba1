/* SPDX-License-Identifier: BSD-3-Clause */
/* Connect tokens from a text file: one in base64 per line; empty lines are passed over. */
#ifndef TICKWIRE_TESTS_LOAD_TOKENS_H
#define TICKWIRE_TESTS_LOAD_TOKENS_H

#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <stdint.h>

/* Reads up to `most` tokens; how many, or -1: a message with file and line was printed. */
int tw_load_tokens_read(const char *path, uint8_t (*tokens)[TW_CONNECT_SIZE], uint32_t most);

/* Where its bearer goes, in the part that is the bearer's; what the server checks is sealed. */
void tw_load_token_set_address(uint8_t token[TW_CONNECT_SIZE], const struct tw_address *address);

#endif
