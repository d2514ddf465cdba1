/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/sent.h"

#include "tickwire/assert.h"

#include <string.h>

static_assert((TW_SENT_PACKETS & (TW_SENT_PACKETS - 1u)) == 0, "numbers wrap with the ring");

void tw_sent_init(struct tw_sent *sent, uint64_t next)
{
    TW_ASSERT(next <= TW_SEALED_MAX);
    memset(sent, 0, sizeof(*sent));
    sent->next = (uint32_t)next;
    sent->oldest = (uint32_t)next;
}

static void set(uint64_t words[TW_SENT_WORDS], uint32_t number)
{
    words[number % TW_SENT_PACKETS / 64u] |= UINT64_C(1) << (number % 64u);
}

void tw_sent_settle(struct tw_sent *sent, uint32_t number, bool lost)
{
    TW_ASSERT(tw_sent_is_open(sent, number));
    set(sent->settled, number);
    if (!lost)
        return;
    set(sent->lost, number);
    if (number > sent->largest_lost)
        sent->largest_lost = number;
}

void tw_sent_late(struct tw_sent *sent, uint32_t number)
{
    TW_ASSERT(tw_sent_is_lost(sent, number));
    tw_sent_clear(sent->lost, number);
}

bool tw_sent_advance(struct tw_sent *sent)
{
    if (sent->oldest == sent->next || !tw_sent_bit(sent->settled, sent->oldest))
        return false;
    tw_sent_clear(sent->settled, sent->oldest++);
    return true;
}
