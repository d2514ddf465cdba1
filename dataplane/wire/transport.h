/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One peer of a session: what it acknowledges, what it sends again, how fast, in which order.
 *
 * The same code in the worker and in the client library; see docs/decisions/0015-transport.md. The
 * caller seals and opens packets and knows the clock:
 *
 *   a packet came, authenticated and decoded:  tw_transport_receive, then tw_transport_take
 *   a packet is made:   tw_transport_write (after what the caller has to say itself)
 *   it was sealed:      tw_transport_sent; it was dropped instead: tw_transport_unsent
 *   now and then:       tw_transport_update; tw_transport_due_us tells when
 *
 * Every packet of the session is told to tw_transport_sent, in order of its number. No key, socket
 * or clock. Memory: the struct, and blocks of a pool. Pure, one owner; time in µs and never
 * backwards.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_TRANSPORT_H
#define TICKWIRE_DATAPLANE_WIRE_TRANSPORT_H

#include "dataplane/wire/acks.h"
#include "dataplane/wire/congestion.h"
#include "dataplane/wire/receiver.h"
#include "dataplane/wire/sent.h"

/* Runs in one packet: so many small messages that more would not be worth a packet's work. */
#define TW_TRANSPORT_RUNS_PER_PACKET 48u

struct tw_transport_config {
    struct tw_block_pool *pool;
    uint32_t send_blocks_max; /* of messages queued and under way */
    bool compressed_allowed;  /* accept compressed messages */
    uint64_t first_sequence;  /* number of the first packet to be sent */
};

#define TW_TRANSPORT_LINE __attribute__((aligned(64)))

/* A packet without messages, in or out, touches four lines of it and one of the sent log. */
struct tw_transport {
    struct tw_acks acks;
    uint64_t largest_lost;
    uint16_t run_count; /* of the packet being made */
    uint16_t run_bytes;
    bool state_news;    /* the state is another one; whoever tells others clears it … */
    uint8_t state_told; /* … and notes here what they know: enum tw_link_state */
    struct tw_sender sender TW_TRANSPORT_LINE;
    struct tw_receiver receiver TW_TRANSPORT_LINE;
    struct tw_sent sent TW_TRANSPORT_LINE;
    struct tw_congestion congestion TW_TRANSPORT_LINE;
    struct tw_run runs[TW_TRANSPORT_RUNS_PER_PACKET]; /* of the packet being made */
    uint32_t writes;
    uint32_t probes;                          /* packets that may leave beyond the window */
    uint32_t probe_backoff;                   /* probe time-outs in a row */
    uint64_t flight_at_us;                    /* newest packet with runs, or newest ack of one */
    uint64_t channel_at_us[TW_CHANNEL_COUNT]; /* when it last had a place in a packet */
    uint64_t overtaken_at_us;                 /* when a packet last came after later ones */
    uint32_t reorder_us; /* what such packets took beyond a round trip; 0: none overtakes */
    uint64_t packets_acked, packets_lost, packets_late, bytes_lost;
};

void tw_transport_init(struct tw_transport *transport, const struct tw_transport_config *config,
                       uint64_t now_us);
/* Gives all blocks back; taken messages are the taker's. Twice, or before init in zeroed memory, is
 * allowed. */
void tw_transport_fini(struct tw_transport *transport);
/* Between init and fini? */
static inline bool tw_transport_begun(const struct tw_transport *transport)
{
    return transport->sender.pool != NULL;
}
/* The session moved to another path: what was measured of the old one is forgotten. */
void tw_transport_path_changed(struct tw_transport *transport, uint64_t now_us);

/* What a packet said to the transport. */
struct tw_transport_packet {
    uint64_t sequence;
    const struct tw_frame_ack *ack; /* NULL: none */
    const uint8_t *messages;        /* NULL: none */
    size_t messages_size;
};
enum tw_transport_result {
    TW_TRANSPORT_OK,
    TW_TRANSPORT_NO_ROOM,   /* its messages were not stored; it will not be acknowledged */
    TW_TRANSPORT_MALFORMED, /* nothing was applied */
    TW_TRANSPORT_RANGE,     /* nothing was applied: ack of what was not sent, contradiction */
};
enum tw_transport_result tw_transport_receive(struct tw_transport *transport,
                                              const struct tw_transport_packet *packet,
                                              uint64_t now_us);
/* The next finished message, or NULL. Give it back with tw_message_free(pool, …). */
struct tw_message *tw_transport_take(struct tw_transport *transport);
/* The same, left where it is. */
const struct tw_message *tw_transport_peek(const struct tw_transport *transport);

enum tw_sender_result tw_transport_send(struct tw_transport *transport,
                                        const struct tw_outgoing *message);

/* Appends an ack frame and, where the path and the writer have room, a messages frame to the packet
 * being made. True if messages were written. */
bool tw_transport_write(struct tw_transport *transport, struct tw_writer *writer, uint64_t now_us);
/* The packet left, `size` bytes as a datagram. */
void tw_transport_sent(struct tw_transport *transport, uint32_t size, uint64_t now_us);
void tw_transport_unsent(struct tw_transport *transport);

/* Timers: losses, probes, deadlines. */
void tw_transport_update(struct tw_transport *transport, uint64_t now_us);
/* True if a packet should be made now for the transport's own sake. */
bool tw_transport_wants_packet(struct tw_transport *transport, uint64_t now_us);
/* When to call tw_transport_update or to make a packet, at the latest; UINT64_MAX: nothing waits.
 */
uint64_t tw_transport_due_us(const struct tw_transport *transport, uint64_t now_us);

static inline enum tw_link_state tw_transport_state(const struct tw_transport *transport)
{
    return (enum tw_link_state)transport->congestion.state;
}

#endif
