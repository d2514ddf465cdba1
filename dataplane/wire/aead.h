/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Burst AEAD over whole packets: open or seal many packets, each with its own key, in one call.
 *
 * A packet is header (14 bytes, associated data) ‖ ciphertext ‖ tag (16 bytes), transformed in
 * place. Nonce = IV XOR (4 zero bytes ‖ LE64 sequence); sequence is the one in the header.
 * Back ends implement struct tw_aead_backend; the libsodium one is the reference and always
 * there. A key object belongs to one thread; it is caller memory, wiped by tw_aead_key_wipe.
 *
 * In builds with TW_CHECK_NONCES a key asserts that its sealed sequences strictly increase: no
 * (key, nonce) pair is ever used twice.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_AEAD_H
#define TICKWIRE_DATAPLANE_WIRE_AEAD_H

#include "tickwire/bytes.h"
#include "tickwire/disclose.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any back end's expanded AES-256-GCM key: IPsec-MB keeps 15 round keys and 48 powers of the hash
 * key, libsodium 512 bytes. */
#define TW_AEAD_EXPANDED_SIZE 1008u

/*
 * 16 cache lines; both keys of 10,000 sessions are 20 MB. The first line holds all that
 * ChaCha20-Poly1305 needs, the first four the round keys of AES; what follows them stands on a
 * cache line's border. A back end loads the lines it needs ahead of their use; the caller may have
 * asked for the first one.
 */
struct tw_aead_key {
    uint8_t iv[TW_IV_SIZE] __attribute__((aligned(64)));
    uint8_t suite; /* enum tw_suite; 0 = empty */
    uint8_t expanded[TW_AEAD_EXPANDED_SIZE] __attribute__((aligned(16)));
#ifdef TW_CHECK_NONCES
    uint64_t sealed_newest;
#endif
};
static_assert(offsetof(struct tw_aead_key, expanded) == 16, "round keys end with line four");
#ifndef TW_CHECK_NONCES
static_assert(sizeof(struct tw_aead_key) == 1024, "the size named above");
#endif

/* Keys lie anywhere in memory, beyond the second cache. A back end asks for what it needs of them
 * so many jobs ahead; for the first ones, the caller may have. docs/performance.md says how other
 * distances are measured. */
#ifndef TW_AEAD_AHEAD
#define TW_AEAD_AHEAD 8u
#endif

struct tw_aead_job {
    const struct tw_aead_key *key;
    uint8_t *packet; /* header ‖ plaintext or ciphertext ‖ room for or the tag */
    uint32_t length; /* open: whole packet; seal: header + plaintext, grows by TW_TAG_SIZE */
    bool ok;         /* open: tag was right. On failure the packet's bytes are undefined. */
};

struct tw_aead_backend {
    const char *name;
    uint8_t suites; /* enum tw_suite bits this machine can run */
    void (*expand)(struct tw_aead_key *key, enum tw_suite suite, const uint8_t raw_key[TW_KEY_SIZE],
                   const uint8_t iv[TW_IV_SIZE]);
    void (*open)(struct tw_aead_job *jobs, size_t count);
    void (*seal)(struct tw_aead_job *jobs, size_t count);
    /* Starts loading the rest of a key, whose first line is there, that a packet of so many bytes
     * needs. NULL: nothing is gained by it. */
    void (*prefetch)(const struct tw_aead_key *key, uint32_t length);
    /* Each thread calls thread_start before the first of the functions above and thread_end after
     * the last; calls may nest. NULL: nothing to prepare. False: out of memory. */
    bool (*thread_start)(void);
    void (*thread_end)(void);
};

/* Both for the calling thread, whether the back end needs it or not. */
bool tw_aead_thread_start(const struct tw_aead_backend *backend)
    __attribute__((warn_unused_result));
void tw_aead_thread_end(const struct tw_aead_backend *backend);

static inline void tw_aead_prefetch(const struct tw_aead_backend *backend,
                                    const struct tw_aead_key *key, uint32_t length)
{
    if (backend->prefetch != NULL)
        backend->prefetch(key, length);
}

/* The reference. sodium_init() must have succeeded. */
const struct tw_aead_backend *tw_aead_sodium(void);

void tw_aead_key_wipe(struct tw_aead_key *key);

/* nonce[12] for a packet number under this key. */
static inline void tw_aead_nonce(uint8_t nonce[TW_IV_SIZE], const uint8_t iv[TW_IV_SIZE],
                                 uint64_t sequence)
{
    memcpy(nonce, iv, TW_IV_SIZE);
    tw_store_u64(nonce + 4, tw_load_u64(iv + 4) ^ sequence);
}

/* Equal or not is public, where they differ is not. */
static inline bool tw_aead_same_tag(const uint8_t a[TW_TAG_SIZE], const uint8_t b[TW_TAG_SIZE])
{
    uint64_t differ = (tw_load_u64(a) ^ tw_load_u64(b)) | (tw_load_u64(a + 8) ^ tw_load_u64(b + 8));
    bool same = differ == 0;
    tw_disclose(&same, sizeof(same));
    return same;
}

/* Debug builds: called by every back end before it seals; asserts strictly increasing numbers. */
void tw_aead_check_nonce(const struct tw_aead_key *key, uint64_t sequence);

#endif
