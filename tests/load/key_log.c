/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *tw_load_key_log_open(const char *path)
{
    int descriptor =
        open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    FILE *log = NULL;
    /* One that was there may have had other rights. */
    if (descriptor >= 0 && fchmod(descriptor, S_IRUSR | S_IWUSR) == 0)
        log = fdopen(descriptor, "a");
    if (log)
        return log;
    fprintf(stderr, "tickwire-load: %s: %s\n", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return NULL;
}

void tw_load_key_log_line(void *context, const char *line)
{
    FILE *log = context;
    if (fprintf(log, "%s\n", line) < 0 || fflush(log) != 0)
        fprintf(stderr, "tickwire-load: the key log cannot be written\n");
}
