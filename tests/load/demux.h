/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose datagram is it, among clients that share a socket: by connection id at offset 0, or, for
 * answers of the handshake (id 0), by the client's ephemeral key at offset 14. Pure; one owner.
 */
#ifndef TICKWIRE_TESTS_LOAD_DEMUX_H
#define TICKWIRE_TESTS_LOAD_DEMUX_H

#include "tests/load/options.h"
#include "tickwire/wire.h"

#include <stddef.h>
#include <stdint.h>

#define TW_LOAD_NOBODY UINT32_MAX

/* 50 entries are scanned faster than a table is kept right. */
struct tw_load_demux {
    uint32_t count;
    uint32_t connection_ids[TW_LOAD_BOTS_PER_SOCKET]; /* 0: not connected */
    uint32_t previous_ids[TW_LOAD_BOTS_PER_SOCKET];   /* before a rename; 0: none */
    uint8_t ephemerals[TW_LOAD_BOTS_PER_SOCKET][TW_KEY_SIZE];
};

void tw_load_demux_set(struct tw_load_demux *demux, uint32_t index, uint32_t connection_id,
                       const uint8_t ephemeral[TW_KEY_SIZE]);

/* Index of the client, or TW_LOAD_NOBODY. */
uint32_t tw_load_demux_find(const struct tw_load_demux *demux, const uint8_t *bytes, size_t length);

#endif
