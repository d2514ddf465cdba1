/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line of `tickwire-load bots`. Read once at start; then constant. */
#ifndef TICKWIRE_TESTS_LOAD_OPTIONS_H
#define TICKWIRE_TESTS_LOAD_OPTIONS_H

#include "tickwire/address.h"

#include <stdbool.h>
#include <stdint.h>

/* What one thread can drive on one core with room to spare. */
#define TW_LOAD_BOTS_MAX 1000u
/* Up to so many bots each has a socket of its own, as players do; beyond, sockets are shared. */
#define TW_LOAD_OWN_SOCKETS_MAX 200u
#define TW_LOAD_BOTS_PER_SOCKET 50u

enum tw_load_behaviour { TW_LOAD_WALK, TW_LOAD_STAND, TW_LOAD_MIXED };

struct tw_load_options {
    const char *tokens_path;  /* "-": standard input */
    const char *key_log_path; /* NULL: none */
    const char *resume_path;  /* directory; NULL: none */
    enum tw_load_behaviour behaviour;
    uint32_t count; /* 0: as many as there are tokens */
    uint32_t seconds;
    uint32_t interval_s;
    uint32_t connects_per_s;
    uint32_t connect_timeout_s;
    uint32_t timeout_s;
    uint32_t entities_max;
    uint32_t loss_percent;
    uint32_t rebind_s; /* 0: never */
    uint64_t seed;
    struct tw_address via; /* port 0: straight to the server */
    bool json;
    bool expect_close;
    bool talk;   /* messages, and a look at what comes back */
    bool listen; /* the look alone */
};

/* False: a message was printed; exit status 2. `help` is set when help was asked for and given. */
bool tw_load_options_parse(struct tw_load_options *options, int argc, char **argv, bool *help);

#endif
