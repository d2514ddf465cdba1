/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC32C of handshake packets: over TW_PROTOCOL_ID (8 bytes) ‖ packet without its last 4 bytes,
 * stored little-endian. It catches foreign traffic cheaply; it protects from nobody.
 *
 * The function comes in as an argument: the engine brings ISA-L's, the client the portable table.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_CRC32C_H
#define TICKWIRE_DATAPLANE_WIRE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plain CRC32C (Castagnoli, reflected, initial and final complement), continued from `previous`
 * (0 to start): f(f(0, a), b) = f(0, a ‖ b). */
typedef uint32_t (*tw_crc32c_function)(uint32_t previous, const uint8_t *bytes, size_t length);

/* Of TW_PROTOCOL_ID, with which every packet's begins. */
#define TW_CRC_OF_PROTOCOL_ID UINT32_C(0x7dcd11c3)

/* Portable, 1 KB table; the client library's. */
uint32_t tw_crc32c_portable(uint32_t previous, const uint8_t *bytes, size_t length);

/* Stores the trailer into the last 4 of packet[length]. */
void tw_crc32c_seal(tw_crc32c_function crc, uint8_t *packet, size_t length);
bool tw_crc32c_check(tw_crc32c_function crc, const uint8_t *packet, size_t length)
    __attribute__((warn_unused_result));

#endif
