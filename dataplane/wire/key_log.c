/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/key_log.h"

#include <assert.h>
#include <string.h>

/* magic, id, longest suite, two secrets, ephemeral, confirm with iv; six blanks, terminator */
static_assert(sizeof(TW_KEY_LOG_MAGIC) - 1 + 8 + sizeof("chacha20_poly1305") - 1 + 6 * TW_KEY_SIZE +
                      2 * (TW_KEY_SIZE + TW_IV_SIZE) + 6 + 1 <=
                  TW_KEY_LOG_LINE,
              "the longest line fits");

static char *put_hex(char *at, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15u];
    }
    *at = '\0';
    return at;
}

static char *put_text(char *at, const char *text)
{
    size_t size = strlen(text);
    memcpy(at, text, size + 1);
    return at + size;
}

static const char *suite_name(enum tw_suite suite)
{
    return suite == TW_SUITE_AES256_GCM ? "aes256_gcm" : "chacha20_poly1305";
}

void tw_key_log_write(char line[TW_KEY_LOG_LINE], const struct tw_key_log_entry *entry)
{
    uint32_t id = entry->connection_id;
    const uint8_t id_bytes[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
                                 (uint8_t)id};
    char *at = put_text(line, TW_KEY_LOG_MAGIC " ");
    at = put_hex(at, id_bytes, sizeof(id_bytes));
    at = put_text(at, " ");
    at = put_text(at, suite_name(entry->suite));
    at = put_text(at, " ");
    at = put_hex(at, entry->client_to_server, TW_KEY_SIZE);
    at = put_text(at, " ");
    at = put_hex(at, entry->server_to_client, TW_KEY_SIZE);
    if (!entry->client_ephemeral) {
        put_text(at, " - -");
        return;
    }
    at = put_text(at, " ");
    at = put_hex(at, entry->client_ephemeral, TW_KEY_SIZE);
    at = put_text(at, " ");
    at = put_hex(at, entry->confirm_key, TW_KEY_SIZE);
    put_hex(at, entry->confirm_iv, TW_IV_SIZE);
}
