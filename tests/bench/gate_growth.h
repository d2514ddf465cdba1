/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of how a packet's cost grows with the number of sessions and with its size, on standard
 * error in the form of docs/performance.md. */
#ifndef TICKWIRE_TESTS_BENCH_GATE_GROWTH_H
#define TICKWIRE_TESTS_BENCH_GATE_GROWTH_H

#include "tests/bench/gate_rig.h"

struct gate_growth {
    const struct gate_port *port;
    const struct gate_ciphers *ciphers;
    bool aes; /* this CPU has it */
    uint32_t repetitions;
};

void gate_growth_print(const struct gate_growth *growth);
/* The same by how many packets have a message in them. */
void gate_growth_print_talk(const struct gate_growth *growth);

#endif
