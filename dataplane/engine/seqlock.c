/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/seqlock.h"

#include "tickwire/assert.h"

#include <string.h>

/* A publication takes a microsecond and comes once a second. */
#define TRIES 1000u

static size_t words_for(size_t size)
{
    return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

void tw_seqlock_init(struct tw_seqlock *lock, _Atomic uint64_t *words, size_t size)
{
    atomic_store_explicit(&lock->version, 0, memory_order_relaxed);
    lock->words = words;
    lock->word_count = words_for(size);
}

void tw_seqlock_publish(struct tw_seqlock *lock, const void *value, size_t size)
{
    TW_ASSERT(words_for(size) == lock->word_count);
    uint64_t version = atomic_load_explicit(&lock->version, memory_order_relaxed);
    atomic_store_explicit(&lock->version, version + 1, memory_order_relaxed);
    const uint8_t *bytes = value;
    for (size_t i = 0; i < lock->word_count; i++) {
        uint64_t word = 0;
        size_t left = size - i * sizeof(word);
        memcpy(&word, bytes + i * sizeof(word), left < sizeof(word) ? left : sizeof(word));
        /* Release: whoever reads this word sees the odd version before it. */
        atomic_store_explicit(&lock->words[i], word, memory_order_release);
    }
    atomic_store_explicit(&lock->version, version + 2, memory_order_release);
}

static bool read_once(const struct tw_seqlock *lock, void *value, size_t size)
{
    uint64_t before = atomic_load_explicit(&((struct tw_seqlock *)(uintptr_t)lock)->version,
                                           memory_order_acquire);
    if (before == 0 || before % 2 != 0)
        return false;
    uint8_t *bytes = value;
    for (size_t i = 0; i < lock->word_count; i++) {
        /* Acquire: the version is read again after this. */
        uint64_t word = atomic_load_explicit(&lock->words[i], memory_order_acquire);
        size_t left = size - i * sizeof(word);
        memcpy(bytes + i * sizeof(word), &word, left < sizeof(word) ? left : sizeof(word));
    }
    return before == atomic_load_explicit(&((struct tw_seqlock *)(uintptr_t)lock)->version,
                                          memory_order_relaxed);
}

bool tw_seqlock_read(const struct tw_seqlock *lock, void *value, size_t size)
{
    TW_ASSERT(words_for(size) == lock->word_count);
    for (uint32_t i = 0; i < TRIES; i++)
        if (read_once(lock, value, size))
            return true;
    return false;
}
