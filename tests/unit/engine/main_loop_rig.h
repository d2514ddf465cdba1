/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main loop between fake workers (the other end of real rings) and a fake control plane (the
 * other end of a real unix socket). Time is made up; EAL is not started. One at a time: cmocka's
 * setup and teardown make and end it.
 */
#ifndef TICKWIRE_TESTS_UNIT_ENGINE_MAIN_LOOP_RIG_H
#define TICKWIRE_TESTS_UNIT_ENGINE_MAIN_LOOP_RIG_H

#include "dataplane/engine/clock.h"
#include "dataplane/engine/main_loop.h"
#include "dataplane/gate/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RIG_WORKERS 2u

struct main_loop_rig {
    struct tw_config config;
    struct tw_topology topology;
    struct tw_engine engine;
    struct tw_main_loop *loop;
    struct tw_worker_counters worker_counters[RIG_WORKERS];
    struct tw_shard_counters shard_counters;
    void *shard_memory;
    int listener, peer; /* the control plane's sockets; -1: none */
    uint64_t now_ns;
};
extern struct main_loop_rig rig;

int rig_setup(void **state);
int rig_teardown(void **state);
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* A millisecond later. */
void rig_turn(void);

/* ---- as a worker ---------------------------------------------------------------------------- */
/* False: none waits. */
bool rig_take_command(uint32_t worker, struct tw_worker_command *command);
/* Drops everything up to the next command of this type. */
struct tw_worker_command rig_expect_command(uint32_t worker, enum tw_command_type type);
void rig_expect_no_command(uint32_t worker);
void rig_drop_commands(void);
/* False: its ring is full. */
bool rig_tell(uint32_t worker, enum tw_event_type type, struct tw_worker_event event);
void rig_tell_session(uint32_t worker, enum tw_event_type type, uint32_t slot);
/* Answers a RESYNC as a worker with these many live sessions does. */
void rig_tell_all_sessions(uint32_t worker, uint32_t count);

/* ---- as the control plane ------------------------------------------------------------------- */
/* It listens and takes the engine's connection. */
void rig_connect_engine(void);
/* Answers its hello. */
void rig_accept_engine(void);
/* Linked, resynced without sessions, nothing under way. */
void rig_link_up(void);
/* As kill -9 leaves it: both sockets closed, the path still there. */
void rig_kill_control(void);
/* Its type; 0: none waits. */
uint16_t rig_take_message(union tw_agent_message *message);
/* Drops everything up to the next message of this type. */
union tw_agent_message rig_expect_message(enum tw_agent_type type);
void rig_say(union tw_agent_message *message, enum tw_agent_type type, size_t length);
void rig_acknowledge(uint64_t event);

#endif
