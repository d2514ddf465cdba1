/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions that were imported into a worker: they live as any other; and no player gets in. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SLOT  5u
#define FIRST 40u

static struct tw_worker_command make_install(uint32_t slot)
{
    static const uint8_t seed[TW_LAB_SEED_SIZE] = {1};
    struct tw_worker_command command = {.type = TW_COMMAND_LAB_INSTALL};
    struct tw_lab_install *install = &command.lab_install;
    *install = (struct tw_lab_install){
        .connection_id = tw_connection_id(0, slot, 0x321),
        .number = slot,
        .world = 1,
        .suite = TW_SUITE_CHACHA20_POLY1305,
        .account = 900,
        .first_sequence = FIRST,
        .address = tw_address_from_ipv4(TEST_CLIENT_ADDRESS, 6000),
        .token_id = {7},
    };
    tw_lab_secrets_derive(seed, slot, install->secret_client_to_server,
                          install->secret_server_to_client);
    return command;
}

/* The client's end of an imported session. */
static void make_client(struct rig_client *client, const struct tw_lab_install *install)
{
    memset(client, 0, sizeof(*client));
    client->ip = TEST_CLIENT_ADDRESS;
    client->port = 6000;
    client->id = install->connection_id;
    client->sequence = FIRST;
    tw_phase_client_init(&client->keys, tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305,
                         install->secret_client_to_server, install->secret_server_to_client);
}

static struct tw_worker_event ask_report(struct rig *rig)
{
    struct tw_worker_command command = {.type = TW_COMMAND_LAB_REPORT, .lab_report.import = 12};
    struct tw_worker_event event = {0};
    rig_command(rig, 0, &command);
    rig_turn(rig, RIG_MS);
    assert_true(rig_events(rig, TW_EVENT_LAB, &event) > 0);
    assert_int_equal(event.lab.import, 12);
    return event;
}

static void start_lab(struct rig *rig)
{
    rig_make(rig, 1);
    rig->config.engine.lab = TW_LAB_MODE_ON;
    rig_start(rig);
}

static void imported_session_plays(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    struct tw_worker_event event;
    struct tw_record record;
    start_lab(&rig);
    struct tw_worker_command install = make_install(SLOT);
    make_client(&client, &install.lab_install);
    rig_command(&rig, 0, &install);
    event = ask_report(&rig);
    assert_int_equal(event.lab.installed, 1);
    assert_int_equal(event.lab.refused, 0);
    /* It joined its world, and the control plane hears of it. */
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_JOIN);
    assert_int_equal(record.slot, SLOT);
    assert_int_equal(record.join.account, 900);
    assert_int_equal(rig_events(&rig, TW_EVENT_CONFIRMED, &event), 1);
    assert_int_equal(event.session.connection_id, client.id);
    assert_int_equal(event.session.token_id[0], 7);
    /* Traffic both ways. */
    rig_client_send_ping(&rig, &client, 99);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 1);
    /* Numbers from before the capture are no news. */
    uint8_t packet[TW_DATAGRAM_MAX];
    make_client(&client, &install.lab_install);
    size_t length = rig_client_seal(&client, FIRST - 1, (const uint8_t *)"x", 1, packet);
    rig_client_send(&rig, &client, packet, length);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_REPLAY_DUPLICATE), 1);
    rig_stop(&rig);
}

/* A session of the second port: by the first its packets would come from elsewhere. */
static void imported_session_has_its_port(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.ports = 2;
    rig.config.engine.lab = TW_LAB_MODE_ON;
    rig_start(&rig);
    struct tw_worker_command know = {
        .type = TW_COMMAND_NEIGHBOUR_SET,
        .neighbour = {.address = tw_address_from_ipv4(TEST_SERVER_ADDRESS2 + 1, 0),
                      .interface = 1}};
    memcpy(know.neighbour.mac, test_client_mac, 6);
    rig_command(&rig, 0, &know);
    struct tw_worker_command install = make_install(SLOT);
    install.lab_install.interface = 1;
    install.lab_install.address = tw_address_from_ipv4(TEST_SERVER_ADDRESS2 + 1, 6000);
    make_client(&client, &install.lab_install);
    client.ip = TEST_SERVER_ADDRESS2 + 1;
    client.interface = 1;
    rig_command(&rig, 0, &install);
    assert_int_equal(ask_report(&rig).lab.installed, 1);
    rig_client_send_ping(&rig, &client, 99);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 1);
    assert_int_equal(client.challenges, 0);
    rig_stop(&rig);
}

/* Recorded clients follow nobody. */
static void a_lab_stays_in_phase_0(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.config.engine.lab = TW_LAB_MODE_ON;
    rig.config.limits.rekey_s = 1;
    rig.config.limits.rekey_packets = 4;
    rig_start(&rig);
    struct tw_worker_command install = make_install(SLOT);
    make_client(&client, &install.lab_install);
    rig_command(&rig, 0, &install);
    (void)ask_report(&rig);
    for (uint32_t i = 0; i < 20; i++) {
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, 200 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
        assert_int_equal(client.heard_flags, 0);
    }
    assert_int_equal(client.pongs, 20);
    assert_int_equal(tw_counter_get(&rig.counters[0]->rekeys[TW_REKEY_STARTED]), 0);
    rig_stop(&rig);
}

static void taken_slots_are_told(void **state)
{
    (void)state;
    struct rig rig;
    start_lab(&rig);
    struct tw_worker_command install = make_install(SLOT);
    rig_command(&rig, 0, &install);
    assert_int_equal(ask_report(&rig).lab.installed, 1);
    struct tw_worker_command check = {.type = TW_COMMAND_LAB_CHECK,
                                      .lab_check = {.first = 100, .count = 4}};
    for (uint32_t i = 0; i < 4; i++)
        check.lab_check.connection_ids[i] = tw_connection_id(0, SLOT - 1 + i, 9);
    check.lab_check.connection_ids[3] = tw_connection_id(0, 64, 9); /* beyond the table */
    rig_command(&rig, 0, &check);
    struct tw_worker_event event = ask_report(&rig);
    assert_int_equal(event.lab.refused, 2);
    assert_int_equal(event.lab.first_refused, 101);
    assert_int_equal(ask_report(&rig).lab.refused, 0); /* told once */
    rig_command(&rig, 0, &install);
    event = ask_report(&rig);
    assert_int_equal(event.lab.installed, 0);
    assert_int_equal(event.lab.refused, 1);
    assert_int_equal(event.lab.first_refused, SLOT);
    rig_stop(&rig);
}

static void imported_session_times_out(void **state)
{
    (void)state;
    struct rig rig;
    struct tw_worker_event event;
    start_lab(&rig);
    struct tw_worker_command install = make_install(SLOT);
    rig_command(&rig, 0, &install);
    assert_int_equal(ask_report(&rig).lab.installed, 1);
    for (int i = 0; i < 200; i++)
        rig_turn(&rig, 100 * RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_live), 0);
    rig_command(&rig, 0, &install); /* the slot is free again */
    assert_int_equal(ask_report(&rig).lab.installed, 1);
    rig_stop(&rig);
}

/* Whatever a control plane says: one that welcomes players into a lab is wrong. */
static void no_player_gets_into_a_lab(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    start_lab(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 6001);
    rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig.handshake_count, 1);
    struct tw_worker_command reply = rig_answer(&rig, &rig.handshake);
    assert_int_equal(reply.reply.verdict, TW_VERDICT_WELCOMED);
    rig_command(&rig, 0, &reply);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_LAB), 1);
    assert_int_equal(rig_verdict(&rig, TW_VERDICT_WELCOMED), 0);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_pending), 0);
    rig_stop(&rig);
}

static void a_full_ring_keeps_the_report(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig, 1);
    rig.config.engine.lab = TW_LAB_MODE_ON;
    rig.events_depth = 4; /* three fit */
    rig_start(&rig);
    for (uint32_t slot = 0; slot < 6; slot++) {
        struct tw_worker_command install = make_install(slot);
        rig_command(&rig, 0, &install);
    }
    struct tw_worker_command command = {.type = TW_COMMAND_LAB_REPORT};
    rig_command(&rig, 0, &command);
    for (int i = 0; i < 5; i++)
        rig_turn(&rig, RIG_MS);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_LAB, &event), 1);
    assert_int_equal(event.lab.installed, 6);
    assert_int_equal(rig_events(&rig, TW_EVENT_CONFIRMED, NULL), 6);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imported_session_plays),
        cmocka_unit_test(imported_session_has_its_port),
        cmocka_unit_test(a_lab_stays_in_phase_0),
        cmocka_unit_test(taken_slots_are_told),
        cmocka_unit_test(imported_session_times_out),
        cmocka_unit_test(no_player_gets_into_a_lab),
        cmocka_unit_test(a_full_ring_keeps_the_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
