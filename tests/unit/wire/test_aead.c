/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/aead.h"

#include "dataplane/wire/header.h"
#include "tests/unit/wire/testing.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEQUENCE UINT64_C(0x0102030405060708)

struct published {
    enum tw_suite suite;
    const char *key, *nonce, *data, *plain, *cipher, *tag;
};

/* RFC 8439 section 2.8.2 */
static const struct published rfc8439 = {
    .suite = TW_SUITE_CHACHA20_POLY1305,
    .key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    .nonce = "070000004041424344454647",
    .data = "50515253c0c1c2c3c4c5c6c7",
    .plain = "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
             "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
             "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
             "637265656e20776f756c642062652069742e",
    .cipher = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
              "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
              "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
              "3ff4def08e4b7a9de576d26586cec64b6116",
    .tag = "1ae10b594f09e26a7e902ecbd0600691",
};

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16 */
static const struct published gcm16 = {
    .suite = TW_SUITE_AES256_GCM,
    .key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    .nonce = "cafebabefacedbaddecaf888",
    .data = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    .cipher = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
              "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
    .tag = "76fc6ece0f4e1768cddf8853bb2d551b",
};

static size_t unhex(uint8_t *out, size_t capacity, const char *hex)
{
    size_t size = 0;
    assert_int_equal(sodium_hex2bin(out, capacity, hex, strlen(hex), NULL, &size, NULL), 0);
    return size;
}

struct sealing {
    const uint8_t *plain, *data, *nonce, *key;
    size_t size, data_size;
};

/* The library's primitive, one packet: what the back end must equal. */
static void primitive_seal(enum tw_suite suite, uint8_t *out, const struct sealing *of)
{
    if (suite == TW_SUITE_AES256_GCM)
        crypto_aead_aes256gcm_encrypt(out, NULL, of->plain, of->size, of->data, of->data_size, NULL,
                                      of->nonce, of->key);
    else
        crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, of->plain, of->size, of->data,
                                                  of->data_size, NULL, of->nonce, of->key);
}

/*
 * A packet's associated data is its 14-byte header, which no published vector has. So: the
 * primitive reproduces the vector, tag included; the back end reproduces the vector's ciphertext
 * (which no associated data enters), and the primitive's tag for the header.
 */
static void check_published(const struct published *vector)
{
    uint8_t key[32], nonce[12], data[32], plain[128], cipher[128], tag[16], expected[160];
    unhex(key, sizeof(key), vector->key);
    unhex(nonce, sizeof(nonce), vector->nonce);
    unhex(tag, sizeof(tag), vector->tag);
    size_t data_size = unhex(data, sizeof(data), vector->data);
    size_t size = unhex(plain, sizeof(plain), vector->plain);
    assert_int_equal(unhex(cipher, sizeof(cipher), vector->cipher), size);
    struct sealing of = {plain, data, nonce, key, size, data_size};
    primitive_seal(vector->suite, expected, &of);
    assert_memory_equal(expected, cipher, size);
    assert_memory_equal(expected + size, tag, sizeof(tag));

    uint8_t iv[12];
    memcpy(iv, nonce, sizeof(iv));
    for (int i = 0; i < 8; i++)
        iv[4 + i] ^= (uint8_t)(SEQUENCE >> (8 * i));
    struct tw_aead_key packet_key;
    tw_aead_sodium()->expand(&packet_key, vector->suite, key, iv);
    uint8_t packet[256];
    tw_header_write(packet, (struct tw_header){.connection_id = 7, .sequence = SEQUENCE});
    memcpy(packet + TW_HEADER_SIZE, plain, size);
    struct tw_aead_job job = {
        .key = &packet_key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + size)};
    tw_aead_sodium()->seal(&job, 1);
    assert_int_equal(job.length, TW_PACKET_MIN + size);
    assert_memory_equal(packet + TW_HEADER_SIZE, cipher, size);
    of.data = packet;
    of.data_size = TW_HEADER_SIZE;
    primitive_seal(vector->suite, expected, &of);
    assert_memory_equal(packet + TW_HEADER_SIZE, expected, size + TW_TAG_SIZE);
    tw_aead_sodium()->open(&job, 1);
    assert_true(job.ok);
    assert_memory_equal(packet + TW_HEADER_SIZE, plain, size);
}

static void chacha20_poly1305_rfc8439(void **state)
{
    (void)state;
    check_published(&rfc8439);
}

static void aes256_gcm_case_16(void **state)
{
    (void)state;
    if (!(tw_aead_sodium()->suites & TW_SUITE_AES256_GCM))
        skip();
    check_published(&gcm16);
}

static void suites_follow_the_machine(void **state)
{
    (void)state;
    uint8_t expected = TW_SUITE_CHACHA20_POLY1305;
    if (crypto_aead_aes256gcm_is_available())
        expected |= TW_SUITE_AES256_GCM;
    assert_int_equal(tw_aead_sodium()->suites, expected);
}

static void nonce_xors_the_sequence_after_four_bytes(void **state)
{
    (void)state;
    uint8_t iv[12] = {1, 2, 3, 4, 0xff, 0, 0, 0, 0, 0, 0, 0x80}, nonce[12];
    const uint8_t expected[12] = {1, 2, 3, 4, 0xf7, 7, 6, 5, 4, 3, 2, 0x81};
    tw_aead_nonce(nonce, iv, SEQUENCE);
    assert_memory_equal(nonce, expected, 12);
}

static enum tw_suite suite_at(size_t index)
{
    return index % 2 && (tw_aead_sodium()->suites & TW_SUITE_AES256_GCM)
               ? TW_SUITE_AES256_GCM
               : TW_SUITE_CHACHA20_POLY1305;
}

static void make_key(struct tw_aead_key *key, size_t index)
{
    uint8_t raw[32], iv[12];
    memset(raw, (int)(index + 1), sizeof(raw));
    memset(iv, (int)(index * 3), sizeof(iv));
    tw_aead_sodium()->expand(key, suite_at(index), raw, iv);
}

static uint32_t make_packet(uint8_t *packet, size_t index, size_t plain_size)
{
    tw_header_write(
        packet, (struct tw_header){.connection_id = (uint32_t)index + 1, .sequence = 9 + index});
    for (size_t i = 0; i < plain_size; i++)
        packet[TW_HEADER_SIZE + i] = (uint8_t)(i * 7 + index);
    return (uint32_t)(TW_HEADER_SIZE + plain_size);
}

#define BURST 64u

/* Mixed suites, keys and sizes (0 to the largest); one packet in five is damaged. */
static void burst_of_mixed_packets(void **state)
{
    (void)state;
    static struct tw_aead_key keys[BURST];
    static uint8_t packets[BURST][TW_DATAGRAM_MAX], plain[BURST][TW_DATAGRAM_MAX];
    struct tw_aead_job jobs[BURST];
    uint32_t lengths[BURST];
    for (size_t i = 0; i < BURST; i++) {
        make_key(&keys[i], i);
        size_t size = i * TW_PLAINTEXT_MAX / (BURST - 1);
        lengths[i] = make_packet(packets[i], i, size);
        memcpy(plain[i], packets[i], lengths[i]);
        jobs[i] = (struct tw_aead_job){.key = &keys[i], .packet = packets[i], .length = lengths[i]};
    }
    tw_aead_sodium()->seal(jobs, BURST);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(jobs[i].length, lengths[i] + TW_TAG_SIZE);
        if (i % 5 == 0)
            packets[i][jobs[i].length - 1 - i] ^= 0x10;
    }
    tw_aead_sodium()->open(jobs, BURST);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(jobs[i].ok, i % 5 != 0);
        if (jobs[i].ok)
            assert_memory_equal(packets[i], plain[i], lengths[i]);
    }
}

/* Associated data, ciphertext and tag: no byte may change, no key may be another. */
static void every_corrupted_byte_fails(void **state)
{
    (void)state;
    for (size_t index = 0; index < 2; index++) {
        struct tw_aead_key key, other;
        make_key(&key, index);
        make_key(&other, index + 2);
        uint8_t sealed[128], packet[128];
        uint32_t length = make_packet(sealed, index, 40);
        struct tw_aead_job job = {.key = &key, .packet = sealed, .length = length};
        tw_aead_sodium()->seal(&job, 1);
        uint32_t whole = job.length;
        for (uint32_t at = 0; at < whole; at++) {
            memcpy(packet, sealed, whole);
            packet[at] ^= (uint8_t)(1u << at % 8);
            job = (struct tw_aead_job){.key = &key, .packet = packet, .length = whole, .ok = true};
            tw_aead_sodium()->open(&job, 1);
            assert_false(job.ok);
        }
        for (uint32_t size = 0; size < whole; size++) {
            memcpy(packet, sealed, whole);
            job = (struct tw_aead_job){.key = &key, .packet = packet, .length = size, .ok = true};
            tw_aead_sodium()->open(&job, 1);
            assert_false(job.ok);
        }
        memcpy(packet, sealed, whole);
        job = (struct tw_aead_job){.key = &other, .packet = packet, .length = whole, .ok = true};
        tw_aead_sodium()->open(&job, 1);
        assert_false(job.ok);
        memcpy(packet, sealed, whole);
        job = (struct tw_aead_job){.key = &key, .packet = packet, .length = whole};
        tw_aead_sodium()->open(&job, 1);
        assert_true(job.ok);
    }
}

static void wipe_leaves_nothing(void **state)
{
    (void)state;
    struct tw_aead_key key;
    make_key(&key, 1);
    assert_false(sodium_is_zero(key.expanded, TW_AEAD_EXPANDED_SIZE));
    tw_aead_key_wipe(&key);
    assert_true(sodium_is_zero((const unsigned char *)&key, sizeof(key)));
}

#ifdef TW_CHECK_NONCES
/* True when sealing these two numbers in this order aborts the (child) process. */
static bool sealing_aborts(uint64_t first, uint64_t second)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* cmocka's handler would report the abort as this test's failure. */
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        struct tw_aead_key key;
        make_key(&key, 0);
        uint64_t sequences[2] = {first, second};
        for (int i = 0; i < 2; i++) {
            uint8_t packet[64];
            uint32_t length = make_packet(packet, 0, 8);
            tw_store_u64(packet + TW_HEADER_SEQUENCE, sequences[i]);
            struct tw_aead_job job = {.key = &key, .packet = packet, .length = length};
            tw_aead_sodium()->seal(&job, 1);
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGABRT;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}
#endif

static void a_nonce_is_never_used_twice(void **state)
{
    (void)state;
#ifdef TW_CHECK_NONCES
    assert_false(sealing_aborts(1, 2));
    assert_false(sealing_aborts(5, 5000));
    assert_true(sealing_aborts(1, 1));
    assert_true(sealing_aborts(5, 4));
    assert_true(sealing_aborts(0, 1)); /* 0 is never sent */
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chacha20_poly1305_rfc8439),
        cmocka_unit_test(aes256_gcm_case_16),
        cmocka_unit_test(suites_follow_the_machine),
        cmocka_unit_test(nonce_xors_the_sequence_after_four_bytes),
        cmocka_unit_test(burst_of_mixed_packets),
        cmocka_unit_test(every_corrupted_byte_fails),
        cmocka_unit_test(wipe_leaves_nothing),
        cmocka_unit_test(a_nonce_is_never_used_twice),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
