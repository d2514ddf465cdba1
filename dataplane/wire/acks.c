/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/acks.h"

void tw_acks_init(struct tw_acks *acks)
{
    memset(acks, 0, sizeof(*acks));
}

uint64_t tw_acks_due_us(const struct tw_acks *acks)
{
    if (acks->waiting == 0)
        return UINT64_MAX;
    return acks->waiting >= TW_ACKS_EVERY ? acks->waiting_since_us
                                          : acks->waiting_since_us + TW_ACKS_DELAY_US;
}
