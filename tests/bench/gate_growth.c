/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_growth.h"

#include "tests/bench/gate_rows.h"

#include <stdio.h>

#define SESSIONS      10000u
#define SNAPSHOT_SIZE 300u
#define TALK_SIZE     128u

/* ns per packet of one line, by suite. */
struct line {
    double received_ns[2], sent_ns[2];
};

static const enum tw_suite suites[2] = {TW_SUITE_AES256_GCM, TW_SUITE_CHACHA20_POLY1305};

static void print_line(uint32_t value, const struct line *line, bool aes)
{
    fprintf(stderr, "| %u |", value);
    for (uint32_t i = 0; i < 2; i++) {
        if (i == 0 && !aes)
            fprintf(stderr, " - | - |");
        else
            fprintf(stderr, " %.0f | %.0f |", line->received_ns[i], line->sent_ns[i]);
    }
    fprintf(stderr, "\n");
}

static void print_head(const char *what)
{
    fprintf(stderr,
            "\n| %s | AES-256-GCM in | out | ChaCha20-Poly1305 in | out |\n|---|---|---|---|---|\n",
            what);
}

static void by_sessions(const struct gate_growth *growth)
{
    static const uint32_t counts[] = {100, 1000, 10000, 65536};
    static struct gate_rig rig;
    print_head("sessions (64 bytes in, 300 out; ns per packet)");
    for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct line line = {0};
        for (uint32_t s = growth->aes ? 0 : 1; s < 2; s++) {
            gate_rig_start(&rig, growth->port, counts[i], suites[s], growth->ciphers);
            line.received_ns[s] = gate_cost_received(&rig, growth->repetitions, GATE_TRAFFIC_INPUTS,
                                                     GATE_INPUT_PLAINTEXT)
                                      .median_ns;
            line.sent_ns[s] = gate_cost_sent(&rig, growth->repetitions, SNAPSHOT_SIZE).median_ns;
            gate_rig_stop(&rig);
        }
        print_line(counts[i], &line, growth->aes);
    }
}

static void by_size(const struct gate_growth *growth)
{
    /* The last has a message of one block in it. Of two blocks, 10,000 on their way in are more
     * than a worker has memory for: clients would say them again, and these do not. */
    static const uint32_t sizes[] = {64, 128, 300, 600, 1080};
    static struct gate_rig rigs[2];
    for (uint32_t s = growth->aes ? 0 : 1; s < 2; s++)
        gate_rig_start(&rigs[s], growth->port, SESSIONS, suites[s], growth->ciphers);
    print_head("bytes of plaintext (10,000 sessions; ns per packet)");
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct line line = {0};
        for (uint32_t s = growth->aes ? 0 : 1; s < 2; s++) {
            line.received_ns[s] =
                gate_cost_received(&rigs[s], growth->repetitions, GATE_TRAFFIC_INPUTS, sizes[i])
                    .median_ns;
            line.sent_ns[s] =
                gate_cost_sent(&rigs[s], growth->repetitions, (uint16_t)sizes[i]).median_ns;
        }
        print_line(sizes[i], &line, growth->aes);
    }
    for (uint32_t s = growth->aes ? 0 : 1; s < 2; s++)
        gate_rig_stop(&rigs[s]);
}

/* A client that talks says one thing a second: one packet in 60. */
void gate_growth_print_talk(const struct gate_growth *growth)
{
    static const uint32_t every[] = {UINT32_MAX, 60, 10, 2, 1}; /* the first: once */
    static struct gate_rig rig;
    struct line lines[sizeof(every) / sizeof(every[0])] = {0};
    for (uint32_t s = growth->aes ? 0 : 1; s < 2; s++) {
        gate_rig_start(&rig, growth->port, SESSIONS, suites[s], growth->ciphers);
        for (uint32_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
            rig.crowd.talk_every = every[i];
            lines[i].received_ns[s] =
                gate_cost_received(&rig, growth->repetitions, GATE_TRAFFIC_INPUTS, TALK_SIZE)
                    .median_ns;
        }
        gate_rig_stop(&rig);
    }
    fprintf(stderr, "\n| one packet of so many has a message (128 bytes, 10,000 sessions; ns per "
                    "packet in) | AES-256-GCM | ChaCha20-Poly1305 |\n|---|---|---|\n");
    for (uint32_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
        fprintf(stderr, "| %s%.0u | %.0f | %.0f |\n", i == 0 ? "none" : "", i == 0 ? 0 : every[i],
                lines[i].received_ns[0], lines[i].received_ns[1]);
}

void gate_growth_print(const struct gate_growth *growth)
{
    by_size(growth);
    by_sessions(growth);
}
