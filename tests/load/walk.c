/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/walk.h"

#include "tests/load/random.h"

#define HELD_MIN_US 500000u
#define HELD_MAX_US 3000000u

/* 16 unit vectors of length 127, counter-clockwise from +x. */
static const int8_t directions[16][2] = {
    {127, 0},  {117, 49},   {90, 90},   {49, 117},   {0, 127},  {-49, 117}, {-90, 90}, {-117, 49},
    {-127, 0}, {-117, -49}, {-90, -90}, {-49, -117}, {0, -127}, {49, -117}, {90, -90}, {117, -49},
};

bool tw_load_walk_step(struct tw_load_walk *walk, uint64_t now_us, struct tw_client_input *input)
{
    if (walk->turn_at_us != 0 && now_us < walk->turn_at_us)
        return false;
    uint32_t direction = tw_load_random_below(&walk->random, 16);
    walk->turn_at_us =
        now_us + HELD_MIN_US + tw_load_random_below(&walk->random, HELD_MAX_US - HELD_MIN_US);
    *input = (struct tw_client_input){
        .move_x = directions[direction][0],
        .move_y = directions[direction][1],
        .facing = (uint16_t)(direction * 4096u),
    };
    return true;
}
