/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/sent.h"

#include "tickwire/assert.h"

static_assert((TW_SENT_RUNS & (TW_SENT_RUNS - 1u)) == 0, "counts of runs wrap with the ring");
static_assert((TW_SENT_PACKETS & (TW_SENT_PACKETS - 1u)) == 0, "numbers wrap with the ring");

void tw_sent_init(struct tw_sent *sent, uint64_t next)
{
    memset(sent, 0, sizeof(*sent));
    sent->next = next;
    sent->oldest = next;
}

uint32_t tw_sent_runs_left(const struct tw_sent *sent)
{
    if (sent->oldest == sent->next)
        return TW_SENT_RUNS;
    const struct tw_sent_packet *oldest = &sent->packets[sent->oldest % TW_SENT_PACKETS];
    return TW_SENT_RUNS - (sent->runs_next - oldest->runs_first);
}

void tw_sent_record(struct tw_sent *sent, const struct tw_sent_packet *packet,
                    const struct tw_run *runs)
{
    TW_ASSERT(!tw_sent_full(sent) && packet->runs <= tw_sent_runs_left(sent));
    struct tw_sent_packet *at = tw_sent_at(sent, sent->next++);
    *at = *packet;
    at->state = TW_SENT_OPEN;
    at->runs_first = sent->runs_next;
    for (uint32_t i = 0; i < packet->runs; i++)
        sent->runs[sent->runs_next++ % TW_SENT_RUNS] = runs[i];
    if (packet->runs > 0) {
        sent->flight_packets++;
        sent->flight_bytes += packet->size;
    }
}

void tw_sent_settle(struct tw_sent *sent, uint64_t sequence, enum tw_sent_state state)
{
    struct tw_sent_packet *packet = tw_sent_at(sent, sequence);
    TW_ASSERT(packet->state == TW_SENT_OPEN && sequence >= sent->oldest && sequence < sent->next);
    packet->state = (uint8_t)state;
    if (packet->runs > 0) {
        sent->flight_packets--;
        sent->flight_bytes -= packet->size;
    }
    while (sent->oldest != sent->next && tw_sent_at(sent, sent->oldest)->state != TW_SENT_OPEN)
        sent->oldest++;
}
