/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Integer arithmetic of the simulation: square root, sine and cosine, rounding. Angles are u16, a
 * full turn = 65,536; sine and cosine are in 1/65,536. The same result on every compiler and
 * machine; pure, any thread.
 */
#ifndef TICKWIRE_SIMULATION_CORE_FIXED_H
#define TICKWIRE_SIMULATION_CORE_FIXED_H

#include <stdint.h>

#define TW_FIXED_ONE 65536

/* Largest integer whose square is <= value. */
uint32_t tw_fixed_sqrt(uint64_t value);

/* -65,536..65,536, within one unit of the true value. */
int32_t tw_fixed_sin(uint16_t angle);
int32_t tw_fixed_cos(uint16_t angle);

/* Quotient rounded towards minus infinity; divisor > 0. */
static inline int64_t tw_fixed_floor_div(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return quotient - (value % divisor < 0);
}

/* The nearest of 256 directions, halves up: beyond the last one comes the first. */
static inline uint8_t tw_fixed_direction(uint16_t angle)
{
    return (uint8_t)((angle + 128u) >> 8);
}

/* Between two places on the plane. */
static inline uint64_t tw_fixed_distance_squared(int32_t ax, int32_t ay, int32_t bx, int32_t by)
{
    int64_t dx = (int64_t)ax - bx;
    int64_t dy = (int64_t)ay - by;
    return (uint64_t)(dx * dx + dy * dy);
}

#endif
