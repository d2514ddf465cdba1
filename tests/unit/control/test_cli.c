/* SPDX-License-Identifier: BSD-3-Clause */
/* The tickwire command against the real daemon: tables, JSON, exit codes, access, completion. */
#include "tests/unit/control/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_SIZE 65536

static char output[OUTPUT_SIZE]; /* stdout and stderr of the newest command */

/* `prefix` goes before the program: environment, another user. */
static int run_as(const struct fixture *fixture, const char *prefix, const char *words)
{
    char command[1024];
    const char *program = getenv("TICKWIRE_CLI");
    assert_non_null(program);
    snprintf(command, sizeof(command), "%s %s --config %s %s 2>&1", prefix, program,
             fixture->config, words);
    FILE *pipe_end = popen(command, "re");
    assert_non_null(pipe_end);
    size_t length = fread(output, 1, sizeof(output) - 1, pipe_end);
    output[length] = '\0';
    int status = pclose(pipe_end);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(const struct fixture *fixture, const char *words)
{
    return run_as(fixture, "", words);
}

static json_t *output_json(void)
{
    json_t *value = json_loads(output, 0, NULL);
    if (!value)
        fail_msg("not JSON: %s", output);
    return value;
}

static void assert_error_json(const char *code)
{
    json_t *value = output_json();
    const json_t *error = json_object_get(value, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    assert_true(strlen(json_string_value(json_object_get(error, "message"))) > 0);
    assert_true(json_is_object(json_object_get(error, "details")));
    json_decref(value);
}

static void test_accounts_as_table_and_json(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "account add anna"), 0);
    assert_int_equal(run(fixture, "account add bela"), 0);
    assert_int_equal(run(fixture, "account ban bela --for 2h --reason 'too loud'"), 0);
    assert_int_equal(run(fixture, "account list"), 0);
    assert_memory_equal(output, "ID  ACCOUNT  CREATED (UTC)        BANNED UNTIL (UTC)   REASON\n",
                        62);
    assert_non_null(strstr(output, "1   anna     "));
    assert_non_null(strstr(output, "too loud\n"));
    assert_int_equal(run(fixture, "--json account list"), 0);
    json_t *value = output_json();
    const json_t *accounts = json_object_get(value, "accounts");
    assert_int_equal(json_array_size(accounts), 2);
    const json_t *bela = json_array_get(accounts, 1);
    assert_string_equal(json_string_value(json_object_get(bela, "account")), "bela");
    assert_true(json_is_true(json_object_get(bela, "banned")));
    json_decref(value);
    assert_int_equal(run(fixture, "account unban bela"), 0);
    assert_int_equal(run(fixture, "account list"), 0);
    assert_null(strstr(output, "too loud"));
}

static void test_filter_rules_as_table_and_json(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "filter add deny 203.0.113.0/24"), 0);
    assert_non_null(strstr(output, "deny 203.0.113.0/24"));
    assert_int_equal(run(fixture, "--json filter add limit 10.0.0.0/8 source pps 10/20"), 0);
    json_t *value = output_json();
    assert_int_equal(json_integer_value(json_object_get(value, "id")), 2);
    assert_true(json_is_false(json_object_get(value, "engine_linked")));
    json_decref(value);
    assert_int_equal(run(fixture, "filter list"), 0);
    assert_string_equal(output,
                        "ID  STATE      PACKETS  DROPPED  BYTES  DENIALS  RULE\n"
                        "1   no engine  0        0        0      0        deny 203.0.113.0/24\n"
                        "2   no engine  0        0        0      0        limit 10.0.0.0/8 source "
                        "pps 10/20\n");
    assert_int_equal(run(fixture, "filter add deny 10.1.2.3/8"), 1);
    assert_string_equal(output,
                        "tickwire: column 6: bits beyond the prefix are set: write "
                        "10.0.0.0/8 for the network, 10.1.2.3/32 for the host (BAD_RULE)\n");
    assert_int_equal(run(fixture, "--json filter add deny everybody"), 1);
    assert_error_json("BAD_RULE");
    assert_int_equal(run(fixture, "filter remove 1"), 0);
    assert_int_equal(run(fixture, "filter remove 1 --json"), 1);
    assert_error_json("RULE_NOT_FOUND");
    assert_int_equal(run(fixture, "--json filter list"), 0);
    value = output_json();
    assert_int_equal(json_array_size(json_object_get(value, "rules")), 1);
    assert_int_equal(json_integer_value(json_object_get(value, "rules_max")), 1024);
    json_decref(value);
    assert_int_equal(run(fixture, "filter add"), 2);
}

static void test_refusals_exit_1(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "account add anna"), 0);
    assert_int_equal(run(fixture, "account add anna"), 1);
    assert_string_equal(output,
                        "tickwire: an account has the name anna already (ACCOUNT_EXISTS)\n");
    assert_int_equal(run(fixture, "--json account ban nobody"), 1);
    assert_error_json("ACCOUNT_NOT_FOUND");
    assert_int_equal(run(fixture, "session show 00100001 --json"), 1);
    assert_error_json("SESSION_NOT_FOUND");
    assert_int_equal(run(fixture, "session kick xyz --json"), 1);
    assert_error_json("BAD_ARGUMENT");
    assert_int_equal(run(fixture, "account add 'a b' --json"), 1);
    assert_error_json("BAD_ARGUMENT");
    assert_int_equal(run(fixture, "drops --json"), 1);
    assert_error_json("NO_STATISTICS");
    assert_int_equal(run(fixture, "account ban anna"), 0);
    assert_int_equal(run(fixture, "token issue --account anna --json"), 1);
    assert_error_json("ACCOUNT_BANNED");
    assert_int_equal(run(fixture, "token issue --account anna --validity 3601 --json"), 1);
    assert_error_json("BAD_ARGUMENT");
}

static void test_usage_errors_exit_2(void **state)
{
    static const char *const wrong[] = {
        "",
        "dance",
        "session",
        "session dance",
        "session show",
        "session show 1 2",
        "status --fast",
        "account ban anna --for soon",
        "account ban anna --for",
        "token issue",
        "token issue --account a --count 0",
        "token issue --account a --count many",
        "config check /nonexistent.yaml",
        "--socket",
    };
    const struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (run(fixture, wrong[i]) != 2)
            fail_msg("tickwire %s: %s", wrong[i], output);
        assert_true(strlen(output) > 0);
    }
    assert_int_equal(run(fixture, "--help"), 0);
    assert_non_null(strstr(output, "exit codes: 0 done, 1 the control plane refused, 2 usage or "
                                   "configuration error"));
}

static void test_unreachable_exits_3(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "--socket /nonexistent/cli status"), 3);
    assert_string_equal(output, "tickwire: control plane not reachable at /nonexistent/cli: No "
                                "such file or directory (UNREACHABLE)\n");
    int status = fixture_stop(fixture, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(run(fixture, "--json status"), 3);
    assert_error_json("UNREACHABLE");
    /* an orderly stop leaves no socket behind */
    assert_int_not_equal(access(fixture->cli_socket, F_OK), 0);
    assert_int_not_equal(access(fixture->agent_socket, F_OK), 0);
}

static void test_tokens(void **state)
{
    const struct fixture *fixture = *state;
    struct tw_connect_token token;
    char line[1024];
    assert_int_equal(run(fixture, "token issue --account bot"), 1);
    assert_int_equal(run(fixture, "token issue --account bot --count 3 --create --validity 5m"), 0);
    const char *at = output;
    for (int i = 0; i < 3; i++) {
        uint8_t bytes[TW_CONNECT_SIZE];
        size_t length = 0;
        assert_int_equal(sscanf(at, "%1023s", line), 1);
        at += strlen(line) + 1;
        assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), line, strlen(line), NULL, &length,
                                           NULL, sodium_base64_VARIANT_ORIGINAL),
                         0);
        assert_true(tw_connect_token_read(&token, bytes, length));
        assert_int_equal(token.addresses[0].port, FIXTURE_PORT);
    }
    assert_int_equal(*at, '\0');
    assert_int_equal(run(fixture, "account list"), 0);
    assert_non_null(strstr(output, "bot-3"));
    assert_null(strstr(output, "bot-4"));
    /* more than one request's worth; each its own account */
    assert_int_equal(run(fixture, "token issue --account load --count 1001 --create | wc -l"), 0);
    assert_string_equal(output, "1001\n");
    assert_int_equal(run(fixture, "account list | grep -c load-"), 0);
    assert_string_equal(output, "1001\n");
    /* no token in the log */
    snprintf(line, sizeof(line), "grep -c VFdDMQ %s/log", fixture->directory);
    FILE *pipe_end = popen(line, "re");
    assert_non_null(fgets(line, sizeof(line), pipe_end));
    (void)pclose(pipe_end);
    assert_string_equal(line, "0\n");
}

static void test_config_commands(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "config check"), 0);
    assert_non_null(strstr(output, ": ok\n"));
    assert_int_equal(run(fixture, "config show --json"), 0);
    json_t *value = output_json();
    const json_t *engine = json_object_get(value, "engine");
    assert_string_equal(json_string_value(json_object_get(engine, "name")), "e1");
    json_decref(value);
    assert_int_equal(run(fixture, "config reference"), 0);
    assert_non_null(strstr(output, "| `tick_hz` | an integer from 10 to 240 | `60` | 1/s | "));
    /* A default is what one can write there: of texts "", of lists []. */
    assert_non_null(strstr(output, "| `key_log` | text of 0 to 255 printable ASCII characters | "
                                   "`\"\"` | "));
    assert_non_null(strstr(output, " from 0 to 1023 | `[]` | "));
}

/* A configuration error: one message, exit 2, nothing started, by daemon and command alike. */
static void test_wrong_configuration_starts_nothing(void **state)
{
    const struct fixture *fixture = *state;
    char path[96];
    char command[512];
    snprintf(path, sizeof(path), "%s/log", fixture->directory); /* removed by the teardown */
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("engine:\n  speed: 9\n", file);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof(command), "config check %s", path);
    assert_int_equal(run(fixture, command), 2);
    assert_non_null(strstr(output, "log:2: key `engine.speed`: unknown key, expected one of name"));
    snprintf(command, sizeof(command), "%s --config %s 2>&1", getenv("TICKWIRE_CONTROL"), path);
    FILE *pipe_end = popen(command, "re");
    assert_non_null(pipe_end);
    assert_non_null(fgets(output, sizeof(output), pipe_end));
    assert_non_null(strstr(output, "log:2: key `engine.speed`: unknown key"));
    assert_null(fgets(output, sizeof(output), pipe_end));
    assert_int_equal(WEXITSTATUS(pclose(pipe_end)), 2);
}

static void test_a_second_daemon_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    char command[512];
    snprintf(command, sizeof(command), "%s --config %s 2>&1", getenv("TICKWIRE_CONTROL"),
             fixture->config);
    FILE *pipe_end = popen(command, "re");
    assert_non_null(pipe_end);
    assert_non_null(fgets(output, sizeof(output), pipe_end));
    assert_int_equal(WEXITSTATUS(pclose(pipe_end)), 1);
    assert_non_null(strstr(output, "another process listens here"));
    assert_int_equal(run(fixture, "status"), 0); /* the first is unharmed */
}

static void test_other_users_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    static const char nobody[] = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    if (geteuid() != 0)
        skip(); /* needs a second user */
    assert_int_equal(chmod(fixture->directory, 0755), 0);
    assert_int_equal(chmod(fixture->config, 0644), 0);
    /* the file's mode keeps them out, and credentials would if it did not */
    assert_int_equal(run_as(fixture, nobody, "status"), 3);
    assert_int_equal(chmod(fixture->cli_socket, 0666), 0);
    assert_int_equal(run_as(fixture, nobody, "--json status"), 1);
    assert_error_json("PERMISSION_DENIED");
    assert_int_equal(run(fixture, "status"), 0);
    /* a member of the daemon's group is let in */
    assert_int_equal(run_as(fixture, "setpriv --reuid=65534 --regid=65534 --groups=0", "status"),
                     0);
}

static void test_completion(void **state)
{
    static const struct {
        const char *words;
        const char *choices;
    } cases[] = {
        {"tickwire se", "session "},
        {"tickwire session ''", "list show kick "},
        {"tickwire --socket /x --json session k", "kick "},
        {"tickwire account ban anna --f", "--for "},
        {"tickwire token issue --c", "--count --create "},
        {"tickwire filter ''", "add list remove "},
        {"tickwire drops --", "--all "},
        {"tickwire debug ''", "space "},
    };
    const struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof(path), "%s/log", fixture->directory);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char script[1024];
        snprintf(script, sizeof(script),
                 "completion bash > %s; bash -c 'source %s; COMP_WORDS=(%s); "
                 "COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _tickwire; printf \"%%s \" "
                 "\"${COMPREPLY[@]}\"'",
                 path, path, cases[i].words);
        /* the words stand inside single quotes: an empty one is written as two double quotes */
        for (char *quote = strstr(script, "''"); quote; quote = strstr(quote, "''"))
            memcpy(quote, "\"\"", 2);
        assert_int_equal(run(fixture, script), 0);
        assert_string_equal(output, cases[i].choices);
    }
}

/* Lines by hand: the protocol's own errors, and several requests on one connection. */
static void test_protocol_errors(void **state)
{
    struct fixture *fixture = *state;
    json_t *answer = fixture_ask(fixture, "dance", NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")),
        "UNKNOWN_COMMAND");
    json_decref(answer);
    answer = fixture_ask(fixture, "status", json_pack("{s:i}", "fast", 1));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")),
        "BAD_ARGUMENT");
    json_decref(answer);
    answer = fixture_ask(fixture, "status", json_array());
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")),
        "BAD_REQUEST");
    json_decref(answer);
    char *large = malloc(20000);
    memset(large, 'x', 19999);
    large[19999] = '\0';
    answer = fixture_ask(fixture, large, NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer, "error"), "code")),
        "REQUEST_TOO_LONG");
    json_decref(answer);
    free(large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accounts_as_table_and_json),
        TEST(test_filter_rules_as_table_and_json),
        TEST(test_refusals_exit_1),
        TEST(test_usage_errors_exit_2),
        TEST(test_unreachable_exits_3),
        TEST(test_tokens),
        TEST(test_config_commands),
        TEST(test_wrong_configuration_starts_nothing),
        TEST(test_a_second_daemon_is_refused),
        TEST(test_other_users_are_refused),
        TEST(test_completion),
        TEST(test_protocol_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
