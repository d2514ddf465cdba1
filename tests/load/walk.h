/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a bot goes: a direction at full speed, held for 0.5 to 3 s, from a seed. Pure. */
#ifndef TICKWIRE_TESTS_LOAD_WALK_H
#define TICKWIRE_TESTS_LOAD_WALK_H

#include "tickwire/client.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_load_walk {
    uint64_t random;
    uint64_t turn_at_us; /* 0: turn now */
};

/* True when the input changed. */
bool tw_load_walk_step(struct tw_load_walk *walk, uint64_t now_us, struct tw_client_input *input);

#endif
