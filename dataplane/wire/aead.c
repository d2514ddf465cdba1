/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/aead.h"

#include "tickwire/assert.h"

#include <sodium.h>

void tw_aead_key_wipe(struct tw_aead_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

bool tw_aead_thread_start(const struct tw_aead_backend *backend)
{
    return backend->thread_start == NULL || backend->thread_start();
}

void tw_aead_thread_end(const struct tw_aead_backend *backend)
{
    if (backend->thread_end != NULL)
        backend->thread_end();
}

void tw_aead_check_nonce(const struct tw_aead_key *key, uint64_t sequence)
{
#ifdef TW_CHECK_NONCES
    /* The const of a job's key covers what sealing depends on; this field only watches it, and
     * key objects always live in writable memory. */
    uint64_t *newest = (uint64_t *)(uintptr_t)&key->sealed_newest;
    TW_ASSERT(sequence > *newest);
    *newest = sequence;
#else
    (void)key;
    (void)sequence;
#endif
}
