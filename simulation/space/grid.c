/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/grid.h"

#include "tickwire/assert.h"
#include "tickwire/wire.h"

void tw_grid_carve(struct tw_grid *grid, struct tw_arena *arena, uint32_t size_m, uint32_t capacity)
{
    grid->width = ((size_m * TW_UNITS_PER_METRE) >> TW_GRID_SHIFT) + 1u;
    grid->capacity = capacity;
    grid->nodes = tw_arena_take(arena, capacity, sizeof(*grid->nodes));
    grid->heads = tw_arena_take(arena, (size_t)grid->width * grid->width, sizeof(*grid->heads));
}

static uint32_t *cell_head(const struct tw_grid *grid, int32_t x, int32_t y)
{
    uint32_t column = (uint32_t)x >> TW_GRID_SHIFT;
    uint32_t row = (uint32_t)y >> TW_GRID_SHIFT;
    TW_ASSERT(column < grid->width && row < grid->width);
    return &grid->heads[(size_t)row * grid->width + column];
}

void tw_grid_insert(struct tw_grid *grid, uint32_t index, int32_t x, int32_t y)
{
    TW_ASSERT(index < grid->capacity);
    uint32_t *head = cell_head(grid, x, y);
    grid->nodes[index] = (struct tw_grid_node){.x = x, .y = y, .next = *head, .previous = 0};
    if (*head)
        grid->nodes[*head - 1u].previous = index + 1u;
    *head = index + 1u;
}

void tw_grid_remove(struct tw_grid *grid, uint32_t index)
{
    TW_ASSERT(index < grid->capacity);
    struct tw_grid_node *node = &grid->nodes[index];
    uint32_t *head = cell_head(grid, node->x, node->y);
    if (node->previous) {
        grid->nodes[node->previous - 1u].next = node->next;
    } else {
        TW_ASSERT(*head == index + 1u);
        *head = node->next;
    }
    if (node->next)
        grid->nodes[node->next - 1u].previous = node->previous;
    *node = (struct tw_grid_node){0};
}

void tw_grid_move(struct tw_grid *grid, uint32_t index, int32_t x, int32_t y)
{
    TW_ASSERT(index < grid->capacity);
    struct tw_grid_node *node = &grid->nodes[index];
    if (x >> TW_GRID_SHIFT == node->x >> TW_GRID_SHIFT &&
        y >> TW_GRID_SHIFT == node->y >> TW_GRID_SHIFT) {
        node->x = x;
        node->y = y;
        return;
    }
    tw_grid_remove(grid, index);
    tw_grid_insert(grid, index, x, y);
}

static uint32_t clamp_cell(const struct tw_grid *grid, int64_t position)
{
    if (position < 0)
        return 0;
    int64_t cell = position >> TW_GRID_SHIFT;
    return cell < grid->width ? (uint32_t)cell : grid->width - 1u;
}

uint32_t tw_grid_query(const struct tw_grid *grid, int32_t x, int32_t y, uint32_t radius,
                       uint32_t *out)
{
    uint32_t left = clamp_cell(grid, (int64_t)x - radius);
    uint32_t right = clamp_cell(grid, (int64_t)x + radius);
    uint32_t bottom = clamp_cell(grid, (int64_t)y - radius);
    uint32_t top = clamp_cell(grid, (int64_t)y + radius);
    uint64_t limit = (uint64_t)radius * radius;
    uint32_t count = 0;
    for (uint32_t row = bottom; row <= top; row++) {
        const uint32_t *heads = &grid->heads[(size_t)row * grid->width];
        for (uint32_t column = left; column <= right; column++) {
            for (uint32_t at = heads[column]; at;) {
                const struct tw_grid_node *node = &grid->nodes[at - 1u];
                out[count] = at - 1u;
                count += tw_grid_distance_squared(x, y, node->x, node->y) <= limit;
                at = node->next;
            }
        }
    }
    return count;
}
