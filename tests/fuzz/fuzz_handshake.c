/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake packets. Input: u8 (bits 0..2 mode; bit 7: give a raw packet the right CRC, and answers
 * the client's key, so that the checks behind those are reached too), then
 *   0  hello, raw                 1  hello 2, raw, parsed and judged
 *   2  answer to a hello, raw     3  answer to a hello 2, raw
 *   4  u16 place, u8 mask: hello 2 of an honest client, one byte damaged, CRC right
 *   5  u16 place, u8 mask: welcome, the same      6  refused, the same
 */
#include "dataplane/wire/handshake_client.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/unit/wire/meeting.h"

#include <sodium.h>

static struct meeting fresh, asked; /* at hello and at hello 2 */
static uint8_t hello2[TW_HELLO2_SIZE], welcome[TW_WELCOME_SIZE], refused[TW_REFUSED_SIZE];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (sodium_init() < 0)
        return 1;
    meeting_init(&fresh);
    meeting_init(&asked);
    meeting_hello2(&asked, hello2);
    TW_ASSERT(meeting_welcome(&asked, hello2, welcome));
    tw_refused_write(refused, TW_REFUSAL_FULL, hello2, asked.token.psk, tw_crc32c_portable);
    return 0;
}

static void parse_hello(const uint8_t *packet, size_t size)
{
    struct tw_hello hello;
    switch (tw_hello_parse(&hello, packet, size, tw_crc32c_portable)) {
    case TW_HELLO_OK:
        TW_ASSERT(hello.version == TW_PROTOCOL_VERSION && hello.suites & TW_SUITES_KNOWN);
        TW_ASSERT(hello.ephemeral == packet + TW_HELLO_EPHEMERAL);
        break;
    case TW_HELLO_OTHER_VERSION:
        TW_ASSERT(size == TW_HELLO_SIZE && hello.version != TW_PROTOCOL_VERSION);
        TW_ASSERT(hello.ephemeral == packet + TW_HELLO_EPHEMERAL);
        break;
    default:
        break;
    }
}

static void judge_hello2(const uint8_t *packet, size_t size)
{
    struct tw_hello hello;
    if (tw_hello2_parse(&hello, packet, size, tw_crc32c_portable) != TW_HELLO_OK)
        return;
    /* Only the one honest client knows the psk. */
    TW_ASSERT(meeting_check(&asked, packet) != TW_VERDICT_WELCOMED ||
              memcmp(packet, hello2, sizeof(hello2)) == 0);
}

/* The client's state may only move forward, and only an authenticated answer ends the handshake. */
static void answer_raw(const struct meeting *meeting, const uint8_t *packet, size_t size)
{
    struct tw_handshake_client client = meeting->client;
    enum tw_handshake_news news = tw_handshake_client_receive(&client, packet, size);
    switch (news) {
    case TW_NEWS_COOKIE:
        TW_ASSERT(meeting->client.step == TW_STEP_HELLO && client.step == TW_STEP_HELLO2);
        break;
    case TW_NEWS_WELCOME:
        TW_ASSERT(size == TW_WELCOME_SIZE && memcmp(packet, welcome, size) == 0);
        break;
    case TW_NEWS_REFUSED:
        TW_ASSERT(size == TW_REFUSED_SIZE && memcmp(packet, refused, size) == 0);
        break;
    case TW_NEWS_TRY_AGAIN:
        TW_ASSERT(client.after_ms <= 10000 && client.step == meeting->client.step);
        break;
    case TW_NEWS_WRONG_VERSION:
        TW_ASSERT(client.version_min <= client.version_max);
        TW_ASSERT(client.step == meeting->client.step);
        break;
    case TW_NEWS_NONE:
        TW_ASSERT(memcmp(&client, &meeting->client, sizeof(client)) == 0);
        break;
    }
}

static void raw(uint8_t mode, struct tw_reader *reader)
{
    uint8_t packet[TW_HELLO_SIZE + 8];
    size_t size = fuzz_take(reader, packet, sizeof(packet));
    if (mode & 0x80) {
        /* A short input becomes a whole hello: its zeros need not be in the corpus. */
        if ((mode & 7) == 0 && size < TW_HELLO_SIZE)
            size = TW_HELLO_SIZE;
        if ((mode & 7) >= 2 && size >= TW_ANSWER_EPHEMERAL + TW_KEY_SIZE)
            memcpy(packet + TW_ANSWER_EPHEMERAL, fresh.client.ephemeral, TW_KEY_SIZE);
        if (size >= TW_CRC_SIZE)
            tw_crc32c_seal(tw_crc32c_portable, packet, size);
    }
    switch (mode & 7) {
    case 0:
        parse_hello(packet, size);
        break;
    case 1:
        judge_hello2(packet, size);
        break;
    default:
        answer_raw((mode & 7) == 2 ? &fresh : &asked, packet, size);
        break;
    }
}

static void damaged_hello2(struct tw_reader *reader)
{
    uint8_t packet[TW_HELLO2_SIZE];
    struct tw_hello hello;
    memcpy(packet, hello2, sizeof(packet));
    bool damaged = fuzz_corrupt(reader, packet, TW_HELLO2_SIGNED);
    tw_crc32c_seal(tw_crc32c_portable, packet, sizeof(packet));
    bool welcomed =
        tw_hello2_parse(&hello, packet, sizeof(packet), tw_crc32c_portable) == TW_HELLO_OK &&
        meeting_check(&asked, packet) == TW_VERDICT_WELCOMED;
    TW_ASSERT(welcomed == !damaged);
}

static void damaged_answer(struct tw_reader *reader, const uint8_t *answer, size_t size,
                           enum tw_handshake_news news)
{
    uint8_t packet[TW_WELCOME_SIZE];
    memcpy(packet, answer, size);
    bool damaged = fuzz_corrupt(reader, packet, size - TW_CRC_SIZE);
    tw_crc32c_seal(tw_crc32c_portable, packet, size);
    struct tw_handshake_client client = asked.client;
    enum tw_handshake_news got = tw_handshake_client_receive(&client, packet, size);
    TW_ASSERT(got == (damaged ? TW_NEWS_NONE : news));
    if (news == TW_NEWS_WELCOME && !damaged)
        TW_ASSERT(memcmp(&client.secrets, &asked.secrets, sizeof(client.secrets)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    uint8_t mode = fuzz_u8(&reader);
    switch (mode & 7) {
    case 4:
        damaged_hello2(&reader);
        break;
    case 5:
        damaged_answer(&reader, welcome, sizeof(welcome), TW_NEWS_WELCOME);
        break;
    case 6:
    case 7:
        damaged_answer(&reader, refused, sizeof(refused), TW_NEWS_REFUSED);
        break;
    default:
        raw(mode, &reader);
        break;
    }
    return 0;
}
