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

/* Once a resume token was used its session is over, so the token is worth nothing even when the
 * history has forgotten it: no longer than any other is it remembered. */
static void shorten(struct tw_token_claim *claim)
{
    uint64_t latest_unix_s = claim->now_unix_ms / 1000u + TW_TOKEN_VALIDITY_MAX_S;
    if (claim->expires_unix_s > latest_unix_s)
        claim->expires_unix_s = latest_unix_s;
}

static struct tw_token_claim claim_of(const uint8_t *hello2, const struct tw_token *token,
                                      uint64_t now_unix_ms)
{
    struct tw_token_claim claim = {.expires_unix_s = token->expires_unix_s,
                                   .now_unix_ms = now_unix_ms};
    memcpy(claim.token_id, token->id, TW_TOKEN_ID_SIZE);
    tw_handshake_attempt_hash(claim.hello_hash, hello2);
    shorten(&claim);
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

/* The key says what the token is for, and so does its content: both or neither. */
static enum tw_verdict check_resume(struct tw_handshake_service *service, const uint8_t *hello2,
                                    const struct tw_token *token, uint32_t *resumes_id)
{
    bool resumes = tw_token_key_id(hello2 + TW_HELLO2_TOKEN) == TW_TOKEN_KEY_RESUME;
    *resumes_id = 0;
    if (resumes != tw_token_resumes(token))
        return TW_VERDICT_TOKEN_INVALID;
    if (!resumes)
        return TW_VERDICT_WELCOMED;
    *resumes_id = service->resumable(service->context, token->account, token->resumes);
    return *resumes_id != 0 ? TW_VERDICT_WELCOMED : TW_VERDICT_RESUME_GONE;
}

/* One hello 2 and the keys it was judged by. */
struct attempt {
    struct tw_handshake_server server;
    const struct tw_static_key *static_key; /* that its sender knows */
    struct tw_token_key token_keys[TW_KEYS_TOKEN_MAX + 1u];
    const struct tw_agent_handshake_request *request;
    uint64_t now_unix_ms;
};

/* Not beyond the life of the static key: its holder comes back with the one it has. */
static uint64_t resume_until_unix_s(const struct attempt *attempt)
{
    uint64_t until_unix_s = attempt->now_unix_ms / 1000u + TW_RESUME_VALIDITY_S;
    uint64_t key_until_unix_s = attempt->static_key->accepted_until_unix_s;
    return key_until_unix_s != 0 && key_until_unix_s < until_unix_s ? key_until_unix_s
                                                                    : until_unix_s;
}

/* For the session that `used` begins. */
static void issue_resume_token(const struct attempt *attempt, const struct tw_token *used,
                               const uint8_t psk[TW_KEY_SIZE],
                               struct tw_agent_handshake_reply *reply)
{
    const struct tw_token_key *key = &attempt->token_keys[attempt->server.token_key_count - 1u];
    struct tw_token token = *used;
    uint8_t nonce[TW_TOKEN_NONCE_SIZE];
    randombytes_buf(token.id, sizeof(token.id));
    randombytes_buf(nonce, sizeof(nonce));
    memcpy(token.psk, psk, TW_KEY_SIZE);
    memcpy(token.resumes, used->id, TW_TOKEN_ID_SIZE);
    token.issued_unix_s = attempt->now_unix_ms / 1000u;
    token.expires_unix_s = resume_until_unix_s(attempt);
    reply->resume_expires_unix_s = token.expires_unix_s;
    tw_token_seal(reply->resume_token, &token, key->id, key->key, nonce);
    sodium_memzero(&token, sizeof(token));
}

/* psk[TW_KEY_SIZE]: of the session's resume token. */
static enum tw_verdict derive(const struct tw_handshake_server *server, const uint8_t *hello2,
                              const struct tw_token *token, struct tw_agent_handshake_reply *reply,
                              uint8_t *psk)
{
    struct tw_session_secrets secrets;
    uint8_t ephemeral_secret[TW_KEY_SIZE];
    randombytes_buf(ephemeral_secret, sizeof(ephemeral_secret));
    struct tw_ephemeral_pair ephemeral = {ephemeral_secret, reply->server_ephemeral};
    bool ok = tw_handshake_derive(server, hello2, token, &ephemeral, &secrets);
    sodium_memzero(ephemeral_secret, sizeof(ephemeral_secret));
    if (ok) {
        memcpy(reply->secret_client_to_server, secrets.client_to_server, TW_KEY_SIZE);
        memcpy(reply->secret_server_to_client, secrets.server_to_client, TW_KEY_SIZE);
        memcpy(reply->confirm_key, secrets.confirm_key, TW_KEY_SIZE);
        memcpy(reply->confirm_iv, secrets.confirm_iv, TW_IV_SIZE);
        memcpy(reply->transcript, secrets.transcript, TW_HASH_SIZE);
        memcpy(psk, secrets.resume, TW_KEY_SIZE);
    }
    sodium_memzero(&secrets, sizeof(secrets));
    return ok ? TW_VERDICT_WELCOMED : TW_VERDICT_KEY_LOW_ORDER;
}

/* All that is asked before any public-key work. False: the store failed. */
static bool judge(struct tw_handshake_service *service, const uint8_t *hello2,
                  const struct tw_token *token, const struct tw_token_claim *claim,
                  struct tw_agent_handshake_reply *reply)
{
    enum tw_verdict verdict = TW_VERDICT_WELCOMED;
    if (service->lab)
        verdict = TW_VERDICT_LAB;
    else if (!check_history(service, claim, &verdict))
        return false;
    if (verdict == TW_VERDICT_WELCOMED)
        verdict = check_resume(service, hello2, token, &reply->resumes_id);
    if (verdict == TW_VERDICT_WELCOMED &&
        !check_ban(service, token->account, claim->now_unix_ms / 1000u, &verdict))
        return false;
    reply->verdict = verdict;
    return true;
}

/* What the token was sealed with tells which static key its holder knows. */
static enum tw_verdict check(const struct tw_handshake_service *service, struct attempt *attempt,
                             struct tw_token *token, uint8_t *suite)
{
    const struct tw_keys *keys = service->keys;
    enum tw_verdict verdict = TW_VERDICT_TOKEN_INVALID;
    attempt->server = (struct tw_handshake_server){
        .token_keys = attempt->token_keys,
        .audience = service->audience,
        .suites = service->suites,
        .world = service->world,
    };
    struct tw_hello2_arrival arrival = {
        .hello2 = attempt->request->hello2,
        .destination = &attempt->request->destination,
        .now_unix_s = attempt->now_unix_ms / 1000u,
    };
    for (size_t i = 0; i < keys->static_count && verdict == TW_VERDICT_TOKEN_INVALID; i++) {
        attempt->static_key = &keys->statics[i];
        attempt->server.static_secret = attempt->static_key->secret;
        attempt->server.token_key_count = tw_keys_of_static(keys, i, attempt->token_keys);
        verdict = tw_handshake_check(&attempt->server, &arrival, token, suite);
    }
    return verdict;
}

/* The token is claimed last: what is refused for any reason changes nothing. False: the store
 * failed. */
static bool decide(struct tw_handshake_service *service, struct attempt *attempt,
                   struct tw_token *token, struct tw_agent_handshake_reply *reply)
{
    const uint8_t *hello2 = attempt->request->hello2;
    reply->verdict = check(service, attempt, token, &reply->suite);
    if (reply->verdict != TW_VERDICT_WELCOMED)
        return true;
    struct tw_token_claim claim = claim_of(hello2, token, attempt->now_unix_ms);
    if (!judge(service, hello2, token, &claim, reply))
        return false;
    uint8_t psk[TW_KEY_SIZE];
    if (reply->verdict == TW_VERDICT_WELCOMED)
        reply->verdict = derive(&attempt->server, hello2, token, reply, psk);
    if (reply->verdict != TW_VERDICT_WELCOMED)
        return true;
    reply->world = token->world;
    reply->account = token->account;
    memcpy(reply->token_id, token->id, TW_TOKEN_ID_SIZE);
    issue_resume_token(attempt, token, psk, reply);
    sodium_memzero(psk, sizeof(psk));
    return tw_store_token_claim(service->store, &claim) == TW_STORE_OK;
}

static void refuse(const struct tw_agent_handshake_request *request, const struct tw_token *token,
                   struct tw_agent_handshake_reply *reply)
{
    enum tw_refusal refusal = tw_refusal_of_verdict((enum tw_verdict)reply->verdict);
    reply->suite = 0;
    reply->resumes_id = 0;
    if (refusal == TW_REFUSAL_NONE)
        return;
    tw_refused_write(reply->refused, refusal, request->hello2, token->psk, tw_crc32c_portable);
    reply->refused_size = TW_REFUSED_SIZE;
}

bool tw_handshake_service_answer(struct tw_handshake_service *service,
                                 const struct tw_agent_handshake_request *request,
                                 uint64_t now_unix_ms, struct tw_agent_handshake_reply *reply)
{
    struct attempt attempt = {.request = request, .now_unix_ms = now_unix_ms};
    struct tw_token token;
    memset(&token, 0, sizeof(token));
    memset(reply, 0, sizeof(*reply));
    reply->header = (struct tw_agent_header){
        .type = TW_AGENT_HANDSHAKE_REPLY, .version = TW_AGENT_VERSION, .length = sizeof(*reply)};
    reply->request = request->request;
    bool ok = decide(service, &attempt, &token, reply);
    if (ok && reply->verdict != TW_VERDICT_WELCOMED)
        refuse(request, &token, reply);
    sodium_memzero(&token, sizeof(token));
    sodium_memzero(&attempt, sizeof(attempt));
    if (ok)
        service->verdicts[reply->verdict]++;
    else
        sodium_memzero(reply, sizeof(*reply));
    return ok;
}
