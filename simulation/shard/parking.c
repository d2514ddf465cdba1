/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/parking.h"

#include "tickwire/assert.h"

void tw_parking_carve(struct tw_parking *parking, struct tw_arena *arena, uint32_t capacity)
{
    parking->capacity = capacity;
    parking->state = tw_arena_take(arena, 1, sizeof(*parking->state));
    parking->places = tw_arena_take(arena, capacity, sizeof(*parking->places));
    parking->free = tw_arena_take(arena, capacity, sizeof(*parking->free));
}

void tw_parking_init(struct tw_parking *parking)
{
    for (uint32_t i = 0; i < parking->capacity; i++)
        parking->free[i] = parking->capacity - 1u - i;
}

uint32_t tw_parking_put(struct tw_parking *parking, const struct tw_parked *parked)
{
    TW_ASSERT(parked->handle != 0);
    if (parking->state->taken == parking->capacity)
        return TW_PARKING_NONE;
    uint32_t place = parking->free[parking->capacity - 1u - parking->state->taken];
    parking->state->taken++;
    parking->places[place] = *parked;
    return place;
}

const struct tw_parked *tw_parking_at(const struct tw_parking *parking, uint32_t place)
{
    TW_ASSERT(place < parking->capacity && parking->places[place].handle != 0);
    return &parking->places[place];
}

void tw_parking_free(struct tw_parking *parking, uint32_t place)
{
    TW_ASSERT(place < parking->capacity && parking->places[place].handle != 0);
    parking->places[place] = (struct tw_parked){0};
    parking->state->taken--;
    parking->free[parking->capacity - 1u - parking->state->taken] = place;
}
