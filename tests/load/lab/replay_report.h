/* SPDX-License-Identifier: BSD-3-Clause */
/* What a replay came to, as a table or one JSON line on standard output. */
#ifndef TICKWIRE_TESTS_LOAD_LAB_REPLAY_REPORT_H
#define TICKWIRE_TESTS_LOAD_LAB_REPLAY_REPORT_H

#include "tests/load/lab/engine_counters.h"
#include "tests/load/lab/player.h"

/* before, after: NULL when the engine was not asked. */
void tw_replay_report(const struct tw_player *player, const struct tw_engine_counters *before,
                      const struct tw_engine_counters *after);

#endif
