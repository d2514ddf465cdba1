/* SPDX-License-Identifier: BSD-3-Clause */
/* What a flood beside a replay came to, for the replay's report. */
#ifndef TICKWIRE_TESTS_LOAD_LAB_FLOOD_REPORT_H
#define TICKWIRE_TESTS_LOAD_LAB_FLOOD_REPORT_H

#include "tests/load/lab/flooder.h"

#include <jansson.h>

/* A new object: packets by kind, rate, and the honest clients' round trips before and during. */
json_t *tw_flood_report(const struct tw_flooder *flooder);

#endif
