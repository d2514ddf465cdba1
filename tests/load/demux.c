/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/demux.h"

#include "tickwire/assert.h"
#include "tickwire/bytes.h"

#include <string.h>

void tw_load_demux_set(struct tw_load_demux *demux, uint32_t index, uint32_t connection_id,
                       const uint8_t ephemeral[TW_KEY_SIZE])
{
    TW_ASSERT(index < TW_LOAD_BOTS_PER_SOCKET);
    if (index >= demux->count)
        demux->count = index + 1u;
    if (connection_id != demux->connection_ids[index])
        demux->previous_ids[index] = demux->connection_ids[index];
    demux->connection_ids[index] = connection_id;
    memcpy(demux->ephemerals[index], ephemeral, TW_KEY_SIZE);
}

uint32_t tw_load_demux_find(const struct tw_load_demux *demux, const uint8_t *bytes, size_t length)
{
    if (length < TW_HEADER_SIZE)
        return TW_LOAD_NOBODY;
    uint32_t connection_id = tw_load_u32(bytes + TW_HEADER_CONNECTION_ID);
    if (connection_id != 0) {
        for (uint32_t i = 0; i < demux->count; i++) {
            if (demux->connection_ids[i] == connection_id ||
                demux->previous_ids[i] == connection_id)
                return i;
        }
        return TW_LOAD_NOBODY;
    }
    if (length < TW_ANSWER_EPHEMERAL + TW_KEY_SIZE)
        return TW_LOAD_NOBODY;
    for (uint32_t i = 0; i < demux->count; i++) {
        if (memcmp(demux->ephemerals[i], bytes + TW_ANSWER_EPHEMERAL, TW_KEY_SIZE) == 0)
            return i;
    }
    return TW_LOAD_NOBODY;
}
