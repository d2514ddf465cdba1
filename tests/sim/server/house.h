/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands beside the workers of a simulated server: the engine's main thread, and the control
 * plane behind it with its own handshake service and store.
 *
 *   worker events ─► house ─► handshakes wait for `answer_us` ─► handshake service ─► commands
 *
 * The link between the two processes is left out; a control plane that is away is told to the
 * workers as the main thread tells them. Time is virtual, µs. One thread.
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_HOUSE_H
#define TICKWIRE_TESTS_SIM_SERVER_HOUSE_H

#include "control/daemon/handshake_service.h"
#include "dataplane/gate/mailbox.h"
#include "tickwire/config.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_ring;

#define SIM_HOUSE_REQUESTS 1024u
#define SIM_HOUSE_ACCOUNTS 4096u /* numbered from 1 */
/* The wall clock of the simulated server when its time is 0. */
#define SIM_UNIX_S UINT64_C(1700000000)

struct sim_request {
    struct tw_agent_handshake_request handshake;
    uint64_t due_us;
    uint32_t worker;
};

struct sim_house {
    const struct tw_config *config;
    struct tw_keys keys;
    struct tw_store *store;
    struct tw_handshake_service service;
    struct rte_ring *events[TW_WORKERS_MAX], *commands[TW_WORKERS_MAX];
    uint32_t workers;
    struct sim_request requests[SIM_HOUSE_REQUESTS]; /* ring, in order of arrival */
    uint32_t first, count;
    uint64_t answer_us; /* what a handshake takes the control plane */
    uint64_t cookie_due_us;
    uint32_t cookie_slot;
    bool linked;
    uint32_t live[SIM_HOUSE_ACCOUNTS]; /* connection id of an account's session; 0: none */
    uint8_t live_token[SIM_HOUSE_ACCOUNTS][TW_TOKEN_ID_SIZE]; /* that it came by */
    uint64_t confirmed, moved, replaced, other;
    uint64_t closed[16]; /* by enum tw_close_reason */
};

/* The rings are the server's. Aborts when the store cannot be made. */
void sim_house_open(struct sim_house *house, const struct tw_config *config);
void sim_house_close(struct sim_house *house);

/* Takes events, answers what is due, tells workers what they are to know. */
void sim_house_turn(struct sim_house *house, uint64_t now_us);
/* The control plane goes away, or is back. */
void sim_house_link(struct sim_house *house, bool linked);
/* Everybody is told that the server stops, as when its world is over. */
void sim_house_close_all(struct sim_house *house);
void sim_house_kick(struct sim_house *house, uint32_t connection_id, enum tw_close_reason reason);
/* A connect token of its own for an account. */
void sim_house_token(struct sim_house *house, uint64_t account, uint64_t now_us,
                     uint8_t out[TW_CONNECT_SIZE]);
/* A resume token expires by the simulated date, and client libraries look at the machine's own. */
void sim_house_extend(uint8_t token[TW_CONNECT_SIZE]);

#endif
