/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/sqlite.h"

#include <stdio.h>

enum tw_store_result tw_store_filter_add(struct tw_store *store, const char *rule,
                                         uint64_t now_unix_s, uint64_t *id)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_FILTER_ADD);
    (void)sqlite3_bind_text(statement, 1, rule, -1, SQLITE_TRANSIENT);
    tw_bind_u64(statement, 2, now_unix_s);
    enum tw_store_result result = tw_store_run(store, statement);
    if (result == TW_STORE_OK)
        *id = (uint64_t)sqlite3_last_insert_rowid(store->database);
    return result;
}

enum tw_store_result tw_store_filter_remove(struct tw_store *store, uint64_t id)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_FILTER_REMOVE);
    tw_bind_u64(statement, 1, id);
    enum tw_store_result result = tw_store_run(store, statement);
    if (result == TW_STORE_OK && sqlite3_changes(store->database) == 0)
        return TW_STORE_NOT_FOUND;
    return result;
}

static void read_filter(sqlite3_stmt *statement, struct tw_filter_row *row)
{
    const unsigned char *rule = sqlite3_column_text(statement, 1);
    row->id = tw_column_u64(statement, 0);
    snprintf(row->rule, sizeof(row->rule), "%s", rule ? (const char *)rule : "");
    row->created_unix_s = tw_column_u64(statement, 2);
}

enum tw_store_result tw_store_filter_list(struct tw_store *store, uint64_t after,
                                          struct tw_filter_row *rows, size_t capacity,
                                          size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_FILTER_LIST);
    tw_bind_u64(statement, 1, after);
    tw_bind_u64(statement, 2, capacity);
    enum tw_store_result result;
    while ((result = tw_store_row(store, statement)) == TW_STORE_OK)
        read_filter(statement, &rows[(*count)++]);
    return result == TW_STORE_NOT_FOUND ? TW_STORE_OK : result;
}
