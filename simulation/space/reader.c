/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/reader.h"

void tw_space_reader_carve(struct tw_space_reader *reader, struct tw_arena *arena,
                           uint32_t nearest_max)
{
    reader->nearest_max = nearest_max;
    reader->scratch = tw_arena_take(arena, 2u * (size_t)nearest_max, sizeof(*reader->scratch));
}

void tw_space_reader_init(struct tw_space_reader *reader, const struct tw_space *space,
                          const struct tw_space_kernels *kernels)
{
    reader->space = space;
    reader->kernels = kernels ? kernels : &tw_space_kernels_scalar;
    reader->cost = (struct tw_space_cost){0};
}
