/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/clock.h"

#include "tickwire/assert.h"

#include <string.h>

#define MICROSECONDS UINT64_C(1000000)

void tw_client_clock_init(struct tw_client_clock *clock, uint32_t tick_hz, uint64_t server_time_us,
                          uint64_t now_us)
{
    TW_ASSERT(tick_hz > 0);
    memset(clock, 0, sizeof(*clock));
    clock->tick_hz = tick_hz;
    clock->offset_us = (int64_t)(server_time_us - now_us);
}

bool tw_client_clock_pong(struct tw_client_clock *clock, const struct tw_frame_pong *pong,
                          uint64_t now_us)
{
    uint64_t away_us = now_us - pong->echo_us;
    uint64_t held_us = pong->sent_us - pong->received_us;
    if (pong->echo_us > now_us || away_us > TW_CLIENT_CLOCK_PONG_AGE_MAX_US ||
        pong->sent_us < pong->received_us || held_us > away_us)
        return false;

    struct tw_client_clock_sample sample = {
        .rtt_us = away_us - held_us > 0 ? away_us - held_us : 1u, /* 0 means none */
    };
    /* The server's clock in the middle of its stay minus ours in the middle of the trip; by
     * differences that are short, and modulo 2^64, because its origin may be anywhere. */
    sample.offset_us = (int64_t)(pong->received_us - pong->echo_us - (away_us - held_us) / 2u);

    clock->samples[clock->sample_count % TW_CLIENT_CLOCK_SAMPLES] = sample;
    clock->rtt_smooth_us =
        clock->sample_count == 0
            ? sample.rtt_us
            : clock->rtt_smooth_us - clock->rtt_smooth_us / 8u + sample.rtt_us / 8u;
    clock->sample_count++;
    clock->rtt_us = sample.rtt_us;
    if (clock->rtt_min_us == 0 || sample.rtt_us < clock->rtt_min_us)
        clock->rtt_min_us = sample.rtt_us;

    struct tw_client_clock_sample best = sample;
    for (uint64_t i = 0; i < TW_CLIENT_CLOCK_SAMPLES && i < clock->sample_count; i++) {
        if (clock->samples[i].rtt_us < best.rtt_us)
            best = clock->samples[i];
    }
    clock->offset_us = best.offset_us;
    return true;
}

static uint64_t tick_at(const struct tw_client_clock *clock, uint64_t local_us)
{
    int64_t server_us = (int64_t)(local_us + (uint64_t)clock->offset_us);
    if (server_us <= 0)
        return 0;
    /* Tick n is due at n * 1,000,000 / hz rounded down: the largest n due by now is the largest
     * with n * 1,000,000 < (now + 1) * hz. Whole seconds apart, so that nothing overflows. */
    uint64_t whole_s = (uint64_t)server_us / MICROSECONDS;
    uint64_t rest_us = (uint64_t)server_us % MICROSECONDS;
    return whole_s * clock->tick_hz + ((rest_us + 1u) * clock->tick_hz - 1u) / MICROSECONDS;
}

uint64_t tw_client_clock_tick(const struct tw_client_clock *clock, uint64_t now_us)
{
    return tick_at(clock, now_us);
}

uint64_t tw_client_clock_input_tick(const struct tw_client_clock *clock, uint64_t now_us)
{
    return tick_at(clock, now_us + clock->rtt_smooth_us / 2u) + TW_CLIENT_CLOCK_LEAD_TICKS;
}
