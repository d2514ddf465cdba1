/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the spatial index is held against: an array of bodies, every question answered by looking
 * at all of them. Predicates are written apart from those of simulation/space. Results are compared
 * exactly, order included, without sorting: a list that is strictly ascending, has right keys, and
 * behind whose last member nothing was left out, is the sorted list.
 */
#ifndef TICKWIRE_TESTS_UNIT_SIMULATION_SPACE_MODEL_H
#define TICKWIRE_TESTS_UNIT_SIMULATION_SPACE_MODEL_H

#include "simulation/core/rng.h"
#include "simulation/space/nearest.h"
#include "simulation/space/query.h"
#include "simulation/space/space.h"

#include <stdbool.h>
#include <stdint.h>

#define SPACE_MODEL_NEAREST_MAX 1024u

enum space_spread {
    SPACE_UNIFORM,
    SPACE_CLUSTERED,
    SPACE_LINE,
    SPACE_POINT,
    SPACE_EDGES,
    SPACE_STOREYS,
    SPACE_MIGRATING,
    SPACE_SPREADS,
};

struct space_model {
    struct tw_space_config config;
    enum space_spread spread;
    struct tw_rng rng;
    uint64_t seed;
    uint32_t capacity;
    struct tw_space_body *bodies; /* by entity index */
    uint32_t *handles;            /* by entity index; 0 = not in */
    uint8_t *generations;
    uint32_t *live; /* indexes that are in, and where each stands in this list */
    uint32_t *live_at;
    uint32_t count;
    uint32_t large;
    uint64_t steps;
    struct tw_space *space;
    struct tw_space_reader reader;
    void *memory;
    struct tw_space_hit *hits; /* capacity */
    bool bodies_small;         /* no large ones */
};

extern const char *const space_spread_names[SPACE_SPREADS];

/* An empty model and an empty index beside it. */
void space_model_start(struct space_model *model, const struct tw_space_config *config,
                       enum space_spread spread, uint64_t seed);
void space_model_end(struct space_model *model);

/* Where the spread puts the next one; drifts with the model's steps for SPACE_MIGRATING. */
struct tw_space_point space_model_place(struct space_model *model);
struct tw_space_body space_model_body(struct space_model *model);

void space_model_insert(struct space_model *model, uint32_t index,
                        const struct tw_space_body *body);
void space_model_remove(struct space_model *model, uint32_t index);
void space_model_move(struct space_model *model, uint32_t index, struct tw_space_point to);
/* One of insert, remove, move, change, so that about `wanted` are in. */
void space_model_step(struct space_model *model, uint32_t wanted);

/* Fail the test, telling seed and step, unless the index answers as the array does. */
void space_model_check_nearest(struct space_model *model, const struct tw_space_nearest *query);
void space_model_check_shape(struct space_model *model, const struct tw_space_shape *shape,
                             const struct tw_space_filter *filter);
void space_model_check_query(struct space_model *model); /* a random one of all kinds */
void space_model_check_valid(struct space_model *model);
void space_model_fail(const struct space_model *model, const char *what);

/* Random questions near what there is. */
struct tw_space_point space_model_somewhere(struct space_model *model);
struct tw_space_filter space_model_filter(struct space_model *model);
void space_model_shape(struct space_model *model, struct tw_space_shape *shape);

/* The predicates, by looking at one body. In worlds that wrap, of the nearest image. */
bool space_model_inside(const struct space_model *model, const struct tw_space_shape *shape,
                        const struct tw_space_body *body, uint64_t *key);
bool space_model_passes(const struct tw_space_filter *filter, const struct tw_space_body *body,
                        uint32_t handle);

#endif
