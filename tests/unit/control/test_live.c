/* SPDX-License-Identifier: BSD-3-Clause */
/* Live session list, and the check of messages before anything acts on them. */
#include "control/daemon/agent_message.h"
#include "control/daemon/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct tw_agent_session session_of(uint32_t connection_id, uint64_t account)
{
    return (struct tw_agent_session){.connection_id = connection_id,
                                     .first_id = connection_id,
                                     .account = account,
                                     .world = 1,
                                     .age_s = 5};
}

static struct tw_live_session *put(struct tw_live *live, uint32_t connection_id, uint64_t account)
{
    struct tw_agent_session session = session_of(connection_id, account);
    return tw_live_put(live, &session, 1000);
}

static void test_live(void **state)
{
    (void)state;
    struct tw_live live;
    uint32_t first = tw_connection_id(0, 5, 9);
    uint32_t second = tw_connection_id(1, 65535, 9);
    assert_true(tw_live_init(&live, 2));
    assert_null(tw_live_next(&live, NULL));
    assert_non_null(put(&live, first, 7));
    assert_non_null(put(&live, second, 7));
    assert_null(put(&live, tw_connection_id(2, 0, 9), 7)); /* no such worker */
    assert_int_equal(live.count, 2);
    assert_true(tw_live_find(&live, first)->started_unix_s == 995);
    assert_null(tw_live_find(&live, tw_connection_id(0, 5, 8)));
    assert_null(tw_live_find(&live, 0));
    assert_ptr_equal(tw_live_find_account(&live, 7, first), tw_live_find(&live, second));
    assert_ptr_equal(tw_live_find_account(&live, 7, second), tw_live_find(&live, first));
    assert_null(tw_live_find_account(&live, 7 + 65536, 0)); /* same chain, other account */
    /* the slot's next session takes its place */
    uint32_t newer = tw_connection_id(0, 5, 10);
    assert_non_null(put(&live, newer, 8));
    assert_int_equal(live.count, 2);
    assert_null(tw_live_find(&live, first));
    assert_null(tw_live_find_account(&live, 7, second));
    assert_ptr_equal(tw_live_next(&live, NULL), tw_live_find(&live, newer));
    assert_ptr_equal(tw_live_next(&live, tw_live_find(&live, newer)), tw_live_find(&live, second));
    assert_null(tw_live_next(&live, tw_live_find(&live, second)));
    tw_live_remove(&live, first); /* stale: no effect */
    assert_int_equal(live.count, 2);
    tw_live_fini(&live);
}

static void test_live_newest_of_an_account(void **state)
{
    (void)state;
    struct tw_live live;
    assert_true(tw_live_init(&live, 1));
    struct tw_agent_session session = session_of(tw_connection_id(0, 1, 9), 7);
    struct tw_live_session *put_last = NULL;
    static const uint64_t installed[] = {300, 500, 100, 500};
    for (uint32_t i = 0; i < 4; i++) {
        session.connection_id = tw_connection_id(0, 1 + i, 9);
        session.installed_ns = installed[i];
        put_last = tw_live_put(&live, &session, 1000);
    }
    struct tw_live_session *newest = tw_live_find_account(&live, 7, 0);
    assert_ptr_equal(newest, put_last); /* of the same moment: the larger id */
    newest->condemned = true;
    newest = tw_live_find_account(&live, 7, 0);
    assert_int_equal(tw_connection_slot(newest->connection_id), 2);
    newest = tw_live_find_account(&live, 7, newest->connection_id);
    assert_int_equal(tw_connection_slot(newest->connection_id), 1);
    /* told again, later: condemned no more, and as old as it was */
    session.age_s = 0;
    assert_ptr_equal(tw_live_put(&live, &session, 1060), put_last);
    assert_false(put_last->condemned);
    assert_true(put_last->started_unix_s == 995);
    session.token_id[0] = 1; /* another session with the same id is another session */
    assert_true(tw_live_put(&live, &session, 1060)->started_unix_s == 1060);
    tw_live_fini(&live);
}

static void test_live_resync(void **state)
{
    (void)state;
    struct tw_live live;
    assert_true(tw_live_init(&live, 1));
    for (uint32_t slot = 0; slot < 10; slot++)
        assert_non_null(put(&live, tw_connection_id(0, slot, 1), 7));
    tw_live_resync_begin(&live);
    for (uint32_t slot = 0; slot < 10; slot += 2)
        assert_non_null(put(&live, tw_connection_id(0, slot, 1), 7));
    assert_int_equal(tw_live_resync_end(&live), 5);
    assert_int_equal(live.count, 5);
    assert_null(tw_live_find(&live, tw_connection_id(0, 3, 1)));
    assert_non_null(tw_live_find(&live, tw_connection_id(0, 4, 1)));
    tw_live_fini(&live);
}

static union tw_agent_message message_of(uint16_t type, size_t size)
{
    union tw_agent_message message;
    memset(&message, 0, sizeof(message));
    message.header = (struct tw_agent_header){
        .type = type, .version = TW_AGENT_VERSION, .length = (uint32_t)size};
    return message;
}

static void test_message_check(void **state)
{
    (void)state;
    const size_t size = sizeof(struct tw_agent_session);
    union tw_agent_message message = message_of(TW_AGENT_SESSION_CONFIRMED, size);
    message.session.connection_id = tw_connection_id(0, 1, 1);
    message.session.event = 1;
    /* 1 well-formed; 2-5 sizes */
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_OK);
    assert_int_equal(tw_agent_message_check(&message, 0), TW_AGENT_CHECK_SIZE);
    assert_int_equal(tw_agent_message_check(&message, sizeof(message.header) - 1),
                     TW_AGENT_CHECK_SIZE);
    assert_int_equal(tw_agent_message_check(&message, size - 1), TW_AGENT_CHECK_SIZE);
    message.header.length = (uint32_t)size - 8;
    assert_int_equal(tw_agent_message_check(&message, size - 8), TW_AGENT_CHECK_SIZE);
    message.header.length = (uint32_t)size;
    /* 6-8 ranges */
    message.session.event = 0;
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
    message.session.event = 1;
    message.session.reason = TW_CLOSE_COUNT;
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
    message.session.reason = 0;
    message.session.connection_id = 5; /* generation 0 */
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
    /* 9 version, 10-12 types */
    message.header.version++;
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_VERSION);
    message.header.version--;
    static const uint16_t foreign[] = {0, 13, TW_AGENT_HANDSHAKE_REPLY, 65535};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        message.header.type = foreign[i];
        assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_TYPE);
    }
}

static void test_filter_figures_are_counted(void **state)
{
    (void)state;
    const size_t size = sizeof(struct tw_agent_filter_counters);
    union tw_agent_message message = message_of(TW_AGENT_FILTER_COUNTERS, size);
    message.filter_counters.count = TW_AGENT_FILTER_FIGURES;
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_OK);
    message.filter_counters.count++;
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
}

static void test_message_texts(void **state)
{
    (void)state;
    const size_t size = sizeof(struct tw_agent_engine_hello);
    union tw_agent_message message = message_of(TW_AGENT_ENGINE_HELLO, size);
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE); /* empty */
    strcpy(message.engine_hello.name, "e1");
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_OK);
    message.engine_hello.name[1] = '\n';
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
    memset(message.engine_hello.name, 'x', sizeof(message.engine_hello.name));
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
}

/* Names that reach operators: of ports and of what encrypts. */
static void test_statistics_texts(void **state)
{
    (void)state;
    const size_t size = sizeof(struct tw_agent_stats);
    union tw_agent_message message = message_of(TW_AGENT_STATS, size);
    struct tw_agent_crypto *crypto = &message.stats.crypto;
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_OK);
    strcpy(crypto->cookie, "sha-ni");
    strcpy(crypto->refused, "one; two");
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_OK);
    crypto->refused[3] = '\n';
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
    memset(crypto->refused, 'x', sizeof(crypto->refused));
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
    memset(crypto->refused, 0, sizeof(crypto->refused));
    memset(crypto->cookie, 'x', sizeof(crypto->cookie));
    assert_int_equal(tw_agent_message_check(&message, size), TW_AGENT_CHECK_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_live_newest_of_an_account),
        cmocka_unit_test(test_live_resync),
        cmocka_unit_test(test_message_check),
        cmocka_unit_test(test_filter_figures_are_counted),
        cmocka_unit_test(test_message_texts),
        cmocka_unit_test(test_statistics_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
