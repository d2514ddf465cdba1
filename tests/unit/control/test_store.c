/* SPDX-License-Identifier: BSD-3-Clause */
/* Store: token life, also across kill -9; a full history; expiry; accounts; sessions; filter rules;
 * schema.
 */
#include "control/store/sqlite.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_S  UINT64_C(1800000000)
#define NOW_MS (NOW_S * 1000u)

struct place {
    char directory[64];
    char path[96];
    struct tw_store *store;
};

static struct tw_store *open_store(const char *path, uint64_t history_max)
{
    char error[TW_STORE_ERROR_SIZE] = "";
    struct tw_store *store = tw_store_open(path, history_max, error);
    if (!store)
        print_message("%s\n", error);
    return store;
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    snprintf(place->directory, sizeof(place->directory), "/tmp/tickwire-store-XXXXXX");
    if (!mkdtemp(place->directory))
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/db", place->directory);
    place->store = open_store(place->path, 4);
    *state = place;
    return place->store ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct place *place = *state;
    tw_store_close(place->store);
    for (size_t i = 0; i < 3; i++) {
        char path[112];
        snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(place->directory);
    free(place);
    return 0;
}

static struct tw_token_claim claim_of(uint8_t token, uint8_t hello, uint64_t now_ms)
{
    struct tw_token_claim claim = {.expires_unix_s = NOW_S + 60, .now_unix_ms = now_ms};
    memset(claim.token_id, token, sizeof(claim.token_id));
    memset(claim.hello_hash, hello, sizeof(claim.hello_hash));
    return claim;
}

static enum tw_store_result claim(struct tw_store *store, uint8_t token, uint8_t hello,
                                  uint64_t now_ms)
{
    struct tw_token_claim wanted = claim_of(token, hello, now_ms);
    return tw_store_token_claim(store, &wanted);
}

static enum tw_store_result consume(struct tw_store *store, uint8_t token, uint32_t connection_id)
{
    uint8_t id[TW_TOKEN_ID_SIZE];
    memset(id, token, sizeof(id));
    return tw_store_token_consume(store, id, connection_id, NOW_S + 60);
}

static void test_token_life(void **state)
{
    struct tw_store *store = ((struct place *)*state)->store;
    /* 1 fresh, 2 repeated, 3 another key while pending */
    assert_int_equal(claim(store, 1, 1, NOW_MS), TW_STORE_OK);
    uint64_t again_ms = NOW_MS + TW_STORE_RENEW_MS;
    assert_int_equal(claim(store, 1, 1, again_ms - 1), TW_STORE_BUSY);
    assert_int_equal(claim(store, 1, 1, again_ms), TW_STORE_OK);
    assert_int_equal(claim(store, 1, 1, again_ms), TW_STORE_BUSY);
    assert_int_equal(claim(store, 1, 2, again_ms + 1), TW_STORE_USED);
    /* 4 the last moment of pending, 5 the first moment after: never confirmed, so free again */
    uint64_t end_ms = again_ms + TW_STORE_PENDING_MS;
    assert_int_equal(claim(store, 1, 2, end_ms - 1), TW_STORE_USED);
    struct tw_token_claim only_asked = claim_of(1, 2, end_ms);
    assert_int_equal(tw_store_token_check(store, &only_asked), TW_STORE_OK);
    only_asked = claim_of(2, 1, end_ms);
    assert_int_equal(tw_store_token_check(store, &only_asked), TW_STORE_OK);
    assert_int_equal(tw_store_token_count(store), 1);
    assert_int_equal(claim(store, 1, 2, end_ms), TW_STORE_OK);
    /* 6 now the first owner is the other one */
    assert_int_equal(claim(store, 1, 1, end_ms + 1), TW_STORE_USED);
    /* a wall clock that stepped back does not keep its owner waiting */
    assert_int_equal(claim(store, 1, 2, end_ms - 60000), TW_STORE_OK);
    /* 7 consumed: nobody, neither the same attempt nor later */
    assert_int_equal(consume(store, 1, 0x00100001), TW_STORE_OK);
    assert_int_equal(claim(store, 1, 2, end_ms + 2), TW_STORE_USED);
    assert_int_equal(claim(store, 1, 2, end_ms + 10 * TW_STORE_PENDING_MS), TW_STORE_USED);
    /* 8 said again by the same connection, 9 by another one */
    assert_int_equal(consume(store, 1, 0x00100001), TW_STORE_OK);
    assert_int_equal(consume(store, 1, 0x00100002), TW_STORE_USED);
    /* 10 a session whose token was never claimed here (database lost): recorded */
    assert_int_equal(consume(store, 9, 0x00100003), TW_STORE_OK);
    assert_int_equal(claim(store, 9, 1, NOW_MS), TW_STORE_USED);
    assert_int_equal(tw_store_token_count(store), 2);
}

static void test_full_history_refuses(void **state)
{
    struct tw_store *store = ((struct place *)*state)->store;
    for (uint8_t token = 1; token <= 4; token++)
        assert_int_equal(claim(store, token, 1, NOW_MS), TW_STORE_OK);
    assert_int_equal(claim(store, 5, 1, NOW_MS), TW_STORE_FULL);
    /* what is known goes on */
    assert_int_equal(claim(store, 4, 1, NOW_MS + TW_STORE_RENEW_MS), TW_STORE_OK);
    assert_int_equal(claim(store, 4, 2, NOW_MS), TW_STORE_USED);
    /* nothing is evicted before it expired */
    size_t removed = 99;
    assert_int_equal(tw_store_token_cleanup(store, NOW_S + 60, 10, &removed), TW_STORE_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(claim(store, 5, 1, NOW_MS), TW_STORE_FULL);
}

static void test_expired_rows_go_in_batches(void **state)
{
    struct tw_store *store = ((struct place *)*state)->store;
    uint64_t later_s = NOW_S + 60 + TW_STORE_EXPIRY_MARGIN_S;
    size_t removed = 99;
    for (uint8_t token = 1; token <= 4; token++)
        assert_int_equal(claim(store, token, 1, NOW_MS), TW_STORE_OK);
    assert_int_equal(tw_store_token_cleanup(store, later_s, 3, &removed), TW_STORE_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(tw_store_token_cleanup(store, later_s + 1, 3, &removed), TW_STORE_OK);
    assert_int_equal(removed, 3);
    assert_int_equal(tw_store_token_count(store), 1);
    assert_int_equal(tw_store_token_cleanup(store, later_s + 1, 3, &removed), TW_STORE_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(claim(store, 5, 1, later_s * 1000), TW_STORE_OK);
}

static void test_rollback_forgets(void **state)
{
    struct tw_store *store = ((struct place *)*state)->store;
    assert_int_equal(tw_store_begin(store), TW_STORE_OK);
    assert_int_equal(claim(store, 1, 1, NOW_MS), TW_STORE_OK);
    assert_int_equal(tw_store_token_count(store), 1);
    tw_store_rollback(store);
    assert_int_equal(tw_store_token_count(store), 0);
    assert_int_equal(claim(store, 1, 2, NOW_MS), TW_STORE_OK);
}

/* The child commits and dies at once, without closing anything. */
static void consume_and_die(const char *path)
{
    struct tw_store *store = open_store(path, 4);
    bool ok = store && tw_store_begin(store) == TW_STORE_OK &&
              claim(store, 1, 1, NOW_MS) == TW_STORE_OK &&
              consume(store, 1, 0x00100001) == TW_STORE_OK &&
              claim(store, 2, 1, NOW_MS) == TW_STORE_OK && tw_store_commit(store) == TW_STORE_OK;
    /* and one that is not committed */
    ok = ok && tw_store_begin(store) == TW_STORE_OK && claim(store, 3, 1, NOW_MS) == TW_STORE_OK;
    if (ok)
        (void)raise(SIGKILL);
    _exit(1);
}

static void test_kill_9_loses_nothing_committed(void **state)
{
    struct place *place = *state;
    tw_store_close(place->store);
    place->store = NULL;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        consume_and_die(place->path);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    place->store = open_store(place->path, 4);
    assert_non_null(place->store);
    assert_int_equal(tw_store_token_count(place->store), 2);
    assert_int_equal(claim(place->store, 1, 1, NOW_MS + 20000), TW_STORE_USED);
    assert_int_equal(claim(place->store, 2, 2, NOW_MS + 1), TW_STORE_USED);
    assert_int_equal(claim(place->store, 2, 1, NOW_MS + TW_STORE_RENEW_MS), TW_STORE_OK);
    assert_int_equal(claim(place->store, 3, 2, NOW_MS + 1), TW_STORE_OK);
}

static void test_accounts(void **state)
{
    struct tw_store *store = ((struct place *)*state)->store;
    struct tw_account account;
    struct tw_account list[3];
    uint64_t first = 0;
    uint64_t second = 0;
    size_t count = 0;
    assert_int_equal(tw_store_account_add(store, "anna", NOW_S, &first), TW_STORE_OK);
    assert_int_equal(tw_store_account_add(store, "anna", NOW_S, &second), TW_STORE_EXISTS);
    assert_int_equal(tw_store_account_add(store, "bela", NOW_S, &second), TW_STORE_OK);
    assert_true(first != second);
    assert_int_equal(tw_store_account_by_name(store, "anna", &account), TW_STORE_OK);
    assert_true(account.id == first && account.created_unix_s == NOW_S);
    assert_true(account.banned_until_unix_s == 0);
    assert_int_equal(tw_store_account_by_name(store, "carl", &account), TW_STORE_NOT_FOUND);
    assert_int_equal(tw_store_account_ban(store, second, NOW_S + 5, "rude"), TW_STORE_OK);
    assert_int_equal(tw_store_account_by_id(store, second, &account), TW_STORE_OK);
    assert_true(account.banned_until_unix_s == NOW_S + 5);
    assert_string_equal(account.ban_reason, "rude");
    assert_int_equal(tw_store_account_ban(store, 99, 1, ""), TW_STORE_NOT_FOUND);
    assert_int_equal(tw_store_account_list(store, 0, list, 3, &count), TW_STORE_OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[1].name, "bela");
    assert_int_equal(tw_store_account_list(store, list[0].id, list, 1, &count), TW_STORE_OK);
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "bela");
}

static void test_account_names(void **state)
{
    (void)state;
    char longest[TW_ACCOUNT_NAME_SIZE + 1];
    memset(longest, 'a', sizeof(longest));
    longest[TW_ACCOUNT_NAME_SIZE] = '\0';
    assert_false(tw_account_name_valid(longest));
    longest[TW_ACCOUNT_NAME_SIZE - 1] = '\0';
    assert_true(tw_account_name_valid(longest));
    assert_true(tw_account_name_valid("A-z_0.9"));
    assert_false(tw_account_name_valid(""));
    assert_false(tw_account_name_valid("a b"));
    assert_false(tw_account_name_valid("a\n"));
    assert_false(tw_account_name_valid("\xc3\xa4"));
}

static void test_sessions(void **state)
{
    struct tw_store *store = ((struct place *)*state)->store;
    struct tw_session_row rows[4];
    struct tw_session_row row = {
        .connection_id = 0x00100001, .account = 7, .started_unix_s = NOW_S};
    uint64_t after = 0;
    size_t count = 0;
    memset(row.token_id, 1, sizeof(row.token_id));
    assert_int_equal(tw_store_session_start(store, &row), TW_STORE_OK);
    assert_int_equal(tw_store_session_start(store, &row), TW_STORE_OK); /* the event came twice */
    assert_int_equal(tw_store_session_live(store, &after, rows, 4, &count), TW_STORE_OK);
    assert_int_equal(count, 1);
    assert_true(rows[0].account == 7 && rows[0].started_unix_s == NOW_S);
    /* a guessed end is corrected, a reported one stays */
    row.ended_unix_s = NOW_S + 1;
    row.reason = TW_STORE_REASON_UNKNOWN;
    assert_int_equal(tw_store_session_end(store, &row), TW_STORE_OK);
    row.ended_unix_s = NOW_S + 2;
    row.reason = TW_CLOSE_TIMEOUT;
    assert_int_equal(tw_store_session_end(store, &row), TW_STORE_OK);
    row.reason = TW_CLOSE_KICKED;
    assert_int_equal(tw_store_session_end(store, &row), TW_STORE_OK);
    assert_int_equal(tw_store_session_find(store, 0x00100001, &row), TW_STORE_OK);
    assert_int_equal(row.reason, TW_CLOSE_TIMEOUT);
    assert_true(row.ended_unix_s == NOW_S + 2);
    assert_int_equal(tw_store_session_cleanup(store, NOW_S + 3, 10), TW_STORE_OK);
    assert_int_equal(tw_store_session_find(store, 0x00100001, &row), TW_STORE_NOT_FOUND);
}

static void test_filter_rules(void **state)
{
    struct place *place = *state;
    struct tw_filter_row rows[4];
    uint64_t id = 0, newest = 0;
    size_t count = 0;
    for (uint64_t n = 1; n <= 6; n++) {
        char text[32];
        snprintf(text, sizeof(text), "deny 10.0.0.%llu/32", (unsigned long long)n);
        assert_int_equal(tw_store_filter_add(place->store, text, NOW_S + n, &id), TW_STORE_OK);
        assert_true(id > newest);
        newest = id;
    }
    assert_int_equal(tw_store_filter_list(place->store, 0, rows, 4, &count), TW_STORE_OK);
    assert_int_equal(count, 4);
    assert_string_equal(rows[3].rule, "deny 10.0.0.4/32");
    assert_true(rows[3].created_unix_s == NOW_S + 4);
    assert_int_equal(tw_store_filter_list(place->store, rows[3].id, rows, 4, &count), TW_STORE_OK);
    assert_int_equal(count, 2);
    /* A number is never given again. */
    assert_int_equal(tw_store_filter_remove(place->store, newest), TW_STORE_OK);
    assert_int_equal(tw_store_filter_remove(place->store, newest), TW_STORE_NOT_FOUND);
    assert_int_equal(tw_store_filter_add(place->store, "deny ::/0", NOW_S, &id), TW_STORE_OK);
    assert_true(id > newest);
}

/* A file of the first release gets what it lacks and keeps what it has. */
static void test_older_schema_is_brought_up_to_date(void **state)
{
    struct place *place = *state;
    uint64_t id = 0;
    struct tw_account account;
    assert_int_equal(tw_store_account_add(place->store, "anna", NOW_S, &id), TW_STORE_OK);
    assert_int_equal(sqlite3_exec(place->store->database,
                                  "DROP TABLE filters; DROP TABLE conduct; "
                                  "PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    tw_store_close(place->store);
    place->store = open_store(place->path, 4);
    assert_non_null(place->store);
    assert_int_equal(tw_store_account_by_name(place->store, "anna", &account), TW_STORE_OK);
    assert_int_equal(tw_store_filter_add(place->store, "deny ::/0", NOW_S, &id), TW_STORE_OK);
}

static void test_newer_schema_is_refused(void **state)
{
    struct place *place = *state;
    char error[TW_STORE_ERROR_SIZE] = "";
    assert_int_equal(
        sqlite3_exec(place->store->database, "PRAGMA user_version = 4", NULL, NULL, NULL),
        SQLITE_OK);
    tw_store_close(place->store);
    place->store = NULL;
    assert_null(tw_store_open(place->path, 4, error));
    assert_string_equal(error, "schema version 4 is newer than this program's 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_token_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_history_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expired_rows_go_in_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollback_forgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill_9_loses_nothing_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accounts, setup, teardown),
        cmocka_unit_test(test_account_names),
        cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_older_schema_is_brought_up_to_date, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_schema_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
