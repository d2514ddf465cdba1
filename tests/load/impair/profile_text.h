/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A direction's profile as text: a name, changes to it, or both: "mobile_4g", "lan,loss=5%",
 * "latency=80ms,jitter=20ms,reorder". The names are those of tests/sim/impair.h, and "none".
 */
#ifndef TICKWIRE_TESTS_LOAD_IMPAIR_PROFILE_TEXT_H
#define TICKWIRE_TESTS_LOAD_IMPAIR_PROFILE_TEXT_H

#include "tests/sim/impair.h"

#include <stdbool.h>
#include <stddef.h>

/* False: *error tells which word is wrong. */
bool tw_profile_parse(const char *text, struct impair_profile *profile, char *error,
                      size_t error_size);

/* What may be said, for --help. */
extern const char tw_profile_help[];

#endif
