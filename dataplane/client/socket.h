/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's own UDP socket: non-blocking, connected to one server address, IPv4 or IPv6.
 *
 * Single-threaded. Errors while sending or receiving (unreachable, refused, full buffer) are loss.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_SOCKET_H
#define TICKWIRE_DATAPLANE_CLIENT_SOCKET_H

#include "tickwire/address.h"

#include <stddef.h>
#include <stdint.h>

/* The descriptor, or -1 and errno. */
int tw_client_socket_open(const struct tw_address *address);
void tw_client_socket_close(int descriptor);

/* Bytes sent or received; 0: nothing now; -1: an error, one datagram less. */
int tw_client_socket_send(int descriptor, const uint8_t *bytes, size_t length);
int tw_client_socket_receive(int descriptor, uint8_t *bytes, size_t capacity);

#endif
