/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the index is what it says: every entity in exactly one place, in reach of its cell, every
 * count and link right, nothing lost in the pools. The whole at once for tests and debug builds
 * (which run it after every tick), or a part per tick on a running server, where the figures of a
 * whole round come out as well. Reads only; never asserts: what it finds is its result. Any thread
 * between phases.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_VALIDATE_H
#define TICKWIRE_SIMULATION_SPACE_VALIDATE_H

#include "simulation/space/space.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_SPACE_FAULTS(X)                                                                         \
    X(NONE, "none")                                                                                \
    X(LOST, "an entity is not where its place says")                                               \
    X(DOUBLED, "an entity stands in two places")                                                   \
    X(FOREIGN, "a cell holds what is not in")                                                      \
    X(OUTSIDE, "an entity is out of reach of its cell, or of the world")                           \
    X(COUNT, "a count is wrong")                                                                   \
    X(CELL, "a cell is not where its parent or its root says")                                     \
    X(BLOCK, "a block does not know its cell, or has free lanes in the middle")                    \
    X(SPARSE, "a cell should have been merged, or dropped")                                        \
    X(DEPTH, "a cell is too deep")                                                                 \
    X(LARGE, "a large body is not in the cells it touches")                                        \
    X(POOL, "a node or a block is neither used nor free")

enum tw_space_fault {
#define TW_SPACE_FAULT_NAME(name, text) TW_SPACE_FAULT_##name,
    TW_SPACE_FAULTS(TW_SPACE_FAULT_NAME)
#undef TW_SPACE_FAULT_NAME
        TW_SPACE_FAULT_COUNT_OF_KINDS
};

/* Leaves by what they hold: 1-8, 9-16, 17-32, 33-64, 65-128, 129-1,024, more. */
#define TW_SPACE_OCCUPANCIES 7u

struct tw_space_figures {
    uint32_t entities, large;
    uint32_t roots, inner, leaves;
    uint32_t blocks, blocks_max, nodes_max;
    uint32_t depth_max;
    uint32_t fullest; /* entities in the fullest leaf */
    struct tw_space_point fullest_at;
    uint32_t occupancy[TW_SPACE_OCCUPANCIES];
};

struct tw_space_verdict {
    uint64_t faults;
    enum tw_space_fault first; /* kind of the first one */
    uint32_t subject;          /* of it: handle or index of an entity, or number of a node */
};

/* The whole. */
struct tw_space_verdict tw_space_validate(const struct tw_space *space,
                                          struct tw_space_figures *figures);

/* Rounds on a running server. */
struct tw_space_audit {
    struct tw_space_verdict verdict;  /* of all rounds */
    struct tw_space_figures figures;  /* of the last whole round */
    struct tw_space_figures gathered; /* of this one */
    uint64_t rounds;
    uint32_t node, entity; /* next to look at */
};

/* Looks at about `nodes` nodes and `entities` entities more. What several of them say together,
 * such as the sum of all, is only told by the whole. Starts from a zeroed audit. */
void tw_space_audit_step(struct tw_space_audit *audit, const struct tw_space *space, uint32_t nodes,
                         uint32_t entities);

const char *tw_space_fault_text(enum tw_space_fault fault);

#endif
