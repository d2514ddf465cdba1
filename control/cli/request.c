/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/cli/cli.h"

#include "tickwire/config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The daemon answers within a second; longer means it hangs. */
#define ANSWER_TIMEOUT_S 10
#define ANSWER_SIZE_MIN  65536u
#define ANSWER_SIZE_MAX  (256u * 1024u * 1024u)

void tw_cli_report(const struct tw_cli *cli, const char *code, const char *message, json_t *details)
{
    if (cli->json) {
        json_t *object = json_pack("{s:{s:s, s:s, s:o}}", "error", "code", code, "message", message,
                                   "details", details ? details : json_object());
        tw_json_print(object);
        json_decref(object);
    } else {
        fprintf(stderr, "tickwire: %s (%s)\n", message, code);
        json_decref(details);
    }
}

/* --socket, else the configuration's, else the default's when the default file is missing. */
static enum tw_exit find_socket(const struct tw_cli *cli, char path[TW_CONFIG_PATH_SIZE])
{
    struct tw_config config;
    struct tw_config_error error;
    const char *file = cli->config_path ? cli->config_path : TW_CLI_CONFIG_DEFAULT;
    if (cli->socket_path) {
        if ((size_t)snprintf(path, TW_CONFIG_PATH_SIZE, "%s", cli->socket_path) <
            TW_CONFIG_PATH_SIZE)
            return TW_EXIT_OK;
        tw_cli_report(cli, "USAGE", "--socket: longer than a socket's path can be", NULL);
        return TW_EXIT_USAGE;
    }
    if (!cli->config_path && access(file, F_OK) != 0) {
        tw_config_defaults(&config);
    } else if (!tw_config_load(file, &config, &error)) {
        tw_cli_report(cli, "CONFIGURATION", error.message, NULL);
        return TW_EXIT_USAGE;
    }
    snprintf(path, TW_CONFIG_PATH_SIZE, "%s", config.control.cli_socket);
    return TW_EXIT_OK;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return descriptor;
    int reason = errno;
    (void)close(descriptor);
    errno = reason;
    return -1;
}

static bool send_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Wipes what it leaves behind: answers may hold connect tokens. */
static char *grow(char *text, size_t used, size_t size)
{
    char *larger = malloc(size);
    if (larger && text)
        memcpy(larger, text, used);
    if (text)
        sodium_memzero(text, used);
    free(text);
    return larger;
}

/* One line; NULL when the connection ends or is silent first. */
static json_t *receive_answer(int descriptor)
{
    size_t size = ANSWER_SIZE_MIN;
    size_t used = 0;
    char *text = malloc(size);
    json_t *answer = NULL;
    while (text) {
        ssize_t length = recv(descriptor, text + used, size - used, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            break;
        used += (size_t)length;
        if (text[used - 1] == '\n') {
            answer = json_loadb(text, used, 0, NULL);
            break;
        }
        if (used == size) {
            size *= 2;
            text = size > ANSWER_SIZE_MAX ? (free(text), NULL) : grow(text, used, size);
        }
    }
    if (text)
        sodium_memzero(text, used);
    free(text);
    return answer;
}

static json_t *exchange(int descriptor, const char *command, json_t *arguments)
{
    json_t *request = json_pack("{s:s, s:O}", "command", command, "arguments", arguments);
    char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_t *answer = NULL;
    /* A daemon that refuses this user answers and closes without reading: read in any case. */
    if (line) {
        (void)(send_all(descriptor, line, strlen(line)) && send_all(descriptor, "\n", 1));
        answer = receive_answer(descriptor);
    }
    free(line);
    json_decref(request);
    return answer;
}

static enum tw_exit unreachable(const struct tw_cli *cli, const char *path, const char *why)
{
    char message[512];
    snprintf(message, sizeof(message), "control plane not reachable at %s: %s", path, why);
    tw_cli_report(cli, "UNREACHABLE", message, json_pack("{s:s}", "socket", path));
    return TW_EXIT_UNREACHABLE;
}

enum tw_exit tw_cli_request(const struct tw_cli *cli, const char *command, json_t *arguments,
                            json_t **result)
{
    struct tw_cli_silence none = {.code = NULL};
    return tw_cli_request_unless(cli, command, arguments, &none, result);
}

enum tw_exit tw_cli_request_unless(const struct tw_cli *cli, const char *command, json_t *arguments,
                                   struct tw_cli_silence *silence, json_t **result)
{
    silence->met = false;
    char path[TW_CONFIG_PATH_SIZE];
    enum tw_exit found = find_socket(cli, path);
    if (found != TW_EXIT_OK)
        return found;
    int descriptor = connect_to(path);
    if (descriptor < 0)
        return unreachable(cli, path, strerror(errno));
    json_t *answer = exchange(descriptor, command, arguments);
    (void)close(descriptor);
    if (!answer)
        return unreachable(cli, path, "it did not answer");
    enum tw_exit outcome = TW_EXIT_REFUSED;
    if (json_is_true(json_object_get(answer, "ok"))) {
        *result = json_incref(json_object_get(answer, "result"));
        outcome = TW_EXIT_OK;
    } else {
        json_t *error = json_object_get(answer, "error");
        const char *code = json_string_value(json_object_get(error, "code"));
        const char *message = json_string_value(json_object_get(error, "message"));
        silence->met = silence->code && code && strcmp(code, silence->code) == 0;
        if (!silence->met)
            tw_cli_report(cli, code ? code : "UNKNOWN", message ? message : "no message",
                          json_incref(json_object_get(error, "details")));
    }
    json_decref(answer);
    return outcome;
}
