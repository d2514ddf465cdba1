/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's log: one JSON object per line on stderr. For events of the daemon's life only
 * (start, engine linked, errors, operator actions): never per packet or handshake, never a secret.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_LOG_H
#define TICKWIRE_CONTROL_DAEMON_LOG_H

#include <jansson.h>

/* `fields` (an object or NULL) is taken over. */
void tw_log_info(const char *event, json_t *fields);
void tw_log_error(const char *event, json_t *fields);

#endif
