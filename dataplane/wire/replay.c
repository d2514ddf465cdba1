/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/replay.h"

#include <string.h>

static_assert((TW_REPLAY_WORDS & (TW_REPLAY_WORDS - 1)) == 0, "ring index is a mask");
static_assert(TW_REPLAY_WORDS * 64u >= TW_REPLAY_WINDOW + 64u, "window never laps itself");

void tw_replay_init(struct tw_replay *replay)
{
    memset(replay, 0, sizeof(*replay));
}

void tw_replay_leave_word(struct tw_replay *replay, uint64_t steps)
{
    uint32_t word = tw_replay_word(replay->newest);
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
    uint32_t word = tw_replay_word(replay->newest);
    uint32_t offset = (uint32_t)(replay->newest % 64u);
    uint64_t below = replay->words[(word - 1) & (TW_REPLAY_WORDS - 1)];
    if (offset != 0)
        below = below >> offset | replay->current << (64u - offset);
    return reverse_bits(below);
}
