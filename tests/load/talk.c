/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/talk.h"

#include "tests/load/command.h"
#include "tickwire/bytes.h"

#define COMMAND_US UINT64_C(200000)
#define BULK_US    UINT64_C(2000000)
/* What the server puts in front: the sender's handle. */
#define HANDLE_SIZE 4u
/* Of a large message: bot, number, time; then a pattern. */
#define HEAD_SIZE 16u

static uint8_t pattern(uint32_t bot, uint32_t number, uint32_t at)
{
    return (uint8_t)(bot * 13u + number * 31u + at * 7u + (at >> 8));
}

static bool say_command(struct tw_client *client, uint32_t bot, uint32_t number, uint64_t now_us)
{
    uint8_t bytes[TW_LOAD_COMMAND_MAX];
    struct tw_load_command command = tw_load_command_make(bot, number);
    command.said_us = (uint32_t)now_us;
    size_t size = tw_load_command_write(&command, bytes);
    return tw_client_send(client, TW_CLIENT_ORDERED, bytes, size, 0) == TW_CLIENT_OK;
}

static bool say_much(struct tw_client *client, uint32_t bot, uint32_t number, uint64_t now_us)
{
    uint8_t bytes[TW_LOAD_TALK_BULK];
    tw_store_u32(bytes, bot);
    tw_store_u32(bytes + 4, number);
    tw_store_u64(bytes + 8, now_us);
    for (uint32_t i = HEAD_SIZE; i < TW_LOAD_TALK_BULK; i++)
        bytes[i] = pattern(bot, number, i);
    return tw_client_send(client, TW_CLIENT_BULK, bytes, TW_LOAD_TALK_BULK, 0) == TW_CLIENT_OK;
}

/* The next number expected of a bot's commands; whoever is heard for the first time begins
 * anywhere. */
static uint32_t *expected(struct tw_load_talk *talk, uint32_t bot, uint32_t number)
{
    for (uint32_t i = 0; i < TW_LOAD_TALK_SENDERS; i++) {
        struct tw_load_talk_sender *sender = &talk->senders[(bot + i) % TW_LOAD_TALK_SENDERS];
        if (sender->bot == 0)
            *sender = (struct tw_load_talk_sender){.bot = bot + 1u, .next = number};
        if (sender->bot == bot + 1u)
            return &sender->next;
    }
    return NULL;
}

static void hear_command(struct tw_load_talk *talk, uint32_t own, const uint8_t *bytes,
                         uint32_t size, uint64_t now_us)
{
    struct tw_load_command heard;
    bool read = tw_load_command_read(&heard, bytes, size);
    struct tw_load_command said = tw_load_command_make(heard.bot, heard.number);
    if (!read || !tw_load_command_equal(&said, &heard)) {
        talk->wrong++;
        return;
    }
    uint32_t *next = expected(talk, heard.bot, heard.number);
    if (next) {
        /* Whoever walked out of hearing and back missed some: never an older one. */
        talk->wrong += heard.bot == own ? heard.number != *next : heard.number < *next;
        *next = heard.number + 1u;
    }
    talk->heard += heard.bot != own;
    if (heard.bot == own) {
        talk->commands_back++;
        talk->round_trip_us += (uint32_t)now_us - heard.said_us;
    }
}

static void hear_much(struct tw_load_talk *talk, uint32_t own, const uint8_t *bytes, uint32_t size,
                      uint64_t now_us)
{
    bool right = size == TW_LOAD_TALK_BULK;
    uint32_t bot = right ? tw_load_u32(bytes) : 0;
    uint32_t number = right ? tw_load_u32(bytes + 4) : 0;
    for (uint32_t i = HEAD_SIZE; i < size && right; i++)
        right = bytes[i] == pattern(bot, number, i);
    talk->wrong += !right;
    talk->heard += right && bot != own;
    if (right && bot == own) {
        talk->bulks_back++;
        talk->round_trip_us += now_us - tw_load_u64(bytes + 8);
    }
}

void tw_load_talk_step(struct tw_load_talk *talk, struct tw_client *client, uint32_t bot,
                       bool sending, uint64_t now_us)
{
    static uint8_t bytes[TW_CLIENT_MESSAGE_MAX];
    struct tw_client_message message;
    while (tw_client_take_message(client, &message, bytes, sizeof(bytes)) == 1) {
        const uint8_t *said = bytes + HANDLE_SIZE;
        uint32_t size = message.size - HANDLE_SIZE; /* the server's own work is not in doubt */
        if (message.channel == TW_CLIENT_ORDERED)
            hear_command(talk, bot, said, size, now_us);
        else
            hear_much(talk, bot, said, size, now_us);
    }
    if (!sending)
        return;
    if (now_us >= talk->next_command_us) {
        talk->next_command_us = now_us + COMMAND_US;
        if (say_command(client, bot, talk->commands_sent, now_us))
            talk->commands_sent++;
        else
            talk->refused++;
    }
    if (now_us >= talk->next_bulk_us) {
        talk->next_bulk_us = now_us + BULK_US;
        if (say_much(client, bot, talk->bulks_sent, now_us))
            talk->bulks_sent++;
        else
            talk->refused++;
    }
}
