/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of command-line options: strict, with a message that names the option. Main thread. */
#ifndef TICKWIRE_TESTS_LOAD_LAB_ARGUMENTS_H
#define TICKWIRE_TESTS_LOAD_LAB_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

struct tw_argument {
    const char *program; /* "tickwire-load capture" */
    const char *name;    /* without dashes */
    const char *text;
};

/* All: false, and a message on standard error, if the text is not what is wanted. */
bool tw_argument_number(const struct tw_argument *argument, uint64_t least, uint64_t most,
                        uint64_t *out);
bool tw_argument_number32(const struct tw_argument *argument, uint32_t least, uint32_t most,
                          uint32_t *out);
/* A decimal with up to three places, times 1,000. */
bool tw_argument_permille(const struct tw_argument *argument, uint64_t least, uint64_t most,
                          uint64_t *out);
/* IPv6, or IPv4 as its v4-mapped address. */
bool tw_argument_ip(const struct tw_argument *argument, uint8_t out[16]);
bool tw_argument_mac(const struct tw_argument *argument, uint8_t out[6]);

#endif
