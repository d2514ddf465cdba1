/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/handshake_service.h"

#include <sodium.h>
#include <string.h>

void tw_handshake_attempt_hash(uint8_t out[TW_HASH_SIZE], const uint8_t hello2[TW_HELLO2_SIZE])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, hello2 + TW_HELLO_VERSION,
                                    TW_HELLO2_COOKIE - TW_HELLO_VERSION);
    (void)crypto_hash_sha256_update(&state, hello2 + TW_HELLO2_TOKEN, TW_TOKEN_SIZE);
    (void)crypto_hash_sha256_final(&state, out);
}

static struct tw_token_claim claim_of(const uint8_t *hello2, const struct tw_token *token,
                                      uint64_t now_unix_ms)
{
    struct tw_token_claim claim = {.expires_unix_s = token->expires_unix_s,
                                   .now_unix_ms = now_unix_ms};
    memcpy(claim.token_id, token->id, TW_TOKEN_ID_SIZE);
    tw_handshake_attempt_hash(claim.hello_hash, hello2);
    return claim;
}

/* True: *verdict holds the outcome. False: the store failed. */
static bool check_history(struct tw_handshake_service *service, const struct tw_token_claim *claim,
                          enum tw_verdict *verdict)
{
    switch (tw_store_token_check(service->store, claim)) {
    case TW_STORE_OK:
        *verdict = TW_VERDICT_WELCOMED;
        return true;
    case TW_STORE_USED:
        *verdict = TW_VERDICT_TOKEN_USED;
        return true;
    case TW_STORE_BUSY:
        *verdict = TW_VERDICT_TOKEN_PENDING;
        return true;
    case TW_STORE_FULL:
        *verdict = TW_VERDICT_HISTORY_FULL;
        return true;
    default:
        return false;
    }
}

/* An account this store never heard of is the issuer's business: the token vouches for it. */
static bool check_ban(struct tw_handshake_service *service, uint64_t id, uint64_t now_unix_s,
                      enum tw_verdict *verdict)
{
    struct tw_account account;
    enum tw_store_result result = tw_store_account_by_id(service->store, id, &account);
    if (result == TW_STORE_OK && account.banned_until_unix_s > now_unix_s)
        *verdict = TW_VERDICT_ACCOUNT_BANNED;
    return result == TW_STORE_OK || result == TW_STORE_NOT_FOUND;
}

static enum tw_verdict derive(const struct tw_handshake_server *server, const uint8_t *hello2,
                              const struct tw_token *token, struct tw_agent_handshake_reply *reply)
{
    struct tw_session_secrets secrets;
    uint8_t ephemeral_secret[TW_KEY_SIZE];
    randombytes_buf(ephemeral_secret, sizeof(ephemeral_secret));
    bool ok = tw_handshake_derive(server, hello2, token, ephemeral_secret, reply->server_ephemeral,
                                  &secrets);
    sodium_memzero(ephemeral_secret, sizeof(ephemeral_secret));
    if (ok) {
        memcpy(reply->secret_client_to_server, secrets.client_to_server, TW_KEY_SIZE);
        memcpy(reply->secret_server_to_client, secrets.server_to_client, TW_KEY_SIZE);
        memcpy(reply->confirm_key, secrets.confirm_key, TW_KEY_SIZE);
        memcpy(reply->confirm_iv, secrets.confirm_iv, TW_IV_SIZE);
        memcpy(reply->transcript, secrets.transcript, TW_HASH_SIZE);
    }
    sodium_memzero(&secrets, sizeof(secrets));
    return ok ? TW_VERDICT_WELCOMED : TW_VERDICT_KEY_LOW_ORDER;
}

/* The token is claimed last: what is refused for any reason changes nothing. False: the store
 * failed. */
static bool decide(struct tw_handshake_service *service,
                   const struct tw_agent_handshake_request *request, uint64_t now_unix_ms,
                   struct tw_token *token, struct tw_agent_handshake_reply *reply)
{
    const struct tw_handshake_server server = {
        .token_keys = service->keys->token_keys,
        .token_key_count = service->keys->token_key_count,
        .static_secret = service->keys->static_secret,
        .audience = service->audience,
        .suites = service->suites,
        .world = service->world,
    };
    uint64_t now_unix_s = now_unix_ms / 1000u;
    enum tw_verdict verdict = tw_handshake_check(&server, request->hello2, &request->destination,
                                                 now_unix_s, token, &reply->suite);
    if (verdict == TW_VERDICT_WELCOMED && service->lab)
        verdict = TW_VERDICT_LAB;
    struct tw_token_claim claim;
    if (verdict == TW_VERDICT_WELCOMED) {
        claim = claim_of(request->hello2, token, now_unix_ms);
        if (!check_history(service, &claim, &verdict))
            return false;
    }
    if (verdict == TW_VERDICT_WELCOMED && !check_ban(service, token->account, now_unix_s, &verdict))
        return false;
    if (verdict == TW_VERDICT_WELCOMED)
        verdict = derive(&server, request->hello2, token, reply);
    if (verdict == TW_VERDICT_WELCOMED &&
        tw_store_token_claim(service->store, &claim) != TW_STORE_OK)
        return false;
    reply->verdict = verdict;
    if (verdict == TW_VERDICT_WELCOMED) {
        reply->world = token->world;
        reply->account = token->account;
        memcpy(reply->token_id, token->id, TW_TOKEN_ID_SIZE);
        return true;
    }
    reply->suite = 0;
    enum tw_refusal refusal = tw_refusal_of_verdict(verdict);
    if (refusal != TW_REFUSAL_NONE) {
        tw_refused_write(reply->refused, refusal, request->hello2, token->psk, tw_crc32c_portable);
        reply->refused_size = TW_REFUSED_SIZE;
    }
    return true;
}

bool tw_handshake_service_answer(struct tw_handshake_service *service,
                                 const struct tw_agent_handshake_request *request,
                                 uint64_t now_unix_ms, struct tw_agent_handshake_reply *reply)
{
    struct tw_token token;
    memset(&token, 0, sizeof(token));
    memset(reply, 0, sizeof(*reply));
    reply->header = (struct tw_agent_header){
        .type = TW_AGENT_HANDSHAKE_REPLY, .version = TW_AGENT_VERSION, .length = sizeof(*reply)};
    reply->request = request->request;
    bool ok = decide(service, request, now_unix_ms, &token, reply);
    sodium_memzero(&token, sizeof(token));
    if (ok)
        service->verdicts[reply->verdict]++;
    else
        sodium_memzero(reply, sizeof(*reply));
    return ok;
}
