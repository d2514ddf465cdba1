/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/port_watch.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/eal.h"
#include "dataplane/engine/multicast.h"

#include <inttypes.h>
#include <rte_errno.h>
#include <rte_timer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t told(_Atomic uint32_t *count)
{
    return atomic_load_explicit(count, memory_order_acquire);
}

/* ---- what is seen --------------------------------------------------------------------------- */

static bool has_few_queues(const struct tw_engine *engine, const struct tw_port *port)
{
    uint64_t taken[TW_WORKERS_MAX];
    for (uint32_t i = 0; i < engine->topology->workers; i++)
        taken[i] = tw_counter_get(&engine->worker_counters[i]->rx_of_port[port->index]);
    return tw_port_lacks_queues(port, taken);
}

static void look_at_link(const struct tw_engine *engine, struct tw_port *port, uint64_t now_ns)
{
    uint32_t changes = told(&port->events.link);
    bool news = changes != port->link_events_seen &&
                now_ns + TW_PORT_LOOK_NS >= port->look_ns + TW_PORT_LOOK_MIN_NS;
    if (now_ns < port->look_ns && !news)
        return;
    port->link_events_seen = changes;
    port->look_ns = now_ns + TW_PORT_LOOK_NS;
    port->link = tw_port_read_link(port, &port->link_mbps);
    port->few_queues = port->link && has_few_queues(engine, port);
}

static bool all_obey(struct tw_engine *engine, uint32_t index)
{
    bool obey = true;
    for (uint32_t worker = 0; worker < engine->topology->workers; worker++)
        obey = obey && tw_port_orders_obeyed(&engine->port_orders[worker], index);
    return obey;
}

/* Nobody calls a driver that is being left or reset. */
static bool may_be_asked(const struct tw_port *port)
{
    return port->life.state == TW_PORT_STATE_UP || port->life.state == TW_PORT_STATE_NO_LINK ||
           port->life.state == TW_PORT_STATE_MISMATCHED;
}

static struct tw_port_sight see(struct tw_engine *engine, struct tw_port *port, uint64_t now_ns)
{
    if (may_be_asked(port))
        look_at_link(engine, port, now_ns);
    return (struct tw_port_sight){
        .link = port->link,
        .few_queues = port->few_queues,
        .reset_asked = port->reset_wanted || told(&port->events.resets) != port->resets_seen,
        .removed = told(&port->events.removals) != 0,
        .workers_obey = all_obey(engine, port->index),
    };
}

/* ---- what is done --------------------------------------------------------------------------- */

static void tell(struct tw_port *port)
{
    char speed[32] = "";
    switch (port->life.state) {
    case TW_PORT_STATE_UP:
        if (port->link_mbps != 0)
            snprintf(speed, sizeof(speed), ", %u Mbit/s", port->link_mbps);
        fprintf(stderr, "tickwire-engine: port %s: the link is up%s\n", port->name, speed);
        break;
    case TW_PORT_STATE_NO_LINK:
        fprintf(stderr, "tickwire-engine: port %s: no link\n", port->name);
        break;
    case TW_PORT_STATE_MISMATCHED:
        fprintf(stderr,
                "tickwire-engine: port %s: its other end has fewer queue pairs than "
                "engine.workers, %u, and would be read twice: nothing goes by it until that end "
                "leaves. Give it as many, or set engine.workers to less\n",
                port->name, port->plan.queues);
        break;
    case TW_PORT_STATE_LEAVING:
        fprintf(stderr, "tickwire-engine: port %s: is to be reset, as %s asked\n", port->name,
                port->reset_wanted ? "an operator" : "its driver");
        break;
    case TW_PORT_STATE_FAILED:
        fprintf(stderr, "tickwire-engine: port %s: %s; it is given up\n", port->name,
                told(&port->events.removals) != 0 ? "was removed" : "does not come back");
        break;
    default:
        break;
    }
}

static void order(struct tw_engine *engine, const struct tw_port *port)
{
    for (uint32_t worker = 0; worker < engine->topology->workers; worker++)
        tw_port_orders_give(&engine->port_orders[worker], port->index,
                            tw_port_life_order(&port->life));
}

static bool reset_driver(const struct tw_engine *engine, struct tw_port *port)
{
    struct tw_port_error error;
    int reason = 0;
    bool good = tw_port_reset(port, &error);
    if (good &&
        !tw_multicast_join(port->id, engine->config->ports[port->index].address6, &reason)) {
        snprintf(error.message, sizeof(error.message),
                 "port %s refused the groups of its IPv6 address: %s", port->name,
                 rte_strerror(-reason));
        good = false;
    }
    if (!good && port->life.tries == 0)
        fprintf(stderr, "tickwire-engine: %s; it is tried again\n", error.message);
    return good;
}

static void reset(struct tw_engine *engine, struct tw_port *port, uint64_t now_ns)
{
    uint64_t began_ns = tw_clock_now_ns();
    bool good = reset_driver(engine, port);
    now_ns += tw_clock_now_ns() - began_ns; /* seconds, maybe */
    /* What was asked for meanwhile is this. */
    port->resets_seen = told(&port->events.resets);
    port->reset_wanted = false;
    port->look_ns = 0;
    if (tw_port_life_reset_done(&port->life, good, now_ns) != TW_PORT_STEP_ORDER)
        return;
    order(engine, port);
    if (good)
        fprintf(stderr, "tickwire-engine: port %s: reset, in %" PRIu64 " ms\n", port->name,
                (now_ns - port->life.began_ns) / TW_MILLISECOND_NS);
    else
        tell(port);
}

/* A worker that hangs in a driver cannot be taken away from it. */
static void end_without_worker(const struct tw_port *port)
{
    fprintf(stderr, "tickwire-engine: port %s: a worker does not leave it; ending\n", port->name);
    tw_eal_abandon();
    _exit(EXIT_FAILURE);
}

static void turn(struct tw_engine *engine, struct tw_port *port, uint64_t now_ns)
{
    struct tw_port_sight sight = see(engine, port, now_ns);
    switch (tw_port_life_turn(&port->life, &sight, now_ns)) {
    case TW_PORT_STEP_NONE:
        break;
    case TW_PORT_STEP_ORDER:
        order(engine, port);
        tell(port);
        break;
    case TW_PORT_STEP_RESET:
        reset(engine, port, now_ns);
        break;
    case TW_PORT_STEP_STUCK:
        end_without_worker(port);
        break;
    }
}

bool tw_port_watch_turn(struct tw_engine *engine, uint64_t now_ns)
{
    uint32_t given_up = 0;
    /* Drivers' own: ena's watchdog, which is how that card comes to ask for a reset. */
    (void)rte_timer_manage();
    for (uint32_t i = 0; i < engine->topology->ports; i++) {
        struct tw_port *port = &engine->ports[i];
        if (port->configured)
            turn(engine, port, now_ns);
        given_up += port->life.state == TW_PORT_STATE_FAILED;
    }
    return given_up < engine->topology->ports;
}

bool tw_port_watch_reset(struct tw_engine *engine, const char *name)
{
    for (uint32_t i = 0; i < engine->topology->ports; i++) {
        struct tw_port *port = &engine->ports[i];
        if (strcmp(port->name, name) != 0 || port->life.state == TW_PORT_STATE_FAILED)
            continue;
        port->reset_wanted = true;
        return true;
    }
    return false;
}
