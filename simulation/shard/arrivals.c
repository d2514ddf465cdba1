/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/arrivals.h"

#include "simulation/core/fixed.h"

#define UNIT_NS (TW_ARRIVALS_UNIT_US * INT64_C(1000))
#define MOST_NS (TW_ARRIVALS_UNITS_MAX * UNIT_NS)

void tw_arrivals_note(struct tw_arrivals *arrivals, uint32_t tick, int64_t margin_ns, bool late)
{
    if (margin_ns > MOST_NS)
        margin_ns = MOST_NS;
    if (margin_ns < -MOST_NS)
        margin_ns = -MOST_NS;
    if (arrivals->count == UINT8_MAX || tick == 0)
        return;
    if (arrivals->count == 0 || margin_ns < arrivals->lowest_ns)
        arrivals->lowest_ns = (int32_t)margin_ns;
    arrivals->sum_ns += margin_ns;
    arrivals->count++;
    arrivals->late = (uint8_t)(arrivals->late + late);
    if (tick > arrivals->reported_tick)
        arrivals->reported_tick = tick;
}

uint32_t tw_arrivals_room(const struct tw_arrivals *arrivals, uint64_t tick)
{
    return tick >= arrivals->due_tick && arrivals->count > 0 ? TW_ARRIVALS_FRAME_SIZE : 0;
}

uint32_t tw_arrivals_write(struct tw_arrivals *arrivals, uint64_t tick, uint32_t tick_hz,
                           uint8_t *bytes, size_t capacity)
{
    uint32_t size = tw_arrivals_room(arrivals, tick);
    if (size == 0 || capacity < size)
        return 0;
    /* Rounded once, and down: a client steers by it, and must not take an input for earlier than
     * it is. */
    int64_t mean = tw_fixed_floor_div(arrivals->sum_ns, arrivals->count * UNIT_NS);
    int64_t lowest = tw_fixed_floor_div(arrivals->lowest_ns, UNIT_NS);
    uint8_t *body = bytes + TW_FRAME_HEADER_SIZE;
    bytes[0] = TW_FRAME_ARRIVALS;
    tw_store_u16(bytes + 1, TW_ARRIVALS_SIZE);
    tw_store_u32(body + TW_ARRIVALS_NEWEST, arrivals->reported_tick);
    tw_store_u16(body + TW_ARRIVALS_MEAN, (uint16_t)mean);
    tw_store_u16(body + TW_ARRIVALS_LOWEST, (uint16_t)lowest);
    body[TW_ARRIVALS_COUNT] = arrivals->count;
    body[TW_ARRIVALS_LATE] = arrivals->late;
    *arrivals = (struct tw_arrivals){.newest_tick = arrivals->newest_tick,
                                     .due_tick = tick + tick_hz / TW_ARRIVALS_PER_S};
    return size;
}
