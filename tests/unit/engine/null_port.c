/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/engine/null_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void null_port_plan(struct tw_config *config, struct tw_topology *topology, uint32_t buffers)
{
    static struct tw_topology_host host;
    struct tw_topology_error error;
    tw_config_defaults(config);
    config->engine.workers = NULL_PORT_WORKERS;
    config->engine.memory_mb = 1024;
    config->ports[0].address6[0] = 0xfd;
    config->ports[0].address6[15] = 1;
    memset(host.cores, 1, sizeof(host.cores));
    if (!tw_topology_build(topology, config, &host, &error))
        fail_msg("%s", error.message);
    for (uint32_t i = 0; i < topology->pool_count; i++)
        topology->pools[i].buffers = buffers;
}
