/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The spatial index: where every entity of a world is, so that questions about a neighbourhood
 * cost what the neighbourhood holds, in crowds as in deserts.
 *
 * An adaptive hierarchical hash grid. The world is cut into root cells, found by hashing their
 * coordinates; a cell that holds more than 32 entities is split into its eight octants (only those
 * that hold something exist), one whose entities fall below 8 is merged again. The octree is the
 * same forest with one root that covers the world: better where a world is high and mostly empty,
 * with one step more per level everywhere else. The configuration of the world picks.
 *
 *   hash of (x, y, z) >> root_shift
 *     |    +--------+     +-----------+  children  +------+
 *   [roots]| root   |     | inner     |----------->| leaf |  first   +-------+    +-------+
 *     +--->| = leaf |  or | 8 children|-->...      |      |--------->| block |--->| block |
 *          +--------+     +-----------+            +------+          +-------+    +-------+
 *                                                                       ^ 8 entities each
 *   places[entity index] = block and lane -------------------------------+
 *
 * A block holds x[8], y[8], z[8], handles[8], tags[8] beside each other: a query reads one vector
 * per axis. All blocks of a leaf but the first are full; a removed entity is replaced by the first
 * block's last. A move within the cell is a store. To leave its cell, an entity has to pass the
 * border by 15 % of the cell: who trembles on a border stays where it is.
 *
 * A cell that would not be relieved by a split (all in one spot, or the smallest cell reached)
 * grows into a flat list of blocks, which is scanned eight at a time: a crowd on one point costs
 * its size, never more; tw_space_tend() splits such cells once it would help.
 *
 * Bodies. An entity is a sphere; queries say whether they ask for centres or for bodies. Bodies up
 * to TW_SPACE_SMALL_RADIUS are found by widening the search. Larger ones stand, besides, in every
 * cell they touch of a grid of their own size (large.h): at most eight.
 *
 * Memory is taken once. It always suffices for `entities_max` entities wherever they are and go:
 * blocks for all full ones and a partial one per leaf; nodes for all roots; when the nodes for
 * finer cells run out, cells stay coarser (counted: splits_refused). So a move never fails, and an
 * insert only when the index is full, having changed nothing.
 *
 * Determinism. What a query returns depends only on what is in, never on the history of the cells:
 * results are ordered by (key, handle), the key being the squared distance or the place on the way.
 * Only visitors come in the order of cells, which is that of the calls so far; count and set are
 * exact there as well. Hence the index is no part of a world's state: it can be built anew from it.
 *
 * Phases. One thread owns an index and alone inserts, moves and removes, in the phases of a tick
 * that change places. Queries change nothing in it (scratch and costs belong to the reader, see
 * reader.h): from the end of those phases to their next start any number of threads may ask, each
 * with a reader of its own, and all of them see the same completed moves. Within the changing
 * phases the owner may ask between any two calls, never from within one: a visitor must not change
 * the index.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_SPACE_H
#define TICKWIRE_SIMULATION_SPACE_SPACE_H

#include "simulation/core/arena.h"
#include "simulation/space/point.h"
#include "tickwire/ids.h"

#include <stdbool.h>
#include <stdint.h>

/* 8 m: every figure of a game and its obstacles. The widest part of a search for bodies. */
#define TW_SPACE_SMALL_RADIUS 8192
/* Types are bits of a filter's 32-bit mask. */
#define TW_SPACE_TYPES 32u
/* Large bodies are counted in the 16 bits that hold the radius of small ones. */
#define TW_SPACE_LARGE_LIMIT 65535u
/* Levels below a root: finer than the smallest cell of the largest world. */
#define TW_SPACE_DEPTH_LIMIT 12u

enum tw_space_kind {
    TW_SPACE_GRID,
    TW_SPACE_OCTREE,
};

struct tw_space_config {
    enum tw_space_kind kind;
    struct tw_space_point size; /* positions lie in 0..size; x and y 1..2^27, z from 0 */
    /* x and y are counted modulo size: the world has no edge there. Else positions outside are
     * brought to the edge. z always has edges. */
    bool wraps;
    uint32_t entities_max; /* entity indexes are below it */
    uint32_t large_max;    /* bodies above TW_SPACE_SMALL_RADIUS at once */
    uint32_t cell_shift;   /* log2 of a root cell's side; 0: from size and entities_max */
    /* log2 of the smallest cell's side; 0: 1 m, and no more than 12 levels below a root */
    uint32_t cell_shift_min;
    uint32_t split_above; /* 0: 32 */
    uint32_t merge_below; /* 0: 8; at most half of split_above */
};

/* What stands in the index. */
struct tw_space_body {
    struct tw_space_point at;
    int32_t radius; /* 0..2^27 */
    uint8_t type;   /* below TW_SPACE_TYPES */
    uint8_t faction;
    bool dead;
};

enum tw_space_status {
    TW_SPACE_OK,
    TW_SPACE_FULL,      /* entities_max or large_max reached; nothing changed */
    TW_SPACE_PRESENT,   /* insert of what is in; nothing changed */
    TW_SPACE_ABSENT,    /* not in, or in with another generation */
    TW_SPACE_NO_ENTITY, /* index beyond entities_max or generation 0 */
    TW_SPACE_BAD_BODY,  /* radius or type out of range; nothing changed */
};

/* Since the start; owner: w, anyone between phases: r. */
struct tw_space_changes {
    uint64_t inserts, removes;
    uint64_t moves;          /* all */
    uint64_t moves_crossing; /* of them: into another cell */
    uint64_t clamped;        /* positions that lay outside the world */
    uint64_t splits, merges;
    uint64_t splits_refused; /* for want of nodes: cells coarser than wanted */
};

struct tw_space;

/* Bytes of a whole index; 0 for a configuration out of range. */
size_t tw_space_footprint(const struct tw_space_config *config);
/* Takes tw_space_footprint() bytes of zeroed memory; NULL while the arena only counts. */
struct tw_space *tw_space_carve(struct tw_arena *arena, const struct tw_space_config *config);

enum tw_space_status tw_space_insert(struct tw_space *space, tw_entity entity,
                                     const struct tw_space_body *body);
/* Keeps all but the place. */
enum tw_space_status tw_space_move(struct tw_space *space, tw_entity entity,
                                   struct tw_space_point to);
enum tw_space_status tw_space_remove(struct tw_space *space, tw_entity entity);
/* Another radius, type, faction; `body->at` counts too. */
enum tw_space_status tw_space_change(struct tw_space *space, tw_entity entity,
                                     const struct tw_space_body *body);
/* Hot spots: a crowd that stood on one spot, in a cell that no split would have relieved, may have
 * spread since without any cell being changed. Looks at `nodes` cells, in turns, and splits what
 * has become worth it. Once a tick, with a 60th of the nodes, leaves no such cell older than a
 * second.
 */
void tw_space_tend(struct tw_space *space, uint32_t nodes);
/* As after carving, statistics but for its own included. */
void tw_space_clear(struct tw_space *space);

/* What is known of an entity: TW_SPACE_OK, ABSENT or NO_ENTITY. */
enum tw_space_status tw_space_get(const struct tw_space *space, tw_entity entity,
                                  struct tw_space_body *body);
uint32_t tw_space_population(const struct tw_space *space);
const struct tw_space_changes *tw_space_changes(const struct tw_space *space);
/* The configuration with its zeros replaced by what is in force. */
const struct tw_space_config *tw_space_config(const struct tw_space *space);

#endif
