/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/connection.h"

#include <sodium.h>

#define US_PER_MS UINT64_C(1000)

bool tw_client_connection_init(struct tw_client_connection *connection,
                               const struct tw_client_connection_config *config, uint64_t now_us)
{
    sodium_memzero(connection, sizeof(*connection));
    connection->deadline_us = now_us + config->connect_ms * US_PER_MS;
    connection->token_expires_us = now_us + config->token_valid_us;
    connection->token_was_valid = config->token_valid_us > 0;
    connection->next_send_us = now_us;
    connection->repeat_ms = TW_CLIENT_REPEAT_FIRST_MS;
    return tw_handshake_client_init(&connection->handshake, config->connect, config->suites,
                                    config->ephemeral_secret, tw_crc32c_portable);
}

void tw_client_connection_wipe(struct tw_client_connection *connection)
{
    tw_handshake_client_wipe(&connection->handshake);
    sodium_memzero(connection, sizeof(*connection));
}

const struct tw_address *tw_client_connection_address(const struct tw_client_connection *connection)
{
    return &connection->handshake.connect.addresses[connection->address];
}

static enum tw_client_end end_of_silence(const struct tw_client_connection *connection,
                                         uint64_t now_us)
{
    if (connection->wrong_version)
        return TW_CLIENT_END_WRONG_VERSION;
    return now_us >= connection->token_expires_us ? TW_CLIENT_END_TOKEN_EXPIRED
                                                  : TW_CLIENT_END_NO_ANSWER;
}

static void start_over(struct tw_client_connection *connection)
{
    tw_handshake_client_restart(&connection->handshake);
    connection->repeat_ms = TW_CLIENT_REPEAT_FIRST_MS;
    connection->hellos_unanswered = 0;
}

/* Counts a hello about to be sent; after some without answer moves to the next address. */
static void choose_address(struct tw_client_connection *connection)
{
    if (connection->hellos_unanswered == TW_CLIENT_HELLOS_PER_ADDRESS) {
        connection->hellos_unanswered = 0;
        connection->address =
            (uint8_t)((connection->address + 1u) % connection->handshake.connect.address_count);
    }
    connection->hellos_unanswered++;
}

enum tw_client_connection_due tw_client_connection_update(struct tw_client_connection *connection,
                                                          uint64_t now_us, uint8_t *out,
                                                          size_t *size, enum tw_client_end *end)
{
    if (now_us >= connection->deadline_us) {
        *end = end_of_silence(connection, now_us);
        return TW_CLIENT_DUE_END;
    }
    /* A token that this machine calls expired from the start may be fine by the server's clock: the
     * server decides. One that runs out while waiting is not tried again. */
    if (connection->token_was_valid && now_us >= connection->token_expires_us) {
        *end = TW_CLIENT_END_TOKEN_EXPIRED;
        return TW_CLIENT_DUE_END;
    }
    if (now_us < connection->next_send_us)
        return TW_CLIENT_DUE_NOTHING;

    if (connection->handshake.step == TW_STEP_HELLO2 &&
        now_us - connection->hello2_since_us >= TW_CLIENT_HELLO2_PATIENCE_MS * US_PER_MS)
        start_over(connection);
    if (connection->handshake.step == TW_STEP_HELLO)
        choose_address(connection);
    *size = tw_handshake_client_packet(&connection->handshake, out);
    if (*size == 0)
        return TW_CLIENT_DUE_NOTHING;
    connection->next_send_us = now_us + connection->repeat_ms * US_PER_MS;
    connection->repeat_ms *= 2u;
    if (connection->repeat_ms > TW_CLIENT_REPEAT_MAX_MS)
        connection->repeat_ms = TW_CLIENT_REPEAT_MAX_MS;
    return TW_CLIENT_DUE_SEND;
}

void tw_client_connection_restart(struct tw_client_connection *connection, uint64_t now_us)
{
    start_over(connection);
    connection->next_send_us = now_us;
}

static void wait_as_told(struct tw_client_connection *connection, uint64_t now_us)
{
    uint32_t after_ms = connection->handshake.after_ms;
    if (after_ms > TW_CLIENT_TRY_AGAIN_MAX_MS)
        after_ms = TW_CLIENT_TRY_AGAIN_MAX_MS;
    start_over(connection);
    connection->handshake.after_ms = after_ms;
    /* Up to 1/8 more, told apart by the random key: all who wait do not return at once. */
    uint64_t spread_us = after_ms * US_PER_MS * connection->handshake.ephemeral[0] / (8u * 256u);
    connection->next_send_us = now_us + after_ms * US_PER_MS + spread_us;
}

enum tw_handshake_news tw_client_connection_receive(struct tw_client_connection *connection,
                                                    const uint8_t *packet, size_t length,
                                                    uint64_t now_us)
{
    enum tw_handshake_news news =
        tw_handshake_client_receive(&connection->handshake, packet, length);
    switch (news) {
    case TW_NEWS_COOKIE:
        connection->hello2_since_us = now_us;
        connection->next_send_us = now_us;
        connection->repeat_ms = TW_CLIENT_REPEAT_FIRST_MS;
        break;
    case TW_NEWS_TRY_AGAIN:
        wait_as_told(connection, now_us);
        break;
    case TW_NEWS_WRONG_VERSION:
        connection->wrong_version = true;
        break;
    case TW_NEWS_NONE:
    case TW_NEWS_WELCOME:
    case TW_NEWS_REFUSED:
        break;
    }
    return news;
}
