/* SPDX-License-Identifier: BSD-3-Clause */
/* What is kept of players' conduct: noted, decayed, given to their next session, reset. */
#include "tests/unit/control/fixture.h"

#include "control/daemon/conduct.h"
#include "tickwire/conduct.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_1   0x00100001u
#define ID_2   0x00100002u
#define PLAYER 7u
#define NOW_MS UINT64_C(1800000000000)

/* ---- the book ------------------------------------------------------------------------------- */

static const struct tw_config_conduct rules = {.warn_score = 100,
                                               .throttle_score = 200,
                                               .disconnect_score = 400,
                                               .forgive_percent = 50,
                                               .decay_per_s = 10};
static struct tw_conduct_book book = {.rules = &rules};
static char path[64];

static int open_book(void **state)
{
    (void)state;
    char error[TW_STORE_ERROR_SIZE];
    strcpy(path, "/tmp/tickwire-conduct-XXXXXX");
    int file = mkstemp(path);
    if (file < 0)
        return -1;
    (void)close(file);
    book.store = tw_store_open(path, 4, error);
    return book.store ? 0 : -1;
}

static int close_book(void **state)
{
    (void)state;
    char name[80];
    tw_store_close(book.store);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    return 0;
}

/* The host was started an hour before NOW_MS. */
static struct tw_conduct_now at(uint64_t now_ms)
{
    return (struct tw_conduct_now){
        .unix_ms = now_ms, .monotonic_ns = (now_ms - (NOW_MS - 3600000)) * UINT64_C(1000000)};
}

static struct tw_agent_session scored(uint32_t score, uint32_t stage, uint64_t told_ms)
{
    return (struct tw_agent_session){.account = PLAYER,
                                     .conduct_score = score,
                                     .conduct_stage = stage,
                                     .conduct_charge = TW_CONDUCT_TIME_BACK,
                                     .told_ns = at(told_ms).monotonic_ns};
}

static void note(uint32_t score, uint32_t stage, uint64_t now_ms, uint64_t waited_ms)
{
    const struct tw_agent_session session = scored(score, stage, now_ms - waited_ms);
    const struct tw_conduct_now now = at(now_ms);
    assert_int_equal(tw_conduct_note(&book, &session, &now), TW_STORE_OK);
}

/* What a session says whose score is of what it did since then. */
static void note_since(uint32_t score, uint64_t since_ms, uint64_t now_ms)
{
    struct tw_agent_session session = scored(score, TW_CONDUCT_GOOD, now_ms);
    const struct tw_conduct_now now = at(now_ms);
    session.conduct_since = tw_conduct_since(at(since_ms).monotonic_ns);
    assert_int_equal(tw_conduct_note(&book, &session, &now), TW_STORE_OK);
}

static void reset_at(uint64_t now_ms)
{
    const struct tw_conduct_now now = at(now_ms);
    assert_int_equal(tw_conduct_reset(&book, PLAYER, &now), TW_STORE_OK);
}

static struct tw_conduct_left left_at(uint64_t now_ms)
{
    struct tw_conduct_left left;
    assert_int_equal(tw_conduct_look_up(&book, PLAYER, now_ms, &left), TW_STORE_OK);
    return left;
}

static void test_a_record_decays(void **state)
{
    (void)state;
    assert_int_equal(left_at(NOW_MS).score, 0);
    note(250, TW_CONDUCT_THROTTLED_STAGE, NOW_MS, 0);
    assert_int_equal(left_at(NOW_MS).score, 250);
    assert_int_equal(left_at(NOW_MS).charge, TW_CONDUCT_TIME_BACK);
    assert_int_equal(left_at(NOW_MS + 10000).score, 150);
    assert_int_equal(left_at(NOW_MS + 20000).stage, TW_CONDUCT_THROTTLED_STAGE); /* 50 points */
    assert_int_equal(left_at(NOW_MS + 20100).stage, TW_CONDUCT_GOOD);
    assert_int_equal(left_at(NOW_MS + 25000).score, 0);
    assert_int_equal(left_at(UINT64_MAX).score, 0);
    assert_int_equal(left_at(NOW_MS - 60000).score, 250); /* the clock was set back */
}

/* In whatever order, and however often. */
static void test_the_worse_counts(void **state)
{
    (void)state;
    note(100, TW_CONDUCT_WARNED_STAGE, NOW_MS, 0);
    note(90, TW_CONDUCT_GOOD, NOW_MS, 0);
    assert_int_equal(left_at(NOW_MS).score, 100);
    note(95, TW_CONDUCT_WARNED_STAGE, NOW_MS + 1000, 0); /* 90 were left */
    assert_int_equal(left_at(NOW_MS + 1000).score, 95);
    note(60, TW_CONDUCT_THROTTLED_STAGE, NOW_MS + 1000, 0);
    assert_int_equal(left_at(NOW_MS + 1000).score, 95);
    assert_int_equal(left_at(NOW_MS + 1000).stage, TW_CONDUCT_THROTTLED_STAGE);
    /* A stage that is forgiven is none. */
    note(60, TW_CONDUCT_WARNED_STAGE, NOW_MS + 8000, 0);
    assert_int_equal(left_at(NOW_MS + 8000).score, 60);
    assert_int_equal(left_at(NOW_MS + 8000).stage, TW_CONDUCT_WARNED_STAGE);
}

/* The engine kept it while nobody listened. */
static void test_news_that_waited(void **state)
{
    (void)state;
    note(400, TW_CONDUCT_THROTTLED_STAGE, NOW_MS, 30000);
    assert_int_equal(left_at(NOW_MS).score, 100);
    assert_int_equal(left_at(NOW_MS + 5000).score, 50);
}

static void test_a_reset_outlives_older_news(void **state)
{
    (void)state;
    note(400, TW_CONDUCT_THROTTLED_STAGE, NOW_MS, 0);
    reset_at(NOW_MS + 10);
    assert_int_equal(left_at(NOW_MS + 10).score, 0);
    note(400, TW_CONDUCT_THROTTLED_STAGE, NOW_MS + 20, 15);
    assert_int_equal(left_at(NOW_MS + 20).score, 0);
    /* Said later, by a session that has not obeyed it yet; by one that has; by a newer one. */
    note_since(400, NOW_MS - 90, NOW_MS + 5000);
    assert_int_equal(left_at(NOW_MS + 5000).score, 0);
    note_since(30, NOW_MS + 80, NOW_MS + 5000);
    assert_int_equal(left_at(NOW_MS + 5000).score, 30);
    note_since(40, NOW_MS + 4000, NOW_MS + 5000);
    assert_int_equal(left_at(NOW_MS + 5000).score, 40);
    /* What was noted since does not hide it, nor end it sooner. */
    note_since(400, NOW_MS, NOW_MS + 5000);
    assert_int_equal(left_at(NOW_MS + 5000).score, 40);
    assert_int_equal(tw_store_conduct_cleanup(book.store, NOW_MS / 1000u + 60, 9), TW_STORE_OK);
    note_since(400, NOW_MS, NOW_MS + 61000);
    assert_int_equal(left_at(NOW_MS + 61000).score, 0);
}

/* It is the host's clock that numbers a reset, and a wall clock that is set back keeps nothing off
 * the record; with the host started anew, its clock is before all that was numbered. */
static void test_clocks_begin_again(void **state)
{
    (void)state;
    reset_at(NOW_MS);
    struct tw_agent_session session = scored(90, TW_CONDUCT_GOOD, NOW_MS + 1000);
    session.conduct_since = tw_conduct_since(at(NOW_MS + 500).monotonic_ns);
    struct tw_conduct_now now = at(NOW_MS + 1000);
    now.unix_ms -= 7200000;
    assert_int_equal(tw_conduct_note(&book, &session, &now), TW_STORE_OK);
    assert_int_equal(left_at(now.unix_ms).score, 90);
    reset_at(NOW_MS + 2000);
    session.told_ns = 2000;
    session.conduct_since = 0;
    now = (struct tw_conduct_now){.unix_ms = NOW_MS + 60000, .monotonic_ns = 3000};
    assert_int_equal(tw_conduct_note(&book, &session, &now), TW_STORE_OK);
    assert_int_equal(left_at(NOW_MS + 60000).score, 90);
}

static void test_what_is_over_goes(void **state)
{
    (void)state;
    struct tw_conduct_row row;
    note(100, TW_CONDUCT_WARNED_STAGE, NOW_MS, 0); /* 10 s */
    assert_int_equal(tw_store_conduct_cleanup(book.store, NOW_MS / 1000u + 10, 9), TW_STORE_OK);
    assert_int_equal(tw_store_conduct_find(book.store, PLAYER, &row), TW_STORE_OK);
    assert_int_equal(tw_store_conduct_cleanup(book.store, NOW_MS / 1000u + 12, 9), TW_STORE_OK);
    assert_int_equal(tw_store_conduct_find(book.store, PLAYER, &row), TW_STORE_NOT_FOUND);
    assert_int_equal(row.score, 0);
}

/* ---- the daemon between an engine and an operator ------------------------------------------- */

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static struct tw_agent_session make_session(uint32_t connection_id, uint64_t event)
{
    struct tw_agent_session session = {.connection_id = connection_id,
                                       .first_id = connection_id,
                                       .world = 1,
                                       .account = PLAYER,
                                       .event = event,
                                       .installed_ns = connection_id,
                                       .told_ns = monotonic_ns(),
                                       .conduct_since = tw_conduct_since(monotonic_ns()),
                                       .address = tw_address_from_ipv4(0xc6120002u, 5555)};
    memset(session.token_id, (int)(connection_id & 0xff), sizeof(session.token_id));
    return session;
}

static struct tw_agent_session with_score(struct tw_agent_session session, uint32_t score,
                                          uint32_t stage)
{
    session.conduct_score = score;
    session.conduct_stage = stage;
    session.conduct_charge = TW_CONDUCT_ACTIONS;
    return session;
}

static void send_event(struct fixture *fixture, enum tw_agent_type type,
                       const struct tw_agent_session *session)
{
    union tw_agent_message message = {.session = *session};
    fixture_send(fixture->engine, &message, type, sizeof(message.session));
}

/* What the session is told, about so many points; then the acknowledgement of the event. */
static void expect_given(struct fixture *fixture, uint32_t connection_id, uint32_t points)
{
    struct tw_agent_session_conduct given =
        fixture_receive(fixture->engine, TW_AGENT_SESSION_CONDUCT).session_conduct;
    assert_int_equal(given.connection_id, connection_id);
    /* Ten a second: sanitizers on a busy machine. */
    assert_in_range(given.score, points - 60u, points);
    assert_int_equal(given.stage, TW_CONDUCT_THROTTLED_STAGE);
    assert_int_equal(given.charge, TW_CONDUCT_ACTIONS);
    assert_int_equal(given.reset, 0);
    (void)fixture_receive(fixture->engine, TW_AGENT_EVENT_ACK);
}

static void test_the_next_session_is_given_it(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session first = make_session(ID_1, 1);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    first = with_score(make_session(ID_1, 2), 401, TW_CONDUCT_THROTTLED_STAGE);
    first.reason = TW_CLOSE_MISBEHAVED;
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &first);
    struct tw_agent_session second = make_session(ID_2, 3);
    send_event(fixture, TW_AGENT_SESSION_CONFIRMED, &second);
    expect_given(fixture, ID_2, 401);
    /* A session that has as much says so, and is not told. */
    second = with_score(make_session(ID_2, 4), 401, TW_CONDUCT_THROTTLED_STAGE);
    fixture_event(fixture, TW_AGENT_SESSION_MOVED, &second);
    /* Another process of the control plane, another link: what it forgot is told in the resync. */
    (void)close(fixture->engine);
    (void)fixture_stop(fixture, SIGKILL);
    fixture_start(fixture);
    second = make_session(ID_2, 0);
    fixture_link(fixture, &second, 1);
    assert_int_equal(
        fixture_receive(fixture->engine, TW_AGENT_SESSION_CONDUCT).session_conduct.connection_id,
        ID_2);
    assert_true(fixture_is_silent(fixture->engine));
}

/* A newer login begins before the older session is closed for it. */
static void test_a_login_that_takes_the_place(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session first = make_session(ID_1, 1), second = make_session(ID_2, 2);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    send_event(fixture, TW_AGENT_SESSION_CONFIRMED, &second);
    assert_int_equal(
        fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK).session_kick.connection_id, ID_1);
    (void)fixture_receive(fixture->engine, TW_AGENT_EVENT_ACK);
    first = with_score(make_session(ID_1, 3), 300, TW_CONDUCT_THROTTLED_STAGE);
    first.reason = TW_CLOSE_REPLACED;
    send_event(fixture, TW_AGENT_SESSION_CLOSED, &first);
    expect_given(fixture, ID_2, 300);
}

static json_t *players(struct fixture *fixture)
{
    json_t *result = fixture_result(fixture, "conduct.list", NULL);
    json_t *list = json_incref(json_object_get(result, "players"));
    json_decref(result);
    return list;
}

/* A change of stage is known at once: the engine may be killed before the session ends. */
static void test_a_stage_is_shown_and_kept(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session session = make_session(ID_1, 1);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    session = with_score(make_session(ID_1, 0), 900, TW_CONDUCT_THROTTLED_STAGE);
    send_event(fixture, TW_AGENT_SESSION_LIFE, &session);
    /* An event that is acknowledged: what was sent before it was read. */
    struct tw_agent_session other = make_session(ID_2, 2);
    other.account = PLAYER + 1;
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &other);
    json_t *result = fixture_result(fixture, "session.list", NULL);
    const json_t *listed = json_array_get(json_object_get(result, "sessions"), 0);
    assert_string_equal(json_string_value(json_object_get(listed, "conduct")), "throttled");
    json_decref(result);
    json_t *list = players(fixture);
    assert_int_equal(json_array_size(list), 1);
    const json_t *player = json_array_get(list, 0);
    assert_int_equal(json_integer_value(json_object_get(player, "id")), PLAYER);
    assert_true(json_is_null(json_object_get(player, "account")));
    assert_in_range(json_integer_value(json_object_get(player, "score")), 800, 900);
    assert_string_equal(json_string_value(json_object_get(player, "stage")), "throttled");
    assert_string_equal(json_string_value(json_object_get(player, "charge")), "actions");
    json_decref(list);
}

static void expect_refused(struct fixture *fixture, const char *name, const char *code)
{
    json_t *answer = fixture_ask(fixture, "conduct.reset", json_pack("{s:s}", "name", name));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")), code);
    json_decref(answer);
}

static void test_an_operator_resets(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session session = with_score(make_session(ID_1, 1), 900, 2);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    expect_refused(fixture, "nobody", "ACCOUNT_NOT_FOUND");
    expect_refused(fixture, "id:7x", "BAD_ARGUMENT");
    expect_refused(fixture, "id:", "BAD_ARGUMENT");
    json_t *result = fixture_result(fixture, "conduct.reset", json_pack("{s:s}", "name", "id:7"));
    assert_int_equal(json_integer_value(json_object_get(result, "sessions_reset")), 1);
    assert_in_range(json_integer_value(json_object_get(result, "score")), 800, 900);
    json_decref(result);
    struct tw_agent_session_conduct told =
        fixture_receive(fixture->engine, TW_AGENT_SESSION_CONDUCT).session_conduct;
    assert_int_equal(told.connection_id, ID_1);
    assert_in_range(told.reset, session.conduct_since + 1, tw_conduct_reset_number(monotonic_ns()));
    json_t *list = players(fixture);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    /* What is said before it is obeyed is not noted any more, whenever that is. */
    session.event = 2;
    session.told_ns = monotonic_ns();
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &session);
    list = players(fixture);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    /* One that began after it has nothing to obey. */
    struct tw_agent_session next = with_score(make_session(ID_2, 3), 300, 2);
    next.conduct_since = told.reset;
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &next);
    list = players(fixture);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

/* Its session lives, or does not live any more, and nobody can be told. */
static void test_a_reset_without_an_engine(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session session = with_score(make_session(ID_1, 1), 900, 2);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    (void)close(fixture->engine);
    fixture->engine = -1;
    bool linked = true;
    while (linked) {
        json_t *result = fixture_result(fixture, "session.list", NULL);
        linked = json_is_true(json_object_get(result, "engine_linked"));
        json_decref(result);
    }
    json_t *result = fixture_result(fixture, "conduct.reset", json_pack("{s:s}", "name", "id:7"));
    assert_int_equal(json_integer_value(json_object_get(result, "sessions_reset")), 0);
    json_decref(result);
    /* It lives: it is told, and what it says until then is not noted. */
    uint32_t since = session.conduct_since;
    session = with_score(make_session(ID_1, 0), 900, 2);
    session.conduct_since = since;
    fixture_link(fixture, &session, 1);
    struct tw_agent_session_conduct told =
        fixture_receive(fixture->engine, TW_AGENT_SESSION_CONDUCT).session_conduct;
    assert_int_equal(told.connection_id, ID_1);
    assert_in_range(told.reset, since + 1, tw_conduct_reset_number(monotonic_ns()));
    assert_int_equal(told.score, 0);
    json_t *list = players(fixture);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

/* A path that is good and bad in turn costs nothing: only what is taken otherwise is noted. */
static void test_only_another_stage_is_noted(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session session = make_session(ID_1, 1);
    fixture_link(fixture, NULL, 0);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    for (uint32_t i = 0; i < 3; i++) {
        session = with_score(make_session(ID_1, 0), 60 + i, TW_CONDUCT_GOOD);
        session.life = i & 1u;
        send_event(fixture, TW_AGENT_SESSION_LIFE, &session);
    }
    struct tw_agent_session other = make_session(ID_2, 2);
    other.account = PLAYER + 1;
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &other);
    json_t *list = players(fixture);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

/* Whoever issues tokens numbers accounts as it likes. */
static void test_any_number_is_an_account(void **state)
{
    struct fixture *fixture = *state;
    static const uint64_t accounts[] = {UINT64_C(1) << 63, UINT64_MAX, 0, INT64_MAX};
    static const char *const numbers[] = {"id:9223372036854775808", "id:18446744073709551615",
                                          "id:0", "id:9223372036854775807"};
    fixture_link(fixture, NULL, 0);
    /* As many as are read at once, to the last number of all. */
    for (uint32_t i = 0; i < 64; i++) {
        struct tw_agent_session session =
            with_score(make_session(ID_1 + i, i + 1), 900, TW_CONDUCT_THROTTLED_STAGE);
        session.account = i < 4 ? accounts[i] : i;
        fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    }
    json_t *list = players(fixture);
    assert_int_equal(json_array_size(list), 64);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "id")),
                        numbers[0] + 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "id")),
                        numbers[1] + 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 63), "id")),
                     INT64_MAX);
    json_decref(list);
    for (uint32_t i = 0; i < 4; i++)
        json_decref(
            fixture_result(fixture, "conduct.reset", json_pack("{s:s}", "name", numbers[i])));
    list = players(fixture);
    assert_int_equal(json_array_size(list), 60);
    json_decref(list);
    expect_refused(fixture, "id:18446744073709551616", "BAD_ARGUMENT");
}

#define BOOK(name) cmocka_unit_test_setup_teardown(name, open_book, close_book)
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOOK(test_a_record_decays),
        BOOK(test_the_worse_counts),
        BOOK(test_news_that_waited),
        BOOK(test_a_reset_outlives_older_news),
        BOOK(test_clocks_begin_again),
        BOOK(test_what_is_over_goes),
        TEST(test_the_next_session_is_given_it),
        TEST(test_a_login_that_takes_the_place),
        TEST(test_a_stage_is_shown_and_kept),
        TEST(test_an_operator_resets),
        TEST(test_a_reset_without_an_engine),
        TEST(test_only_another_stage_is_noted),
        TEST(test_any_number_is_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
