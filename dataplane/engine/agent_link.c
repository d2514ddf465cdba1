/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/agent_link.h"

#include "tickwire/assert.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A turn sends and takes this much at most: the rest of the main thread's work stays prompt. */
#define SEND_BURST 256u

void tw_agent_link_init(struct tw_agent_link *link, struct tw_agent_protocol *protocol,
                        const char *path)
{
    *link = (struct tw_agent_link){
        .protocol = protocol, .path = path, .fd = -1, .retry_delay_ns = TW_AGENT_RETRY_MIN_NS};
}

static void delay_retry(struct tw_agent_link *link, uint64_t now_ns)
{
    link->retry_at_ns = now_ns + link->retry_delay_ns;
    link->retry_delay_ns *= 2;
    if (link->retry_delay_ns > TW_AGENT_RETRY_MAX_NS)
        link->retry_delay_ns = TW_AGENT_RETRY_MAX_NS;
}

void tw_agent_link_close(struct tw_agent_link *link, uint64_t now_ns)
{
    if (link->fd < 0)
        return;
    close(link->fd);
    link->fd = -1;
    link->losses++;
    link->stalled_since_ns = 0;
    tw_agent_protocol_disconnected(link->protocol);
    delay_retry(link, now_ns);
}

static void try_connect(struct tw_agent_link *link, uint64_t now_ns)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(link->path);
    TW_ASSERT(length < sizeof(address.sun_path));
    memcpy(address.sun_path, link->path, length + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        if (fd >= 0)
            close(fd);
        delay_retry(link, now_ns);
        return;
    }
    link->fd = fd;
    link->epoch++;
    tw_agent_protocol_connected(link->protocol);
}

void tw_agent_link_send(struct tw_agent_link *link, uint64_t now_ns)
{
    if (link->fd < 0 && now_ns >= link->retry_at_ns)
        try_connect(link, now_ns);
    for (uint32_t i = 0; i < SEND_BURST && link->fd >= 0; i++) {
        size_t length;
        const void *message = tw_agent_protocol_next(link->protocol, &length);
        if (message == NULL)
            break;
        ssize_t sent = send(link->fd, message, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)length) {
            tw_agent_protocol_sent(link->protocol);
            link->stalled_since_ns = 0;
        } else if (sent < 0 && errno == EINTR) {
            continue;
        } else if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            if (link->stalled_since_ns == 0)
                link->stalled_since_ns = now_ns;
            if (now_ns - link->stalled_since_ns > TW_AGENT_STALL_NS) {
                link->stalls++;
                tw_agent_link_close(link, now_ns);
            }
            break;
        } else {
            tw_agent_link_close(link, now_ns);
        }
    }
}

enum tw_agent_action tw_agent_link_receive(struct tw_agent_link *link,
                                           union tw_agent_message *message, uint64_t now_ns)
{
    while (link->fd >= 0) {
        struct iovec part = {.iov_base = message, .iov_len = sizeof(*message)};
        struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t received = recvmsg(link->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0 && errno == EAGAIN)
            return TW_AGENT_ACTION_NONE;
        if (received <= 0) {
            tw_agent_link_close(link, now_ns);
            return TW_AGENT_ACTION_CLOSE;
        }
        /* Longer than any message: a length that no message has. */
        size_t length =
            (header.msg_flags & MSG_TRUNC) != 0 ? sizeof(*message) + 1 : (size_t)received;
        enum tw_agent_action action = tw_agent_protocol_receive(link->protocol, message, length);
        if (action == TW_AGENT_ACTION_CLOSE) {
            sodium_memzero(message, sizeof(*message));
            tw_agent_link_close(link, now_ns);
        } else if (action == TW_AGENT_ACTION_LINKED) {
            link->retry_delay_ns = TW_AGENT_RETRY_MIN_NS;
        } else if (action == TW_AGENT_ACTION_NONE) {
            continue;
        }
        return action;
    }
    return TW_AGENT_ACTION_NONE;
}
