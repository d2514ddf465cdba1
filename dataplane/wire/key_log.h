/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line of a key log: what a debugger needs to read one session's packets, in every key phase.
 *
 *   TICKWIRE1 id suite c2s s2c ephemeral confirm
 *
 * Text, one line a session; docs/operations.md has the format. Whoever has the line can read and
 * forge the session: nothing writes one unless it was asked to. Pure; any thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_KEY_LOG_H
#define TICKWIRE_DATAPLANE_WIRE_KEY_LOG_H

#include "tickwire/wire.h"

#include <stddef.h>
#include <stdint.h>

#define TW_KEY_LOG_MAGIC "TICKWIRE1"
/* The longest line and its terminator. */
#define TW_KEY_LOG_LINE 352u

struct tw_key_log_entry {
    uint32_t connection_id; /* by which the session was welcomed */
    enum tw_suite suite;
    const uint8_t *client_to_server; /* secrets of phase 0, TW_KEY_SIZE */
    const uint8_t *server_to_client;
    /* Of the handshake; NULL: it had none, as a lab's sessions. */
    const uint8_t *client_ephemeral; /* TW_KEY_SIZE */
    const uint8_t *confirm_key;      /* TW_KEY_SIZE */
    const uint8_t *confirm_iv;       /* TW_IV_SIZE */
};

/* Without a newline. */
void tw_key_log_write(char line[TW_KEY_LOG_LINE], const struct tw_key_log_entry *entry);

#endif
