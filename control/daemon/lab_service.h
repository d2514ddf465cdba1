/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The import that is under way in a lab, as the control plane sees it: what was announced, what
 * went to the engine, how it ended. One at a time; a new one takes the place of an old one.
 *
 * Records are passed on as they came: the engine checks them, and keeps them until all are there.
 * Pure; owned by the daemon's thread.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_LAB_SERVICE_H
#define TICKWIRE_CONTROL_DAEMON_LAB_SERVICE_H

#include "tickwire/agent.h"

#include <stdbool.h>
#include <stdint.h>

enum tw_lab_stage {
    TW_LAB_STAGE_NONE,
    TW_LAB_STAGE_ADDING,
    TW_LAB_STAGE_COMMITTED, /* waits for the engine */
    TW_LAB_STAGE_DONE,
    TW_LAB_STAGE_FAILED,
};

struct tw_lab_service {
    bool on; /* engine.lab */
    enum tw_lab_stage stage;
    uint32_t import; /* number of the newest, 0: none yet */
    uint32_t count;  /* announced */
    uint32_t added;
    uint32_t installed;
    char message[TW_CONFIG_TEXT_SIZE]; /* FAILED: why */
};

void tw_lab_service_begin(struct tw_lab_service *lab, uint32_t import, uint32_t count);
/* The engine's word; about another import it changes nothing. */
void tw_lab_service_result(struct tw_lab_service *lab, const struct tw_agent_lab_result *result);
void tw_lab_service_engine_lost(struct tw_lab_service *lab);

#endif
