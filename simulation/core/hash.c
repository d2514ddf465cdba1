/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/core/hash.h"

#include "tickwire/bytes.h"
#include "tickwire/wire.h"

#define P1 UINT64_C(0x9E3779B185EBCA87)
#define P2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define P3 UINT64_C(0x165667B19E3779F9)

#define LANES 4u

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash ^= word * P1;
    return (hash << 29 | hash >> 35) * P2;
}

static inline uint64_t finish(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= P3;
    return hash ^ (hash >> 29);
}

uint64_t tw_hash64(const uint8_t *bytes, size_t length)
{
    uint64_t hash = (uint64_t)length * P2;
    size_t at = 0;
    for (; at + 8u <= length; at += 8u)
        hash = mix(hash, tw_load_u64(bytes + at));
    if (at < length) {
        uint8_t last[8] = {0};
        memcpy(last, bytes + at, length - at);
        hash = mix(hash, tw_load_u64(last));
    }
    return finish(hash);
}

uint64_t tw_hash64_wide(const uint8_t *bytes, size_t length)
{
    size_t quarter = length / (LANES * 8u) * 8u;
    uint64_t lanes[LANES];
    for (uint32_t lane = 0; lane < LANES; lane++)
        lanes[lane] = (uint64_t)quarter * P2;
    for (size_t at = 0; at < quarter; at += 8u) {
        for (uint32_t lane = 0; lane < LANES; lane++)
            lanes[lane] = mix(lanes[lane], tw_load_u64(bytes + lane * quarter + at));
    }
    uint8_t parts[(LANES + 1u) * 8u];
    for (uint32_t lane = 0; lane < LANES; lane++)
        tw_store_u64(parts + lane * 8u, finish(lanes[lane]));
    tw_store_u64(parts + LANES * 8u, tw_hash64(bytes + LANES * quarter, length - LANES * quarter));
    return tw_hash64(parts, sizeof(parts));
}

uint64_t tw_hash64_entity(uint32_t handle, const uint16_t cell[2], const uint8_t *hot,
                          const uint8_t *cold)
{
    uint8_t record[TW_HANDLE_SIZE + 4u + TW_HOT_SIZE + TW_COLD_SIZE_MAX];
    tw_store_u32(record, handle);
    tw_store_u16(record + 4, cell[0]);
    tw_store_u16(record + 6, cell[1]);
    memcpy(record + 8, hot, TW_HOT_SIZE);
    memcpy(record + 8 + TW_HOT_SIZE, cold, TW_COLD_SIZE_MAX);
    return tw_hash64(record, sizeof(record));
}
