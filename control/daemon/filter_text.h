/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filter rules as text:
 *
 *   allow|deny PREFIX
 *   limit PREFIX LEVEL…          LEVEL: [source] pps|bps SOFT/HARD or HARD, 500, 20k, 1M, 10G
 *   malformed PREFIX [source] above N for T          T: 30s, 5m, 1h, 1d
 *
 * PREFIX: an IPv4 or IPv6 address and /length; without a length, the one host. What is written
 * parses to the same rule. Pure.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_FILTER_TEXT_H
#define TICKWIRE_CONTROL_DAEMON_FILTER_TEXT_H

#include "tickwire/filter.h"

/* The longest rule has four levels of two 12-digit numbers and an IPv6 prefix: 187 bytes. */
#define TW_FILTER_TEXT_SIZE 256u

struct tw_filter_text_error {
    uint32_t column; /* from 1 */
    char message[192];
};

/* The rule's id stays 0. False: *error tells what is wrong and where; *rule is unspecified. */
bool tw_filter_text_parse(const char *text, struct tw_filter_rule *rule,
                          struct tw_filter_text_error *error) __attribute__((warn_unused_result));

void tw_filter_text_write(const struct tw_filter_rule *rule, char text[TW_FILTER_TEXT_SIZE]);

#endif
