/* SPDX-License-Identifier: BSD-3-Clause */
/* port.reset: the operator's own way to what a card asks for by itself. */
#include "control/daemon/agent_link.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"

#include <stdio.h>
#include <string.h>

static const struct tw_agent_port *find_port(const struct tw_daemon *daemon, const char *name)
{
    for (uint32_t i = 0; i < daemon->stats.ports; i++) {
        if (strcmp(daemon->stats.port[i].name, name) == 0)
            return &daemon->stats.port[i];
    }
    return NULL;
}

void tw_command_port_reset(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const char *name = NULL;
    if (!tw_call_unpack(call, "{s:s}", "name", &name))
        return;
    const struct tw_agent_port *port = daemon->stats_at_ms == 0 ? NULL : find_port(daemon, name);
    if (!port) {
        tw_call_fail(call, "PORT_NOT_FOUND", "no port has the name %.63s; see tickwire status",
                     name);
        return;
    }
    if (port->state == TW_PORT_STATE_FAILED) {
        tw_call_fail(call, "PORT_FAILED", "port %.63s is given up: restart the engine", name);
        return;
    }
    union tw_agent_outgoing *message =
        tw_agent_link_push(daemon, TW_AGENT_PORT_RESET, sizeof(message->port_reset));
    if (!message) {
        tw_call_fail(call, "ENGINE_GONE", "no engine is linked, or it does not take messages now");
        return;
    }
    memcpy(message->port_reset.name, port->name, sizeof(port->name));
    call->result = json_pack("{s:s, s:I}", "port", port->name, "resets", (json_int_t)port->resets);
    tw_log_info("port_reset", json_pack("{s:s}", "port", port->name));
}
