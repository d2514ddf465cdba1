/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's end of key phases (drawing in phase.h): follows the server, with its keys.
 *
 * The key to open the next phase is made when a phase begins. The old one is kept for 5 s, or until
 * the phase after the next one begins: then nothing of it is left to come.
 *
 * Holds keys and secrets: wipe it. Pure; time in µs; owned by the session's thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_PHASE_CLIENT_H
#define TICKWIRE_DATAPLANE_WIRE_PHASE_CLIENT_H

#include "dataplane/wire/aead.h"
#include "dataplane/wire/phase.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_phase_client {
    struct tw_aead_key send;       /* of phase `number` */
    struct tw_aead_key receive[2]; /* by phase bit: of phase `number`, and of the one before */
    struct tw_aead_key next;       /* to open phase `number` + 1 */
    const struct tw_aead_backend *backend;
    uint64_t first; /* packet number that showed phase `number`; 0: phase 0 */
    uint64_t followed_us;
    uint32_t number;
    bool has_old;                     /* the key of the phase before is there */
    uint8_t send_secret[TW_KEY_SIZE]; /* of phase `number` */
    uint8_t next_secret[TW_KEY_SIZE]; /* what the server seals with in phase `number` + 1 */
};

void tw_phase_client_init(struct tw_phase_client *phase, const struct tw_aead_backend *backend,
                          enum tw_suite suite, const uint8_t send_secret[TW_KEY_SIZE],
                          const uint8_t receive_secret[TW_KEY_SIZE]);

/* The header flag of what is sealed. */
static inline uint8_t tw_phase_client_flag(const struct tw_phase_client *phase)
{
    return (uint8_t)(phase->number & TW_FLAG_KEY_PHASE);
}

/* The one key that may open this packet, or NULL: it is of no phase that there is a key of.
 * flags: of its header, TW_FLAG_KEY_PHASE or 0. newest: as in tw_phase_fit. */
const struct tw_aead_key *tw_phase_client_key(const struct tw_phase_client *phase, uint8_t flags,
                                              uint64_t newest, uint64_t sequence);

/* A packet opened with that key and is fresh; `newest` is from before it. Follows the server if it
 * went on. */
void tw_phase_client_opened(struct tw_phase_client *phase, uint8_t flags, uint64_t newest,
                            uint64_t sequence, uint64_t now_us);

/* Wipes the old key when its time is over; now and then. Or now, whatever its time. */
void tw_phase_client_age(struct tw_phase_client *phase, uint64_t now_us);
void tw_phase_client_drop_old(struct tw_phase_client *phase);

#endif
