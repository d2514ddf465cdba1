/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the main thread tells a worker about its ports, and the worker's word that it does so: one
 * atomic with one writer each way, for each port.
 *
 *   main:   give(LEAVE) ───►  worker: looks at the start of a turn, when it holds nothing of the
 *   waits for obeyed    ◄───          port; from then on it does not touch it
 *   touches the driver; give(SERVE)
 *
 * Orders are numbered, so that the word about an order is never taken for the word about the one
 * before it. Zeroed memory orders to serve.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PORT_ORDERS_H
#define TICKWIRE_DATAPLANE_GATE_PORT_ORDERS_H

#include "tickwire/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum tw_port_order {
    TW_PORT_SERVE,     /* receive and send */
    TW_PORT_LINK_DOWN, /* receive what is still there, send nothing */
    TW_PORT_LEAVE,     /* do not touch it */
};

/* One worker's. */
struct tw_port_orders {
    _Atomic uint32_t given[TW_PORTS_MAX] __attribute__((aligned(64)));  /* main: w, worker: r */
    _Atomic uint32_t obeyed[TW_PORTS_MAX] __attribute__((aligned(64))); /* worker: w, main: r */
};

#define TW_PORT_ORDER_BITS 2u

static inline enum tw_port_order tw_port_order_of(uint32_t given)
{
    return (enum tw_port_order)(given & ((1u << TW_PORT_ORDER_BITS) - 1u));
}

/* Main. */
static inline void tw_port_orders_give(struct tw_port_orders *orders, uint32_t port,
                                       enum tw_port_order order)
{
    uint32_t before = atomic_load_explicit(&orders->given[port], memory_order_relaxed);
    uint32_t number = (before >> TW_PORT_ORDER_BITS) + 1u;
    atomic_store_explicit(&orders->given[port], number << TW_PORT_ORDER_BITS | (uint32_t)order,
                          memory_order_release);
}

/* Main: the worker does what it was told last. */
static inline bool tw_port_orders_obeyed(struct tw_port_orders *orders, uint32_t port)
{
    return atomic_load_explicit(&orders->obeyed[port], memory_order_acquire) ==
           atomic_load_explicit(&orders->given[port], memory_order_relaxed);
}

/* Worker. */
static inline uint32_t tw_port_orders_look(struct tw_port_orders *orders, uint32_t port)
{
    return atomic_load_explicit(&orders->given[port], memory_order_acquire);
}

/* Worker: from now on it does as `given` says. */
static inline void tw_port_orders_obey(struct tw_port_orders *orders, uint32_t port, uint32_t given)
{
    atomic_store_explicit(&orders->obeyed[port], given, memory_order_release);
}

#endif
