/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control plane does for the CLI: one function per command, found by name in a table.
 *
 * Arguments are checked strictly (unknown ones are refused) before anything changes.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_COMMANDS_H
#define TICKWIRE_CONTROL_DAEMON_COMMANDS_H

#include "control/daemon/cli_server.h"

/* Tokens of one request: keeps the loop's pause below 50 ms and an answer below 1 MB. */
#define TW_TOKENS_PER_REQUEST 1000u
/* 128 records of 64 bytes in base64 leave a third of the longest request for the rest of it. */
#define TW_LAB_RECORDS_PER_REQUEST 128u

/* Finds and runs request.command; sets result, error or deferred. `request` may be NULL (not
 * JSON). */
void tw_command_run(struct tw_call *call, const json_t *request);

/* The deferred half of session.show; `session` is NULL when the engine did not answer. */
void tw_command_session_answer(struct tw_call *call, uint32_t connection_id,
                               const struct tw_agent_session *session);

__attribute__((format(printf, 3, 4))) void tw_call_fail(struct tw_call *call, const char *code,
                                                        const char *format, ...);
/* STORE_FAILED with the store's message. */
void tw_call_fail_store(struct tw_call *call);

/* json_unpack_ex over the arguments, strict; on failure BAD_ARGUMENT is set. */
bool tw_call_unpack(struct tw_call *call, const char *format, ...)
    __attribute__((warn_unused_result));

/* The engine that is linked has reported; else NO_STATISTICS is set. */
bool tw_call_has_statistics(struct tw_call *call) __attribute__((warn_unused_result));

/* The account of this name, or NOT_FOUND is set. */
bool tw_call_account(struct tw_call *call, const char *name, struct tw_account *account)
    __attribute__((warn_unused_result));

void tw_command_status(struct tw_call *call);
void tw_command_drops(struct tw_call *call);
void tw_command_debug_space(struct tw_call *call);
void tw_command_port_reset(struct tw_call *call);
void tw_command_session_list(struct tw_call *call);
void tw_command_session_show(struct tw_call *call);
void tw_command_session_kick(struct tw_call *call);
void tw_command_account_add(struct tw_call *call);
void tw_command_account_list(struct tw_call *call);
void tw_command_account_ban(struct tw_call *call);
void tw_command_account_unban(struct tw_call *call);
void tw_command_conduct_list(struct tw_call *call);
void tw_command_conduct_reset(struct tw_call *call);
void tw_command_filter_add(struct tw_call *call);
void tw_command_filter_list(struct tw_call *call);
void tw_command_filter_remove(struct tw_call *call);
void tw_command_token_issue(struct tw_call *call);
void tw_command_keys_rotate(struct tw_call *call);
void tw_command_lab_begin(struct tw_call *call);
void tw_command_lab_add(struct tw_call *call);
void tw_command_lab_commit(struct tw_call *call);
void tw_command_lab_state(struct tw_call *call);

/* The account's name; null: it is another issuer's. */
json_t *tw_call_account_name(const struct tw_call *call, uint64_t id);
/* A number; as text when it is larger than those of JSON, which have a sign here. */
json_t *tw_call_account_id(uint64_t id);
/* enum tw_conduct_stage in words. */
const char *tw_call_conduct_name(uint32_t stage);

/* "198.51.100.7:40000", "[2001:db8::7]:40000" */
json_t *tw_call_address(const struct tw_address *address);

#endif
