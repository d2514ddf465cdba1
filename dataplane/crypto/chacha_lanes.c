/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/chacha_lanes.h"

#include "dataplane/crypto/lanes.h"
#include "dataplane/wire/header.h"
#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#include <sodium.h>

/* Jobs in one go: what the scratch memory below is made for. Bursts of the gate are 32. */
#define PACKETS_MAX 64u
/* Pieces of Poly1305 beyond this count as one length when packets are sorted: the largest
 * datagram has 73. Longer packets are sealed and opened all the same. */
#define PIECES_SORTED 96u

/* One job that is worth working on. */
struct packet {
    struct tw_aead_job *job;
    uint8_t *text;
    uint32_t size;     /* of the text */
    uint32_t early;    /* open: blocks whose keystream stands in `keystream` already */
    uint32_t input[4]; /* ChaCha20 state's last row, counter 0 */
};

struct burst {
    const struct tw_lanes_path *path;
    uint32_t count;
    uint32_t queued;
    struct packet packets[PACKETS_MAX];
    struct tw_lanes_block queue[TW_LANES_MAX];
    struct tw_lanes_mac macs[PACKETS_MAX];
    /* Secrets from here on: wiped before a call returns, as far as they were used. A block 0 is
     * the one-time key of Poly1305 and 32 bytes that nothing uses. */
    uint8_t first_blocks[PACKETS_MAX][TW_LANES_BLOCK_SIZE] __attribute__((aligned(64)));
    uint8_t keystream[TW_LANES_MAX][TW_LANES_BLOCK_SIZE];
    uint32_t keystream_count;
};

static const uint8_t zeros[TW_LANES_BLOCK_SIZE] __attribute__((aligned(64)));

static _Thread_local struct tw_chacha_lanes_statistics statistics;

struct tw_chacha_lanes_statistics *tw_chacha_lanes_statistics(void)
{
    return &statistics;
}

static void flush(struct burst *burst)
{
    if (burst->queued == 0)
        return;
    burst->path->blocks(burst->queue, burst->queued);
    statistics.block_lanes_used += burst->queued;
    uint32_t lanes = burst->path->block_lanes;
    statistics.block_lanes_run += (burst->queued + lanes - 1) / lanes * lanes;
    burst->queued = 0;
}

/* Counter 0 is the one-time key's block, text starts at 1. */
static inline struct tw_lanes_block *push(struct burst *burst, const struct packet *packet,
                                          uint32_t counter)
{
    if (burst->queued == burst->path->blocks_max)
        flush(burst);
    struct tw_lanes_block *block = &burst->queue[burst->queued++];
    block->key = packet->job->key->expanded;
    block->input[0] = counter;
    memcpy(&block->input[1], &packet->input[1], TW_IV_SIZE);
    return block;
}

static void push_first(struct burst *burst, uint32_t index)
{
    struct tw_lanes_block *block = push(burst, &burst->packets[index], 0);
    block->from = zeros;
    block->to = burst->first_blocks[index];
    block->size = TW_LANES_BLOCK_SIZE;
}

static uint32_t blocks_of(const struct packet *packet)
{
    return packet->size / TW_LANES_BLOCK_SIZE + (packet->size % TW_LANES_BLOCK_SIZE != 0);
}

static uint32_t block_size(const struct packet *packet, uint32_t number)
{
    uint32_t left = packet->size - number * TW_LANES_BLOCK_SIZE;
    return left < TW_LANES_BLOCK_SIZE ? left : TW_LANES_BLOCK_SIZE;
}

/* All blocks of the text from block `from` on, in place. */
static void push_text(struct burst *burst, const struct packet *packet, uint32_t from)
{
    uint32_t blocks = blocks_of(packet);
    for (uint32_t number = from; number < blocks; number++) {
        struct tw_lanes_block *block = push(burst, packet, number + 1);
        block->from = block->to = packet->text + (size_t)number * TW_LANES_BLOCK_SIZE;
        block->size = block_size(packet, number);
    }
}

/* Lanes that block 0 of all packets leaves empty make the first packets' keystream. */
static void push_early(struct burst *burst)
{
    for (uint32_t i = 0; i < burst->count; i++) {
        struct packet *packet = &burst->packets[i];
        uint32_t blocks = blocks_of(packet);
        while (packet->early < blocks) {
            if (burst->queued % burst->path->block_lanes == 0)
                return;
            struct tw_lanes_block *block = push(burst, packet, ++packet->early);
            block->from = zeros;
            block->to = burst->keystream[burst->keystream_count++];
            block->size = TW_LANES_BLOCK_SIZE;
        }
    }
}

static uint32_t pieces_of(const struct packet *packet)
{
    return packet->size / TW_LANES_PIECE_SIZE + (packet->size % TW_LANES_PIECE_SIZE != 0);
}

/* macs by falling length, so that lanes that run together end together. Counting sort. */
static void sort_macs(struct burst *burst)
{
    uint8_t begin[PIECES_SORTED + 2] = {0}, place[PACKETS_MAX];
    for (uint32_t i = 0; i < burst->count; i++) {
        uint32_t pieces = pieces_of(&burst->packets[i]);
        place[i] = (uint8_t)(pieces < PIECES_SORTED ? PIECES_SORTED - pieces : 0);
        begin[place[i] + 1]++;
    }
    for (uint32_t i = 1; i <= PIECES_SORTED; i++)
        begin[i] = (uint8_t)(begin[i] + begin[i - 1]);
    for (uint32_t i = 0; i < burst->count; i++) {
        struct tw_lanes_mac *mac = &burst->macs[begin[place[i]]++];
        mac->packet = burst->packets[i].job->packet;
        mac->key = burst->first_blocks[i];
        mac->size = burst->packets[i].size;
        mac->index = i;
    }
}

static void count_macs(const struct burst *burst)
{
    uint32_t lanes = burst->path->mac_lanes, step = burst->path->mac_step;
    for (uint32_t i = 0; i < burst->count; i += lanes) {
        uint64_t longest = 0;
        for (uint32_t j = i; j < burst->count && j < i + lanes; j++) {
            uint64_t pieces = 2u + pieces_of(&burst->packets[burst->macs[j].index]);
            statistics.mac_lanes_used += pieces;
            longest = pieces > longest ? pieces : longest;
        }
        uint32_t part = burst->count - i < lanes ? burst->count - i : lanes;
        statistics.mac_lanes_run += longest * ((part + step - 1) / step * step);
    }
}

static void make_tags(struct burst *burst)
{
    sort_macs(burst);
    burst->path->tags(burst->macs, burst->count);
    count_macs(burst);
}

static void add_packet(struct burst *burst, struct tw_aead_job *job, uint32_t size)
{
    TW_ASSERT(job->key->suite == TW_SUITE_CHACHA20_POLY1305);
    struct packet *packet = &burst->packets[burst->count++];
    packet->job = job;
    packet->text = job->packet + TW_HEADER_SIZE;
    packet->size = size;
    packet->early = 0;
    tw_aead_nonce((uint8_t *)&packet->input[1], job->key->iv,
                  tw_load_u64(job->packet + TW_HEADER_SEQUENCE));
}

static void begin(struct burst *burst, const struct tw_lanes_path *path)
{
    burst->path = path;
    burst->count = 0;
    burst->queued = 0;
    burst->keystream_count = 0;
}

static void end(struct burst *burst)
{
    statistics.packets += burst->count;
    sodium_memzero(burst->first_blocks, burst->count * sizeof(burst->first_blocks[0]));
    sodium_memzero(burst->keystream, burst->keystream_count * sizeof(burst->keystream[0]));
    sodium_stackzero(burst->path->stack_bytes);
}

/* Keys and packets of a burst lie anywhere in memory: ask for all lines before the first is used.
 */
static void prefetch(const struct tw_aead_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_prefetch(jobs[i].key->iv);
        tw_prefetch(jobs[i].key->expanded);
        tw_prefetch(jobs[i].packet);
        tw_prefetch(jobs[i].packet + 64);
    }
}

static void exclusive_or(uint8_t *text, const uint8_t *keystream, uint32_t size)
{
    uint32_t done = 0;
    for (; size - done >= 8; done += 8)
        tw_store_u64(text + done, tw_load_u64(text + done) ^ tw_load_u64(keystream + done));
    for (; done < size; done++)
        text[done] ^= keystream[done];
}

static void use_early_keystream(struct burst *burst)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < burst->count; i++) {
        const struct packet *packet = &burst->packets[i];
        if (packet->job->ok)
            for (uint32_t number = 0; number < packet->early; number++) {
                uint8_t *text = packet->text + (size_t)number * TW_LANES_BLOCK_SIZE;
                const uint8_t *keystream = burst->keystream[next + number];
                exclusive_or(text, keystream, block_size(packet, number));
            }
        next += packet->early;
    }
}

static void open_burst(const struct tw_lanes_path *path, struct tw_aead_job *jobs, size_t count)
{
    struct burst burst;
    begin(&burst, path);
    prefetch(jobs, count);
    for (size_t i = 0; i < count; i++) {
        jobs[i].ok = false;
        if (jobs[i].length >= TW_PACKET_MIN)
            add_packet(&burst, &jobs[i], jobs[i].length - TW_PACKET_MIN);
    }
    for (uint32_t i = 0; i < burst.count; i++)
        push_first(&burst, i);
    push_early(&burst);
    flush(&burst);
    make_tags(&burst);
    for (uint32_t i = 0; i < burst.count; i++) {
        const struct packet *packet = &burst.packets[burst.macs[i].index];
        packet->job->ok = tw_aead_same_tag(burst.macs[i].tag, packet->text + packet->size);
    }
    use_early_keystream(&burst);
    for (uint32_t i = 0; i < burst.count; i++)
        if (burst.packets[i].job->ok)
            push_text(&burst, &burst.packets[i], burst.packets[i].early);
    flush(&burst);
    end(&burst);
}

static void seal_burst(const struct tw_lanes_path *path, struct tw_aead_job *jobs, size_t count)
{
    struct burst burst;
    begin(&burst, path);
    prefetch(jobs, count);
    for (size_t i = 0; i < count; i++) {
        TW_ASSERT(jobs[i].length >= TW_HEADER_SIZE);
        tw_aead_check_nonce(jobs[i].key, tw_load_u64(jobs[i].packet + TW_HEADER_SEQUENCE));
        add_packet(&burst, &jobs[i], jobs[i].length - TW_HEADER_SIZE);
    }
    for (uint32_t i = 0; i < burst.count; i++) {
        push_first(&burst, i);
        push_text(&burst, &burst.packets[i], 0);
    }
    flush(&burst);
    make_tags(&burst);
    for (uint32_t i = 0; i < burst.count; i++) {
        const struct packet *packet = &burst.packets[burst.macs[i].index];
        memcpy(packet->text + packet->size, burst.macs[i].tag, TW_TAG_SIZE);
        packet->job->length += TW_TAG_SIZE;
        packet->job->ok = true;
    }
    end(&burst);
}

typedef void (*burst_function)(const struct tw_lanes_path *path, struct tw_aead_job *jobs,
                               size_t count);

/* All jobs in lanes, but a long one that is left alone in `rest`, libsodium's function. */
static void in_lanes(const struct tw_lanes_path *path, burst_function work,
                     void (*rest)(struct tw_aead_job *jobs, size_t count), struct tw_aead_job *jobs,
                     size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t part = count - done < PACKETS_MAX ? count - done : PACKETS_MAX;
        if (part == 1 && jobs[done].length > path->lone_max) {
            statistics.packets_to_libsodium++;
            rest(jobs + done, part);
        } else {
            work(path, jobs + done, part);
        }
        done += part;
    }
}

static void expand(struct tw_aead_key *key, enum tw_suite suite, const uint8_t raw_key[TW_KEY_SIZE],
                   const uint8_t iv[TW_IV_SIZE])
{
    TW_ASSERT(suite == TW_SUITE_CHACHA20_POLY1305);
    tw_aead_sodium()->expand(key, suite, raw_key, iv);
}

#if defined(__x86_64__)
static const struct tw_lanes_path avx512 = {
    .block_lanes = 16,
    .blocks_max = 32,
    .mac_lanes = 16,
    .mac_step = 8,
    .stack_bytes = 6144,
    .lone_max = UINT32_MAX,
    .blocks = tw_lanes_blocks_avx512,
    .tags = tw_lanes_tags_avx512,
};

static void open_avx512(struct tw_aead_job *jobs, size_t count)
{
    in_lanes(&avx512, open_burst, tw_aead_sodium()->open, jobs, count);
}

static void seal_avx512(struct tw_aead_job *jobs, size_t count)
{
    in_lanes(&avx512, seal_burst, tw_aead_sodium()->seal, jobs, count);
}

const struct tw_aead_backend *tw_aead_chacha_lanes_avx512(void)
{
    static const struct tw_aead_backend backend = {
        .name = "chacha-lanes-avx512",
        .suites = TW_SUITE_CHACHA20_POLY1305,
        .expand = expand,
        .open = open_avx512,
        .seal = seal_avx512,
    };
    bool able = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma");
    return able ? &backend : NULL;
}

static const struct tw_lanes_path avx2 = {
    .block_lanes = 8,
    .blocks_max = 8,
    .mac_lanes = 4,
    .mac_step = 4,
    .stack_bytes = 2560,
    .lone_max = 640,
    .blocks = tw_lanes_blocks_avx2,
    .tags = tw_lanes_tags_avx2,
};

static void open_avx2(struct tw_aead_job *jobs, size_t count)
{
    in_lanes(&avx2, open_burst, tw_aead_sodium()->open, jobs, count);
}

static void seal_avx2(struct tw_aead_job *jobs, size_t count)
{
    in_lanes(&avx2, seal_burst, tw_aead_sodium()->seal, jobs, count);
}

const struct tw_aead_backend *tw_aead_chacha_lanes_avx2(void)
{
    static const struct tw_aead_backend backend = {
        .name = "chacha-lanes-avx2",
        .suites = TW_SUITE_CHACHA20_POLY1305,
        .expand = expand,
        .open = open_avx2,
        .seal = seal_avx2,
    };
    return __builtin_cpu_supports("avx2") ? &backend : NULL;
}
#else
const struct tw_aead_backend *tw_aead_chacha_lanes_avx512(void)
{
    return NULL;
}

const struct tw_aead_backend *tw_aead_chacha_lanes_avx2(void)
{
    return NULL;
}
#endif

const struct tw_aead_backend *tw_aead_chacha_lanes(void)
{
    const struct tw_aead_backend *wide = tw_aead_chacha_lanes_avx512();
    return wide != NULL ? wide : tw_aead_chacha_lanes_avx2();
}
