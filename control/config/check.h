/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of values against each other, after each passed its own range. Pure. */
#ifndef TICKWIRE_CONTROL_CONFIG_CHECK_H
#define TICKWIRE_CONTROL_CONFIG_CHECK_H

#include "tickwire/config.h"

#define TW_CHECK_TEXT_SIZE 384u

struct tw_check_fault {
    const char *section; /* key to blame first: the one a user would change */
    const char *key;
    const char *other_key; /* same section; blamed by line when `key` is a default */
    char message[TW_CHECK_TEXT_SIZE];
};

/* False with the first fault found. */
bool tw_config_check(const struct tw_config *config, struct tw_check_fault *fault)
    __attribute__((warn_unused_result));

#endif
