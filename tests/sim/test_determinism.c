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

enum world {
    WITH_EDGES,
    WITHOUT_EDGES,
    WORLDS,
};
static const char *const world_names[WORLDS] = {"with edges", "without edges"};

static const uint64_t golden[WORLDS][SCRIPT_TICKS / 60u] = {
    [WITH_EDGES] = {UINT64_C(0xc8951cf577f26e5a), UINT64_C(0x12272debcdc61dd4),
                    UINT64_C(0x51eb0bcb29736058), UINT64_C(0x75b8a957ab2f6979),
                    UINT64_C(0xebdc18052a74f98d), UINT64_C(0xaf963148db2962d7),
                    UINT64_C(0x9809a26547a02009), UINT64_C(0xb3240972f863352b),
                    UINT64_C(0x718157be0dfe6006), UINT64_C(0xf3a467d7b1fa81e4)},
    [WITHOUT_EDGES] = {UINT64_C(0x21fc0067edde6126), UINT64_C(0x9eb01bb73cdf3a9d),
                       UINT64_C(0xddcc7761b9efc02e), UINT64_C(0x94dd3547098a56df),
                       UINT64_C(0x42d30f5745650c4d), UINT64_C(0x64daa32fc6ea22b4),
                       UINT64_C(0x8189138c486b8a1a), UINT64_C(0xb5dd3f35c384fdfa),
                       UINT64_C(0x5917741d3d5d230a), UINT64_C(0xa9647ad5531df1fe)},
};

static int run(enum world world, bool octree, bool print)
{
    static struct tw_shard_counters counters;
    static struct tw_record records[SCRIPT_RECORDS_MAX];
    struct tw_shard_config config = script_config();
    struct tw_outbox outboxes[3] = {0};
    config.octree = octree;
    if (world == WITHOUT_EDGES) {
        config.wraps = true;
        config.size_m = 128;
    }
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
        else if (hash != golden[world][tick / 60u - 1u] ||
                 tw_counter_get(&counters.state_hash_tick) != tick) {
            printf("%s, %s, tick %" PRIu32 ": state hash %016" PRIx64 ", expected %016" PRIx64 "\n",
                   world_names[world], octree ? "octree" : "grid", tick, hash,
                   golden[world][tick / 60u - 1u]);
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
    int wrong = 0;
    for (uint32_t world = 0; world < WORLDS; world++) {
        if (print) {
            printf("%s:\n", world_names[world]);
            run(world, false, true);
            continue;
        }
        for (uint32_t octree = 0; octree < 2; octree++) {
            int result = run(world, octree, false);
            wrong = result > wrong ? result : wrong;
        }
    }
    return wrong;
}
