/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where bots keep what another process needs to go on with their sessions: a file for each bot, of
 * mode 0600, in one directory. It is a secret: what is not needed any more is overwritten, then
 * removed. A file is whole or not there, whenever the process is killed. One thread.
 */
#ifndef TICKWIRE_TESTS_LOAD_RESUME_STORE_H
#define TICKWIRE_TESTS_LOAD_RESUME_STORE_H

#include "tickwire/client.h"

#include <stdbool.h>
#include <stdint.h>

/* False: there is none, or it is not one; what is not one, or may be read by others, is removed. */
bool tw_load_resume_read(const char *directory, uint32_t bot, uint8_t out[TW_CLIENT_RESUME_SIZE]);
/* In place of what was there. False: a message was printed. */
bool tw_load_resume_write(const char *directory, uint32_t bot,
                          const uint8_t bytes[TW_CLIENT_RESUME_SIZE]);
void tw_load_resume_forget(const char *directory, uint32_t bot);

#endif
