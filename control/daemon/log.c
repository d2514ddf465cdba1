/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Twice the longest line there is: an error of 1,024 bytes, escaped. */
#define LINE_SIZE 4096u

static void write_line(const char *level, const char *event, json_t *fields)
{
    struct timespec now;
    struct tm parts;
    char date[32];
    char stamp[48];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(stamp, sizeof(stamp), "%s.%03ldZ", date, now.tv_nsec / 1000000);
    json_t *line = json_pack("{s:s, s:s, s:s}", "time", stamp, "level", level, "event", event);
    if (line && fields)
        (void)json_object_update_missing(line, fields);
    /* One write per line, so lines of several processes never mix. */
    char text[LINE_SIZE];
    size_t length = line ? json_dumpb(line, text, sizeof(text) - 1, JSON_COMPACT) : 0;
    if (length > 0 && length < sizeof(text)) {
        text[length] = '\n';
        (void)!write(STDERR_FILENO, text, length + 1);
    }
    json_decref(line);
    json_decref(fields);
}

void tw_log_info(const char *event, json_t *fields)
{
    write_line("info", event, fields);
}

void tw_log_error(const char *event, json_t *fields)
{
    write_line("error", event, fields);
}
