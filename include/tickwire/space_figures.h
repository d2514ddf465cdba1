/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of a world's spatial index, as the shard publishes them: one list gives the counters, the
 * agent's message and the rows of `tickwire debug space`. */
#ifndef TICKWIRE_SPACE_FIGURES_H
#define TICKWIRE_SPACE_FIGURES_H

#define TW_SPACE_FIGURES(X)                                                                        \
    X(WRAPS, "wraps", "1: the world has no edges, it goes round; 0: it has edges")                 \
    X(SIZE, "size_m", "its side, after which it goes round or ends")                               \
    X(SPLIT_ABOVE, "split_above", "a cell that holds more is split")                               \
    X(MERGE_BELOW, "merge_below", "a split cell that holds fewer is merged")                       \
    X(ENTITIES, "entities", "entities in the index")                                               \
    X(LARGE, "large_bodies", "of them: bodies that stand in several cells")                        \
    X(ROOTS, "roots", "root cells that hold something")                                            \
    X(INNER, "inner_cells", "cells that are split")                                                \
    X(LEAVES, "leaves", "cells that hold entities")                                                \
    X(BLOCKS, "blocks", "blocks of eight entities in use")                                         \
    X(BLOCKS_MAX, "blocks_max", "blocks there are")                                                \
    X(DEPTH_MAX, "depth_max", "levels below a root; above 8 look for a hot spot, 12 is the limit") \
    X(FULLEST, "fullest_leaf", "entities in the fullest leaf; far above 32: a hot spot")           \
    X(FULLEST_X, "fullest_leaf_x_m", "where it is")                                                \
    X(FULLEST_Y, "fullest_leaf_y_m", "where it is")                                                \
    X(HOLD_8, "leaves_of_8", "leaves that hold 1 to 8")                                            \
    X(HOLD_16, "leaves_of_16", "leaves that hold 9 to 16")                                         \
    X(HOLD_32, "leaves_of_32", "leaves that hold 17 to 32")                                        \
    X(HOLD_64, "leaves_of_64", "leaves that hold 33 to 64")                                        \
    X(HOLD_128, "leaves_of_128", "leaves that hold 65 to 128")                                     \
    X(HOLD_1024, "leaves_of_1024", "leaves that hold 129 to 1,024")                                \
    X(HOLD_MORE, "leaves_of_more", "leaves that hold more")                                        \
    X(INSERTS, "inserts", "entities put in since start")                                           \
    X(REMOVES, "removes", "entities taken out")                                                    \
    X(MOVES, "moves", "moves")                                                                     \
    X(CROSSINGS, "crossings", "moves into another cell")                                           \
    X(CLAMPED, "clamped", "coordinates brought back to the world's edge")                          \
    X(SPLITS, "splits", "cells split")                                                             \
    X(MERGES, "merges", "cells merged")                                                            \
    X(SPLITS_REFUSED, "splits_refused", "cells left coarser for want of nodes")                    \
    X(QUERIES, "queries", "questions asked")                                                       \
    X(QUERY_CELLS, "query_cells", "cells they looked at")                                          \
    X(QUERY_ENTITIES, "query_entities", "entities they looked at")                                 \
    X(QUERY_HITS, "query_hits", "entities they found")                                             \
    X(MOVERS, "movers", "entities that could move in the newest tick")                             \
    X(CANDIDATES, "candidates", "found close to them before anybody moved")                        \
    X(MOVERS_ASKED, "movers_asked",                                                                \
      "movers that had to ask the index: no room, a crowd, too fast")                              \
    X(AUDIT_ROUNDS, "audit_rounds", "times the validator has been through the whole index")        \
    X(FAULTS, "faults", "faults it found since start; must be 0")                                  \
    X(FIRST_FAULT, "first_fault", "kind of the first fault (simulation/space/validate.h)")         \
    X(FIRST_SUBJECT, "first_fault_subject", "the entity or cell of the first fault")

enum tw_space_figure {
#define TW_SPACE_FIGURE_ID(id, name, meaning) TW_SPACE_FIGURE_##id,
    TW_SPACE_FIGURES(TW_SPACE_FIGURE_ID)
#undef TW_SPACE_FIGURE_ID
        TW_SPACE_FIGURE_COUNT
};

#endif
