/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/flooder.h"

#include "dataplane/crypto/crc32c_isal.h"
#include "dataplane/engine/clock.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <string.h>

void tw_flooder_init(struct tw_flooder *flooder, const struct tw_replay_options *options,
                     const struct tw_plan *plan, const struct tw_replies *replies,
                     struct tw_replay_port *port)
{
    memset(flooder, 0, sizeof(*flooder));
    flooder->options = options;
    flooder->port = port;
    flooder->from_ns = UINT64_MAX;
    flooder->flood.random = options->flood_seed;
    flooder->flood.kinds = options->flood_kinds;
    tw_flood_init(&flooder->flood, plan, replies, tw_crc32c_isal);
}

void tw_flooder_start(struct tw_flooder *flooder, uint64_t start_ns)
{
    flooder->from_ns = start_ns + flooder->options->flood_from_ms * TW_MILLISECOND_NS;
}

static void note_trips(const struct tw_flooder *flooder, struct tw_flooder_trips *trips)
{
    memcpy(&trips->pong_ns, &flooder->flood.replies->pong_ns, sizeof(trips->pong_ns));
    memcpy(&trips->ack_ns, &flooder->flood.replies->ack_ns, sizeof(trips->ack_ns));
}

static void begin(struct tw_flooder *flooder, uint64_t now_ns)
{
    flooder->begun = true;
    flooder->begun_ns = now_ns;
    flooder->ended_ns = now_ns;
    note_trips(flooder, &flooder->at_begin);
}

static void end(struct tw_flooder *flooder)
{
    flooder->ended = true;
    note_trips(flooder, &flooder->at_end);
}

/* Packets that should have been made by now. */
static uint64_t due(const struct tw_flooder *flooder, uint64_t now_ns)
{
    uint64_t count = flooder->options->flood_count;
    if (flooder->options->flood_pps == 0)
        return count;
    double paced = (double)(now_ns - flooder->begun_ns) * (double)flooder->options->flood_pps / 1e9;
    return paced + 1.0 < (double)count ? (uint64_t)paced + 1u : count;
}

/* False: nothing can be made now. */
static bool make(struct tw_flooder *flooder)
{
    if (flooder->spare_count > 0) {
        flooder->pending[flooder->pending_count++] = flooder->spare[--flooder->spare_count];
        flooder->made++;
        return true;
    }
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(flooder->port->pool);
    if (!mbuf)
        return false;
    enum tw_flood_kind kind = tw_flood_choose(&flooder->flood);
    uint32_t length = tw_flood_write(&flooder->flood, kind, rte_pktmbuf_mtod(mbuf, uint8_t *));
    if (length == 0) {
        rte_pktmbuf_free(mbuf);
        return false;
    }
    (void)rte_pktmbuf_append(mbuf, (uint16_t)length);
    flooder->pending[flooder->pending_count++] = (struct tw_flooder_pending){mbuf, length, kind};
    flooder->made++;
    return true;
}

/* The port had no room for them. Their frames serve for packets that come later, so that offering
 * more than the port takes costs little. */
static void lose_pending(struct tw_flooder *flooder)
{
    for (uint32_t i = 0; i < flooder->pending_count; i++) {
        flooder->lost[flooder->pending[i].kind]++;
        flooder->spare[flooder->spare_count++] = flooder->pending[i];
    }
    flooder->pending_count = 0;
}

static void send_pending(struct tw_flooder *flooder)
{
    struct rte_mbuf *mbufs[TW_FLOODER_BURST];
    for (uint32_t i = 0; i < flooder->pending_count; i++)
        mbufs[i] = flooder->pending[i].mbuf;
    uint32_t sent = rte_eth_tx_burst(flooder->port->id, 0, mbufs, (uint16_t)flooder->pending_count);
    flooder->port_full += sent < flooder->pending_count;
    for (uint32_t i = 0; i < sent; i++) {
        flooder->sent[flooder->pending[i].kind]++;
        flooder->bytes[flooder->pending[i].kind] += flooder->pending[i].length;
    }
    flooder->pending_count -= sent;
    memmove(flooder->pending, flooder->pending + sent,
            flooder->pending_count * sizeof(flooder->pending[0]));
    if (sent > 0)
        flooder->ended_ns = tw_clock_now_ns();
    if (flooder->options->overflow)
        lose_pending(flooder);
}

void tw_flooder_turn(struct tw_flooder *flooder, uint64_t now_ns)
{
    if (flooder->ended || now_ns < flooder->from_ns)
        return;
    if (!flooder->begun)
        begin(flooder, now_ns);
    uint64_t wanted = due(flooder, now_ns);
    while (flooder->made < wanted && flooder->pending_count < TW_FLOODER_BURST && make(flooder))
        ;
    if (flooder->pending_count > 0)
        send_pending(flooder);
    if (flooder->made == flooder->options->flood_count && flooder->pending_count == 0)
        end(flooder);
}

uint64_t tw_flooder_due_ns(const struct tw_flooder *flooder)
{
    if (flooder->ended)
        return UINT64_MAX;
    if (!flooder->begun)
        return flooder->from_ns;
    if (flooder->options->flood_pps == 0 || flooder->pending_count > 0)
        return 0;
    return flooder->begun_ns +
           (uint64_t)((double)flooder->made * 1e9 / (double)flooder->options->flood_pps);
}

void tw_flooder_stop(struct tw_flooder *flooder, uint64_t now_ns)
{
    if (!flooder->begun)
        begin(flooder, now_ns);
    if (!flooder->ended)
        end(flooder);
    for (uint32_t i = 0; i < flooder->pending_count; i++)
        rte_pktmbuf_free(flooder->pending[i].mbuf);
    for (uint32_t i = 0; i < flooder->spare_count; i++)
        rte_pktmbuf_free(flooder->spare[i].mbuf);
    flooder->pending_count = 0;
    flooder->spare_count = 0;
}

static uint64_t sum(const uint64_t values[TW_FLOOD_KIND_COUNT])
{
    uint64_t total = 0;
    for (uint32_t kind = 0; kind < TW_FLOOD_KIND_COUNT; kind++)
        total += values[kind];
    return total;
}

uint64_t tw_flooder_sent(const struct tw_flooder *flooder)
{
    return sum(flooder->sent);
}

uint64_t tw_flooder_lost(const struct tw_flooder *flooder)
{
    return sum(flooder->lost);
}

uint64_t tw_flooder_bytes(const struct tw_flooder *flooder)
{
    return sum(flooder->bytes);
}
