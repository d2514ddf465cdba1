/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/phase_server.h"

#include "dataplane/wire/keys.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <string.h>

void tw_phase_server_init(struct tw_phase_server *phase, const uint8_t receive_secret[TW_KEY_SIZE],
                          const uint8_t send_secret[TW_KEY_SIZE], const struct tw_phase_use *use,
                          uint64_t now_ns)
{
    memset(phase, 0, sizeof(*phase));
    phase->started_ns = now_ns;
    phase->sent_start = (uint32_t)use->next_sequence;
    phase->received_start = (uint32_t)use->newest;
    memcpy(phase->receive_secret, receive_secret, TW_KEY_SIZE);
    memcpy(phase->send_secret, send_secret, TW_KEY_SIZE);
}

bool tw_phase_server_follow(struct tw_phase_server *phase, uint64_t sequence, uint64_t now_ns)
{
    if (phase->other != TW_PHASE_OTHER_NEXT)
        return false; /* of the old phase, after the first of the newest in the same burst */
    phase->other = TW_PHASE_OTHER_OLD;
    phase->first = sequence;
    phase->followed_ns = now_ns;
    return true;
}

bool tw_phase_server_is_due(const struct tw_phase_server *phase,
                            const struct tw_phase_limits *limits, const struct tw_phase_use *use,
                            uint64_t now_ns)
{
    if (limits->duration_ns == 0 || phase->other == TW_PHASE_OTHER_NEXT)
        return false;
    return now_ns - phase->started_ns >= limits->duration_ns ||
           use->next_sequence - phase->sent_start >= limits->packets ||
           use->newest - phase->received_start >= limits->packets || use->forged >= TW_FORGED_REKEY;
}

void tw_phase_server_start(struct tw_phase_server *phase, const struct tw_phase_keys *keys,
                           const struct tw_phase_use *use, uint64_t now_ns)
{
    TW_ASSERT(phase->other != TW_PHASE_OTHER_NEXT);
    enum tw_suite suite = (enum tw_suite)keys->send->suite;
    phase->number++;
    phase->other = TW_PHASE_OTHER_NEXT;
    phase->started_ns = now_ns;
    phase->sent_start = (uint32_t)use->next_sequence;
    phase->received_start = (uint32_t)use->newest;
    tw_phase_secret_advance(phase->receive_secret);
    tw_phase_secret_advance(phase->send_secret);
    tw_packet_key_expand(&keys->receive[tw_phase_server_send_flag(phase)], keys->backend, suite,
                         phase->receive_secret);
    tw_packet_key_expand(keys->send, keys->backend, suite, phase->send_secret);
}

bool tw_phase_server_is_ignored(const struct tw_phase_server *phase,
                                const struct tw_phase_limits *limits,
                                const struct tw_phase_use *use)
{
    uint64_t patience =
        limits->packets < TW_PHASE_PATIENCE ? limits->packets : (uint64_t)TW_PHASE_PATIENCE;
    return phase->other == TW_PHASE_OTHER_NEXT && use->newest - phase->received_start >= patience;
}

bool tw_phase_server_forget(struct tw_phase_server *phase, struct tw_aead_key *receive,
                            uint64_t now_ns)
{
    return now_ns - phase->followed_ns >= TW_PHASE_OLD_US * UINT64_C(1000) &&
           tw_phase_server_drop_old(phase, receive);
}

bool tw_phase_server_drop_old(struct tw_phase_server *phase, struct tw_aead_key *receive)
{
    if (phase->other != TW_PHASE_OTHER_OLD)
        return false;
    tw_aead_key_wipe(&receive[tw_phase_server_receive_flag(phase) ^ TW_FLAG_KEY_PHASE]);
    phase->other = TW_PHASE_OTHER_EMPTY;
    return true;
}
