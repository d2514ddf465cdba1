/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main loop's memory, shared by the two files that make it up. Owner: the main thread.
 *
 *   main_loop.c  turn, timers, start and stop     mail.c  what it passes on, both ways
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_MAIN_LOOP_STATE_H
#define TICKWIRE_DATAPLANE_ENGINE_MAIN_LOOP_STATE_H

#include "dataplane/engine/agent_link.h"
#include "dataplane/engine/filters.h"
#include "dataplane/engine/lab_import.h"
#include "dataplane/engine/main_loop.h"
#include "dataplane/engine/neighbour_table.h"
#include "dataplane/engine/stats.h"
#include "dataplane/gate/mailbox.h"

struct rte_ring;

/* Neighbour tables of an interface. */
enum tw_neighbour_family { TW_NEIGHBOUR_IPV4, TW_NEIGHBOUR_IPV6, TW_NEIGHBOUR_FAMILIES };

struct tw_mailbox {
    struct rte_ring *events, *commands;
    bool owes_cookie, owes_control, owes_close, owes_resync;
    bool resync_runs;     /* its RESYNC_END is still to come */
    bool resync_is_stale; /* and belongs to an earlier link */
    bool resync_done;
};

struct tw_main_loop {
    struct tw_engine *engine;
    uint32_t workers;
    struct tw_mailbox mailboxes[TW_WORKERS_MAX];
    struct tw_agent_protocol *protocol;
    struct tw_agent_link link;
    uint64_t link_epoch; /* the link that is being or was resynced */
    bool told_linked;
    bool stopping;
    bool no_port_left;
    struct tw_lab_import *lab;
    FILE *key_log; /* not owned; NULL: none */
    struct tw_neighbour_table neighbours[TW_PORTS_MAX][TW_NEIGHBOUR_FAMILIES]; /* by interface */
    struct tw_filters *filters;
    struct tw_stats stats;
    uint8_t cookie_key[TW_KEY_SIZE];
    uint32_t cookie_slot;
    uint64_t cookie_due_ns, stats_due_ns, neighbours_due_ns;
    struct tw_worker_event event;
    struct tw_worker_command command;
    union tw_agent_message message;
    struct tw_agent_stats newest;
};

/* ---- mail.c -------------------------------------------------------------------------------- */

/* Every worker's ring takes a few commands more: replies are taken off the socket only then. */
bool tw_mail_has_room(const struct tw_main_loop *loop);
/* Takes what workers tell, and hands it on. */
void tw_mail_drain_events(struct tw_main_loop *loop, uint64_t now_ns);
/* Takes what the control plane says, as long as there is room for it. */
void tw_mail_receive_from_link(struct tw_main_loop *loop, uint64_t now_ns);
/* A link that came or went: workers are told, and report their sessions to a new one. */
void tw_mail_follow_link(struct tw_main_loop *loop);
/* Gives workers what they are owed, as far as their rings have room. */
void tw_mail_settle(struct tw_main_loop *loop);
/* Has worker 0 ask; a question that finds no room is lost and asked again a second later. */
void tw_mail_ask_neighbour(struct tw_main_loop *loop, uint8_t interface, const uint8_t ip[16]);

#endif
