/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/lab.h"

#include "dataplane/wire/keys.h"
#include "tickwire/bytes.h"

#include <sodium.h>
#include <string.h>

const char *tw_lab_result_text(enum tw_lab_result result)
{
    switch (result) {
    case TW_LAB_OK:
        return "fine";
    case TW_LAB_SHORT:
        return "shorter than a header of 64 bytes";
    case TW_LAB_FOREIGN:
        return "not a sessions file";
    case TW_LAB_OTHER:
        return "a sessions file of another version";
    case TW_LAB_CHECKSUM:
        return "wrong checksum: damaged";
    case TW_LAB_LENGTH:
        return "the file's size does not fit its number of records: cut off or added to";
    case TW_LAB_RANGE:
        return "a field is out of range";
    case TW_LAB_OUT_OF_ORDER:
        return "not behind the record before it in order of worker and slot";
    }
    return "unknown";
}

void tw_lab_secrets_derive(const uint8_t seed[TW_LAB_SEED_SIZE], uint32_t index,
                           uint8_t client_to_server[TW_KEY_SIZE],
                           uint8_t server_to_client[TW_KEY_SIZE])
{
    uint8_t input[TW_LAB_SEED_SIZE + sizeof(index)];
    uint8_t prk[TW_HASH_SIZE];
    memcpy(input, seed, TW_LAB_SEED_SIZE);
    tw_store_u32(input + TW_LAB_SEED_SIZE, index);
    tw_hkdf_extract(prk, (const uint8_t *)TW_LAB_LABEL, strlen(TW_LAB_LABEL), input, sizeof(input));
    tw_hkdf_expand(client_to_server, TW_KEY_SIZE, prk, TW_LAB_LABEL_CLIENT_TO_SERVER);
    tw_hkdf_expand(server_to_client, TW_KEY_SIZE, prk, TW_LAB_LABEL_SERVER_TO_CLIENT);
    sodium_memzero(prk, sizeof(prk));
    sodium_memzero(input, sizeof(input));
}

static void close_block(uint8_t *block, tw_crc32c_function crc)
{
    tw_store_u32(block + TW_LAB_IN_CRC, crc(0, block, TW_LAB_IN_CRC));
}

static bool block_is_whole(const uint8_t *block, tw_crc32c_function crc)
{
    return tw_load_u32(block + TW_LAB_IN_CRC) == crc(0, block, TW_LAB_IN_CRC);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    uint8_t any = 0;
    for (size_t i = 0; i < length; i++)
        any |= bytes[i];
    return any == 0;
}

void tw_lab_header_write(uint8_t out[TW_LAB_HEADER_SIZE], const struct tw_lab_header *header,
                         tw_crc32c_function crc)
{
    memset(out, 0, TW_LAB_HEADER_SIZE);
    tw_store_u64(out + TW_LAB_IN_MAGIC, TW_LAB_MAGIC);
    tw_store_u16(out + TW_LAB_IN_VERSION, TW_LAB_VERSION);
    tw_store_u16(out + TW_LAB_IN_RECORD_SIZE, TW_LAB_RECORD_SIZE);
    tw_store_u32(out + TW_LAB_IN_COUNT, header->count);
    memcpy(out + TW_LAB_IN_SEED, header->seed, TW_LAB_SEED_SIZE);
    tw_store_u64(out + TW_LAB_IN_DURATION_NS, header->duration_ns);
    tw_store_u16(out + TW_LAB_IN_TICK_HZ, header->tick_hz);
    close_block(out, crc);
}

void tw_lab_session_write(uint8_t out[TW_LAB_RECORD_SIZE], const struct tw_lab_session *session,
                          tw_crc32c_function crc)
{
    memset(out, 0, TW_LAB_RECORD_SIZE);
    tw_store_u32(out + TW_LAB_RECORD_CONNECTION_ID, session->connection_id);
    tw_store_u32(out + TW_LAB_RECORD_INDEX, session->index);
    tw_store_u32(out + TW_LAB_RECORD_WORLD, session->world);
    out[TW_LAB_RECORD_SUITE] = session->suite;
    out[TW_LAB_RECORD_PORT] = session->port;
    tw_store_u64(out + TW_LAB_RECORD_ACCOUNT, session->account);
    memcpy(out + TW_LAB_RECORD_ADDRESS, session->address.ip, sizeof(session->address.ip));
    tw_store_u16(out + TW_LAB_RECORD_ADDRESS + 16u, session->address.port);
    tw_store_u64(out + TW_LAB_RECORD_FIRST_SEQUENCE, session->first_sequence);
    tw_store_u32(out + TW_LAB_RECORD_PACKETS, session->packets);
    close_block(out, crc);
}

enum tw_lab_result tw_lab_header_read(struct tw_lab_header *header, const uint8_t *file,
                                      size_t length, tw_crc32c_function crc)
{
    if (length < TW_LAB_HEADER_SIZE)
        return TW_LAB_SHORT;
    if (tw_load_u64(file + TW_LAB_IN_MAGIC) != TW_LAB_MAGIC)
        return TW_LAB_FOREIGN;
    if (tw_load_u16(file + TW_LAB_IN_VERSION) != TW_LAB_VERSION)
        return TW_LAB_OTHER;
    if (!block_is_whole(file, crc))
        return TW_LAB_CHECKSUM;
    *header = (struct tw_lab_header){
        .count = tw_load_u32(file + TW_LAB_IN_COUNT),
        .tick_hz = tw_load_u16(file + TW_LAB_IN_TICK_HZ),
        .duration_ns = tw_load_u64(file + TW_LAB_IN_DURATION_NS),
    };
    memcpy(header->seed, file + TW_LAB_IN_SEED, TW_LAB_SEED_SIZE);
    if (tw_load_u16(file + TW_LAB_IN_RECORD_SIZE) != TW_LAB_RECORD_SIZE || header->count == 0 ||
        header->count > TW_LAB_SESSIONS_MAX || header->duration_ns == 0 || header->tick_hz == 0 ||
        tw_load_u16(file + TW_LAB_IN_RESERVED) != 0)
        return TW_LAB_RANGE;
    if (length != TW_LAB_HEADER_SIZE + (size_t)header->count * TW_LAB_RECORD_SIZE)
        return TW_LAB_LENGTH;
    return TW_LAB_OK;
}

static bool session_in_range(const struct tw_lab_session *session)
{
    bool one_suite =
        session->suite == TW_SUITE_CHACHA20_POLY1305 || session->suite == TW_SUITE_AES256_GCM;
    return one_suite && session->port < TW_PORTS_MAX &&
           tw_connection_generation(session->connection_id) != 0 && session->world != 0 &&
           session->account != 0 && session->address.port != 0 &&
           !all_zero(session->address.ip, sizeof(session->address.ip)) &&
           session->first_sequence >= TW_SEQUENCE_FIRST &&
           session->first_sequence <= TW_SEALED_MAX &&
           session->packets <= TW_SEALED_MAX - session->first_sequence;
}

enum tw_lab_result tw_lab_session_read(struct tw_lab_session *session,
                                       const uint8_t record[TW_LAB_RECORD_SIZE],
                                       tw_crc32c_function crc)
{
    if (!block_is_whole(record, crc))
        return TW_LAB_CHECKSUM;
    *session = (struct tw_lab_session){
        .connection_id = tw_load_u32(record + TW_LAB_RECORD_CONNECTION_ID),
        .index = tw_load_u32(record + TW_LAB_RECORD_INDEX),
        .world = tw_load_u32(record + TW_LAB_RECORD_WORLD),
        .suite = record[TW_LAB_RECORD_SUITE],
        .port = record[TW_LAB_RECORD_PORT],
        .account = tw_load_u64(record + TW_LAB_RECORD_ACCOUNT),
        .address = {.port = tw_load_u16(record + TW_LAB_RECORD_ADDRESS + 16u)},
        .first_sequence = tw_load_u64(record + TW_LAB_RECORD_FIRST_SEQUENCE),
        .packets = tw_load_u32(record + TW_LAB_RECORD_PACKETS),
    };
    memcpy(session->address.ip, record + TW_LAB_RECORD_ADDRESS, sizeof(session->address.ip));
    if (!session_in_range(session) || !all_zero(record + TW_LAB_RECORD_RESERVED, 2) ||
        !all_zero(record + TW_LAB_RECORD_RESERVED_2, 6))
        return TW_LAB_RANGE;
    return TW_LAB_OK;
}

enum tw_lab_result tw_lab_file_check(struct tw_lab_header *header, const uint8_t *file,
                                     size_t length, tw_crc32c_function crc, uint32_t *record)
{
    *record = UINT32_MAX;
    enum tw_lab_result result = tw_lab_header_read(header, file, length, crc);
    uint32_t place = 0;
    for (uint32_t i = 0; result == TW_LAB_OK && i < header->count; i++) {
        struct tw_lab_session session;
        *record = i;
        result = tw_lab_session_read(
            &session, file + TW_LAB_HEADER_SIZE + (size_t)i * TW_LAB_RECORD_SIZE, crc);
        if (result == TW_LAB_OK && i > 0 && tw_lab_place(session.connection_id) <= place)
            result = TW_LAB_OUT_OF_ORDER;
        place = tw_lab_place(session.connection_id);
    }
    if (result == TW_LAB_OK)
        *record = UINT32_MAX;
    return result;
}
