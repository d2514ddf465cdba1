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
    UINT64_C(0xc8951cf577f26e5a), UINT64_C(0x12272debcdc61dd4), UINT64_C(0x51eb0bcb29736058),
    UINT64_C(0x75b8a957ab2f6979), UINT64_C(0xebdc18052a74f98d), UINT64_C(0xaf963148db2962d7),
    UINT64_C(0x9809a26547a02009), UINT64_C(0xb3240972f863352b), UINT64_C(0x718157be0dfe6006),
    UINT64_C(0xf3a467d7b1fa81e4),
};

static int run(bool octree, bool print)
{
    static struct tw_shard_counters counters;
    static struct tw_record records[SCRIPT_RECORDS_MAX];
    struct tw_shard_config config = script_config();
    struct tw_outbox outboxes[3] = {0};
    config.octree = octree;
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
            printf("%s, tick %" PRIu32 ": state hash %016" PRIx64 ", expected %016" PRIx64 "\n",
                   octree ? "octree" : "grid", tick, hash, golden[tick / 60u - 1u]);
            wrong = 1;
        }
    }
    free(memory);
    return wrong;
}

/* The index is no part of the state, and its answers do not depend on its kind. */
int main(int argc, char **argv)
{
    bool print = argc > 1 && strcmp(argv[1], "--print") == 0;
    if (print) {
        run(false, true);
        return 0;
    }
    int grid = run(false, false);
    int octree = run(true, false);
    return grid ? grid : octree;
}
