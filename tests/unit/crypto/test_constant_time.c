/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does a branch or an address depend on a secret? Keys, IVs, plaintexts and what is computed from
 * them count as undefined, and each use of an undefined bit that decides where the program goes or
 * which memory it touches is reported. What may be known (that a tag was right) is disclosed where
 * it is decided (include/tickwire/disclose.h).
 *
 * Two tools, for neither sees all:
 *   valgrind          the code as it was compiled, libraries included, on a CPU without AVX-512 and
 *                     SHA instructions, which it does not know
 *   MemorySanitizer   our own code compiled anew by clang, with these instructions
 */
#include "dataplane/crypto/aead_ipsec_mb.h"
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/crypto/cookie_sha_ni.h"
#include "dataplane/wire/cookie.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "tests/unit/wire/testing.h"
#include "tickwire/disclose.h"

#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define BY_SANITIZER 1
#endif
#endif

#define PACKETS  21u /* more than one go of any path, and not a multiple */
#define TEXT_MAX 700u

/* ---- the tool -------------------------------------------------------------------------------- */

#ifdef BY_SANITIZER
#include <sanitizer/msan_interface.h>

static const bool sees_libraries = false;
static int log_file = -1; /* of its reports */
static off_t log_before;

/* Asked before main. */
const char *__msan_default_options(void);
const char *__msan_default_options(void)
{
    return "halt_on_error=0:exitcode=0";
}

void tw_disclose(const void *value, size_t size)
{
    __msan_unpoison(value, size);
}

static void make_secret(void *memory, size_t size)
{
    __msan_poison(memory, size);
}

static bool is_secret(const void *memory, size_t size)
{
    return __msan_test_shadow(memory, size) >= 0;
}

static void begin(void)
{
    log_before = lseek(log_file, 0, SEEK_END);
}

static bool was_reported(void)
{
    return lseek(log_file, 0, SEEK_END) != log_before;
}

static bool tool_ready(void)
{
    char name[] = "/tmp/constant-time-XXXXXX";
    log_file = mkstemp(name);
    if (log_file < 0 || unlink(name) != 0)
        return false;
    __sanitizer_set_report_fd((void *)(uintptr_t)log_file);
    return true;
}

static int tool_end(void **state)
{
    char text[4096];
    (void)state;
    (void)lseek(log_file, 0, SEEK_SET);
    for (ssize_t count = read(log_file, text, sizeof(text)); count > 0;
         count = read(log_file, text, sizeof(text)))
        if (write(STDERR_FILENO, text, (size_t)count) < 0)
            return -1;
    return 0;
}
#else
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

static const bool sees_libraries = true;
static unsigned reports_before;

void tw_disclose(const void *value, size_t size)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(value, size);
}

static void make_secret(void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, size);
}

/* Some bit of it depends on a secret: what was hidden did not get lost on the way. */
static bool is_secret(const void *memory, size_t size)
{
    uint8_t undefined[TW_KEY_SIZE] = {0};
    assert_in_range(size, 1, sizeof(undefined));
    assert_int_equal(VALGRIND_GET_VBITS(memory, undefined, size), 1);
    return !sodium_is_zero(undefined, size);
}

static void begin(void)
{
    reports_before = VALGRIND_COUNT_ERRORS;
}

static bool was_reported(void)
{
    return VALGRIND_COUNT_ERRORS != reports_before;
}

static bool tool_ready(void)
{
    return RUNNING_ON_VALGRIND;
}

static int tool_end(void **state)
{
    (void)state;
    return 0;
}
#endif

/* ---- what must be reported ------------------------------------------------------------------- */

static uint8_t secret_byte(uint8_t value)
{
    volatile uint8_t secret = value;
    make_secret((void *)(uintptr_t)&secret, 1);
    return secret;
}

static __attribute__((noinline)) int compare_and_stop(const uint8_t *a, const uint8_t *b,
                                                      size_t size)
{
    for (size_t i = 0; i < size; i++) {
        __asm__ volatile("" : : : "memory"); /* or the compiler compares all of it */
        if (a[i] != b[i])
            return 1;
    }
    return 0;
}

static void a_branch_is_reported(void **state)
{
    (void)state;
    uint8_t tag[TW_TAG_SIZE] = {1}, other[TW_TAG_SIZE] = {1};
    make_secret(tag, sizeof(tag));
    begin();
    volatile int differ = compare_and_stop(tag, other, sizeof(tag));
    assert_true(was_reported());
    (void)differ;
}

static void an_address_is_reported(void **state)
{
    (void)state;
    static const volatile uint8_t table[256] = {7};
    uint8_t index = secret_byte(3);
    begin();
    volatile uint8_t found = table[index];
    assert_true(was_reported());
    (void)found;
}

/* The product's own code gives itself away where a length is made secret, which it may depend on:
 * what it does with secrets is seen. */
static void a_secret_length_is_reported(void **state)
{
    (void)state;
    const struct tw_aead_backend *lanes = tw_aead_chacha_lanes_avx2();
    if (lanes == NULL)
        skip();
    struct tw_aead_key key;
    uint8_t raw[TW_KEY_SIZE] = {1}, iv[TW_IV_SIZE] = {2}, packet[TW_PACKET_MIN + 64] = {0};
    tw_store_u64(packet + TW_HEADER_SEQUENCE, 1);
    lanes->expand(&key, TW_SUITE_CHACHA20_POLY1305, raw, iv);
    struct tw_aead_job job = {.key = &key, .packet = packet, .length = TW_HEADER_SIZE + 64};
    make_secret(&job.length, sizeof(job.length));
    begin();
    lanes->seal(&job, 1);
    assert_true(was_reported());
}

/* ---- ciphers --------------------------------------------------------------------------------- */

static struct tw_aead_key keys[PACKETS];
static uint8_t raw_keys[PACKETS][TW_KEY_SIZE], ivs[PACKETS][TW_IV_SIZE];
static uint8_t packets[PACKETS][TW_PACKET_MIN + TEXT_MAX], plain[PACKETS][TEXT_MAX];
static struct tw_aead_job jobs[PACKETS];

static uint32_t size_of(uint32_t number)
{
    return number * 37u % (TEXT_MAX + 1u);
}

/* Keys and texts of a burst, all of them secret; headers are not. */
static void make_burst(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        randombytes_buf(raw_keys[i], TW_KEY_SIZE);
        randombytes_buf(ivs[i], TW_IV_SIZE);
        randombytes_buf(plain[i], TEXT_MAX);
        tw_header_write(packets[i], (struct tw_header){.connection_id = i + 1, .sequence = i + 1});
        memcpy(packets[i] + TW_HEADER_SIZE, plain[i], TEXT_MAX);
        make_secret(packets[i] + TW_HEADER_SIZE, size_of(i));
        uint8_t raw[TW_KEY_SIZE], iv[TW_IV_SIZE];
        memcpy(raw, raw_keys[i], sizeof(raw));
        memcpy(iv, ivs[i], sizeof(iv));
        make_secret(raw, sizeof(raw));
        make_secret(iv, sizeof(iv));
        backend->expand(&keys[i], suite, raw, iv);
        tw_disclose(raw, sizeof(raw)); /* its place on the stack is others' next */
        tw_disclose(iv, sizeof(iv));
        jobs[i] = (struct tw_aead_job){
            .key = &keys[i], .packet = packets[i], .length = TW_HEADER_SIZE + size_of(i)};
    }
}

/* What went out is known to everybody, and what libsodium makes of it. */
static void check_sealed(enum tw_suite suite)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint8_t expected[TW_PACKET_MIN + TEXT_MAX];
        struct tw_aead_key key;
        tw_aead_sodium()->expand(&key, suite, raw_keys[i], ivs[i]);
        memcpy(expected, packets[i], TW_HEADER_SIZE);
        memcpy(expected + TW_HEADER_SIZE, plain[i], size_of(i));
        struct tw_aead_job job = {
            .key = &key, .packet = expected, .length = TW_HEADER_SIZE + size_of(i)};
        tw_aead_sodium()->seal(&job, 1);
        assert_true(is_secret(packets[i] + jobs[i].length - TW_TAG_SIZE, TW_TAG_SIZE));
        tw_disclose(packets[i], sizeof(packets[i]));
        assert_int_equal(jobs[i].length, job.length);
        assert_memory_equal(packets[i], expected, job.length);
    }
}

static void check_opened(void)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        tw_disclose(&jobs[i].ok, sizeof(jobs[i].ok));
        assert_int_equal(jobs[i].ok, i % 3 != 0);
        if (jobs[i].ok && size_of(i) > 0)
            assert_true(is_secret(packets[i] + TW_HEADER_SIZE, 1));
        tw_disclose(packets[i], sizeof(packets[i]));
        if (jobs[i].ok)
            assert_memory_equal(packets[i] + TW_HEADER_SIZE, plain[i], size_of(i));
    }
}

/* Every third packet is forged: in the tag, if it has no text. */
static void forge(void)
{
    for (uint32_t i = 0; i < PACKETS; i += 3)
        packets[i][i % 2 != 0 && size_of(i) > 0 ? TW_HEADER_SIZE : jobs[i].length - 1] ^= 0x10;
}

static void keeps_secrets(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    if (backend == NULL || !(backend->suites & suite & tw_aead_sodium()->suites))
        skip();
    assert_true(tw_aead_thread_start(backend));
    begin();
    make_burst(backend, suite);
    backend->seal(jobs, PACKETS);
    assert_false(was_reported());
    check_sealed(suite);
    forge();
    begin();
    backend->open(jobs, PACKETS);
    assert_false(was_reported());
    check_opened();
    tw_aead_thread_end(backend);
}

static void lanes_avx512(void **state)
{
    (void)state;
    keeps_secrets(tw_aead_chacha_lanes_avx512(), TW_SUITE_CHACHA20_POLY1305);
}

static void lanes_avx2(void **state)
{
    (void)state;
    keeps_secrets(tw_aead_chacha_lanes_avx2(), TW_SUITE_CHACHA20_POLY1305);
}

static void ipsec_mb_chacha20_poly1305(void **state)
{
    (void)state;
    if (!sees_libraries)
        skip();
    keeps_secrets(tw_aead_ipsec_mb(), TW_SUITE_CHACHA20_POLY1305);
}

static void ipsec_mb_aes256_gcm(void **state)
{
    (void)state;
    if (!sees_libraries)
        skip();
    keeps_secrets(tw_aead_ipsec_mb(), TW_SUITE_AES256_GCM);
}

/* ---- cookies and keys ------------------------------------------------------------------------ */

/* With SHA instructions where the tool knows them, else with libsodium's hash. */
static void cookies(void **state)
{
    (void)state;
    struct tw_cookie_keys cookie_keys = {.hash = tw_cookie_hash_sha_ni()};
    if (cookie_keys.hash == NULL && !sees_libraries)
        skip();
    uint8_t key[TW_KEY_SIZE] = {7}, ephemeral[TW_KEY_SIZE] = {9}, cookie[TW_COOKIE_SIZE];
    struct tw_address source = tw_address_from_ipv4(0xc6120001u, 4000);
    begin();
    for (uint32_t slot = 3; slot < 5; slot++) {
        make_secret(key, sizeof(key));
        tw_cookie_rotate(&cookie_keys, key, slot);
        tw_cookie_make(cookie, &cookie_keys, &source, ephemeral);
    }
    assert_true(is_secret(cookie, sizeof(cookie)));
    tw_disclose(cookie, sizeof(cookie));
    bool right = tw_cookie_check(cookie, &cookie_keys, &source, ephemeral);
    cookie[TW_COOKIE_SIZE - 1] ^= 1;
    bool wrong = tw_cookie_check(cookie, &cookie_keys, &source, ephemeral);
    assert_false(was_reported());
    assert_true(right);
    assert_false(wrong);
}

static void session_keys(void **state)
{
    (void)state;
    if (!sees_libraries)
        skip();
    uint8_t dh_ephemeral[TW_KEY_SIZE] = {1}, dh_static[TW_KEY_SIZE] = {2}, psk[TW_KEY_SIZE] = {3};
    uint8_t transcript[TW_HASH_SIZE] = {4};
    struct tw_session_secrets secrets;
    struct tw_aead_key key;
    make_secret(dh_ephemeral, sizeof(dh_ephemeral));
    make_secret(dh_static, sizeof(dh_static));
    make_secret(psk, sizeof(psk));
    begin();
    tw_session_secrets_derive(&secrets, dh_ephemeral, dh_static, psk, transcript);
    tw_packet_key_expand(&key, tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305,
                         secrets.client_to_server);
    assert_false(was_reported());
    assert_true(is_secret(key.expanded, TW_KEY_SIZE));
}

static int setup(void **state)
{
    if (!tool_ready()) {
        print_error("run by meson test, or by valgrind: alone it shows nothing\n");
        return -1;
    }
    return testing_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_is_reported),
        cmocka_unit_test(an_address_is_reported),
        cmocka_unit_test(a_secret_length_is_reported),
        cmocka_unit_test(lanes_avx512),
        cmocka_unit_test(lanes_avx2),
        cmocka_unit_test(ipsec_mb_chacha20_poly1305),
        cmocka_unit_test(ipsec_mb_aes256_gcm),
        cmocka_unit_test(cookies),
        cmocka_unit_test(session_keys),
    };
    return cmocka_run_group_tests(tests, setup, tool_end);
}
