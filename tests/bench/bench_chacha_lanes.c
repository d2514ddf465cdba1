/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet costs with ChaCha20-Poly1305 across packets, beside libsodium in the same process.
 *
 * usage: bench_chacha_lanes [avx512|avx2] [burst]    both paths, several bursts by default
 *
 * 10,000 keys are used in random order (10 MB, beyond L2), packets lie 2 KiB apart in 1,024
 * buffers. Each round seals all buffers in bursts, then opens them; libsodium and lanes take turns.
 * Printed: median of the rounds, and how full the lanes were. Fresh sequences throughout.
 */
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/wire/header.h"
#include "tests/bench/measure.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS    10000u
#define PACKETS 1024u
#define STRIDE  2048u
#define ROUNDS  41u
#define MIXED   0u /* a "size": 64..300 bytes, another for each packet */

static struct tw_aead_key keys[KEYS];
static uint8_t packets[PACKETS][STRIDE];
static struct tw_aead_job jobs[PACKETS];
static uint64_t sequence, seed = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) * limit >> 32);
}

static void make_packets(uint32_t size)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint32_t plain = size == MIXED ? 64 + random_below(237) : size;
        tw_header_write(packets[i], (struct tw_header){.sequence = ++sequence});
        jobs[i] = (struct tw_aead_job){.key = &keys[random_below(KEYS)],
                                       .packet = packets[i],
                                       .length = TW_HEADER_SIZE + plain};
    }
}

struct cost {
    double seal_ns[ROUNDS], open_ns[ROUNDS];
};

/* One round: all packets sealed, all packets opened. */
static void run_round(const struct tw_aead_backend *backend, uint32_t burst, struct cost *cost,
                      uint32_t round)
{
    uint64_t begin = measure_now_ns();
    for (uint32_t i = 0; i < PACKETS; i += burst)
        backend->seal(jobs + i, burst < PACKETS - i ? burst : PACKETS - i);
    uint64_t sealed = measure_now_ns();
    for (uint32_t i = 0; i < PACKETS; i += burst)
        backend->open(jobs + i, burst < PACKETS - i ? burst : PACKETS - i);
    uint64_t opened = measure_now_ns();
    cost->seal_ns[round] = (double)(sealed - begin);
    cost->open_ns[round] = (double)(opened - sealed);
    for (uint32_t i = 0; i < PACKETS; i++)
        TW_ASSERT(jobs[i].ok);
}

static double median_a_packet(double ns[ROUNDS])
{
    return measure_median(ns, ROUNDS) / PACKETS;
}

static double percent(uint64_t used, uint64_t run)
{
    return run ? 100.0 * (double)used / (double)run : 0.0;
}

static void measure(const struct tw_aead_backend *lanes, uint32_t burst, uint32_t size)
{
    struct cost ours, reference;
    struct tw_chacha_lanes_statistics *statistics = tw_chacha_lanes_statistics();
    memset(statistics, 0, sizeof(*statistics));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        make_packets(size);
        run_round(tw_aead_sodium(), burst, &reference, round);
        make_packets(size);
        run_round(lanes, burst, &ours, round);
    }
    double seal = median_a_packet(ours.seal_ns), open = median_a_packet(ours.open_ns);
    double sodium_seal = median_a_packet(reference.seal_ns);
    double sodium_open = median_a_packet(reference.open_ns);
    char name[16];
    snprintf(name, sizeof(name), size == MIXED ? "64..300" : "%u", size);
    printf("%-20s %5u %8s %8.1f %8.1f %6.2fx %8.1f %8.1f %6.2fx %6.1f%% %6.1f%% %6.1f%%\n",
           lanes->name, burst, name, open, sodium_open, sodium_open / open, seal, sodium_seal,
           sodium_seal / seal, percent(statistics->block_lanes_used, statistics->block_lanes_run),
           percent(statistics->mac_lanes_used, statistics->mac_lanes_run),
           percent(statistics->packets, statistics->packets + statistics->packets_to_libsodium));
}

static void make_keys(void)
{
    for (uint32_t i = 0; i < KEYS; i++) {
        uint8_t raw[TW_KEY_SIZE], iv[TW_IV_SIZE];
        randombytes_buf(raw, sizeof(raw));
        randombytes_buf(iv, sizeof(iv));
        tw_aead_sodium()->expand(&keys[i], TW_SUITE_CHACHA20_POLY1305, raw, iv);
    }
}

int main(int count, char **arguments)
{
    static const uint32_t sizes[] = {64, 128, 300, 1156, MIXED}, bursts[] = {1, 4, 16, 32, 64};
    const char *only = count > 1 ? arguments[1] : "";
    uint32_t only_burst = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0;
    if (sodium_init() < 0)
        return 1;
    make_keys();
    const struct tw_aead_backend *paths[] = {tw_aead_chacha_lanes_avx512(),
                                             tw_aead_chacha_lanes_avx2()};
    printf("ns per packet; %u keys at random, %u buffers\n", KEYS, PACKETS);
    printf("%-20s %5s %8s %8s %8s %7s %8s %8s %7s %7s %7s %7s\n", "path", "burst", "bytes", "open",
           "sodium", "ratio", "seal", "sodium", "ratio", "blocks", "macs", "inlanes");
    for (size_t p = 0; p < sizeof(paths) / sizeof(*paths); p++) {
        if (paths[p] == NULL || strstr(paths[p]->name, only) == NULL)
            continue;
        for (size_t b = 0; b < sizeof(bursts) / sizeof(*bursts); b++) {
            uint32_t burst = only_burst > 0 ? only_burst : bursts[b];
            for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
                measure(paths[p], burst, sizes[s]);
            if (only_burst > 0)
                break;
        }
    }
    return 0;
}
