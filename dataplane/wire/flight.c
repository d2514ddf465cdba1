/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/flight.h"

#include "tickwire/assert.h"

static_assert((TW_FLIGHT_RUNS & (TW_FLIGHT_RUNS - 1u)) == 0, "counts of runs wrap with the ring");

/* Notes and runs are written before they are read. */
void tw_flight_init(struct tw_flight *flight, uint32_t first)
{
    flight->first = first;
    flight->packets = 0;
    flight->bytes = 0;
    flight->runs_next = 0;
    flight->runs_oldest = 0;
}

void tw_flight_record(struct tw_flight *flight, uint32_t number,
                      const struct tw_sent_packet *packet, const struct tw_run *runs)
{
    TW_ASSERT(packet->runs > 0 && packet->runs <= tw_flight_runs_left(flight));
    tw_flight_at(flight, number)->runs_first = flight->runs_next;
    for (uint32_t i = 0; i < packet->runs; i++)
        flight->runs[flight->runs_next++ % TW_FLIGHT_RUNS] = runs[i];
    flight->packets++;
    flight->bytes += packet->size;
}

void tw_flight_settle(struct tw_flight *flight, const struct tw_sent_packet *packet)
{
    TW_ASSERT(flight->packets > 0);
    flight->packets--;
    flight->bytes -= packet->size;
}

void tw_flight_forget(struct tw_flight *flight, uint32_t number,
                      const struct tw_sent_packet *packet)
{
    flight->runs_oldest = (uint16_t)(tw_flight_at(flight, number)->runs_first + packet->runs);
}
