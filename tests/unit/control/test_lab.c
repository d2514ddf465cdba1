/* SPDX-License-Identifier: BSD-3-Clause */
/* A control plane in lab mode, and one that is not, between the CLI and a fake engine. */
#include "tests/unit/control/fixture.h"

#include "dataplane/wire/lab.h"

#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PER_REQUEST  128u /* records, at most */
#define RECORD_BYTES (3u * TW_AGENT_LAB_RECORD_SIZE)

static int lab_setup(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    struct fixture *fixture = *state;
    (void)fixture_stop(fixture, SIGTERM);
    fixture->lab = true;
    fixture_configure(fixture);
    fixture_start(fixture);
    return 0;
}

static json_t *base64(const uint8_t *bytes, size_t length)
{
    char text[PER_REQUEST * TW_AGENT_LAB_RECORD_SIZE * 2];
    (void)sodium_bin2base64(text, sizeof(text), bytes, length, sodium_base64_VARIANT_ORIGINAL);
    return json_string(text);
}

static json_t *begin_arguments(json_int_t count)
{
    static const uint8_t seed[TW_LAB_SEED_SIZE] = {3, 1, 4};
    return json_pack("{s:I, s:o}", "count", count, "seed", base64(seed, sizeof(seed)));
}

static void expect_error(struct fixture *fixture, const char *command, json_t *arguments,
                         const char *code)
{
    json_t *answer = fixture_ask(fixture, command, arguments);
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")), code);
    json_decref(answer);
}

static json_int_t begin(struct fixture *fixture, json_int_t count)
{
    json_t *result = fixture_result(fixture, "lab.begin", begin_arguments(count));
    json_int_t import = json_integer_value(json_object_get(result, "import"));
    json_decref(result);
    assert_int_not_equal(import, 0);
    return import;
}

static void send_result(struct fixture *fixture, json_int_t import, uint32_t ok, const char *text)
{
    union tw_agent_message message = {
        .lab_result = {.import = (uint32_t)import, .ok = ok, .installed = ok ? 6 : 0}};
    snprintf(message.lab_result.message, sizeof(message.lab_result.message), "%s", text);
    fixture_send(fixture->engine, &message, TW_AGENT_LAB_RESULT, sizeof(message.lab_result));
}

/* The state once the engine's result was read. */
static json_t *final_state(struct fixture *fixture, json_int_t import)
{
    for (int i = 0; i < 500; i++) {
        json_t *answer = fixture_ask(fixture, "lab.state", json_pack("{s:I}", "import", import));
        const json_t *done = json_object_get(json_object_get(answer, "result"), "done");
        if (!json_is_true(json_object_get(answer, "ok")) || json_is_true(done))
            return answer;
        json_decref(answer);
        (void)usleep(10000);
    }
    fail_msg("the import does not end");
    return NULL;
}

static void test_passes_an_import_on(void **state)
{
    struct fixture *fixture = *state;
    uint8_t records[6 * TW_AGENT_LAB_RECORD_SIZE];
    randombytes_buf(records, sizeof(records));
    fixture_link(fixture, NULL, 0);
    json_int_t import = begin(fixture, 6);
    union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_LAB_BEGIN);
    assert_int_equal(message.lab_begin.import, import);
    assert_int_equal(message.lab_begin.count, 6);
    assert_memory_equal(message.lab_begin.seed, "\x03\x01\x04", 4);
    json_decref(fixture_result(fixture, "lab.add",
                               json_pack("{s:I, s:i, s:o}", "import", import, "count", 6, "records",
                                         base64(records, sizeof(records)))));
    for (uint32_t first = 0; first < 6; first += 4) {
        message = fixture_receive(fixture->engine, TW_AGENT_LAB_SESSIONS);
        assert_int_equal(message.lab_sessions.first, first);
        assert_int_equal(message.lab_sessions.count, first == 0 ? 4 : 2);
        assert_memory_equal(message.lab_sessions.records, records + first * 64u,
                            message.lab_sessions.count * 64u);
    }
    json_decref(fixture_result(fixture, "lab.commit", json_pack("{s:I}", "import", import)));
    message = fixture_receive(fixture->engine, TW_AGENT_LAB_COMMIT);
    assert_int_equal(message.lab_commit.import, import);
    json_t *waiting = fixture_result(fixture, "lab.state", json_pack("{s:I}", "import", import));
    assert_true(json_is_false(json_object_get(waiting, "done")));
    json_decref(waiting);
    send_result(fixture, import + 2, 1, ""); /* of another import: ignored */
    send_result(fixture, import, 1, "");
    json_t *answer = final_state(fixture, import);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(answer, "result"), "installed")), 6);
    json_decref(answer);
}

/* "" or the code of the error. */
static const char *code_of(struct fixture *fixture, const char *command, json_t *arguments)
{
    static char code[32];
    json_t *answer = fixture_ask(fixture, command, arguments);
    const json_t *error = json_object_get(answer, "error");
    snprintf(code, sizeof(code), "%s",
             error ? json_string_value(json_object_get(error, "code")) : "");
    json_decref(answer);
    return code;
}

static json_t *add_arguments(json_int_t import, uint32_t count)
{
    static const uint8_t records[PER_REQUEST * TW_AGENT_LAB_RECORD_SIZE];
    return json_pack("{s:I, s:I, s:o}", "import", import, "count", (json_int_t)count, "records",
                     base64(records, count * TW_AGENT_LAB_RECORD_SIZE));
}

/* An engine that does not read: what there is no room for is refused, and changes nothing. */
static void test_waits_for_a_busy_engine(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    json_int_t import = begin(fixture, 1000000);
    uint32_t added = 0, begun = 0;
    const char *code;
    while ((code = code_of(fixture, "lab.add", add_arguments(import, PER_REQUEST)))[0] == '\0')
        added += PER_REQUEST;
    assert_string_equal(code, "ENGINE_BUSY");
    assert_true(added > 10 * PER_REQUEST);
    /* Single messages may use what is kept for handshakes; then they wait, too. */
    while ((code = code_of(fixture, "lab.begin", begin_arguments(8)))[0] == '\0')
        begun++;
    assert_string_equal(code, "ENGINE_BUSY");
    assert_true(begun > 0);
    (void)fixture_receive(fixture->engine, TW_AGENT_LAB_BEGIN);
    for (uint32_t first = 0; first < added; first += TW_AGENT_LAB_RECORDS) {
        union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_LAB_SESSIONS);
        assert_int_equal(message.lab_sessions.first, first);
    }
    for (uint32_t i = 0; i < begun; i++)
        import = fixture_receive(fixture->engine, TW_AGENT_LAB_BEGIN).lab_begin.import;
    /* It reads again: the newest import is as if nothing had been refused. */
    assert_string_equal(code_of(fixture, "lab.add", add_arguments(import, 8)), "");
    for (uint32_t first = 0; first < 8; first += TW_AGENT_LAB_RECORDS) {
        union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_LAB_SESSIONS);
        assert_int_equal(message.lab_sessions.import, import);
        assert_int_equal(message.lab_sessions.first, first);
    }
}

static void test_tells_why_an_engine_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    json_int_t import = begin(fixture, 6);
    send_result(fixture, import, 0, "record 3: wrong checksum");
    json_t *answer = final_state(fixture, import);
    const json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "IMPORT_REFUSED");
    assert_non_null(strstr(json_string_value(json_object_get(error, "message")), "record 3"));
    json_decref(answer);
    /* What comes after the refusal is refused with the same words. */
    uint8_t record[TW_AGENT_LAB_RECORD_SIZE] = {0};
    expect_error(fixture, "lab.add",
                 json_pack("{s:I, s:i, s:o}", "import", import, "count", 1, "records",
                           base64(record, sizeof(record))),
                 "IMPORT_REFUSED");
    expect_error(fixture, "lab.commit", json_pack("{s:I}", "import", import), "IMPORT_REFUSED");
}

static void test_checks_arguments(void **state)
{
    struct fixture *fixture = *state;
    uint8_t records[RECORD_BYTES] = {0};
    expect_error(fixture, "lab.begin", begin_arguments(1), "ENGINE_GONE");
    fixture_link(fixture, NULL, 0);
    expect_error(fixture, "lab.begin", begin_arguments(0), "BAD_ARGUMENT");
    expect_error(fixture, "lab.begin", json_pack("{s:i, s:s}", "count", 1, "seed", "AAAA"),
                 "BAD_ARGUMENT");
    expect_error(fixture, "lab.state", json_pack("{s:i}", "import", 0), "BAD_ARGUMENT");
    json_int_t import = begin(fixture, 2);
    expect_error(fixture, "lab.add",
                 json_pack("{s:I, s:i, s:o}", "import", import, "count", 3, "records",
                           base64(records, sizeof(records))),
                 "BAD_ARGUMENT"); /* more than announced */
    expect_error(fixture, "lab.add",
                 json_pack("{s:I, s:i, s:o}", "import", import, "count", 2, "records",
                           base64(records, sizeof(records))),
                 "BAD_ARGUMENT"); /* another size than told */
    expect_error(fixture, "lab.add",
                 json_pack("{s:I, s:i, s:s}", "import", import, "count", 1, "records", "!"),
                 "BAD_ARGUMENT");
    expect_error(fixture, "lab.commit", json_pack("{s:I}", "import", import + 2), "BAD_ARGUMENT");
}

static void test_lost_engine_fails_the_import(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    json_int_t import = begin(fixture, 1);
    (void)close(fixture->engine);
    fixture->engine = -1;
    json_t *answer = final_state(fixture, import);
    assert_non_null(strstr(
        json_string_value(json_object_get(json_object_get(answer, "error"), "message")), "left"));
    json_decref(answer);
}

static void test_lab_refuses_players(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_LAB);
    assert_int_equal(client.reason, TW_REFUSAL_LAB); /* authenticated: the client believes it */
    static const uint8_t zero[TW_KEY_SIZE];
    assert_memory_equal(reply.secret_client_to_server, zero, TW_KEY_SIZE);
}

static void test_status_says_lab(void **state)
{
    struct fixture *fixture = *state;
    json_t *status = fixture_result(fixture, "status", NULL);
    assert_true(json_is_true(json_object_get(json_object_get(status, "engine"), "lab")));
    assert_true(json_is_string(json_object_get(json_object_get(status, "control"), "LAB")));
    json_decref(status);
}

/* Both ends of the link must agree about what they are. */
static void test_engine_of_the_other_kind_is_refused(void **state)
{
    struct fixture *fixture = *state;
    bool lab = fixture->lab;
    fixture->lab = !lab;
    fixture->engine = fixture_engine_connect(fixture);
    union tw_agent_message hello = fixture_hello_as(fixture->engine, "e1", !lab);
    assert_int_equal(hello.control_hello.accepted, 0);
    assert_non_null(strstr(hello.control_hello.message, "engine.lab"));
}

static void test_no_lab_takes_no_import(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    expect_error(fixture, "lab.begin", begin_arguments(1), "NO_LAB");
    expect_error(fixture, "lab.commit", json_pack("{s:i}", "import", 1), "NO_LAB");
    json_t *status = fixture_result(fixture, "status", NULL);
    assert_true(json_is_false(json_object_get(json_object_get(status, "engine"), "lab")));
    json_decref(status);
}

#define LAB(name)   cmocka_unit_test_setup_teardown(name, lab_setup, fixture_teardown)
#define PLAIN(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB(test_passes_an_import_on),
        LAB(test_waits_for_a_busy_engine),
        LAB(test_tells_why_an_engine_refused),
        LAB(test_checks_arguments),
        LAB(test_lost_engine_fails_the_import),
        LAB(test_lab_refuses_players),
        LAB(test_status_says_lab),
        LAB(test_engine_of_the_other_kind_is_refused),
        PLAIN(test_engine_of_the_other_kind_is_refused),
        PLAIN(test_no_lab_takes_no_import),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
