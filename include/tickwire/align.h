/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables side by side in one block of memory begin with a cache line each, so that no line is
 * written for two of them. Pure.
 */
#ifndef TICKWIRE_ALIGN_H
#define TICKWIRE_ALIGN_H

#include <stddef.h>

#define TW_CACHE_LINE 64u

/* The next size that is whole lines. */
static inline size_t tw_align_line(size_t size)
{
    return (size + TW_CACHE_LINE - 1u) & ~(size_t)(TW_CACHE_LINE - 1u);
}

#endif
