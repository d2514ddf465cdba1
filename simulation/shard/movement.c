/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/movement.h"

#include "simulation/core/fixed.h"
#include "tickwire/wire.h"

#include <stdbool.h>

/* Passes over the circles in the way; wedges of two converge in two or three. */
#define SOLVE_PASSES 4u
/* Circles that one step can touch: six fit around a body, twice that within a long step. With more
 * the step is not taken. */
#define CONTACTS_MAX 48u
/* Units kept between bodies, so that rounding never makes them overlap. */
#define CONTACT_GAP 2
#define MOVE_FULL   127u
/* What a step, or the reach to look for what is in its way, has more than the speed gives: a unit
 * for rounding on each axis, twice the gap, and a few for being pushed out of a gap. */
#define STEP_SLACK 16u
/* A sidestep is this part of the step that was wanted. */
#define SIDESTEP_PART 16
/* Turns of a wanderer, in halves of a second: 1..6. */
#define WANDER_HALVES_MAX 6u

struct step {
    int32_t dx, dy;
};

struct contact {
    uint64_t squared;   /* distance between the centres */
    uint32_t handle;    /* of the other */
    int32_t dx, dy;     /* from the other's centre to ours */
    int32_t normal_x;   /* the same direction, in 1/65,536 */
    int32_t normal_y;   /**/
    int32_t gap;        /* free way towards it */
    uint64_t apart_min; /* squared distance not to be undercut */
};

struct contacts {
    uint32_t count;
    bool too_many;
    struct contact list[CONTACTS_MAX];
};

void tw_movement_steer(struct tw_world *world, uint32_t entity_index,
                       const struct tw_waiting_input *input)
{
    struct tw_entities *entities = &world->entities;
    int64_t x = input->move_x;
    int64_t y = input->move_y;
    uint64_t squared = (uint64_t)(x * x + y * y);
    entities->facing[entity_index] = input->facing;
    int64_t divisor = MOVE_FULL * 256u;
    /* Rounded up, so that the speed stays below the maximum. */
    if (squared > MOVE_FULL * MOVE_FULL)
        divisor = (int64_t)tw_fixed_sqrt(squared << 16) + 1;
    entities->velocity_x[entity_index] = (int32_t)(x * TW_SPEED_MAX * 256 / divisor);
    entities->velocity_y[entity_index] = (int32_t)(y * TW_SPEED_MAX * 256 / divisor);
}

void tw_movement_act(struct tw_world *world, uint32_t entity_index, uint32_t tick)
{
    world->entities.action[entity_index] = TW_ACTION_MAIN;
    world->entities.action_ticks_left[entity_index] = TW_ACTION_TICKS;
    world->entities.changed_tick[entity_index] = tick;
}

static void wander(struct tw_world *world, uint32_t index)
{
    struct tw_entities *entities = &world->entities;
    if (entities->wander_ticks_left[index] > 0) {
        entities->wander_ticks_left[index]--;
        return;
    }
    struct tw_rng *rng = &world->state->rng;
    uint16_t direction = (uint16_t)tw_rng_next(rng);
    int64_t speed = tw_rng_between(rng, TW_WANDER_SPEED_MIN, TW_SPEED_MAX - 1u);
    uint32_t ticks_min = world->config->tick_hz / 2u;
    uint32_t ticks_max = world->config->tick_hz * WANDER_HALVES_MAX / 2u;
    entities->facing[index] = direction;
    entities->velocity_x[index] = (int32_t)(speed * tw_fixed_cos(direction) / TW_FIXED_ONE);
    entities->velocity_y[index] = (int32_t)(speed * tw_fixed_sin(direction) / TW_FIXED_ONE);
    entities->wander_ticks_left[index] = (uint16_t)tw_rng_between(rng, ticks_min, ticks_max);
}

static bool turn(struct tw_world *world, uint32_t index)
{
    struct tw_entities *entities = &world->entities;
    int32_t limit = (int32_t)(TW_TURN_RATE / world->config->tick_hz);
    int32_t difference = (int16_t)(entities->facing[index] - entities->heading[index]);
    if (difference == 0)
        return false;
    if (difference > limit)
        difference = limit;
    if (difference < -limit)
        difference = -limit;
    entities->heading[index] = (uint16_t)(entities->heading[index] + difference);
    return true;
}

/* The part of velocity/second that belongs to this tick: exact over each second without a
 * remainder to keep. */
static int32_t tick_share(int32_t velocity, uint32_t tick, uint32_t tick_hz)
{
    int64_t phase = tick % tick_hz;
    return (int32_t)(tw_fixed_floor_div(velocity * (phase + 1), tick_hz) -
                     tw_fixed_floor_div(velocity * phase, tick_hz));
}

/* What the other is to us, at this distance. */
static struct contact contact_with(const struct tw_world *world, uint32_t index, uint32_t other,
                                   uint64_t squared)
{
    const struct tw_entities *entities = &world->entities;
    int64_t apart = (int64_t)entities->radius[index] + entities->radius[other];
    int64_t distance = tw_fixed_sqrt(squared);
    struct contact contact = {
        .squared = squared,
        .handle = tw_entities_handle(entities, other).bits,
        .dx = tw_plane_difference(world->plane, entities->x[other], entities->x[index]),
        .dy = tw_plane_difference(world->plane, entities->y[other], entities->y[index]),
        .normal_x = TW_FIXED_ONE};
    if (distance > 0) {
        contact.normal_x = (int32_t)(contact.dx * (int64_t)TW_FIXED_ONE / distance);
        contact.normal_y = (int32_t)(contact.dy * (int64_t)TW_FIXED_ONE / distance);
    }
    int64_t gap = distance - apart - CONTACT_GAP;
    contact.gap = gap < -CONTACT_GAP ? -CONTACT_GAP : (int32_t)gap;
    /* Whoever overlaps already may move, but not deeper. */
    contact.apart_min = (uint64_t)(apart * apart) < squared ? (uint64_t)(apart * apart) : squared;
    return contact;
}

/* Nearest first, equals by handle: contacts are solved one after the other, and their order must
 * not depend on the history of the index. */
static void add_contact(struct contacts *contacts, const struct contact *contact)
{
    uint32_t at = contacts->count++;
    for (; at > 0; at--) {
        const struct contact *before = &contacts->list[at - 1u];
        if (before->squared < contact->squared ||
            (before->squared == contact->squared && before->handle < contact->handle))
            break;
        contacts->list[at] = *before;
    }
    contacts->list[at] = *contact;
}

/* Everything within reach of the step. */
static void find_contacts(struct tw_world *world, uint32_t index, struct step step,
                          struct contacts *contacts)
{
    const struct tw_entities *entities = &world->entities;
    int32_t x = entities->x[index];
    int32_t y = entities->y[index];
    uint32_t length =
        tw_fixed_sqrt(tw_fixed_distance_squared(step.dx, step.dy, 0, 0)) + 2u * CONTACT_GAP;
    struct tw_candidate_list candidates =
        tw_candidates_of(&world->candidates, entities, index, length);
    contacts->count = 0;
    contacts->too_many = false;
    for (uint32_t i = 0; i < candidates.count; i++) {
        uint32_t other = candidates.others[i];
        uint64_t apart = (uint64_t)entities->radius[index] + entities->radius[other];
        uint64_t squared =
            tw_plane_distance_squared(world->plane, x, y, entities->x[other], entities->y[other]);
        if (other == index || squared > (apart + length) * (apart + length))
            continue;
        if (contacts->count == CONTACTS_MAX) {
            contacts->too_many = true;
            return;
        }
        struct contact contact = contact_with(world, index, other, squared);
        add_contact(contacts, &contact);
    }
}

static void clamp_to_world(const struct tw_world *world, uint32_t index, struct step *step)
{
    if (world->config->wraps)
        return;
    const struct tw_entities *entities = &world->entities;
    int32_t low = entities->radius[index];
    int32_t high = (int32_t)(world->config->size_m * TW_UNITS_PER_METRE) - low;
    int32_t x = entities->x[index];
    int32_t y = entities->y[index];
    if (x + step->dx < low)
        step->dx = low - x;
    if (x + step->dx > high)
        step->dx = high - x;
    if (y + step->dy < low)
        step->dy = low - y;
    if (y + step->dy > high)
        step->dy = high - y;
}

/* Takes from the step what leads into circles and walls; a step that still does is not taken. */
static struct step solve(const struct tw_world *world, uint32_t index, struct step step,
                         const struct contacts *contacts)
{
    if (contacts->too_many)
        return (struct step){0, 0};
    for (uint32_t pass = 0; pass < SOLVE_PASSES; pass++) {
        bool changed = false;
        for (uint32_t i = 0; i < contacts->count; i++) {
            const struct contact *contact = &contacts->list[i];
            int64_t along =
                (int64_t)step.dx * contact->normal_x + (int64_t)step.dy * contact->normal_y;
            int64_t missing = -(int64_t)contact->gap * TW_FIXED_ONE - along;
            if (missing <= 0)
                continue;
            missing = (missing + TW_FIXED_ONE - 1) / TW_FIXED_ONE;
            step.dx += (int32_t)(missing * contact->normal_x / TW_FIXED_ONE);
            step.dy += (int32_t)(missing * contact->normal_y / TW_FIXED_ONE);
            changed = true;
        }
        clamp_to_world(world, index, &step);
        if (!changed)
            break;
    }
    for (uint32_t i = 0; i < contacts->count; i++) {
        const struct contact *contact = &contacts->list[i];
        if (tw_fixed_distance_squared(contact->dx + step.dx, contact->dy + step.dy, 0, 0) <
            contact->apart_min)
            return (struct step){0, 0};
    }
    return step;
}

/* A step straight at a round body leaves nothing to slide along: try one to the side that the
 * wanted step leans to, short, so that pushing against a crowd does not run along it. */
static struct step sidestep(const struct contacts *contacts, struct step wanted)
{
    const struct contact *blocker = NULL;
    int64_t least = 0;
    for (uint32_t i = 0; i < contacts->count; i++) {
        const struct contact *contact = &contacts->list[i];
        int64_t along =
            (int64_t)wanted.dx * contact->normal_x + (int64_t)wanted.dy * contact->normal_y;
        if (along < least && -along > (int64_t)contact->gap * TW_FIXED_ONE) {
            least = along;
            blocker = contact;
        }
    }
    if (!blocker)
        return (struct step){0, 0};
    int64_t leaning =
        (int64_t)wanted.dy * blocker->normal_x - (int64_t)wanted.dx * blocker->normal_y;
    uint64_t squared = tw_fixed_distance_squared(wanted.dx, wanted.dy, 0, 0);
    int64_t length = 1 + (int64_t)tw_fixed_sqrt(squared) / SIDESTEP_PART;
    if (leaning < 0)
        length = -length;
    return (struct step){(int32_t)(-length * blocker->normal_y / TW_FIXED_ONE),
                         (int32_t)(length * blocker->normal_x / TW_FIXED_ONE)};
}

static uint8_t hot_speed(int32_t velocity_x, int32_t velocity_y)
{
    uint32_t speed = tw_fixed_sqrt(tw_fixed_distance_squared(velocity_x, velocity_y, 0, 0));
    speed = (speed + TW_SPEED_STEP / 2u) / TW_SPEED_STEP;
    return speed > UINT8_MAX ? UINT8_MAX : (uint8_t)speed;
}

/* The velocity others see, and predict from, is the one that was possible. */
static void set_hindered_velocity(struct tw_world *world, uint32_t index, struct step step,
                                  struct step wanted)
{
    struct tw_entities *entities = &world->entities;
    int32_t tick_hz = (int32_t)world->config->tick_hz;
    int64_t x = step.dx * tick_hz;
    int64_t y = step.dy * tick_hz;
    uint64_t squared = (uint64_t)(x * x + y * y);
    if (squared > (uint64_t)TW_SPEED_MAX * TW_SPEED_MAX) {
        int64_t length = (int64_t)tw_fixed_sqrt(squared) + 1;
        x = x * TW_SPEED_MAX / length;
        y = y * TW_SPEED_MAX / length;
    }
    entities->velocity_x[index] = (int32_t)x;
    entities->velocity_y[index] = (int32_t)y;
    /* A wanderer that hardly gets on tries another way. */
    if (entities->wanders[index] && 4u * tw_fixed_distance_squared(step.dx, step.dy, 0, 0) <
                                        tw_fixed_distance_squared(wanted.dx, wanted.dy, 0, 0))
        entities->wander_ticks_left[index] = 0;
}

/* Moves one entity along its wanted velocity; returns whether its place changed. */
static bool walk(struct tw_world *world, uint32_t index, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    uint32_t tick_hz = world->config->tick_hz;
    struct step wanted = {tick_share(entities->velocity_x[index], tick, tick_hz),
                          tick_share(entities->velocity_y[index], tick, tick_hz)};
    struct step step = wanted;
    struct contacts contacts;
    find_contacts(world, index, step, &contacts);
    clamp_to_world(world, index, &step);
    step = solve(world, index, step, &contacts);
    if (step.dx == 0 && step.dy == 0 && !contacts.too_many)
        step = solve(world, index, sidestep(&contacts, wanted), &contacts);
    if (step.dx != wanted.dx || step.dy != wanted.dy)
        set_hindered_velocity(world, index, step, wanted);
    if (step.dx == 0 && step.dy == 0)
        return false;
    entities->x[index] = tw_plane_place(world->plane, entities->x[index] + step.dx);
    entities->y[index] = tw_plane_place(world->plane, entities->y[index] + step.dy);
    tw_index_move(&world->index, entities, index);
    tw_candidates_note_step(&world->candidates, tw_fixed_distance_squared(step.dx, step.dy, 0, 0));
    return true;
}

static void move_one(struct tw_world *world, uint32_t index, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    bool changed = turn(world, index);
    if (entities->wanders[index])
        wander(world, index);
    if (entities->velocity_x[index] != 0 || entities->velocity_y[index] != 0)
        changed |= walk(world, index, tick);
    if (entities->velocity_x[index] != entities->told_x[index] ||
        entities->velocity_y[index] != entities->told_y[index]) {
        entities->told_x[index] = entities->velocity_x[index];
        entities->told_y[index] = entities->velocity_y[index];
        entities->speed[index] = hot_speed(entities->told_x[index], entities->told_y[index]);
        changed = true;
    }
    if (entities->action_ticks_left[index] > 0 && --entities->action_ticks_left[index] == 0) {
        entities->action[index] = TW_ACTION_NONE;
        changed = true;
    }
    if (changed)
        entities->changed_tick[index] = tick;
}

void tw_movement_step(struct tw_world *world, uint32_t tick)
{
    const struct tw_entities *entities = &world->entities;
    uint32_t end = entities->state->end;
    tw_candidates_find(&world->candidates, entities,
                       TW_SPEED_MAX / world->config->tick_hz + STEP_SLACK);
    for (uint32_t index = 0; index < end; index++) {
        uint16_t type = entities->cold[TW_FIELD_TYPE][index];
        if (type == TW_ENTITY_PLAYER || type == TW_ENTITY_WANDERER)
            move_one(world, index, tick);
    }
}
