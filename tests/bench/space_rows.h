/* SPDX-License-Identifier: BSD-3-Clause */
/* The questions of suite space, each with its brute force, and how they are timed. */
#ifndef TICKWIRE_TESTS_BENCH_SPACE_ROWS_H
#define TICKWIRE_TESTS_BENCH_SPACE_ROWS_H

#include "tests/bench/space_scene.h"

#include <stdint.h>

struct row {
    const char *name;
    /* Asks from place `at`; returns something of the answer, so that it is computed. */
    uint64_t (*ask)(struct scene *scene, struct tw_space_point at);
    uint64_t (*brute)(struct scene *scene, struct tw_space_point at);
};

enum {
    ROW_NEAREST_10,
    ROW_NEAREST_50,
    ROW_NEAREST_1000,
    ROW_NEAREST_10_FILTERED,
    ROW_RADIUS_100,
    ROW_RADIUS_100_VISIT,
    ROW_COUNT_500,
    ROW_BOX_100,
    ROW_ORIENTED_BOX,
    ROW_CONE,
    ROW_FRUSTUM,
    ROW_SEGMENT,
    ROW_SWEEP,
    ROW_SIGHT,
    ROW_COUNT,
};
extern const struct row rows[ROW_COUNT];

/* Median time of one of `count` calls over the scene's places. */
double space_time_ns(struct scene *scene, uint64_t (*ask)(struct scene *, struct tw_space_point),
                     uint32_t count, uint32_t repetitions);

#endif
