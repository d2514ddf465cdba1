/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/sqlite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Step n takes a database of schema version n to the next one; a new file has version 0. */
static const char *const schema_steps[] = {
    "BEGIN IMMEDIATE;"
    "CREATE TABLE accounts("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL,"
    " banned_until INTEGER NOT NULL DEFAULT 0,"
    " ban_reason TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE token_history("
    " token_id BLOB PRIMARY KEY NOT NULL,"
    " hello_hash BLOB NOT NULL,"
    " state INTEGER NOT NULL," /* 0 pending, 1 consumed */
    " pending_until INTEGER NOT NULL,"
    " expires INTEGER NOT NULL,"
    " connection INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX token_expires ON token_history(expires);"
    "CREATE TABLE sessions("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " token_id BLOB NOT NULL,"
    " connection INTEGER NOT NULL,"
    " account INTEGER NOT NULL,"
    " started INTEGER NOT NULL,"
    " ended INTEGER NOT NULL DEFAULT 0,"
    " reason INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(token_id, connection));"
    "CREATE INDEX session_connection ON sessions(connection);"
    "CREATE INDEX session_ended ON sessions(ended);"
    "PRAGMA user_version = 1;"
    "COMMIT;",
    /* filter rules */
    "BEGIN IMMEDIATE;"
    "CREATE TABLE filters("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " rule TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL);"
    "PRAGMA user_version = 2;"
    "COMMIT;",
    /* conduct */
    "BEGIN IMMEDIATE;"
    "CREATE TABLE conduct("
    " account INTEGER PRIMARY KEY,"
    " score INTEGER NOT NULL,"
    " stage INTEGER NOT NULL,"
    " charge INTEGER NOT NULL,"
    " noted INTEGER NOT NULL,"
    " over INTEGER NOT NULL,"
    " reset INTEGER NOT NULL);"
    "CREATE INDEX conduct_over ON conduct(over);"
    "PRAGMA user_version = 3;"
    "COMMIT;",
};
#define SCHEMA_VERSION ((int)(sizeof(schema_steps) / sizeof(schema_steps[0])))

static const char *const statement_sql[TW_STATEMENT_COUNT] = {
#define TW_X(name, sql) sql,
    TW_STATEMENTS(TW_X)
#undef TW_X
};

sqlite3_stmt *tw_store_statement(struct tw_store *store, enum tw_statement which)
{
    return store->statements[which];
}

enum tw_store_result tw_store_fail(struct tw_store *store, sqlite3_stmt *statement)
{
    snprintf(store->error, sizeof(store->error), "%s", sqlite3_errmsg(store->database));
    if (statement)
        (void)sqlite3_reset(statement);
    return TW_STORE_ERROR;
}

enum tw_store_result tw_store_row(struct tw_store *store, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return TW_STORE_OK;
    if (result != SQLITE_DONE)
        return tw_store_fail(store, statement);
    (void)sqlite3_reset(statement);
    return TW_STORE_NOT_FOUND;
}

enum tw_store_result tw_store_run(struct tw_store *store, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        return tw_store_fail(store, statement);
    (void)sqlite3_reset(statement);
    return TW_STORE_OK;
}

enum tw_store_result tw_store_begin(struct tw_store *store)
{
    store->token_count_at_begin = store->token_count;
    return tw_store_run(store, tw_store_statement(store, TW_STATEMENT_BEGIN));
}

enum tw_store_result tw_store_commit(struct tw_store *store)
{
    return tw_store_run(store, tw_store_statement(store, TW_STATEMENT_COMMIT));
}

void tw_store_rollback(struct tw_store *store)
{
    /* Some errors have rolled back already; then there is nothing to do. */
    if (!sqlite3_get_autocommit(store->database))
        (void)tw_store_run(store, tw_store_statement(store, TW_STATEMENT_ROLLBACK));
    store->token_count = store->token_count_at_begin;
}

static bool read_user_version(struct tw_store *store, int *version)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->database, "PRAGMA user_version", -1, &statement, NULL) !=
        SQLITE_OK)
        return false;
    bool ok = sqlite3_step(statement) == SQLITE_ROW;
    if (ok)
        *version = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return ok;
}

/* False: store->error tells. */
static bool prepare_schema(struct tw_store *store)
{
    static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                  "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;";
    int version = 0;
    /* Another process may hold the file for a moment (a backup): wait, do not fail. */
    (void)sqlite3_busy_timeout(store->database, 2000);
    if (sqlite3_exec(store->database, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
        !read_user_version(store, &version)) {
        (void)tw_store_fail(store, NULL);
        return false;
    }
    if (version > SCHEMA_VERSION) {
        snprintf(store->error, sizeof(store->error),
                 "schema version %d is newer than this program's %d", version, SCHEMA_VERSION);
        return false;
    }
    for (; version < SCHEMA_VERSION; version++) {
        if (sqlite3_exec(store->database, schema_steps[version], NULL, NULL, NULL) != SQLITE_OK) {
            (void)tw_store_fail(store, NULL);
            return false;
        }
    }
    return true;
}

static bool prepare_statements(struct tw_store *store)
{
    for (size_t i = 0; i < TW_STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(store->database, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK) {
            (void)tw_store_fail(store, NULL);
            return false;
        }
    }
    return true;
}

static bool count_tokens(struct tw_store *store)
{
    sqlite3_stmt *statement = tw_store_statement(store, TW_STATEMENT_TOKEN_COUNT);
    if (tw_store_row(store, statement) != TW_STORE_OK)
        return false;
    store->token_count = tw_column_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return true;
}

/* SQLite creates files by umask; account names and sessions are nobody else's business. */
static bool create_private(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    (void)close(file);
    return true;
}

struct tw_store *tw_store_open(const char *path, uint64_t token_history_max,
                               char error[TW_STORE_ERROR_SIZE])
{
    struct tw_store *store = calloc(1, sizeof(*store));
    if (!store) {
        snprintf(error, TW_STORE_ERROR_SIZE, "out of memory");
        return NULL;
    }
    store->token_history_max = token_history_max;
    if (!create_private(path)) {
        snprintf(store->error, sizeof(store->error), "%m");
    } else if (sqlite3_open_v2(path, &store->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                               NULL) != SQLITE_OK) {
        (void)tw_store_fail(store, NULL);
    } else if (prepare_schema(store) && prepare_statements(store) && count_tokens(store)) {
        return store;
    }
    snprintf(error, TW_STORE_ERROR_SIZE, "%s", store->error);
    tw_store_close(store);
    return NULL;
}

void tw_store_close(struct tw_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < TW_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->database);
    free(store);
}

const char *tw_store_error(const struct tw_store *store)
{
    return store->error;
}
