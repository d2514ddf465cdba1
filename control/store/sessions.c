/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/sqlite.h"

#include <string.h>

enum tw_store_result tw_store_session_start(struct tw_store *store,
                                            const struct tw_session_row *row)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_SESSION_START);
    (void)sqlite3_bind_blob(statement, 1, row->token_id, TW_TOKEN_ID_SIZE, SQLITE_STATIC);
    tw_bind_u64(statement, 2, row->connection_id);
    tw_bind_u64(statement, 3, row->account);
    tw_bind_u64(statement, 4, row->started_unix_s);
    return tw_store_run(store, statement);
}

enum tw_store_result tw_store_session_end(struct tw_store *store, const struct tw_session_row *row)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_SESSION_END);
    (void)sqlite3_bind_blob(statement, 1, row->token_id, TW_TOKEN_ID_SIZE, SQLITE_STATIC);
    tw_bind_u64(statement, 2, row->connection_id);
    tw_bind_u64(statement, 3, row->ended_unix_s);
    tw_bind_u64(statement, 4, row->reason);
    return tw_store_run(store, statement);
}

static uint64_t read_row(sqlite3_stmt *statement, struct tw_session_row *row)
{
    memset(row, 0, sizeof(*row));
    const void *token_id = sqlite3_column_blob(statement, 1);
    if (token_id && sqlite3_column_bytes(statement, 1) == (int)TW_TOKEN_ID_SIZE)
        memcpy(row->token_id, token_id, TW_TOKEN_ID_SIZE);
    row->connection_id = (uint32_t)tw_column_u64(statement, 2);
    row->account = tw_column_u64(statement, 3);
    row->started_unix_s = tw_column_u64(statement, 4);
    row->ended_unix_s = tw_column_u64(statement, 5);
    row->reason = (uint32_t)tw_column_u64(statement, 6);
    return tw_column_u64(statement, 0);
}

enum tw_store_result tw_store_session_live(struct tw_store *store, uint64_t *after,
                                           struct tw_session_row *rows, size_t capacity,
                                           size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_SESSION_LIVE);
    tw_bind_u64(statement, 1, *after);
    tw_bind_u64(statement, 2, capacity);
    enum tw_store_result result;
    while ((result = tw_store_row(store, statement)) == TW_STORE_OK)
        *after = read_row(statement, &rows[(*count)++]);
    return result == TW_STORE_NOT_FOUND ? TW_STORE_OK : result;
}

enum tw_store_result tw_store_session_find(struct tw_store *store, uint32_t connection_id,
                                           struct tw_session_row *row)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_SESSION_FIND);
    tw_bind_u64(statement, 1, connection_id);
    enum tw_store_result result = tw_store_row(store, statement);
    if (result != TW_STORE_OK)
        return result;
    (void)read_row(statement, row);
    (void)sqlite3_reset(statement);
    return TW_STORE_OK;
}

enum tw_store_result tw_store_session_cleanup(struct tw_store *store, uint64_t before_unix_s,
                                              size_t batch)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_SESSION_CLEANUP);
    tw_bind_u64(statement, 1, before_unix_s);
    tw_bind_u64(statement, 2, batch);
    return tw_store_run(store, statement);
}
