/* SPDX-License-Identifier: BSD-3-Clause */
/* Worlds of suite space: an index, the same entities in plain arrays, and places to ask from. */
#ifndef TICKWIRE_TESTS_BENCH_SPACE_SCENE_H
#define TICKWIRE_TESTS_BENCH_SPACE_SCENE_H

#include "simulation/core/rng.h"
#include "simulation/space/batch.h"
#include "simulation/space/nearest.h"
#include "simulation/space/query.h"

#include <stdbool.h>
#include <stdint.h>

#define SCENE_METRE       1024
#define SCENE_PLACES      4096u
#define SCENE_NEAREST_MAX 1024u

enum scene_spread {
    SCENE_UNIFORM,
    SCENE_TOWN,    /* a fifth of all, and half of the places asked from, in the middle square km */
    SCENE_HOTSPOT, /* 10,000 in 100 x 100 m, the others evenly; asked from the crowd */
    SCENE_POINT,   /* 10,000 on one point: asked from there */
};

struct scene_plan {
    enum scene_spread spread;
    enum tw_space_kind kind;
    bool wraps;
    uint32_t entities;
    int32_t side; /* of the square world */
    const struct tw_space_kernels *kernels;
};

struct scene {
    struct scene_plan plan;
    struct tw_rng rng;
    struct tw_space *space;
    struct tw_space_reader reader;
    struct tw_space_batch batch;
    size_t index_bytes;
    struct tw_space_body *bodies;  /* entity i has index i, generation 1 */
    int32_t *x, *y, *z, *radius;   /* the same beside each other, aligned to 64 bytes */
    struct tw_space_point *places; /* SCENE_PLACES */
    struct tw_space_hit *hits;     /* entities, and SCENE_PLACES * 64 */
    void *memory;
};

static inline tw_entity scene_entity(uint32_t i)
{
    return tw_entity_make(i, 1);
}

void scene_start(struct scene *scene, const struct scene_plan *plan);
void scene_end(struct scene *scene);
/* Into the empty index, in random order. */
void scene_insert_all(struct scene *scene);

#endif
