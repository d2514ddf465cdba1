/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/crc32c_isal.h"

#include <isa-l/crc.h>

/* ISA-L counts bytes in an int. */
#define PART_MAX ((size_t)1 << 30)

uint32_t tw_crc32c_isal(uint32_t previous, const uint8_t *bytes, size_t length)
{
    uint32_t crc = ~previous;
    while (length > 0) {
        size_t part = length < PART_MAX ? length : PART_MAX;
        /* It only reads; its prototype lacks the const. */
        crc = crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)part, crc);
        bytes += part;
        length -= part;
    }
    return ~crc;
}
