/* SPDX-License-Identifier: BSD-3-Clause */
/* lab import: the file is checked here, then handed over in small requests. */
#include "control/cli/cli.h"

#include "dataplane/wire/lab.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the daemon takes at once; see TW_LAB_RECORDS_PER_REQUEST there. */
#define RECORDS_PER_REQUEST 128u
#define FILE_MAX            (TW_LAB_HEADER_SIZE + (size_t)TW_LAB_SESSIONS_MAX * TW_LAB_RECORD_SIZE)
/* 30,000 sessions took 6 s on a machine full of other programs; whoever needs longer than this is
 * stuck. */
#define PATIENCE_MS 60000u
#define PAUSE_MS    5u

/* The whole file, or NULL with errno set. */
static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = NULL;
    *length = 0;
    if (!file)
        return NULL;
    for (size_t size = 0;;) {
        if (*length == size) {
            size = size == 0 ? 65536u : size * 2u;
            uint8_t *larger = size <= 2u * FILE_MAX ? realloc(bytes, size) : NULL;
            if (!larger) {
                errno = size <= 2u * FILE_MAX ? ENOMEM : EFBIG;
                break;
            }
            bytes = larger;
        }
        size_t part = fread(bytes + *length, 1, size - *length, file);
        *length += part;
        if (part == 0 && ferror(file) == 0) {
            (void)fclose(file);
            return bytes;
        }
        if (ferror(file) != 0)
            break;
    }
    int reason = errno;
    free(bytes);
    (void)fclose(file);
    errno = reason;
    return NULL;
}

static void report_file(const struct tw_cli *cli, const char *path, enum tw_lab_result result,
                        uint32_t record)
{
    char message[512];
    json_t *details = json_pack("{s:s}", "file", path);
    if (record == UINT32_MAX) {
        snprintf(message, sizeof(message), "%.300s: header: %s", path, tw_lab_result_text(result));
    } else {
        size_t offset = TW_LAB_HEADER_SIZE + (size_t)record * TW_LAB_RECORD_SIZE;
        snprintf(message, sizeof(message), "%.300s: record %u (byte %zu): %s", path, record, offset,
                 tw_lab_result_text(result));
        (void)json_object_set_new(details, "record", json_integer(record));
    }
    tw_cli_report(cli, "SESSIONS_FILE", message, details);
}

static json_t *base64_json(const uint8_t *bytes, size_t length)
{
    char text[sodium_base64_ENCODED_LEN(RECORDS_PER_REQUEST * TW_LAB_RECORD_SIZE,
                                        sodium_base64_VARIANT_ORIGINAL)];
    (void)sodium_bin2base64(text, sizeof(text), bytes, length, sodium_base64_VARIANT_ORIGINAL);
    return json_string(text);
}

/* Takes the arguments over. Asks again while the engine is busy. */
static enum tw_exit ask(const struct tw_cli *cli, const char *command, json_t *arguments,
                        json_t **result)
{
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    enum tw_exit outcome = TW_EXIT_REFUSED;
    struct tw_cli_silence busy = {.code = "ENGINE_BUSY"};
    for (uint32_t waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += PAUSE_MS) {
        outcome = tw_cli_request_unless(cli, command, arguments, &busy, result);
        if (!busy.met)
            break;
        (void)nanosleep(&pause, NULL);
    }
    json_decref(arguments);
    return outcome;
}

static enum tw_exit hand_over(const struct tw_cli *cli, json_int_t import, const uint8_t *records,
                              uint32_t count)
{
    for (uint32_t i = 0; i < count; i += RECORDS_PER_REQUEST) {
        uint32_t part = count - i < RECORDS_PER_REQUEST ? count - i : RECORDS_PER_REQUEST;
        json_t *text = base64_json(records + (size_t)i * TW_LAB_RECORD_SIZE,
                                   (size_t)part * TW_LAB_RECORD_SIZE);
        json_t *result = NULL;
        enum tw_exit outcome = ask(cli, "lab.add",
                                   json_pack("{s:I, s:I, s:o}", "import", import, "count",
                                             (json_int_t)part, "records", text),
                                   &result);
        json_decref(result);
        if (outcome != TW_EXIT_OK)
            return outcome;
    }
    return TW_EXIT_OK;
}

static enum tw_exit await_result(const struct tw_cli *cli, json_int_t import, json_t **result)
{
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (uint32_t waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += PAUSE_MS) {
        enum tw_exit outcome = ask(cli, "lab.state", json_pack("{s:I}", "import", import), result);
        if (outcome != TW_EXIT_OK || json_is_true(json_object_get(*result, "done")))
            return outcome;
        json_decref(*result);
        *result = NULL;
        (void)nanosleep(&pause, NULL);
    }
    tw_cli_report(cli, "TIMEOUT", "the engine did not tell how the import ended", NULL);
    return TW_EXIT_REFUSED;
}

static enum tw_exit import_file(const struct tw_cli *cli, const struct tw_lab_header *header,
                                const uint8_t *records, json_t **result)
{
    json_t *answer = NULL;
    enum tw_exit outcome = ask(cli, "lab.begin",
                               json_pack("{s:I, s:o}", "count", (json_int_t)header->count, "seed",
                                         base64_json(header->seed, sizeof(header->seed))),
                               &answer);
    json_int_t import = json_integer_value(json_object_get(answer, "import"));
    json_decref(answer);
    if (outcome == TW_EXIT_OK)
        outcome = hand_over(cli, import, records, header->count);
    if (outcome == TW_EXIT_OK) {
        answer = NULL;
        outcome = ask(cli, "lab.commit", json_pack("{s:I}", "import", import), &answer);
        json_decref(answer);
    }
    return outcome == TW_EXIT_OK ? await_result(cli, import, result) : outcome;
}

enum tw_exit tw_cli_lab_import(struct tw_cli *cli)
{
    const char *path = json_string_value(json_object_get(cli->arguments, "file"));
    size_t length = 0;
    uint8_t *file = read_file(path, &length);
    if (!file) {
        char message[512];
        snprintf(message, sizeof(message), "%.300s: %s", path, strerror(errno));
        tw_cli_report(cli, "SESSIONS_FILE", message, json_pack("{s:s}", "file", path));
        return TW_EXIT_USAGE;
    }
    struct tw_lab_header header;
    uint32_t record = 0;
    json_t *result = NULL;
    enum tw_exit outcome = TW_EXIT_USAGE;
    enum tw_lab_result checked =
        tw_lab_file_check(&header, file, length, tw_crc32c_portable, &record);
    if (checked != TW_LAB_OK)
        report_file(cli, path, checked, record);
    else
        outcome = import_file(cli, &header, file + TW_LAB_HEADER_SIZE, &result);
    free(file);
    if (outcome == TW_EXIT_OK && cli->json)
        tw_json_print(result);
    else if (outcome == TW_EXIT_OK)
        tw_print_object(cli, result);
    json_decref(result);
    return outcome;
}
