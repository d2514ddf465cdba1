/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Section 7 of docs/protocol.md against the code: the document is read and compared, byte for
 * byte. `test_vectors --print` writes the blocks of that section.
 */
#include "dataplane/wire/handshake_client.h"
#include "tests/unit/wire/testing.h"
#include "tests/unit/wire/vectors.h"

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT_MAX (256u * 1024u)
#define BYTES_A_LINE 32u

static struct vectors built, read_back;

/* Hex, 32 bytes a line; a run of at least 32 zeros is written 00*count. */
static void print_bytes(const uint8_t *bytes, size_t size)
{
    size_t column = 0;
    for (size_t i = 0; i < size;) {
        size_t run = 0;
        while (i + run < size && bytes[i + run] == 0)
            run++;
        if (run >= BYTES_A_LINE) {
            printf("%s00*%zu\n", column ? "\n    " : "    ", run);
            column = 0;
            i += run;
            continue;
        }
        printf("%s%02x", column == 0 ? "    " : "", bytes[i++]);
        if (++column == BYTES_A_LINE) {
            printf("\n");
            column = 0;
        }
    }
    if (column != 0)
        printf("\n");
}

static void print_vectors(void)
{
    const char *group = "";
    for (size_t i = 0; i < built.count; i++) {
        const struct vector *vector = &built.list[i];
        if (strcmp(vector->group, group) != 0) {
            printf("%s```vectors %s\n", i == 0 ? "" : "```\n\n", vector->group);
            group = vector->group;
        }
        printf("%s (%zu)\n", vector->name, vector->size);
        print_bytes(vector->bytes, vector->size);
    }
    printf("```\n");
}

static uint8_t hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (uint8_t)(digit - '0');
    assert_in_range(digit, 'a', 'f');
    return (uint8_t)(digit - 'a' + 10);
}

static void read_bytes(struct vector *vector, const char *text)
{
    if (strncmp(text, "00*", 3) == 0) {
        vector->size += strtoul(text + 3, NULL, 10);
        assert_in_range(vector->size, 1, TW_DATAGRAM_MAX);
        return;
    }
    for (; *text != '\0'; text += 2) {
        assert_true(vector->size < TW_DATAGRAM_MAX && text[1] != '\0');
        uint8_t high = hex_digit(text[0]);
        vector->bytes[vector->size++] = (uint8_t)(high << 4 | hex_digit(text[1]));
    }
}

/* Every block fenced as ```vectors: "name (size)", then indented lines of bytes. */
static void read_document(const char *path)
{
    static char text[DOCUMENT_MAX];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_in_range(size, 1, sizeof(text) - 2);
    bool inside = false;
    unsigned long announced = 0;
    struct vector *vector = NULL;
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "```", 3) == 0) {
            inside = strncmp(line, "```vectors", 10) == 0;
            continue;
        }
        if (!inside)
            continue;
        if (line[0] == ' ') {
            assert_non_null(vector);
            read_bytes(vector, line + strspn(line, " "));
            continue;
        }
        assert_true(vector == NULL || vector->size == announced);
        assert_true(read_back.count < VECTORS_MAX);
        vector = &read_back.list[read_back.count++];
        char *parenthesis = strstr(line, " (");
        assert_non_null(parenthesis);
        *parenthesis = '\0';
        announced = strtoul(parenthesis + 2, NULL, 10);
        *vector = (struct vector){.name = line};
    }
    assert_true(vector == NULL || vector->size == announced);
}

static int setup(void **state)
{
    (void)state;
    read_document(TW_PROTOCOL_DOCUMENT);
    return 0;
}

static void every_vector_is_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < built.count; i++) {
        const struct vector *made = &built.list[i];
        const struct vector *written = vector_find(&read_back, made->name);
        if (written == NULL || written->size != made->size ||
            memcmp(written->bytes, made->bytes, made->size) != 0)
            fail_msg("docs/protocol.md section 7 differs: \"%s\"", made->name);
    }
}

static void every_documented_vector_is_built(void **state)
{
    (void)state;
    bool aes = tw_aead_sodium()->suites & TW_SUITE_AES256_GCM;
    assert_true(read_back.count > 40);
    for (size_t i = 0; i < read_back.count; i++) {
        const char *name = read_back.list[i].name;
        if (vector_find(&built, name) == NULL && (aes || strstr(name, "AES") == NULL))
            fail_msg("only in docs/protocol.md: \"%s\"", name);
    }
}

/* The document's own bytes lead through a whole handshake. */
static void documented_handshake_works(void **state)
{
    (void)state;
    struct tw_connect_token connect;
    const struct vector *text = vector_get(&read_back, "connect token");
    assert_true(tw_connect_token_read(&connect, text->bytes, text->size));
    struct tw_token_key token_key = {.id = VECTORS_TOKEN_KEY_ID};
    memcpy(token_key.key, vector_get(&read_back, "token key")->bytes, TW_KEY_SIZE);
    uint8_t audience[TW_AUDIENCE_SIZE];
    tw_token_audience(audience, "example");
    struct tw_handshake_server server = {
        .token_keys = &token_key,
        .token_key_count = 1,
        .static_secret = vector_get(&read_back, "server static secret")->bytes,
        .audience = audience,
        .suites = TW_SUITES_KNOWN,
        .world = 1,
    };
    struct tw_handshake_client client;
    assert_true(tw_handshake_client_init(&client, &connect, TW_SUITES_KNOWN,
                                         vector_get(&read_back, "client ephemeral secret")->bytes,
                                         tw_crc32c_portable));
    const struct vector *cookie = vector_get(&read_back, "cookie");
    assert_int_equal(tw_handshake_client_receive(&client, cookie->bytes, cookie->size),
                     TW_NEWS_COOKIE);
    const uint8_t *hello2 = vector_get(&read_back, "hello 2")->bytes;
    struct tw_token token;
    uint8_t suite;
    struct tw_address destination = vectors_server_address();
    struct tw_hello2_arrival arrival = {hello2, &destination, VECTORS_NOW_UNIX_S};
    assert_int_equal(tw_handshake_check(&server, &arrival, &token, &suite), TW_VERDICT_WELCOMED);
    assert_int_equal(suite, TW_SUITE_AES256_GCM);
    const struct vector *welcome = vector_get(&read_back, "welcome");
    assert_int_equal(tw_handshake_client_receive(&client, welcome->bytes, welcome->size),
                     TW_NEWS_WELCOME);
    assert_memory_equal(client.secrets.client_to_server, vector_get(&read_back, "c2s")->bytes, 32);
    assert_memory_equal(client.secrets.server_to_client, vector_get(&read_back, "s2c")->bytes, 32);
    assert_int_equal(client.welcome.connection_id, 0x2a000017);
}

static void documented_refusal_works(void **state)
{
    (void)state;
    struct tw_connect_token connect;
    const struct vector *text = vector_get(&read_back, "connect token");
    assert_true(tw_connect_token_read(&connect, text->bytes, text->size));
    struct tw_handshake_client client;
    assert_true(tw_handshake_client_init(&client, &connect, TW_SUITES_KNOWN,
                                         vector_get(&read_back, "client ephemeral secret")->bytes,
                                         tw_crc32c_portable));
    static const struct {
        const char *name;
        enum tw_handshake_news news;
    } answers[] = {
        {"wrong version", TW_NEWS_WRONG_VERSION},
        {"try again", TW_NEWS_TRY_AGAIN},
        {"cookie", TW_NEWS_COOKIE},
        {"refused", TW_NEWS_REFUSED},
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct vector *answer = vector_get(&read_back, answers[i].name);
        assert_int_equal(tw_handshake_client_receive(&client, answer->bytes, answer->size),
                         answers[i].news);
    }
    assert_int_equal(client.reason, TW_REFUSAL_FULL);
    assert_int_equal(client.after_ms, 1500);
    assert_int_equal(client.version_min, 2);
    assert_int_equal(client.version_max, 3);
}

static void zero_runs_read_back(void **state)
{
    (void)state;
    const struct vector *hello = vector_get(&read_back, "hello");
    assert_int_equal(hello->size, TW_HELLO_SIZE);
    assert_true(sodium_is_zero(hello->bytes + TW_HELLO_PADDING, 1146));
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 1;
    vectors_build(&built);
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        print_vectors();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_is_documented),
        cmocka_unit_test(every_documented_vector_is_built),
        cmocka_unit_test(documented_handshake_works),
        cmocka_unit_test(documented_refusal_works),
        cmocka_unit_test(zero_runs_read_back),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
