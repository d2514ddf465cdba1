/* SPDX-License-Identifier: BSD-3-Clause */
/* tickwire-bench SUITE [--quick] [--long] [--check] [--players N] [--row NAME]: figures on standard
 * output. --row measures one row of suite gate alone, for profilers. */
#include "tests/bench/budget.h"
#include "tests/bench/e2e.h"
#include "tests/bench/gate.h"
#include "tests/bench/space.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum suite { SUITE_NONE, SUITE_BUDGET, SUITE_E2E, SUITE_GATE, SUITE_SPACE };

struct options {
    enum suite suite;
    struct tw_e2e_options e2e;
    struct tw_gate_options gate;
    struct tw_space_options space;
    struct tw_budget_options budget;
    bool check;
};

static int usage(const char *what, const char *word)
{
    fprintf(stderr,
            "tickwire-bench: %s '%s'; known suites: budget e2e gate space; options: --quick --long "
            "--check "
            "--players N --row NAME\n",
            what, word);
    return 2;
}

/* False if the word is unknown. */
static bool take_word(struct options *options, const char *word)
{
    if (strcmp(word, "--quick") == 0) {
        options->e2e.seconds = 8;
        options->gate.length = TW_GATE_QUICK;
        options->space = (struct tw_space_options){.repetitions = 5};
        options->budget.repetitions = 31;
    } else if (strcmp(word, "--long") == 0) {
        options->e2e.seconds = 60;
        options->gate.length = TW_GATE_LONG;
        options->space = (struct tw_space_options){.repetitions = 101, .growth = true};
        options->budget.repetitions = 1001;
    } else if (strcmp(word, "--check") == 0) {
        /* No figure of e2e has a target yet: nothing can be missed there. */
        options->gate.check = true;
        options->check = true;
        options->budget.check = true;
    } else if (strcmp(word, "budget") == 0) {
        options->suite = SUITE_BUDGET;
    } else if (strcmp(word, "e2e") == 0) {
        options->suite = SUITE_E2E;
    } else if (strcmp(word, "gate") == 0) {
        options->suite = SUITE_GATE;
    } else if (strcmp(word, "space") == 0) {
        options->suite = SUITE_SPACE;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.e2e = {.players = 1000, .seconds = 20},
                              .gate = {.length = TW_GATE_NORMAL},
                              .space = {.repetitions = 15, .growth = true},
                              .budget = {.repetitions = 201}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--players") == 0 && i + 1 < argc) {
            char *end;
            unsigned long players = strtoul(argv[++i], &end, 10);
            if (*end != '\0' || players < 1 || players > 50000)
                return usage("--players takes 1 to 50000, not", argv[i]);
            options.e2e.players = (uint32_t)players;
        } else if (strcmp(argv[i], "--row") == 0 && i + 1 < argc) {
            options.gate.only = argv[++i];
        } else if (!take_word(&options, argv[i])) {
            return usage(argv[i][0] == '-' ? "unknown option" : "unknown suite", argv[i]);
        }
    }
    if (options.suite == SUITE_NONE)
        return usage("missing suite", "");
    options.space.check = options.check;
    if (options.suite == SUITE_BUDGET)
        return tw_budget_run(&options.budget);
    if (options.suite == SUITE_SPACE)
        return tw_space_run(&options.space);
    if (sodium_init() < 0)
        return 1;
    return options.suite == SUITE_GATE ? tw_gate_run(&options.gate) : tw_e2e_run(&options.e2e);
}
