/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/snapshot.h"

#include "tickwire/assert.h"

#include <string.h>

/* A publication takes a microsecond and comes once a second. */
#define TRIES 1000u

static size_t words_for(size_t size)
{
    return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

void tw_snapshot_init(struct tw_snapshot *snapshot, _Atomic uint64_t *words, size_t size)
{
    atomic_store_explicit(&snapshot->version, 0, memory_order_relaxed);
    snapshot->words = words;
    snapshot->word_count = words_for(size);
}

void tw_snapshot_publish(struct tw_snapshot *snapshot, const void *value, size_t size)
{
    TW_ASSERT(words_for(size) == snapshot->word_count);
    uint64_t version = atomic_load_explicit(&snapshot->version, memory_order_relaxed);
    atomic_store_explicit(&snapshot->version, version + 1, memory_order_relaxed);
    const uint8_t *bytes = value;
    for (size_t i = 0; i < snapshot->word_count; i++) {
        uint64_t word = 0;
        size_t left = size - i * sizeof(word);
        memcpy(&word, bytes + i * sizeof(word), left < sizeof(word) ? left : sizeof(word));
        /* Release: whoever reads this word sees the odd version before it. */
        atomic_store_explicit(&snapshot->words[i], word, memory_order_release);
    }
    atomic_store_explicit(&snapshot->version, version + 2, memory_order_release);
}

static bool read_once(const struct tw_snapshot *snapshot, void *value, size_t size)
{
    uint64_t before = atomic_load_explicit(&((struct tw_snapshot *)(uintptr_t)snapshot)->version,
                                           memory_order_acquire);
    if (before == 0 || before % 2 != 0)
        return false;
    uint8_t *bytes = value;
    for (size_t i = 0; i < snapshot->word_count; i++) {
        /* Acquire: the version is read again after this. */
        uint64_t word = atomic_load_explicit(&snapshot->words[i], memory_order_acquire);
        size_t left = size - i * sizeof(word);
        memcpy(bytes + i * sizeof(word), &word, left < sizeof(word) ? left : sizeof(word));
    }
    return before == atomic_load_explicit(&((struct tw_snapshot *)(uintptr_t)snapshot)->version,
                                          memory_order_relaxed);
}

bool tw_snapshot_read(const struct tw_snapshot *snapshot, void *value, size_t size)
{
    TW_ASSERT(words_for(size) == snapshot->word_count);
    for (uint32_t i = 0; i < TRIES; i++)
        if (read_once(snapshot, value, size))
            return true;
    return false;
}
