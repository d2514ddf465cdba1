/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC32C by ISA-L: what the engine puts in for tw_crc32c_function (dataplane/wire/crc32c.h), and
 * equal to tw_crc32c_portable for all arguments. Pure, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_CRC32C_ISAL_H
#define TICKWIRE_DATAPLANE_CRYPTO_CRC32C_ISAL_H

#include <stddef.h>
#include <stdint.h>

uint32_t tw_crc32c_isal(uint32_t previous, const uint8_t *bytes, size_t length);

#endif
