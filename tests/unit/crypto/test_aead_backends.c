/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every AEAD back end against libsodium: edge cases, whole bursts, random cases. All tests run once
 * for each back end; one that this machine lacks shows as skipped. Random packets a back end:
 * 100,000, or 10,000,000 with TICKWIRE_LONG in the environment (a tenth of these under a
 * sanitizer), or TICKWIRE_CASES of them; TICKWIRE_SEED repeats a run.
 */
#include "dataplane/crypto/aead_ipsec_mb.h"
#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/aead_self_test.h"
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/wire/header.h"
#include "tests/unit/wire/testing.h"
#include "tickwire/bytes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BURST_MAX 150u /* more than two parts of a back end */

/* A back end made of two: AES from one, ChaCha20 from the other. */
static const struct tw_aead_backend *aes_of_ipsec_mb(void)
{
    static struct tw_aead_backend half;
    if (tw_aead_ipsec_mb() == NULL)
        return NULL;
    half = *tw_aead_ipsec_mb();
    half.suites = TW_SUITE_AES256_GCM;
    return &half;
}

static const struct tw_aead_backend *made_of_two(void)
{
    static const struct tw_aead_candidate table[] = {{"half", aes_of_ipsec_mb, false},
                                                     {"libsodium", tw_aead_sodium, false}};
    struct tw_aead_report report;
    return tw_aead_select_from(table, 2, TW_AEAD_AUTO, &report);
}

static const struct tw_aead_backend *as_auto_chooses(void)
{
    struct tw_aead_report report;
    return tw_aead_select(TW_AEAD_AUTO, &report);
}

/* The back end of this run; ends the test as skipped where the machine lacks it. */
static const struct tw_aead_backend *backend_of(void **state)
{
    const struct tw_aead_backend *(*const *here)(void) = *state;
    const struct tw_aead_backend *backend = (*here)();
    if (backend == NULL)
        skip();
    return backend;
}

/* Calls `check` for each suite that the back end has and libsodium can check. */
static void each(void **state,
                 void (*check)(const struct tw_aead_backend *backend, enum tw_suite suite))
{
    const struct tw_aead_backend *backend = backend_of(state);
    assert_true(tw_aead_thread_start(backend));
    for (uint32_t suite = 1; suite <= TW_SUITES_KNOWN; suite <<= 1)
        if (backend->suites & tw_aead_sodium()->suites & suite)
            check(backend, (enum tw_suite)suite);
    tw_aead_thread_end(backend);
}

struct pair {
    struct tw_aead_key key, reference;
};

static void expand(struct pair *pair, const struct tw_aead_backend *backend, enum tw_suite suite,
                   const uint8_t raw[32], const uint8_t iv[12])
{
    backend->expand(&pair->key, suite, raw, iv);
    tw_aead_sodium()->expand(&pair->reference, suite, raw, iv);
}

/* Seals the same packet with both, opens it with both; `sealed` receives the packet. */
static void check_equal(const struct tw_aead_backend *backend, const struct pair *pair,
                        const uint8_t *plain, uint32_t length, uint8_t *sealed)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    memcpy(packet, plain, length);
    memcpy(sealed, plain, length);
    struct tw_aead_job job = {.key = &pair->reference, .packet = sealed, .length = length};
    tw_aead_sodium()->seal(&job, 1);
    job = (struct tw_aead_job){.key = &pair->key, .packet = packet, .length = length};
    backend->seal(&job, 1);
    assert_int_equal(job.length, length + TW_TAG_SIZE);
    assert_memory_equal(packet, sealed, job.length);
    job.ok = false;
    backend->open(&job, 1);
    assert_true(job.ok);
    assert_int_equal(job.length, length + TW_TAG_SIZE);
    assert_memory_equal(packet, plain, length);
}

static bool opens(const struct tw_aead_backend *backend, const struct tw_aead_key *key,
                  const uint8_t *sealed, uint32_t length)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    memcpy(packet, sealed, length);
    struct tw_aead_job job = {.key = key, .packet = packet, .length = length, .ok = true};
    backend->open(&job, 1);
    return job.ok;
}

static void write_header(uint8_t *packet, uint64_t sequence)
{
    tw_header_write(packet, (struct tw_header){.connection_id = 0x80000001u, .sequence = sequence});
}

static void passes_self_test(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    const char *fault = tw_aead_self_test(backend, suite);
    if (fault != NULL)
        fail_msg("%s, suite %u: %s", backend->name, suite, fault);
}

static void self_tests(void **state)
{
    each(state, passes_self_test);
}

/* Each bit of a packet: nothing of it may change unseen; nor may it be cut. */
static void every_bit_counts(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    static const uint32_t sizes[] = {0, 1, 15, 16, 17, 64, 129, 256};
    uint8_t raw[32] = {1}, iv[12] = {2}, plain[512] = {0}, sealed[TW_DATAGRAM_MAX];
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct pair pair;
        expand(&pair, backend, suite, raw, iv);
        write_header(plain, 5);
        uint32_t length = TW_HEADER_SIZE + sizes[s], whole = length + TW_TAG_SIZE;
        check_equal(backend, &pair, plain, length, sealed);
        for (uint32_t bit = 0; bit < 8 * whole; bit++) {
            sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(opens(backend, &pair.key, sealed, whole));
            sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (uint32_t cut = 0; cut < whole; cut++)
            assert_false(opens(backend, &pair.key, sealed, cut));
        assert_true(opens(backend, &pair.key, sealed, whole));
    }
}

static void every_flipped_bit_fails(void **state)
{
    each(state, every_bit_counts);
}

/* Tags that a careless comparison would take: zeros, ones, the right one turned or swapped. */
static void refuses_tags(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    uint8_t raw[32] = {3}, iv[12] = {4}, plain[64] = {0}, sealed[TW_DATAGRAM_MAX], tag[16];
    struct pair pair;
    expand(&pair, backend, suite, raw, iv);
    write_header(plain, 6);
    check_equal(backend, &pair, plain, sizeof(plain), sealed);
    uint8_t *at = sealed + sizeof(plain);
    memcpy(tag, at, 16);
    const uint32_t whole = sizeof(plain) + TW_TAG_SIZE;
    for (unsigned kind = 0; kind < 6; kind++) {
        for (unsigned i = 0; i < 16; i++) {
            const uint8_t wrong[] = {0x00,
                                     0xff,
                                     (uint8_t)~tag[i],
                                     tag[15 - i],
                                     tag[(i + 8) % 16],
                                     (uint8_t)(tag[i] ^ 0x80)};
            at[i] = wrong[kind];
        }
        assert_false(opens(backend, &pair.key, sealed, whole));
    }
    memcpy(at, tag, 16);
    assert_true(opens(backend, &pair.key, sealed, whole));
}

static void special_tags_fail(void **state)
{
    each(state, refuses_tags);
}

static void takes_sequences(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    static const uint64_t sequences[] = {1,
                                         (UINT64_C(1) << 28),
                                         (UINT64_C(1) << 32) - 1,
                                         (UINT64_C(1) << 32),
                                         (UINT64_C(1) << 63) - 1,
                                         (UINT64_C(1) << 63),
                                         (UINT64_C(1) << 63) + 1,
                                         UINT64_MAX - 1,
                                         UINT64_MAX};
    uint8_t raw[32], iv[12], plain[TW_HEADER_SIZE + 20] = {0}, sealed[TW_DATAGRAM_MAX];
    /* IVs whose bytes make a carry visible, should anyone add instead of xor. */
    for (unsigned fill = 0; fill <= 0xff; fill += 0xff) {
        memset(raw, (int)fill, sizeof(raw));
        memset(iv, (int)fill, sizeof(iv));
        struct pair pair;
        expand(&pair, backend, suite, raw, iv);
        for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
            write_header(plain, sequences[i]);
            check_equal(backend, &pair, plain, sizeof(plain), sealed);
        }
    }
}

static void sequences_up_to_the_last(void **state)
{
    each(state, takes_sequences);
}

/*
 * Ciphertexts of all zeros and all ones, at lengths around every block and register: the largest
 * and smallest numbers a hash can meet, which random texts never are.
 */
static void hashes_extremes(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    static const uint32_t borders[] = {0, 16, 32, 48, 64, 128, 192, 256, 384, 512, 768, 1024, 1152};
    uint8_t raw[32] = {7}, iv[12] = {8}, plain[TW_DATAGRAM_MAX], sealed[TW_DATAGRAM_MAX];
    for (size_t b = 0; b < sizeof(borders) / sizeof(borders[0]); b++) {
        for (uint32_t off = 0; off < 3; off++) {
            if (borders[b] + off == 0)
                continue;
            uint32_t size = borders[b] + off - 1, length = TW_HEADER_SIZE + size;
            for (unsigned fill = 0; fill <= 0xff; fill += 0xff) {
                struct pair pair;
                expand(&pair, backend, suite, raw, iv);
                memset(plain, (int)fill, length);
                tw_store_u64(plain + TW_HEADER_SEQUENCE, 9);
                check_equal(backend, &pair, plain, length, sealed);
                /* Text whose ciphertext is `fill` throughout. */
                expand(&pair, backend, suite, raw, iv);
                for (uint32_t i = TW_HEADER_SIZE; i < length; i++)
                    plain[i] = (uint8_t)(sealed[i] ^ plain[i] ^ fill);
                check_equal(backend, &pair, plain, length, sealed);
                for (uint32_t i = TW_HEADER_SIZE; i < length; i++)
                    assert_int_equal(sealed[i], fill);
            }
        }
    }
}

static void extreme_ciphertexts(void **state)
{
    each(state, hashes_extremes);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

struct burst {
    struct pair pairs[BURST_MAX];
    uint32_t pair_of[BURST_MAX];
    uint8_t plain[BURST_MAX][TW_DATAGRAM_MAX];
    uint8_t sealed[BURST_MAX][TW_DATAGRAM_MAX];
    uint8_t packets[BURST_MAX][TW_DATAGRAM_MAX];
    uint32_t lengths[BURST_MAX];
    bool good[BURST_MAX];
    struct tw_aead_job jobs[BURST_MAX];
    uint32_t count;
    uint64_t seed;
};

static uint32_t below(struct burst *burst, uint32_t limit)
{
    return (uint32_t)(testing_random(&burst->seed) % limit);
}

static void fill_random(struct burst *burst, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = testing_random(&burst->seed);
        memcpy(out + i, &word, size - i < 8 ? size - i : 8);
    }
}

/* Short packets are what the engine sees most, and where lanes and tails are odd. */
static uint32_t random_size(struct burst *burst)
{
    switch (below(burst, 4)) {
    case 0:
        return below(burst, TW_PLAINTEXT_MAX + 1u);
    case 1:
        return 16 * below(burst, 20) + below(burst, 3);
    default:
        return below(burst, 320);
    }
}

static void make_burst(struct burst *burst, const struct tw_aead_backend *backend)
{
    uint8_t raw[32], iv[12];
    burst->count = 1 + below(burst, BURST_MAX);
    for (uint32_t i = 0; i < burst->count; i++) {
        burst->pair_of[i] = i;
        /* One in eight repeats the key before it, with the next packet number. */
        if (i > 0 && below(burst, 8) == 0)
            burst->pair_of[i] = burst->pair_of[i - 1];
        uint32_t size = random_size(burst);
        burst->lengths[i] = TW_HEADER_SIZE + size;
        fill_random(burst, burst->plain[i], burst->lengths[i]);
        uint64_t sequence = (testing_random(&burst->seed) >> 1) + 1;
        if (burst->pair_of[i] != i) {
            sequence = tw_load_u64(burst->plain[i - 1] + TW_HEADER_SEQUENCE) + 1;
        } else {
            enum tw_suite suite =
                below(burst, 2) && tw_aead_sodium()->suites & backend->suites & TW_SUITE_AES256_GCM
                    ? TW_SUITE_AES256_GCM
                    : TW_SUITE_CHACHA20_POLY1305;
            fill_random(burst, raw, sizeof(raw));
            fill_random(burst, iv, sizeof(iv));
            expand(&burst->pairs[i], backend, suite, raw, iv);
        }
        tw_store_u64(burst->plain[i] + TW_HEADER_SEQUENCE, sequence);
    }
}

static void make_jobs(struct burst *burst, uint8_t (*packets)[TW_DATAGRAM_MAX], bool reference)
{
    for (uint32_t i = 0; i < burst->count; i++) {
        const struct pair *pair = &burst->pairs[burst->pair_of[i]];
        burst->jobs[i] = (struct tw_aead_job){
            .key = reference ? &pair->reference : &pair->key,
            .packet = packets[i],
            .length = burst->lengths[i],
        };
    }
}

/* One packet in five: a flipped bit anywhere, a cut, or another's key. */
static void damage(struct burst *burst)
{
    for (uint32_t i = 0; i < burst->count; i++) {
        struct tw_aead_job *job = &burst->jobs[i];
        job->packet = burst->packets[i];
        job->length = burst->lengths[i] + TW_TAG_SIZE;
        burst->good[i] = below(burst, 5) != 0;
        if (burst->good[i])
            continue;
        uint32_t kind = below(burst, 8);
        if (kind == 0)
            job->length = below(burst, job->length);
        else if (kind == 1 && burst->count > 1 && burst->pair_of[i] != burst->pair_of[0])
            job->key = &burst->pairs[burst->pair_of[0]].key;
        else
            job->packet[below(burst, job->length)] ^= (uint8_t)(1u << below(burst, 8));
    }
}

static const char *fault_of_burst(struct burst *burst, const struct tw_aead_backend *backend)
{
    make_burst(burst, backend);
    for (uint32_t i = 0; i < burst->count; i++) {
        memcpy(burst->sealed[i], burst->plain[i], burst->lengths[i]);
        memcpy(burst->packets[i], burst->plain[i], burst->lengths[i]);
    }
    make_jobs(burst, burst->sealed, true);
    tw_aead_sodium()->seal(burst->jobs, burst->count);
    make_jobs(burst, burst->packets, false);
    backend->seal(burst->jobs, burst->count);
    for (uint32_t i = 0; i < burst->count; i++) {
        if (burst->jobs[i].packet != burst->packets[i] || !burst->jobs[i].ok)
            return "jobs changed places";
        if (burst->jobs[i].length != burst->lengths[i] + TW_TAG_SIZE ||
            memcmp(burst->packets[i], burst->sealed[i], burst->jobs[i].length) != 0)
            return "sealed differs";
    }
    damage(burst);
    backend->open(burst->jobs, burst->count);
    for (uint32_t i = 0; i < burst->count; i++) {
        if (burst->jobs[i].ok != burst->good[i])
            return burst->good[i] ? "a good packet failed" : "a bad packet passed";
        if (burst->good[i] && memcmp(burst->packets[i], burst->plain[i], burst->lengths[i]) != 0)
            return "opened differs";
    }
    return NULL;
}

/* Mixed suites, keys, sizes and failures. */
static void random_bursts(void **state)
{
    const struct tw_aead_backend *backend = backend_of(state);
    if (backend == tw_aead_sodium())
        skip(); /* it would be compared with itself */
    const uint64_t cases = testing_cases(100000, 10000000);
    struct burst *burst = aligned_alloc(64, (sizeof(*burst) + 63u) & ~(size_t)63u);
    assert_non_null(burst);
    burst->seed = testing_seed();
    print_message("%llu packets\n", (unsigned long long)cases);
    assert_true(tw_aead_thread_start(backend));
    for (uint64_t done = 0; done < cases; done += burst->count) {
        const char *fault = fault_of_burst(burst, backend);
        if (fault != NULL)
            fail_msg("%s: %s within %llu packets", backend->name, fault,
                     (unsigned long long)(done + burst->count));
    }
    tw_aead_thread_end(backend);
    free(burst);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *run_thread(void *argument)
{
    const struct tw_aead_backend *backend = argument;
    /* A thread may start twice; the second end counts. */
    if (!tw_aead_thread_start(backend) || !tw_aead_thread_start(backend))
        return "no memory";
    tw_aead_thread_end(backend);
    const char *fault = tw_aead_self_test(backend, TW_SUITE_CHACHA20_POLY1305);
    if (fault == NULL && backend->suites & tw_aead_sodium()->suites & TW_SUITE_AES256_GCM)
        fault = tw_aead_self_test(backend, TW_SUITE_AES256_GCM);
    tw_aead_thread_end(backend);
    return (void *)(uintptr_t)fault;
}

static void threads_do_not_meet(void **state)
{
    const struct tw_aead_backend *backend = backend_of(state);
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, (void *)(uintptr_t)backend),
                         0);
    for (size_t i = 0; i < 3; i++) {
        void *fault = NULL;
        assert_int_equal(pthread_join(threads[i], &fault), 0);
        assert_null(fault);
    }
}

static const struct run {
    const struct tw_aead_backend *(*here)(void); /* NULL: not on this machine */
    const char *name;
} runs[] = {
    {tw_aead_sodium, "libsodium"},
    {tw_aead_ipsec_mb, "ipsec-mb"},
    {made_of_two, "AES by ipsec-mb, ChaCha20 by libsodium"},
    {tw_aead_chacha_lanes_avx512, "chacha-lanes-avx512"},
    {tw_aead_chacha_lanes_avx2, "chacha-lanes-avx2"},
    {as_auto_chooses, "as auto chooses"},
};

static const struct run *next_run = runs;

static int take_next_run(void **state)
{
    print_message("%s\n", next_run->name);
    *state = (void *)(uintptr_t)&next_run->here;
    next_run++;
    return testing_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(self_tests),          cmocka_unit_test(every_flipped_bit_fails),
        cmocka_unit_test(special_tags_fail),   cmocka_unit_test(sequences_up_to_the_last),
        cmocka_unit_test(extreme_ciphertexts), cmocka_unit_test(random_bursts),
        cmocka_unit_test(threads_do_not_meet),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        failed += cmocka_run_group_tests(tests, take_next_run, NULL);
    return failed;
}
