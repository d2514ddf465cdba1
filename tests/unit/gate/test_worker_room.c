/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for what comes in is short: who holds some without going on is closed for it, whoever goes
 * on or waits is not, and while nobody waits, nobody is. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

#define CLIENTS  5u
#define WAITS    4u /* finds no room */
#define LARGE    60000u
#define INCOMING 256u /* as the least memory that can be configured has */

static struct rig rig;
static struct rig_client clients[CLIENTS];
static bool mute[CLIENTS]; /* sends no pings */
static uint32_t next_granule[CLIENTS];

static struct tw_talk *talk(void)
{
    return &rig.worker[0]->talk;
}

static void start(void)
{
    memset(clients, 0, sizeof(clients));
    memset(next_granule, 0, sizeof(next_granule));
    rig_make(&rig, 1);
    rig_start(&rig);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        rig_client_make_live(&rig, &clients[i], (uint16_t)(5000 + i));
        (void)rig_join_epoch(&rig);
    }
    talk()->pool.incoming_max = INCOMING;
}

static void stop(void)
{
    rig_turn(&rig, RIG_MS);
    rig_stop(&rig);
}

static void send_entry(uint32_t i, struct tw_entry entry)
{
    rig_client_send_entry(&rig, &clients[i], &entry, 1);
    rig_turn(&rig, RIG_MS);
}

/* The next granules of 60 KB of bulk, from where it is. */
static void go_on(uint32_t i, uint32_t granules)
{
    uint32_t from = next_granule[i] * TW_GRANULE_BYTES;
    send_entry(i, (struct tw_entry){.channel = TW_CHANNEL_BULK,
                                    .kind = TW_ENTRY_PART,
                                    .first = (uint16_t)next_granule[i],
                                    .size = LARGE,
                                    .length = granules * TW_GRANULE_BYTES});
    assert_true(from < LARGE);
    next_granule[i] += granules;
}

/* All of channel 1 but number 0. */
static void leave_one_out(uint32_t i)
{
    for (uint16_t number = 1; number < TW_MESSAGE_WINDOW - 1u; number++)
        send_entry(i, (struct tw_entry){.channel = TW_CHANNEL_ORDERED,
                                        .kind = TW_ENTRY_WHOLE,
                                        .number = number,
                                        .size = 900,
                                        .length = 900});
}

static const struct tw_receiver *receiver_of(uint32_t i)
{
    const struct tw_channels *channels =
        talk()->transports[tw_connection_slot(clients[i].id)].channels;
    return channels ? &channels->receiver : NULL;
}

static uint64_t closed(void)
{
    return tw_counter_get(&rig.counters[0]->messages_stalled);
}

/* A turn of a tenth of a second for all who are there. */
static void live(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        if (clients[i].closes == 0 && !mute[i])
            rig_client_send_ping(&rig, &clients[i], 1);
    rig_turn(&rig, 100 * RIG_MS);
    rig_client_receive(&rig, clients, CLIENTS);
}

/* The first two have begun and go on, the third is who leaves one out, the last finds no room. */
static void fill(void)
{
    go_on(0, 8);
    go_on(1, 8);
    leave_one_out(2);
    assert_true(tw_receiver_holds(receiver_of(2)) > 40);
    go_on(WAITS, 8);
}

/* Others wait until the third one holds nothing more. */
static void wait_for_the_third(void)
{
    fill();
    assert_int_equal(tw_receiver_holds(receiver_of(WAITS)), 0);
    assert_int_equal(receiver_of(WAITS)->holder.wants, tw_message_blocks(LARGE));
    for (uint32_t tenths = 0; tenths < 100 && closed() == 0; tenths++) {
        live();
        if (tenths % 10u == 9u) {
            go_on(0, 8);
            go_on(1, 8);
        }
        next_granule[WAITS] = 0;
        go_on(WAITS, 8); /* it asks again */
    }
    assert_int_equal(closed(), 1);
    assert_null(receiver_of(2)); /* what it held was free at once */
}

static void who_leaves_one_out_goes_when_others_wait(void **state)
{
    (void)state;
    start();
    wait_for_the_third();
    rig_client_receive(&rig, clients, CLIENTS);
    live();
    assert_int_equal(clients[2].frames.close_reason, TW_CLOSE_STALLED);
    assert_int_equal(clients[0].closes + clients[1].closes + clients[WAITS].closes, 0);
    next_granule[WAITS] = 0;
    go_on(WAITS, 8);
    assert_int_equal(tw_receiver_holds(receiver_of(WAITS)), tw_message_blocks(LARGE));
    stop();
}

/* Whoever is silent gives way, too, and is told when it is heard: its entity is in the world. */
static void who_is_silent_lapses(void **state)
{
    (void)state;
    start();
    mute[2] = true;
    wait_for_the_third();
    mute[2] = false;
    assert_int_equal(tw_counter_get(&rig.counters[0]->life[TW_LIFE_EVENT_LAPSED]), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    live();
    live();
    assert_int_equal(clients[2].frames.close_reason, TW_CLOSE_STALLED);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    stop();
}

/* The same, and nobody wants what they hold. */
static void nobody_goes_while_nobody_waits(void **state)
{
    (void)state;
    start();
    go_on(0, 8);
    leave_one_out(2);
    assert_true(tw_receiver_holds(receiver_of(2)) > 40);
    for (uint32_t tenths = 0; tenths < 300; tenths++) {
        live();
        if (tenths % 40u == 39u)
            go_on(0, 1); /* a trickle */
    }
    assert_int_equal(closed(), 0);
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_int_equal(clients[i].closes, 0);
    stop();
}

/* A trickle is closed when others wait, and of those that are late who holds most goes first. */
static void who_trickles_goes_when_others_wait(void **state)
{
    (void)state;
    struct tw_entry smaller = {
        .channel = TW_CHANNEL_BULK, .kind = TW_ENTRY_PART, .size = LARGE / 3u, .length = 128};
    start();
    for (uint32_t i = 0; i < 3; i++)
        go_on(i, 8);
    send_entry(3, smaller);
    for (uint32_t tenths = 0; tenths < 200 && closed() == 0; tenths++) {
        live();
        next_granule[WAITS] = 0;
        if (tenths >= 100 && closed() == 0) { /* two are late by then */
            go_on(WAITS, 8);
            assert_int_equal(receiver_of(WAITS)->holder.wants, tw_message_blocks(LARGE));
        }
        if (tenths % 10u == 9u) {
            go_on(1, 8);
            go_on(2, 8);
        }
        if (tenths % 30u == 29u) {
            go_on(0, 1);
            smaller.first++;
            send_entry(3, smaller);
        }
        assert_true(tenths >= 100 || closed() == 0);
    }
    assert_int_equal(closed(), 1);
    live();
    assert_int_equal(clients[0].frames.close_reason, TW_CLOSE_STALLED);
    for (uint32_t i = 1; i < CLIENTS; i++)
        assert_int_equal(clients[i].closes, 0);
    /* It has room, so nobody else is late to anybody. */
    next_granule[WAITS] = 0;
    for (uint32_t tenths = 0; tenths < 15; tenths++) {
        live();
        if (tenths % 10u == 0)
            go_on(WAITS, 8);
    }
    assert_int_equal(closed(), 1);
    stop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_leaves_one_out_goes_when_others_wait),
        cmocka_unit_test(who_is_silent_lapses),
        cmocka_unit_test(nobody_goes_while_nobody_waits),
        cmocka_unit_test(who_trickles_goes_when_others_wait),
    };
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
