/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/crc32c_isal.h"

#include <isa-l/crc.h>

/* ISA-L counts bytes in an int. */
#define PART_MAX ((size_t)1 << 30)

/*
 * ISA-L returns with the upper halves of vector registers in use. On Intel's processors that makes
 * every SSE instruction after it wait for the one before, SHA-256's rounds among them: a hello then
 * costs 500 ns instead of 290.
 */
#if defined(__x86_64__)
__attribute__((target("avx"))) static void release_upper_halves(void)
{
    __builtin_ia32_vzeroupper();
}

static void clean_registers(void)
{
    if (__builtin_cpu_supports("avx"))
        release_upper_halves();
}
#else
static void clean_registers(void)
{
}
#endif

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
    clean_registers();
    return ~crc;
}
