/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/handshake.h"

#include "dataplane/wire/handshake_parts.h"
#include "tickwire/bytes.h"

#include <sodium.h>

static bool token_open_any(const struct tw_handshake_server *server, const uint8_t *sealed,
                           struct tw_token *token)
{
    for (size_t i = 0; i < server->token_key_count; i++) {
        if (server->token_keys[i].id == tw_token_key_id(sealed) &&
            tw_token_open(token, sealed, server->token_keys[i].key))
            return true;
    }
    return false;
}

static bool token_names(const struct tw_token *token, const struct tw_address *destination)
{
    for (uint8_t i = 0; i < token->address_count; i++) {
        if (tw_address_equal(&token->addresses[i], destination))
            return true;
    }
    return false;
}

/* The sender holds the psk and the token is whole: from here on answers are authenticated. */
static enum tw_verdict token_judge(const struct tw_handshake_server *server,
                                   const struct tw_token *token,
                                   const struct tw_address *destination, uint64_t now_unix_s)
{
    if (now_unix_s >= token->expires_unix_s)
        return TW_VERDICT_TOKEN_EXPIRED;
    if (sodium_memcmp(token->audience, server->audience, TW_AUDIENCE_SIZE) != 0)
        return TW_VERDICT_TOKEN_AUDIENCE;
    if (!token_names(token, destination))
        return TW_VERDICT_TOKEN_ADDRESS;
    if (token->world != server->world)
        return TW_VERDICT_WORLD_UNKNOWN;
    return TW_VERDICT_WELCOMED;
}

enum tw_verdict tw_handshake_check(const struct tw_handshake_server *server,
                                   const struct tw_hello2_arrival *arrival, struct tw_token *token,
                                   uint8_t *suite)
{
    const uint8_t *hello2 = arrival->hello2;
    *suite = 0;
    memset(token, 0, sizeof(*token));
    if (!token_open_any(server, hello2 + TW_HELLO2_TOKEN, token))
        return TW_VERDICT_TOKEN_INVALID;
    uint8_t binder[TW_HASH_SIZE];
    tw_binder_make(binder, hello2, token->psk);
    if (sodium_memcmp(binder, hello2 + TW_HELLO2_BINDER, TW_HASH_SIZE) != 0) {
        sodium_memzero(token, sizeof(*token));
        return TW_VERDICT_BINDER_WRONG;
    }
    if (token->version != TW_PROTOCOL_VERSION ||
        tw_load_u16(hello2 + TW_HELLO_VERSION) != TW_PROTOCOL_VERSION) {
        sodium_memzero(token, sizeof(*token));
        return TW_VERDICT_TOKEN_MISMATCH;
    }
    enum tw_verdict verdict = token_judge(server, token, arrival->destination, arrival->now_unix_s);
    if (verdict != TW_VERDICT_WELCOMED)
        return verdict;
    uint8_t common = hello2[TW_HELLO_SUITES] & token->suites & server->suites;
    if (common & TW_SUITE_AES256_GCM)
        *suite = TW_SUITE_AES256_GCM;
    else if (common & TW_SUITE_CHACHA20_POLY1305)
        *suite = TW_SUITE_CHACHA20_POLY1305;
    else
        return TW_VERDICT_SUITE_NONE;
    return TW_VERDICT_WELCOMED;
}

bool tw_handshake_derive(const struct tw_handshake_server *server,
                         const uint8_t hello2[TW_HELLO2_SIZE], const struct tw_token *token,
                         const struct tw_ephemeral_pair *ephemeral,
                         struct tw_session_secrets *secrets)
{
    const uint8_t *client_ephemeral = hello2 + TW_HELLO_EPHEMERAL;
    uint8_t dh_ephemeral[TW_KEY_SIZE];
    uint8_t dh_static[TW_KEY_SIZE];
    /* libsodium fails exactly when the result is all zero: a low-order key costs the least. */
    bool ok = crypto_scalarmult(dh_static, server->static_secret, client_ephemeral) == 0 &&
              crypto_scalarmult(dh_ephemeral, ephemeral->secret, client_ephemeral) == 0;
    if (ok) {
        uint8_t clear[TW_WELCOME_CLEAR];
        uint8_t transcript[TW_HASH_SIZE];
        crypto_scalarmult_base(ephemeral->public_key, ephemeral->secret);
        tw_welcome_clear_write(clear, client_ephemeral, ephemeral->public_key);
        tw_transcript_hash(transcript, hello2, clear);
        tw_session_secrets_derive(secrets, dh_ephemeral, dh_static, token->psk, transcript);
    }
    sodium_memzero(dh_ephemeral, sizeof(dh_ephemeral));
    sodium_memzero(dh_static, sizeof(dh_static));
    return ok;
}

void tw_refused_write(uint8_t out[TW_REFUSED_SIZE], enum tw_refusal reason,
                      const uint8_t hello2[TW_HELLO2_SIZE], const uint8_t psk[TW_KEY_SIZE],
                      tw_crc32c_function crc)
{
    tw_handshake_header_write(out, TW_HANDSHAKE_REFUSED);
    memcpy(out + TW_ANSWER_EPHEMERAL, hello2 + TW_HELLO_EPHEMERAL, TW_KEY_SIZE);
    tw_store_u16(out + TW_REFUSED_REASON, (uint16_t)reason);
    tw_store_u16(out + TW_REFUSED_ZERO, 0);
    tw_refused_mac_make(out + TW_REFUSED_MAC, out, hello2, psk);
    tw_crc32c_seal(crc, out, TW_REFUSED_SIZE);
}

enum tw_refusal tw_refusal_of_verdict(enum tw_verdict verdict)
{
    switch (verdict) {
    case TW_VERDICT_TOKEN_EXPIRED:
        return TW_REFUSAL_EXPIRED;
    case TW_VERDICT_TOKEN_USED:
        return TW_REFUSAL_USED;
    case TW_VERDICT_TOKEN_AUDIENCE:
        return TW_REFUSAL_AUDIENCE;
    case TW_VERDICT_TOKEN_ADDRESS:
        return TW_REFUSAL_ADDRESS;
    case TW_VERDICT_SUITE_NONE:
        return TW_REFUSAL_SUITE;
    case TW_VERDICT_ACCOUNT_BANNED:
        return TW_REFUSAL_BANNED;
    case TW_VERDICT_WORLD_UNKNOWN:
        return TW_REFUSAL_WORLD;
    case TW_VERDICT_SESSIONS_FULL:
    case TW_VERDICT_HISTORY_FULL:
        return TW_REFUSAL_FULL;
    case TW_VERDICT_KEY_LOW_ORDER:
        return TW_REFUSAL_LOW_ORDER;
    case TW_VERDICT_LAB:
        return TW_REFUSAL_LAB;
    case TW_VERDICT_RESUME_GONE:
        return TW_REFUSAL_RESUME;
    case TW_VERDICT_WELCOMED:
    case TW_VERDICT_TOKEN_INVALID:
    case TW_VERDICT_TOKEN_MISMATCH:
    case TW_VERDICT_BINDER_WRONG:
    case TW_VERDICT_TOKEN_PENDING:
    case TW_VERDICT_CONTROL_GONE:
    case TW_VERDICT_REPLY_LATE:
    case TW_VERDICT_COUNT:
        break;
    }
    return TW_REFUSAL_NONE;
}
