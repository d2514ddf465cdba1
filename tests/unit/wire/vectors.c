/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/wire/vectors.h"

#include "dataplane/wire/cookie.h"
#include "dataplane/wire/entry.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/handshake_client.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/phase.h"
#include "tickwire/assert.h"

#include <sodium.h>

static uint8_t *vector_new(struct vectors *vectors, const char *group, const char *name,
                           size_t size)
{
    TW_ASSERT(vectors->count < VECTORS_MAX && size <= TW_DATAGRAM_MAX);
    struct vector *vector = &vectors->list[vectors->count++];
    *vector = (struct vector){.group = group, .name = name, .size = size};
    return vector->bytes;
}

static void vector_add(struct vectors *vectors, const char *group, const char *name,
                       const void *bytes, size_t size)
{
    memcpy(vector_new(vectors, group, name, size), bytes, size);
}

const struct vector *vector_find(const struct vectors *vectors, const char *name)
{
    for (size_t i = 0; i < vectors->count; i++) {
        if (strcmp(vectors->list[i].name, name) == 0)
            return &vectors->list[i];
    }
    return NULL;
}

const struct vector *vector_get(const struct vectors *vectors, const char *name)
{
    const struct vector *vector = vector_find(vectors, name);
    TW_ASSERT(vector != NULL);
    return vector;
}

static const uint8_t *bytes_of(const struct vectors *vectors, const char *name)
{
    return vector_get(vectors, name)->bytes;
}

struct tw_address vectors_server_address(void)
{
    return tw_address_from_ipv4(0xc6336407u, 27777); /* 198.51.100.7 */
}

struct tw_address vectors_client_address(void)
{
    return tw_address_from_ipv4(0xcb007109u, 50000); /* 203.0.113.9 */
}

struct tw_welcome vectors_welcome(void)
{
    return (struct tw_welcome){.connection_id = 0x2a000017u,
                               .world = 1,
                               .server_time_us = 16666666,
                               .tick = 1000,
                               .mtu = 1200,
                               .suite = TW_SUITE_AES256_GCM,
                               .tick_hz = 60,
                               .snapshot_hz = 20,
                               .width_cells = 16};
}

/* Secret inputs: counting bytes, easy to type. */
static void add_inputs(struct vectors *vectors)
{
    static const struct {
        const char *name;
        uint8_t first;
        size_t size;
    } inputs[] = {
        {"client ephemeral secret", 0x01, 32},
        {"server ephemeral secret", 0x21, 32},
        {"server static secret", 0x41, 32},
        {"psk", 0x61, 32},
        {"token key", 0x81, 32},
        {"token nonce", 0xa1, 24},
        {"token id", 0xb9, 16},
        {"cookie key", 0xc9, 32},
    };
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        uint8_t *bytes = vector_new(vectors, "inputs", inputs[i].name, inputs[i].size);
        for (size_t k = 0; k < inputs[i].size; k++)
            bytes[k] = (uint8_t)(inputs[i].first + k);
    }
}

struct tw_token vectors_token(const struct vectors *vectors)
{
    struct tw_token token = {
        .account = 42,
        .world = 1,
        .version = 1,
        .suites = 0x03,
        .address_count = 1,
        .issued_unix_s = 1800000000,
        .expires_unix_s = 1800000060,
        .addresses = {vectors_server_address()},
    };
    memcpy(token.id, bytes_of(vectors, "token id"), TW_TOKEN_ID_SIZE);
    memcpy(token.psk, bytes_of(vectors, "psk"), TW_KEY_SIZE);
    tw_token_audience(token.audience, "example");
    return token;
}

static void add_token(struct vectors *vectors)
{
    const char *group = "token";
    struct tw_token token = vectors_token(vectors);
    uint8_t sealed[TW_TOKEN_SIZE];
    tw_token_seal(sealed, &token, VECTORS_TOKEN_KEY_ID, bytes_of(vectors, "token key"),
                  bytes_of(vectors, "token nonce"));
    /* Opened by the library's primitive, not by the code under test. */
    uint8_t data[] = "tickwire v1 token\x07\0\0";
    uint8_t content[TW_TOKEN_IN_SIZE];
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        content, NULL, NULL, sealed + TW_TOKEN_SEALED, TW_TOKEN_IN_SIZE + TW_TAG_SIZE, data,
        sizeof(data), bytes_of(vectors, "token nonce"), bytes_of(vectors, "token key"));
    TW_ASSERT(!failed);
    vector_add(vectors, group, "token associated data", data, sizeof(data));
    vector_add(vectors, group, "token content", content, sizeof(content));
    vector_add(vectors, group, "token", sealed, sizeof(sealed));

    uint8_t *key = vector_new(vectors, group, "server static key", TW_KEY_SIZE);
    crypto_scalarmult_base(key, bytes_of(vectors, "server static secret"));
    struct tw_connect_token connect = {.version = 1,
                                       .suites = token.suites,
                                       .address_count = 1,
                                       .expires_unix_s = token.expires_unix_s,
                                       .addresses = {token.addresses[0]}};
    memcpy(connect.token, sealed, sizeof(sealed));
    memcpy(connect.server_key, key, TW_KEY_SIZE);
    memcpy(connect.psk, token.psk, TW_KEY_SIZE);
    tw_connect_token_write(vector_new(vectors, group, "connect token", TW_CONNECT_SIZE), &connect);
}

static void add_client_packet(struct vectors *vectors, const char *name,
                              const struct tw_handshake_client *client)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = tw_handshake_client_packet(client, packet);
    vector_add(vectors, "handshake", name, packet, size);
}

static void add_hellos(struct vectors *vectors)
{
    const char *group = "handshake";
    struct tw_connect_token connect;
    bool ok = tw_connect_token_read(&connect, bytes_of(vectors, "connect token"), TW_CONNECT_SIZE);
    struct tw_handshake_client client;
    ok = ok &&
         tw_handshake_client_init(&client, &connect, TW_SUITES_KNOWN,
                                  bytes_of(vectors, "client ephemeral secret"), tw_crc32c_portable);
    TW_ASSERT(ok);
    vector_add(vectors, group, "client ephemeral key", client.ephemeral, TW_KEY_SIZE);
    add_client_packet(vectors, "hello", &client);

    struct tw_address source = vectors_client_address();
    uint8_t *input = vector_new(vectors, group, "cookie input", 54);
    memcpy(input, source.ip, 16);
    tw_store_u16(input + 16, source.port);
    memcpy(input + 18, client.ephemeral, TW_KEY_SIZE);
    tw_store_u32(input + 50, VECTORS_TIME_SLOT);

    struct tw_cookie_keys keys = {0};
    tw_cookie_rotate(&keys, bytes_of(vectors, "cookie key"), VECTORS_TIME_SLOT);
    uint8_t cookie[TW_COOKIE_SIZE];
    tw_cookie_make(cookie, &keys, &source, client.ephemeral);
    uint8_t *packet = vector_new(vectors, group, "cookie", TW_COOKIE_PACKET);
    tw_cookie_packet_write(packet, client.ephemeral, cookie, tw_crc32c_portable);
    TW_ASSERT(tw_handshake_client_receive(&client, packet, TW_COOKIE_PACKET) == TW_NEWS_COOKIE);
    add_client_packet(vectors, "hello 2", &client);
    tw_handshake_client_wipe(&client);
}

/* Each step by the text, with libsodium's primitives where the code under test combines steps. */
static void add_key_schedule(struct vectors *vectors)
{
    const char *group = "keys";
    uint8_t *server_key = vector_new(vectors, group, "server ephemeral key", TW_KEY_SIZE);
    crypto_scalarmult_base(server_key, bytes_of(vectors, "server ephemeral secret"));
    uint8_t input[96];
    const uint8_t *client_key = bytes_of(vectors, "client ephemeral key");
    int failed =
        crypto_scalarmult(input, bytes_of(vectors, "server ephemeral secret"), client_key) |
        crypto_scalarmult(input + 32, bytes_of(vectors, "server static secret"), client_key);
    TW_ASSERT(!failed);
    memcpy(input + 64, bytes_of(vectors, "psk"), 32);
    vector_add(vectors, group, "dh ephemeral ephemeral", input, 32);
    vector_add(vectors, group, "dh ephemeral static", input + 32, 32);

    uint8_t signed_part[TW_HELLO2_SIGNED + TW_WELCOME_CLEAR] = {0};
    memcpy(signed_part, bytes_of(vectors, "hello 2"), TW_HELLO2_SIGNED);
    uint8_t *clear = signed_part + TW_HELLO2_SIGNED;
    clear[TW_HEADER_CHANNEL] = TW_HANDSHAKE_WELCOME;
    memcpy(clear + 14, client_key, 32);
    memcpy(clear + 46, server_key, 32);
    uint8_t *transcript = vector_new(vectors, group, "transcript", 32);
    crypto_hash_sha256(transcript, signed_part, sizeof(signed_part));

    uint8_t *prk = vector_new(vectors, group, "prk", 32);
    tw_hkdf_extract(prk, transcript, 32, input, sizeof(input));
    uint8_t *c2s = vector_new(vectors, group, "c2s", 32);
    uint8_t *s2c = vector_new(vectors, group, "s2c", 32);
    tw_hkdf_expand(c2s, 32, prk, "tickwire v1 c2s");
    tw_hkdf_expand(s2c, 32, prk, "tickwire v1 s2c");
    tw_hkdf_expand(vector_new(vectors, group, "confirm", 44), 44, prk, "tickwire v1 confirm");
    tw_hkdf_expand(vector_new(vectors, group, "c2s packet key", 32), 32, c2s, "key");
    tw_hkdf_expand(vector_new(vectors, group, "c2s iv", 12), 12, c2s, "iv");
    tw_hkdf_expand(vector_new(vectors, group, "s2c packet key", 32), 32, s2c, "key");
    tw_hkdf_expand(vector_new(vectors, group, "s2c iv", 12), 12, s2c, "iv");
    tw_hkdf_expand(vector_new(vectors, group, "resume psk", 32), 32, prk, "tickwire v1 resume");
}

static void add_answers(struct vectors *vectors)
{
    const char *group = "answers";
    const uint8_t *hello2 = bytes_of(vectors, "hello 2");
    const uint8_t *client_key = bytes_of(vectors, "client ephemeral key");
    struct tw_token token = vectors_token(vectors);
    struct tw_handshake_server server = {.static_secret =
                                             bytes_of(vectors, "server static secret")};
    struct tw_session_secrets secrets;
    uint8_t server_key[TW_KEY_SIZE];
    struct tw_ephemeral_pair pair = {bytes_of(vectors, "server ephemeral secret"), server_key};
    bool derived = tw_handshake_derive(&server, hello2, &token, &pair, &secrets);
    TW_ASSERT(derived);
    struct tw_welcome welcome = vectors_welcome();
    uint8_t packet[TW_WELCOME_SIZE];
    struct tw_ephemerals ephemerals = {client_key, server_key};
    tw_welcome_write(packet, &welcome, &ephemerals, &secrets, tw_crc32c_portable);
    const uint8_t *confirm = bytes_of(vectors, "confirm");
    uint8_t *content = vector_new(vectors, group, "welcome content", TW_WELCOME_IN_SIZE);
    int failed = crypto_aead_chacha20poly1305_ietf_decrypt(content, NULL, NULL, packet + 78, 48,
                                                           bytes_of(vectors, "transcript"), 32,
                                                           confirm + 32, confirm);
    TW_ASSERT(!failed);
    vector_add(vectors, group, "welcome", packet, sizeof(packet));
    tw_refused_write(vector_new(vectors, group, "refused", TW_REFUSED_SIZE), TW_REFUSAL_FULL,
                     hello2, token.psk, tw_crc32c_portable);
    tw_try_again_write(vector_new(vectors, group, "try again", TW_TRY_AGAIN_SIZE), client_key, 1500,
                       tw_crc32c_portable);
    tw_wrong_version_write(vector_new(vectors, group, "wrong version", TW_WRONG_VERSION_SIZE),
                           client_key, 2, 3, tw_crc32c_portable);
}

static void add_plaintexts(struct vectors *vectors)
{
    const char *group = "packets";
    uint8_t plain[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    const struct tw_input inputs[2] = {
        {.move_x = 127, .move_y = 0, .facing = 0x4000, .buttons = 1},
        {.move_x = -50, .move_y = 20, .facing = 0x3f00, .buttons = 0},
    };
    tw_frame_write_inputs(&writer, 1005, inputs, 2);
    tw_frame_write_snapshot_ack(&writer, 7, 0x3f);
    tw_frame_write_ping(&writer, 123456789);
    struct tw_frame_ack ack = {.largest = 66052, .bitmap = 7, .delay_us = 1500};
    tw_frame_write_ack(&writer, &ack);
    vector_add(vectors, group, "client plaintext", plain, (size_t)(writer.next - plain));

    writer = tw_writer_make(plain, sizeof(plain));
    struct tw_frame_pong pong = {
        .echo_us = 123456789, .received_us = 16700000, .sent_us = 16700050};
    tw_frame_write_pong(&writer, &pong);
    ack = (struct tw_frame_ack){.largest = 66051, .bitmap = 1, .delay_us = 50};
    tw_frame_write_ack(&writer, &ack);
    vector_add(vectors, group, "server plaintext", plain, (size_t)(writer.next - plain));

    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_close(&writer, TW_CLOSE_SHUTDOWN);
    vector_add(vectors, group, "close plaintext", plain, (size_t)(writer.next - plain));
}

static void add_path_frames(struct vectors *vectors)
{
    const char *group = "paths";
    static const uint8_t challenge[TW_CHALLENGE_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t plain[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_challenge(&writer, challenge);
    vector_add(vectors, group, "challenge plaintext", plain, (size_t)(writer.next - plain));

    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_response(&writer, challenge);
    vector_add(vectors, group, "response plaintext", plain, (size_t)(writer.next - plain));

    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_rename(&writer, 0x51010203u);
    vector_add(vectors, group, "rename plaintext", plain, (size_t)(writer.next - plain));

    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_padding(&writer, TW_FRAME_HEADER_SIZE + 5u);
    vector_add(vectors, group, "padding plaintext", plain, (size_t)(writer.next - plain));
}

static void add_time_frames(struct vectors *vectors)
{
    const struct tw_frame_arrivals arrivals = {
        .newest = 1007, .mean = 171, .lowest = -12, .count = 12, .late = 1};
    uint8_t plain[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_arrivals(&writer, &arrivals);
    vector_add(vectors, "time", "arrivals plaintext", plain, (size_t)(writer.next - plain));

    const struct tw_frame_check check = {.number = 7, .bits = 4, .group = 9, .sum = 0x12345678};
    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_check(&writer, &check);
    vector_add(vectors, "integrity", "check plaintext", plain, (size_t)(writer.next - plain));

    const struct tw_frame_notice notice = {.stage = 1, .kind = 3, .score = 104};
    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_notice(&writer, &notice);
    vector_add(vectors, "conduct", "notice plaintext", plain, (size_t)(writer.next - plain));
}

/* The token of 7.2 stands for a resume token: it is opaque here. */
static void add_resume_frames(struct vectors *vectors)
{
    const char *group = "resume";
    uint8_t plain[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_resume_wanted(&writer);
    vector_add(vectors, group, "resume wanted plaintext", plain, (size_t)(writer.next - plain));

    writer = tw_writer_make(plain, sizeof(plain));
    tw_frame_write_resume(&writer, 1800604800, bytes_of(vectors, "token"));
    vector_add(vectors, group, "resume plaintext", plain, (size_t)(writer.next - plain));
}

static void add_entry(struct tw_writer *writer, const struct tw_entry *entry, uint8_t first)
{
    uint8_t *bytes = tw_entry_write(writer, entry);
    TW_ASSERT(bytes);
    for (uint32_t i = 0; i < entry->length; i++)
        bytes[i] = (uint8_t)(first + i);
}

static void add_messages(struct vectors *vectors)
{
    static const struct tw_entry entries[] = {
        {.channel = TW_CHANNEL_ORDERED,
         .kind = TW_ENTRY_WHOLE,
         .number = 7,
         .size = 5,
         .length = 5},
        {.channel = TW_CHANNEL_BULK,
         .kind = TW_ENTRY_PART,
         .number = 65535,
         .first = 1,
         .size = 300,
         .length = 128},
        {.channel = TW_CHANNEL_UNORDERED, .kind = TW_ENTRY_ABANDONED, .number = 2},
    };
    uint8_t plain[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    tw_write_space(&writer, TW_FRAME_HEADER_SIZE);
    add_entry(&writer, &entries[0], 'a');
    add_entry(&writer, &entries[1], 0);
    add_entry(&writer, &entries[2], 0);
    size_t size = (size_t)(writer.next - plain);
    plain[0] = TW_FRAME_MESSAGES;
    tw_store_u16(plain + 1, (uint16_t)(size - TW_FRAME_HEADER_SIZE));
    vector_add(vectors, "messages", "messages plaintext", plain, size);
}

/* By hand: whatever writes a block, all that it may write has to be read. Four literals, 295 bytes
 * from four bytes before, five literals. */
static void add_compressed(struct vectors *vectors)
{
    static const uint8_t block[] = {0x4f, 'a',  'b', 'c', 'd', 4,   0,  255,
                                    21,   0x50, 'e', 'f', 'g', 'h', 'i'};
    static const char last[] = "efghi";
    struct tw_entry entry = {
        .channel = TW_CHANNEL_BULK, .kind = TW_ENTRY_WHOLE, .flags = TW_ENTRY_COMPRESSED};
    uint8_t message[304], plain[64];
    for (uint32_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)(i < 299 ? "abcd"[i % 4u] : last[i - 299]);
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    entry.size = (uint32_t)(tw_varint_size(sizeof(message)) + sizeof(block));
    entry.length = entry.size;
    tw_write_u8(&writer, TW_FRAME_MESSAGES);
    tw_write_u16(&writer, (uint16_t)(tw_entry_overhead(&entry) + entry.size));
    struct tw_writer body = tw_writer_make(tw_entry_write(&writer, &entry), entry.size);
    tw_write_varint(&body, sizeof(message));
    tw_write_bytes(&body, block, sizeof(block));
    TW_ASSERT(!writer.failed && !body.failed);
    vector_add(vectors, "compression", "message", message, sizeof(message));
    vector_add(vectors, "compression", "compressed plaintext", plain,
               (size_t)(writer.next - plain));
}

static void add_packets(struct vectors *vectors, enum tw_suite suite, const char *const names[3])
{
    static const struct {
        const char *secret;
        const char *plaintext;
        uint64_t sequence;
    } packets[3] = {
        {"c2s", "client plaintext", 66051},
        {"s2c", "server plaintext", 66052},
        {"s2c", "close plaintext", 66053},
    };
    for (size_t i = 0; i < 3; i++) {
        struct tw_aead_key key;
        tw_packet_key_expand(&key, tw_aead_sodium(), suite, bytes_of(vectors, packets[i].secret));
        const struct vector *plain = vector_get(vectors, packets[i].plaintext);
        uint8_t packet[TW_DATAGRAM_MAX];
        tw_header_write(packet, (struct tw_header){.connection_id = 0x2a000017u,
                                                   .sequence = packets[i].sequence});
        memcpy(packet + TW_HEADER_SIZE, plain->bytes, plain->size);
        struct tw_aead_job job = {
            .key = &key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + plain->size)};
        tw_aead_sodium()->seal(&job, 1);
        vector_add(vectors, "packets", names[i], packet, job.length);
    }
}

/* One direction: the secrets of phases 1 and 2, keys of phase 1, and a packet of phase 1. */
static void add_phase(struct vectors *vectors, const char *const names[5], const char *secret,
                      const char *plaintext, uint64_t sequence)
{
    const char *group = "phases";
    struct tw_aead_key key;
    uint8_t *first = vector_new(vectors, group, names[0], TW_KEY_SIZE);
    memcpy(first, bytes_of(vectors, secret), TW_KEY_SIZE);
    tw_phase_secret_advance(first);
    tw_hkdf_expand(vector_new(vectors, group, names[1], TW_KEY_SIZE), TW_KEY_SIZE, first, "key");
    tw_hkdf_expand(vector_new(vectors, group, names[2], TW_IV_SIZE), TW_IV_SIZE, first, "iv");
    tw_packet_key_expand(&key, tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305, first);
    const struct vector *plain = vector_get(vectors, plaintext);
    uint8_t packet[TW_DATAGRAM_MAX];
    tw_header_write(packet, (struct tw_header){.connection_id = 0x2a000017u,
                                               .flags = TW_FLAG_KEY_PHASE,
                                               .sequence = sequence});
    memcpy(packet + TW_HEADER_SIZE, plain->bytes, plain->size);
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + plain->size)};
    tw_aead_sodium()->seal(&job, 1);
    vector_add(vectors, group, names[3], packet, job.length);
    uint8_t *second = vector_new(vectors, group, names[4], TW_KEY_SIZE);
    memcpy(second, first, TW_KEY_SIZE);
    tw_phase_secret_advance(second);
}

static void add_phases(struct vectors *vectors)
{
    static const char *const names[2][5] = {
        {"c2s of phase 1", "c2s packet key of phase 1", "c2s iv of phase 1",
         "client packet of phase 1", "c2s of phase 2"},
        {"s2c of phase 1", "s2c packet key of phase 1", "s2c iv of phase 1",
         "server packet of phase 1", "s2c of phase 2"},
    };
    add_phase(vectors, names[0], "c2s", "client plaintext", 66054);
    add_phase(vectors, names[1], "s2c", "server plaintext", 66055);
}

uint64_t vectors_hash(const uint8_t *bytes, size_t length)
{
    const uint64_t p1 = 0x9E3779B185EBCA87u, p2 = 0xC2B2AE3D27D4EB4Fu, p3 = 0x165667B19E3779F9u;
    uint64_t h = (uint64_t)length * p2;
    for (size_t i = 0; i < length; i += 8) {
        uint8_t word[8] = {0};
        memcpy(word, bytes + i, length - i < 8 ? length - i : 8);
        h ^= tw_load_u64(word) * p1;
        h = (h << 29 | h >> 35) * p2;
    }
    h = (h ^ h >> 32) * p3;
    return h ^ h >> 29;
}

static void add_hash(struct vectors *vectors, const char *group, const char *name,
                     const uint8_t *bytes, size_t size)
{
    tw_store_u64(vector_new(vectors, group, name, 8), vectors_hash(bytes, size));
}

#define RECORD_SIZE 23u

/* Two entities enter, one of them changes its health and crosses into the next cell. */
static void add_snapshot(struct vectors *vectors)
{
    const char *group = "snapshot";
    /* clang-format off */
    static const uint8_t own[RECORD_SIZE] = {
        0x05, 0x00, 0x00, 0x02, /* handle: index 5, generation 2 */
        0x01, 0x00, 0x02, 0x00, /* cell (1, 2) */
        0x00, 0x80, 0x00, 0x40, /* x, y in the cell */
        0x40, 80, 1,            /* heading, 5 m/s, action */
        1, 3, 7, 0, 90, 0, 100, 0, /* player, team 3, appearance 7, health 90 of 100 */
    };
    static const uint8_t other[RECORD_SIZE] = {
        0x09, 0x00, 0x00, 0x01, 0x01, 0x00, 0x02, 0x00, 0x00, 0xff, 0x00, 0x20,
        0x00, 32, 0, 2, 0, 1, 0, 50, 0, 50, 0,
    };
    /* clang-format on */
    uint8_t moved[RECORD_SIZE];
    memcpy(moved, other, sizeof(moved));
    moved[4] = 2;                    /* cell x */
    tw_store_u16(moved + 8, 0x0010); /* x in the cell */
    tw_store_u16(moved + 19, 40);    /* health */
    uint64_t view_hash = vectors_hash(own, RECORD_SIZE) + vectors_hash(moved, RECORD_SIZE);

    uint8_t body[256];
    struct tw_writer writer = tw_writer_make(body, sizeof(body));
    tw_write_u32(&writer, 1);    /* number */
    tw_write_u32(&writer, 1008); /* tick */
    tw_write_u32(&writer, 1005); /* last input */
    tw_write_u8(&writer, TW_SNAPSHOT_HAS_SELF | TW_SNAPSHOT_HAS_HASH);
    tw_write_bytes(&writer, own, 4);
    tw_write_u32(&writer, 0x18000);
    tw_write_u32(&writer, 0x24000);
    tw_write_u32(&writer, 0);
    tw_write_u32(&writer, 5120);
    tw_write_u16(&writer, 0x4000);
    tw_write_u64(&writer, view_hash);
    tw_write_u8(&writer, 1); /* exits: an entity this client never knew */
    tw_write_u32(&writer, 0x03000007);
    tw_write_u8(&writer, 2); /* enters */
    for (int i = 0; i < 2; i++) {
        const uint8_t *record = i == 0 ? own : other;
        tw_write_bytes(&writer, record, 15);
        tw_write_u8(&writer, TW_COLD_KNOWN);
        tw_write_bytes(&writer, record + 15, 8);
    }
    tw_write_u8(&writer, 1); /* colds */
    tw_write_bytes(&writer, moved, 3);
    tw_write_u8(&writer, TW_COLD_HEALTH);
    tw_write_u16(&writer, 40);
    tw_write_u8(&writer, 1); /* hots: one group */
    tw_write_bytes(&writer, moved + 4, 4);
    tw_write_u8(&writer, 1);
    tw_write_bytes(&writer, moved, 3);
    tw_write_bytes(&writer, moved + 8, 7);
    TW_ASSERT(!writer.failed);

    vector_add(vectors, group, "snapshot body", body, (size_t)(writer.next - body));
    vector_add(vectors, group, "own record", own, RECORD_SIZE);
    vector_add(vectors, group, "other record", moved, RECORD_SIZE);
    add_hash(vectors, group, "hash of own record", own, RECORD_SIZE);
    add_hash(vectors, group, "hash of other record", moved, RECORD_SIZE);
    tw_store_u64(vector_new(vectors, group, "view hash", 8), view_hash);
}

/* The second snapshot: everything is forgotten, the wanderer enters anew and is compared. */
static void add_baseline(struct vectors *vectors)
{
    const uint8_t *record = vector_get(vectors, "other record")->bytes;
    uint8_t body[128];
    struct tw_writer writer = tw_writer_make(body, sizeof(body));
    tw_write_u32(&writer, 2);    /* number */
    tw_write_u32(&writer, 1011); /* tick */
    tw_write_u32(&writer, 1008); /* last input */
    tw_write_u8(&writer, TW_SNAPSHOT_HAS_CHECK | TW_SNAPSHOT_BASELINE | TW_SNAPSHOT_INCOMPLETE);
    tw_write_u8(&writer, 4);
    tw_write_u8(&writer, 9);
    tw_write_u32(&writer, (uint32_t)vectors_hash(record, RECORD_SIZE));
    tw_write_u32(&writer, 2);
    tw_write_u8(&writer, 0);
    tw_write_u8(&writer, 1);
    tw_write_bytes(&writer, record, 15);
    tw_write_u8(&writer, TW_COLD_KNOWN);
    tw_write_bytes(&writer, record + 15, 8);
    tw_write_u8(&writer, 0);
    tw_write_u8(&writer, 0);
    TW_ASSERT(!writer.failed);
    vector_add(vectors, "integrity", "baseline body", body, (size_t)(writer.next - body));
}

static void add_hashes(struct vectors *vectors)
{
    uint8_t bytes[23];
    for (uint8_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = i;
    add_hash(vectors, "hash", "H of nothing", bytes, 0);
    add_hash(vectors, "hash", "H of 00..04", bytes, 5);
    add_hash(vectors, "hash", "H of 00..16", bytes, 23);
}

void vectors_build(struct vectors *vectors)
{
    static const char *const chacha[3] = {"client packet, ChaCha20-Poly1305",
                                          "server packet, ChaCha20-Poly1305",
                                          "close packet, ChaCha20-Poly1305"};
    static const char *const aes[3] = {"client packet, AES-256-GCM", "server packet, AES-256-GCM",
                                       "close packet, AES-256-GCM"};
    vectors->count = 0;
    add_inputs(vectors);
    add_token(vectors);
    add_hellos(vectors);
    add_key_schedule(vectors);
    add_answers(vectors);
    add_plaintexts(vectors);
    add_packets(vectors, TW_SUITE_CHACHA20_POLY1305, chacha);
    if (tw_aead_sodium()->suites & TW_SUITE_AES256_GCM)
        add_packets(vectors, TW_SUITE_AES256_GCM, aes);
    add_hashes(vectors);
    add_snapshot(vectors);
    add_path_frames(vectors);
    add_resume_frames(vectors);
    add_messages(vectors);
    add_phases(vectors);
    add_time_frames(vectors);
    add_baseline(vectors);
    add_compressed(vectors);
}
