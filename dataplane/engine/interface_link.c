/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/interface_link.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool tw_interface_has_link(const char *name)
{
    /* Of any family: the kernel answers it for all; this one every unit allows. */
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    bool told = ioctl(descriptor, SIOCGIFFLAGS, &request) == 0;
    close(descriptor);
    const int wanted = IFF_UP | IFF_RUNNING;
    return told && (request.ifr_flags & wanted) == wanted;
}
