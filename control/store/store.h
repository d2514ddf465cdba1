/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control plane must not forget: accounts, token and session history, what players'
 * conduct came to, filter rules.
 *
 * The functions below are the whole interface; sqlite.c implements it with one file in WAL mode,
 * synchronous NORMAL: what was committed survives kill -9 of this process (power loss may take
 * the last commits, never the file). Owned by the daemon's one thread. Writes between
 * tw_store_begin and tw_store_commit are one transaction; outside of it each is its own.
 *
 * Times: Unix seconds; pending_until in Unix milliseconds. Every call may fail with
 * TW_STORE_ERROR (disk full, file gone): tw_store_error tells; nothing was changed then.
 */
#ifndef TICKWIRE_CONTROL_STORE_STORE_H
#define TICKWIRE_CONTROL_STORE_STORE_H

#include "tickwire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_STORE_ERROR_SIZE 256u
/* 63 characters: fits a host name's rules, a table's column and a log line. */
#define TW_ACCOUNT_NAME_SIZE   64u
#define TW_ACCOUNT_REASON_SIZE 128u
/* A hello 2 that was answered keeps its token this long: 5 s that the engine waits for the first
 * authenticated packet, and 1 s for the way there and back. */
#define TW_STORE_PENDING_MS 6000u
/* A client that starts over with the same key (a new cookie, an answer that was lost) is answered
 * this long after the answer before: one token buys neither many sessions nor much public-key
 * work. Shorter than a client's patience, which asks again by itself. */
#define TW_STORE_RENEW_MS 1000u
/* Expired rows stay this long: the wall clock may step back a little. */
#define TW_STORE_EXPIRY_MARGIN_S 60u
/* session.reason of rows whose end nobody reported. */
#define TW_STORE_REASON_UNKNOWN 65535u

enum tw_store_result {
    TW_STORE_OK,
    TW_STORE_NOT_FOUND,
    TW_STORE_EXISTS,
    TW_STORE_FULL,
    TW_STORE_USED, /* token pending with another hello 2, or consumed */
    TW_STORE_BUSY, /* token claimed by the same attempt less than TW_STORE_RENEW_MS ago */
    TW_STORE_ERROR,
};

struct tw_store;

struct tw_account {
    uint64_t id;
    char name[TW_ACCOUNT_NAME_SIZE];
    uint64_t created_unix_s;
    uint64_t banned_until_unix_s; /* 0 = not banned, TW_BANNED_FOR_GOOD = no end */
    char ban_reason[TW_ACCOUNT_REASON_SIZE];
};
#define TW_BANNED_FOR_GOOD (UINT64_C(1) << 48)

struct tw_token_claim {
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    uint8_t hello_hash[TW_HASH_SIZE]; /* of what identifies the client's attempt */
    uint64_t expires_unix_s;
    uint64_t now_unix_ms;
};

struct tw_session_row {
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    uint32_t connection_id;
    uint64_t account;
    uint64_t started_unix_s;
    uint64_t ended_unix_s; /* 0 = live */
    uint32_t reason;       /* enum tw_close_reason or TW_STORE_REASON_UNKNOWN */
};

/* What the sessions of an account came to, when it was noted; it decays from then on. */
struct tw_conduct_row {
    uint64_t account;
    uint32_t score;  /* points; 0: an operator reset it */
    uint32_t stage;  /* enum tw_conduct_stage */
    uint32_t charge; /* enum tw_conduct_event: the newest charge */
    uint64_t noted_unix_ms;
    uint64_t over_unix_s; /* nothing is left of it then */
    uint32_t reset;       /* number of the newest one (tickwire/conduct.h); 0: none */
};

/* Longest text of a filter rule, with its end. */
#define TW_STORE_RULE_SIZE 256u

struct tw_filter_row {
    uint64_t id;
    char rule[TW_STORE_RULE_SIZE];
    uint64_t created_unix_s;
};

/* NULL: see error. Creates the file; refuses a schema newer than this program's. */
struct tw_store *tw_store_open(const char *path, uint64_t token_history_max,
                               char error[TW_STORE_ERROR_SIZE]);
void tw_store_close(struct tw_store *store);
/* Of the newest TW_STORE_ERROR. */
const char *tw_store_error(const struct tw_store *store);

enum tw_store_result tw_store_begin(struct tw_store *store);
enum tw_store_result tw_store_commit(struct tw_store *store);
void tw_store_rollback(struct tw_store *store);

/* ---- accounts (accounts.c) ----------------------------------------------------------------- */

/* 1..63 of A-Z a-z 0-9 . _ - */
bool tw_account_name_valid(const char *name);

enum tw_store_result tw_store_account_add(struct tw_store *store, const char *name,
                                          uint64_t now_unix_s, uint64_t *id);
enum tw_store_result tw_store_account_by_name(struct tw_store *store, const char *name,
                                              struct tw_account *account);
enum tw_store_result tw_store_account_by_id(struct tw_store *store, uint64_t id,
                                            struct tw_account *account);
/* Up to `capacity` accounts with an id above `after`, in order of id. */
enum tw_store_result tw_store_account_list(struct tw_store *store, uint64_t after,
                                           struct tw_account *accounts, size_t capacity,
                                           size_t *count);
/* until_unix_s = 0 lifts the ban. */
enum tw_store_result tw_store_account_ban(struct tw_store *store, uint64_t id,
                                          uint64_t until_unix_s, const char *reason);

/* ---- token history (tokens.c) -------------------------------------------------------------- */

/* OK: fresh, or the same attempt again, or an earlier one that was never confirmed.
 * USED, FULL, BUSY: refused. Changes nothing. */
enum tw_store_result tw_store_token_check(struct tw_store *store,
                                          const struct tw_token_claim *claim);
/* The same, and OK makes it pending. Never evicts a token that has not expired. */
enum tw_store_result tw_store_token_claim(struct tw_store *store,
                                          const struct tw_token_claim *claim);
/* Marks it consumed by a connection; unknown tokens are written, too (expiry `expires_unix_s`).
 * Saying it again changes nothing. USED: another connection consumed it before. */
enum tw_store_result tw_store_token_consume(struct tw_store *store,
                                            const uint8_t token_id[TW_TOKEN_ID_SIZE],
                                            uint32_t connection_id, uint64_t expires_unix_s);
/* Removes at most `batch` expired rows; *removed tells how many. */
enum tw_store_result tw_store_token_cleanup(struct tw_store *store, uint64_t now_unix_s,
                                            size_t batch, size_t *removed);
uint64_t tw_store_token_count(const struct tw_store *store);

/* ---- session history (sessions.c) ---------------------------------------------------------- */

/* Idempotent: the key is (token, connection). */
enum tw_store_result tw_store_session_start(struct tw_store *store,
                                            const struct tw_session_row *row);
/* Also corrects an end that was only guessed (TW_STORE_REASON_UNKNOWN). */
enum tw_store_result tw_store_session_end(struct tw_store *store, const struct tw_session_row *row);
/* Live rows, up to `capacity`, with a row number above *after; advances *after. */
enum tw_store_result tw_store_session_live(struct tw_store *store, uint64_t *after,
                                           struct tw_session_row *rows, size_t capacity,
                                           size_t *count);
/* Newest row of a connection id. */
enum tw_store_result tw_store_session_find(struct tw_store *store, uint32_t connection_id,
                                           struct tw_session_row *row);
/* Removes at most `batch` rows that ended before `before_unix_s`. */
enum tw_store_result tw_store_session_cleanup(struct tw_store *store, uint64_t before_unix_s,
                                              size_t batch);

/* ---- conduct (conduct.c) -------------------------------------------------------------------- */

/* In the place of what there was of the account. */
enum tw_store_result tw_store_conduct_put(struct tw_store *store, const struct tw_conduct_row *row);
/* Not found: *row is all zero. */
enum tw_store_result tw_store_conduct_find(struct tw_store *store, uint64_t account,
                                           struct tw_conduct_row *row);
/* Up to `capacity` rows from account `from` on. Accounts of other issuers may be any number, and
 * SQLite's have a sign: the order begins with 2^63, and 0 follows the largest. */
#define TW_STORE_CONDUCT_FIRST (UINT64_C(1) << 63)
enum tw_store_result tw_store_conduct_list(struct tw_store *store, uint64_t from,
                                           struct tw_conduct_row *rows, size_t capacity,
                                           size_t *count);
/* Removes at most `batch` rows that are over. */
enum tw_store_result tw_store_conduct_cleanup(struct tw_store *store, uint64_t now_unix_s,
                                              size_t batch);

/* ---- filter rules (filters.c) -------------------------------------------------------------- */

/* Ids grow and are never given twice. */
enum tw_store_result tw_store_filter_add(struct tw_store *store, const char *rule,
                                         uint64_t now_unix_s, uint64_t *id);
enum tw_store_result tw_store_filter_remove(struct tw_store *store, uint64_t id);
/* Up to `capacity` rules with an id above `after`, in order of id. */
enum tw_store_result tw_store_filter_list(struct tw_store *store, uint64_t after,
                                          struct tw_filter_row *rows, size_t capacity,
                                          size_t *count);

#endif
