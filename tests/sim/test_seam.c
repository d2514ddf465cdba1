/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world without edges is the same everywhere: a crowd in the middle of a world with edges, too
 * far from them to notice, and the same crowd half a world further, around the corner of a world
 * without, do the same and are seen in the same way, tick by tick.
 *
 *   +---------------+      +---------------+
 *   |               |      |///         ///|
 *   |     /////     |      |/             /|
 *   |     /////     |      |               |
 *   |     /////     |      |/             /|
 *   |               |      |///         ///|
 *   +---------------+      +---------------+
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/harness.h"
#include "tickwire/wire.h"

#define CLIENTS 12u
#define SIZE_M  256u
#define WIDTH   (SIZE_M * 1024u)
/* 10 s at 5 m/s, from 40 m around the middle: nobody comes near an edge. */
#define TICKS 600u
#define ROW   20u
#define PITCH (4 * TW_UNITS_PER_METRE)

static struct tw_shard_config config_of(bool wraps)
{
    struct tw_shard_config config = sim_config_default();
    config.size_m = SIZE_M;
    config.wraps = wraps;
    config.npcs = 300;
    config.npcs_moving_percent = 70;
    config.obstacles = 40;
    config.parking_max = CLIENTS;
    config.aoi_enter_m = 12; /* all that is in sight fits a packet */
    config.aoi_exit_m = 15;
    return config;
}

/* Rows of entities around the middle, obstacles among them. */
static void gather(struct sim *sim)
{
    struct tw_world *world = &sim->shard->world;
    uint32_t live = world->entities.state->end;
    SIM_CHECK(sim, live > 300u && live <= ROW * ROW);
    for (uint32_t index = 0; index < live; index++) {
        uint32_t place = index * 7u % (ROW * ROW);
        world->entities.x[index] = (int32_t)(WIDTH / 2u) + ((int32_t)(place % ROW) - 10) * PITCH;
        world->entities.y[index] = (int32_t)(WIDTH / 2u) + ((int32_t)(place / ROW) - 10) * PITCH;
        world->entities.changed_tick[index] = (uint32_t)sim->tick;
    }
    tw_index_rebuild(&world->index, &world->entities);
}

static int32_t shifted(int32_t at)
{
    return (int32_t)(((uint32_t)at + WIDTH / 2u) % WIDTH);
}

/* The other world as this one is, half a world further. */
static void copy_shifted(const struct sim *from, struct sim *to)
{
    const struct tw_world *source = &from->shard->world;
    struct tw_world *world = &to->shard->world;
    SIM_CHECK(to, world->state_size == source->state_size);
    memcpy(world->state_bytes, source->state_bytes, source->state_size);
    for (uint32_t index = 0; index < world->entities.state->end; index++) {
        world->entities.x[index] = shifted(world->entities.x[index]);
        world->entities.y[index] = shifted(world->entities.y[index]);
    }
    tw_index_rebuild(&world->index, &world->entities);
}

/* Everybody sees the world for the first time. */
static void look_anew(struct sim *sim)
{
    /* What was so from the start, and what came in the first tick. */
    for (uint32_t tick = 0; tick <= sim->tick; tick++)
        tw_records_refresh(&sim->shard->interest.records, &sim->shard->world.entities, tick);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_client *client = &sim->clients[i];
        tw_observer_reset(&sim->shard->interest, sim_player_index(sim, i), sim->tick);
        client->view = tw_view_init(client->view, SIM_VIEW_CAPACITY);
        memset(client->should_see, 0, sizeof(client->should_see));
    }
}

static void compare_worlds(const struct sim *middle, const struct sim *corner)
{
    const struct tw_entities *a = &middle->shard->world.entities;
    const struct tw_entities *b = &corner->shard->world.entities;
    SIM_CHECK(middle, a->state->live == b->state->live && a->state->end == b->state->end);
    for (uint32_t i = 0; i < a->state->end; i++) {
        if (!a->live[i])
            continue;
        SIM_CHECK(middle, a->x[i] > 1024 && a->x[i] < (int32_t)WIDTH - 1024);
        SIM_CHECK(middle, a->y[i] > 1024 && a->y[i] < (int32_t)WIDTH - 1024);
        SIM_CHECK(middle, b->live[i] && b->x[i] == shifted(a->x[i]) && b->y[i] == shifted(a->y[i]));
        SIM_CHECK(middle, b->velocity_x[i] == a->velocity_x[i] &&
                              b->velocity_y[i] == a->velocity_y[i] &&
                              b->heading[i] == a->heading[i] && b->speed[i] == a->speed[i]);
        SIM_CHECK(middle, b->action[i] == a->action[i] && b->changed_tick[i] == a->changed_tick[i]);
    }
    const struct tw_world_state *state = middle->shard->world.state;
    SIM_CHECK(middle,
              memcmp(&state->rng, &corner->shard->world.state->rng, sizeof(state->rng)) == 0);
}

/* As far away, as urgent, as well known: the tiers, and the order of what is left out, follow. */
static void compare_interest(const struct sim *middle, const struct sim *corner, uint32_t player)
{
    const struct tw_interest *a = &middle->shard->interest;
    const struct tw_interest *b = &corner->shard->interest;
    uint32_t count = a->observers[player].entry_count;
    SIM_CHECK(middle, count == b->observers[player].entry_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct tw_view_entry *entry = &tw_interest_entries(a, player)[i];
        const struct tw_view_entry *other = tw_interest_entries(b, player);
        uint32_t at = 0;
        while (at < count && other[at].handle != entry->handle)
            at++;
        SIM_CHECK(middle, at < count && other[at].distance_m == entry->distance_m &&
                              other[at].state == entry->state);
    }
}

static void compare_views(const struct sim *middle, const struct sim *corner, uint32_t client)
{
    static struct tw_view_entity seen[SIM_VIEW_CAPACITY], others[SIM_VIEW_CAPACITY];
    const struct tw_view *a = middle->clients[client].view;
    const struct tw_view *b = corner->clients[client].view;
    size_t count = tw_view_entities(a, seen, SIM_VIEW_CAPACITY);
    SIM_CHECK(middle, count == tw_view_entities(b, others, SIM_VIEW_CAPACITY));
    for (size_t i = 0; i < count; i++) {
        struct tw_view_entity other;
        SIM_CHECK(middle, tw_view_entity(b, seen[i].handle, &other));
        SIM_CHECK(middle, shifted(other.x) == seen[i].x && shifted(other.y) == seen[i].y);
        SIM_CHECK(middle, other.heading == seen[i].heading && other.speed == seen[i].speed &&
                              other.action == seen[i].action && other.type == seen[i].type &&
                              other.team == seen[i].team);
        SIM_CHECK(middle, other.appearance == seen[i].appearance &&
                              other.health == seen[i].health && other.tick == seen[i].tick);
    }
    struct tw_view_self self = tw_view_get_self(a);
    struct tw_view_self other = tw_view_get_self(b);
    SIM_CHECK(middle, self.handle == other.handle);
    if (self.handle != 0)
        SIM_CHECK(middle, self.x == shifted(other.x) && self.y == shifted(other.y) &&
                              self.velocity_x == other.velocity_x &&
                              self.velocity_y == other.velocity_y);
}

/* Entities whose x or y goes on at the other side. */
static uint32_t count_crossings(const struct sim *sim)
{
    static int32_t before[SIM_ENTITIES_MAX][2];
    const struct tw_entities *entities = &sim->shard->world.entities;
    uint32_t count = 0;
    for (uint32_t i = 0; i < entities->state->end; i++) {
        count += abs(entities->x[i] - before[i][0]) > (int32_t)WIDTH / 2;
        count += abs(entities->y[i] - before[i][1]) > (int32_t)WIDTH / 2;
        before[i][0] = entities->x[i];
        before[i][1] = entities->y[i];
    }
    return count;
}

static void set_presence(struct sim *sim, uint32_t client, enum tw_presence presence)
{
    struct tw_record record = sim_record(sim, client, TW_RECORD_PRESENCE);
    record.presence.presence = presence;
    tw_shard_consume(sim->shard, &record, 1);
}

static void run_both(bool octree, uint64_t seed)
{
    struct sim *sims[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_shard_config config = config_of(i == 1);
        config.octree = octree;
        sims[i] = sim_create(&config, CLIENTS, seed);
        sims[i]->behaviour = SIM_WALK;
        sims[i]->view_overfull = true; /* the first tick's places are not those that follow */
        sim_join_all(sims[i]);
        sim_tick(sims[i]);
    }
    gather(sims[0]);
    copy_shifted(sims[0], sims[1]);
    for (uint32_t i = 0; i < 2; i++) {
        look_anew(sims[i]);
        sims[i]->view_overfull = false;
    }
    uint32_t crossings = 0;
    (void)count_crossings(sims[1]);
    for (uint32_t tick = 0; tick < TICKS; tick++) {
        for (uint32_t i = 0; i < 2; i++) {
            if (tick == 200u || tick == 260u || tick == 400u)
                set_presence(sims[i], 3,
                             tick == 200u   ? TW_AWAY
                             : tick == 260u ? TW_PARKED
                                            : TW_PRESENT);
            sim_tick(sims[i]);
        }
        compare_worlds(sims[0], sims[1]);
        for (uint32_t client = 0; client < CLIENTS; client++) {
            compare_interest(sims[0], sims[1], sim_player_index(sims[0], client));
            compare_views(sims[0], sims[1], client);
        }
        crossings += count_crossings(sims[1]);
    }
    for (uint32_t client = 0; client < CLIENTS; client++)
        SIM_CHECK(sims[1], sims[1]->clients[client].complete > TICKS / 6u);
    printf("seed %llu: %u ways over the seam\n", (unsigned long long)seed, crossings);
    SIM_CHECK(sims[1], crossings > 30u);
    sim_destroy(sims[0]);
    sim_destroy(sims[1]);
}

static void test_a_corner_is_like_the_middle(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run_both(seed == 4, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_corner_is_like_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
