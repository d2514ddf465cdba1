/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real tickwire-control process in a temporary directory, a fake engine on its agent socket, and
 * clients that shake hands through both. Failures end the test by cmocka's assertions.
 */
#ifndef TICKWIRE_TESTS_UNIT_CONTROL_FIXTURE_H
#define TICKWIRE_TESTS_UNIT_CONTROL_FIXTURE_H

#include "control/keys/keys.h"
#include "dataplane/wire/handshake_client.h"
#include "tickwire/agent.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define FIXTURE_ADDRESS 0xc6120001u /* 198.18.0.1 */
#define FIXTURE_PORT    40000u

struct fixture {
    char directory[64];
    char config[96];
    char agent_socket[96];
    char cli_socket[96];
    char keys[96];
    pid_t daemon;
    int engine; /* agent socket, or -1 */
    uint64_t request_newest;
    bool lab; /* engine.lab, of the next start */
};

/* cmocka setup and teardown: *state is the fixture, the daemon runs, no engine is linked. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Writes the configuration anew, for the next start. */
void fixture_configure(const struct fixture *fixture);
void fixture_start(struct fixture *fixture);
/* Ends the daemon by this signal and waits; its wait status is returned. */
int fixture_stop(struct fixture *fixture, int signal_number);

/* One command over the CLI socket: the whole answer, the caller's. */
json_t *fixture_ask(struct fixture *fixture, const char *command, json_t *arguments);
/* The same; it must succeed; the result alone. */
json_t *fixture_result(struct fixture *fixture, const char *command, json_t *arguments);

/* ---- the fake engine ------------------------------------------------------------------------ */

int fixture_engine_connect(const struct fixture *fixture);
void fixture_send(int engine, union tw_agent_message *message, enum tw_agent_type type,
                  size_t size);
/* The next message; it must be of this type. */
union tw_agent_message fixture_receive(int engine, enum tw_agent_type type);
/* True: the daemon closed the link. */
bool fixture_is_closed(int engine);
/* Nothing arrives within a moment. */
bool fixture_is_silent(int engine);
/* Filter rules that the daemon told with its newest CONTROL_HELLO. */
extern struct tw_filter_rule fixture_rules[TW_FILTER_RULES_MAX];
extern uint32_t fixture_rule_count;
/* hello; CONTROL_HELLO is the answer, and all filter rules. */
union tw_agent_message fixture_hello(int engine, const char *name);
/* The same of an engine in lab mode, or not. */
union tw_agent_message fixture_hello_as(int engine, const char *name, bool lab);
/* Connects, says hello, reports these sessions, ends the resync. */
void fixture_link(struct fixture *fixture, const struct tw_agent_session *sessions, uint32_t count);
/* SESSION_CONFIRMED or SESSION_CLOSED, acknowledged. */
void fixture_event(struct fixture *fixture, enum tw_agent_type type,
                   const struct tw_agent_session *session);

/* ---- clients -------------------------------------------------------------------------------- */

/* A token by `token issue`, for an account that is made when missing. */
struct tw_connect_token fixture_token(struct fixture *fixture, const char *account);
/* One sealed by the test itself with the daemon's key, after `change` had its way with it. */
struct tw_connect_token fixture_forge(struct fixture *fixture,
                                      void (*change)(struct tw_token *token));
/* A client with a fresh key that holds its cookie: its packet is hello 2. */
struct tw_handshake_client fixture_client(const struct tw_connect_token *token);
/* Its hello 2 to the daemon and the answer back to it. */
struct tw_agent_handshake_reply fixture_shake(struct fixture *fixture,
                                              struct tw_handshake_client *client);
/* The same, again and again like a client, while the token was answered a moment ago. */
struct tw_agent_handshake_reply fixture_shake_patiently(struct fixture *fixture,
                                                        struct tw_handshake_client *client);
struct tw_agent_session fixture_session(const struct tw_agent_handshake_reply *reply,
                                        uint32_t connection_id, uint64_t event);

#endif
