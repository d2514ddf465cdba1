/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens and connect tokens. Input: u8 mode, then
 *   0  sealed token, raw
 *   1  connect token, raw; what is read must be written back identically
 *   2  192 bytes of content, sealed under the right key: an authentic token with any fields
 *   3  u16 place, u8 mask, fields: sealed, one byte damaged, opened
 */
#include "dataplane/wire/token.h"
#include "tests/fuzz/fuzzing.h"

#include <sodium.h>

#define KEY_ID 0x01020304u
static const uint8_t key[TW_KEY_SIZE] = {7}, nonce[TW_TOKEN_NONCE_SIZE] = {8};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return sodium_init() < 0;
}

static void raw_token(struct tw_reader *reader)
{
    uint8_t sealed[TW_TOKEN_SIZE];
    struct tw_token token;
    fuzz_take(reader, sealed, sizeof(sealed));
    TW_ASSERT(!tw_token_open(&token, sealed, key)); /* else somebody broke Poly1305 */
}

static void raw_connect_token(const uint8_t *bytes, size_t size)
{
    struct tw_connect_token token;
    if (!tw_connect_token_read(&token, bytes, size))
        return;
    TW_ASSERT(size == TW_CONNECT_SIZE && token.version == TW_PROTOCOL_VERSION);
    TW_ASSERT(token.address_count >= 1 && token.address_count <= TW_TOKEN_ADDRESSES);
    uint8_t again[TW_CONNECT_SIZE];
    tw_connect_token_write(again, &token);
    TW_ASSERT(memcmp(again, bytes, size) == 0);
}

static void authentic_token(struct tw_reader *reader)
{
    uint8_t content[TW_TOKEN_IN_SIZE], sealed[TW_TOKEN_SIZE], again[TW_TOKEN_SIZE];
    uint8_t data[] = "tickwire v1 token\x04\x03\x02";
    data[sizeof(data) - 1] = 0x01;
    fuzz_take(reader, content, sizeof(content));
    tw_store_u32(sealed, KEY_ID);
    memcpy(sealed + TW_TOKEN_NONCE, nonce, sizeof(nonce));
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + TW_TOKEN_SEALED, NULL, content,
                                               sizeof(content), data, sizeof(data), NULL, nonce,
                                               key);
    struct tw_token token;
    if (!tw_token_open(&token, sealed, key)) {
        uint8_t count = content[TW_TOKEN_IN_ADDRESS_COUNT];
        size_t used = TW_TOKEN_IN_ADDRESS_LIST + (size_t)count * TW_ADDRESS_SIZE;
        TW_ASSERT(count == 0 || count > TW_TOKEN_ADDRESSES ||
                  !sodium_is_zero(content + used, sizeof(content) - used));
        return;
    }
    TW_ASSERT(token.address_count >= 1 && token.address_count <= TW_TOKEN_ADDRESSES);
    tw_token_seal(again, &token, KEY_ID, key, nonce);
    TW_ASSERT(memcmp(again, sealed, sizeof(sealed)) == 0);
}

static void damaged_token(struct tw_reader *reader)
{
    struct tw_reader damage = *reader;
    fuzz_u16(reader);
    fuzz_u8(reader);
    struct tw_token token = {
        .account = fuzz_u64(reader),
        .world = fuzz_u32(reader),
        .version = fuzz_u16(reader),
        .suites = fuzz_u8(reader),
        .address_count = (uint8_t)(1u + fuzz_u8(reader) % TW_TOKEN_ADDRESSES),
        .expires_unix_s = fuzz_u64(reader),
        .issued_unix_s = fuzz_u64(reader),
    };
    for (uint8_t i = 0; i < token.address_count; i++) {
        fuzz_take(reader, token.addresses[i].ip, 16);
        token.addresses[i].port = fuzz_u16(reader);
    }
    fuzz_take(reader, token.id, sizeof(token.id));
    fuzz_take(reader, token.psk, sizeof(token.psk));
    uint8_t sealed[TW_TOKEN_SIZE];
    tw_token_seal(sealed, &token, fuzz_u32(reader), key, nonce);
    bool damaged = fuzz_corrupt(&damage, sealed, sizeof(sealed));
    struct tw_token opened;
    TW_ASSERT(tw_token_open(&opened, sealed, key) == !damaged);
    if (!damaged) {
        TW_ASSERT(opened.account == token.account && opened.world == token.world);
        TW_ASSERT(opened.version == token.version && opened.suites == token.suites);
        TW_ASSERT(opened.address_count == token.address_count);
        TW_ASSERT(memcmp(opened.psk, token.psk, TW_KEY_SIZE) == 0);
        for (uint8_t i = 0; i < token.address_count; i++)
            TW_ASSERT(tw_address_equal(&opened.addresses[i], &token.addresses[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    switch (fuzz_u8(&reader) % 4) {
    case 0:
        raw_token(&reader);
        break;
    case 1:
        raw_connect_token(reader.next, tw_reader_left(&reader));
        break;
    case 2:
        authentic_token(&reader);
        break;
    default:
        damaged_token(&reader);
        break;
    }
    return 0;
}
