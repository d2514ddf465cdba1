/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/agreement.h"

void tw_load_agreement_look(struct tw_load_agreement *agreement,
                            const struct tw_client_statistics *statistics, uint64_t now_us)
{
    if (statistics->snapshots == agreement->snapshots)
        return;
    bool whole = agreement->snapshots != 0 && statistics->snapshots_lost == agreement->lost &&
                 statistics->snapshots_incomplete == agreement->incomplete &&
                 statistics->hashes_checked == agreement->hashes;
    uint64_t gap_us = now_us - agreement->looked_us;
    if (gap_us > TW_LOAD_LOOK_GAP_MAX_US)
        gap_us = TW_LOAD_LOOK_GAP_MAX_US;
    agreement->whole_us = whole ? agreement->whole_us + gap_us : 0;
    agreement->overdue |= agreement->whole_us > TW_LOAD_HASH_PATIENCE_US;
    agreement->snapshots = statistics->snapshots;
    agreement->incomplete = statistics->snapshots_incomplete;
    agreement->hashes = statistics->hashes_checked;
    agreement->lost = statistics->snapshots_lost;
    agreement->looked_us = now_us;
}
