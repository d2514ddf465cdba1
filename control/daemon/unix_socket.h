/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening unix sockets: stale files removed, mode set, peers checked by credentials. */
#ifndef TICKWIRE_CONTROL_DAEMON_UNIX_SOCKET_H
#define TICKWIRE_CONTROL_DAEMON_UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Makes missing parent directories of a file (mode 0755 below, `mode` for the last one). */
bool tw_make_parents(const char *path, mode_t mode) __attribute__((warn_unused_result));

/* Non-blocking listener, or -1 with *error. A file that nobody listens on is removed first; a
 * socket that answers, or a file that is no socket, is left alone and refused. */
int tw_unix_listen(const char *path, int type, mode_t mode, char *error, size_t error_size);

enum tw_peer_access {
    TW_PEER_OWNER, /* root or this process's user */
    TW_PEER_GROUP, /* member of this process's group */
    TW_PEER_NONE,
};
enum tw_peer_access tw_unix_peer_access(int descriptor);

#endif
