/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of suite gate that one pair of workers gives: the shipped back end and libsodium, the
 * same everywhere else, measured in turn so that what disturbs one disturbs the other.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_ROWS_H
#define TICKWIRE_TESTS_BENCH_GATE_ROWS_H

#include "tests/bench/gate_rig.h"

/* A repetition is one round of GATE_ROUND packets: short enough that most of them run between two
 * disturbances, so that the median stands for an undisturbed core. They come in blocks of one pair
 * member, whose first round finds the caches full of others' data and is not counted. */
#define GATE_REPETITIONS_MAX 2048u

/* ns per packet over the repetitions. */
struct gate_cost {
    double median_ns, minimum_ns;
};

struct gate_pair {
    struct gate_rig *shipped, *reference;
    uint32_t repetitions;   /* 5..GATE_REPETITIONS_MAX */
    const char *suite_name; /* as in metrics: aes256gcm, chacha20poly1305 */
    const char *only;       /* NULL, or the one row that is measured, for profilers */
    char setup[640];
    bool all_met;
    struct gate_cost port_received, port_sent; /* gate_rows_measure_port */
};

/* What the port alone costs, which all rows are compared with: before them. */
void gate_rows_measure_port(struct gate_pair *pair);

/* Rows of the pair's suite; what a packet costs the shipped back end, 0 if not measured. */
struct gate_cost gate_rows_received(struct gate_pair *pair);
void gate_rows_forged(struct gate_pair *pair);
struct gate_cost gate_rows_sent(struct gate_pair *pair);
/* Rows that no cipher is part of, and the port alone. */
void gate_rows_strangers(struct gate_pair *pair);
void gate_rows_port(const struct gate_pair *pair);
void gate_rows_lone_packet(struct gate_pair *pair);

/* One figure outside the pair, for tables. */
struct gate_cost gate_cost_received(struct gate_rig *rig, uint32_t repetitions,
                                    enum gate_traffic traffic, uint32_t plaintext_size);
struct gate_cost gate_cost_sent(struct gate_rig *rig, uint32_t repetitions, uint16_t size);

#endif
