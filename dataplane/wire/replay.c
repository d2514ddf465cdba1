/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/replay.h"

#include <stdbool.h>
#include <string.h>

static_assert((TW_REPLAY_WORDS & (TW_REPLAY_WORDS - 1)) == 0, "ring index is a mask");
static_assert(TW_REPLAY_WORDS * 64u >= TW_REPLAY_WINDOW + 64u, "window never laps itself");

static uint32_t replay_word(uint64_t sequence)
{
    return (uint32_t)(sequence / 64u) & (TW_REPLAY_WORDS - 1);
}

static uint64_t replay_bit(uint64_t sequence)
{
    return UINT64_C(1) << (sequence % 64u);
}

void tw_replay_init(struct tw_replay *replay)
{
    memset(replay, 0, sizeof(*replay));
}

enum tw_replay_result tw_replay_test(const struct tw_replay *replay, uint64_t sequence)
{
    if (sequence > replay->newest)
        return TW_REPLAY_FRESH;
    if (sequence == 0 || replay->newest - sequence >= TW_REPLAY_WINDOW)
        return TW_REPLAY_OLD;
    bool is_current = sequence / 64u == replay->newest / 64u;
    uint64_t word = is_current ? replay->current : replay->words[replay_word(sequence)];
    return word & replay_bit(sequence) ? TW_REPLAY_DUPLICATE : TW_REPLAY_FRESH;
}

/* The newest number moves on by so many words. */
static void leave_word(struct tw_replay *replay, uint64_t steps)
{
    uint32_t word = replay_word(replay->newest);
    replay->words[word] = replay->current;
    replay->current = 0;
    if (steps >= TW_REPLAY_WORDS) {
        memset(replay->words, 0, sizeof(replay->words));
        return;
    }
    for (uint64_t i = 1; i < steps; i++) {
        word = (word + 1) & (TW_REPLAY_WORDS - 1);
        replay->words[word] = 0;
    }
}

enum tw_replay_result tw_replay_commit(struct tw_replay *replay, uint64_t sequence)
{
    enum tw_replay_result result = tw_replay_test(replay, sequence);
    if (result != TW_REPLAY_FRESH)
        return result;
    if (sequence > replay->newest) {
        uint64_t steps = sequence / 64u - replay->newest / 64u;
        if (steps > 0)
            leave_word(replay, steps);
        replay->newest = sequence;
    }
    if (sequence / 64u == replay->newest / 64u)
        replay->current |= replay_bit(sequence);
    else
        replay->words[replay_word(sequence)] |= replay_bit(sequence);
    return TW_REPLAY_FRESH;
}

static uint64_t reverse_bits(uint64_t bits)
{
    bits = (bits >> 1 & 0x5555555555555555u) | (bits & 0x5555555555555555u) << 1;
    bits = (bits >> 2 & 0x3333333333333333u) | (bits & 0x3333333333333333u) << 2;
    bits = (bits >> 4 & 0x0f0f0f0f0f0f0f0fu) | (bits & 0x0f0f0f0f0f0f0f0fu) << 4;
    return __builtin_bswap64(bits);
}

uint64_t tw_replay_bitmap(const struct tw_replay *replay)
{
    /* The 64 numbers below newest span at most two words. Below number 0 the ring is all zero:
     * a first lap has not written there. */
    uint32_t word = replay_word(replay->newest);
    uint32_t offset = (uint32_t)(replay->newest % 64u);
    uint64_t below = replay->words[(word - 1) & (TW_REPLAY_WORDS - 1)];
    if (offset != 0)
        below = below >> offset | replay->current << (64u - offset);
    return reverse_bits(below);
}
