/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Published vectors. A packet's associated data is its 14-byte header, which no published vector
 * has. So each vector is checked three times: against libsodium as published; against the very
 * calls of IPsec-MB that its back end makes, as published; and in every back end as a packet, whose
 * ciphertext must be the vector's (no associated data enters it) and whose tag libsodium's for the
 * header. Vectors that must fail are opened with their wrong tag in the first two.
 */
#include "dataplane/crypto/aead_ipsec_mb.h"
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/wire/header.h"
#include "tests/unit/wire/testing.h"

#include <intel-ipsec-mb.h>

#define SEQUENCE  UINT64_C(0x0102030405060708)
#define TEXT_MAX  512u
#define AES       TW_SUITE_AES256_GCM
#define CHACHA    TW_SUITE_CHACHA20_POLY1305
#define MUST_FAIL NULL

struct published {
    enum tw_suite suite;
    const char *key, *nonce, *data, *cipher, *tag;
    const char *plain; /* MUST_FAIL: the tag is wrong */
};

static const struct published published[] = {
    /* RFC 8439, section 2.8.2 */
    {CHACHA, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e"},
    /* The same with the last bit of its tag turned */
    {CHACHA, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600690", MUST_FAIL},
    /* RFC 8439, appendix A.5 */
    {CHACHA, "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
     "000000000102030405060708", "f33388860000000000004e91",
     "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
     "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
     "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
     "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
     "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
     "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
     "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
     "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
     "a6ad5cb4022b02709b",
     "eead9d67890cbb22392336fea1851f38",
     "496e7465726e65742d4472616674732061726520647261667420646f63756d65"
     "6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
     "6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
     "65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65"
     "6e747320617420616e792074696d652e20497420697320696e617070726f7072"
     "6961746520746f2075736520496e7465726e65742d4472616674732061732072"
     "65666572656e6365206d6174657269616c206f7220746f206369746520746865"
     "6d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67"
     "726573732e2fe2809d"},
    /* NIST CAVP, gcmEncryptExtIV256 */
    {AES, "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
     "516c33929df5a3284ff463d7", "", "", "bdc1ac884d332457a1d2664f168c76f0", ""},
    {AES, "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223",
     "d79cf22d504cc793c3fb6c8a", "b96baa8c1c75a671bfb2d08d06be5f36", "",
     "3e5d486aa2e30b22e040b85723a06e76", ""},
    {AES, "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
     "0d18e06c7c725ac9e362e1ce", "", "fa4362189661d163fcd6a56d8bf0405a",
     "d636ac1bbedd5cc3ee727dc2ab4a9489", "2db5168e932556f8089a0622981d017d"},
    {AES, "24501ad384e473963d476edcfe08205237acfd49b5b8f33857f8114e863fec7f",
     "9ff18563b978ec281b3f2794", "adb5ec720ccf9898500028bf34afccbcaca126ef",
     "eb7cb754c824e8d96f7c6d9b76c7d26fb874ffbf1d65c6f64a698d839b0b0614"
     "5dae82057ad55994cf59ad7f67c0fa5e85fab8",
     "bc95c532fecc594c36d1550286a7a3f0",
     "27f348f9cdc0c5bd5e66b1ccb63ad920ff2219d14e8d631b3872265cf117ee86"
     "757accb158bd9abb3868fdc0d0b074b5f01b2c"},
    {AES, "148579a3cbca86d5520d66c0ec71ca5f7e41ba78e56dc6eebd566fed547fe691",
     "b08a5ea1927499c6ecbfd4e0",
     "e4f963f015ffbb99ee3349bbaf7e8e8e6c2a71c230a48f9d59860a29091d2747"
     "e01a5ca572347e247d25f56ba7ae8e05cde2be3c97931292c02370208ecd097e"
     "f692687fecf2f419d3200162a6480a57dad408a0dfeb492e2c5d",
     "2097e372950a5e9383c675e89eea1c314f999159f5611344b298cda45e628437"
     "16f215f82ee663919c64002a5c198d7878fd3f",
     "adbecdb0d5c2224d804d2886ff9a5760",
     "9d0b15fdf1bd595f91f8b3abc0f7dec927dfd4799935a1795d9ce00c9b879434"
     "420fe42c275a7cd7b39d638fb81ca52b49dc41"},
    {AES, "82c4f12eeec3b2d3d157b0f992d292b237478d2cecc1d5f161389b97f999057a",
     "7b40b20f5f397177990ef2d1", "", "ec8e05a0471d6b43a59ca5335f",
     "113ddeafc62373cac2f5951bb9165249", "982a296ee1cd7086afad976945"},
    /* NIST CAVP, gcmDecrypt256 */
    {AES, "f5a2b27c74355872eb3ef6c5feafaa740e6ae990d9d48c3bd9bb8235e589f010",
     "58d2240f580a31c1d24948e9", "", "", "15e051a5e4a5f5da6cea92e2ebee5bac", ""},
    {AES, "e5a8123f2e2e007d4e379ba114a2fb66e6613f57c72d4e4f024964053028a831",
     "51e43385bf533e168427e1ad", "", "", "38fe845c66e66bdd884c2aecafd280e6", MUST_FAIL},
    {AES, "2c392a5eb1a9c705371beda3a901c7c61dca4d93b4291de1dd0dd15ec11ffc45",
     "0723fb84a08f4ea09841f32a", "140be561b6171eab942c486a94d33d43", "",
     "aa0e1c9b57975bfc91aa137231977d2c", MUST_FAIL},
    {AES, "4c8ebfe1444ec1b2d503c6986659af2c94fafe945f72c1e8486a5acfedb8a0f8",
     "473360e0ad24889959858995", "", "d2c78110ac7e8f107c0df0570bd7c90c",
     "c26a379b6d98ef2852ead8ce83a833a7", "7789b41cb3ee548814ca0b388c10b343"},
    {AES, "c997768e2d14e3d38259667a6649079de77beb4543589771e5068e6cd7cd0b14",
     "835090aed9552dbdd45277e2", "", "9f6607d68e22ccf21928db0986be126e",
     "f32617f67c574fd9f44ef76ff880ab9f", MUST_FAIL},
    {AES, "54e352ea1d84bfe64a1011096111fbe7668ad2203d902a01458c3bbd85bfce14",
     "df7c3bca00396d0c018495d9", "7e968d71b50c1f11fd001f3fef49d045",
     "426e0efc693b7be1f3018db7ddbb7e4d", "ee8257795be6a1164d7e1d2d6cac77a7",
     "85fc3dfad9b5a8d3258e4fc44571bd3b"},
    {AES, "9a0343f850a6427120f764789ffec6d237447b898fbf51d2182f065d3861497d",
     "3deef6f453dd70d92143adcd", "dbb8226a624520863db6897017b2a4f8",
     "e93165935ac18e3a2845d15fe31a9286", "f5fc50d18766bc3d9e16dd136d45816b", MUST_FAIL},
    {AES, "e9d381a9c413bee66175d5586a189836e5c20f5583535ab4d3f3e612dc21700e",
     "23e81571da1c7821c681c7ca", "6f39c9ae7b8e8a58a95f0dd8ea6a9087cbccdfd6",
     "a25f3f580306cd5065d22a6b7e9660110af7204bb77d370f7f34bee547feeff7"
     "b32a596fce29c9040e68b1589aad48da881990",
     "5b6dcd70eefb0892fab1539298b92a4b", MUST_FAIL},
    {AES, "5f72046245d3f4a0877e50a86554bfd57d1c5e073d1ed3b5451f6d0fc2a8507a",
     "ea6f5b391e44b751b26bce6f",
     "9b3a68c941d42744673fb60fea49075eae77322e7e70e34502c115b6495ebfc7"
     "96d6290807653c6b53cd84281bd0311656d0013f44619d2748177e99e8f8347c"
     "989a7b59f9d8dcf00f31db0684a4a83e037e8777bae55f799b0d",
     "0e6e0b2114c40769c15958d965a14dcf50b680e0185a4409d77d894ca15b1e69"
     "8dd83b3536b18c05d8cd0873d1edce8150ecb5",
     "fdaaff86ceb937502cd9012d03585800",
     "b0a881b751cc1eb0c912a4cf9bd971983707dbd2411725664503455c55db25cd"
     "b19bc669c2654a3a8011de6bf7eff3f9f07834"},
    {AES, "8b37c4b8cf634704920059866ad96c49e9da502c63fca4a3a7a4dcec74cb0610",
     "cb59344d2b06c4ae57cd0ea4", "", "66ab935c93555e786b775637a3",
     "d8733acbb564d8afaa99d7ca2e2f92a9", MUST_FAIL},
};

struct vector {
    enum tw_suite suite;
    uint8_t key[32], nonce[12], data[128], cipher[TEXT_MAX], tag[16], plain[TEXT_MAX];
    size_t data_size, size;
    bool fails;
};

static size_t unhex(uint8_t *out, size_t capacity, const char *hex)
{
    size_t size = 0;
    assert_int_equal(sodium_hex2bin(out, capacity, hex, strlen(hex), NULL, &size, NULL), 0);
    return size;
}

static void load(struct vector *vector, const struct published *text)
{
    memset(vector, 0, sizeof(*vector));
    vector->suite = text->suite;
    assert_int_equal(unhex(vector->key, 32, text->key), 32);
    assert_int_equal(unhex(vector->nonce, 12, text->nonce), 12);
    assert_int_equal(unhex(vector->tag, 16, text->tag), 16);
    vector->data_size = unhex(vector->data, sizeof(vector->data), text->data);
    vector->size = unhex(vector->cipher, TEXT_MAX, text->cipher);
    vector->fails = text->plain == MUST_FAIL;
    if (!vector->fails)
        assert_int_equal(unhex(vector->plain, TEXT_MAX, text->plain), vector->size);
}

static bool machine_runs(enum tw_suite suite)
{
    return (tw_aead_sodium()->suites & suite) != 0;
}

static void libsodium_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        struct vector vector;
        load(&vector, &published[i]);
        if (!machine_runs(vector.suite))
            continue;
        uint8_t plain[TEXT_MAX];
        int failed = vector.suite == AES
                         ? crypto_aead_aes256gcm_decrypt_detached(
                               plain, NULL, vector.cipher, vector.size, vector.tag, vector.data,
                               vector.data_size, vector.nonce, vector.key)
                         : crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                               plain, NULL, vector.cipher, vector.size, vector.tag, vector.data,
                               vector.data_size, vector.nonce, vector.key);
        assert_int_equal(failed != 0, vector.fails);
        if (!vector.fails)
            assert_memory_equal(plain, vector.plain, vector.size);
    }
}

/* Deciphers by the calls the back end makes; the tag is what the vector's must be. */
static void ipsec_mb_open(IMB_MGR *manager, const struct vector *vector, uint8_t *plain,
                          uint8_t tag[16])
{
    if (vector->suite == AES) {
        struct gcm_key_data key;
        struct gcm_context_data context;
        IMB_AES256_GCM_PRE(manager, vector->key, &key);
        IMB_AES256_GCM_DEC(manager, &key, &context, plain, vector->cipher, vector->size,
                           vector->nonce, vector->data, vector->data_size, tag, 16);
        return;
    }
    IMB_JOB *job;
    assert_int_equal(IMB_GET_NEXT_BURST(manager, 1, &job), 1);
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = IMB_DIR_DECRYPT;
    job->chain_order = IMB_ORDER_HASH_CIPHER;
    job->enc_keys = job->dec_keys = vector->key;
    job->key_len_in_bytes = 32;
    job->src = vector->cipher;
    job->dst = plain;
    job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = vector->size;
    job->iv = vector->nonce;
    job->iv_len_in_bytes = 12;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = 16;
    job->u.CHACHA20_POLY1305.aad = vector->data;
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = vector->data_size;
    assert_int_equal(IMB_SUBMIT_BURST_NOCHECK(manager, 1, &job), 1);
    assert_int_equal(job->status, IMB_STATUS_COMPLETED);
}

static void ipsec_mb_agrees(void **state)
{
    (void)state;
    if (tw_aead_ipsec_mb() == NULL)
        skip();
    IMB_MGR *manager = alloc_mb_mgr(0);
    assert_non_null(manager);
    init_mb_mgr_auto(manager, NULL);
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        struct vector vector;
        load(&vector, &published[i]);
        uint8_t plain[TEXT_MAX], tag[16];
        ipsec_mb_open(manager, &vector, plain, tag);
        assert_int_equal(memcmp(tag, vector.tag, 16) != 0, vector.fails);
        if (!vector.fails)
            assert_memory_equal(plain, vector.plain, vector.size);
    }
    free_mb_mgr(manager);
}

/* The vector's nonce for this packet number. */
static void expand(struct tw_aead_key *key, const struct tw_aead_backend *backend,
                   const struct vector *vector)
{
    uint8_t iv[12];
    tw_aead_nonce(iv, vector->nonce, SEQUENCE);
    backend->expand(key, vector->suite, vector->key, iv);
}

static void check_packet(const struct tw_aead_backend *backend, const struct vector *vector)
{
    struct tw_aead_key key, reference_key;
    expand(&key, backend, vector);
    expand(&reference_key, tw_aead_sodium(), vector);
    uint8_t packet[TW_PACKET_MIN + TEXT_MAX], reference[TW_PACKET_MIN + TEXT_MAX];
    uint32_t length = (uint32_t)(TW_HEADER_SIZE + vector->size);
    tw_header_write(packet, (struct tw_header){.connection_id = 7, .sequence = SEQUENCE});
    memcpy(packet + TW_HEADER_SIZE, vector->plain, vector->size);
    memcpy(reference, packet, length);
    struct tw_aead_job job = {.key = &reference_key, .packet = reference, .length = length};
    tw_aead_sodium()->seal(&job, 1);
    job = (struct tw_aead_job){.key = &key, .packet = packet, .length = length};
    backend->seal(&job, 1);
    assert_int_equal(job.length, length + TW_TAG_SIZE);
    assert_memory_equal(packet + TW_HEADER_SIZE, vector->cipher, vector->size);
    assert_memory_equal(packet, reference, job.length);
    backend->open(&job, 1);
    assert_true(job.ok);
    assert_memory_equal(packet + TW_HEADER_SIZE, vector->plain, vector->size);
}

/* What the machine lacks shows as skipped, by its name. */
struct carrier {
    const struct tw_aead_backend *(*get)(void);
};

static void packets_carry_them(void **state)
{
    const struct carrier *carrier = *state;
    const struct tw_aead_backend *backend = carrier->get();
    if (backend == NULL)
        skip();
    size_t carried = 0;
    assert_true(tw_aead_thread_start(backend));
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        struct vector vector;
        load(&vector, &published[i]);
        if (machine_runs(vector.suite) && backend->suites & vector.suite && !vector.fails) {
            check_packet(backend, &vector);
            carried++;
        }
    }
    tw_aead_thread_end(backend);
    assert_in_range(carried, 2, sizeof(published) / sizeof(published[0]));
}

#define CARRIED_BY(backend)                                                                        \
    {                                                                                              \
        "packets of " #backend " carry them", packets_carry_them, NULL, NULL, &(struct carrier)    \
        {                                                                                          \
            tw_aead_##backend                                                                      \
        }                                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libsodium_agrees),
        cmocka_unit_test(ipsec_mb_agrees),
        CARRIED_BY(sodium),
        CARRIED_BY(ipsec_mb),
        CARRIED_BY(chacha_lanes_avx512),
        CARRIED_BY(chacha_lanes_avx2),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
