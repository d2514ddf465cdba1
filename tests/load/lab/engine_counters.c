/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/engine_counters.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 50u
#define PAUSE_NS 100000000L

static json_t *ask_status(const char *socket_path)
{
    static const char request[] = "{\"command\":\"status\"}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    json_t *answer = NULL;
    if (strlen(socket_path) >= sizeof(address.sun_path))
        return NULL;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return NULL;
    struct timeval timeout = {.tv_sec = 5};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(descriptor, request, sizeof(request) - 1, MSG_NOSIGNAL) ==
            (ssize_t)(sizeof(request) - 1))
        answer = json_loadfd(descriptor, JSON_DISABLE_EOF_CHECK, NULL);
    (void)close(descriptor);
    return answer;
}

static uint64_t number(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

bool tw_engine_counters_read(const char *socket_path, struct tw_engine_counters *counters)
{
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    struct tw_engine_counters last = {.received = UINT64_MAX};
    uint64_t last_uptime_ns = 0;
    for (uint32_t i = 0; i < ATTEMPTS; i++) {
        json_t *answer = ask_status(socket_path);
        const json_t *stats = json_object_get(json_object_get(answer, "result"), "stats");
        uint64_t uptime_ns = number(stats, "uptime_ns");
        *counters = (struct tw_engine_counters){
            .received = number(stats, "rx_packets"),
            .accepted = number(json_object_get(stats, "outcomes"), "accepted"),
            .port_missed = number(stats, "port_missed"),
        };
        bool there = json_is_object(stats);
        json_decref(answer);
        if (there && uptime_ns != last_uptime_ns) {
            if (counters->received == last.received)
                return true;
            last = *counters;
            last_uptime_ns = uptime_ns;
        }
        (void)nanosleep(&pause, NULL);
    }
    return false;
}
