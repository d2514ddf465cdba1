/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command lines: one table of options a program, and values that are read strictly, with a message
 * that names the option.
 *
 *   #define OPTIONS(X) X(SEED, "seed", required_argument) X(HELP, "help", no_argument)
 *   enum { OPTION_NONE = TW_OPTION_NONE, OPTIONS(TW_OPTION_NUMBER) };
 *   static const struct option long_options[] = {OPTIONS(TW_OPTION_ROW){0}};
 *
 * Main thread.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_ARGUMENTS_H
#define TICKWIRE_TESTS_LOAD_LAB_ARGUMENTS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

struct tw_argument {
    const char *program; /* "tickwire-load capture" */
    const char *name;    /* without dashes */
    const char *text;
};

#define TW_OPTION_NONE                        255 /* behind all letters */
#define TW_OPTION_NUMBER(suffix, name, takes) OPTION_##suffix,
#define TW_OPTION_ROW(suffix, name, takes)    {name, takes, NULL, OPTION_##suffix},

struct tw_command {
    const char *program;
    const char *help; /* what --help prints */
    const struct option *options;
    /* False: a message was printed. */
    bool (*apply)(void *context, int option, const struct tw_argument *argument);
};

enum tw_arguments_result {
    TW_ARGUMENTS_TAKEN,
    TW_ARGUMENTS_HELP,  /* was asked for and given */
    TW_ARGUMENTS_WRONG, /* a message was printed */
};

/* Applies every option, in order; nothing else may stand there. */
enum tw_arguments_result tw_arguments_parse(const struct tw_command *command, void *context,
                                            int argc, char **argv);

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
