/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tickwire-bench-aead [--quick] [--bursts]: nanoseconds per packet of every AEAD back end of this
 * machine, alone on one thread: open and seal, both suites, four sizes. With --bursts those that
 * have ChaCha20-Poly1305, 64 and 300 bytes, in bursts of 1 to 32: which is fastest where.
 *
 * 10,000 sessions have a key each and are visited in random order, so keys come from beyond the
 * second-level cache; a burst has 32 packets, their bytes are in cache, as after a port's copy. The
 * clock, the thread's own, runs over what the gate does, for 256 packets at once: load the keys
 * ahead, then one call for the burst. Each back end has a pass to warm up, then they take turns;
 * the figure is the median of a back end's passes.
 */
#include "dataplane/crypto/aead_ipsec_mb.h"
#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/wire/header.h"
#include "tests/bench/measure.h"
#include "tests/bench/output.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SESSIONS      10000u
#define BURST_MAX     32u
#define ROUND         (8u * BURST_MAX) /* at once under the clock; whole bursts of any size */
#define STRIDE        1472u            /* a datagram of any size, in whole lines */
#define BACKENDS_MAX  4u
#define REPEATS_MAX   15u
#define REPEATS_QUICK 5u
#define HUGE_PAGE     ((size_t)2 << 20)

struct contender {
    const char *metric;
    const struct tw_aead_backend *backend;
    struct tw_aead_key *keys;
    double ns[REPEATS_MAX], median_ns;
};

static struct {
    struct contender contenders[BACKENDS_MAX];
    uint32_t count, repeats, burst;
    uint32_t order[SESSIONS];
    uint8_t *sealed; /* packets back to back */
    uint64_t sequence;
    uint64_t random;
} bench;

/* Huge pages where there are any, as the engine's memory: else address translation is measured. */
static void *take_memory(size_t size)
{
    size = (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    void *memory = aligned_alloc(HUGE_PAGE, size);
    if (memory == NULL) {
        fprintf(stderr, "tickwire-bench-aead: no memory\n");
        exit(1);
    }
    (void)madvise(memory, size, MADV_HUGEPAGE);
    memset(memory, 0, size);
    return memory;
}

static uint32_t below(uint32_t limit)
{
    bench.random ^= bench.random << 13;
    bench.random ^= bench.random >> 7;
    bench.random ^= bench.random << 17;
    return (uint32_t)(bench.random % limit);
}

static void shuffle(void)
{
    for (uint32_t i = 0; i < SESSIONS; i++)
        bench.order[i] = i;
    for (uint32_t i = SESSIONS - 1; i > 0; i--) {
        uint32_t other = below(i + 1), kept = bench.order[i];
        bench.order[i] = bench.order[other];
        bench.order[other] = kept;
    }
}

static void write_plain(uint8_t *packet, uint32_t size)
{
    tw_header_write(packet, (struct tw_header){.connection_id = 1, .sequence = ++bench.sequence});
    memset(packet + TW_HEADER_SIZE, 0x5a, size);
}

/* Every contender's keys, and one sealed packet per session. */
static void prepare(enum tw_suite suite, uint32_t size)
{
    uint8_t raw[TW_KEY_SIZE], iv[TW_IV_SIZE];
    for (uint32_t i = 0; i < SESSIONS; i++) {
        randombytes_buf(raw, sizeof(raw));
        randombytes_buf(iv, sizeof(iv));
        for (uint32_t c = 0; c < bench.count; c++)
            bench.contenders[c].backend->expand(&bench.contenders[c].keys[i], suite, raw, iv);
        uint8_t *packet = bench.sealed + (size_t)i * (TW_PACKET_MIN + size);
        write_plain(packet, size);
        struct tw_aead_job job = {
            .key = &bench.contenders[0].keys[i], .packet = packet, .length = TW_HEADER_SIZE + size};
        bench.contenders[0].backend->seal(&job, 1);
    }
    sodium_memzero(raw, sizeof(raw));
    sodium_memzero(iv, sizeof(iv));
}

static void run_burst(const struct tw_aead_backend *backend, struct tw_aead_job *jobs, bool sealing)
{
    for (uint32_t i = 0; i < bench.burst; i++)
        __builtin_prefetch(jobs[i].key);
    if (sealing)
        backend->seal(jobs, bench.burst);
    else
        backend->open(jobs, bench.burst);
}

/* Some bursts; returns the time of keys and cipher. */
static uint64_t run_round(const struct contender *contender, const uint32_t *sessions,
                          uint32_t size, bool sealing)
{
    static uint8_t packets[ROUND][STRIDE] __attribute__((aligned(64)));
    static struct tw_aead_job jobs[ROUND];
    for (uint32_t i = 0; i < ROUND; i++) {
        jobs[i] = (struct tw_aead_job){
            .key = &contender->keys[sessions[i]],
            .packet = packets[i],
            .length = sealing ? TW_HEADER_SIZE + size : TW_PACKET_MIN + size,
        };
        if (sealing)
            write_plain(packets[i], size);
        else
            memcpy(packets[i], bench.sealed + (size_t)sessions[i] * jobs[i].length, jobs[i].length);
    }
    uint64_t start_ns = measure_now_ns();
    for (uint32_t i = 0; i < ROUND; i += bench.burst)
        run_burst(contender->backend, jobs + i, sealing);
    uint64_t taken_ns = measure_now_ns() - start_ns;
    for (uint32_t i = 0; i < ROUND; i++) {
        if (!jobs[i].ok) {
            fprintf(stderr, "tickwire-bench-aead: %s failed\n", contender->metric);
            exit(1);
        }
    }
    return taken_ns;
}

static double run_pass(const struct contender *contender, uint32_t size, bool sealing)
{
    uint64_t taken_ns = 0;
    uint32_t done = 0;
    for (; done + ROUND <= SESSIONS; done += ROUND)
        taken_ns += run_round(contender, bench.order + done, size, sealing);
    return (double)taken_ns / done;
}

static void print(const struct contender *contender, enum tw_suite suite, uint32_t size,
                  bool sealing)
{
    char metric[96], setup[160], burst[16] = "";
    if (bench.burst < BURST_MAX)
        snprintf(burst, sizeof(burst), "burst%u.", bench.burst);
    snprintf(metric, sizeof(metric), "crypto.%s.%s.%uB.%s%s", sealing ? "seal" : "open",
             suite == TW_SUITE_AES256_GCM ? "aes256gcm" : "chacha20poly1305", size, burst,
             contender->metric);
    snprintf(setup, sizeof(setup),
             "%u plaintext bytes, %u keys in random order, bursts of %u, median of %u passes", size,
             SESSIONS, bench.burst, bench.repeats);
    tw_bench_print(metric, contender->median_ns, "ns", setup);
    if (contender == bench.contenders)
        return;
    strncat(metric, ".ratio", sizeof(metric) - strlen(metric) - 1);
    tw_bench_print(metric, bench.contenders[0].median_ns / contender->median_ns, "x",
                   "time of libsodium over this time");
}

static void measure(enum tw_suite suite, uint32_t size, bool sealing)
{
    for (uint32_t c = 0; c < bench.count; c++)
        (void)run_pass(&bench.contenders[c], size, sealing);
    for (uint32_t repeat = 0; repeat < bench.repeats; repeat++)
        for (uint32_t c = 0; c < bench.count; c++)
            bench.contenders[c].ns[repeat] = run_pass(&bench.contenders[c], size, sealing);
    for (uint32_t c = 0; c < bench.count; c++) {
        struct contender *contender = &bench.contenders[c];
        contender->median_ns = measure_median(contender->ns, bench.repeats);
        print(contender, suite, size, sealing);
    }
}

static void enter(const char *metric, const struct tw_aead_backend *backend)
{
    if (backend == NULL || !tw_aead_thread_start(backend)) {
        fprintf(stderr, "tickwire-bench-aead: %s does not run here\n", metric);
        return;
    }
    bench.contenders[bench.count++] = (struct contender){
        .metric = metric,
        .backend = backend,
        .keys = take_memory(SESSIONS * sizeof(struct tw_aead_key)),
    };
}

static void measure_sizes(void)
{
    static const uint32_t sizes[] = {64, 128, 300, 1156};
    struct tw_aead_report report;
    enter("auto", tw_aead_select(TW_AEAD_AUTO, &report));
    fprintf(stderr, "auto: AES-256-GCM by %s, ChaCha20-Poly1305 by %s\n",
            report.aes256_gcm != NULL ? report.aes256_gcm : "none", report.chacha20_poly1305);
    for (uint32_t suite = TW_SUITES_KNOWN ^ 1u; suite > 0; suite >>= 1) {
        if (!(tw_aead_sodium()->suites & suite))
            continue;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            prepare((enum tw_suite)suite, sizes[i]);
            measure((enum tw_suite)suite, sizes[i], false);
            measure((enum tw_suite)suite, sizes[i], true);
        }
    }
}

static void measure_bursts(void)
{
    static const uint32_t sizes[] = {64, 300}, bursts[] = {1, 4, 8, 16, BURST_MAX};
    enter("lanes_avx512", tw_aead_chacha_lanes_avx512());
    enter("lanes_avx2", tw_aead_chacha_lanes_avx2());
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        prepare(TW_SUITE_CHACHA20_POLY1305, sizes[i]);
        for (size_t b = 0; b < sizeof(bursts) / sizeof(bursts[0]); b++) {
            bench.burst = bursts[b];
            measure(TW_SUITE_CHACHA20_POLY1305, sizes[i], false);
            measure(TW_SUITE_CHACHA20_POLY1305, sizes[i], true);
        }
    }
}

static void leave(struct contender *contender)
{
    tw_aead_thread_end(contender->backend);
    for (uint32_t i = 0; i < SESSIONS; i++)
        tw_aead_key_wipe(&contender->keys[i]);
    free(contender->keys);
}

int main(int argc, char **argv)
{
    bool bursts = false;
    bench.repeats = REPEATS_MAX;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            bench.repeats = REPEATS_QUICK;
        } else if (strcmp(argv[i], "--bursts") == 0) {
            bursts = true;
        } else {
            fprintf(stderr, "usage: tickwire-bench-aead [--quick] [--bursts]\n");
            return 2;
        }
    }
    if (sodium_init() < 0)
        return 1;
    bench.random = UINT64_C(0x9e3779b97f4a7c15);
    bench.sealed = take_memory((size_t)SESSIONS * TW_DATAGRAM_MAX);
    bench.burst = BURST_MAX;
    shuffle();
    enter("libsodium", tw_aead_sodium());
    enter("ipsec_mb", tw_aead_ipsec_mb());
    if (bursts)
        measure_bursts();
    else
        measure_sizes();
    for (uint32_t c = 0; c < bench.count; c++)
        leave(&bench.contenders[c]);
    free(bench.sealed);
    return 0;
}
