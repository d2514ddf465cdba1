/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of suite space about a tick's movement: the broad phase beside one question per mover. */
#ifndef TICKWIRE_TESTS_BENCH_SPACE_MOVERS_H
#define TICKWIRE_TESTS_BENCH_SPACE_MOVERS_H

#include "simulation/space/kernels.h"

#include <stdint.h>

void space_measure_movers(const struct tw_space_kernels *kernels, uint32_t repetitions);

#endif
