/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 across packets against libsodium. Each test runs once for each path; one that
 * this CPU lacks shows as skipped. Random packets a path: 100,000, or 10,000,000 with TICKWIRE_LONG
 * in the environment (a tenth of these under a sanitizer), or TICKWIRE_CASES of them; TICKWIRE_SEED
 * repeats a run.
 */
#include "dataplane/crypto/chacha_lanes.h"

#include "dataplane/crypto/lanes.h"
#include "dataplane/wire/header.h"
#include "tests/unit/wire/testing.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define SIZE_MAX_TESTED 1500u
#define PACKET_ROOM     (TW_PACKET_MIN + SIZE_MAX_TESTED)
#define BURST_MAX       200u

/* What is under test. */
struct path {
    const struct tw_aead_backend *(*backend_here)(void); /* NULL: not on this CPU */
    const struct tw_aead_backend *backend;
    void (*blocks)(const struct tw_lanes_block *blocks, uint32_t count);
    void (*tags)(struct tw_lanes_mac *macs, uint32_t count);
    uint32_t lanes;
};

#if defined(__x86_64__)
static struct path avx512 = {
    .backend_here = tw_aead_chacha_lanes_avx512,
    .blocks = tw_lanes_blocks_avx512,
    .tags = tw_lanes_tags_avx512,
    .lanes = 16,
};
static struct path avx2 = {
    .backend_here = tw_aead_chacha_lanes_avx2,
    .blocks = tw_lanes_blocks_avx2,
    .tags = tw_lanes_tags_avx2,
    .lanes = 8,
};
#else
static struct path avx512 = {.backend_here = tw_aead_chacha_lanes_avx512};
static struct path avx2 = {.backend_here = tw_aead_chacha_lanes_avx2};
#endif

/* The path of this test; ends the test as skipped where the CPU lacks it. */
static const struct path *path_of(void **state)
{
    struct path *path = *state;
    path->backend = path->backend_here();
    if (path->backend == NULL)
        skip();
    return path;
}

static void random_bytes(uint64_t *seed, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t value = testing_random(seed);
        memcpy(bytes + i, &value, size - i < 8 ? size - i : 8);
    }
}

static size_t random_below(uint64_t *seed, size_t limit)
{
    return (size_t)((testing_random(seed) >> 33) % limit);
}

static size_t unhex(uint8_t *out, size_t capacity, const char *hex)
{
    size_t size = 0;
    assert_int_equal(sodium_hex2bin(out, capacity, hex, strlen(hex), NULL, &size, NULL), 0);
    return size;
}

/* What the library makes of a packet; out has the whole sealed packet. */
static void reference_seal(const uint8_t raw[TW_KEY_SIZE], const uint8_t iv[TW_IV_SIZE],
                           uint8_t *packet, size_t plain_size)
{
    uint8_t nonce[TW_IV_SIZE];
    tw_aead_nonce(nonce, iv, tw_header_read(packet).sequence);
    uint8_t *text = packet + TW_HEADER_SIZE;
    crypto_aead_chacha20poly1305_ietf_encrypt(text, NULL, text, plain_size, packet, TW_HEADER_SIZE,
                                              NULL, nonce, raw);
}

/* RFC 8439 section 2.3.2, in every lane while the others work on something else. */
static void block_of_rfc8439(void **state)
{
    const struct path *path = path_of(state);
    uint8_t key[TW_KEY_SIZE], expected[64], other[TW_KEY_SIZE] = {1};
    unhex(key, sizeof(key), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    unhex(expected, sizeof(expected),
          "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
          "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
    for (uint32_t count = 1; count <= path->lanes; count++) {
        uint8_t out[TW_LANES_MAX][64] = {{0}};
        struct tw_lanes_block blocks[TW_LANES_MAX];
        for (uint32_t i = 0; i < count; i++)
            blocks[i] = (struct tw_lanes_block){.key = i == count - 1 ? key : other,
                                                .from = out[i],
                                                .to = out[i],
                                                .size = 64,
                                                .input = {1, 0x09000000, 0x4a000000, 0}};
        path->blocks(blocks, count);
        assert_memory_equal(out[count - 1], expected, 64);
        for (uint32_t i = 0; i + 1 < count; i++)
            assert_memory_not_equal(out[i], expected, 64);
        for (uint32_t i = count; i < TW_LANES_MAX; i++)
            assert_true(sodium_is_zero(out[i], 64));
    }
}

/* RFC 8439 section 2.8.2. Its associated data is not 14 bytes, so: the vector's ciphertext, which
 * no associated data enters, and the library's tag for the header. */
static void packet_of_rfc8439(void **state)
{
    const struct path *path = path_of(state);
    uint8_t raw[TW_KEY_SIZE], iv[TW_IV_SIZE], plain[128], cipher[128];
    unhex(raw, sizeof(raw), "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    unhex(iv, sizeof(iv), "070000004041424344454647");
    size_t size = unhex(plain, sizeof(plain),
                        "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
                        "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
                        "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
                        "637265656e20776f756c642062652069742e");
    assert_int_equal(unhex(cipher, sizeof(cipher),
                           "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                           "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                           "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                           "3ff4def08e4b7a9de576d26586cec64b6116"),
                     size);
    iv[4] ^= 1; /* sequence 1 turns it back */
    struct tw_aead_key key;
    path->backend->expand(&key, TW_SUITE_CHACHA20_POLY1305, raw, iv);
    uint8_t packet[256], expected[256];
    tw_header_write(packet, (struct tw_header){.connection_id = 7, .sequence = 1});
    memcpy(packet + TW_HEADER_SIZE, plain, size);
    memcpy(expected, packet, TW_HEADER_SIZE + size);
    reference_seal(raw, iv, expected, size);
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + size)};
    path->backend->seal(&job, 1);
    assert_int_equal(job.length, TW_PACKET_MIN + size);
    assert_memory_equal(packet + TW_HEADER_SIZE, cipher, size);
    assert_memory_equal(packet, expected, TW_PACKET_MIN + size);
    path->backend->open(&job, 1);
    assert_true(job.ok);
    assert_memory_equal(packet + TW_HEADER_SIZE, plain, size);
}

/* The library's Poly1305 over what the AEAD feeds it. */
static void reference_tag(const struct tw_lanes_mac *mac, uint8_t tag[TW_TAG_SIZE])
{
    crypto_onetimeauth_poly1305_state poly;
    const uint8_t zeros[16] = {0};
    uint8_t sizes[16];
    tw_store_u64(sizes, TW_HEADER_SIZE);
    tw_store_u64(sizes + 8, mac->size);
    crypto_onetimeauth_poly1305_init(&poly, mac->key);
    crypto_onetimeauth_poly1305_update(&poly, mac->packet, TW_HEADER_SIZE);
    crypto_onetimeauth_poly1305_update(&poly, zeros, 16 - TW_HEADER_SIZE);
    crypto_onetimeauth_poly1305_update(&poly, mac->packet + TW_HEADER_SIZE, mac->size);
    crypto_onetimeauth_poly1305_update(&poly, zeros, (16 - mac->size % 16) % 16);
    crypto_onetimeauth_poly1305_update(&poly, sizes, sizeof(sizes));
    crypto_onetimeauth_poly1305_final(&poly, tag);
}

/*
 * With r = 1 a tag is the sum of the pieces plus s. One piece of text chosen such that the sum is
 * p - 8 .. p + 8 meets every case of the last reduction, 2^130 included; s = 0 shows it, s = all
 * ones makes the last carry.
 */
static void sums_around_the_prime(void **state)
{
    const struct path *path = path_of(state);
    enum { COUNT = 34 };
    uint8_t packets[COUNT][TW_PACKET_MIN + 16] = {{0}}, keys[COUNT][TW_KEY_SIZE] = {{0}};
    struct tw_lanes_mac macs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        /* header + text + lengths + 3 * 2^128 = 2^130 - 5 + delta */
        int delta = i / 2 - 8;
        tw_store_u64(packets[i] + TW_HEADER_SIZE,
                     (uint64_t)0 - 5 - TW_HEADER_SIZE + (uint64_t)(int64_t)delta);
        tw_store_u64(packets[i] + TW_HEADER_SIZE + 8, UINT64_MAX - 16);
        keys[i][0] = 1;
        memset(keys[i] + 16, i % 2 ? 0xff : 0, 16);
        macs[i] = (struct tw_lanes_mac){.packet = packets[i], .key = keys[i], .size = 16};
    }
    path->tags(macs, COUNT);
    for (int i = 0; i < COUNT; i++) {
        uint8_t tag[TW_TAG_SIZE];
        reference_tag(&macs[i], tag);
        assert_memory_equal(macs[i].tag, tag, sizeof(tag));
        if (i % 2 == 0 && i / 2 >= 8)
            assert_int_equal(macs[i].tag[0], i / 2 - 8);
    }
}

/* Largest and sparse r, s and text, at all lengths up to 300 and counts up to 40. */
static void tags_of_extreme_keys(void **state)
{
    const struct path *path = path_of(state);
    enum { COUNT = 40 };
    static uint8_t packets[COUNT][PACKET_ROOM], keys[COUNT][TW_KEY_SIZE];
    uint64_t seed = 0x1badb002;
    for (uint32_t round = 0; round <= 300; round++) {
        struct tw_lanes_mac macs[COUNT];
        uint32_t count = 1 + round % COUNT;
        for (uint32_t i = 0; i < count; i++) {
            static const uint8_t fills[] = {0x00, 0xff, 0x80, 0x01, 0xfe};
            memset(packets[i], fills[random_below(&seed, 5)], PACKET_ROOM);
            memset(keys[i], fills[random_below(&seed, 5)], 16);
            memset(keys[i] + 16, fills[random_below(&seed, 5)], 16);
            if (i % 3 == 2)
                random_bytes(&seed, keys[i], TW_KEY_SIZE);
            uint32_t size = i % 2 ? round : (uint32_t)random_below(&seed, SIZE_MAX_TESTED + 1);
            macs[i] = (struct tw_lanes_mac){.packet = packets[i], .key = keys[i], .size = size};
        }
        path->tags(macs, count);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t tag[TW_TAG_SIZE];
            reference_tag(&macs[i], tag);
            assert_memory_equal(macs[i].tag, tag, sizeof(tag));
        }
    }
}

/* ---- whole packets ------------------------------------------------------------------------- */

static struct tw_aead_key keys[BURST_MAX];
static uint8_t raw_keys[BURST_MAX][TW_KEY_SIZE];
static uint8_t packets[BURST_MAX][PACKET_ROOM + 8], plain[BURST_MAX][PACKET_ROOM];
static uint8_t sealed[BURST_MAX][PACKET_ROOM];
static struct tw_aead_job jobs[BURST_MAX];

enum { MINE = 0x5a }; /* bytes behind a packet, which nobody may touch */

static void make_key(const struct path *path, uint64_t *seed, size_t i)
{
    uint8_t iv[TW_IV_SIZE];
    random_bytes(seed, raw_keys[i], TW_KEY_SIZE);
    random_bytes(seed, iv, sizeof(iv));
    path->backend->expand(&keys[i], TW_SUITE_CHACHA20_POLY1305, raw_keys[i], iv);
}

static void make_job(const struct path *path, uint64_t *seed, size_t i, size_t size)
{
    make_key(path, seed, i);
    random_bytes(seed, plain[i], TW_HEADER_SIZE + size);
    memcpy(packets[i], plain[i], TW_HEADER_SIZE + size);
    memset(packets[i] + TW_PACKET_MIN + size, MINE, 8);
    memcpy(sealed[i], plain[i], TW_HEADER_SIZE + size);
    reference_seal(raw_keys[i], keys[i].iv, sealed[i], size);
    jobs[i] = (struct tw_aead_job){
        .key = &keys[i], .packet = packets[i], .length = (uint32_t)(TW_HEADER_SIZE + size)};
}

static void check_sealed(size_t i, size_t size)
{
    assert_true(jobs[i].ok);
    assert_int_equal(jobs[i].length, TW_PACKET_MIN + size);
    assert_memory_equal(packets[i], sealed[i], TW_PACKET_MIN + size);
    for (size_t at = 0; at < 8; at++)
        assert_int_equal(packets[i][TW_PACKET_MIN + size + at], MINE);
}

/* A forged packet stays as it came, or libsodium zeroed it: no byte of plaintext stands there. */
static void check_opened(size_t i, bool forged)
{
    uint32_t size = jobs[i].length - TW_PACKET_MIN;
    assert_int_equal(jobs[i].ok, !forged);
    if (forged && sodium_is_zero(packets[i] + TW_HEADER_SIZE, size))
        memset(sealed[i] + TW_HEADER_SIZE, 0, size);
    if (forged)
        assert_memory_equal(packets[i], sealed[i], jobs[i].length);
    else
        assert_memory_equal(packets[i], plain[i], TW_HEADER_SIZE + size);
    for (size_t at = 0; at < 8; at++)
        assert_int_equal(packets[i][jobs[i].length + at], MINE);
}

static void forge(uint64_t *seed, size_t i)
{
    size_t at = random_below(seed, jobs[i].length);
    uint8_t bit = (uint8_t)(1u << random_below(seed, 8));
    packets[i][at] ^= bit;
    sealed[i][at] ^= bit;
}

/* Seals and opens a burst; every packet with probability 1/4 is forged in one bit in between. */
static void check_burst(const struct path *path, uint64_t *seed, const size_t *sizes, size_t count)
{
    bool forged[BURST_MAX];
    for (size_t i = 0; i < count; i++)
        make_job(path, seed, i, sizes[i]);
    path->backend->seal(jobs, count);
    for (size_t i = 0; i < count; i++) {
        check_sealed(i, sizes[i]);
        forged[i] = random_below(seed, 4) == 0;
        if (forged[i])
            forge(seed, i);
        jobs[i].ok = forged[i];
    }
    path->backend->open(jobs, count);
    for (size_t i = 0; i < count; i++)
        check_opened(i, forged[i]);
}

static size_t random_size(uint64_t *seed)
{
    switch (random_below(seed, 4)) {
    case 0:
        return random_below(seed, SIZE_MAX_TESTED + 1);
    case 1: /* around whole blocks */
        return 64 * random_below(seed, 8) + random_below(seed, 3);
    default:
        return 64 + random_below(seed, 237);
    }
}

static void random_packets(void **state)
{
    const struct path *path = path_of(state);
    uint64_t cases = testing_cases(100000, 10000000), seed = testing_seed();
    print_message("%llu packets\n", (unsigned long long)cases);
    for (uint64_t done = 0; done < cases;) {
        size_t sizes[64], count = 1 + random_below(&seed, 64);
        for (size_t i = 0; i < count; i++)
            sizes[i] = random_size(&seed);
        check_burst(path, &seed, sizes, count);
        done += count;
    }
}

static void bursts_of_every_size(void **state)
{
    const struct path *path = path_of(state);
    uint64_t seed = 77;
    path->backend->seal(NULL, 0);
    path->backend->open(NULL, 0);
    for (size_t count = 1; count <= BURST_MAX; count++) {
        size_t equal[BURST_MAX], mixed[BURST_MAX];
        for (size_t i = 0; i < count; i++) {
            equal[i] = count;
            mixed[i] = i * SIZE_MAX_TESTED / count;
        }
        check_burst(path, &seed, equal, count);
        check_burst(path, &seed, mixed, count);
    }
}

/* The end of the packet, or its begin, touches a page that must not be touched. */
static uint8_t *guarded_pages(size_t *size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_READ | PROT_WRITE), 0);
    *size = page;
    return pages;
}

/* Every length: intact, and with a wrong bit in tag, ciphertext, header, and the wrong key. */
static void every_length(void **state)
{
    const struct path *path = path_of(state);
    uint64_t seed = 4711;
    size_t page = 0;
    uint8_t *pages = guarded_pages(&page);
    const struct tw_aead_backend *backend = path->backend;
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        make_job(path, &seed, 0, size);
        size_t whole = TW_PACKET_MIN + size;
        uint8_t *packet = size % 2 ? pages + page : pages + 2 * page - whole;
        memcpy(packet, plain[0], TW_HEADER_SIZE + size);
        jobs[0].packet = packet;
        make_job(path, &seed, 1, size / 2); /* alone, a long one may not go to lanes */
        backend->seal(jobs, 2);
        assert_memory_equal(packet, sealed[0], whole);
        backend->open(jobs, 2);
        assert_true(jobs[0].ok && jobs[1].ok);
        assert_memory_equal(packet, plain[0], TW_HEADER_SIZE + size);

        enum { TAG, HEADER, KEY, CIPHERTEXT, DAMAGES };
        static uint8_t damaged[DAMAGES][PACKET_ROOM];
        make_key(path, &seed, KEY);
        size_t damages = size == 0 ? CIPHERTEXT : DAMAGES;
        for (size_t i = 0; i < damages; i++)
            memcpy(damaged[i], sealed[0], whole);
        damaged[TAG][whole - 1 - size % TW_TAG_SIZE] ^= (uint8_t)(1u << size % 8);
        damaged[HEADER][size % TW_HEADER_SIZE] ^= (uint8_t)(1u << size % 8);
        if (size > 0)
            damaged[CIPHERTEXT][TW_HEADER_SIZE + random_below(&seed, size)] ^= 0x40;
        for (size_t i = 0; i < damages; i++) {
            memcpy(packets[i], damaged[i], whole);
            jobs[i] = (struct tw_aead_job){.key = &keys[i == KEY ? KEY : 0],
                                           .packet = packets[i],
                                           .length = (uint32_t)whole,
                                           .ok = true};
        }
        backend->open(jobs, damages);
        for (size_t i = 0; i < damages; i++) {
            assert_false(jobs[i].ok);
            assert_memory_equal(packets[i], damaged[i], whole);
        }
    }
    munmap(pages, 3 * page);
}

/* Shorter than header and tag: refused, and no reason to leave the others alone. */
static void short_packets_fail(void **state)
{
    const struct path *path = path_of(state);
    uint64_t seed = 99;
    for (uint32_t i = 0; i < 2 * TW_PACKET_MIN; i++)
        make_job(path, &seed, i, 70);
    path->backend->seal(jobs, 2 * TW_PACKET_MIN);
    for (uint32_t i = 0; i < TW_PACKET_MIN; i++)
        jobs[2 * i].length = i;
    path->backend->open(jobs, 2 * TW_PACKET_MIN);
    for (uint32_t i = 0; i < TW_PACKET_MIN; i++) {
        assert_false(jobs[2 * i].ok);
        assert_memory_equal(packets[2 * i], sealed[2 * i], TW_PACKET_MIN + 70);
        assert_true(jobs[2 * i + 1].ok);
    }
    path->backend->open(jobs, 1); /* nothing but refused ones */
    assert_false(jobs[0].ok);
}

static void keys_are_those_of_libsodium(void **state)
{
    const struct path *path = path_of(state);
    uint64_t seed = 5;
    assert_int_equal(path->backend->suites, TW_SUITE_CHACHA20_POLY1305);
    for (size_t i = 0; i < 40; i++)
        make_job(path, &seed, i, 100 + i);
    tw_aead_sodium()->seal(jobs, 40);
    path->backend->open(jobs, 40);
    for (size_t i = 0; i < 40; i++)
        check_opened(i, false);
}

static void the_widest_here_is_taken(void **state)
{
    (void)state;
    const struct tw_aead_backend *best = tw_aead_chacha_lanes_avx512();
    if (best == NULL)
        best = tw_aead_chacha_lanes_avx2();
    assert_ptr_equal(tw_aead_chacha_lanes(), best);
}

static void lanes_are_counted(void **state)
{
    const struct path *path = path_of(state);
    uint64_t seed = 6;
    struct tw_chacha_lanes_statistics *statistics = tw_chacha_lanes_statistics();
    memset(statistics, 0, sizeof(*statistics));
    for (size_t i = 0; i < 32; i++)
        make_job(path, &seed, i, 128);
    path->backend->seal(jobs, 32);
    path->backend->open(jobs, 32);
    assert_int_equal(statistics->packets, 64);
    assert_int_equal(statistics->packets_to_libsodium, 0);
    /* 128 bytes are two blocks, with the key's three; eight pieces, with header and lengths
     * ten. */
    assert_int_equal(statistics->block_lanes_used, 64 * 3);
    assert_int_equal(statistics->block_lanes_run, 64 * 3);
    assert_int_equal(statistics->mac_lanes_used, 64 * 10);
    assert_int_equal(statistics->mac_lanes_run, 64 * 10);
    for (size_t i = 0; i < 32; i++)
        packets[i][20] ^= 1;
    path->backend->open(jobs, 32); /* forged: one block each */
    assert_int_equal(statistics->block_lanes_used, 64 * 3 + 32);
    assert_int_equal(statistics->block_lanes_run, 64 * 3 + 32);
}

/* Where the lanes of a lone long packet are too empty to pay, libsodium takes it. */
static void a_lone_packet(void **state)
{
    const struct path *path = path_of(state);
    uint64_t seed = 8;
    bool narrow = path->lanes == 8;
    struct tw_chacha_lanes_statistics *statistics = tw_chacha_lanes_statistics();
    for (size_t count = 1; count <= 65; count += 64) {
        memset(statistics, 0, sizeof(*statistics));
        for (size_t i = 0; i < count; i++)
            make_job(path, &seed, i, SIZE_MAX_TESTED);
        path->backend->seal(jobs, count);
        for (size_t i = 0; i < count; i++)
            check_sealed(i, SIZE_MAX_TESTED);
        path->backend->open(jobs, count);
        for (size_t i = 0; i < count; i++)
            check_opened(i, false);
        assert_int_equal(statistics->packets_to_libsodium, narrow ? 2 : 0);
        assert_int_equal(statistics->packets, 2 * (count - narrow));
    }
}

/* ---- what is left in memory ---------------------------------------------------------------- */

enum { STACK_SIZE = 256 * 1024, BURST_OF_SECRETS = 37 };
static uint8_t stack[STACK_SIZE] __attribute__((aligned(64)));
static ucontext_t here, there;
static void (*run_there)(struct tw_aead_job *jobs, size_t count);

static void on_own_stack(void)
{
    run_there(jobs, BURST_OF_SECRETS);
}

/* Words of `secret` that stand anywhere in the stack. */
static size_t words_left(const uint8_t *secret, size_t size)
{
    size_t found = 0;
    for (size_t i = 0; i < size; i += 4)
        for (size_t at = 0; at < STACK_SIZE; at += 4)
            found += memcmp(stack + at, secret + i, 4) == 0;
    return found;
}

/* Runs a burst on a stack of its own and looks what it leaves there of the keys, one-time keys and
 * keystream of the packets that were in the lanes last. */
static size_t secrets_left(void (*run)(struct tw_aead_job *jobs, size_t count))
{
    run_there = run;
    memset(stack, 0, sizeof(stack));
    assert_int_equal(getcontext(&there), 0);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof(stack);
    there.uc_link = &here;
    makecontext(&there, on_own_stack, 0);
    assert_int_equal(swapcontext(&here, &there), 0);
    size_t found = 0;
    for (size_t i = BURST_OF_SECRETS - 5; i < BURST_OF_SECRETS; i++) {
        uint8_t nonce[TW_IV_SIZE], keystream[TW_LANES_BLOCK_SIZE * 6];
        tw_aead_nonce(nonce, keys[i].iv, tw_header_read(packets[i]).sequence);
        crypto_stream_chacha20_ietf(keystream, sizeof(keystream), nonce, raw_keys[i]);
        found += words_left(raw_keys[i], TW_KEY_SIZE) + words_left(keystream, sizeof(keystream));
    }
    return found;
}

static void no_secret_stays_on_the_stack(void **state)
{
    const struct path *path = path_of(state);
    /* Sanitizers make larger frames, and ThreadSanitizer does not follow a change of stack. */
    if (TESTING_SANITIZED)
        skip();
    uint64_t seed = 12;
    for (size_t i = 0; i < BURST_OF_SECRETS; i++)
        make_job(path, &seed, i, 300);
    /* One word of 32 bits may be there by chance; unwiped there are dozens. */
    assert_in_range(secrets_left(path->backend->seal), 0, 2);
    assert_in_range(secrets_left(path->backend->open), 0, 2);
    assert_true(jobs[0].ok);
}

static void a_nonce_is_never_used_twice(void **state)
{
#ifdef TW_CHECK_NONCES
    const struct path *path = path_of(state);
    for (uint64_t second = 4; second <= 6; second++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGABRT, SIG_DFL); /* cmocka's handler would call it this test's failure */
            if (freopen("/dev/null", "w", stderr) == NULL)
                _exit(2);
            uint64_t seed = 1;
            for (size_t i = 0; i < 2; i++) {
                make_job(path, &seed, i, 60);
                tw_store_u64(packets[i] + TW_HEADER_SEQUENCE, i == 0 ? 5 : second);
            }
            jobs[1].key = jobs[0].key;
            path->backend->seal(jobs, 2);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, second <= 5);
    }
#else
    (void)state;
    skip();
#endif
}

static int take_avx512(void **state)
{
    *state = &avx512;
    print_message("avx512\n");
    return testing_setup(state);
}

static int take_avx2(void **state)
{
    *state = &avx2;
    print_message("avx2\n");
    return testing_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_of_rfc8439),
        cmocka_unit_test(packet_of_rfc8439),
        cmocka_unit_test(sums_around_the_prime),
        cmocka_unit_test(tags_of_extreme_keys),
        cmocka_unit_test(random_packets),
        cmocka_unit_test(bursts_of_every_size),
        cmocka_unit_test(every_length),
        cmocka_unit_test(short_packets_fail),
        cmocka_unit_test(keys_are_those_of_libsodium),
        cmocka_unit_test(lanes_are_counted),
        cmocka_unit_test(a_lone_packet),
        cmocka_unit_test(no_secret_stays_on_the_stack),
        cmocka_unit_test(a_nonce_is_never_used_twice),
        cmocka_unit_test(the_widest_here_is_taken),
    };
    return cmocka_run_group_tests(tests, take_avx512, NULL) +
           cmocka_run_group_tests(tests, take_avx2, NULL);
}
