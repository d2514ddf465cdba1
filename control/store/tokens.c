/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/sqlite.h"

#include <sodium.h>
#include <string.h>

#define STATE_PENDING  0u
#define STATE_CONSUMED 1u

struct token_row {
    uint8_t hello_hash[TW_HASH_SIZE];
    uint64_t state;
    uint64_t pending_until_ms;
    uint32_t connection_id;
};

static enum tw_store_result find_token(struct tw_store *store, const uint8_t *token_id,
                                       struct token_row *row)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_TOKEN_FIND);
    (void)sqlite3_bind_blob(statement, 1, token_id, TW_TOKEN_ID_SIZE, SQLITE_STATIC);
    enum tw_store_result result = tw_store_row(store, statement);
    if (result != TW_STORE_OK)
        return result;
    memset(row, 0, sizeof(*row));
    const void *hash = sqlite3_column_blob(statement, 0);
    if (hash && sqlite3_column_bytes(statement, 0) == (int)TW_HASH_SIZE)
        memcpy(row->hello_hash, hash, TW_HASH_SIZE);
    row->state = tw_column_u64(statement, 1);
    row->pending_until_ms = tw_column_u64(statement, 2);
    row->connection_id = (uint32_t)tw_column_u64(statement, 3);
    (void)sqlite3_reset(statement);
    return TW_STORE_OK;
}

static enum tw_store_result add_token(struct tw_store *store, const struct tw_token_claim *claim,
                                      uint64_t state, uint32_t connection_id)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_TOKEN_ADD);
    (void)sqlite3_bind_blob(statement, 1, claim->token_id, TW_TOKEN_ID_SIZE, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 2, claim->hello_hash, TW_HASH_SIZE, SQLITE_STATIC);
    tw_bind_u64(statement, 3, state);
    tw_bind_u64(statement, 4, claim->now_unix_ms + TW_STORE_PENDING_MS);
    tw_bind_u64(statement, 5, claim->expires_unix_s);
    tw_bind_u64(statement, 6, connection_id);
    enum tw_store_result result = tw_store_run(store, statement);
    if (result == TW_STORE_OK)
        store->token_count++;
    return result;
}

static enum tw_store_result renew_claim(struct tw_store *store, const struct tw_token_claim *claim)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_TOKEN_CLAIM);
    (void)sqlite3_bind_blob(statement, 1, claim->token_id, TW_TOKEN_ID_SIZE, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 2, claim->hello_hash, TW_HASH_SIZE, SQLITE_STATIC);
    tw_bind_u64(statement, 3, claim->now_unix_ms + TW_STORE_PENDING_MS);
    return tw_store_run(store, statement);
}

/* OK: *known tells whether there is a row. */
static enum tw_store_result judge(struct tw_store *store, const struct tw_token_claim *claim,
                                  bool *known)
{
    struct token_row row;
    enum tw_store_result result = find_token(store, claim->token_id, &row);
    *known = result == TW_STORE_OK;
    if (result == TW_STORE_NOT_FOUND)
        return store->token_count >= store->token_history_max ? TW_STORE_FULL : TW_STORE_OK;
    if (result != TW_STORE_OK)
        return result;
    bool same = sodium_memcmp(row.hello_hash, claim->hello_hash, TW_HASH_SIZE) == 0;
    if (row.state != STATE_PENDING || (!same && claim->now_unix_ms < row.pending_until_ms))
        return TW_STORE_USED;
    /* A wall clock that stepped back gives a huge difference: no reason to wait for it. */
    if (same && claim->now_unix_ms + TW_STORE_PENDING_MS - row.pending_until_ms < TW_STORE_RENEW_MS)
        return TW_STORE_BUSY;
    return TW_STORE_OK;
}

enum tw_store_result tw_store_token_check(struct tw_store *store,
                                          const struct tw_token_claim *claim)
{
    bool known;
    return judge(store, claim, &known);
}

enum tw_store_result tw_store_token_claim(struct tw_store *store,
                                          const struct tw_token_claim *claim)
{
    bool known;
    enum tw_store_result result = judge(store, claim, &known);
    if (result != TW_STORE_OK)
        return result;
    return known ? renew_claim(store, claim) : add_token(store, claim, STATE_PENDING, 0);
}

enum tw_store_result tw_store_token_consume(struct tw_store *store,
                                            const uint8_t token_id[TW_TOKEN_ID_SIZE],
                                            uint32_t connection_id, uint64_t expires_unix_s)
{
    struct token_row row;
    enum tw_store_result result = find_token(store, token_id, &row);
    if (result == TW_STORE_NOT_FOUND) {
        /* The session exists, so its token was used: recorded even when the history is full. */
        struct tw_token_claim claim = {.expires_unix_s = expires_unix_s};
        memcpy(claim.token_id, token_id, TW_TOKEN_ID_SIZE);
        return add_token(store, &claim, STATE_CONSUMED, connection_id);
    }
    if (result != TW_STORE_OK)
        return result;
    if (row.state == STATE_CONSUMED)
        return row.connection_id == connection_id ? TW_STORE_OK : TW_STORE_USED;
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_TOKEN_CONSUME);
    (void)sqlite3_bind_blob(statement, 1, token_id, TW_TOKEN_ID_SIZE, SQLITE_STATIC);
    tw_bind_u64(statement, 2, connection_id);
    return tw_store_run(store, statement);
}

enum tw_store_result tw_store_token_cleanup(struct tw_store *store, uint64_t now_unix_s,
                                            size_t batch, size_t *removed)
{
    *removed = 0;
    if (now_unix_s < TW_STORE_EXPIRY_MARGIN_S)
        return TW_STORE_OK;
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_TOKEN_CLEANUP);
    tw_bind_u64(statement, 1, now_unix_s - TW_STORE_EXPIRY_MARGIN_S);
    tw_bind_u64(statement, 2, batch);
    enum tw_store_result result = tw_store_run(store, statement);
    if (result != TW_STORE_OK)
        return result;
    *removed = (size_t)sqlite3_changes(store->database);
    store->token_count -= *removed;
    return TW_STORE_OK;
}

uint64_t tw_store_token_count(const struct tw_store *store)
{
    return store->token_count;
}
