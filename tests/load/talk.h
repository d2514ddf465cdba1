/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bot that talks: a command of a game (command.h) every 200 ms, a large message of 10 KB every
 * 2 s, and a look at what comes back. The server relays a message to all who are near, the sender
 * included.
 *
 * Every sender's commands must come in order and without a copy from the first one that was heard
 * on; own messages must all come back, byte by byte.
 */
#ifndef TICKWIRE_TESTS_LOAD_TALK_H
#define TICKWIRE_TESTS_LOAD_TALK_H

#include "tickwire/client.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_LOAD_TALK_BULK     10240u
#define TW_LOAD_TALK_SENDERS  64u
#define TW_LOAD_TALK_QUIET_US 2000000u /* before the end: what is under way arrives */

struct tw_load_talk_sender {
    uint32_t bot; /* + 1; 0: free */
    uint32_t next;
};

struct tw_load_talk {
    uint64_t next_command_us, next_bulk_us, round_trip_us; /* sum */
    uint32_t commands_sent, bulks_sent;
    uint32_t commands_back, bulks_back; /* own */
    uint32_t heard;                     /* of others */
    uint32_t wrong;                     /* out of order, twice, or damaged */
    uint32_t refused;                   /* the library was full */
    struct tw_load_talk_sender senders[TW_LOAD_TALK_SENDERS];
};

void tw_load_talk_step(struct tw_load_talk *talk, struct tw_client *client, uint32_t bot,
                       bool sending, uint64_t now_us);

#endif
