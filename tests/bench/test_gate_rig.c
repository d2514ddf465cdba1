/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite gate in small, without a clock: every traffic of the benchmark goes through a worker once,
 * and the rig ends the process if one packet does not end as its row says.
 */
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_rig.h"

#include <sodium.h>

#define SESSIONS 300u

static void run(const struct gate_port *port, enum tw_suite suite)
{
    static const enum gate_traffic traffics[] = {GATE_TRAFFIC_INPUTS, GATE_TRAFFIC_FORGED,
                                                 GATE_TRAFFIC_OFFPATH, GATE_TRAFFIC_UNKNOWN,
                                                 GATE_TRAFFIC_HELLO};
    static struct gate_rig rig;
    struct gate_ciphers ciphers = {.aead = tw_aead_sodium()};
    gate_rig_start(&rig, port, SESSIONS, suite, &ciphers);
    for (uint32_t i = 0; i < sizeof(traffics) / sizeof(traffics[0]); i++) {
        gate_rig_begin(&rig, GATE_INPUT_PLAINTEXT);
        gate_rig_make_ahead(&rig, traffics[i]);
        gate_rig_receive(&rig);
    }
    gate_rig_begin(&rig, GATE_INPUT_PLAINTEXT);
    gate_rig_receive_one(&rig);
    gate_rig_begin(&rig, 1000);
    gate_rig_make_ahead(&rig, GATE_TRAFFIC_INPUTS);
    gate_rig_receive(&rig);
    gate_rig_send(&rig, 300);
    gate_rig_send(&rig, TW_PLAINTEXT_MAX);
    GATE_CHECK(gate_rig_outcome(&rig, TW_OUTCOME_ACCEPTED) == SESSIONS + GATE_ROUND + 1,
               "the counters do not add up");
    gate_rig_stop(&rig);
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
