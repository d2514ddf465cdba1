/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/lab_service.h"

#include <stdio.h>
#include <string.h>

void tw_lab_service_begin(struct tw_lab_service *lab, uint32_t import, uint32_t count)
{
    lab->import = import;
    lab->count = count;
    lab->added = 0;
    lab->installed = 0;
    lab->message[0] = '\0';
    lab->stage = TW_LAB_STAGE_ADDING;
}

static bool is_under_way(const struct tw_lab_service *lab)
{
    return lab->stage == TW_LAB_STAGE_ADDING || lab->stage == TW_LAB_STAGE_COMMITTED;
}

void tw_lab_service_result(struct tw_lab_service *lab, const struct tw_agent_lab_result *result)
{
    if (!is_under_way(lab) || result->import != lab->import)
        return;
    lab->stage = result->ok != 0 ? TW_LAB_STAGE_DONE : TW_LAB_STAGE_FAILED;
    lab->installed = result->installed;
    memcpy(lab->message, result->message, sizeof(lab->message));
}

void tw_lab_service_engine_lost(struct tw_lab_service *lab)
{
    if (!is_under_way(lab))
        return;
    snprintf(lab->message, sizeof(lab->message),
             "the engine left before it told how the import ended");
    lab->stage = TW_LAB_STAGE_FAILED;
}
