/* SPDX-License-Identifier: BSD-3-Clause */
/* The bots' key log: a file, mode 0600, for tickwire.lua and the like. One thread. */
#ifndef TICKWIRE_TESTS_LOAD_KEY_LOG_H
#define TICKWIRE_TESTS_LOAD_KEY_LOG_H

#include <stdio.h>

/* Appends to `path`. NULL: a message was printed. */
FILE *tw_load_key_log_open(const char *path);
/* For struct tw_client_config: context is the file. */
void tw_load_key_log_line(void *context, const char *line);

#endif
