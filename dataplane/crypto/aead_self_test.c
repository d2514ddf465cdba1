/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/aead_self_test.h"

#include "dataplane/wire/header.h"

#include <sodium.h>
#include <string.h>

#define BURST 32u

struct bench {
    const struct tw_aead_backend *backend, *reference;
    struct tw_aead_key keys[BURST], reference_keys[BURST];
    uint8_t plain[BURST][TW_DATAGRAM_MAX];
    uint8_t sealed[BURST][TW_DATAGRAM_MAX];
    uint8_t packets[BURST][TW_DATAGRAM_MAX];
    struct tw_aead_job jobs[BURST];
    uint32_t lengths[BURST]; /* header and plaintext */
    uint32_t count;
};

static void make_jobs(struct bench *bench, const struct tw_aead_key *keys, uint8_t *packets,
                      uint32_t more)
{
    for (uint32_t i = 0; i < bench->count; i++)
        bench->jobs[i] = (struct tw_aead_job){
            .key = &keys[i],
            .packet = packets + (size_t)i * TW_DATAGRAM_MAX,
            .length = bench->lengths[i] + more,
        };
}

/* Plaintexts of `size` bytes and the next ones. */
static void make_packets(struct bench *bench, enum tw_suite suite, uint32_t size)
{
    uint8_t raw[TW_KEY_SIZE], iv[TW_IV_SIZE];
    for (uint32_t i = 0; i < bench->count; i++) {
        randombytes_buf(raw, sizeof(raw));
        randombytes_buf(iv, sizeof(iv));
        bench->backend->expand(&bench->keys[i], suite, raw, iv);
        bench->reference->expand(&bench->reference_keys[i], suite, raw, iv);
        bench->lengths[i] = TW_HEADER_SIZE + size + i;
        randombytes_buf(bench->plain[i], bench->lengths[i]);
        /* 0 is never sent; the largest numbers too, though no session lives that long. */
        bench->plain[i][TW_HEADER_SEQUENCE] |= 1;
    }
    sodium_memzero(raw, sizeof(raw));
    sodium_memzero(iv, sizeof(iv));
}

static const char *compare_sealed(struct bench *bench)
{
    memcpy(bench->sealed, bench->plain, sizeof(bench->plain));
    make_jobs(bench, bench->reference_keys, &bench->sealed[0][0], 0);
    bench->reference->seal(bench->jobs, bench->count);
    memcpy(bench->packets, bench->plain, sizeof(bench->plain));
    make_jobs(bench, bench->keys, &bench->packets[0][0], 0);
    bench->backend->seal(bench->jobs, bench->count);
    for (uint32_t i = 0; i < bench->count; i++) {
        uint32_t whole = bench->lengths[i] + TW_TAG_SIZE;
        if (bench->jobs[i].length != whole || !bench->jobs[i].ok)
            return "a sealed packet has the wrong length";
        if (memcmp(bench->packets[i], bench->sealed[i], whole) != 0)
            return "a sealed packet differs";
    }
    return NULL;
}

/* Byte that is damaged in a packet: in turn of header, tag and text. */
static uint32_t damaged_byte(const struct bench *bench, uint32_t i, uint32_t turn)
{
    uint32_t text = bench->lengths[i] - TW_HEADER_SIZE;
    if (turn % 3 == 0)
        return randombytes_uniform(TW_HEADER_SIZE);
    if (turn % 3 == 1 || text == 0)
        return bench->lengths[i] + randombytes_uniform(TW_TAG_SIZE);
    return TW_HEADER_SIZE + randombytes_uniform(text);
}

/* One packet in four is damaged: failures stand between packets that are right. */
static const char *compare_opened(struct bench *bench)
{
    memcpy(bench->packets, bench->sealed, sizeof(bench->sealed));
    for (uint32_t i = 0; i < bench->count; i += 4)
        bench->packets[i][damaged_byte(bench, i, i / 4)] ^= (uint8_t)(1u << randombytes_uniform(8));
    make_jobs(bench, bench->keys, &bench->packets[0][0], TW_TAG_SIZE);
    bench->backend->open(bench->jobs, bench->count);
    for (uint32_t i = 0; i < bench->count; i++) {
        if (i % 4 == 0) {
            if (bench->jobs[i].ok)
                return "a damaged packet was opened";
            continue;
        }
        if (!bench->jobs[i].ok)
            return "a good packet was refused";
        if (memcmp(bench->packets[i], bench->plain[i], bench->lengths[i]) != 0)
            return "an opened packet differs";
    }
    return NULL;
}

const char *tw_aead_self_test(const struct tw_aead_backend *backend, enum tw_suite suite)
{
    struct bench bench = {.backend = backend, .reference = tw_aead_sodium()};
    const char *fault = NULL;
    for (uint32_t size = 0; size <= TW_PLAINTEXT_MAX && fault == NULL; size += BURST) {
        uint32_t left = TW_PLAINTEXT_MAX + 1u - size;
        bench.count = left < BURST ? left : BURST;
        make_packets(&bench, suite, size);
        fault = compare_sealed(&bench);
        if (fault == NULL)
            fault = compare_opened(&bench);
    }
    sodium_memzero(&bench, sizeof(bench));
    return fault;
}
