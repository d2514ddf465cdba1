/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A value that one thread publishes now and then, and others read whole: a sequence lock over
 * 64-bit words. The writer never waits. A reader that meets the writer tries again, and gives up
 * after a bounded number of tries, which takes a writer that publishes without pause.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_SEQLOCK_H
#define TICKWIRE_DATAPLANE_ENGINE_SEQLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writer: one thread. Readers: any. Zeroed memory is one that was never published. */
struct tw_seqlock {
    _Atomic uint64_t version; /* odd while it is being written; 0: nothing yet */
    size_t word_count;
    _Atomic uint64_t *words;
};

/* `words` holds `size` bytes rounded up, and outlives the lock. */
void tw_seqlock_init(struct tw_seqlock *lock, _Atomic uint64_t *words, size_t size);

/* `size` as at init. */
void tw_seqlock_publish(struct tw_seqlock *lock, const void *value, size_t size);

/* False: nothing was published yet, or every try met the writer. */
bool tw_seqlock_read(const struct tw_seqlock *lock, void *value, size_t size)
    __attribute__((warn_unused_result));

#endif
