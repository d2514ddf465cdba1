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
    sodium_bin2hex(hex, sizeof(hex), keys->static_secret, TW_KEY_SIZE);
    size_t used = (size_t)snprintf(text, TEXT_MAX, FIRST_LINE "\nstatic %s\n", hex);
    for (size_t i = 0; i < keys->token_key_count; i++) {
        sodium_bin2hex(hex, sizeof(hex), keys->token_keys[i].key, TW_KEY_SIZE);
        used += (size_t)snprintf(text + used, TEXT_MAX - used, "token %" PRIu32 " %s %" PRIu64 "\n",
                                 keys->token_keys[i].id, hex, keys->accepted_until_unix_s[i]);
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
        keys->token_key_count++;
    }
    sodium_memzero(hex, sizeof(hex));
    return ok;
}

static bool parse_text(char *text, struct tw_keys *keys)
{
    char *rest = text;
    char *line = strsep(&rest, "\n");
    if (strcmp(line, FIRST_LINE) != 0)
        return false;
    line = rest ? strsep(&rest, "\n") : NULL;
    if (!line || strncmp(line, "static ", 7) != 0 || !parse_key(line + 7, keys->static_secret))
        return false;
    while (rest && *rest) {
        if (!parse_token_line(strsep(&rest, "\n"), keys))
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
    randombytes_buf(keys->static_secret, TW_KEY_SIZE);
    keys->token_keys[0].id = randombytes_random();
    randombytes_buf(keys->token_keys[0].key, TW_KEY_SIZE);
    keys->token_key_count = 1;
    return write_file(path, keys, error);
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
    if (ok && crypto_scalarmult_base(keys->static_public, keys->static_secret) != 0)
        ok = fail(error, "%s: static key is unusable", path);
    if (!ok)
        tw_keys_wipe(keys);
    return ok;
}

bool tw_keys_rotate(const char *path, struct tw_keys *keys, uint64_t now_unix_s,
                    char error[TW_KEYS_ERROR_SIZE])
{
    tw_keys_expire(keys, now_unix_s);
    if (keys->token_key_count == TW_KEYS_TOKEN_MAX)
        return fail(error, "%u previous token keys are still in use, the oldest for %" PRIu64 " s",
                    TW_KEYS_TOKEN_MAX - 1u,
                    keys->accepted_until_unix_s[TW_KEYS_TOKEN_MAX - 1u] - now_unix_s);
    struct tw_keys next = *keys;
    memmove(&next.token_keys[1], &keys->token_keys[0],
            keys->token_key_count * sizeof(keys->token_keys[0]));
    memmove(&next.accepted_until_unix_s[1], &keys->accepted_until_unix_s[0],
            keys->token_key_count * sizeof(keys->accepted_until_unix_s[0]));
    next.accepted_until_unix_s[1] = now_unix_s + TW_TOKEN_VALIDITY_MAX_S;
    next.accepted_until_unix_s[0] = 0;
    next.token_key_count++;
    next.token_keys[0].id = keys->token_keys[0].id + 1u; /* ids are unique among the kept ones */
    randombytes_buf(next.token_keys[0].key, TW_KEY_SIZE);
    bool ok = write_file(path, &next, error);
    if (ok)
        *keys = next;
    tw_keys_wipe(&next);
    return ok;
}

void tw_keys_expire(struct tw_keys *keys, uint64_t now_unix_s)
{
    while (keys->token_key_count > 1 &&
           keys->accepted_until_unix_s[keys->token_key_count - 1] <= now_unix_s) {
        keys->token_key_count--;
        sodium_memzero(&keys->token_keys[keys->token_key_count], sizeof(keys->token_keys[0]));
    }
}

void tw_keys_resume(const struct tw_keys *keys, struct tw_token_key *out)
{
    out->id = TW_TOKEN_KEY_RESUME;
    tw_hkdf_expand(out->key, sizeof(out->key), keys->static_secret, TW_LABEL_RESUME_KEY);
}

void tw_keys_wipe(struct tw_keys *keys)
{
    sodium_memzero(keys, sizeof(*keys));
}
