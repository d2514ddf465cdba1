/* SPDX-License-Identifier: BSD-3-Clause */
/* A lab's import without link, ring or worker: what is asked, in what order, and how it ends. */
#include "dataplane/engine/lab_import.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2u
#define SLOTS   128u

static struct tw_lab_import *import;
static struct tw_lab_import_config config;
static const uint8_t token[TW_TOKEN_ID_SIZE] = {0xaa};
static const uint8_t seed[TW_LAB_SEED_SIZE] = {5, 5};

static int setup(void **state)
{
    (void)state;
    config = (struct tw_lab_import_config){.lab = true,
                                           .ports = 2,
                                           .workers = WORKERS,
                                           .sessions_max = SLOTS,
                                           .world = 1,
                                           .suites = TW_SUITE_CHACHA20_POLY1305};
    void *memory = aligned_alloc(64, tw_lab_import_footprint(&config));
    assert_non_null(memory);
    import = tw_lab_import_init(memory, &config);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(import);
    return 0;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void begin(uint32_t number, uint32_t count)
{
    union tw_agent_message message = {
        .lab_begin = {.header.type = TW_AGENT_LAB_BEGIN, .import = number, .count = count}};
    memcpy(message.lab_begin.seed, seed, sizeof(seed));
    tw_lab_import_receive(import, &message);
}

static struct tw_lab_session make_session(uint32_t worker, uint32_t slot)
{
    return (struct tw_lab_session){
        .connection_id = tw_connection_id(worker, slot, 0x10u + slot),
        .index = 1000u + slot,
        .world = 1,
        .suite = TW_SUITE_CHACHA20_POLY1305,
        .account = 1u + slot,
        .address = tw_address_from_ipv4(0xc6120010u, (uint16_t)(20000u + slot)),
        .first_sequence = 4,
        .packets = 10,
    };
}

static void add(uint32_t number, uint32_t first, const struct tw_lab_session *sessions,
                uint32_t count)
{
    union tw_agent_message message = {.lab_sessions = {.header.type = TW_AGENT_LAB_SESSIONS,
                                                       .import = number,
                                                       .first = first,
                                                       .count = count}};
    for (uint32_t i = 0; i < count && i < TW_AGENT_LAB_RECORDS; i++)
        tw_lab_session_write(message.lab_sessions.records[i], &sessions[i], tw_crc32c_portable);
    tw_lab_import_receive(import, &message);
}

static void commit(uint32_t number)
{
    union tw_agent_message message = {
        .lab_commit = {.header.type = TW_AGENT_LAB_COMMIT, .import = number}};
    tw_lab_import_receive(import, &message);
}

/* 70 sessions of worker 0 and 3 of worker 1. */
static void stage_73(uint32_t number)
{
    begin(number, 73);
    for (uint32_t i = 0; i < 73; i++) {
        struct tw_lab_session session = i < 70 ? make_session(0, i) : make_session(1, i - 70);
        add(number, i, &session, 1);
    }
}

static void expect_refused(const char *text)
{
    const struct tw_agent_lab_result *result = tw_lab_import_result(import);
    assert_non_null(result);
    assert_int_equal(result->ok, 0);
    if (strstr(result->message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", result->message, text);
    tw_lab_import_told(import);
    assert_null(tw_lab_import_result(import));
}

/* ---- workers -------------------------------------------------------------------------------- */

static struct tw_worker_command next_command(enum tw_command_type type, uint32_t *worker)
{
    struct tw_worker_command command;
    assert_true(tw_lab_import_next(import, &command, worker, token));
    assert_int_equal(command.type, type);
    tw_lab_import_sent(import);
    return command;
}

static void no_command(void)
{
    struct tw_worker_command command;
    uint32_t worker;
    assert_false(tw_lab_import_next(import, &command, &worker, token));
}

static void report(uint32_t worker, uint32_t installed, uint32_t refused, uint32_t first)
{
    struct tw_worker_event event = {
        .type = TW_EVENT_LAB,
        .worker = (uint16_t)worker,
        .lab = {.installed = installed, .refused = refused, .first_refused = first}};
    tw_lab_import_report(import, &event);
}

static void pass_reports(void)
{
    uint32_t worker;
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct tw_worker_command command = next_command(TW_COMMAND_LAB_REPORT, &worker);
        assert_int_equal(worker, i);
        assert_int_equal(command.lab_report.import, 9);
    }
    no_command();
}

static void pass_checks(void)
{
    static const uint32_t counts[] = {64, 6, 3};
    uint32_t worker;
    uint32_t first = 0;
    for (uint32_t i = 0; i < 3; i++) {
        struct tw_worker_command command = next_command(TW_COMMAND_LAB_CHECK, &worker);
        assert_int_equal(worker, i == 2);
        assert_int_equal(command.lab_check.first, first);
        assert_int_equal(command.lab_check.count, counts[i]);
        first += counts[i];
    }
    pass_reports();
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void installs_everything_after_all_checks(void **state)
{
    (void)state;
    uint8_t client_to_server[TW_KEY_SIZE];
    uint8_t server_to_client[TW_KEY_SIZE];
    uint32_t worker;
    stage_73(9);
    no_command();
    commit(9);
    pass_checks();
    report(1, 0, 0, 0);
    no_command();
    report(0, 0, 0, 0);
    for (uint32_t i = 0; i < 73; i++) {
        struct tw_worker_command command = next_command(TW_COMMAND_LAB_INSTALL, &worker);
        const struct tw_lab_install *install = &command.lab_install;
        struct tw_lab_session wanted = i < 70 ? make_session(0, i) : make_session(1, i - 70);
        tw_lab_secrets_derive(seed, wanted.index, client_to_server, server_to_client);
        assert_int_equal(worker, i >= 70);
        assert_int_equal(install->connection_id, wanted.connection_id);
        assert_int_equal(install->number, i);
        assert_int_equal(install->suite, wanted.suite);
        assert_int_equal(install->account, wanted.account);
        assert_int_equal(install->first_sequence, 4);
        assert_true(tw_address_equal(&install->address, &wanted.address));
        assert_memory_equal(install->token_id, token, sizeof(token));
        assert_memory_equal(install->secret_client_to_server, client_to_server, TW_KEY_SIZE);
        assert_memory_equal(install->secret_server_to_client, server_to_client, TW_KEY_SIZE);
    }
    pass_reports();
    report(0, 70, 0, 0);
    assert_null(tw_lab_import_result(import));
    report(1, 3, 0, 0);
    const struct tw_agent_lab_result *result = tw_lab_import_result(import);
    assert_non_null(result);
    assert_int_equal(result->ok, 1);
    assert_int_equal(result->import, 9);
    assert_int_equal(result->installed, 73);
    tw_lab_import_told(import);
    no_command();
}

static void a_taken_slot_stops_all(void **state)
{
    (void)state;
    stage_73(9);
    commit(9);
    pass_checks();
    report(1, 0, 1, 71);
    report(0, 0, 2, 30);
    expect_refused("record 30 (connection 02e0001e): its slot is taken; 3 such records");
    no_command();
}

static void no_lab_takes_nothing(void **state)
{
    (void)state;
    config.lab = false;
    assert_true(tw_lab_import_footprint(&config) < 1024);
    tw_lab_import_init(import, &config);
    stage_73(9);
    commit(9);
    expect_refused("no lab");
    no_command();
}

static void odd_files_are_refused(void **state)
{
    (void)state;
    struct tw_lab_session sessions[2] = {make_session(0, 3), make_session(0, 4)};
    begin(1, 0);
    expect_refused("0 sessions do not fit");
    begin(1, WORKERS * SLOTS + 1);
    expect_refused("257 sessions do not fit");

    static const char *const texts[] = {
        "not behind", "worker 2 of 2", "slot 128",     "world 2",      "cipher suite",
        "generation", "out of place",  "out of place", "out of place", "port 3 of 2"};
    for (uint32_t i = 0; i < 10; i++) {
        struct tw_lab_session bad = make_session(0, 4);
        uint32_t first = 1, count = 1;
        if (i == 0)
            bad = make_session(0, 2);
        else if (i == 1)
            bad.connection_id = tw_connection_id(2, 4, 1);
        else if (i == 2)
            bad.connection_id = tw_connection_id(0, SLOTS, 1);
        else if (i == 3)
            bad.world = 2;
        else if (i == 4)
            bad.suite = TW_SUITE_AES256_GCM;
        else if (i == 5)
            bad.connection_id = 4; /* generation 0 */
        else if (i == 6)
            first = 2;
        else if (i == 7)
            count = 0;
        else if (i == 9)
            bad.port = 2;
        else
            count = TW_AGENT_LAB_RECORDS + 1u;
        begin(2, 2);
        add(2, 0, sessions, 1);
        if (count <= 1) {
            add(2, first, &bad, count);
        } else {
            union tw_agent_message message = {
                .lab_sessions = {
                    .header.type = TW_AGENT_LAB_SESSIONS, .import = 2, .first = 1, .count = count}};
            tw_lab_import_receive(import, &message);
        }
        commit(2); /* of a refused import: ignored */
        expect_refused(i == 5 ? "record 1: a field is out of range" : texts[i]);
    }
}

/* In one message: nothing behind the first bad one is looked at, or could take its place. */
static void the_first_of_two_bad_records_is_named(void **state)
{
    (void)state;
    struct tw_lab_session sessions[3] = {make_session(0, 3), make_session(0, 4),
                                         make_session(0, 5)};
    sessions[1].world = 2;
    sessions[2].port = 2;
    begin(5, 3);
    add(5, 0, sessions, 3);
    expect_refused("record 1 (connection");
}

static void a_short_file_is_refused(void **state)
{
    (void)state;
    struct tw_lab_session session = make_session(0, 3);
    begin(3, 2);
    add(3, 0, &session, 1);
    commit(3);
    expect_refused("1 of 2 records came");
    commit(3);
    assert_null(tw_lab_import_result(import));
}

static void a_damaged_record_is_named(void **state)
{
    (void)state;
    union tw_agent_message message = {
        .lab_sessions = {.header.type = TW_AGENT_LAB_SESSIONS, .import = 4, .count = 2}};
    struct tw_lab_session session = make_session(0, 3);
    begin(4, 2);
    tw_lab_session_write(message.lab_sessions.records[0], &session, tw_crc32c_portable);
    tw_lab_session_write(message.lab_sessions.records[1], &session, tw_crc32c_portable);
    message.lab_sessions.records[1][20] ^= 1;
    tw_lab_import_receive(import, &message);
    expect_refused("record 1: wrong checksum");
}

static void one_import_at_a_time(void **state)
{
    (void)state;
    uint32_t worker;
    stage_73(9);
    commit(9);
    (void)next_command(TW_COMMAND_LAB_CHECK, &worker);
    begin(10, 1);
    const struct tw_agent_lab_result *result = tw_lab_import_result(import);
    assert_non_null(result);
    assert_int_equal(result->import, 10);
    expect_refused("another import");
    /* The first one goes on. */
    (void)next_command(TW_COMMAND_LAB_CHECK, &worker);
}

static void a_new_one_replaces_what_was_not_committed(void **state)
{
    (void)state;
    struct tw_lab_session session = make_session(0, 3);
    begin(1, 2);
    add(1, 0, &session, 1);
    begin(2, 1);
    add(1, 1, &session, 1); /* of the old one: ignored */
    add(2, 0, &session, 1);
    commit(1);
    no_command();
    commit(2);
    uint32_t worker;
    (void)next_command(TW_COMMAND_LAB_CHECK, &worker);
}

static void a_lost_link_forgets_what_was_not_committed(void **state)
{
    (void)state;
    uint32_t worker;
    begin(1, 2);
    tw_lab_import_abandon(import);
    commit(1);
    assert_null(tw_lab_import_result(import));
    stage_73(9);
    commit(9);
    pass_checks();
    tw_lab_import_abandon(import); /* workers were asked: heard out */
    report(0, 0, 0, 0);
    report(1, 0, 0, 0);
    (void)next_command(TW_COMMAND_LAB_INSTALL, &worker);
}

static void an_ending_engine_says_so(void **state)
{
    (void)state;
    uint32_t worker;
    stage_73(9);
    commit(9);
    pass_checks();
    report(0, 0, 0, 0);
    report(1, 0, 0, 0);
    for (uint32_t i = 0; i < 73; i++)
        (void)next_command(TW_COMMAND_LAB_INSTALL, &worker);
    pass_reports();
    report(0, 60, 10, 60);
    report(1, 3, 0, 0);
    expect_refused("63 of 73");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(installs_everything_after_all_checks),
        TEST(a_taken_slot_stops_all),
        TEST(no_lab_takes_nothing),
        TEST(odd_files_are_refused),
        TEST(the_first_of_two_bad_records_is_named),
        TEST(a_short_file_is_refused),
        TEST(a_damaged_record_is_named),
        TEST(one_import_at_a_time),
        TEST(a_new_one_replaces_what_was_not_committed),
        TEST(a_lost_link_forgets_what_was_not_committed),
        TEST(an_ending_engine_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
