/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AEAD back end on intel-ipsec-mb, for x86-64 with AES and carry-less multiplication.
 *
 * AES-256-GCM goes packet by packet through the library's direct call with keys expanded once;
 * on a CPU with VAES that is as fast as its job interface is at best, and needs no job memory.
 * ChaCha20-Poly1305 goes through its burst of jobs: half the time of the direct call.
 *
 * The library's jobs live in a manager, and a manager belongs to one thread: thread_start makes
 * the calling thread's (200 KB, kept in a _Thread_local pointer) and thread_end wipes and frees
 * it. Expanding, opening or sealing on a thread that did not start is our own mistake: asserted.
 * A packet whose tag is wrong is left decrypted: its bytes are undefined, as for any back end.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_AEAD_IPSEC_MB_H
#define TICKWIRE_DATAPLANE_CRYPTO_AEAD_IPSEC_MB_H

#include "dataplane/wire/aead.h"

/* NULL where the CPU lacks what keeps it fast and constant in time. */
const struct tw_aead_backend *tw_aead_ipsec_mb(void);

#endif
