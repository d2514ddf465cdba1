/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 across packets against libsodium: a burst made from the input is sealed by
 * both, damaged in a place the input chooses, and opened by both. Every byte must be the same.
 *
 * Input: u8 (bit 0 which path, bits 1..6 how many packets less one), then per packet: u16 length,
 * u8 key, u64 sequence, u16 place and u8 mask of damage; the text repeats the whole input.
 */
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/wire/header.h"
#include "tests/fuzz/fuzzing.h"

#include <sodium.h>

#define BURST_MAX 64u
#define TEXT_MAX  1500u
#define KEYS      256u

static struct tw_aead_key keys[KEYS];
static uint8_t ours[BURST_MAX][TW_PACKET_MIN + TEXT_MAX];
static uint8_t theirs[BURST_MAX][TW_PACKET_MIN + TEXT_MAX];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (sodium_init() < 0)
        return 1;
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t bytes[TW_KEY_SIZE + TW_IV_SIZE];
        crypto_generichash(bytes, sizeof(bytes), (const uint8_t *)&i, sizeof(i), NULL, 0);
        tw_aead_sodium()->expand(&keys[i], TW_SUITE_CHACHA20_POLY1305, bytes, bytes + TW_KEY_SIZE);
    }
    return 0;
}

static const struct tw_aead_backend *choose_path(uint8_t bit)
{
    const struct tw_aead_backend *wide = tw_aead_chacha_lanes_avx512();
    return bit && wide != NULL ? wide : tw_aead_chacha_lanes_avx2();
}

static void fill_text(uint8_t *text, size_t size, const uint8_t *data, size_t data_size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)(data[i % data_size] + i / data_size);
}

static void must_be_equal(const struct tw_aead_job *a, const struct tw_aead_job *b)
{
    TW_ASSERT(a->ok == b->ok && a->length == b->length);
    if (a->ok) /* else the bytes are undefined */
        TW_ASSERT(memcmp(a->packet, b->packet, a->length) == 0);
}

/* Numbers of one key must rise in builds that check them: each key object seals once. */
static struct tw_aead_key *own_key(struct tw_aead_key *own, uint8_t which)
{
    *own = keys[which];
    return own;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct tw_reader reader = tw_reader_make(data, size);
    uint8_t shape = fuzz_u8(&reader);
    const struct tw_aead_backend *lanes = choose_path(shape & 1);
    if (lanes == NULL)
        return 0;
    static struct tw_aead_key our_keys[BURST_MAX], their_keys[BURST_MAX];
    struct tw_aead_job a[BURST_MAX], b[BURST_MAX];
    uint16_t places[BURST_MAX];
    uint8_t masks[BURST_MAX];
    uint32_t count = (shape >> 1) % BURST_MAX + 1u;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = TW_HEADER_SIZE + fuzz_u16(&reader) % (TEXT_MAX + 1u);
        uint8_t which = fuzz_u8(&reader);
        uint64_t sequence = fuzz_u64(&reader);
        places[i] = fuzz_u16(&reader);
        masks[i] = fuzz_u8(&reader);
        tw_header_write(
            ours[i], (struct tw_header){.connection_id = i, .sequence = sequence ? sequence : 1u});
        fill_text(ours[i] + TW_HEADER_SIZE, length - TW_HEADER_SIZE, data, size);
        memcpy(theirs[i], ours[i], length);
        a[i] = (struct tw_aead_job){
            .key = own_key(&our_keys[i], which), .packet = ours[i], .length = length};
        b[i] = (struct tw_aead_job){
            .key = own_key(&their_keys[i], which), .packet = theirs[i], .length = length};
    }
    lanes->seal(a, count);
    tw_aead_sodium()->seal(b, count);
    for (uint32_t i = 0; i < count; i++) {
        must_be_equal(&a[i], &b[i]);
        uint32_t place = places[i] % a[i].length;
        ours[i][place] ^= masks[i];
        theirs[i][place] ^= masks[i];
        if (masks[i] == 0xff) /* cut, perhaps below the shortest packet */
            a[i].length = b[i].length = place;
    }
    lanes->open(a, count);
    tw_aead_sodium()->open(b, count);
    for (uint32_t i = 0; i < count; i++) {
        must_be_equal(&a[i], &b[i]);
        TW_ASSERT(a[i].ok == (masks[i] == 0));
    }
    return 0;
}
