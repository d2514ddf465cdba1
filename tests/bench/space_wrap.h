/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of suite space about worlds without edges: the same crowd and questions, wraps on and off.
 */
#ifndef TICKWIRE_TESTS_BENCH_SPACE_WRAP_H
#define TICKWIRE_TESTS_BENCH_SPACE_WRAP_H

#include "simulation/space/kernels.h"

#include <stdint.h>

void space_measure_wrap(const struct tw_space_kernels *kernels, uint32_t repetitions);

#endif
