/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far behind the server's clock a game should show the world, so that it nearly always has a
 * snapshot on either side of what it shows.
 *
 * When a snapshot arrives, the one before it has become as old as it ever had to be: that age, at
 * its longest in a quarter second, is kept for 4 s, and the second longest of these is the goal. So
 * one lost snapshot in a while is ridden over by extrapolation, frequent loss and swings are not.
 * The delay follows slowly enough not to be seen. Server time in µs. Pure, single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_PLAYOUT_H
#define TICKWIRE_DATAPLANE_CLIENT_PLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define TW_CLIENT_PLAYOUT_STRETCHES  16u
#define TW_CLIENT_PLAYOUT_STRETCH_US 250000u
#define TW_CLIENT_PLAYOUT_MAX_US     1000000
/* The world so seems to run 10 % slower while the delay grows, 5 % faster while it shrinks. */
#define TW_CLIENT_PLAYOUT_GROWS_PPM   100000
#define TW_CLIENT_PLAYOUT_SHRINKS_PPM 50000

struct tw_client_playout {
    bool started;
    uint64_t shown_us; /* due time of the newest snapshot */
    uint64_t stretch_end_us;
    int64_t stretch_us; /* longest age in the present stretch */
    int64_t stretches[TW_CLIENT_PLAYOUT_STRETCHES];
    uint32_t stretch_count; /* ever */
    uint64_t anchor_us;
    int64_t delay_us; /* at the anchor */
    int64_t goal_us;
};

/* A snapshot of the tick that was due at `due_us` was applied now. */
void tw_client_playout_snapshot(struct tw_client_playout *playout, uint64_t due_us,
                                uint64_t server_now_us);

/* The path is another from now on: the delay stays, its goal is found anew. */
void tw_client_playout_path_changed(struct tw_client_playout *playout);

/* 0 before two snapshots. */
int64_t tw_client_playout_delay_us(const struct tw_client_playout *playout, uint64_t server_now_us);

#endif
