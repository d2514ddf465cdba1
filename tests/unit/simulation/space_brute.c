/* SPDX-License-Identifier: BSD-3-Clause */
/* The predicates and the comparison of space_model.h. */
#include "tests/unit/simulation/space_model.h"

#include "simulation/core/fixed.h"

__extension__ typedef unsigned __int128 wide;

#define METRE 1024

bool space_model_passes(const struct tw_space_filter *filter, const struct tw_space_body *body,
                        uint32_t handle)
{
    if (!filter)
        return true;
    bool type = filter->types == 0 || (filter->types & 1u << body->type) != 0;
    bool faction =
        filter->faction_rule == TW_SPACE_ANY_FACTION ||
        (filter->faction_rule == TW_SPACE_ONLY_FACTION ? filter->faction == body->faction
                                                       : filter->faction != body->faction);
    return type && faction && !(filter->alive && body->dead) && handle != filter->except[0] &&
           handle != filter->except[1];
}

static wide square(int64_t value)
{
    return (wide)(value < 0 ? -value : value) * (wide)(value < 0 ? -value : value);
}

static int64_t beyond(int64_t at, int64_t low, int64_t high)
{
    return at < low ? low - at : at > high ? at - high : 0;
}

/* The part of the way from `from` to `to` up to 1/65,536 * part, by its distance from a point: at
 * the foot of the perpendicular if that lies on it, else at the nearer end. */
static bool meets_way(const struct tw_space_shape *shape, const int64_t at[3], int64_t reach,
                      int64_t part)
{
    int64_t way[3] = {(int64_t)shape->end.x - shape->origin.x,
                      (int64_t)shape->end.y - shape->origin.y,
                      (int64_t)shape->end.z - shape->origin.z};
    int64_t to[3] = {at[0] - shape->origin.x, at[1] - shape->origin.y, at[2] - shape->origin.z};
    int64_t along = to[0] * way[0] + to[1] * way[1] + to[2] * way[2];
    wide length = square(way[0]) + square(way[1]) + square(way[2]);
    if (square(to[0]) + square(to[1]) + square(to[2]) <= square(reach))
        return true;
    wide end = 0;
    for (uint32_t i = 0; i < 3; i++)
        end += square(to[i] * 65536 - way[i] * part);
    if (end <= square(reach * 65536))
        return true;
    if (along <= 0 || (wide)(uint64_t)along * 65536u >= length * (uint64_t)part)
        return false;
    wide cross = square(to[1] * way[2] - to[2] * way[1]) + square(to[2] * way[0] - to[0] * way[2]) +
                 square(to[0] * way[1] - to[1] * way[0]);
    return cross <= square(reach) * length;
}

static bool in_sweep(const struct tw_space_shape *shape, const int64_t at[3], int64_t reach,
                     uint64_t *key)
{
    int64_t untouched = -1;
    int64_t touched = 65536;
    if (!meets_way(shape, at, reach, touched))
        return false;
    while (touched - untouched > 1) {
        int64_t middle = (touched + untouched + 1) / 2;
        if (meets_way(shape, at, reach, middle))
            touched = middle;
        else
            untouched = middle;
    }
    *key = (uint64_t)touched;
    return true;
}

static bool in_oriented_box(const struct tw_space_shape *shape, const int64_t at[3], int64_t radius)
{
    wide squared = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const struct tw_space_point *axis = &shape->box.axes[i];
        int64_t along = (at[0] - shape->origin.x) * axis->x + (at[1] - shape->origin.y) * axis->y +
                        (at[2] - shape->origin.z) * axis->z;
        int64_t half = (int64_t)shape->box.half[i] * 65536;
        squared += square(beyond(along, -half, half));
    }
    return squared <= square(radius * 65536);
}

static bool in_cone(const struct tw_space_shape *shape, const int64_t at[3], uint64_t squared)
{
    const struct tw_space_point *axis = &shape->cone.direction;
    int64_t along = (at[0] - shape->origin.x) * axis->x + (at[1] - shape->origin.y) * axis->y +
                    (at[2] - shape->origin.z) * axis->z;
    wide limit = (wide)squared * square(shape->cone.cosine);
    bool within = shape->cone.cosine >= 0 ? along >= 0 && square(along) >= limit
                                          : along >= 0 || square(along) <= limit;
    return within && squared <= square(shape->radius);
}

static bool in_frustum(const struct tw_space_shape *shape, const int64_t at[3], int64_t radius)
{
    const struct tw_space_bounds *bounds = &shape->bounds;
    bool seen = at[0] + radius >= bounds->low.x && at[0] - radius <= bounds->high.x &&
                at[1] + radius >= bounds->low.y && at[1] - radius <= bounds->high.y &&
                at[2] + radius >= bounds->low.z && at[2] - radius <= bounds->high.z;
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        const struct tw_space_plane *plane = &shape->frustum.planes[i];
        seen = seen &&
               plane->a * at[0] + plane->b * at[1] + plane->c * at[2] + plane->d >= -16384 * radius;
    }
    return seen;
}

static bool inside_image(const struct tw_space_shape *shape, const int64_t at[3], int64_t radius,
                         uint64_t *key)
{
    uint64_t squared =
        (uint64_t)(square(at[0] - shape->origin.x) + square(at[1] - shape->origin.y) +
                   square(at[2] - shape->origin.z));
    int64_t reach = (int64_t)shape->radius + radius;
    const struct tw_space_bounds *box = &shape->bounds;
    *key = squared;
    switch (shape->kind) {
    case TW_SPACE_SPHERE:
        return squared <= square(reach);
    case TW_SPACE_BOX:
        return square(beyond(at[0], box->low.x, box->high.x)) +
                   square(beyond(at[1], box->low.y, box->high.y)) +
                   square(beyond(at[2], box->low.z, box->high.z)) <=
               square(radius);
    case TW_SPACE_SWEEP:
        return in_sweep(shape, at, reach, key);
    case TW_SPACE_ORIENTED_BOX:
        return in_oriented_box(shape, at, radius);
    case TW_SPACE_CONE:
        return in_cone(shape, at, squared);
    case TW_SPACE_FRUSTUM:
        return in_frustum(shape, at, radius);
    default:
        return false;
    }
}

bool space_model_inside(const struct space_model *model, const struct tw_space_shape *shape,
                        const struct tw_space_body *body, uint64_t *key)
{
    int64_t at[3] = {body->at.x, body->at.y, body->at.z};
    int64_t radius = shape->bodies ? body->radius : 0;
    if (!model->config.wraps)
        return inside_image(shape, at, radius, key);
    /* Shapes are within two worlds of the origin (space_model_somewhere), and bounds are right:
     * other worlds show that. */
    const struct tw_space_bounds *bounds = &shape->bounds;
    for (int64_t y = -2; y <= 2; y++) {
        for (int64_t x = -2; x <= 2; x++) {
            int64_t image[3] = {at[0] + x * model->config.size.x, at[1] + y * model->config.size.y,
                                at[2]};
            if (image[0] + radius >= bounds->low.x && image[0] - radius <= bounds->high.x &&
                image[1] + radius >= bounds->low.y && image[1] - radius <= bounds->high.y &&
                inside_image(shape, image, radius, key))
                return true;
        }
    }
    return false;
}

static bool is_before(const struct tw_space_hit *hit, uint64_t key, uint32_t handle)
{
    return key < hit->key || (key == hit->key && handle <= hit->handle);
}

/* `all` matched in the model, `before_last` of them not after the list's last. */
static void check_list(const struct space_model *model, uint32_t kept, uint32_t all,
                       uint32_t before_last, const char *what)
{
    for (uint32_t i = 1; i < kept; i++) {
        if (!tw_space_hit_before(&model->hits[i - 1u], &model->hits[i]))
            space_model_fail(model, "results are not in order");
    }
    if (kept > all || before_last != kept)
        space_model_fail(model, what);
}

static uint32_t handle_index(const struct space_model *model, uint32_t handle)
{
    uint32_t index = tw_entity_index((tw_entity){handle});
    if (index >= model->capacity || model->handles[index] != handle)
        space_model_fail(model, "a result is not in");
    return index;
}

static int64_t wrapped(int64_t difference, int64_t size)
{
    difference %= size;
    if (difference < 0)
        difference += size;
    return difference > size / 2 ? size - difference : difference;
}

static uint64_t distance_squared(const struct space_model *model, struct tw_space_point a,
                                 struct tw_space_point b)
{
    int64_t x = (int64_t)a.x - b.x;
    int64_t y = (int64_t)a.y - b.y;
    int64_t z = (int64_t)a.z - b.z;
    if (model->config.wraps) {
        x = wrapped(x, model->config.size.x);
        y = wrapped(y, model->config.size.y);
    }
    return (uint64_t)(x * x + y * y + z * z);
}

void space_model_check_nearest(struct space_model *model, const struct tw_space_nearest *query)
{
    uint32_t found = tw_space_nearest(&model->reader, query, model->hits);
    uint64_t limit = query->distance_max == TW_SPACE_ANY_DISTANCE
                         ? UINT64_MAX
                         : (uint64_t)query->distance_max * (uint64_t)query->distance_max;
    uint32_t all = 0;
    uint32_t before = 0;
    struct tw_space_hit last = found ? model->hits[found - 1u] : (struct tw_space_hit){0};
    for (uint32_t i = 0; i < found; i++) {
        uint32_t index = handle_index(model, model->hits[i].handle);
        if (model->hits[i].key != distance_squared(model, query->at, model->bodies[index].at))
            space_model_fail(model, "k-NN: wrong distance");
    }
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t index = model->live[i];
        uint64_t squared = distance_squared(model, query->at, model->bodies[index].at);
        uint32_t handle = model->handles[index];
        if (squared > limit || !space_model_passes(query->filter, &model->bodies[index], handle))
            continue;
        all++;
        before += found > 0 && is_before(&last, squared, handle);
    }
    check_list(model, found, all, before, "k-NN: not the nearest");
    if (found != (all < query->k ? all : query->k))
        space_model_fail(model, "k-NN: not k");
}

static bool count_one(void *context, const struct tw_space_item *item)
{
    uint64_t *sum = context;
    *sum += item->handle * UINT64_C(0x9e3779b97f4a7c15) ^ item->key;
    return true;
}

void space_model_check_shape(struct space_model *model, const struct tw_space_shape *shape,
                             const struct tw_space_filter *filter)
{
    uint32_t capacity = 1u + tw_rng_below(&model->rng, model->capacity);
    uint32_t found = tw_space_find(&model->reader, shape, filter, model->hits, capacity);
    if (found == TW_SPACE_TOO_WIDE)
        return;
    uint32_t kept = found < capacity ? found : capacity;
    uint32_t all = 0;
    uint32_t before = 0;
    uint64_t sum = 0;
    struct tw_space_hit last = kept ? model->hits[kept - 1u] : (struct tw_space_hit){0};
    for (uint32_t i = 0; i < kept; i++) {
        uint64_t key = 0;
        uint32_t index = handle_index(model, model->hits[i].handle);
        if (!space_model_inside(model, shape, &model->bodies[index], &key) ||
            key != model->hits[i].key)
            space_model_fail(model, "shape: a wrong key, or not inside");
    }
    for (uint32_t i = 0; i < model->count; i++) {
        uint64_t key;
        uint32_t index = model->live[i];
        uint32_t handle = model->handles[index];
        if (!space_model_passes(filter, &model->bodies[index], handle) ||
            !space_model_inside(model, shape, &model->bodies[index], &key))
            continue;
        all++;
        before += kept > 0 && is_before(&last, key, handle);
        sum += handle * UINT64_C(0x9e3779b97f4a7c15) ^ key;
    }
    check_list(model, kept, all, before, "shape: not the first of all");
    if (found != all || tw_space_count(&model->reader, shape, filter) != all)
        space_model_fail(model, "shape: not all");
    uint64_t visited = 0;
    if (tw_space_visit(&model->reader, shape, filter, count_one, &visited) != all || visited != sum)
        space_model_fail(model, "shape: visited others");
    struct tw_space_hit first;
    if (shape->kind != TW_SPACE_SWEEP)
        return;
    bool hit = tw_space_first_on_way(&model->reader, shape, filter, &first);
    if (hit != (all > 0) ||
        (hit && (first.key != model->hits[0].key || first.handle != model->hits[0].handle)))
        space_model_fail(model, "sweep: not the first");
    if (shape->radius == 0 && shape->bodies &&
        tw_space_is_clear(&model->reader, shape->origin, shape->end, filter) != (all == 0))
        space_model_fail(model, "line of sight");
}
