/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/sqlite.h"

#include <string.h>

static void read_row(sqlite3_stmt *statement, struct tw_conduct_row *row)
{
    *row = (struct tw_conduct_row){
        .account = tw_column_u64(statement, 0),
        .score = (uint32_t)tw_column_u64(statement, 1),
        .stage = (uint32_t)tw_column_u64(statement, 2),
        .charge = (uint32_t)tw_column_u64(statement, 3),
        .noted_unix_ms = tw_column_u64(statement, 4),
        .over_unix_s = tw_column_u64(statement, 5),
        .reset = (uint32_t)tw_column_u64(statement, 6),
    };
}

enum tw_store_result tw_store_conduct_find(struct tw_store *store, uint64_t account,
                                           struct tw_conduct_row *row)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_CONDUCT_FIND);
    memset(row, 0, sizeof(*row));
    tw_bind_u64(statement, 1, account);
    enum tw_store_result result = tw_store_row(store, statement);
    if (result != TW_STORE_OK)
        return result;
    read_row(statement, row);
    (void)sqlite3_reset(statement);
    return TW_STORE_OK;
}

enum tw_store_result tw_store_conduct_put(struct tw_store *store, const struct tw_conduct_row *row)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_CONDUCT_PUT);
    tw_bind_u64(statement, 1, row->account);
    tw_bind_u64(statement, 2, row->score);
    tw_bind_u64(statement, 3, row->stage);
    tw_bind_u64(statement, 4, row->charge);
    tw_bind_u64(statement, 5, row->noted_unix_ms);
    tw_bind_u64(statement, 6, row->over_unix_s);
    tw_bind_u64(statement, 7, row->reset);
    return tw_store_run(store, statement);
}

enum tw_store_result tw_store_conduct_list(struct tw_store *store, uint64_t from,
                                           struct tw_conduct_row *rows, size_t capacity,
                                           size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_CONDUCT_LIST);
    tw_bind_u64(statement, 1, from);
    tw_bind_u64(statement, 2, capacity);
    enum tw_store_result result;
    while ((result = tw_store_row(store, statement)) == TW_STORE_OK)
        read_row(statement, &rows[(*count)++]);
    return result == TW_STORE_NOT_FOUND ? TW_STORE_OK : result;
}

enum tw_store_result tw_store_conduct_cleanup(struct tw_store *store, uint64_t now_unix_s,
                                              size_t batch)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_CONDUCT_CLEANUP);
    tw_bind_u64(statement, 1, now_unix_s);
    tw_bind_u64(statement, 2, batch);
    return tw_store_run(store, statement);
}
