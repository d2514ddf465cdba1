/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/key_log.h"

#include "dataplane/wire/key_log.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *tw_engine_key_log_open(const char *path)
{
    int descriptor =
        open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (descriptor < 0)
        return NULL;
    /* One that was there may have had other rights. */
    FILE *log = fchmod(descriptor, S_IRUSR | S_IWUSR) == 0 ? fdopen(descriptor, "a") : NULL;
    if (!log)
        close(descriptor);
    return log;
}

bool tw_engine_key_log_session(FILE *log, const struct tw_lab_install *install)
{
    char line[TW_KEY_LOG_LINE];
    struct tw_key_log_entry entry = {
        .connection_id = install->connection_id,
        .suite = (enum tw_suite)install->suite,
        .client_to_server = install->secret_client_to_server,
        .server_to_client = install->secret_server_to_client,
    };
    tw_key_log_write(line, &entry);
    bool written = fprintf(log, "%s\n", line) > 0 && fflush(log) == 0;
    sodium_memzero(line, sizeof(line));
    return written;
}
