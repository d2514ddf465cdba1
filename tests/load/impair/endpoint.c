/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/impair/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tw_endpoint_parse(const char *text, struct tw_address *address)
{
    char host[INET6_ADDRSTRLEN + 2] = "";
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port == 0 || port > UINT16_MAX)
        return false;
    struct in_addr ipv4;
    size_t length = strlen(host);
    if (inet_pton(AF_INET, host, &ipv4) == 1) {
        *address = tw_address_from_ipv4(ntohl(ipv4.s_addr), (uint16_t)port);
        return true;
    }
    if (length < 3 || host[0] != '[' || host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    address->port = (uint16_t)port;
    return inet_pton(AF_INET6, host + 1, address->ip) == 1;
}

socklen_t tw_endpoint_to_socket(const struct tw_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (tw_ip_is_ipv4(address->ip)) {
        struct sockaddr_in *to = (struct sockaddr_in *)out;
        to->sin_family = AF_INET;
        to->sin_port = htons(address->port);
        to->sin_addr.s_addr = htonl(tw_ip_ipv4(address->ip));
        return sizeof(*to);
    }
    struct sockaddr_in6 *to = (struct sockaddr_in6 *)out;
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(address->port);
    memcpy(&to->sin6_addr, address->ip, sizeof(to->sin6_addr));
    return sizeof(*to);
}

struct tw_address tw_endpoint_from_socket(const struct sockaddr_storage *from)
{
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)from;
        return tw_address_from_ipv4(ntohl(ipv4->sin_addr.s_addr), ntohs(ipv4->sin_port));
    }
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)from;
    return tw_address_from_ipv6(ipv6->sin6_addr.s6_addr, ntohs(ipv6->sin6_port));
}
