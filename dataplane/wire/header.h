/* SPDX-License-Identifier: BSD-3-Clause */
/* The 14-byte packet header. Pure, any thread. Layout: tickwire/wire.h. */
#ifndef TICKWIRE_DATAPLANE_WIRE_HEADER_H
#define TICKWIRE_DATAPLANE_WIRE_HEADER_H

#include "tickwire/bytes.h"
#include "tickwire/wire.h"

struct tw_header {
    uint32_t connection_id;
    uint8_t channel;
    uint8_t flags;
    uint64_t sequence;
};

/* bytes[TW_HEADER_SIZE] must be readable. */
static inline struct tw_header tw_header_read(const uint8_t *bytes)
{
    return (struct tw_header){
        .connection_id = tw_load_u32(bytes + TW_HEADER_CONNECTION_ID),
        .channel = bytes[TW_HEADER_CHANNEL],
        .flags = bytes[TW_HEADER_FLAGS],
        .sequence = tw_load_u64(bytes + TW_HEADER_SEQUENCE),
    };
}

/* bytes[TW_HEADER_SIZE] must be writable. */
static inline void tw_header_write(uint8_t *bytes, struct tw_header header)
{
    tw_store_u32(bytes + TW_HEADER_CONNECTION_ID, header.connection_id);
    bytes[TW_HEADER_CHANNEL] = header.channel;
    bytes[TW_HEADER_FLAGS] = header.flags;
    tw_store_u64(bytes + TW_HEADER_SEQUENCE, header.sequence);
}

#endif
