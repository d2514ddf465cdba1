/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Carves caller memory into arrays. The same carving code runs twice: with base NULL it only
 * counts (footprint), with real memory it hands out pointers. Nothing is ever given back.
 */
#ifndef TICKWIRE_SIMULATION_CORE_ARENA_H
#define TICKWIRE_SIMULATION_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* A cache line; arrays never share one. */
#define TW_ARENA_ALIGN 64u

struct tw_arena {
    uint8_t *base; /* NULL: count only */
    size_t used;
};

/* `count` elements of `size` bytes, aligned to TW_ARENA_ALIGN; NULL when only counting. */
static inline void *tw_arena_take(struct tw_arena *arena, size_t count, size_t size)
{
    size_t at = arena->used;
    size_t bytes = (count * size + TW_ARENA_ALIGN - 1u) / TW_ARENA_ALIGN * TW_ARENA_ALIGN;
    arena->used = at + bytes;
    return arena->base ? arena->base + at : NULL;
}

#endif
