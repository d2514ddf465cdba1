/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/phase_client.h"

#include "dataplane/wire/keys.h"

#include <sodium.h>
#include <string.h>

static void make_next(struct tw_phase_client *phase, enum tw_suite suite)
{
    tw_phase_secret_advance(phase->next_secret);
    tw_packet_key_expand(&phase->next, phase->backend, suite, phase->next_secret);
}

void tw_phase_client_init(struct tw_phase_client *phase, const struct tw_aead_backend *backend,
                          enum tw_suite suite, const uint8_t send_secret[TW_KEY_SIZE],
                          const uint8_t receive_secret[TW_KEY_SIZE])
{
    sodium_memzero(phase, sizeof(*phase));
    phase->backend = backend;
    memcpy(phase->send_secret, send_secret, TW_KEY_SIZE);
    memcpy(phase->next_secret, receive_secret, TW_KEY_SIZE);
    tw_packet_key_expand(&phase->send, backend, suite, send_secret);
    tw_packet_key_expand(&phase->receive[0], backend, suite, receive_secret);
    make_next(phase, suite);
}

const struct tw_aead_key *tw_phase_client_key(const struct tw_phase_client *phase, uint8_t flags,
                                              uint64_t newest, uint64_t sequence)
{
    if (flags == tw_phase_client_flag(phase))
        return &phase->receive[flags];
    switch (tw_phase_fit(phase->first, newest, sequence)) {
    case TW_PHASE_OLD:
        return phase->has_old ? &phase->receive[flags] : NULL;
    case TW_PHASE_NEXT:
        return &phase->next;
    case TW_PHASE_NONE:
        break;
    }
    return NULL;
}

void tw_phase_client_opened(struct tw_phase_client *phase, uint8_t flags, uint64_t newest,
                            uint64_t sequence, uint64_t now_us)
{
    if (flags == tw_phase_client_flag(phase) ||
        tw_phase_fit(phase->first, newest, sequence) != TW_PHASE_NEXT)
        return;
    enum tw_suite suite = (enum tw_suite)phase->next.suite;
    phase->number++;
    phase->first = sequence;
    phase->followed_us = now_us;
    phase->has_old = true;
    phase->receive[flags] = phase->next;
    tw_phase_secret_advance(phase->send_secret);
    tw_packet_key_expand(&phase->send, phase->backend, suite, phase->send_secret);
    make_next(phase, suite);
}

void tw_phase_client_age(struct tw_phase_client *phase, uint64_t now_us)
{
    if (phase->has_old && now_us - phase->followed_us >= TW_PHASE_OLD_US)
        tw_phase_client_drop_old(phase);
}

void tw_phase_client_drop_old(struct tw_phase_client *phase)
{
    tw_aead_key_wipe(&phase->receive[tw_phase_client_flag(phase) ^ TW_FLAG_KEY_PHASE]);
    phase->has_old = false;
}
