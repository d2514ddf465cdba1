/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/patience.h"

static void forgive(struct tw_patience *patience, uint64_t now_us)
{
    uint64_t back_us = (now_us - patience->at_us) / TW_PATIENCE_BACK;
    patience->used_us = back_us < patience->used_us ? patience->used_us - (uint32_t)back_us : 0;
    /* What is less than one is not lost, however often it is looked at. */
    patience->at_us = patience->used_us > 0 ? patience->at_us + back_us * TW_PATIENCE_BACK : now_us;
}

/* True: it takes more than is said to it. */
static bool gets_less(struct tw_patience *patience, uint32_t left, uint64_t now_us)
{
    uint64_t falls = (now_us - patience->most_us) / TW_PATIENCE_GRANULE_US;
    if (patience->seen_us == 0 || left + falls > patience->most) {
        patience->most = left;
        patience->most_us = now_us;
    }
    return left + TW_PATIENCE_LESS <= patience->most;
}

bool tw_patience_look(struct tw_patience *patience, const struct tw_patience_sight *sight,
                      uint64_t now_us)
{
    if (sight->state == TW_PATIENCE_KEEPS_UP) {
        patience->seen_us = 0;
        return true;
    }
    bool free = gets_less(patience, sight->left, now_us) && sight->state == TW_PATIENCE_BEHIND;
    uint64_t since_us = patience->seen_us != 0 && !free ? now_us - patience->seen_us : 0;
    forgive(patience, now_us);
    patience->used_us += since_us < sight->longest_us ? (uint32_t)since_us : sight->longest_us;
    patience->seen_us = now_us;
    return patience->used_us < TW_PATIENCE_US;
}

uint32_t tw_dearness_now(struct tw_dearness *dearness, uint64_t now_us)
{
    while (dearness->above > 0 && now_us >= dearness->back_at_us) {
        dearness->above = (1u + dearness->above) / 2u - 1u;
        dearness->back_at_us += TW_DEARNESS_BACK_US;
    }
    return 1u + dearness->above;
}

void tw_dearness_press(struct tw_dearness *dearness, uint64_t now_us)
{
    uint32_t now = tw_dearness_now(dearness, now_us);
    dearness->back_at_us = now_us + TW_DEARNESS_BACK_US;
    if (now_us < dearness->double_at_us)
        return;
    dearness->above = (2u * now < TW_DEARNESS_MAX ? 2u * now : TW_DEARNESS_MAX) - 1u;
    dearness->double_at_us = now_us + TW_DEARNESS_DOUBLE_US;
}

void tw_dearness_leap(struct tw_dearness *dearness, uint64_t now_us)
{
    dearness->above = TW_DEARNESS_MAX - 1u;
    dearness->back_at_us = now_us + TW_DEARNESS_BACK_US;
    dearness->double_at_us = now_us + TW_DEARNESS_DOUBLE_US;
}
