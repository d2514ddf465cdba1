/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/playout.h"

#define PPM INT64_C(1000000)

int64_t tw_client_playout_delay_us(const struct tw_client_playout *playout, uint64_t server_now_us)
{
    int64_t elapsed_us = (int64_t)(server_now_us - playout->anchor_us);
    int64_t error_us = playout->goal_us - playout->delay_us;
    if (elapsed_us < 0)
        elapsed_us = 0;
    if (elapsed_us > 60 * PPM)
        elapsed_us = 60 * PPM; /* by then it is there */
    if (error_us > 0) {
        int64_t limit_us = elapsed_us * TW_CLIENT_PLAYOUT_GROWS_PPM / PPM;
        return playout->delay_us + (error_us < limit_us ? error_us : limit_us);
    }
    int64_t limit_us = elapsed_us * TW_CLIENT_PLAYOUT_SHRINKS_PPM / PPM;
    return playout->delay_us - (-error_us < limit_us ? -error_us : limit_us);
}

static int64_t second_longest(const struct tw_client_playout *playout)
{
    uint32_t held = playout->stretch_count < TW_CLIENT_PLAYOUT_STRETCHES
                        ? playout->stretch_count
                        : TW_CLIENT_PLAYOUT_STRETCHES;
    int64_t first_us = playout->stretch_us;
    int64_t second_us = held == 0 ? first_us : 0;
    for (uint32_t i = 0; i < held; i++) {
        int64_t age_us = playout->stretches[i];
        if (age_us > first_us) {
            second_us = first_us;
            first_us = age_us;
        } else if (age_us > second_us) {
            second_us = age_us;
        }
    }
    return second_us;
}

static void note_age(struct tw_client_playout *playout, int64_t age_us, uint64_t now_us)
{
    if ((int64_t)(now_us - playout->stretch_end_us) >= 0) {
        playout->stretches[playout->stretch_count++ % TW_CLIENT_PLAYOUT_STRETCHES] =
            playout->stretch_us;
        playout->stretch_us = 0;
        playout->stretch_end_us = now_us + TW_CLIENT_PLAYOUT_STRETCH_US;
    }
    if (age_us > playout->stretch_us)
        playout->stretch_us = age_us;
}

void tw_client_playout_path_changed(struct tw_client_playout *playout)
{
    /* What is in the air is as old as the change takes: it begins with the snapshot after that. */
    playout->started = false;
    playout->stretch_us = 0;
    playout->stretch_count = 0;
}

void tw_client_playout_snapshot(struct tw_client_playout *playout, uint64_t due_us,
                                uint64_t server_now_us)
{
    int64_t age_us = (int64_t)(server_now_us - playout->shown_us);
    bool second = playout->started && playout->goal_us == 0;
    playout->shown_us = due_us;
    if (!playout->started) {
        playout->started = true;
        playout->stretch_end_us = server_now_us + TW_CLIENT_PLAYOUT_STRETCH_US;
        return;
    }
    if (age_us < 0)
        age_us = 0;
    if (age_us > TW_CLIENT_PLAYOUT_MAX_US)
        age_us = TW_CLIENT_PLAYOUT_MAX_US;
    note_age(playout, age_us, server_now_us);
    playout->delay_us = tw_client_playout_delay_us(playout, server_now_us);
    playout->anchor_us = server_now_us;
    playout->goal_us = second_longest(playout);
    if (second)
        playout->delay_us = playout->goal_us;
}
