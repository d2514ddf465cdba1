/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/aead_ipsec_mb.h"

#include "dataplane/wire/header.h"
#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#include <intel-ipsec-mb.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct gcm_key_data) <= TW_AEAD_EXPANDED_SIZE, "GCM key fits");
static_assert(IMB_GCM_IV_DATA_LEN == TW_IV_SIZE && IMB_MAX_TAG_LEN == TW_TAG_SIZE, "GCM sizes");

/* Jobs taken at once: what the gate brings in one burst, and half of what the library allows. */
#define PART_MAX 64u
static_assert(PART_MAX <= IMB_MAX_BURST_SIZE, "one part is one burst");

static _Thread_local IMB_MGR *manager;
static _Thread_local uint32_t powers_size; /* of the hash key, as this manager lays them out */
static _Thread_local uint32_t starts;

/* One part of a burst. Nonces are all written before the first is read: a read that follows its
 * writes too closely waits for the store buffer, 10 ns a packet. */
struct part {
    struct tw_aead_job *jobs;
    uint32_t aes[PART_MAX], chacha[PART_MAX]; /* indices into jobs */
    uint32_t aes_count, chacha_count;
    uint8_t nonces[PART_MAX][TW_TAG_SIZE];
    uint8_t tags[PART_MAX][TW_TAG_SIZE]; /* what an opened packet's tag must be: secret */
};

static bool manager_suits(const IMB_MGR *candidate)
{
    const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    if (candidate->used_arch == IMB_ARCH_NONE || candidate->used_arch == IMB_ARCH_NOAESNI ||
        (candidate->features & needed) != needed)
        return false;
    return !(candidate->features & IMB_FEATURE_SELF_TEST) ||
           (candidate->features & IMB_FEATURE_SELF_TEST_PASS);
}

static size_t manager_size(void)
{
    return (imb_get_mb_mgr_size() + 63u) & ~(size_t)63u;
}

static IMB_MGR *manager_create(void)
{
    void *memory = aligned_alloc(64, manager_size());
    if (memory == NULL)
        return NULL;
    memset(memory, 0, manager_size());
    IMB_MGR *created = imb_set_pointers_mb_mgr(memory, 0, 1);
    TW_ASSERT(created == memory);
    init_mb_mgr_auto(created, NULL);
    return created;
}

/* Jobs hold addresses of keys, the library's scratch may hold more. */
static void manager_destroy(IMB_MGR *old)
{
    sodium_memzero(old, manager_size());
    free(old);
}

static bool ipsec_mb_thread_start(void)
{
    if (starts == 0) {
        manager = manager_create();
        if (manager == NULL)
            return false;
        const uint64_t wide = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ | IMB_FEATURE_GFNI;
        bool all = manager->used_arch == IMB_ARCH_AVX512 && (manager->features & wide) == wide;
        const struct gcm_key_data *layout = NULL;
        powers_size =
            all ? sizeof(layout->ghash_keys.vaes_avx512) : sizeof(layout->ghash_keys.avx2_avx512);
    }
    starts++;
    return true;
}

static void ipsec_mb_thread_end(void)
{
    TW_ASSERT(starts > 0);
    if (--starts > 0)
        return;
    manager_destroy(manager);
    manager = NULL;
}

static void ipsec_mb_expand(struct tw_aead_key *key, enum tw_suite suite,
                            const uint8_t raw_key[TW_KEY_SIZE], const uint8_t iv[TW_IV_SIZE])
{
    TW_ASSERT(manager != NULL);
    tw_aead_key_wipe(key);
    if (suite == TW_SUITE_AES256_GCM) {
        IMB_AES256_GCM_PRE(manager, raw_key, (struct gcm_key_data *)(void *)key->expanded);
    } else {
        TW_ASSERT(suite == TW_SUITE_CHACHA20_POLY1305);
        memcpy(key->expanded, raw_key, TW_KEY_SIZE);
    }
    memcpy(key->iv, iv, TW_IV_SIZE);
    key->suite = (uint8_t)suite;
}

/* The first line is there: the nonce stands on it. Round keys come first, then the powers of the
 * hash key, `powers` bytes of them, the lowest, which every packet needs, last of all. How many
 * there are depends on the instructions that the library found. */
static inline void prefetch_lines(const struct tw_aead_key *key, uint32_t length, uint32_t powers)
{
    const uint8_t *start = (const uint8_t *)key;
    const uint8_t *end = key->expanded + offsetof(struct gcm_key_data, ghash_keys) + powers;
    for (uint32_t at = 64; at < 256; at += 64)
        tw_prefetch(start + at);
    tw_prefetch(end - 64);
    tw_prefetch(end - 128);
    uint32_t used = length < powers ? length : powers;
    for (uint32_t at = 128; at < used; at += 64)
        tw_prefetch(end - at - 64);
}

static inline void prefetch_aes_key(const struct part *part, uint32_t number, uint32_t powers)
{
    if (number >= part->aes_count)
        return;
    const struct tw_aead_job *job = &part->jobs[part->aes[number]];
    prefetch_lines(job->key, job->length, powers);
}

static void ipsec_mb_prefetch(const struct tw_aead_key *key, uint32_t length)
{
    if (key->suite == TW_SUITE_AES256_GCM)
        prefetch_lines(key, length, powers_size);
}

static void add_job(struct part *part, uint32_t index)
{
    const struct tw_aead_job *job = &part->jobs[index];
    tw_aead_nonce(part->nonces[index], job->key->iv, tw_header_read(job->packet).sequence);
    if (job->key->suite == TW_SUITE_AES256_GCM) {
        part->aes[part->aes_count++] = index;
    } else {
        TW_ASSERT(job->key->suite == TW_SUITE_CHACHA20_POLY1305); /* else never expanded */
        part->chacha[part->chacha_count++] = index;
    }
}

static void run_aes(struct part *part, IMB_CIPHER_DIRECTION direction)
{
    struct gcm_context_data context;
    /* Looked up once: the library's functions may change what a thread has, for all that the
     * compiler knows. */
    IMB_MGR *own = manager;
    uint32_t powers = powers_size;
    for (uint32_t i = 0; i < TW_AEAD_AHEAD; i++)
        prefetch_aes_key(part, i, powers);
    for (uint32_t i = 0; i < part->aes_count; i++) {
        prefetch_aes_key(part, i + TW_AEAD_AHEAD, powers);
        uint32_t index = part->aes[i];
        const struct tw_aead_job *job = &part->jobs[index];
        const struct gcm_key_data *key = (const void *)job->key->expanded;
        uint8_t *text = job->packet + TW_HEADER_SIZE;
        if (direction == IMB_DIR_ENCRYPT) {
            uint32_t size = job->length - TW_HEADER_SIZE;
            IMB_AES256_GCM_ENC(own, key, &context, text, text, size, part->nonces[index],
                               job->packet, TW_HEADER_SIZE, text + size, TW_TAG_SIZE);
        } else {
            IMB_AES256_GCM_DEC(own, key, &context, text, text, job->length - TW_PACKET_MIN,
                               part->nonces[index], job->packet, TW_HEADER_SIZE, part->tags[index],
                               TW_TAG_SIZE);
        }
    }
    /* Key stream of the last partial block. */
    sodium_memzero(&context, sizeof(context));
}

static void fill_chacha(const struct part *part, uint32_t index, IMB_CIPHER_DIRECTION direction,
                        IMB_JOB *filled)
{
    const struct tw_aead_job *job = &part->jobs[index];
    uint8_t *text = job->packet + TW_HEADER_SIZE;
    bool sealing = direction == IMB_DIR_ENCRYPT;
    uint32_t size = job->length - (sealing ? TW_HEADER_SIZE : TW_PACKET_MIN);
    filled->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    filled->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    filled->cipher_direction = direction;
    filled->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    filled->enc_keys = job->key->expanded;
    filled->dec_keys = filled->enc_keys;
    filled->key_len_in_bytes = TW_KEY_SIZE;
    filled->src = text;
    filled->dst = text;
    filled->cipher_start_src_offset_in_bytes = 0;
    filled->hash_start_src_offset_in_bytes = 0;
    filled->msg_len_to_cipher_in_bytes = size;
    filled->msg_len_to_hash_in_bytes = size;
    filled->iv = part->nonces[index];
    filled->iv_len_in_bytes = TW_IV_SIZE;
    filled->auth_tag_output = sealing ? text + size : (uint8_t *)(uintptr_t)part->tags[index];
    filled->auth_tag_output_len_in_bytes = TW_TAG_SIZE;
    filled->u.CHACHA20_POLY1305.aad = job->packet;
    filled->u.CHACHA20_POLY1305.aad_len_in_bytes = TW_HEADER_SIZE;
    filled->u.CHACHA20_POLY1305.ctx = NULL;
}

/* The library finishes jobs of this cipher as they are submitted: none stays behind. */
static void run_chacha(struct part *part, IMB_CIPHER_DIRECTION direction)
{
    if (part->chacha_count == 0)
        return;
    IMB_JOB *jobs[PART_MAX];
    uint32_t count = IMB_GET_NEXT_BURST(manager, part->chacha_count, jobs);
    TW_ASSERT(count == part->chacha_count);
    for (uint32_t i = 0; i < count; i++)
        fill_chacha(part, part->chacha[i], direction, jobs[i]);
    uint32_t done = IMB_SUBMIT_BURST_NOCHECK(manager, count, jobs);
    TW_ASSERT(done == count);
    for (uint32_t i = 0; i < count; i++)
        TW_ASSERT(jobs[i]->status == IMB_STATUS_COMPLETED);
}

static void open_part(struct tw_aead_job *jobs, uint32_t count)
{
    struct part part;
    part.jobs = jobs;
    part.aes_count = part.chacha_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        jobs[i].ok = jobs[i].length >= TW_PACKET_MIN;
        if (jobs[i].ok)
            add_job(&part, i);
    }
    run_aes(&part, IMB_DIR_DECRYPT);
    run_chacha(&part, IMB_DIR_DECRYPT);
    for (uint32_t i = 0; i < count; i++) {
        if (jobs[i].ok)
            jobs[i].ok =
                tw_aead_same_tag(part.tags[i], jobs[i].packet + jobs[i].length - TW_TAG_SIZE);
    }
    /* The right tag of a forged packet would let its sender forge it. */
    sodium_memzero(part.tags, count * sizeof(part.tags[0]));
}

static void seal_part(struct tw_aead_job *jobs, uint32_t count)
{
    struct part part;
    part.jobs = jobs;
    part.aes_count = part.chacha_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        TW_ASSERT(jobs[i].length >= TW_HEADER_SIZE);
        tw_aead_check_nonce(jobs[i].key, tw_header_read(jobs[i].packet).sequence);
        add_job(&part, i);
    }
    run_aes(&part, IMB_DIR_ENCRYPT);
    run_chacha(&part, IMB_DIR_ENCRYPT);
    for (uint32_t i = 0; i < count; i++) {
        jobs[i].length += TW_TAG_SIZE;
        jobs[i].ok = true;
    }
}

static void in_parts(struct tw_aead_job *jobs, size_t count,
                     void (*run)(struct tw_aead_job *jobs, uint32_t count))
{
    TW_ASSERT(manager != NULL);
    while (count > 0) {
        uint32_t part = count < PART_MAX ? (uint32_t)count : PART_MAX;
        run(jobs, part);
        jobs += part;
        count -= part;
    }
}

static void ipsec_mb_open(struct tw_aead_job *jobs, size_t count)
{
    in_parts(jobs, count, open_part);
}

static void ipsec_mb_seal(struct tw_aead_job *jobs, size_t count)
{
    in_parts(jobs, count, seal_part);
}

const struct tw_aead_backend *tw_aead_ipsec_mb(void)
{
    static const struct tw_aead_backend backend = {
        .name = "ipsec-mb",
        .suites = TW_SUITE_CHACHA20_POLY1305 | TW_SUITE_AES256_GCM,
        .expand = ipsec_mb_expand,
        .open = ipsec_mb_open,
        .seal = ipsec_mb_seal,
        .prefetch = ipsec_mb_prefetch,
        .thread_start = ipsec_mb_thread_start,
        .thread_end = ipsec_mb_thread_end,
    };
    if (!ipsec_mb_thread_start())
        return NULL;
    bool suits = manager_suits(manager);
    ipsec_mb_thread_end();
    return suits ? &backend : NULL;
}
