/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line of `tickwire-load capture`, and what it does. */
#ifndef TICKWIRE_TESTS_LOAD_LAB_CAPTURE_OPTIONS_H
#define TICKWIRE_TESTS_LOAD_LAB_CAPTURE_OPTIONS_H

#include "tests/load/lab/capture.h"

struct tw_capture_options {
    struct tw_capture_config capture;
    const char *out_path, *sessions_path;
    bool microseconds;
    bool help; /* was asked for and given */
};

/* False: a message was printed. */
bool tw_capture_options_parse(struct tw_capture_options *options, int argc, char **argv);

/* Exit status. argv[0] is "capture". */
int tw_capture_main(int argc, char **argv);

#endif
