/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/aead_select.h"

#include "dataplane/crypto/aead_self_test.h"
#include "tests/unit/wire/testing.h"

/* Back ends that are wrong in one way each, over libsodium. */
static struct tw_aead_backend liar, forgetful, blind, other_cipher, aes_breaker, starved;

static void liar_open(struct tw_aead_job *jobs, size_t count)
{
    tw_aead_sodium()->open(jobs, count);
    for (size_t i = 0; i < count; i++)
        jobs[i].ok = true;
}

static void forgetful_open(struct tw_aead_job *jobs, size_t count)
{
    tw_aead_sodium()->open(jobs, count);
    jobs[count - 1].ok = false;
}

/* Does not look at the first byte of the header. */
static void blind_open(struct tw_aead_job *jobs, size_t count)
{
    uint8_t kept[TW_DATAGRAM_MAX];
    for (size_t i = 0; i < count; i++) {
        memcpy(kept, jobs[i].packet, jobs[i].length);
        tw_aead_sodium()->open(&jobs[i], 1);
        for (unsigned bit = 0; bit < 8 && !jobs[i].ok; bit++) {
            memcpy(jobs[i].packet, kept, jobs[i].length);
            jobs[i].packet[0] ^= (uint8_t)(1u << bit);
            tw_aead_sodium()->open(&jobs[i], 1);
        }
    }
}

/* Wrong for one length only. */
static void other_seal(struct tw_aead_job *jobs, size_t count)
{
    tw_aead_sodium()->seal(jobs, count);
    for (size_t i = 0; i < count; i++)
        if (jobs[i].length == TW_PACKET_MIN + 1000)
            jobs[i].packet[TW_HEADER_SIZE + 999] ^= 1;
}

static void aes_breaker_seal(struct tw_aead_job *jobs, size_t count)
{
    tw_aead_sodium()->seal(jobs, count);
    for (size_t i = 0; i < count; i++)
        if (jobs[i].key->suite == TW_SUITE_AES256_GCM)
            jobs[i].packet[jobs[i].length - 1] ^= 1;
}

static bool never_starts(void)
{
    return false;
}

static const struct tw_aead_backend *get_liar(void)
{
    return &liar;
}
static const struct tw_aead_backend *get_aes_breaker(void)
{
    return &aes_breaker;
}
static const struct tw_aead_backend *get_starved(void)
{
    return &starved;
}
static const struct tw_aead_backend *get_nothing(void)
{
    return NULL;
}

static int setup(void **state)
{
    if (testing_setup(state) != 0)
        return -1;
    liar = forgetful = blind = other_cipher = aes_breaker = starved = *tw_aead_sodium();
    liar.name = "liar";
    liar.open = liar_open;
    forgetful.open = forgetful_open;
    blind.open = blind_open;
    other_cipher.seal = other_seal;
    aes_breaker.name = "aes-breaker";
    aes_breaker.seal = aes_breaker_seal;
    starved.name = "starved";
    starved.thread_start = never_starts;
    return 0;
}

static void self_test_finds_what_is_wrong(void **state)
{
    (void)state;
    for (uint32_t suite = 1; suite <= TW_SUITES_KNOWN; suite <<= 1) {
        if (!(tw_aead_sodium()->suites & suite))
            continue;
        enum tw_suite one = (enum tw_suite)suite;
        assert_null(tw_aead_self_test(tw_aead_sodium(), one));
        assert_string_equal(tw_aead_self_test(&liar, one), "a damaged packet was opened");
        assert_string_equal(tw_aead_self_test(&forgetful, one), "a good packet was refused");
        assert_string_equal(tw_aead_self_test(&blind, one), "a damaged packet was opened");
        assert_string_equal(tw_aead_self_test(&other_cipher, one), "a sealed packet differs");
    }
}

static void a_wrong_candidate_is_not_used(void **state)
{
    (void)state;
    static const struct tw_aead_candidate table[] = {{"nothing", get_nothing, false},
                                                     {"liar", get_liar, false},
                                                     {"starved", get_starved, false},
                                                     {"libsodium", tw_aead_sodium, false}};
    struct tw_aead_report report;
    const struct tw_aead_backend *chosen = tw_aead_select_from(table, 4, TW_AEAD_AUTO, &report);
    assert_ptr_equal(chosen, tw_aead_sodium());
    assert_string_equal(report.chacha20_poly1305, "libsodium");
    bool aes = tw_aead_sodium()->suites & TW_SUITE_AES256_GCM;
    assert_int_equal(report.refused_count, aes ? 4 : 3);
    assert_string_equal(report.refused[0].backend, "nothing");
    assert_string_equal(report.refused[0].reason, "this CPU cannot run it");
    assert_null(report.refused[0].suite);
    assert_string_equal(report.refused[1].backend, "liar");
    assert_string_equal(report.refused[1].suite, "chacha20_poly1305");
    assert_string_equal(report.refused[1].reason, "a damaged packet was opened");
    assert_string_equal(report.refused[report.refused_count - 1].backend, "starved");
}

/* Suites are judged one by one: a wrong AES leaves ChaCha20 in use. */
static void a_good_suite_of_a_wrong_candidate_is_used(void **state)
{
    (void)state;
    if (!(tw_aead_sodium()->suites & TW_SUITE_AES256_GCM))
        skip();
    static const struct tw_aead_candidate table[] = {{"aes-breaker", get_aes_breaker, false},
                                                     {"libsodium", tw_aead_sodium, false}};
    struct tw_aead_report report;
    const struct tw_aead_backend *chosen = tw_aead_select_from(table, 2, TW_AEAD_AUTO, &report);
    assert_ptr_not_equal(chosen, tw_aead_sodium());
    assert_string_equal(report.aes256_gcm, "libsodium");
    assert_string_equal(report.chacha20_poly1305, "aes-breaker");
    assert_int_equal(report.refused_count, 1);
    assert_int_equal(chosen->suites, TW_SUITES_KNOWN);
    assert_null(tw_aead_self_test(chosen, TW_SUITE_AES256_GCM));
    assert_null(tw_aead_self_test(chosen, TW_SUITE_CHACHA20_POLY1305));
}

static void the_wanted_one_is_used(void **state)
{
    (void)state;
    struct tw_aead_report report;
    assert_ptr_equal(tw_aead_select("libsodium", &report), tw_aead_sodium());
    assert_string_equal(report.chacha20_poly1305, "libsodium");
    assert_int_equal(report.refused_count, 0);

    static const struct tw_aead_candidate table[] = {{"aes-breaker", get_aes_breaker, false},
                                                     {"liar", get_liar, false},
                                                     {"libsodium", tw_aead_sodium, false}};
    const struct tw_aead_backend *chosen = tw_aead_select_from(table, 3, "liar", &report);
    assert_ptr_equal(chosen, tw_aead_sodium());
    for (uint32_t i = 0; i < report.refused_count; i++)
        assert_string_equal(report.refused[i].backend, "liar");
    assert_true(report.refused_count > 0);

    assert_null(tw_aead_select("openssl", &report));
}

static void what_runs_here_is_equal_to_libsodium(void **state)
{
    (void)state;
    struct tw_aead_report report;
    const struct tw_aead_backend *chosen = tw_aead_select(TW_AEAD_AUTO, &report);
    assert_int_equal(chosen->suites, tw_aead_sodium()->suites);
    assert_int_equal(report.aes256_gcm != NULL, (chosen->suites & TW_SUITE_AES256_GCM) != 0);
    print_message("AES-256-GCM: %s, ChaCha20-Poly1305: %s\n",
                  report.aes256_gcm ? report.aes256_gcm : "none", report.chacha20_poly1305);
    assert_true(tw_aead_thread_start(chosen));
    assert_null(tw_aead_self_test(chosen, TW_SUITE_CHACHA20_POLY1305));
    if (chosen->suites & TW_SUITE_AES256_GCM)
        assert_null(tw_aead_self_test(chosen, TW_SUITE_AES256_GCM));
    tw_aead_thread_end(chosen);
}

/* ---- a packet that comes alone ---- */

static struct tw_aead_backend wide, narrow;
static size_t wide_jobs, narrow_jobs;

static void wide_open(struct tw_aead_job *jobs, size_t count)
{
    wide_jobs += count;
    tw_aead_sodium()->open(jobs, count);
}

static void wide_seal(struct tw_aead_job *jobs, size_t count)
{
    wide_jobs += count;
    tw_aead_sodium()->seal(jobs, count);
}

static void narrow_open(struct tw_aead_job *jobs, size_t count)
{
    narrow_jobs += count;
    tw_aead_sodium()->open(jobs, count);
}

static void narrow_seal(struct tw_aead_job *jobs, size_t count)
{
    narrow_jobs += count;
    tw_aead_sodium()->seal(jobs, count);
}

static const struct tw_aead_backend *get_wide(void)
{
    wide = *tw_aead_sodium();
    wide.name = "wide";
    wide.suites = TW_SUITE_CHACHA20_POLY1305;
    wide.open = wide_open;
    wide.seal = wide_seal;
    return &wide;
}

static const struct tw_aead_backend *get_narrow(void)
{
    narrow = *tw_aead_sodium();
    narrow.name = "narrow";
    narrow.open = narrow_open;
    narrow.seal = narrow_seal;
    return &narrow;
}

/* Seals and opens so many packets; how many of these jobs either had is counted from 0. */
static void run_jobs(const struct tw_aead_backend *backend, uint32_t aes, uint32_t chacha)
{
    static uint8_t packets[80][TW_PACKET_MIN + 20];
    static struct tw_aead_key keys[80];
    static uint64_t sequence;
    struct tw_aead_job jobs[80];
    const uint8_t raw[TW_KEY_SIZE] = {3}, iv[TW_IV_SIZE] = {5};
    assert_true(tw_aead_thread_start(backend));
    for (uint32_t i = 0; i < aes + chacha; i++) {
        backend->expand(&keys[i], i < aes ? TW_SUITE_AES256_GCM : TW_SUITE_CHACHA20_POLY1305, raw,
                        iv);
        tw_store_u64(packets[i] + TW_HEADER_SEQUENCE, ++sequence);
        jobs[i] = (struct tw_aead_job){
            .key = &keys[i], .packet = packets[i], .length = TW_HEADER_SIZE + 20};
    }
    wide_jobs = narrow_jobs = 0;
    backend->seal(jobs, aes + chacha);
    backend->open(jobs, aes + chacha);
    for (uint32_t i = 0; i < aes + chacha; i++)
        assert_true(jobs[i].ok);
    tw_aead_thread_end(backend);
}

static void a_packet_alone_goes_to_the_next(void **state)
{
    (void)state;
    if (!(tw_aead_sodium()->suites & TW_SUITE_AES256_GCM))
        skip();
    static const struct tw_aead_candidate table[] = {{"wide", get_wide, true},
                                                     {"narrow", get_narrow, false},
                                                     {"libsodium", tw_aead_sodium, false}};
    struct tw_aead_report report;
    const struct tw_aead_backend *chosen = tw_aead_select_from(table, 3, TW_AEAD_AUTO, &report);
    assert_string_equal(report.chacha20_poly1305, "wide");
    assert_string_equal(report.aes256_gcm, "narrow");
    run_jobs(chosen, 0, 1);
    assert_int_equal(wide_jobs, 0);
    assert_int_equal(narrow_jobs, 2);
    run_jobs(chosen, 0, 2);
    assert_int_equal(wide_jobs, 4);
    assert_int_equal(narrow_jobs, 0);
    run_jobs(chosen, 5, 1); /* alone beside others of the other suite */
    assert_int_equal(wide_jobs, 0);
    assert_int_equal(narrow_jobs, 12);
    run_jobs(chosen, 0, 65); /* the last of a long burst */
    assert_int_equal(wide_jobs, 128);
    assert_int_equal(narrow_jobs, 2);
    /* Whoever names one means it. */
    run_jobs(tw_aead_select_from(table, 3, "wide", &report), 0, 1);
    assert_int_equal(wide_jobs, 2);
    assert_int_equal(narrow_jobs, 0);
}

/* Neither one whose self-test failed nor libsodium. */
static void a_packet_alone_goes_to_none_that_is_slower_or_wrong(void **state)
{
    (void)state;
    static const struct tw_aead_candidate table[] = {
        {"wide", get_wide, true}, {"liar", get_liar, false}, {"libsodium", tw_aead_sodium, false}};
    struct tw_aead_report report;
    run_jobs(tw_aead_select_from(table, 3, TW_AEAD_AUTO, &report), 0, 1);
    assert_int_equal(wide_jobs, 2);
    assert_true(report.refused_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(self_test_finds_what_is_wrong),
        cmocka_unit_test(a_wrong_candidate_is_not_used),
        cmocka_unit_test(a_good_suite_of_a_wrong_candidate_is_used),
        cmocka_unit_test(the_wanted_one_is_used),
        cmocka_unit_test(what_runs_here_is_equal_to_libsodium),
        cmocka_unit_test(a_packet_alone_goes_to_the_next),
        cmocka_unit_test(a_packet_alone_goes_to_none_that_is_slower_or_wrong),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
