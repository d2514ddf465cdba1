/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/runtime_directory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "dpdk_telemetry.v2"
#define FILES_MAX   4u /* DPDK makes one or two sockets */
#define PATH_SIZE   512u

static char ours[PATH_SIZE];
static char our_files[FILES_MAX][PATH_SIZE];

void tw_runtime_prefix(char out[TW_RUNTIME_PREFIX_SIZE])
{
    snprintf(out, TW_RUNTIME_PREFIX_SIZE, "%s%d", TW_RUNTIME_PREFIX, (int)getpid());
}

void tw_runtime_directory_remember(const char *directory)
{
    char prefix[TW_RUNTIME_PREFIX_SIZE];
    tw_runtime_prefix(prefix);
    const char *name = directory != NULL ? strrchr(directory, '/') : NULL;
    if (name == NULL || strcmp(name + 1, prefix) != 0 || strlen(directory) >= sizeof(ours))
        return;
    snprintf(ours, sizeof(ours), "%s", directory);
    DIR *files = opendir(ours);
    size_t count = 0;
    struct dirent *entry;
    while (files != NULL && count < FILES_MAX && (entry = readdir(files)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(our_files[count], PATH_SIZE, "%s/%s", ours, entry->d_name);
        if (length > 0 && (size_t)length < PATH_SIZE)
            count++;
        else
            our_files[count][0] = '\0';
    }
    if (files != NULL)
        closedir(files);
}

static void remove_with_files(const char *directory)
{
    DIR *files = opendir(directory);
    if (files == NULL)
        return;
    for (struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(files), entry->d_name, 0);
    closedir(files);
    rmdir(directory);
}

void tw_runtime_directory_remove(void)
{
    if (ours[0] != '\0')
        remove_with_files(ours);
    ours[0] = '\0';
    memset(our_files, 0, sizeof(our_files));
}

void tw_runtime_directory_abandon(void)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (our_files[i][0] != '\0')
            unlink(our_files[i]);
    if (ours[0] != '\0')
        rmdir(ours);
}

static bool is_listening(const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SOCKET_NAME, directory);
    if (length < 0 || (size_t)length >= sizeof(address.sun_path))
        return true; /* cannot be told */
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return true;
    bool refused = connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
                   (errno == ECONNREFUSED || errno == ENOENT);
    close(descriptor);
    return !refused;
}

/* The process id at the end of "tickwire-<pid>"; 0 if the name has another shape. */
static pid_t pid_of(const char *name)
{
    size_t length = strlen(TW_RUNTIME_PREFIX);
    if (strncmp(name, TW_RUNTIME_PREFIX, length) != 0 || !isdigit((unsigned char)name[length]))
        return 0;
    char *end;
    errno = 0;
    long pid = strtol(name + length, &end, 10);
    return *end == '\0' && errno == 0 && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

unsigned tw_runtime_directory_sweep(const char *directory)
{
    char base[PATH_SIZE];
    const char *name = directory != NULL ? strrchr(directory, '/') : NULL;
    if (name == NULL || (size_t)(name - directory) >= sizeof(base))
        return 0;
    snprintf(base, sizeof(base), "%.*s", (int)(name - directory), directory);
    DIR *all = opendir(base);
    unsigned removed = 0;
    struct dirent *entry;
    while (all != NULL && (entry = readdir(all)) != NULL) {
        pid_t pid = pid_of(entry->d_name);
        char path[PATH_SIZE + 64];
        snprintf(path, sizeof(path), "%s/%.60s", base, entry->d_name);
        if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH || is_listening(path))
            continue;
        remove_with_files(path);
        removed++;
    }
    if (all != NULL)
        closedir(all);
    return removed;
}
