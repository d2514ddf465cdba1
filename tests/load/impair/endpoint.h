/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as text and as the kernel's: "127.0.0.1:7777", "[::1]:7777". Pure but for the parser's
 * library; any thread. */
#ifndef TICKWIRE_TESTS_LOAD_IMPAIR_ENDPOINT_H
#define TICKWIRE_TESTS_LOAD_IMPAIR_ENDPOINT_H

#include "tickwire/address.h"

#include <stdbool.h>
#include <sys/socket.h>

/* Numbers only: no name is looked up. */
bool tw_endpoint_parse(const char *text, struct tw_address *address);
socklen_t tw_endpoint_to_socket(const struct tw_address *address, struct sockaddr_storage *out);
struct tw_address tw_endpoint_from_socket(const struct sockaddr_storage *from);

#endif
