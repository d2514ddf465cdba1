/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lets a network card hand over what neighbour discovery sends to our groups. Main thread, after
 * the port was started and after each reset.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_MULTICAST_H
#define TICKWIRE_DATAPLANE_ENGINE_MULTICAST_H

#include <stdbool.h>
#include <stdint.h>

/* The groups of an IPv6 address of ours; all zero: nothing to do. A driver that cannot filter by
 * address takes all groups; a virtual one that can do neither hands over everything anyway. False:
 * the driver refused, *reason is the negative errno. */
bool tw_multicast_join(uint16_t port_id, const uint8_t ip[16], int *reason);

#endif
