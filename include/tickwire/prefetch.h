/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts loading a cache line that is needed soon. A hint: any address is allowed, nothing changes.
 *
 * Not the bare builtin: gcc 12 calls a function that only prefetches one without effect, and drops
 * the call. The empty statement is an effect.
 */
#ifndef TICKWIRE_PREFETCH_H
#define TICKWIRE_PREFETCH_H

#define TW_PREFETCH_EFFECT(line) __asm__ volatile("" : : "r"(line))

/* To be read next. */
static inline __attribute__((always_inline)) void tw_prefetch(const void *line)
{
    __builtin_prefetch(line, 0, 3);
    TW_PREFETCH_EFFECT(line);
}

/* To be written next. */
static inline __attribute__((always_inline)) void tw_prefetch_to_write(const void *line)
{
    __builtin_prefetch(line, 1, 3);
    TW_PREFETCH_EFFECT(line);
}

/* Not at once: into the second cache. */
static inline __attribute__((always_inline)) void tw_prefetch_early(const void *line)
{
    __builtin_prefetch(line, 0, 2);
    TW_PREFETCH_EFFECT(line);
}

#endif
