/* SPDX-License-Identifier: BSD-3-Clause */
/* tickwire-bench SUITE... [--quick] [--long] [--players N]: figures on standard output. */
#include "tests/bench/e2e.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(const char *what, const char *word)
{
    fprintf(stderr,
            "tickwire-bench: %s '%s'; known suites: e2e; options: --quick --long --check "
            "--players N\n",
            what, word);
    return 2;
}

int main(int argc, char **argv)
{
    struct tw_e2e_options e2e = {.players = 1000, .seconds = 20};
    bool chosen = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            e2e.seconds = 8;
        } else if (strcmp(argv[i], "--long") == 0) {
            e2e.seconds = 60;
        } else if (strcmp(argv[i], "--check") == 0) {
            /* No figure has a target yet: nothing can be missed. */
            continue;
        } else if (strcmp(argv[i], "--players") == 0 && i + 1 < argc) {
            char *end;
            unsigned long players = strtoul(argv[++i], &end, 10);
            if (*end != '\0' || players < 1 || players > 50000)
                return usage("--players takes 1 to 50000, not", argv[i]);
            e2e.players = (uint32_t)players;
        } else if (argv[i][0] == '-') {
            return usage("unknown option", argv[i]);
        } else if (strcmp(argv[i], "e2e") == 0) {
            chosen = true;
        } else {
            return usage("unknown suite", argv[i]);
        }
    }
    if (!chosen)
        return usage("missing suite", "");
    if (sodium_init() < 0)
        return 1;
    return tw_e2e_run(&e2e);
}
