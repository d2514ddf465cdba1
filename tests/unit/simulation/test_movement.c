/* SPDX-License-Identifier: BSD-3-Clause */
/* Movement: speed, turning, walls, collisions, over seeds. */
#include "simulation/core/fixed.h"
#include "simulation/shard/movement.h"
#include "tests/unit/simulation/world_fixture.h"

static struct tw_shard_config config_of(uint32_t size_m, uint32_t npcs, uint32_t obstacles)
{
    return (struct tw_shard_config){.seed = 5,
                                    .size_m = size_m,
                                    .players_max = 16,
                                    .entities_max = 1024,
                                    .npcs = npcs,
                                    .npcs_moving_percent = 80,
                                    .obstacles = obstacles,
                                    .tick_hz = 60};
}

/* Worlds without edges, of the smallest width. */
static struct tw_shard_config seamless_config_of(uint32_t npcs, uint32_t obstacles)
{
    struct tw_shard_config config = config_of(64, npcs, obstacles);
    config.aoi_exit_m = 30;
    config.wraps = true;
    return config;
}

/* From place b to place a, in the fixture's world. Squared said otherwise than in plane.h. */
static uint64_t squared_apart(const struct fixture *fixture, const int32_t a[2], const int32_t b[2])
{
    int64_t size = (int64_t)fixture->config.size_m * 1024;
    uint64_t squared = 0;
    for (uint32_t axis = 0; axis < 2; axis++) {
        int64_t apart = a[axis] > b[axis] ? a[axis] - b[axis] : b[axis] - a[axis];
        if (fixture->config.wraps && size - apart < apart)
            apart = size - apart;
        squared += (uint64_t)(apart * apart);
    }
    return squared;
}

static void check_invariants(const struct fixture *fixture, const int32_t (*before)[2])
{
    const struct tw_entities *entities = &fixture->world.entities;
    int32_t size = (int32_t)(fixture->config.size_m * 1024u);
    /* A tick's share is rounded to whole units on each axis. */
    int64_t step_max = TW_SPEED_MAX / fixture->config.tick_hz + 3;
    for (uint32_t a = 0; a < entities->state->end; a++) {
        if (!entities->live[a])
            continue;
        const int32_t place[2] = {entities->x[a], entities->y[a]};
        int32_t least = fixture->config.wraps ? 0 : entities->radius[a];
        int32_t most = fixture->config.wraps ? size - 1 : size - entities->radius[a];
        assert_in_range(entities->x[a], least, most);
        assert_in_range(entities->y[a], least, most);
        struct tw_space_body body;
        assert_int_equal(
            tw_space_get(fixture->world.index.space, tw_entities_handle(entities, a), &body),
            TW_SPACE_OK);
        assert_int_equal(body.at.x, entities->x[a]);
        assert_int_equal(body.at.y, entities->y[a]);
        assert_int_equal(body.radius, entities->radius[a]);
        int64_t vx = entities->velocity_x[a];
        int64_t vy = entities->velocity_y[a];
        assert_true(vx * vx + vy * vy <= (int64_t)TW_SPEED_MAX * TW_SPEED_MAX);
        if (before)
            assert_true(squared_apart(fixture, place, before[a]) <=
                        (uint64_t)(step_max * step_max));
        for (uint32_t b = a + 1u; b < entities->state->end; b++) {
            uint64_t apart = (uint64_t)entities->radius[a] + entities->radius[b];
            const int32_t other[2] = {entities->x[b], entities->y[b]};
            if (entities->live[b])
                assert_true(squared_apart(fixture, place, other) >= apart * apart);
        }
    }
}

static void test_nobody_overlaps_leaves_or_speeds(void **state)
{
    (void)state;
    static const uint32_t rates[] = {10, 20, 60, 128, 10, 60};
    for (uint32_t run = 0; run < sizeof(rates) / sizeof(rates[0]); run++) {
        struct tw_shard_config config =
            run < 4 ? config_of(40, 300, 15) : seamless_config_of(400, 20);
        struct fixture fixture;
        static int32_t before[1024][2];
        config.seed = 100 + run;
        config.tick_hz = rates[run];
        set_up(&fixture, &config);
        for (uint32_t i = 0; i < 8; i++)
            join(&fixture);
        check_invariants(&fixture, NULL);
        const struct tw_entities *entities = &fixture.world.entities;
        uint64_t moved = 0;
        for (uint32_t tick = 1; tick <= 300; tick++) {
            for (uint32_t i = 0; i < entities->state->end; i++) {
                before[i][0] = entities->x[i];
                before[i][1] = entities->y[i];
                struct tw_waiting_input input = {
                    .move_x = 127, .move_y = (int8_t)(tick & 64u ? -127 : 90), .facing = 9};
                if (entities->cold[TW_FIELD_TYPE][i] == TW_ENTITY_PLAYER)
                    tw_movement_steer(&fixture.world, i, &input);
            }
            tw_movement_step(&fixture.world, tick);
            check_invariants(&fixture, (const int32_t(*)[2])before);
            for (uint32_t i = 0; i < entities->state->end; i++)
                moved += before[i][0] != entities->x[i] || before[i][1] != entities->y[i];
        }
        /* A crowd of 300 on 40 m x 40 m slides; it does not freeze. */
        assert_true(moved > 300u * 300u / 4u);
        free(fixture.memory);
    }
}

static void test_every_direction_has_the_same_speed(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(1000, 0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t index = join(&fixture);
    const struct tw_entities *entities = &fixture.world.entities;
    for (int32_t x = -127; x <= 127; x++) {
        for (int32_t y = -127; y <= 127; y++) {
            struct tw_waiting_input input = {.move_x = (int8_t)x, .move_y = (int8_t)y};
            tw_movement_steer(&fixture.world, index, &input);
            uint64_t squared = tw_fixed_distance_squared(entities->velocity_x[index],
                                                         entities->velocity_y[index], 0, 0);
            int64_t wanted = x * x + y * y >= 127 * 127
                                 ? TW_SPEED_MAX
                                 : (int64_t)tw_fixed_sqrt((uint64_t)(x * x + y * y) << 16) *
                                       TW_SPEED_MAX / (127 * 256);
            assert_true(squared <= (uint64_t)TW_SPEED_MAX * TW_SPEED_MAX);
            assert_in_range((int64_t)tw_fixed_sqrt(squared) - wanted + 4, 0, 5);
        }
    }
    free(fixture.memory);
}

static void test_a_second_covers_the_speed_exactly(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(1000, 0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t index = join(&fixture);
    put(&fixture, index, 500000, 500000);
    struct tw_waiting_input input = {.move_x = 127, .move_y = -50};
    const struct tw_entities *entities = &fixture.world.entities;
    tw_movement_steer(&fixture.world, index, &input);
    int32_t vx = entities->velocity_x[index];
    int32_t vy = entities->velocity_y[index];
    for (uint32_t tick = 13; tick < 13 + 60; tick++)
        tw_movement_step(&fixture.world, tick);
    assert_int_equal(entities->x[index], 500000 + vx);
    assert_int_equal(entities->y[index], 500000 + vy);
    assert_int_equal(entities->speed[index], 80);
    free(fixture.memory);
}

static void test_heading_turns_at_its_rate(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(100, 0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t index = join(&fixture);
    struct tw_entities *entities = &fixture.world.entities;
    entities->heading[index] = 1000;
    struct tw_waiting_input input = {.facing = (uint16_t)(1000 - 20000)}; /* the short way: down */
    uint32_t ticks = 0;
    while (entities->heading[index] != input.facing) {
        uint16_t heading = entities->heading[index];
        tw_movement_steer(&fixture.world, index, &input);
        tw_movement_step(&fixture.world, ++ticks);
        assert_in_range((uint16_t)(heading - entities->heading[index]), 1, TW_TURN_RATE / 60u);
        assert_int_equal(entities->changed_tick[index], ticks);
    }
    assert_int_equal(ticks, (20000u + TW_TURN_RATE / 60u - 1u) / (TW_TURN_RATE / 60u));
    tw_movement_step(&fixture.world, ticks + 1u);
    assert_int_equal(entities->changed_tick[index], ticks); /* standing still changes nothing */
    free(fixture.memory);
}

struct pass {
    int32_t offset; /* of the way from the middle of the stander */
    uint32_t tick_hz;
    int8_t move_x;
    bool seamless; /* the stander stands on the corner of a world without edges */
};

/* Straight at a standing body, or past its edge: slips off to a side and goes on, pushes nobody. */
static void walk_past(struct pass pass)
{
    struct tw_shard_config config = pass.seamless ? seamless_config_of(0, 0) : config_of(100, 0, 0);
    int32_t middle = pass.seamless ? 0 : 50000;
    config.tick_hz = pass.tick_hz;
    struct fixture fixture;
    set_up(&fixture, &config);
    struct tw_plane plane = fixture.world.plane;
    uint32_t runner = join(&fixture);
    uint32_t stander = join(&fixture);
    put(&fixture, runner, tw_plane_place(plane, middle - 2000),
        tw_plane_place(plane, middle + pass.offset));
    put(&fixture, stander, middle, middle);
    struct tw_waiting_input input = {.move_x = pass.move_x};
    const struct tw_entities *entities = &fixture.world.entities;
    for (uint32_t tick = 1; tick <= 20 * pass.tick_hz; tick++) {
        tw_movement_steer(&fixture.world, runner, &input);
        tw_movement_step(&fixture.world, tick);
        check_invariants(&fixture, NULL);
        if (tw_plane_difference(plane, middle, entities->x[runner]) > 2000)
            break;
    }
    assert_int_equal(entities->x[stander], middle);
    assert_int_equal(entities->y[stander], middle);
    assert_in_range(tw_plane_difference(plane, middle, entities->x[runner]), 2001, 3000);
    int32_t aside = tw_plane_difference(plane, middle, entities->y[runner]);
    assert_in_range(aside + 1200, 0, 2400);
    if (pass.offset != 0)
        assert_true((aside > 0) == (pass.offset > 0));
    free(fixture.memory);
}

static void test_bodies_slide(void **state)
{
    (void)state;
    static const int32_t offsets[] = {0, 1, -1, 7, -13, 50, 100, -400, 900};
    for (uint32_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        for (uint32_t seamless = 0; seamless < 2; seamless++) {
            walk_past((struct pass){offsets[i], 10, 127, seamless}); /* the longest steps */
            walk_past((struct pass){offsets[i], 60, 127, seamless});
            walk_past((struct pass){offsets[i], 60, 30, seamless});
            walk_past((struct pass){offsets[i], 240, 127, seamless});
        }
    }
}

/* Nothing slips off along a wall, and a ring of bodies holds whoever is inside. */
static void test_walls_and_rings_hold(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(100, 0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t runner = join(&fixture);
    const struct tw_entities *entities = &fixture.world.entities;
    struct tw_waiting_input input = {.move_x = -127};
    put(&fixture, runner, 2000, 50000);
    for (uint32_t tick = 1; tick <= 120; tick++) {
        tw_movement_steer(&fixture.world, runner, &input);
        tw_movement_step(&fixture.world, tick);
    }
    assert_int_equal(entities->x[runner], 512);
    assert_int_equal(entities->y[runner], 50000);
    put(&fixture, runner, 50000, 50000);
    for (uint32_t i = 0; i < 8; i++) {
        uint16_t angle = (uint16_t)(i * 8192u);
        put(&fixture, join(&fixture), 50000 + tw_fixed_cos(angle) / 40,
            50000 + tw_fixed_sin(angle) / 40);
    }
    for (uint32_t tick = 1; tick <= 600; tick++) {
        input.move_x = (int8_t)(tw_fixed_cos((uint16_t)(tick * 77u)) / 517);
        input.move_y = (int8_t)(tw_fixed_sin((uint16_t)(tick * 77u)) / 517);
        tw_movement_steer(&fixture.world, runner, &input);
        tw_movement_step(&fixture.world, tick);
        check_invariants(&fixture, NULL);
        assert_true(tw_fixed_distance_squared(entities->x[runner], entities->y[runner], 50000,
                                              50000) < 1000u * 1000u);
    }
    free(fixture.memory);
}

/* Between any two obstacles, and between them and the walls, a body passes. */
static void test_obstacles_make_no_traps(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct tw_shard_config config = config_of(64, 0, 300); /* as many as find a place */
        config.seed = seed;
        struct fixture fixture;
        set_up(&fixture, &config);
        const struct tw_entities *entities = &fixture.world.entities;
        int32_t body = 2 * (int32_t)TW_BODY_RADIUS;
        assert_true(entities->state->live > 20);
        for (uint32_t a = 0; a < entities->state->end; a++) {
            int32_t least = entities->radius[a] + body;
            assert_in_range(entities->x[a], least, 64 * 1024 - least);
            assert_in_range(entities->y[a], least, 64 * 1024 - least);
            for (uint32_t b = a + 1u; b < entities->state->end; b++) {
                uint64_t apart = (uint64_t)(least + entities->radius[b]);
                assert_true(tw_fixed_distance_squared(entities->x[a], entities->y[a],
                                                      entities->x[b],
                                                      entities->y[b]) >= apart * apart);
            }
        }
        free(fixture.memory);
    }
}

static void test_a_corner_holds(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(20, 0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t index = join(&fixture);
    struct tw_waiting_input input = {.move_x = -127, .move_y = 127};
    const struct tw_entities *entities = &fixture.world.entities;
    for (uint32_t tick = 1; tick <= 600; tick++) {
        tw_movement_steer(&fixture.world, index, &input);
        tw_movement_step(&fixture.world, tick);
    }
    assert_int_equal(entities->x[index], 512);
    assert_int_equal(entities->y[index], 20 * 1024 - 512);
    assert_int_equal(entities->velocity_x[index], 0);
    assert_int_equal(entities->speed[index], 0);
    free(fixture.memory);
}

/* Positions, cells and distances at the far corner of the largest world fit their types. */
static void test_the_largest_world_has_corners(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(65536, 0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t index = join(&fixture);
    const struct tw_entities *entities = &fixture.world.entities;
    int32_t far = 65536 * 1024 - 512;
    put(&fixture, index, far - 1000, far - 1000);
    struct tw_waiting_input input = {.move_x = 127, .move_y = 127};
    for (uint32_t tick = UINT32_MAX - 60u; tick < UINT32_MAX; tick++) {
        tw_movement_steer(&fixture.world, index, &input);
        tw_movement_step(&fixture.world, tick);
        check_invariants(&fixture, NULL);
    }
    assert_int_equal(entities->x[index], far);
    assert_int_equal(entities->y[index], far);
    assert_int_equal(tw_index_near(&fixture.world.index, far, far, 0), 1);
    assert_int_equal(fixture.world.index.nearby[0], index);
    assert_int_equal(tw_index_near(&fixture.world.index, 0, 0, UINT32_MAX), 1);
    free(fixture.memory);
}

static void test_spawns_near_the_centre_then_further(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(60, 0, 10);
    config.players_max = 1000;
    config.spawn_radius_m = 5;
    struct fixture fixture;
    set_up(&fixture, &config);
    const struct tw_entities *entities = &fixture.world.entities;
    uint32_t first = join(&fixture);
    assert_true(tw_fixed_distance_squared(entities->x[first], entities->y[first], 30 * 1024,
                                          30 * 1024) <= 5u * 1024u * 5u * 1024u);
    for (uint32_t i = 1; i < 600; i++)
        join(&fixture);
    check_invariants(&fixture, NULL);
    free(fixture.memory);
}

static void test_a_full_world_refuses(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(16, 0, 0);
    config.players_max = 1000;
    struct fixture fixture;
    set_up(&fixture, &config);
    struct tw_join request = {.account = 1};
    uint32_t joined = 0;
    while (tw_world_join(&fixture.world, &request, 1) != TW_PLAYER_NONE)
        joined++;
    assert_in_range(joined, 50, 330); /* circles of 1 m on 16 m x 16 m */
    assert_int_equal(fixture.world.state->players_live, joined);
    check_invariants(&fixture, NULL);
    tw_world_leave(&fixture.world, 0);
    assert_int_equal(fixture.world.entities.state->live, joined - 1u);
    free(fixture.memory);
}

/* ---- no edges ------------------------------------------------------------------------------- */

/* Two seconds each way, a second before the seam and one behind it: as far as anywhere else. */
static void test_the_seam_is_a_place_like_others(void **state)
{
    (void)state;
    static const int32_t starts[4][2] = {{62000, 40}, {40, 62000}, {3000, 65500}, {65500, 3000}};
    static const int8_t moves[4][2] = {{127, 0}, {0, 127}, {-127, 0}, {0, -127}};
    struct tw_shard_config config = seamless_config_of(0, 0);
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t index = join(&fixture);
    const struct tw_entities *entities = &fixture.world.entities;
    uint32_t tick = 0;
    for (uint32_t way = 0; way < 4; way++) {
        struct tw_waiting_input input = {.move_x = moves[way][0], .move_y = moves[way][1]};
        put(&fixture, index, starts[way][0], starts[way][1]);
        for (uint32_t i = 0; i < 120; i++) {
            tw_movement_steer(&fixture.world, index, &input);
            tw_movement_step(&fixture.world, ++tick);
            check_invariants(&fixture, NULL);
            assert_int_equal(entities->speed[index], 80);
            /* Found from either side. */
            assert_int_equal(
                tw_index_near(&fixture.world.index, entities->x[index], entities->y[index], 0), 1);
            assert_int_equal(tw_index_near(&fixture.world.index, 0, 0, 20000), 1);
            assert_int_equal(tw_index_near(&fixture.world.index, 65535, 65535, 20000), 1);
        }
        for (uint32_t axis = 0; axis < 2; axis++) {
            int32_t wanted = starts[way][axis] + moves[way][axis] / 127 * 10240;
            int32_t found = axis == 0 ? entities->x[index] : entities->y[index];
            assert_int_equal(found, (wanted + 65536) % 65536);
        }
    }
    free(fixture.memory);
}

/* Things are placed all over, on the seam as well, as far apart as elsewhere. */
static void test_places_without_edges(void **state)
{
    (void)state;
    uint32_t on_seam = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct tw_shard_config config = seamless_config_of(30, 300); /* as many as fit */
        config.seed = seed;
        struct fixture fixture;
        set_up(&fixture, &config);
        for (uint32_t i = 0; i < 16; i++)
            join(&fixture);
        check_invariants(&fixture, NULL);
        const struct tw_entities *entities = &fixture.world.entities;
        for (uint32_t a = 0; a < entities->state->end; a++) {
            if (entities->cold[TW_FIELD_TYPE][a] != TW_ENTITY_OBSTACLE)
                continue;
            const int32_t place[2] = {entities->x[a], entities->y[a]};
            uint64_t passage = entities->radius[a] + 2u * TW_BODY_RADIUS;
            on_seam += place[0] < entities->radius[a] || place[1] < entities->radius[a];
            for (uint32_t b = a + 1u; b < entities->state->end; b++) {
                const int32_t other[2] = {entities->x[b], entities->y[b]};
                uint64_t apart = passage + entities->radius[b];
                if (entities->cold[TW_FIELD_TYPE][b] == TW_ENTITY_OBSTACLE)
                    assert_true(squared_apart(&fixture, place, other) >= apart * apart);
            }
        }
        free(fixture.memory);
    }
    assert_true(on_seam > 20);
}

/* Parked on the corner, come back when somebody stands there: beside it, all around the corner. */
static void test_coming_back_to_the_corner(void **state)
{
    (void)state;
    struct tw_shard_config config = seamless_config_of(0, 0);
    config.parking_max = 1;
    struct fixture fixture;
    set_up(&fixture, &config);
    uint32_t back = join(&fixture);
    uint32_t across = 0;
    for (uint32_t i = 0; i < 15; i++) {
        const struct tw_entities *entities = &fixture.world.entities;
        put(&fixture, back, 10, 10);
        assert_true(tw_world_set_presence(&fixture.world, 0, TW_PARKED, 2));
        assert_true(tw_world_set_presence(&fixture.world, 0, TW_PRESENT, 3));
        check_invariants(&fixture, NULL);
        const int32_t corner[2] = {0, 0};
        const int32_t place[2] = {entities->x[back], entities->y[back]};
        assert_true(squared_apart(&fixture, place, corner) < 6000u * 6000u);
        across += place[0] > 32768 || place[1] > 32768;
        put(&fixture, back, 30000, 30000);
        put(&fixture, join(&fixture), place[0], place[1]);
    }
    assert_in_range(across, 5, 14);
    free(fixture.memory);
}

/* The index is no part of the state: built anew every few ticks, or of the other kind, it leads to
 * the same world. */
static void index_does_not_decide(bool seamless)
{
    struct fixture fixtures[4];
    struct tw_shard_config config = seamless ? seamless_config_of(300, 20) : config_of(60, 300, 20);
    for (uint32_t i = 0; i < 4; i++) {
        config.octree = i == 2;
        config.split_above = i == 3 ? 4 : 0;
        config.merge_below = i == 3 ? 2 : 0;
        set_up(&fixtures[i], &config);
    }
    for (uint32_t tick = 1; tick < 600; tick++) {
        for (uint32_t i = 0; i < 4; i++) {
            tw_movement_step(&fixtures[i].world, tick);
            if (i == 1 && tick % 7u == 0)
                tw_index_rebuild(&fixtures[i].world.index, &fixtures[i].world.entities);
            if (i > 0)
                assert_true(tw_world_hash(&fixtures[i].world) == tw_world_hash(&fixtures[0].world));
        }
    }
    for (uint32_t i = 0; i < 4; i++)
        free(fixtures[i].memory);
}

static void test_index_does_not_decide(void **state)
{
    (void)state;
    index_does_not_decide(false);
    index_does_not_decide(true);
}

static struct tw_space_figures figures_of(const struct fixture *fixture)
{
    struct tw_space_figures figures;
    assert_int_equal(tw_space_validate(fixture->world.index.space, &figures).faults, 0);
    return figures;
}

/* In a crowd no cell holds more than `split_above`; when it thins out, none is merged before it
 * holds fewer than `merge_below`. */
static void test_cells_split_and_merge_as_configured(void **state)
{
    (void)state;
    static const uint32_t bounds[][2] = {{4, 2}, {8, 2}, {32, 16}, {200, 1}};
    uint32_t leaves = UINT32_MAX;
    for (uint32_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        struct tw_shard_config config = config_of(60, 500, 0);
        config.octree = true; /* one root: all other cells come by splits */
        config.split_above = bounds[i][0];
        config.merge_below = bounds[i][1];
        struct fixture fixture;
        set_up(&fixture, &config);
        struct tw_entities *entities = &fixture.world.entities;
        struct tw_space_figures crowd = figures_of(&fixture);
        assert_true(crowd.entities > 400);
        assert_true(crowd.fullest <= bounds[i][0]);
        assert_true(crowd.leaves < leaves);
        leaves = crowd.leaves;
        for (uint32_t entity = 0; entities->state->live > bounds[i][1]; entity++) {
            tw_index_remove(&fixture.world.index, entities, entity);
            tw_entities_destroy(entities, tw_entities_handle(entities, entity));
        }
        assert_int_not_equal(figures_of(&fixture).inner, 0);
        tw_index_remove(&fixture.world.index, entities, entities->state->end - 1u);
        assert_int_equal(figures_of(&fixture).inner, 0);
        free(fixture.memory);
    }
}

static void assert_published(const struct tw_shard_config *config, const uint32_t expected[4])
{
    static const enum tw_space_figure ids[] = {TW_SPACE_FIGURE_WRAPS, TW_SPACE_FIGURE_SIZE,
                                               TW_SPACE_FIGURE_SPLIT_ABOVE,
                                               TW_SPACE_FIGURE_MERGE_BELOW};
    tw_counter figures[TW_SPACE_FIGURE_COUNT] = {0};
    struct fixture fixture;
    set_up(&fixture, config);
    tw_index_tend(&fixture.world.index, &fixture.world.entities, figures);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(tw_counter_get(&figures[ids[i]]), expected[i]);
    free(fixture.memory);
}

static void test_index_tells_how_it_was_made(void **state)
{
    (void)state;
    struct tw_shard_config config = config_of(60, 10, 0);
    assert_published(&config, (const uint32_t[]){0, 60, 32, 8});
    config.split_above = 5; /* where nothing is said of it, half is the most */
    assert_published(&config, (const uint32_t[]){0, 60, 5, 2});
    config = seamless_config_of(10, 0);
    config.split_above = 24;
    config.merge_below = 6;
    assert_published(&config, (const uint32_t[]){1, config.size_m, 24, 6});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_overlaps_leaves_or_speeds),
        cmocka_unit_test(test_every_direction_has_the_same_speed),
        cmocka_unit_test(test_a_second_covers_the_speed_exactly),
        cmocka_unit_test(test_heading_turns_at_its_rate),
        cmocka_unit_test(test_bodies_slide),
        cmocka_unit_test(test_walls_and_rings_hold),
        cmocka_unit_test(test_obstacles_make_no_traps),
        cmocka_unit_test(test_a_corner_holds),
        cmocka_unit_test(test_the_largest_world_has_corners),
        cmocka_unit_test(test_spawns_near_the_centre_then_further),
        cmocka_unit_test(test_a_full_world_refuses),
        cmocka_unit_test(test_the_seam_is_a_place_like_others),
        cmocka_unit_test(test_places_without_edges),
        cmocka_unit_test(test_coming_back_to_the_corner),
        cmocka_unit_test(test_index_does_not_decide),
        cmocka_unit_test(test_cells_split_and_merge_as_configured),
        cmocka_unit_test(test_index_tells_how_it_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
