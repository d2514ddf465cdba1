/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the kernel's interface behind a virtual port has a link: AF_XDP's driver always says yes.
 * In the caller's network namespace; a few microseconds, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_INTERFACE_LINK_H
#define TICKWIRE_DATAPLANE_ENGINE_INTERFACE_LINK_H

#include <stdbool.h>

/* Up, and its other end too. False also when there is no such interface. */
bool tw_interface_has_link(const char *name);

#endif
