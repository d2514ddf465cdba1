/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 64-bit integer hashes: H of docs/protocol.md section 5 (view hash), and a four-lane form of it
 * for the large memory of a world's state. Not for secrets. Pure, any thread.
 */
#ifndef TICKWIRE_SIMULATION_CORE_HASH_H
#define TICKWIRE_SIMULATION_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* H(bytes). */
uint64_t tw_hash64(const uint8_t *bytes, size_t length);

/* H over the hashes of the four quarters and the rest: each H is one chain of multiplications, so
 * four side by side take a quarter of the time. */
uint64_t tw_hash64_wide(const uint8_t *bytes, size_t length);

/* The view hash's term for one entity: H of its 23-byte record. `hot` has TW_HOT_SIZE bytes, `cold`
 * TW_COLD_SIZE_MAX. */
uint64_t tw_hash64_entity(uint32_t handle, const uint16_t cell[2], const uint8_t *hot,
                          const uint8_t *cold);

#endif
