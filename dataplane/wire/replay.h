/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay window: which packet numbers have been accepted, over the newest 1,024.
 *
 * Tested before decryption, committed only after authentication, so a forged packet never moves
 * it. One window per session and direction; owned by one thread. Arithmetic subtracts on the
 * side that cannot overflow, up to sequence 2^64 - 1. (RFC 6479 describes the ring of bits.)
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_REPLAY_H
#define TICKWIRE_DATAPLANE_WIRE_REPLAY_H

#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

enum tw_replay_result {
    TW_REPLAY_FRESH,
    TW_REPLAY_DUPLICATE,
    TW_REPLAY_OLD,
};

/* The ring holds one word more than the window, so that words of the window are never half reused.
 */
#define TW_REPLAY_WORDS (TW_REPLAY_WINDOW / 64u * 2u)

/* Packets mostly come in order: the ring, four cache lines, is touched once in 64 of them. */
struct tw_replay {
    uint64_t newest;                 /* 0: nothing accepted yet; packet numbers start at 1 */
    uint64_t current;                /* the newest number's word, kept out of the ring until left */
    uint64_t words[TW_REPLAY_WORDS]; /* all others */
};

void tw_replay_init(struct tw_replay *replay);

static inline uint32_t tw_replay_word(uint64_t sequence)
{
    return (uint32_t)(sequence / 64u) & (TW_REPLAY_WORDS - 1);
}

static inline uint64_t tw_replay_bit(uint64_t sequence)
{
    return UINT64_C(1) << (sequence % 64u);
}

static inline enum tw_replay_result tw_replay_test(const struct tw_replay *replay,
                                                   uint64_t sequence)
{
    if (sequence > replay->newest)
        return TW_REPLAY_FRESH;
    if (sequence == 0 || replay->newest - sequence >= TW_REPLAY_WINDOW)
        return TW_REPLAY_OLD;
    bool is_current = sequence / 64u == replay->newest / 64u;
    uint64_t word = is_current ? replay->current : replay->words[tw_replay_word(sequence)];
    return word & tw_replay_bit(sequence) ? TW_REPLAY_DUPLICATE : TW_REPLAY_FRESH;
}

/* For tw_replay_commit: the newest number moves on by so many words. */
void tw_replay_leave_word(struct tw_replay *replay, uint64_t steps);

/* Marks a sequence that tw_replay_test called fresh. Returns what test says now (two copies in
 * one burst both test fresh; the second commit must fail): only FRESH was marked. */
static inline __attribute__((warn_unused_result)) enum tw_replay_result tw_replay_commit(
    struct tw_replay *replay, uint64_t sequence)
{
    enum tw_replay_result result = tw_replay_test(replay, sequence);
    if (result != TW_REPLAY_FRESH)
        return result;
    if (sequence > replay->newest) {
        uint64_t steps = sequence / 64u - replay->newest / 64u;
        if (steps > 0)
            tw_replay_leave_word(replay, steps);
        replay->newest = sequence;
    }
    if (sequence / 64u == replay->newest / 64u)
        replay->current |= tw_replay_bit(sequence);
    else
        replay->words[tw_replay_word(sequence)] |= tw_replay_bit(sequence);
    return TW_REPLAY_FRESH;
}

/* Bitmap for an ACK frame: bit i = newest-1-i accepted. */
uint64_t tw_replay_bitmap(const struct tw_replay *replay);

#endif
