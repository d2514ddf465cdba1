/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of a worker's sessions: a transport for each, pools of channels and of blocks, the way
 * to and from shards.
 *
 *   messages frame → transport → record (the message lent) → shard → returned ring → pool
 *   shard → delivery.h → transport → messages frames
 *
 * On the whole way each channel has a line of its own; lines.h has how much of what they share one
 * may take. Large messages are compressed on the way; see bulk.h.
 *
 * A session's transport begins when it goes live and ends when it is released; messages that a
 * shard still holds come back later. Sessions with something under way stand in a list, each with
 * the time at which it has to be looked at, and only they hold channels. A client that leaves a
 * message half sent is closed with a reason, as is one that goes on with it too slowly while others
 * wait for room: see relief.h; and so is one that takes nothing while others wait for room, or too
 * little for too long: see backlog.h. Owned by the worker's lcore. See
 * docs/decisions/0015-transport.md, 0031-messages-wait.md, 0032-talkers.md and
 * 0034-room-for-messages.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_TALK_H
#define TICKWIRE_DATAPLANE_GATE_TALK_H

#include "dataplane/gate/bulk.h"
#include "dataplane/gate/delivery.h"
#include "dataplane/gate/path.h"
#include "dataplane/gate/patience.h"
#include "dataplane/wire/transport.h"
#include "tickwire/config.h"
#include "tickwire/ids.h"
#include "tickwire/lines.h"
#include "tickwire/prefetch.h"
#include "tickwire/shard.h"

struct tw_worker;
struct tw_client_frames;

/* Messages a session may bring at once: a window of them. */
#define TW_TALK_MESSAGES_BURST 64u
/* Messages at shards at once, of all channels; as many cells as a returned ring has, of which one
 * stays free. */
#define TW_TALK_LENT_MAX 255u
/* Whoever has something under way is looked at this often at least: a stalled message is noticed so
 * much late at most. */
#define TW_TALK_LOOK_US 250000u
/* Sessions with messages under way at the same moment, at most. */
#define TW_TALK_CHANNELS_MAX 8192u

/* What a session has used up, of what it may say and of others' patience: it keeps it wherever it
 * goes. */
struct tw_talk_account {
    struct tw_budget budget;
    struct tw_budget dear; /* while speech is dear, as well */
    uint64_t bulk_us;      /* when it last said something of bulk; 0: never */
    struct tw_patience patience;
    uint8_t paid[TW_CHANNEL_BULK]; /* of that, for the next message of each channel but bulk */
    uint8_t turn;                  /* the channel of these that is next */
};

static inline void tw_talk_next_turn(struct tw_talk_account *account, uint32_t channel)
{
    account->turn = (uint8_t)((channel + 1u) % TW_CHANNEL_BULK);
}

struct tw_talk_session {
    uint64_t back_us;    /* it is heard since then: what waited before waits from then on */
    uint64_t refused_us; /* others waited for it then */
    struct tw_talk_account account;
    uint32_t listed_at; /* its place in the list, from 1; 0: it is not in it */
    bool fresh;         /* in that queue */
    bool sized;         /* no larger datagram is being tried, as far as it was looked at */
};

/* Of the list: the times stand together, so that whoever is not due costs nobody a look at it. */
struct tw_talk_busy {
    uint64_t due_us; /* when to look at it */
    uint32_t slot;
};

struct tw_talk {
    struct tw_block_pool pool;
    struct tw_channels_pool channels;
    struct tw_congestion_thresholds thresholds;
    struct tw_bulk *bulk;
    struct tw_transport *transports;  /* [sessions] */
    struct tw_talk_session *sessions; /* [sessions] */
    struct tw_talk_busy *busy;        /* [sessions] */
    uint32_t busy_count;
    uint32_t busy_next; /* where the walk of the next turn begins */
    uint32_t *fresh;    /* [sessions] slots, a ring: something came for them, or from them */
    uint32_t fresh_first, fresh_count;
    uint32_t sessions_max;
    bool room_short;                 /* somebody found none at the shard, … */
    bool returned;                   /* … and some came back since */
    uint32_t lent[TW_CHANNEL_COUNT]; /* messages at shards, */
    uint32_t lent_blocks[TW_CHANNEL_COUNT];
    uint32_t lent_blocks_max; /* of all channels */
    uint64_t relief_us;       /* next look for who may be closed for the room it takes, */
    uint64_t late_look_us;    /* and for what it has begun */
    struct tw_dearness dearness;
    uint64_t strains_us; /* next look for strain at others */
    struct tw_budget_rate message_rate, dear_rate;
    uint64_t bulk_us, dear_bulk_us; /* since the last one, for each KB of bulk */
    uint32_t message_wait_us;       /* until the budget has one more */
    struct tw_deliveries delivery;
};

/* The largest datagram that a port and its family of addresses take, both ways. */
uint32_t tw_talk_datagram_max(const struct tw_worker *worker, const struct tw_path_end *end);

/* Bytes of zeroed, 64-aligned memory. */
size_t tw_talk_footprint(uint32_t sessions, uint32_t shards, const struct tw_config_limits *limits);
void tw_talk_init(struct tw_talk *talk, void *memory, uint32_t sessions, uint32_t shards,
                  const struct tw_config *config);

void tw_talk_begin(struct tw_worker *worker, uint32_t slot);
void tw_talk_end(struct tw_worker *worker, uint32_t slot);
/* Just begun, it goes on with the messages of another session of this worker. */
void tw_talk_inherit(struct tw_worker *worker, uint32_t slot, uint32_t from);
/* It is looked at by then, or in this turn if that is 0. */
void tw_talk_list(struct tw_talk *talk, uint32_t slot, uint64_t due_us);
/* It is heard again: what waits for it goes on now. */
void tw_talk_wake(struct tw_worker *worker, uint32_t slot);
/* The session has another address: what was measured of the old path is forgotten. */
void tw_talk_path_changed(struct tw_worker *worker, uint32_t slot);

/* Now and then: larger datagrams are tried again on its path once their time has come. */
void tw_talk_probe_again(struct tw_worker *worker, uint32_t slot);

/* A session goes to another worker with its transport as it is: best while it holds nothing of this
 * one's pools, in a pause between messages. */
bool tw_talk_is_pause(struct tw_worker *worker, uint32_t slot);
/* Without a pause its channels stay here, untouched, until the other worker has a copy: returns
 * which, and 0 if there are none. */
uint32_t tw_talk_leave(struct tw_worker *worker, uint32_t slot, struct tw_transport *transport);
/* False: there was no room for its messages; it cannot go on. */
bool tw_talk_arrive(struct tw_worker *worker, uint32_t slot, const struct tw_transport *transport)
    __attribute__((warn_unused_result));
/* They were copied. */
void tw_talk_copied(struct tw_worker *worker, uint32_t channels);

/* Acks and messages of a packet. False: it contradicts itself or us, and nothing was applied. */
bool tw_talk_receive(struct tw_worker *worker, uint32_t slot, uint64_t sequence,
                     const struct tw_client_frames *frames) __attribute__((warn_unused_result));
/* A message for a session that is live. False: it has no room now; it will, or be closed, or
 * lapse: for one that has, it is counted and dropped. */
bool tw_talk_say(struct tw_worker *worker, uint32_t slot, const struct tw_outgoing *message)
    __attribute__((warn_unused_result));

/* Bytes of plaintext that the session's path takes. */
static inline uint32_t tw_talk_plaintext_max(const struct tw_talk *talk, uint32_t slot)
{
    return tw_transport_plaintext_max(&talk->transports[slot]);
}
/* Appends an ack, and messages where there is room. */
void tw_talk_write(struct tw_worker *worker, uint32_t slot, struct tw_writer *writer);
/* What was written last left as a datagram of `size` bytes, or did not. */
void tw_talk_sent(struct tw_worker *worker, uint32_t slot, uint32_t size);
void tw_talk_unsent(struct tw_worker *worker, uint32_t slot);

/* Starts loading what every packet of the session touches. */
static inline void tw_talk_prefetch(const struct tw_talk *talk, uint32_t slot)
{
    tw_prefetch_to_write(&talk->transports[slot]);
}

/* What a packet with messages touches besides. */
static inline void tw_talk_prefetch_messages(const struct tw_talk *talk, uint32_t slot)
{
    const struct tw_channel_numbers *numbers = &talk->transports[slot].numbers;
    tw_prefetch_to_write(&talk->sessions[slot]);
    tw_prefetch_to_write(numbers);
    tw_prefetch_to_write((const uint8_t *)(numbers + 1) - 1);
}

/* Once the first line is there: the one where a packet that is sent is noted; and where a client
 * acknowledges nothing, the one that counts the packet given up for it. */
static inline void tw_talk_prefetch_sent(const struct tw_talk *talk, uint32_t slot)
{
    const struct tw_transport *transport = &talk->transports[slot];
    tw_prefetch_to_write(&transport->log[transport->sent.next % TW_SENT_PACKETS]);
    if (tw_sent_full(&transport->sent))
        tw_prefetch_to_write(transport->sent.settled);
}

/* A turn begins: messages that came back; whoever waited for that and whose time it is goes before
 * those who say something in this turn. */
void tw_talk_begin_turn(struct tw_worker *worker);
/* After each burst, as long as what it touched is in the caches: those with news. */
void tw_talk_pass_on(struct tw_worker *worker);
/* It ends: timers, packets of messages, those for whom shards have something. */
void tw_talk_end_turn(struct tw_worker *worker);

#endif
