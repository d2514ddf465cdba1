/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/keys/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX      2048u
#define HEX_SIZE      (2u * TW_KEY_SIZE + 1u)
#define FIRST_LINE    "tickwire keys v1"
#define TEXT_MAX      1024u
#define PATH_MAX_SIZE 512u

__attribute__((format(printf, 2, 3))) static bool fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, TW_KEYS_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static size_t keys_to_text(const struct tw_keys *keys, char text[TEXT_MAX])
{
    char hex[HEX_SIZE];
    size_t used = (size_t)snprintf(text, TEXT_MAX, FIRST_LINE "\n");
    size_t token = 0;
    for (size_t i = 0; i < keys->static_count; i++) {
        const struct tw_static_key *key = &keys->statics[i];
        sodium_bin2hex(hex, sizeof(hex), key->secret, TW_KEY_SIZE);
        used += (size_t)snprintf(text + used, TEXT_MAX - used, "static %s", hex);
        if (i > 0)
            used += (size_t)snprintf(text + used, TEXT_MAX - used, " %" PRIu64,
                                     key->accepted_until_unix_s);
        used += (size_t)snprintf(text + used, TEXT_MAX - used, "\n");
        for (; token < keys->token_key_count && keys->static_of[token] == i; token++) {
            sodium_bin2hex(hex, sizeof(hex), keys->token_keys[token].key, TW_KEY_SIZE);
            used += (size_t)snprintf(
                text + used, TEXT_MAX - used, "token %" PRIu32 " %s %" PRIu64 "\n",
                keys->token_keys[token].id, hex, keys->accepted_until_unix_s[token]);
        }
    }
    sodium_memzero(hex, sizeof(hex));
    return used;
}

/* The rename is durable only once the directory is. */
static bool sync_directory(const char *path)
{
    char directory[PATH_MAX_SIZE];
    snprintf(directory, sizeof(directory), "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash)
        slash[slash == directory ? 1 : 0] = '\0';
    int file = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool ok = fsync(file) == 0;
    (void)close(file);
    return ok;
}

static bool write_file(const char *path, const struct tw_keys *keys, char *error)
{
    char aside[PATH_MAX_SIZE];
    snprintf(aside, sizeof(aside), "%s.new", path);
    if (unlink(aside) != 0 && errno != ENOENT)
        return fail(error, "%s: %m", aside);
    int file = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(error, "%s: %m", aside);
    char text[TEXT_MAX];
    size_t length = keys_to_text(keys, text);
    bool ok = write(file, text, length) == (ssize_t)length && fsync(file) == 0;
    sodium_memzero(text, sizeof(text));
    ok = close(file) == 0 && ok && rename(aside, path) == 0 && sync_directory(path);
    return ok || fail(error, "%s: %m", path);
}

static bool parse_key(const char *hex, uint8_t key[TW_KEY_SIZE])
{
    size_t length = 0;
    return strlen(hex) == HEX_SIZE - 1 &&
           sodium_hex2bin(key, TW_KEY_SIZE, hex, HEX_SIZE - 1, NULL, &length, NULL) == 0 &&
           length == TW_KEY_SIZE;
}

static bool parse_token_line(const char *line, struct tw_keys *keys)
{
    char hex[HEX_SIZE];
    uint32_t id = 0;
    uint64_t until = 0;
    int used = 0;
    size_t at = keys->token_key_count;
    bool ok =
        at < TW_KEYS_TOKEN_MAX &&
        sscanf(line, "token %" SCNu32 " %64[0-9a-f] %" SCNu64 "%n", &id, hex, &until, &used) == 3 &&
        line[used] == '\0' && (until == 0) == (at == 0) && parse_key(hex, keys->token_keys[at].key);
    for (size_t i = 0; ok && i < at; i++)
        ok = keys->token_keys[i].id != id;
    if (ok) {
        keys->token_keys[at].id = id;
        keys->accepted_until_unix_s[at] = until;
        keys->static_of[at] = (uint8_t)(keys->static_count - 1u);
        keys->token_key_count++;
    }
    sodium_memzero(hex, sizeof(hex));
    return ok;
}

/* The first one, and only that, has no time; and a current token key stands below it. */
static bool parse_static_line(const char *line, struct tw_keys *keys)
{
    char hex[HEX_SIZE];
    uint64_t until = 0;
    int used = 0, ended = 0;
    size_t at = keys->static_count;
    bool ok = at < TW_KEYS_STATIC_MAX && (at == 0) == (keys->token_key_count == 0);
    int fields =
        ok ? sscanf(line, "static %64[0-9a-f]%n %" SCNu64 "%n", hex, &used, &until, &ended) : 0;
    ok = fields == (at == 0 ? 1 : 2) && line[at == 0 ? used : ended] == '\0' &&
         (until == 0) == (at == 0) && parse_key(hex, keys->statics[at].secret);
    if (ok) {
        keys->statics[at].accepted_until_unix_s = until;
        keys->static_count++;
    }
    sodium_memzero(hex, sizeof(hex));
    return ok;
}

static bool parse_text(char *text, struct tw_keys *keys)
{
    char *rest = text;
    if (strcmp(strsep(&rest, "\n"), FIRST_LINE) != 0)
        return false;
    while (rest && *rest) {
        const char *line = strsep(&rest, "\n");
        bool is_static = strncmp(line, "static ", 7) == 0;
        if (!is_static && keys->static_count == 0)
            return false;
        if (!(is_static ? parse_static_line(line, keys) : parse_token_line(line, keys)))
            return false;
    }
    return keys->token_key_count > 0;
}

static bool read_file(int file, const char *path, struct tw_keys *keys, char *error)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return fail(error, "%s: %m", path);
    if (!S_ISREG(status.st_mode))
        return fail(error, "%s: not a regular file", path);
    if (status.st_mode & 077)
        return fail(error, "%s: mode %04o lets group or others in, expected 0600", path,
                    status.st_mode & 07777u);
    if (status.st_uid != geteuid())
        return fail(error, "%s: owned by uid %u, expected %u", path, status.st_uid, geteuid());
    char text[FILE_MAX];
    ssize_t length = read(file, text, sizeof(text) - 1);
    if (length < 0)
        return fail(error, "%s: %m", path);
    text[length] = '\0';
    bool ok = strlen(text) == (size_t)length && parse_text(text, keys);
    sodium_memzero(text, sizeof(text));
    return ok || fail(error, "%s: not a key file of this version", path);
}

static bool create_file(const char *path, struct tw_keys *keys, char *error)
{
    randombytes_buf(keys->statics[0].secret, TW_KEY_SIZE);
    keys->static_count = 1;
    keys->token_keys[0].id = randombytes_random();
    randombytes_buf(keys->token_keys[0].key, TW_KEY_SIZE);
    keys->token_key_count = 1;
    return write_file(path, keys, error);
}

static bool derive_public(const char *path, struct tw_keys *keys, char *error)
{
    for (size_t i = 0; i < keys->static_count; i++) {
        if (crypto_scalarmult_base(keys->statics[i].public, keys->statics[i].secret) != 0)
            return fail(error, "%s: static key is unusable", path);
    }
    return true;
}

bool tw_keys_open(const char *path, struct tw_keys *keys, char error[TW_KEYS_ERROR_SIZE])
{
    memset(keys, 0, sizeof(*keys));
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok;
    if (file >= 0) {
        ok = read_file(file, path, keys, error);
        (void)close(file);
    } else if (errno == ENOENT) {
        ok = create_file(path, keys, error);
    } else {
        ok = fail(error, "%s: %m", path);
    }
    ok = ok && derive_public(path, keys, error);
    if (!ok)
        tw_keys_wipe(keys);
    return ok;
}

/* Room for one more in front of `count`, moved up by one. */
static void push(void *first, size_t size, size_t count)
{
    memmove((uint8_t *)first + size, first, count * size);
    sodium_memzero(first, size);
}

static void push_static(struct tw_keys *keys, uint64_t now_unix_s)
{
    push(keys->statics, sizeof(keys->statics[0]), keys->static_count++);
    keys->statics[1].accepted_until_unix_s =
        now_unix_s + TW_TOKEN_VALIDITY_MAX_S + TW_RESUME_VALIDITY_S;
    randombytes_buf(keys->statics[0].secret, TW_KEY_SIZE);
    for (size_t i = 0; i < keys->token_key_count; i++)
        keys->static_of[i]++;
}

static void push_token_key(struct tw_keys *keys, uint64_t now_unix_s)
{
    size_t count = keys->token_key_count++;
    push(keys->token_keys, sizeof(keys->token_keys[0]), count);
    push(keys->accepted_until_unix_s, sizeof(keys->accepted_until_unix_s[0]), count);
    push(keys->static_of, sizeof(keys->static_of[0]), count);
    keys->accepted_until_unix_s[1] = now_unix_s + TW_TOKEN_VALIDITY_MAX_S;
    keys->token_keys[0].id = keys->token_keys[1].id + 1u; /* ids are unique among the kept ones */
    randombytes_buf(keys->token_keys[0].key, TW_KEY_SIZE);
}

static void drop_token_keys(struct tw_keys *keys, size_t left)
{
    for (; keys->token_key_count > left; keys->token_key_count--) {
        size_t last = keys->token_key_count - 1u;
        sodium_memzero(&keys->token_keys[last], sizeof(keys->token_keys[0]));
        keys->accepted_until_unix_s[last] = 0;
        keys->static_of[last] = 0;
    }
}

static void drop_statics(struct tw_keys *keys, size_t left)
{
    for (; keys->static_count > left; keys->static_count--)
        sodium_memzero(&keys->statics[keys->static_count - 1u], sizeof(keys->statics[0]));
}

static void drop_previous(struct tw_keys *keys, bool with_static)
{
    drop_token_keys(keys, 1);
    if (with_static)
        drop_statics(keys, 1);
}

/* What is revoked needs no room. */
static bool has_room(const struct tw_keys *keys, const struct tw_keys_rotation *rotation,
                     uint64_t now_unix_s, char *error)
{
    if (rotation->revoke)
        return true;
    if (keys->token_key_count == TW_KEYS_TOKEN_MAX)
        return fail(error, "%u previous token keys are still in use, the oldest for %" PRIu64 " s",
                    TW_KEYS_TOKEN_MAX - 1u,
                    keys->accepted_until_unix_s[TW_KEYS_TOKEN_MAX - 1u] - now_unix_s);
    if (rotation->with_static && keys->static_count == TW_KEYS_STATIC_MAX)
        return fail(error, "%u previous static keys are still in use, the oldest for %" PRIu64 " s",
                    TW_KEYS_STATIC_MAX - 1u,
                    keys->statics[TW_KEYS_STATIC_MAX - 1u].accepted_until_unix_s - now_unix_s);
    return true;
}

bool tw_keys_rotate(const char *path, struct tw_keys *keys, const struct tw_keys_rotation *rotation,
                    uint64_t now_unix_s, char error[TW_KEYS_ERROR_SIZE])
{
    tw_keys_expire(keys, now_unix_s);
    if (!has_room(keys, rotation, now_unix_s, error))
        return false;
    struct tw_keys next = *keys;
    if (rotation->revoke)
        drop_previous(&next, rotation->with_static);
    if (rotation->with_static)
        push_static(&next, now_unix_s);
    push_token_key(&next, now_unix_s);
    if (rotation->revoke)
        drop_previous(&next, rotation->with_static);
    bool ok = derive_public(path, &next, error) && write_file(path, &next, error);
    if (ok)
        *keys = next;
    tw_keys_wipe(&next);
    return ok;
}

void tw_keys_expire(struct tw_keys *keys, uint64_t now_unix_s)
{
    size_t left = keys->token_key_count;
    while (left > 1 && keys->accepted_until_unix_s[left - 1u] <= now_unix_s)
        left--;
    drop_token_keys(keys, left);
    /* Each outlives the token keys below it. */
    left = keys->static_count;
    while (left > 1 && keys->statics[left - 1u].accepted_until_unix_s <= now_unix_s)
        left--;
    drop_statics(keys, left);
}

size_t tw_keys_of_static(const struct tw_keys *keys, size_t which,
                         struct tw_token_key out[TW_KEYS_TOKEN_MAX + 1u])
{
    size_t count = 0;
    for (size_t i = 0; i < keys->token_key_count; i++) {
        if (keys->static_of[i] == which)
            out[count++] = keys->token_keys[i];
    }
    out[count].id = TW_TOKEN_KEY_RESUME;
    tw_hkdf_expand(out[count].key, sizeof(out[count].key), keys->statics[which].secret,
                   TW_LABEL_RESUME_KEY);
    return count + 1u;
}

void tw_keys_wipe(struct tw_keys *keys)
{
    sodium_memzero(keys, sizeof(*keys));
}
