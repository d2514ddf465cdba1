/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's memory, shared by the files of this folder that make up its loop.
 *
 *   worker.c     create, loop, idle back-off       inward.c     rx burst through the stages
 *   handshake.c  hello, hello 2, replies           route.c      decoded frames → shard records
 *   owed.c       what waits for room; closing      outward.c    shard buffers, pongs → sealed
 *   inward_ipv6.c  neighbour discovery, ICMPv6 echo
 *   transmit.c   seal batch, headers, tx burst     commands.c   from the main thread, timeouts
 *   filter_stage.c  packets as views for filters   share_stage.c  a crowded burst's strangers
 *   talk.c       messages of sessions              delivery.c   messages that shards send
 *   backlog.c    who is closed for what waits      speech.c     what saying something costs
 *   relief.c     who is closed for what it began
 *   roam.c       sessions that change address      move.c       sessions that change worker
 *   lab.c        sessions of a lab, imported       rekey.c      key phases of sessions
 *   life.c       sessions that are silent          resume.c     sessions that go on elsewhere
 *
 * Written by its lcore alone, but for `drained`. Ledger: over all workers, the sum of outcomes
 * equals the sum of rx_packets, less what lies in hand-over rings at that moment: a packet handed
 * over is counted as received where it came in and ends in an outcome of its session's owner.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_WORKER_STATE_H
#define TICKWIRE_DATAPLANE_GATE_WORKER_STATE_H

#include "dataplane/gate/budget.h"
#include "dataplane/gate/burst.h"
#include "dataplane/gate/cells.h"
#include "dataplane/gate/filter.h"
#include "dataplane/gate/guests.h"
#include "dataplane/gate/interface.h"
#include "dataplane/gate/life.h"
#include "dataplane/gate/live.h"
#include "dataplane/gate/mailbox.h"
#include "dataplane/gate/move.h"
#include "dataplane/gate/pacer.h"
#include "dataplane/gate/packet.h"
#include "dataplane/gate/parse.h"
#include "dataplane/gate/pending.h"
#include "dataplane/gate/resume.h"
#include "dataplane/gate/sessions.h"
#include "dataplane/gate/stage_cycles.h"
#include "dataplane/gate/talk.h"
#include "dataplane/gate/udp_frame.h"
#include "dataplane/gate/worker.h"
#include "dataplane/wire/cookie.h"
#include "tickwire/shard.h"

struct rte_mbuf;

#define TW_SEAL_BATCH 32u
/* Largest frame that is sent back: what every transmit buffer holds, our own largest frame. */
#define TW_ANSWER_MAX (TW_FRAME_HEADERS_SIZE + TW_DATAGRAM_MAX)
/* Sessions looked at per turn when there is more to do than that: a turn stays short. */
#define TW_SESSIONS_PER_TURN 64u
#define TW_HOUSEKEEPING_NS   UINT64_C(1000000)

#define TW_ACK_FRAME_SIZE  (TW_FRAME_HEADER_SIZE + TW_ACK_SIZE)
#define TW_PONG_FRAME_SIZE (TW_FRAME_HEADER_SIZE + TW_PONG_SIZE)
/* What a shard may fill at most: the rest of the datagram is header, our own two frames and the
 * tag. How much of it a session's path takes, its records say. */
#define TW_SHARD_CAPACITY (TW_PLAINTEXT_MAX - TW_ACK_FRAME_SIZE - TW_PONG_FRAME_SIZE)
static_assert(TW_HEADER_SIZE + TW_SHARD_CAPACITY + TW_ACK_FRAME_SIZE + TW_PONG_FRAME_SIZE +
                      TW_TAG_SIZE ==
                  TW_DATAGRAM_MAX,
              "a full buffer with both frames still fits a datagram");

static_assert(TW_SHARD_CAPACITY - TW_PLAINTEXT_MAX + TW_PLAINTEXT_BASE == TW_SHARD_BASE_CAPACITY,
              "what shards begin with");

static_assert(TW_SHARD_CAPACITY - TW_PLAINTEXT_MAX + TW_TICK_BYTES_MIN - TW_PACKET_MIN >=
                  TW_SHARD_LEAST_CAPACITY,
              "what a strained path leaves to a shard");

/* Of these, what the session's path takes now. */
static inline uint32_t tw_talk_shard_capacity(const struct tw_talk *talk, uint32_t slot)
{
    return TW_SHARD_CAPACITY - TW_PLAINTEXT_MAX +
           tw_transport_tick_plaintext(&talk->transports[slot]);
}

struct tw_budgets {
    struct tw_budget stranger, pass_on, arp, nd, icmp; /* nd: at the rate of arp */
    struct tw_budget_rate stranger_rate, pass_on_rate, arp_rate, icmp_rate;
    struct tw_budget_rate source_rate, session_rate, input_rate;
    struct tw_path_tries path_tries;
    struct tw_source_budgets sources;
};

/* Where a datagram goes. */
struct tw_send_target {
    uint8_t interface;
    bool is_ipv6;
    union {
        struct tw_udp_target ipv4;
        struct tw_udp6_target ipv6;
    };
};

/* Buffers at hand for answers that are likely to be sent in this burst. */
struct tw_reserve {
    uint32_t count;
    struct rte_mbuf *mbufs[TW_BURST_MAX];
};

/* Packets with header and plaintext in place, waiting to be sealed together. */
struct tw_seal_batch {
    bool sealed; /* wait for their headers only */
    struct tw_aead_job jobs[TW_SEAL_BATCH];
    struct rte_mbuf *mbufs[TW_SEAL_BATCH];
    struct tw_send_target targets[TW_SEAL_BATCH];
    uint32_t count;
};

/* Cells of a shard's ring that are reserved together: some bursts' worth, so that the cell of a
 * burst later is one of them when it is asked for. */
#define TW_CELLS_RESERVED 128u

/* Slots in order of arrival, each at most once: as many cells as sessions. */
struct tw_slot_queue {
    uint32_t *slots;
    uint32_t first;
    uint32_t count;
};

/* A walk over all slots, a few per turn. */
struct tw_walk {
    bool running;
    uint32_t next;
    uint16_t reason; /* CLOSE_ALL */
};

/* What a lab's import came to since the last report. */
struct tw_lab_tally {
    uint32_t installed;
    uint32_t refused, first_refused;
    bool owed;       /* a report that found the event ring full */
    uint32_t import; /* of that report */
};

struct tw_worker {
    struct tw_worker_config config;
    uint32_t interface_count;
    struct tw_sessions sessions;
    struct tw_pending pending;
    struct tw_live live;
    struct tw_filter filter;
    struct tw_budgets budgets;
    struct tw_guests guests;
    struct tw_conduct_rules conduct;
    struct tw_cookie_keys cookies;
    const struct tw_packet *waiting_hello; /* of this burst; NULL: none */
    uint64_t now_ns, now_us;
    uint32_t tick;            /* that runs now */
    uint64_t back_ns;         /* when it last came back after being held up for a second or more */
    uint64_t housekeeping_ns; /* next */
    bool control_linked;
    bool closing_all;
    struct tw_walk close_walk;
    struct tw_walk resync_walk;
    uint32_t moves_asked[TW_WORKERS_MAX]; /* under way, by target */
    struct tw_move_granted moves_granted[TW_WORKERS_MAX * TW_MOVES_UNDER_WAY];
    uint32_t moves_granted_count;
    uint32_t timeout_slot; /* next to be looked at */
    uint32_t rekey_slot;   /* the same for its key phase */
    struct tw_phase_limits phase_limits;
    struct tw_slot_queue owed;
    uint32_t *pongs; /* slots whose ping came in this turn */
    uint32_t pong_count;
    uint32_t sent; /* this turn */
    struct tw_burst burst;
    struct rte_mbuf *received[TW_BURST_MAX]; /* of burst.packets; NULL once passed on */
    struct tw_stage_cycles stage_cycles;
    struct tw_seal_batch seal;
    struct tw_reserve reserve;
    struct tw_cells_writer cells_writer;
    struct tw_cells cells[TW_SHARDS_MAX];
    struct tw_pacer_rules pacer_rules;
    struct tw_pacer pacers[TW_SHARDS_MAX];
    struct tw_worker_event event;
    struct tw_worker_command command;
    struct tw_interface interfaces[TW_PORTS_MAX];
    struct tw_lab_tally lab;
    void *session_memory;
    size_t session_memory_size;
    void *pending_memory;
    void *filter_memory;
    struct tw_talk talk;
    void *talk_memory;
    struct tw_lives lives;
    void *life_memory;
    struct tw_resume_grant *grants; /* [sessions] */
    _Atomic bool drained;           /* worker: w, any: r */
} __attribute__((aligned(64)));

/* Both of its times at once: sessions keep some in the one, some in the other. */
static inline void tw_worker_set_now(struct tw_worker *worker, uint64_t now_ns)
{
    worker->now_ns = now_ns;
    worker->now_us = now_ns / 1000u;
}

/* µs since tick 0 */
static inline uint64_t tw_worker_server_time_us(const struct tw_worker *worker)
{
    uint64_t epoch_ns = worker->config.epoch_ns;
    return worker->now_ns > epoch_ns ? (worker->now_ns - epoch_ns) / 1000u : 0;
}

/* ---- worker.c -------------------------------------------------------------------------------- */
/* How long to sleep after so many empty turns in a row; 0: poll again. */
long tw_worker_pause_ns(const struct tw_worker *worker, uint32_t empty_turns);

/* ---- inward.c -------------------------------------------------------------------------------- */
uint32_t tw_inward_turn(struct tw_worker *worker);
/* Whether a packet of the port's that names another worker goes there. Which of them are sessions'
 * shows only there: all that are not known for it share what is passed on. Asked any number of
 * times, it pays once. */
bool tw_inward_may_pass(struct tw_worker *worker, struct tw_packet *packet);
/* Sends a packet's frame, changed in place, by the interface it came by: at most TW_ANSWER_MAX. */
void tw_inward_send_back(struct tw_worker *worker, const struct tw_packet *packet, uint32_t length);

/* ---- inward_ipv6.c --------------------------------------------------------------------------- */
/* Packet i of the burst is neighbour discovery or an ICMPv6 echo request. */
void tw_ipv6_answer(struct tw_worker *worker, uint32_t i);

/* ---- share_stage.c --------------------------------------------------------------------------- */
/* Of a crowded burst, right after parse: sheds strangers beyond their share, and looks at the UDP
 * checksums of the others. */
void tw_share_stage(struct tw_worker *worker);

/* ---- filter_stage.c -------------------------------------------------------------------------- */
/* Right after parse: drops what the rules say. */
void tw_filter_stage_admit(struct tw_worker *worker);
/* After commit: what is authentic pays its limit, what was forged is put down as that. */
void tw_filter_stage_settle(struct tw_worker *worker);
/* After the last stage: remembers who sent malformed packets. */
void tw_filter_stage_report(struct tw_worker *worker);

/* ---- handshake.c ----------------------------------------------------------------------------- */
/* Decides the packet, whose connection id is 0. It stays as it is until tw_handshake_flush: a
 * cookie may be made together with that of another hello of the burst. */
void tw_handshake_receive(struct tw_worker *worker, struct tw_packet *packet);
void tw_handshake_flush(struct tw_worker *worker);
/* A pending session of a reply that another worker got: see resume.h. False: no slot is free. */
bool tw_handshake_install(struct tw_worker *worker, const struct tw_resume_request *request)
    __attribute__((warn_unused_result));
void tw_handshake_reply(struct tw_worker *worker, const struct tw_agent_handshake_reply *reply);
void tw_handshake_expire(struct tw_worker *worker);

/* ---- route.c --------------------------------------------------------------------------------- */
/* A pending session is in: it joins its world and is reported as confirmed. */
void tw_route_make_live(struct tw_worker *worker, uint32_t slot);
/* Applies the frames of accepted packets, and closes sessions that sent one malformed packet too
 * many. Records are in their rings when it returns. */
void tw_route_burst(struct tw_worker *worker, struct tw_burst *burst);
/* What a session's conduct has come to: counted, told, obeyed. False: the session is closed. */
bool tw_route_verdict(struct tw_worker *worker, uint32_t slot,
                      const struct tw_conduct_verdict *verdict);
/* Single records, told apart by whether there was room; in their rings by tw_route_flush. */
bool tw_route_join(struct tw_worker *worker, uint32_t slot) __attribute__((warn_unused_result));
bool tw_route_leave(struct tw_worker *worker, uint32_t slot) __attribute__((warn_unused_result));
/* The slot's last record: names where its session goes. `fresh`: to a client that has nothing of
 * the world. */
bool tw_route_move(struct tw_worker *worker, uint32_t slot, bool fresh)
    __attribute__((warn_unused_result));
/* Nothing more is to be written for the slot, or something may be again. */
bool tw_route_hold(struct tw_worker *worker, uint32_t slot, bool on)
    __attribute__((warn_unused_result));
/* Not when the shard's ring is full. */
bool tw_route_message(struct tw_worker *worker, uint32_t slot, struct tw_message *message,
                      const struct tw_block *blocks) __attribute__((warn_unused_result));
bool tw_route_link(struct tw_worker *worker, uint32_t slot, uint32_t state)
    __attribute__((warn_unused_result));
bool tw_route_presence(struct tw_worker *worker, uint32_t slot, enum tw_presence presence)
    __attribute__((warn_unused_result));

void tw_route_flush(struct tw_worker *worker);

/* ---- roam.c ---------------------------------------------------------------------------------- */
/* An accepted packet that did not come from its session's address. */
void tw_roam_packet(struct tw_worker *worker, const struct tw_packet *packet,
                    const struct tw_client_frames *frames);

/* ---- move.c ---------------------------------------------------------------------------------- */
/* An accepted packet that arrived elsewhere, or whose session has something to roam about. */
void tw_move_look(struct tw_worker *worker, const struct tw_packet *packet);
/* Takes what other workers sent. */
void tw_move_take_turn(struct tw_worker *worker);
/* The shard has nothing more for the slot. */
void tw_move_held(struct tw_worker *worker, uint32_t slot);
/* Gives away what may go. */
void tw_move_give_turn(struct tw_worker *worker);
/* A tombstone's session is to be closed where it is now. */
void tw_move_close(struct tw_worker *worker, uint32_t slot, uint16_t reason);
/* False: no room in that worker's ring. */
bool tw_move_resume(struct tw_worker *worker, uint32_t to, const struct tw_resume_request *request)
    __attribute__((warn_unused_result));
void tw_move_check_tombstone(struct tw_worker *worker, uint32_t slot);

/* ---- owed.c ---------------------------------------------------------------------------------- */
bool tw_owed_event(struct tw_worker *worker, enum tw_event_type type)
    __attribute__((warn_unused_result));
/* Nothing about the session waits here, and all that was told about it was read. */
bool tw_owed_nothing(const struct tw_worker *worker, uint32_t slot);
bool tw_owed_session_event(struct tw_worker *worker, enum tw_event_type type, uint32_t slot)
    __attribute__((warn_unused_result));
/* Delivers what can be delivered now and lists the session if something is left. */
void tw_owed_settle(struct tw_worker *worker, uint32_t slot);
/* Ends a pending or live session; with `tell`, the client gets three close frames. */
void tw_owed_close(struct tw_worker *worker, uint32_t slot, uint16_t reason, bool tell);
/* Ends a live session whose player and messages are those of `new_id` now. */
void tw_owed_fence(struct tw_worker *worker, uint32_t slot, uint32_t new_id);
void tw_owed_release(struct tw_worker *worker, uint32_t slot);
/* A packet of a session that is closing: its client has not heard of it. */
void tw_owed_answer(struct tw_worker *worker, const struct tw_packet *packet);
/* A slot for a new session, if need be that of one that has ended and might still be told so. */
uint32_t tw_owed_take_slot(struct tw_worker *worker);
void tw_owed_turn(struct tw_worker *worker);

/* ---- rekey.c --------------------------------------------------------------------------------- */
/* Keys of phase 0, of a session whose packet numbers are set. */
void tw_rekey_install(struct tw_worker *worker, uint32_t slot, enum tw_suite suite,
                      const uint8_t receive_secret[TW_KEY_SIZE],
                      const uint8_t send_secret[TW_KEY_SIZE]);
/* Looks at some sessions' key phases; once per housekeeping. */
void tw_rekey_round(struct tw_worker *worker);

/* ---- lab.c ----------------------------------------------------------------------------------- */
void tw_lab_check(struct tw_worker *worker, const struct tw_lab_check *check);
/* The session is live at once: it joins its world and is reported as confirmed. */
void tw_lab_install(struct tw_worker *worker, const struct tw_lab_install *install);
void tw_lab_report(struct tw_worker *worker, uint32_t import);
/* Sends a report that is still owed. */
void tw_lab_settle(struct tw_worker *worker);

/* ---- outward.c ------------------------------------------------------------------------------- */
void tw_outward_turn(struct tw_worker *worker);
/* A ping came that is to be answered in this turn. */
void tw_outward_owe_pong(struct tw_worker *worker, uint32_t slot);
/* False: the session closes for lack of packet numbers. */
bool tw_outward_numbers_left(struct tw_worker *worker, uint32_t slot);
/* A packet that tries whether the path takes larger ones, if that is due. */
void tw_outward_probe(struct tw_worker *worker, uint32_t slot);
/* A packet of what the session has to say: acks, messages, a pong. False: nothing, or no buffer. */
bool tw_outward_packet(struct tw_worker *worker, uint32_t slot);
void tw_outward_close_frame(struct tw_worker *worker, uint32_t slot);
/* Tells the client how its conduct is taken. */
void tw_outward_notice(struct tw_worker *worker, uint32_t slot);
void tw_outward_refill(struct tw_worker *worker);

/* ---- transmit.c ------------------------------------------------------------------------------ */
/* By whether the port finishes checksums. */
const struct tw_frame_writers *tw_transmit_writers(bool tx_checksum);
/* NULL counts NO_BUFFER. Its data pointer is where a UDP payload of up to 1,440 bytes goes. */
struct rte_mbuf *tw_transmit_buffer(struct tw_worker *worker);
/* So many at once; false, and none, if there are not enough: not counted. */
bool tw_transmit_buffers(struct tw_worker *worker, struct rte_mbuf **mbufs, uint32_t count);
/* Has so many buffers ready for tw_transmit_buffer, their lines on their way; gives back what is
 * left of them. */
void tw_transmit_reserve(struct tw_worker *worker, uint32_t count);
void tw_transmit_unreserve(struct tw_worker *worker);
/* MAC address of the next hop, or NULL: counted, and the main thread is asked for it. */
const uint8_t *tw_transmit_next_hop(struct tw_worker *worker, uint8_t interface, uint32_t address);
const uint8_t *tw_transmit_next_hop6(struct tw_worker *worker, uint8_t interface,
                                     const uint8_t ip[16]);
/* One clear-text datagram, copied. */
void tw_transmit_answer(struct tw_worker *worker, uint8_t interface, const struct tw_address *to,
                        const uint8_t *payload, uint16_t length);
/* mbuf: data pointer at the frames, data length theirs, headroom in front untouched. Adds header,
 * seals, sends; consumes the mbuf. False: the session's next hop is unknown,
 * or its port does not send. */
bool tw_transmit_sealed(struct tw_worker *worker, uint32_t slot, struct rte_mbuf *mbuf);
/* The same, elsewhere than to the session's address. */
bool tw_transmit_sealed_to(struct tw_worker *worker, uint32_t slot, struct rte_mbuf *mbuf,
                           const struct tw_path_end *to);
/* Seals what waits for it, then puts headers in front: for whoever fills a batch himself. Each new
 * packet finds room: a full batch is sealed and framed first. */
void tw_transmit_seal(struct tw_worker *worker);
void tw_transmit_frames(struct tw_worker *worker);
/* Whatever waits to be sealed with the slot's key is, before that key is wiped or another's. */
void tw_transmit_settle(struct tw_worker *worker, uint32_t slot);
/* A whole frame, sent as it is. */
void tw_transmit_frame(struct tw_worker *worker, uint8_t interface, struct rte_mbuf *mbuf);
void tw_transmit_flush(struct tw_worker *worker);

/* ---- commands.c ------------------------------------------------------------------------------ */
void tw_commands_turn(struct tw_worker *worker);
void tw_commands_housekeeping(struct tw_worker *worker);

#endif
