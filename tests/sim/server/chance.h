/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Randomness from a seed: from now on libsodium's random numbers, and so every key, cookie and
 * token of this process, are a function of the seed. For simulations only. One thread.
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_CHANCE_H
#define TICKWIRE_TESTS_SIM_SERVER_CHANCE_H

#include <stdint.h>

void sim_chance_seed(uint64_t seed);

#endif
