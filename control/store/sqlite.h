/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the SQLite store: the connection, its prepared statements and their helpers.
 * Included by the store's own sources only.
 */
#ifndef TICKWIRE_CONTROL_STORE_SQLITE_H
#define TICKWIRE_CONTROL_STORE_SQLITE_H

#include "control/store/store.h"

#include <sqlite3.h>

/* clang-format off */
#define TW_STATEMENTS(X)                                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                   \
    X(COMMIT, "COMMIT")                                                                           \
    X(ROLLBACK, "ROLLBACK")                                                                       \
    X(ACCOUNT_ADD, "INSERT INTO accounts(name, created) VALUES(?1, ?2) ON CONFLICT DO NOTHING")   \
    X(ACCOUNT_BY_NAME,                                                                            \
      "SELECT id, name, created, banned_until, ban_reason FROM accounts WHERE name = ?1")         \
    X(ACCOUNT_BY_ID,                                                                              \
      "SELECT id, name, created, banned_until, ban_reason FROM accounts WHERE id = ?1")           \
    X(ACCOUNT_LIST, "SELECT id, name, created, banned_until, ban_reason FROM accounts "           \
                    "WHERE id > ?1 ORDER BY id LIMIT ?2")                                         \
    X(ACCOUNT_BAN, "UPDATE accounts SET banned_until = ?2, ban_reason = ?3 WHERE id = ?1")        \
    X(TOKEN_FIND, "SELECT hello_hash, state, pending_until, connection FROM token_history "       \
                  "WHERE token_id = ?1")                                                          \
    X(TOKEN_ADD, "INSERT INTO token_history(token_id, hello_hash, state, pending_until, expires, "\
                 "connection) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                                    \
    X(TOKEN_CLAIM, "UPDATE token_history SET hello_hash = ?2, pending_until = ?3 "                \
                   "WHERE token_id = ?1")                                                         \
    X(TOKEN_CONSUME, "UPDATE token_history SET state = 1, connection = ?2 WHERE token_id = ?1")   \
    X(TOKEN_COUNT, "SELECT COUNT(*) FROM token_history")                                          \
    X(TOKEN_CLEANUP, "DELETE FROM token_history WHERE token_id IN "                               \
                     "(SELECT token_id FROM token_history WHERE expires < ?1 LIMIT ?2)")          \
    X(SESSION_START, "INSERT INTO sessions(token_id, connection, account, started) "              \
                     "VALUES(?1, ?2, ?3, ?4) ON CONFLICT(token_id, connection) DO UPDATE "        \
                     "SET ended = 0, reason = 0 WHERE reason = 65535")                            \
    X(SESSION_END, "UPDATE sessions SET ended = ?3, reason = ?4 WHERE token_id = ?1 "             \
                   "AND connection = ?2 AND (ended = 0 OR reason = 65535)")                       \
    X(SESSION_LIVE, "SELECT id, token_id, connection, account, started, ended, reason "           \
                    "FROM sessions WHERE ended = 0 AND id > ?1 ORDER BY id LIMIT ?2")             \
    X(SESSION_FIND, "SELECT id, token_id, connection, account, started, ended, reason "           \
                    "FROM sessions WHERE connection = ?1 ORDER BY id DESC LIMIT 1")               \
    X(SESSION_CLEANUP, "DELETE FROM sessions WHERE id IN "                                        \
                       "(SELECT id FROM sessions WHERE ended > 0 AND ended < ?1 LIMIT ?2)")       \
    X(CONDUCT_PUT, "INSERT OR REPLACE INTO conduct(account, score, stage, charge, noted, over, "  \
                   "reset) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                   \
    X(CONDUCT_FIND,                                                                               \
      "SELECT account, score, stage, charge, noted, over, reset FROM conduct WHERE account = ?1") \
    X(CONDUCT_LIST, "SELECT account, score, stage, charge, noted, over, reset FROM conduct "      \
                    "WHERE account >= ?1 ORDER BY account LIMIT ?2")                              \
    X(CONDUCT_CLEANUP, "DELETE FROM conduct WHERE account IN "                                    \
                       "(SELECT account FROM conduct WHERE over < ?1 LIMIT ?2)")                  \
    X(FILTER_ADD, "INSERT INTO filters(rule, created) VALUES(?1, ?2)")                            \
    X(FILTER_REMOVE, "DELETE FROM filters WHERE id = ?1")                                         \
    X(FILTER_LIST, "SELECT id, rule, created FROM filters WHERE id > ?1 ORDER BY id LIMIT ?2")
/* clang-format on */

enum tw_statement {
#define TW_X(name, sql) TW_STATEMENT_##name,
    TW_STATEMENTS(TW_X)
#undef TW_X
        TW_STATEMENT_COUNT
};

struct tw_store {
    sqlite3 *database;
    sqlite3_stmt *statements[TW_STATEMENT_COUNT];
    uint64_t token_count; /* rows of token_history, expired ones included */
    uint64_t token_history_max;
    uint64_t token_count_at_begin; /* restored by a rollback */
    char error[TW_STORE_ERROR_SIZE];
};

/* A reset statement with cleared bindings. */
sqlite3_stmt *tw_store_statement(struct tw_store *store, enum tw_statement which);
/* Steps a statement that yields no rows, and resets it. */
enum tw_store_result tw_store_run(struct tw_store *store, sqlite3_stmt *statement);
/* Steps a query: OK = a row is there, NOT_FOUND = done, ERROR. */
enum tw_store_result tw_store_row(struct tw_store *store, sqlite3_stmt *statement);
/* Keeps SQLite's message, resets the statement, returns TW_STORE_ERROR. */
enum tw_store_result tw_store_fail(struct tw_store *store, sqlite3_stmt *statement);

static inline void tw_bind_u64(sqlite3_stmt *statement, int index, uint64_t value)
{
    (void)sqlite3_bind_int64(statement, index, (sqlite3_int64)value);
}

static inline uint64_t tw_column_u64(sqlite3_stmt *statement, int index)
{
    return (uint64_t)sqlite3_column_int64(statement, index);
}

#endif
