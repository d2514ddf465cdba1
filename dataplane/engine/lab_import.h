/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lab's import, between the agent link and the workers: all sessions of a file or none.
 *
 *   idle ──BEGIN──► staging ──COMMIT──► checking ──reports──► installing ──reports──► result
 *                      └── anything odd ──────────────────────────────┴──► result: refused
 *
 * Every record is checked on arrival. Then all workers are asked whether all slots are free; only
 * if they are is anything installed. Between the two no slot can be taken: a lab takes no players
 * and one import runs at a time. Commands are pulled while the rings have room.
 *
 * Lives in caller memory of tw_lab_import_footprint bytes aligned to 64; owned by the main thread;
 * no clock, no ring. Holds a lab's seed, which is no secret.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_LAB_IMPORT_H
#define TICKWIRE_DATAPLANE_ENGINE_LAB_IMPORT_H

#include "dataplane/gate/mailbox.h"
#include "dataplane/wire/lab.h"
#include "tickwire/agent.h"

struct tw_lab_import;

struct tw_lab_import_config {
    bool lab;              /* engine.lab; without it everything is refused */
    uint32_t ports;        /* at least 1 */
    uint32_t workers;      /* at least 1 */
    uint32_t sessions_max; /* per worker */
    uint32_t world;        /* the one this engine has */
    uint8_t suites;        /* enum tw_suite bits its ciphers can do */
};

/* Without a lab just the refusals; else room for every session slot. */
size_t tw_lab_import_footprint(const struct tw_lab_import_config *config);
struct tw_lab_import *tw_lab_import_init(void *memory, const struct tw_lab_import_config *config);

/* A LAB_BEGIN, LAB_SESSIONS or LAB_COMMIT; any fields. */
void tw_lab_import_receive(struct tw_lab_import *import, const union tw_agent_message *message);

/* The next command for a worker, if one is due; the caller sends it and then calls
 * tw_lab_import_sent, or finds no room and asks again later. `random` numbers the session instead
 * of a token. May hold secrets. */
bool tw_lab_import_next(const struct tw_lab_import *import, struct tw_worker_command *command,
                        uint32_t *worker, const uint8_t random[TW_TOKEN_ID_SIZE]);
void tw_lab_import_sent(struct tw_lab_import *import);

/* A worker's LAB event. */
void tw_lab_import_report(struct tw_lab_import *import, const struct tw_worker_event *event);

/* The result to tell, header unset; NULL while there is none. */
const struct tw_agent_lab_result *tw_lab_import_result(const struct tw_lab_import *import);
/* It was told. */
void tw_lab_import_told(struct tw_lab_import *import);

/* The link was lost: what is not being installed yet is forgotten. */
void tw_lab_import_abandon(struct tw_lab_import *import);

#endif
