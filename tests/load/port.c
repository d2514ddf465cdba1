/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/port.h"

#include "tests/load/random.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

/* 50 bots x 1,200 bytes x 60 packets/s for a second of delay. */
#define SOCKET_BUFFER_BYTES (4 << 20)

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const uint8_t *ip)
{
    return memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool tw_load_port_open(struct tw_load_port *port, sa_family_t family)
{
    port->family = family;
    port->deaf = false;
    port->descriptor = socket(port->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (port->descriptor < 0)
        return false;
    /* The forced form needs a privilege; the plain one is capped by the system: both are fine. */
    int size = SOCKET_BUFFER_BYTES;
    if (setsockopt(port->descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(port->descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    for (uint32_t i = 0; i < TW_LOAD_BURST; i++) {
        port->vectors[i].iov_base = port->bytes[i];
        port->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &port->targets[i], .msg_iov = &port->vectors[i], .msg_iovlen = 1};
    }
    return true;
}

void tw_load_port_close(struct tw_load_port *port)
{
    if (port->descriptor >= 0)
        close(port->descriptor);
    port->descriptor = -1;
}

static bool is_lost(struct tw_load_loss *loss)
{
    return loss->percent > 0 && tw_load_random_below(&loss->random, 100) < loss->percent;
}

static socklen_t set_target(struct sockaddr_storage *target, sa_family_t family, const uint8_t *ip,
                            uint16_t port)
{
    memset(target, 0, sizeof(*target));
    if (family == AF_INET) {
        struct sockaddr_in *to = (struct sockaddr_in *)target;
        to->sin_family = AF_INET;
        to->sin_port = htons(port);
        memcpy(&to->sin_addr, ip + sizeof(v4_mapped), sizeof(to->sin_addr));
        return sizeof(*to);
    }
    struct sockaddr_in6 *to = (struct sockaddr_in6 *)target;
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(port);
    memcpy(&to->sin6_addr, ip, sizeof(to->sin6_addr));
    return sizeof(*to);
}

int tw_load_port_send(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                      uint16_t udp_port)
{
    struct tw_load_port *port = context;
    if (length > TW_DATAGRAM_MAX || (port->family == AF_INET && !is_v4(ip)))
        return -1;
    if (is_lost(port->loss)) {
        port->traffic->lost_out++;
        return (int)length;
    }
    if (port->pending == TW_LOAD_BURST)
        tw_load_port_flush(port);
    uint32_t slot = port->pending++;
    memcpy(port->bytes[slot], bytes, length);
    port->vectors[slot].iov_len = length;
    port->messages[slot].msg_hdr.msg_namelen =
        set_target(&port->targets[slot], port->family, ip, udp_port);
    return (int)length;
}

void tw_load_port_flush(struct tw_load_port *port)
{
    uint32_t next = 0;
    while (next < port->pending) {
        int sent = sendmmsg(port->descriptor, port->messages + next, port->pending - next,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0) {
            port->traffic->send_errors++;
            next++;
            continue;
        }
        for (int i = 0; i < sent; i++)
            port->traffic->bytes_sent += port->messages[next + (uint32_t)i].msg_len;
        port->traffic->packets_sent += (uint64_t)sent;
        next += (uint32_t)sent;
    }
    port->pending = 0;
}

uint32_t tw_load_port_receive(struct tw_load_port *port, struct tw_load_inbox *inbox)
{
    for (uint32_t i = 0; i < TW_LOAD_BURST; i++) {
        inbox->vectors[i] =
            (struct iovec){.iov_base = inbox->bytes[i], .iov_len = sizeof(inbox->bytes[i])};
        inbox->messages[i] =
            (struct mmsghdr){.msg_hdr = {.msg_iov = &inbox->vectors[i], .msg_iovlen = 1}};
    }
    int got = recvmmsg(port->descriptor, inbox->messages, TW_LOAD_BURST, MSG_DONTWAIT, NULL);
    if (got <= 0)
        return 0;
    for (int i = 0; i < got; i++) {
        port->traffic->bytes_received += inbox->messages[i].msg_len;
        if (is_lost(port->loss)) {
            port->traffic->lost_in++;
            inbox->messages[i].msg_len = 0;
        }
    }
    port->traffic->packets_received += (uint64_t)got;
    return (uint32_t)got;
}

void tw_load_port_deafen(struct tw_load_port *port)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &nothing};
    /* What a filter refuses stands in the same counter as what finds no room. */
    port->overflow = tw_load_port_overflow(port);
    port->deaf =
        setsockopt(port->descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

uint64_t tw_load_port_overflow(const struct tw_load_port *port)
{
    if (port->deaf)
        return port->overflow;
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(memory);
    if (getsockopt(port->descriptor, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0)
        return 0;
    return memory[SK_MEMINFO_DROPS];
}
