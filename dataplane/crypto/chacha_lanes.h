/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 across packets: a back end for dataplane/wire/aead.h that opens and seals many
 * short packets, each with its own key, side by side in the lanes of vector registers.
 *
 * A burst becomes a flat list of ChaCha20 blocks, 16 (AVX-512) or 8 (AVX2) at a time, of whatever
 * packets they are: short and long packets fill lanes alike. Poly1305 runs over 16 or 4 packets at
 * a time, sorted by length. Tags are checked before anything is deciphered: a forged packet costs
 * one block and its tag, and its ciphertext stays as it came (or is zeroed, where libsodium took a
 * long packet that came alone).
 *
 * Constant time: only lengths decide about branches and addresses. Keys, one-time keys and
 * keystream are wiped from the stack; the last ones stay in vector registers until those are used
 * again.
 *
 * Any thread; a key belongs to one. Keys come from this back end's expand or libsodium's: they are
 * the same. sodium_init() must have succeeded. Source: RFC 8439.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_CHACHA_LANES_H
#define TICKWIRE_DATAPLANE_CRYPTO_CHACHA_LANES_H

#include "dataplane/wire/aead.h"

/* The fastest of the following that this CPU runs, NULL when none. */
const struct tw_aead_backend *tw_aead_chacha_lanes(void);

/* NULL where the CPU or the operating system lacks F, BW, VL or IFMA. */
const struct tw_aead_backend *tw_aead_chacha_lanes_avx512(void);
const struct tw_aead_backend *tw_aead_chacha_lanes_avx2(void);

/* How full the lanes were, counted since the thread began or cleared it. One lane is one block of
 * ChaCha20, or 16 bytes of Poly1305. */
struct tw_chacha_lanes_statistics {
    uint64_t packets; /* in lanes */
    uint64_t packets_to_libsodium;
    uint64_t block_lanes_used, block_lanes_run;
    uint64_t mac_lanes_used, mac_lanes_run;
};

/* The calling thread's own, writable. */
struct tw_chacha_lanes_statistics *tw_chacha_lanes_statistics(void);

#endif
