/* SPDX-License-Identifier: BSD-3-Clause */
/* The script's state hashes, as constants: every compiler and optimisation must meet them. Run
 * with --print after a change that is meant to change the simulation, to learn the new ones. */
#include "tests/sim/script.h"
#include "tickwire/counters.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t golden[SCRIPT_TICKS / 60u] = {
    UINT64_C(0x24d7bd4bea6f093e), UINT64_C(0x82ad0b6c488820c7), UINT64_C(0xecbbd7a328670193),
    UINT64_C(0x3896c0fcef2efe31), UINT64_C(0x937e5d9cf84f84c0), UINT64_C(0x4733b4a4ffed0c53),
    UINT64_C(0x138e5def0c946a14), UINT64_C(0xcb7c9cb8fd7f042a), UINT64_C(0x93dbab2e63246df5),
    UINT64_C(0x31a57fca6af689e5),
};

int main(int argc, char **argv)
{
    static struct tw_shard_counters counters;
    static struct tw_record records[SCRIPT_RECORDS_MAX];
    struct tw_shard_config config = script_config();
    struct tw_outbox outboxes[3] = {0};
    bool print = argc > 1 && strcmp(argv[1], "--print") == 0;
    size_t footprint = (tw_shard_footprint(&config) + 63u) / 64u * 64u;
    void *memory = aligned_alloc(64, footprint);
    int wrong = 0;
    if (!memory)
        return 2;
    struct tw_shard *shard = tw_shard_init(memory, &config, &counters);
    for (uint32_t tick = 1; tick <= SCRIPT_TICKS; tick++) {
        tw_shard_consume(shard, records, script_records(tick, records));
        tw_shard_tick(shard, tick, 0, outboxes);
        if (tick % 60u != 0)
            continue;
        uint64_t hash = tw_counter_get(&counters.state_hash);
        if (print)
            printf("    UINT64_C(0x%016" PRIx64 "),\n", hash);
        if (hash != golden[tick / 60u - 1u] || tw_counter_get(&counters.state_hash_tick) != tick) {
            printf("tick %" PRIu32 ": state hash %016" PRIx64 ", expected %016" PRIx64 "\n", tick,
                   hash, golden[tick / 60u - 1u]);
            wrong = 1;
        }
    }
    free(memory);
    return wrong && !print;
}
