/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key log of a lab (engine.key_log): a line for each session that is imported. Only a lab has
 * one, whose keys are in its sessions file anyway. Main thread; the file is its alone, mode 0600.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_KEY_LOG_H
#define TICKWIRE_DATAPLANE_ENGINE_KEY_LOG_H

#include "dataplane/gate/mailbox.h"

#include <stdbool.h>
#include <stdio.h>

/* Appends to `path`. NULL: errno tells why. */
FILE *tw_engine_key_log_open(const char *path);
/* False: it could not be written. */
bool tw_engine_key_log_session(FILE *log, const struct tw_lab_install *install);

#endif
