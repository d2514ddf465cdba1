/* SPDX-License-Identifier: BSD-3-Clause */
/* A fixed play of 48 players over 600 ticks in a crowded world: joins, leaves, inputs on time,
 * late and missing. Shared by the determinism check and the arrival-order test. */
#ifndef TICKWIRE_TESTS_SIM_SCRIPT_H
#define TICKWIRE_TESTS_SIM_SCRIPT_H

#include "simulation/shard/shard.h"
#include "tickwire/shard.h"

#include <stddef.h>
#include <stdint.h>

#define SCRIPT_PLAYERS     48u
#define SCRIPT_TICKS       600u
#define SCRIPT_RECORDS_MAX (SCRIPT_PLAYERS * 4u)

struct tw_shard_config script_config(void);

/* Records that arrive before tick `tick`, each player's in order; returns their number. */
size_t script_records(uint32_t tick, struct tw_record records[SCRIPT_RECORDS_MAX]);

#endif
