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
    [WITH_EDGES] = {UINT64_C(0xff4534c71997ac95), UINT64_C(0xd643118b8f146fe0),
                    UINT64_C(0x1e317d577db57c98), UINT64_C(0x722be348a3e4c58a),
                    UINT64_C(0x40631628b8f32c40), UINT64_C(0xaf194ee6e08d13ea),
                    UINT64_C(0x895f5efc4b0762fe), UINT64_C(0xb7602d581604132d),
                    UINT64_C(0x6c079be54d699614), UINT64_C(0x009b2981e4bd3f2c)},
    [WITHOUT_EDGES] = {UINT64_C(0x01d49519190a5a45), UINT64_C(0xabe806f7ebcfdce1),
                       UINT64_C(0x379e48fef59bbd2d), UINT64_C(0x80f46c531f2a3663),
                       UINT64_C(0xa97b116eef239e7c), UINT64_C(0x0b1baa9534dfb9e2),
                       UINT64_C(0x9953a4645d6a4779), UINT64_C(0x5b7d25b97010b6f5),
                       UINT64_C(0x3daabc4730b0058d), UINT64_C(0xd2d470d05c5d14a0)},
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
