/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes the seed corpora of the wire fuzzers from the protocol's test vectors:
 *   make_corpus tests/fuzz/corpus
 * Inputs that a run of a fuzzer found worth keeping may be added by hand beside them.
 */
#include "tests/unit/wire/vectors.h"

#include "tests/unit/wire/meeting.h"
#include "tickwire/assert.h"
#include "tickwire/bytes.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *root;

static void write_seed(const char *fuzzer, const char *name, uint8_t mode, const uint8_t *bytes,
                       size_t size)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", root, fuzzer);
    mkdir(path, 0755); /* may exist: then fopen tells about everything else */
    snprintf(path, sizeof(path), "%s/%s/%s", root, fuzzer, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    bool ok = fwrite(&mode, 1, 1, file) == 1 && fwrite(bytes, 1, size, file) == size;
    if (fclose(file) != 0 || !ok) {
        perror(path);
        exit(1);
    }
}

static void write_vector(const struct vectors *vectors, const char *fuzzer, const char *seed,
                         uint8_t mode, const char *name)
{
    const struct vector *vector = vector_get(vectors, name);
    write_seed(fuzzer, seed, mode, vector->bytes, vector->size);
}

static void write_handshakes(const struct vectors *vectors)
{
    static struct meeting meeting;
    uint8_t packet[TW_DATAGRAM_MAX];
    const char *fuzzer = "fuzz_handshake";
    write_seed(fuzzer, "hello", 0x80, vector_get(vectors, "hello")->bytes, TW_HELLO_PADDING);
    write_vector(vectors, fuzzer, "hello2_foreign", 1, "hello 2");
    write_vector(vectors, fuzzer, "try_again", 0x82, "try again");
    write_vector(vectors, fuzzer, "wrong_version", 0x83, "wrong version");
    write_vector(vectors, fuzzer, "cookie", 0x82, "cookie");
    write_vector(vectors, fuzzer, "welcome_foreign", 0x83, "welcome");
    write_vector(vectors, fuzzer, "refused_foreign", 0x83, "refused");
    meeting_init(&meeting);
    meeting_hello2(&meeting, packet);
    write_seed(fuzzer, "hello2", 1, packet, TW_HELLO2_SIZE);
    uint8_t answer[TW_WELCOME_SIZE];
    if (!meeting_welcome(&meeting, packet, answer))
        exit(1);
    write_seed(fuzzer, "welcome", 3, answer, TW_WELCOME_SIZE);
    tw_refused_write(answer, TW_REFUSAL_FULL, packet, meeting.token.psk, tw_crc32c_portable);
    write_seed(fuzzer, "refused", 3, answer, TW_REFUSED_SIZE);
    static const uint8_t damages[][3] = {{0, 0, 0}, {16, 0, 1}, {100, 0, 0x80}, {50, 1, 4}};
    for (uint8_t mode = 4; mode <= 6; mode++) {
        for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
            char name[32];
            snprintf(name, sizeof(name), "damage_%u_%zu", mode, i);
            write_seed(fuzzer, name, mode, damages[i], 3);
        }
    }
}

static void write_packets(void)
{
    uint8_t fields[96];
    for (uint8_t i = 0; i < sizeof(fields); i++)
        fields[i] = (uint8_t)(i * 37);
    static const uint8_t kinds[] = {0x3c, 0x3d, 0x7c, 0x2e, 0x2f, 0x6e, 0x40, 0x43};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        char name[32];
        fields[2] = (uint8_t)(i % 2 ? 0 : 1u << i); /* every other one stays whole */
        snprintf(name, sizeof(name), "kind_%02x", kinds[i]);
        write_seed("fuzz_packet", name, kinds[i], fields, sizeof(fields));
    }
}

/* Whole, in parts, abandoned, latest; then an ack, a message of our own, time. */
static void write_messages(void)
{
    static const uint8_t plain[] = {
        11,  0,  0x01, 0,   0, 5,    'h', 'e', 'l', 'l', 'o',  0x02, 1,    0, /* cut short */
        0,   11, 0,    1,   0, 0,    5,   'h', 'e', 'l', 'l',  'o',  0x00, 7, 0,  2, 1,
        100, 0,  3,    200, 0, 0,    1,   1,   1,   0,   0,    0,    0,    0, 0,  0, 0,
        6,   0,  8,    0,   0, 0x0a, 3,   0,   2,   3,   0x20, 0x4e, 0,    3, 10, 0,
    };
    write_seed("fuzz_messages", "mixed", 0, plain, sizeof(plain));
    uint8_t part[3 + 300] = {0x2b, 1, 0x07};
    struct tw_writer writer = tw_writer_make(part + 2, sizeof(part) - 2);
    tw_write_u8(&writer, TW_CHANNEL_BULK | TW_ENTRY_PART << TW_ENTRY_KIND_SHIFT);
    tw_write_u16(&writer, 0);
    tw_write_varint(&writer, 256);
    tw_write_varint(&writer, 0);
    tw_write_varint(&writer, 256);
    tw_write_space(&writer, 256);
    tw_store_u16(part, (uint16_t)(writer.next - part - 2));
    write_seed("fuzz_messages", "part", 0, part, (size_t)(writer.next - part));
}

/* The body of the vector's frame. */
static void write_compressed(const struct vectors *vectors)
{
    const struct vector *frame = vector_get(vectors, "compressed plaintext");
    uint8_t seed[96];
    size_t size = frame->size - TW_FRAME_HEADER_SIZE;
    TW_ASSERT(size + 2 <= sizeof(seed));
    tw_store_u16(seed, (uint16_t)size);
    memcpy(seed + 2, frame->bytes + TW_FRAME_HEADER_SIZE, size);
    write_seed("fuzz_messages", "compressed", 0, seed, size + 2);
}

/* A packet of these frames to a client; then time, and what it answers. */
static void write_to_client(const char *seed, const uint8_t *frames, size_t size)
{
    static const uint8_t then[] = {2, 0xff, 0x0f, 3};
    uint8_t bytes[512];
    TW_ASSERT(2 + size + sizeof(then) <= sizeof(bytes));
    tw_store_u16(bytes, (uint16_t)size);
    memcpy(bytes + 2, frames, size);
    memcpy(bytes + 2 + size, then, sizeof(then));
    write_seed("fuzz_client", seed, 0, bytes, 2 + size + sizeof(then));
}

static void write_packets_to_clients(const struct vectors *vectors)
{
    static const char *const names[] = {"server", "close",  "challenge", "rename",    "arrivals",
                                        "resume", "notice", "messages",  "compressed"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s plaintext", names[i]);
        const struct vector *vector = vector_get(vectors, name);
        write_to_client(names[i], vector->bytes, vector->size);
    }
}

int main(int argc, char **argv)
{
    static struct vectors vectors;
    if (argc != 2 || sodium_init() < 0) {
        fprintf(stderr, "usage: make_corpus <directory>\n");
        return 2;
    }
    root = argv[1];
    vectors_build(&vectors);
    write_handshakes(&vectors);
    write_vector(&vectors, "fuzz_token", "sealed", 0, "token");
    write_vector(&vectors, "fuzz_token", "connect", 1, "connect token");
    write_vector(&vectors, "fuzz_token", "content", 2, "token content");
    write_vector(&vectors, "fuzz_token", "damage", 3, "token content");
    write_vector(&vectors, "fuzz_frames", "client", 0, "client plaintext");
    write_vector(&vectors, "fuzz_frames", "server", 1, "server plaintext");
    write_vector(&vectors, "fuzz_frames", "close", 1, "close plaintext");
    write_vector(&vectors, "fuzz_frames", "challenge", 1, "challenge plaintext");
    write_vector(&vectors, "fuzz_frames", "response", 0, "response plaintext");
    write_vector(&vectors, "fuzz_frames", "rename", 1, "rename plaintext");
    write_vector(&vectors, "fuzz_frames", "arrivals", 1, "arrivals plaintext");
    write_vector(&vectors, "fuzz_frames", "resume_wanted", 0, "resume wanted plaintext");
    write_vector(&vectors, "fuzz_frames", "resume", 1, "resume plaintext");
    const struct vector *body = vector_get(&vectors, "snapshot body");
    uint8_t frame[256] = {TW_FRAME_SNAPSHOT, (uint8_t)body->size, (uint8_t)(body->size >> 8)};
    TW_ASSERT(body->size <= sizeof(frame) - 3);
    memcpy(frame + 3, body->bytes, body->size);
    write_seed("fuzz_frames", "snapshot", 1, frame, 3 + body->size);
    write_packets_to_clients(&vectors);
    write_to_client("snapshot", frame, 3 + body->size);
    write_packets();
    write_messages();
    write_compressed(&vectors);
    return 0;
}
