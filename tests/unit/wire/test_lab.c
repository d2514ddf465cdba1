/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions of a lab: the file, byte for byte and damaged in every way; keys of their own. */
#include "dataplane/wire/keys.h"
#include "dataplane/wire/lab.h"
#include "tickwire/bytes.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SESSIONS  3u
#define FILE_SIZE (TW_LAB_HEADER_SIZE + SESSIONS * TW_LAB_RECORD_SIZE)

static const struct tw_lab_header file_header = {
    .count = SESSIONS, .tick_hz = 60, .duration_ns = 5000000000u, .seed = {7, 8, 9}};

static struct tw_lab_session make_session(uint32_t number)
{
    return (struct tw_lab_session){
        .connection_id = tw_connection_id(number / 2u, 10u + number, 0x123u + number),
        .index = 100u + number,
        .world = 1,
        .suite = number % 2u ? TW_SUITE_AES256_GCM : TW_SUITE_CHACHA20_POLY1305,
        .port = (uint8_t)(number % TW_PORTS_MAX),
        .account = 77u + number,
        .address = tw_address_from_ipv4(0xc6120010u + number, 20000),
        .first_sequence = 1u + number,
        .packets = 600,
    };
}

static void make_file(uint8_t file[FILE_SIZE])
{
    tw_lab_header_write(file, &file_header, tw_crc32c_portable);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        struct tw_lab_session session = make_session(i);
        tw_lab_session_write(file + TW_LAB_HEADER_SIZE + i * TW_LAB_RECORD_SIZE, &session,
                             tw_crc32c_portable);
    }
}

static enum tw_lab_result check(const uint8_t *file, size_t length, uint32_t *record)
{
    struct tw_lab_header header;
    return tw_lab_file_check(&header, file, length, tw_crc32c_portable, record);
}

/* The block's checksum made right again: what is left is what the test changed. */
static void reseal(uint8_t *block)
{
    tw_store_u32(block + TW_LAB_IN_CRC, tw_crc32c_portable(0, block, TW_LAB_IN_CRC));
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    uint8_t file[FILE_SIZE];
    struct tw_lab_header header;
    uint32_t record;
    make_file(file);
    assert_memory_equal(file, "TWLABSES\x01\x00\x40\x00\x03\x00\x00\x00\x07\x08\x09", 19);
    assert_int_equal(tw_lab_file_check(&header, file, sizeof(file), tw_crc32c_portable, &record),
                     TW_LAB_OK);
    assert_int_equal(record, UINT32_MAX);
    assert_memory_equal(&header, &file_header, sizeof(header));
    for (uint32_t i = 0; i < SESSIONS; i++) {
        struct tw_lab_session session;
        struct tw_lab_session wanted = make_session(i);
        assert_int_equal(tw_lab_session_read(&session,
                                             file + TW_LAB_HEADER_SIZE + i * TW_LAB_RECORD_SIZE,
                                             tw_crc32c_portable),
                         TW_LAB_OK);
        assert_int_equal(session.connection_id, wanted.connection_id);
        assert_int_equal(session.index, wanted.index);
        assert_int_equal(session.world, wanted.world);
        assert_int_equal(session.suite, wanted.suite);
        assert_int_equal(session.port, wanted.port);
        assert_int_equal(session.account, wanted.account);
        assert_true(tw_address_equal(&session.address, &wanted.address));
        assert_int_equal(session.first_sequence, wanted.first_sequence);
        assert_int_equal(session.packets, wanted.packets);
    }
}

/* One flipped bit anywhere is found, and the record named. */
static void finds_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t file[FILE_SIZE];
    make_file(file);
    for (uint32_t at = 0; at < FILE_SIZE; at++) {
        uint32_t record;
        file[at] ^= (uint8_t)(1u << at % 8u);
        enum tw_lab_result result = check(file, sizeof(file), &record);
        assert_int_not_equal(result, TW_LAB_OK);
        assert_int_equal(record, at < TW_LAB_HEADER_SIZE
                                     ? UINT32_MAX
                                     : (at - TW_LAB_HEADER_SIZE) / TW_LAB_RECORD_SIZE);
        assert_string_not_equal(tw_lab_result_text(result), tw_lab_result_text(TW_LAB_OK));
        file[at] ^= (uint8_t)(1u << at % 8u);
    }
}

static void finds_wrong_sizes(void **state)
{
    (void)state;
    uint8_t file[FILE_SIZE + 1] = {0};
    uint32_t record;
    make_file(file);
    for (size_t length = 0; length <= sizeof(file); length++) {
        enum tw_lab_result wanted = TW_LAB_LENGTH;
        if (length < TW_LAB_HEADER_SIZE)
            wanted = TW_LAB_SHORT;
        else if (length == FILE_SIZE)
            wanted = TW_LAB_OK;
        assert_int_equal(check(file, length, &record), wanted);
    }
}

static void names_foreign_and_other_files(void **state)
{
    (void)state;
    uint8_t file[FILE_SIZE];
    uint32_t record;
    make_file(file);
    memcpy(file, "PNG", 3);
    assert_int_equal(check(file, sizeof(file), &record), TW_LAB_FOREIGN);
    make_file(file);
    file[TW_LAB_IN_VERSION] = 2;
    assert_int_equal(check(file, sizeof(file), &record), TW_LAB_OTHER);
}

static void refuses_values_out_of_range(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, size;
        uint64_t value;
    } header_cases[] =
        {
            {TW_LAB_IN_RECORD_SIZE, 2, 65},  {TW_LAB_IN_COUNT, 4, 0},
            {TW_LAB_IN_COUNT, 4, 0x100001u}, {TW_LAB_IN_DURATION_NS, 8, 0},
            {TW_LAB_IN_TICK_HZ, 2, 0},       {TW_LAB_IN_RESERVED, 2, 1},
        },
      record_cases[] = {
          {TW_LAB_RECORD_CONNECTION_ID, 4, 0x0001000au}, /* generation 0 */
          {TW_LAB_RECORD_WORLD, 4, 0},
          {TW_LAB_RECORD_SUITE, 1, 0},
          {TW_LAB_RECORD_SUITE, 1, 3},
          {TW_LAB_RECORD_SUITE, 1, 4},
          {TW_LAB_RECORD_PORT, 1, 4},
          {TW_LAB_RECORD_RESERVED + 1, 1, 1},
          {TW_LAB_RECORD_ACCOUNT, 8, 0},
          {TW_LAB_RECORD_ADDRESS + 16, 2, 0},
          {TW_LAB_RECORD_RESERVED_2 + 5, 1, 1},
          {TW_LAB_RECORD_FIRST_SEQUENCE, 8, 0},
          {TW_LAB_RECORD_FIRST_SEQUENCE, 8, TW_SEALED_MAX + 1},
          {TW_LAB_RECORD_FIRST_SEQUENCE, 8, TW_SEALED_MAX - 599},
      };
    uint8_t file[FILE_SIZE];
    uint32_t record;
    for (size_t i = 0; i < sizeof(header_cases) / sizeof(header_cases[0]); i++) {
        make_file(file);
        memcpy(file + header_cases[i].at, &header_cases[i].value, header_cases[i].size);
        reseal(file);
        assert_int_equal(check(file, sizeof(file), &record), TW_LAB_RANGE);
        assert_int_equal(record, UINT32_MAX);
    }
    for (size_t i = 0; i < sizeof(record_cases) / sizeof(record_cases[0]); i++) {
        make_file(file);
        uint8_t *block = file + TW_LAB_HEADER_SIZE + TW_LAB_RECORD_SIZE;
        memcpy(block + record_cases[i].at, &record_cases[i].value, record_cases[i].size);
        reseal(block);
        assert_int_equal(check(file, sizeof(file), &record), TW_LAB_RANGE);
        assert_int_equal(record, 1);
    }
}

static void refuses_a_slot_twice_and_disorder(void **state)
{
    (void)state;
    uint8_t file[FILE_SIZE];
    uint32_t record;
    make_file(file);
    uint8_t *second = file + TW_LAB_HEADER_SIZE + TW_LAB_RECORD_SIZE;
    struct tw_lab_session session = make_session(0);
    session.connection_id ^= 1u << 25; /* the first one's slot, another generation */
    tw_lab_session_write(second, &session, tw_crc32c_portable);
    assert_int_equal(check(file, sizeof(file), &record), TW_LAB_OUT_OF_ORDER);
    assert_int_equal(record, 1);
    session.connection_id = tw_connection_id(0, 9, 5);
    tw_lab_session_write(second, &session, tw_crc32c_portable);
    assert_int_equal(check(file, sizeof(file), &record), TW_LAB_OUT_OF_ORDER);
}

/* Recorded captures must open for good: computed once with an independent HKDF. */
static void keys_are_what_they_were(void **state)
{
    (void)state;
    uint8_t seed[TW_LAB_SEED_SIZE];
    uint8_t client_to_server[TW_KEY_SIZE];
    uint8_t server_to_client[TW_KEY_SIZE];
    char text[2 * TW_KEY_SIZE + 1];
    for (uint8_t i = 0; i < sizeof(seed); i++)
        seed[i] = i;
    tw_lab_secrets_derive(seed, 0x01020304, client_to_server, server_to_client);
    sodium_bin2hex(text, sizeof(text), client_to_server, sizeof(client_to_server));
    assert_string_equal(text, "15872f4a161e344e325a15425cebbacb8e08aa9f8849ec94021a538e65e78fe1");
    sodium_bin2hex(text, sizeof(text), server_to_client, sizeof(server_to_client));
    assert_string_equal(text, "051bdadb6ce4ef1b5478630959e6f6ab7b0b1492d3dd61bf9c8b7a38fb7d4c86");
}

/* The same input through the handshake's schedule gives other keys: labels keep them apart. */
static void no_lab_key_is_a_real_one(void **state)
{
    (void)state;
    uint8_t seed[TW_LAB_SEED_SIZE] = {1};
    uint8_t lab[2][TW_KEY_SIZE];
    uint8_t real[3][TW_KEY_SIZE];
    uint8_t prk[TW_HASH_SIZE];
    uint8_t input[TW_LAB_SEED_SIZE + 4] = {1};
    tw_lab_secrets_derive(seed, 0, lab[0], lab[1]);
    tw_hkdf_extract(prk, (const uint8_t *)TW_LAB_LABEL, strlen(TW_LAB_LABEL), input, sizeof(input));
    tw_hkdf_expand(real[0], TW_KEY_SIZE, prk, TW_LABEL_CLIENT_TO_SERVER);
    tw_hkdf_expand(real[1], TW_KEY_SIZE, prk, TW_LABEL_SERVER_TO_CLIENT);
    tw_hkdf_expand(real[2], TW_KEY_SIZE, prk, TW_LABEL_CONFIRM);
    assert_memory_not_equal(lab[0], lab[1], TW_KEY_SIZE);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 3; j++)
            assert_memory_not_equal(lab[i], real[j], TW_KEY_SIZE);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(finds_every_flipped_bit),
        cmocka_unit_test(finds_wrong_sizes),
        cmocka_unit_test(names_foreign_and_other_files),
        cmocka_unit_test(refuses_values_out_of_range),
        cmocka_unit_test(refuses_a_slot_twice_and_disorder),
        cmocka_unit_test(keys_are_what_they_were),
        cmocka_unit_test(no_lab_key_is_a_real_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
