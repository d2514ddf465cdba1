/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command line of the simulations: scenarios by name, seeds. However a run ends before its time, by
 * a check, an assert or a signal, how to see it again is the last line of its errors.
 *
 * usage: PROGRAM [--long] [--seeds N] [--seed N] [--only NAME]
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_SCENARIO_H
#define TICKWIRE_TESTS_SIM_SERVER_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

struct scenario {
    const char *name;
    void (*run)(const char *name, uint64_t seed); /* aborts when it fails */
    void (*report)(const char *name);             /* after all seeds; may be NULL */
    uint32_t seeds;                               /* by default */
    uint32_t seeds_long;                          /* with --long */
};

/* True with --long: what is only worth an hour. */
bool scenario_is_long(void);
/* Runs what the command line asks for; the exit status. */
int scenario_main(int argc, char **argv, const struct scenario *scenarios, uint32_t count);

#endif
