/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/sqlite.h"

#include <stdio.h>
#include <string.h>

bool tw_account_name_valid(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    return length > 0 && length < TW_ACCOUNT_NAME_SIZE && strspn(name, allowed) == length;
}

static void read_account(sqlite3_stmt *statement, struct tw_account *account)
{
    memset(account, 0, sizeof(*account));
    account->id = tw_column_u64(statement, 0);
    snprintf(account->name, sizeof(account->name), "%s",
             (const char *)sqlite3_column_text(statement, 1));
    account->created_unix_s = tw_column_u64(statement, 2);
    account->banned_until_unix_s = tw_column_u64(statement, 3);
    snprintf(account->ban_reason, sizeof(account->ban_reason), "%s",
             (const char *)sqlite3_column_text(statement, 4));
}

enum tw_store_result tw_store_account_add(struct tw_store *store, const char *name,
                                          uint64_t now_unix_s, uint64_t *id)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_ACCOUNT_ADD);
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
    tw_bind_u64(statement, 2, now_unix_s);
    enum tw_store_result result = tw_store_run(store, statement);
    if (result != TW_STORE_OK)
        return result;
    if (sqlite3_changes(store->database) == 0)
        return TW_STORE_EXISTS;
    *id = (uint64_t)sqlite3_last_insert_rowid(store->database);
    return TW_STORE_OK;
}

static enum tw_store_result find_one(struct tw_store *store, sqlite3_stmt *statement,
                                     struct tw_account *account)
{
    enum tw_store_result result = tw_store_row(store, statement);
    if (result != TW_STORE_OK)
        return result;
    read_account(statement, account);
    (void)sqlite3_reset(statement);
    return TW_STORE_OK;
}

enum tw_store_result tw_store_account_by_name(struct tw_store *store, const char *name,
                                              struct tw_account *account)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_ACCOUNT_BY_NAME);
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
    return find_one(store, statement, account);
}

enum tw_store_result tw_store_account_by_id(struct tw_store *store, uint64_t id,
                                            struct tw_account *account)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_ACCOUNT_BY_ID);
    tw_bind_u64(statement, 1, id);
    return find_one(store, statement, account);
}

enum tw_store_result tw_store_account_list(struct tw_store *store, uint64_t after,
                                           struct tw_account *accounts, size_t capacity,
                                           size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_ACCOUNT_LIST);
    tw_bind_u64(statement, 1, after);
    tw_bind_u64(statement, 2, capacity);
    enum tw_store_result result;
    while ((result = tw_store_row(store, statement)) == TW_STORE_OK)
        read_account(statement, &accounts[(*count)++]);
    return result == TW_STORE_NOT_FOUND ? TW_STORE_OK : result;
}

enum tw_store_result tw_store_account_ban(struct tw_store *store, uint64_t id,
                                          uint64_t until_unix_s, const char *reason)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_ACCOUNT_BAN);
    tw_bind_u64(statement, 1, id);
    tw_bind_u64(statement, 2, until_unix_s);
    (void)sqlite3_bind_text(statement, 3, reason, -1, SQLITE_TRANSIENT);
    enum tw_store_result result = tw_store_run(store, statement);
    if (result == TW_STORE_OK && sqlite3_changes(store->database) == 0)
        return TW_STORE_NOT_FOUND;
    return result;
}
