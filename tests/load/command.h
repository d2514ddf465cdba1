/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a bot says to others: a command as a game might have it, in 14 to 16 bytes.
 *
 * All but when it was said follows from who said it and its number, so that whoever hears it knows
 * what it has to say. Single-threaded, no state.
 */
#ifndef TICKWIRE_TESTS_LOAD_COMMAND_H
#define TICKWIRE_TESTS_LOAD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_LOAD_COMMAND_MAX 24u

enum tw_load_deed {
    TW_LOAD_WALK = 0,
    TW_LOAD_STRIKE = 1,
    TW_LOAD_THROW = 2,
    TW_LOAD_GIVE = 3,
    TW_LOAD_SHOUT = 4,
};

struct tw_load_command {
    uint32_t bot;     /* 0..65535 */
    uint32_t number;  /* of this bot's commands */
    uint32_t said_us; /* low half of a clock */
    enum tw_load_deed deed;
    double aim_x_m, aim_y_m; /* -64..64 from where it stands, to 8 mm */
    int32_t turn;            /* since the command before, 65,536 a turn; mostly little */
    int32_t reach_mm;        /* 0..20,000, to the centimetre */
    bool running, aiming;
};

/* The command that a bot says as its `number`-th, as anybody may know it. */
struct tw_load_command tw_load_command_make(uint32_t bot, uint32_t number);
/* Bytes written to out[TW_LOAD_COMMAND_MAX]; 0: a value is out of its range. */
size_t tw_load_command_write(const struct tw_load_command *command, uint8_t *out);
/* False: not a command. */
bool tw_load_command_read(struct tw_load_command *command, const uint8_t *bytes, size_t size);
/* Did it come as it was said, but for what rounding leaves? */
bool tw_load_command_equal(const struct tw_load_command *said, const struct tw_load_command *heard);

#endif
