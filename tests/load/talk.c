/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/talk.h"

#include "tickwire/bytes.h"

#define COMMAND_US UINT64_C(200000)
#define BULK_US    UINT64_C(2000000)
/* What the server puts in front: the sender's handle. Then our own: bot, number, time. */
#define HANDLE_SIZE  4u
#define HEAD_SIZE    16u
#define COMMAND_SIZE 40u

static uint8_t pattern(uint32_t bot, uint32_t number, uint32_t at)
{
    return (uint8_t)(bot * 13u + number * 31u + at * 7u + (at >> 8));
}

static bool say(struct tw_client *client, enum tw_client_channel channel, uint32_t bot,
                uint32_t number, uint64_t now_us)
{
    uint8_t bytes[TW_LOAD_TALK_BULK];
    uint32_t size = channel == TW_CLIENT_ORDERED ? COMMAND_SIZE : TW_LOAD_TALK_BULK;
    tw_store_u32(bytes, bot);
    tw_store_u32(bytes + 4, number);
    tw_store_u64(bytes + 8, now_us);
    for (uint32_t i = HEAD_SIZE; i < size; i++)
        bytes[i] = pattern(bot, number, i);
    return tw_client_send(client, channel, bytes, size, 0) == TW_CLIENT_OK;
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

static bool is_right(const uint8_t *bytes, uint32_t size, uint32_t bot, uint32_t number)
{
    for (uint32_t i = HEAD_SIZE; i < size; i++) {
        if (bytes[i] != pattern(bot, number, i))
            return false;
    }
    return true;
}

static void hear(struct tw_load_talk *talk, uint32_t own, const struct tw_client_message *message,
                 const uint8_t *bytes, uint64_t now_us)
{
    uint32_t size = message->size - HANDLE_SIZE;
    uint32_t bot = tw_load_u32(bytes);
    uint32_t number = tw_load_u32(bytes + 4);
    bool command = message->channel == TW_CLIENT_ORDERED;
    if (size != (command ? COMMAND_SIZE : TW_LOAD_TALK_BULK) ||
        !is_right(bytes, size, bot, number)) {
        talk->wrong++;
        return;
    }
    uint32_t *next = command ? expected(talk, bot, number) : NULL;
    if (next) {
        /* Whoever walked out of hearing and back missed some: never an older one. */
        talk->wrong += bot == own ? number != *next : number < *next;
        *next = number + 1u;
    }
    if (bot != own) {
        talk->heard++;
        return;
    }
    talk->commands_back += command;
    talk->bulks_back += !command;
    talk->round_trip_us += now_us - tw_load_u64(bytes + 8);
}

void tw_load_talk_step(struct tw_load_talk *talk, struct tw_client *client, uint32_t bot,
                       bool sending, uint64_t now_us)
{
    static uint8_t bytes[TW_CLIENT_MESSAGE_MAX];
    struct tw_client_message message;
    while (tw_client_take_message(client, &message, bytes, sizeof(bytes)) == 1) {
        if (message.size < HANDLE_SIZE + HEAD_SIZE)
            talk->wrong++;
        else
            hear(talk, bot, &message, bytes + HANDLE_SIZE, now_us);
    }
    if (!sending)
        return;
    if (now_us >= talk->next_command_us) {
        talk->next_command_us = now_us + COMMAND_US;
        if (say(client, TW_CLIENT_ORDERED, bot, talk->commands_sent, now_us))
            talk->commands_sent++;
        else
            talk->refused++;
    }
    if (now_us >= talk->next_bulk_us) {
        talk->next_bulk_us = now_us + BULK_US;
        if (say(client, TW_CLIENT_BULK, bot, talk->bulks_sent, now_us))
            talk->bulks_sent++;
        else
            talk->refused++;
    }
}
