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
 * or clock. Memory: the struct, and while messages are under way channels and blocks of their
 * pools. Pure, one owner; time in µs and never backwards.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_TRANSPORT_H
#define TICKWIRE_DATAPLANE_WIRE_TRANSPORT_H

#include "dataplane/wire/acks.h"
#include "dataplane/wire/channels.h"
#include "dataplane/wire/congestion.h"
#include "dataplane/wire/pmtu.h"
#include "dataplane/wire/sent.h"

#include <stddef.h>

/* Many round trips; what is sent again by then is sent blindly. */
#define TW_TRANSPORT_UNHEARD_US 1000000u

struct tw_transport_config {
    struct tw_channels_pool *channels;
    const struct tw_congestion_thresholds *thresholds; /* NULL: tw_congestion_defaults */
    uint64_t first_sequence;                           /* number of the first packet to be sent */
    uint32_t datagram_max; /* of this path, as far as both ends know; 0: TW_DATAGRAM_BASE */
};

/*
 * 1.6 KB a session, most of it times of sent packets. In lines of 64 bytes:
 *
 *   0       every packet, in or out       4 to 8    the first round trips; messages; large packets
 *   1 to 3  acknowledgements of ours      9 to 24   the log, of which a packet out writes one line
 */
struct tw_transport {
    struct tw_acks acks;
    struct tw_channels *channels; /* NULL: no message is under way */
    uint32_t reorder_us; /* what overtaken packets took beyond a round trip; 0: none overtakes */
    uint16_t datagram_bytes; /* so large may packets be: pmtu.size, where every packet finds it */
    bool begun;
    bool state_news; /* state or sizes are others; whoever tells them on clears it … */
    struct tw_sent sent;
    uint32_t packets_acked, packets_lost, packets_late;
    uint32_t acked_at_us; /* when a packet of ours was last acknowledged; low bits */
    struct tw_congestion congestion;
    struct tw_channels_pool *channels_pool;
    uint64_t overtaken_at_us;          /* when a packet last came after later ones */
    struct tw_channel_numbers numbers; /* while `channels` is NULL */
    struct tw_pmtu pmtu;
    const struct tw_congestion_thresholds *thresholds; /* its owner's, as is the pool */
    uint32_t path_first; /* packets before it left by an earlier path */
    /* … and notes here what others know. */
    uint16_t datagram_bytes_told;
    uint16_t tick_bytes_told;
    uint8_t state_told; /* enum tw_link_state */
    struct tw_sent_packet log[TW_SENT_PACKETS] __attribute__((aligned(64)));
} __attribute__((aligned(64)));
static_assert(offsetof(struct tw_transport, sent) + offsetof(struct tw_sent, settled) == 64,
              "what every packet touches fills the first line");
static_assert(offsetof(struct tw_transport, congestion.rtt.samples) <= 256,
              "what acknowledgements touch fills the next three");
static_assert(sizeof(struct tw_transport) == 1600, "the size named above");

void tw_transport_init(struct tw_transport *transport, const struct tw_transport_config *config,
                       uint64_t now_us);
/* Gives channels and blocks back; taken messages are the taker's. Twice, or before init in zeroed
 * memory, is allowed. */
void tw_transport_fini(struct tw_transport *transport);
/* Between init and fini? */
static inline bool tw_transport_begun(const struct tw_transport *transport)
{
    return transport->begun;
}
/* Gives the channels back if no message is held in either direction. True: it has none now. */
bool tw_transport_rest(struct tw_transport *transport);
/* Runs in the packet that is being made. */
static inline uint32_t tw_transport_run_count(const struct tw_transport *transport)
{
    return transport->channels ? transport->channels->run_count : 0;
}
/* Every message was acknowledged. */
static inline bool tw_transport_all_arrived(const struct tw_transport *transport)
{
    return !transport->channels || tw_sender_empty(&transport->channels->sender);
}
/* Does the other end hear nothing? Something of ours is on its way, and nothing was acknowledged
 * for a second. */
static inline bool tw_transport_unheard(const struct tw_transport *transport, uint64_t now_us)
{
    return transport->sent.oldest != transport->sent.next &&
           (uint32_t)now_us - transport->acked_at_us > TW_TRANSPORT_UNHEARD_US;
}
/* Channels of which a message that came is held up by its own sender: see receiver.h. Who hears
 * nothing is not told what is missing, and comes back to it when its turn comes. */
static inline uint32_t tw_transport_stalled(const struct tw_transport *transport, uint64_t now_us)
{
    return transport->channels
               ? tw_receiver_stalled(&transport->channels->receiver,
                                     tw_transport_unheard(transport, now_us), now_us)
               : 0;
}
/* Others may have to wait for what it holds, and it does not go on as it should: see receiver.h. */
static inline bool tw_transport_late(const struct tw_transport *transport, uint64_t now_us)
{
    return transport->channels && tw_receiver_late(&transport->channels->receiver, now_us);
}

/* The session moved to another path: what was measured of the old one is forgotten, and packets
 * that are still on their way there tell nothing about the new one when they arrive, or do not (RFC
 * 9000, section 9.4). Messages, numbers and acknowledgements go on. `datagram_max` as in the
 * configuration. */
void tw_transport_path_changed(struct tw_transport *transport, uint32_t datagram_max,
                               uint64_t now_us);
/* Bytes of plaintext that a packet may have on this path. */
static inline uint32_t tw_transport_plaintext_max(const struct tw_transport *transport)
{
    return transport->datagram_bytes - TW_PACKET_MIN;
}

/* The same of a packet that a tick makes: less while the path is strained. */
static inline uint32_t tw_transport_tick_plaintext(const struct tw_transport *transport)
{
    uint32_t bytes = transport->congestion.tick_bytes < transport->datagram_bytes
                         ? transport->congestion.tick_bytes
                         : transport->datagram_bytes;
    return bytes - TW_PACKET_MIN;
}

/* `to`, just begun, goes on with the messages of `from` towards a process that has nothing: what
 * was not acknowledged is sent from the beginning, what has arrived whole stays to be taken. `from`
 * has none then. Both of one worker. */
void tw_transport_inherit(struct tw_transport *to, struct tw_transport *from, uint64_t now_us);

/* It came by value from another owner: it goes on with a copy of its channels, if it has some, of
 * this pool. False: there is no room for that. Then it has no message any more, and must end. */
bool tw_transport_adopt(struct tw_transport *transport, struct tw_channels_pool *pool,
                        const struct tw_congestion_thresholds *thresholds);

/* What a packet said to the transport. */
struct tw_transport_packet {
    uint64_t sequence;
    const struct tw_frame_ack *ack; /* NULL: none */
    const uint8_t *messages;        /* NULL: none */
    size_t messages_size;
};
enum tw_transport_result {
    TW_TRANSPORT_OK,
    TW_TRANSPORT_NO_ROOM,   /* not all its messages were stored: no blocks, or no channels (then
                               none are there). It will not be acknowledged */
    TW_TRANSPORT_MALFORMED, /* nothing was applied */
    TW_TRANSPORT_RANGE,     /* nothing was applied: no packet number, ack of what was not sent,
                               contradiction */
};
enum tw_transport_result tw_transport_receive(struct tw_transport *transport,
                                              const struct tw_transport_packet *packet,
                                              uint64_t now_us);
/* The next finished message, or NULL. Give it back with tw_message_free(pool, …). */
struct tw_message *tw_transport_take(struct tw_transport *transport);
/* The same, left where it is. */
const struct tw_message *tw_transport_peek(const struct tw_transport *transport);

/* Would a message of that size be queued? If so it is to be sent now: channels are there for it.
 * NO_POOL with no channels there, here and below: none was free. */
enum tw_sender_result tw_transport_room(struct tw_transport *transport, uint32_t channel,
                                        uint32_t size, uint64_t now_us);
enum tw_sender_result tw_transport_send(struct tw_transport *transport,
                                        const struct tw_outgoing *message, uint64_t now_us);

/* Appends an ack frame and, where the path and the writer have room, a messages frame to the packet
 * being made. True if messages were written. */
bool tw_transport_write(struct tw_transport *transport, struct tw_writer *writer, uint64_t now_us);
/* Fills an empty packet (writer: TW_PLAINTEXT_MAX) with a probe of the path, if one is due. It is
 * sealed, and told to tw_transport_sent or _unsent, like any other. */
bool tw_transport_write_probe(struct tw_transport *transport, struct tw_writer *writer,
                              uint64_t now_us);
/* Larger datagrams are still being tried. */
static inline bool tw_transport_is_probing(const struct tw_transport *transport)
{
    return !transport->pmtu.rests;
}
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
