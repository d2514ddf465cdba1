/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/interface_drops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool tw_interface_drops_parse(struct tw_interface_drops *drops, const char *line, const char *name)
{
    size_t length = strlen(name);
    line += strspn(line, " ");
    if (length == 0 || strncmp(line, name, length) != 0 || line[length] != ':')
        return false;
    /* Each way: bytes, packets, errors, drops and four more. */
    struct tw_interface_drops read;
    if (sscanf(line + length + 1, "%*u %*u %*u %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
               &read.received, &read.sent) != 2)
        return false;
    *drops = read;
    return true;
}

bool tw_interface_drops_read(struct tw_interface_drops *drops, const char *name)
{
    memset(drops, 0, sizeof(*drops));
    FILE *file = fopen("/proc/thread-self/net/dev", "re");
    if (file == NULL)
        return false;
    bool found = false;
    char line[512];
    while (!found && fgets(line, sizeof(line), file) != NULL)
        found = tw_interface_drops_parse(drops, line, name);
    fclose(file);
    return found;
}
