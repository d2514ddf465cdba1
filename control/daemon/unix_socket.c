/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/unix_socket.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG    64
#define GROUPS_MAX 256

bool tw_make_parents(const char *path, mode_t mode)
{
    char directory[PATH_MAX];
    if ((size_t)snprintf(directory, sizeof(directory), "%s", path) >= sizeof(directory))
        return false;
    char *last = strrchr(directory, '/');
    if (!last || last == directory)
        return true;
    *last = '\0';
    for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(directory, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(directory, mode) == 0 || errno == EEXIST;
}

static bool fill_address(const char *path, struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length >= sizeof(address->sun_path))
        return false;
    memcpy(address->sun_path, path, length);
    return true;
}

/* True: nothing stands at the path any more. */
static bool remove_stale(const char *path, const struct sockaddr_un *address, int type, char *error,
                         size_t error_size)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        if (errno == ENOENT)
            return true;
        snprintf(error, error_size, "%s: %m", path);
        return false;
    }
    if (!S_ISSOCK(status.st_mode)) {
        snprintf(error, error_size, "%s: exists and is no socket", path);
        return false;
    }
    int probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result =
        probe < 0 ? -1 : connect(probe, (const struct sockaddr *)address, sizeof(*address));
    int reason = errno;
    if (probe >= 0)
        (void)close(probe);
    if (result != 0 && reason == ECONNREFUSED && unlink(path) == 0)
        return true;
    /* EAGAIN: somebody listens and is busy. */
    if (result == 0 || reason == EAGAIN)
        snprintf(error, error_size, "%s: another process listens here", path);
    else
        snprintf(error, error_size, "%s: %s", path, strerror(reason));
    return false;
}

int tw_unix_listen(const char *path, int type, mode_t mode, char *error, size_t error_size)
{
    struct sockaddr_un address;
    if (!fill_address(path, &address)) {
        snprintf(error, error_size, "%s: longer than a socket's path can be", path);
        return -1;
    }
    if (!tw_make_parents(path, 0755)) {
        snprintf(error, error_size, "%s: directory cannot be made: %m", path);
        return -1;
    }
    if (!remove_stale(path, &address, type, error, error_size))
        return -1;
    int listener = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Nobody may connect between bind and chmod. */
    mode_t previous = umask(0177);
    bool ok =
        listener >= 0 && bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0;
    (void)umask(previous);
    ok = ok && chmod(path, mode) == 0 && listen(listener, BACKLOG) == 0;
    if (ok)
        return listener;
    snprintf(error, error_size, "%s: %m", path);
    if (listener >= 0)
        (void)close(listener);
    return -1;
}

static bool in_group(int descriptor, gid_t group)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof(groups);
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (size_t i = 0; i < size / sizeof(groups[0]); i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

enum tw_peer_access tw_unix_peer_access(int descriptor)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return TW_PEER_NONE;
    if (peer.uid == 0 || peer.uid == geteuid())
        return TW_PEER_OWNER;
    if (peer.gid == getegid() || in_group(descriptor, getegid()))
        return TW_PEER_GROUP;
    return TW_PEER_NONE;
}
