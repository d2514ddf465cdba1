/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static int connect_to(int descriptor, const struct tw_address *address)
{
    if (memcmp(address->ip, v4_mapped, sizeof(v4_mapped)) == 0) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&to.sin_addr, address->ip + sizeof(v4_mapped), sizeof(to.sin_addr));
        return connect(descriptor, (const struct sockaddr *)&to, sizeof(to));
    }
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    memcpy(&to.sin6_addr, address->ip, sizeof(to.sin6_addr));
    return connect(descriptor, (const struct sockaddr *)&to, sizeof(to));
}

int tw_client_socket_open(const struct tw_address *address)
{
    int family = memcmp(address->ip, v4_mapped, sizeof(v4_mapped)) == 0 ? AF_INET : AF_INET6;
    int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    /* Whole or not at all, however large: the transport finds out what the path takes. Where the
     * option is not known, a router may cut a packet in two, and all still works. */
    int probe = family == AF_INET ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;
    (void)setsockopt(descriptor, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                     family == AF_INET ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &probe,
                     sizeof(probe));
    if (connect_to(descriptor, address) != 0) {
        int reason = errno;
        close(descriptor);
        errno = reason;
        return -1;
    }
    return descriptor;
}

void tw_client_socket_close(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

int tw_client_socket_send(int descriptor, const uint8_t *bytes, size_t length)
{
    ssize_t sent = send(descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -1 : (int)sent;
}

int tw_client_socket_receive(int descriptor, uint8_t *bytes, size_t capacity)
{
    /* MSG_TRUNC: the datagram's true size, so that one cut off is never taken for whole. */
    ssize_t got = recv(descriptor, bytes, capacity, MSG_DONTWAIT | MSG_TRUNC);
    if (got >= 0)
        return (size_t)got > capacity ? -1 : (int)got;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}
