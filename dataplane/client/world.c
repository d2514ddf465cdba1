/* SPDX-License-Identifier: BSD-3-Clause */
/* Places in a world that may have no edges, for games. Pure. */
#include "simulation/core/plane.h"
#include "tickwire/client.h"

#define PART_ONE    65536
#define UNITS_PER_M 1024.0f

static struct tw_plane plane_of(const struct tw_client_world *world)
{
    return (struct tw_plane){world ? world->width : 0};
}

int32_t tw_client_difference(const struct tw_client_world *world, int32_t from, int32_t to)
{
    return tw_plane_difference(plane_of(world), from, to);
}

float tw_client_offset_m(const struct tw_client_world *world, int32_t origin, int32_t at)
{
    return (float)tw_client_difference(world, origin, at) / UNITS_PER_M;
}

int32_t tw_client_between(const struct tw_client_world *world, int32_t from, int32_t to,
                          int32_t part)
{
    struct tw_plane plane = plane_of(world);
    int64_t way = tw_plane_difference(plane, from, to);
    return tw_plane_place(plane, from + way * part / PART_ONE);
}
