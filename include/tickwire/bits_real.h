/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values with a fraction in game messages: see tickwire/bits.h, which these go between.
 *
 * For game clients. What has to be the same on every machine, as all of a server's world has, stays
 * with integers: tw_bit_write_stepped.
 */
#ifndef TICKWIRE_BITS_REAL_H
#define TICKWIRE_BITS_REAL_H

#include "tickwire/bits.h"

/* The nearest of `steps` + 1 values from min to max, evenly spaced; in the middle the larger one.
 * Fails for what is not a number, or outside. `steps` is 1 or more, and a power of two less one
 * wastes nothing: 16,383 steps from -81.91 to 81.92 are centimetres in 14 bits. */
static inline void tw_bit_write_real(struct tw_bit_writer *writer, double value, double min,
                                     double max, uint32_t steps)
{
    if (!(min < max && value >= min && value <= max) || steps == 0) {
        writer->failed = true;
        return;
    }
    double place = (value - min) / (max - min) * steps;
    uint32_t below = place >= steps ? steps : (uint32_t)place;
    bool up = place - below >= 0.5;
    tw_bit_write(writer, below + (up ? 1u : 0u), steps);
}

static inline double tw_bit_read_real(struct tw_bit_reader *reader, double min, double max,
                                      uint32_t steps)
{
    if (!(min < max) || steps == 0)
        reader->failed = true;
    uint32_t place = tw_bit_read(reader, steps);
    return reader->failed ? 0 : min + (max - min) * ((double)place / steps);
}

#endif
