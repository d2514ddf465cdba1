/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key phases of the sessions: starts those that are due, wipes old keys, closes who never follows.
 * What a phase is stands in dataplane/wire/phase.h; packets themselves never start one.
 */
#include "dataplane/gate/worker_state.h"

#include "dataplane/wire/keys.h"
#include "tickwire/prefetch.h"

/* All sessions are looked at within this many housekeeping rounds of 1 ms: a phase of 2^24 packets
 * or 10 s may last a second more. */
#define REKEY_ROUNDS 1024u
/* Started in one round; each derives two secrets and two keys, which takes some 5 to 10 µs. Players
 * who joined together come due together: those beyond wait for the next second. */
#define REKEYS_PER_ROUND 16u

static void count(struct tw_worker *worker, enum tw_rekey event)
{
    tw_counter_add(&worker->config.counters->rekeys[event], 1);
}

static struct tw_phase_use use_of(const struct tw_session_body *body)
{
    return (struct tw_phase_use){.next_sequence = body->send_sequence,
                                 .newest = body->replay.newest,
                                 .forged = body->forged};
}

void tw_rekey_install(struct tw_worker *worker, uint32_t slot, enum tw_suite suite,
                      const uint8_t receive_secret[TW_KEY_SIZE],
                      const uint8_t send_secret[TW_KEY_SIZE])
{
    const struct tw_aead_backend *aead = worker->config.aead;
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    struct tw_phase_use use = use_of(body);
    tw_packet_key_expand(&body->receive_keys[0], aead, suite, receive_secret);
    tw_packet_key_expand(&body->send_key, aead, suite, send_secret);
    tw_phase_server_init(&body->phase, receive_secret, send_secret, &use, worker->now_ns);
}

static void start(struct tw_worker *worker, struct tw_session_body *body)
{
    struct tw_phase_keys keys = {
        .backend = worker->config.aead,
        .receive = body->receive_keys,
        .send = &body->send_key,
    };
    struct tw_phase_use use = use_of(body);
    tw_transmit_flush(worker); /* what waits there is of the phase before */
    tw_phase_server_start(&body->phase, &keys, &use, worker->now_ns);
    body->send_flag = tw_phase_server_send_flag(&body->phase);
    body->forged_other = 0;
    count(worker, TW_REKEY_STARTED);
    if (use.forged >= TW_FORGED_REKEY)
        count(worker, TW_REKEY_FORCED);
}

/* Wipes an old key whose time is over, or with which too many packets failed to open. */
static void forget_old(struct tw_worker *worker, struct tw_session_body *body)
{
    bool forgotten = body->forged_other >= TW_FORGED_MAX
                         ? tw_phase_server_drop_old(&body->phase, body->receive_keys)
                         : tw_phase_server_forget(&body->phase, body->receive_keys, worker->now_ns);
    if (!forgotten)
        return;
    body->forged_other = 0;
    count(worker, TW_REKEY_FORGOTTEN);
}

/* A key that may not be used any more, and none to go on with: the client has not followed, or no
 * phase is ever started. */
static bool is_exhausted(const struct tw_session_body *body)
{
    return body->forged >= TW_FORGED_MAX || body->forged_other >= TW_FORGED_MAX;
}

/* True: a phase was started. */
static bool look(struct tw_worker *worker, uint32_t slot, bool may_start)
{
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    const struct tw_phase_limits *limits = &worker->phase_limits;
    struct tw_phase_use use = use_of(body);
    forget_old(worker, body);
    bool ignored = tw_phase_server_is_ignored(&body->phase, limits, &use);
    if (ignored || is_exhausted(body)) {
        count(worker, ignored ? TW_REKEY_IGNORED : TW_REKEY_EXHAUSTED);
        tw_owed_close(worker, slot, TW_CLOSE_EXHAUSTED, true);
        return false;
    }
    if (!may_start || !tw_phase_server_is_due(&body->phase, limits, &use, worker->now_ns))
        return false;
    start(worker, body);
    return true;
}

static void prefetch(const struct tw_sessions *sessions, uint32_t slot)
{
    const struct tw_session_body *body = &sessions->bodies[slot];
    if (sessions->hot[slot].state != TW_SESSION_LIVE)
        return;
    tw_prefetch_to_write(&body->phase);
    tw_prefetch(&body->replay.newest);
    tw_prefetch(&body->send_sequence);
}

void tw_rekey_round(struct tw_worker *worker)
{
    const struct tw_sessions *sessions = &worker->sessions;
    uint32_t slots = sessions->capacity / REKEY_ROUNDS + 1u;
    uint32_t started = 0;
    for (uint32_t i = 0; i < slots; i++)
        prefetch(sessions, (worker->rekey_slot + i) % sessions->capacity);
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t slot = worker->rekey_slot;
        worker->rekey_slot = (slot + 1u) % sessions->capacity;
        if (sessions->hot[slot].state != TW_SESSION_LIVE)
            continue;
        started += look(worker, slot, started < REKEYS_PER_ROUND);
        tw_talk_probe_again(worker, slot);
    }
}
