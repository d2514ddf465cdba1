/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/path.h"

#include <sodium.h>
#include <string.h>

static bool is_open(const struct tw_path *path, uint64_t now_ns)
{
    return path->open && now_ns - path->opened_ns < TW_PATH_LIFE_NS;
}

bool tw_path_is_candidate(const struct tw_path *path, const struct tw_path_end *source,
                          uint64_t now_ns)
{
    return is_open(path, now_ns) && tw_path_end_equal(&path->end, source);
}

bool tw_path_may_open(const struct tw_path *path, uint64_t now_ns)
{
    return path->opened_ns == 0 || now_ns - path->opened_ns >= TW_PATH_INTERVAL_NS;
}

bool tw_path_try(struct tw_path *path, uint64_t now_ns)
{
    if (!tw_path_may_open(path, now_ns) ||
        (path->tried_ns != 0 && now_ns - path->tried_ns < TW_PATH_TRY_NS))
        return false;
    path->tried_ns = now_ns;
    return true;
}

void tw_path_tries_init(struct tw_path_tries *tries, uint64_t seed)
{
    *tries = (struct tw_path_tries){
        .heard_rate = tw_budget_rate_make(TW_PATH_TRIES_PER_S, TW_PATH_TRIES_BURST),
        .silent_rate = tw_budget_rate_make(TW_PATH_SILENT_PER_S, TW_PATH_SILENT_BURST),
        .random = seed};
}

/* splitmix64. */
static uint32_t next_random(struct tw_path_tries *tries)
{
    uint64_t value = tries->random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(value >> 32);
}

bool tw_path_draw(struct tw_path_tries *tries, uint64_t now_ns)
{
    uint64_t burst_ns = tries->silent_rate.burst_ns;
    return (next_random(tries) * burst_ns) >> 32 <
           tw_budget_left_ns(&tries->silent, tries->silent_rate, now_ns);
}

bool tw_path_take(struct tw_path_tries *tries, uint32_t payload_length, uint64_t now_ns)
{
    uint32_t cost = 1u + payload_length / TW_PATH_SILENT_BYTES;
    return tw_budget_take(&tries->silent, tw_budget_rate_times(tries->silent_rate, cost), now_ns);
}

void tw_path_open(struct tw_path *path, const struct tw_path_end *source,
                  const uint8_t challenge[TW_CHALLENGE_SIZE], uint64_t now_ns)
{
    *path = (struct tw_path){
        .end = *source, .open = true, .opened_ns = now_ns, .tried_ns = path->tried_ns};
    memcpy(path->challenge, challenge, TW_CHALLENGE_SIZE);
}

void tw_path_received(struct tw_path *path, uint32_t payload_length)
{
    path->received_packets++;
    path->received_bytes += payload_length;
}

bool tw_path_take_challenge(struct tw_path *path, uint64_t now_ns)
{
    uint64_t sent_packets = (uint64_t)path->sent_packets + 1u;
    if (!is_open(path, now_ns) ||
        (path->challenged_ns != 0 && now_ns - path->challenged_ns < TW_PATH_REPEAT_NS) ||
        sent_packets > (uint64_t)path->received_packets * TW_PATH_AMPLIFICATION ||
        sent_packets * TW_PATH_CHALLENGE_PACKET > path->received_bytes * TW_PATH_AMPLIFICATION)
        return false;
    path->sent_packets++;
    path->challenged_ns = now_ns;
    return true;
}

bool tw_path_answer(struct tw_path *path, const struct tw_path_end *source,
                    const uint8_t response[TW_CHALLENGE_SIZE], uint64_t now_ns)
{
    if (!tw_path_is_candidate(path, source, now_ns) ||
        sodium_memcmp(path->challenge, response, TW_CHALLENGE_SIZE) != 0)
        return false;
    path->open = false;
    sodium_memzero(path->challenge, sizeof(path->challenge));
    return true;
}
