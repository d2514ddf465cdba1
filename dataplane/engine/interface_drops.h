/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel dropped on its side of a virtual port. Neither the TAP nor the AF_XDP driver
 * knows: their rings were full, and the packets never reached them. The kernel counts them at the
 * interface (/proc/net/dev, of the calling thread's network namespace). Main thread, once a second.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_INTERFACE_DROPS_H
#define TICKWIRE_DATAPLANE_ENGINE_INTERFACE_DROPS_H

#include <stdbool.h>
#include <stdint.h>

struct tw_interface_drops {
    uint64_t received; /* on the way from the interface to us, or to the host */
    uint64_t sent;     /* on the way out of the host */
};

/* One line of /proc/net/dev; false if it is of another interface or none. */
bool tw_interface_drops_parse(struct tw_interface_drops *drops, const char *line, const char *name);

/* False, and zeros, if there is no such interface. */
bool tw_interface_drops_read(struct tw_interface_drops *drops, const char *name);

#endif
