/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/cli_server.h"

#include "control/daemon/clock.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"
#include "control/daemon/unix_socket.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct tw_cli_client {
    struct tw_watch watch; /* first, see daemon.h */
    uint64_t active_ms;    /* monotonic */
    uint64_t query;        /* 0 = none; requests wait while one is out */
    uint64_t query_until_ms;
    uint32_t query_connection_id;
    bool closing; /* when its output is sent */
    size_t input_used;
    char *output; /* one answer; may hold connect tokens, wiped */
    size_t output_size, output_sent;
    char input[TW_CLI_LINE_MAX];
};

static void client_ready(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events);

bool tw_cli_server_init(struct tw_daemon *daemon)
{
    daemon->clients = calloc(TW_CLI_CLIENTS, sizeof(daemon->clients[0]));
    for (size_t i = 0; daemon->clients && i < TW_CLI_CLIENTS; i++)
        daemon->clients[i].watch = (struct tw_watch){.descriptor = -1, .ready = client_ready};
    return daemon->clients != NULL;
}

static void drop_output(struct tw_cli_client *client)
{
    if (client->output)
        sodium_memzero(client->output, client->output_size);
    free(client->output);
    client->output = NULL;
    client->output_size = 0;
    client->output_sent = 0;
}

static void close_client(struct tw_cli_client *client)
{
    tw_watch_close(&client->watch);
    drop_output(client);
    client->query = 0;
    client->input_used = 0;
    client->closing = false;
}

void tw_cli_server_fini(struct tw_daemon *daemon)
{
    for (size_t i = 0; daemon->clients && i < TW_CLI_CLIENTS; i++)
        close_client(&daemon->clients[i]);
    free(daemon->clients);
    daemon->clients = NULL;
}

static void flush_client(struct tw_cli_client *client)
{
    while (client->output_sent < client->output_size) {
        ssize_t sent = send(client->watch.descriptor, client->output + client->output_sent,
                            client->output_size - client->output_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            close_client(client);
            return;
        }
        client->output_sent += (size_t)sent;
    }
    drop_output(client);
    if (client->closing)
        close_client(client);
}

/* Takes over the answer's object. */
static void answer(struct tw_cli_client *client, json_t *object)
{
    size_t length = object ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;
    char *text = length ? malloc(length + 1) : NULL;
    if (text) {
        (void)json_dumpb(object, text, length, JSON_COMPACT);
        text[length] = '\n';
        client->output = text;
        client->output_size = length + 1;
        client->output_sent = 0;
        flush_client(client);
    } else {
        close_client(client); /* out of memory: the CLI reports a lost connection */
    }
    json_decref(object);
}

static void answer_call(struct tw_call *call)
{
    json_t *object;
    if (call->error_code) {
        json_t *details = call->error_details ? call->error_details : json_object();
        object = json_pack("{s:b, s:{s:s, s:s, s:o}}", "ok", 0, "error", "code", call->error_code,
                           "message", call->error_message, "details", details);
        json_decref(call->result);
    } else {
        object =
            json_pack("{s:b, s:o}", "ok", 1, "result", call->result ? call->result : json_object());
    }
    answer(call->client, object);
}

static void handle_line(struct tw_daemon *daemon, struct tw_cli_client *client, const char *line,
                        size_t length)
{
    struct tw_call call = {.daemon = daemon, .client = client};
    json_error_t error;
    json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    daemon->counters.commands++;
    tw_command_run(&call, request);
    json_decref(request);
    if (!call.deferred)
        answer_call(&call);
}

static bool may_read_on(const struct tw_cli_client *client)
{
    return client->watch.descriptor >= 0 && !client->closing && !client->query && !client->output;
}

static void handle_input(struct tw_daemon *daemon, struct tw_cli_client *client)
{
    while (may_read_on(client)) {
        char *end = memchr(client->input, '\n', client->input_used);
        if (!end)
            break;
        size_t length = (size_t)(end - client->input);
        handle_line(daemon, client, client->input, length);
        if (client->watch.descriptor < 0)
            return;
        client->input_used -= length + 1;
        memmove(client->input, end + 1, client->input_used);
    }
    if (may_read_on(client) && client->input_used == sizeof(client->input)) {
        struct tw_call call = {.client = client, .daemon = daemon};
        tw_call_fail(&call, "REQUEST_TOO_LONG", "a request is at most %u bytes", TW_CLI_LINE_MAX);
        client->closing = true;
        answer_call(&call);
    }
}

static void rewatch(struct tw_daemon *daemon, struct tw_cli_client *client)
{
    if (client->watch.descriptor < 0)
        return;
    bool room = client->input_used < sizeof(client->input);
    tw_watch_change(daemon, &client->watch,
                    (may_read_on(client) && room ? EPOLLIN : 0u) |
                        (client->output ? EPOLLOUT : 0u));
}

static void read_client(struct tw_daemon *daemon, struct tw_cli_client *client)
{
    ssize_t length = recv(client->watch.descriptor, client->input + client->input_used,
                          sizeof(client->input) - client->input_used, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        close_client(client);
        return;
    }
    client->input_used += (size_t)length;
    client->active_ms = tw_clock_monotonic_ms();
    handle_input(daemon, client);
}

static void client_ready(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    struct tw_cli_client *client = (struct tw_cli_client *)(void *)watch;
    if (watch->descriptor < 0)
        return;
    if (events & EPOLLOUT) {
        flush_client(client);
        handle_input(daemon, client);
    } else if (watch->events & events & EPOLLIN) {
        read_client(daemon, client);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        close_client(client);
    }
    rewatch(daemon, client);
}

static struct tw_cli_client *free_client(struct tw_daemon *daemon)
{
    for (size_t i = 0; i < TW_CLI_CLIENTS; i++) {
        if (daemon->clients[i].watch.descriptor < 0)
            return &daemon->clients[i];
    }
    return NULL;
}

void tw_cli_server_accept(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    (void)events;
    int descriptor = accept4(watch->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0)
        return;
    struct tw_cli_client *client = free_client(daemon);
    if (!client) {
        (void)close(descriptor);
        return;
    }
    client->watch.descriptor = descriptor;
    client->active_ms = tw_clock_monotonic_ms();
    if (!tw_watch_add(daemon, &client->watch, EPOLLIN)) {
        close_client(client);
        return;
    }
    if (tw_unix_peer_access(descriptor) != TW_PEER_NONE)
        return;
    struct tw_call call = {.client = client, .daemon = daemon};
    daemon->counters.commands_denied++;
    tw_call_fail(&call, "PERMISSION_DENIED",
                 "only root, the control plane's user and members of its group may use this");
    client->closing = true;
    answer_call(&call);
    rewatch(daemon, client);
}

void tw_cli_server_defer(struct tw_call *call, uint64_t query, uint32_t connection_id)
{
    call->deferred = true;
    call->client->query = query;
    call->client->query_connection_id = connection_id;
    call->client->query_until_ms = tw_clock_monotonic_ms() + TW_CLI_QUERY_MS;
}

static void finish_query(struct tw_daemon *daemon, struct tw_cli_client *client,
                         const struct tw_agent_session *session)
{
    struct tw_call call = {.client = client, .daemon = daemon};
    client->query = 0;
    tw_command_session_answer(&call, client->query_connection_id, session);
    answer_call(&call);
    handle_input(daemon, client);
    rewatch(daemon, client);
}

void tw_cli_server_answer_query(struct tw_daemon *daemon,
                                const struct tw_agent_session_state *state)
{
    for (size_t i = 0; i < TW_CLI_CLIENTS && state->query != 0; i++) {
        struct tw_cli_client *client = &daemon->clients[i];
        if (client->watch.descriptor >= 0 && client->query == state->query) {
            finish_query(daemon, client, state->found ? &state->session : NULL);
            return;
        }
    }
}

uint32_t tw_cli_server_housekeeping(struct tw_daemon *daemon, uint64_t now_ms)
{
    uint32_t next_ms = 1000;
    for (size_t i = 0; i < TW_CLI_CLIENTS; i++) {
        struct tw_cli_client *client = &daemon->clients[i];
        if (client->watch.descriptor < 0)
            continue;
        if (client->query && now_ms >= client->query_until_ms)
            finish_query(daemon, client, NULL);
        else if (client->query)
            next_ms = 50;
        else if (now_ms - client->active_ms > TW_CLI_IDLE_MS)
            close_client(client);
    }
    return next_ms;
}
