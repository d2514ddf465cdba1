/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite gate in small, without a clock: every traffic of the benchmark goes through a worker once,
 * and the rig ends the process if one packet does not end as its row says.
 */
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_rig.h"

#include <sodium.h>

#define SESSIONS 300u
/* Of all: the packet that makes a session live, that which is repeated, and one behind it. */
#define ACCEPTED_PASSES 3u
#define HOUR_NS         (UINT64_C(3600) * 1000000000u)

/* Nothing that comes by a session's age ends a long measurement. */
static void run_for_hours(struct gate_rig *rig)
{
    gate_rig_turn(rig, 3 * HOUR_NS);
    for (uint32_t i = 0; i < rig->crowd.count; i++)
        rig->crowd.clients[i].sequence = GATE_SEQUENCE_MAX - GATE_ROUND;
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    gate_rig_make_ahead(rig, GATE_TRAFFIC_INPUTS);
    for (uint32_t round = 0; round < GATE_ROUNDS_MAX; round++)
        gate_rig_receive(rig);
    GATE_CHECK(tw_counter_get(&rig->counters->rekeys[TW_REKEY_STARTED]) == 0,
               "keys are changed, and nobody follows");
}

static void run(const struct gate_port *port, enum tw_suite suite)
{
    static const enum gate_traffic traffics[] = {
        GATE_TRAFFIC_INPUTS,    GATE_TRAFFIC_FORGED, GATE_TRAFFIC_OFFPATH,     GATE_TRAFFIC_STALE,
        GATE_TRAFFIC_UNKNOWN,   GATE_TRAFFIC_HELLO,  GATE_TRAFFIC_HELLO_SMALL, GATE_TRAFFIC_REPLAY,
        GATE_TRAFFIC_OVERSIZED, GATE_TRAFFIC_TINY};
    /* With messages: of one and of two bytes of length, and as large as they get. */
    static const uint32_t sizes[] = {GATE_INPUT_PLAINTEXT + GATE_MESSAGE_MIN, 128, 1000,
                                     TW_PLAINTEXT_MAX};
    static struct gate_rig rig;
    uint32_t messages = 0;
    struct gate_ciphers ciphers = {.aead = tw_aead_sodium()};
    gate_rig_start(&rig, port, SESSIONS, suite, &ciphers);
    for (uint32_t i = 0; i < sizeof(traffics) / sizeof(traffics[0]); i++) {
        gate_rig_begin(&rig, GATE_INPUT_PLAINTEXT);
        gate_rig_make_ahead(&rig, traffics[i]);
        gate_rig_receive(&rig);
    }
    gate_rig_begin(&rig, GATE_INPUT_PLAINTEXT);
    gate_rig_receive_one(&rig);
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        gate_rig_begin(&rig, sizes[i]);
        uint32_t rounds = gate_rig_make_ahead(&rig, GATE_TRAFFIC_INPUTS);
        for (uint32_t round = 0; round < rounds; round++)
            gate_rig_receive(&rig);
        messages += rounds * GATE_ROUND;
    }
    gate_rig_send(&rig, 300);
    gate_rig_send(&rig, TW_PLAINTEXT_MAX);
    GATE_CHECK(gate_rig_outcome(&rig, TW_OUTCOME_ACCEPTED) ==
                   ACCEPTED_PASSES * SESSIONS + GATE_ROUND + 1 + messages,
               "the counters do not add up");
    GATE_CHECK(rig.crowd.messages == messages, "not every long packet held a message");
    run_for_hours(&rig);
    gate_rig_stop(&rig); /* checks that all of them arrived */
}

int main(int argc, char **argv)
{
    static struct gate_port port;
    (void)argc;
    GATE_CHECK(sodium_init() >= 0, "libsodium does not start");
    gate_port_start(&port, argv[0], false);
    run(&port, TW_SUITE_CHACHA20_POLY1305);
    if (tw_aead_sodium()->suites & TW_SUITE_AES256_GCM)
        run(&port, TW_SUITE_AES256_GCM);
    return 0;
}
