/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session goes to another worker, by value: its packets keep arriving there.
 *
 *   owner                                        target
 *   live ──16 packets in a row came by it──► ASK ──────────►  a slot is taken: reserved
 *    │  ◄──────────────────────────────── GRANT (new id) ◄──┘  (none free, stopping: REFUSE)
 *    │ serves the session still, until nothing is owed and no message is under way, or such
 *    │ a pause was waited for long enough; then
 *    │   record HOLD to the shard ──► it writes nothing more for the slot, and says so: HELD,
 *    │                    ◄────────── behind all that it had written before
 *    │ with HELD taken, at once:  (a message ended the pause: HOLD ends, and later again)
 *    ├──────────────────────── SESSION: keys, windows, numbers ──►  live, record ARRIVE, event
 *    │  ◄───────────────────────────── COPIED, if messages were under way ◄──┘
 *    │   record MOVE to the shard, last of the old slot: it writes for the new one
 * MOVED moved: a tombstone for 5 s, wiped; passes packets on          frame RENAME until the new id
 * is used └── a kick, the world's close ──────────── CLOSE ──────────►  closing (the session ended
 * meanwhile: ─────────── CANCEL ──────────►  reserved slot is free again)
 *
 * At every instant one worker can seal or open with a session's keys: the owner until it writes
 * SESSION into the ring and wipes its own copy, then nobody, then the target. Its ring's place is
 * wiped when it was read. The packet number goes along, so no number is used twice; so does the key
 * phase, with whatever keys of it there are.
 *
 * A packet under the old id that arrives anywhere goes to the old owner by its worker part, from
 * there by the tombstone to the new one, with the new id beside it (the header is authenticated and
 * stays). A worker reads moves before the packets that were passed to it: SESSION was written
 * before any of them. Tombstones point to later installs alone, so no packet goes round in circles.
 *
 * No message of the shard's is lost on the way, none overtakes another: HELD is the last of what
 * it wrote for the old slot, and the first for the new one is written after MOVE, which is written
 * after SESSION; so a worker that finds something for a slot it reserved has SESSION in its ring.
 * A session is held for one tick, and never while a message stands still at its owner. What is to
 * be written for it waits in the shard, as does what others are to get of the same message. Who
 * talks without a pause goes with its messages: they stay in the pools of the old owner, who does
 * not touch them, until the new one has copied them.
 *
 * Of the moves that a worker wants of another, eight are under way at most, up to COPIED if that is
 * to come. So in one direction there are never more than eight ASKs, eight SESSIONs or CANCELs that
 * were not read yet, and eight answers, GRANT, REFUSE or COPIED; a CLOSE, a RESUME or a GUEST
 * is written when there is room for those besides.
 *
 * Run by the worker that owns the tables; rings are SP/SC with one worker at each end.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_MOVE_H
#define TICKWIRE_DATAPLANE_GATE_MOVE_H

#include "dataplane/gate/life.h"
#include "dataplane/gate/resume.h"
#include "dataplane/gate/session.h"
#include "dataplane/gate/talk.h"

#include <assert.h>
#include <stdint.h>

/* A quarter of a second of a player's packets: longer than what reordering by a card's queues
 * takes. */
#define TW_MOVE_AFTER 16u
/* Longer than a lost rename and its repeats take. */
#define TW_MOVE_TOMBSTONE_NS UINT64_C(5000000000)
#define TW_MOVE_RENAME_NS    UINT64_C(50000000)
#define TW_MOVES_UNDER_WAY   8u
/* So long a pause between messages is waited for: a dozen ticks, longer than most round trips. */
#define TW_MOVE_PATIENCE_NS UINT64_C(200000000)
/* Eight ASKs, eight SESSIONs or CANCELs, eight answers, and seven others. */
#define TW_MOVE_RING_DEPTH 32u
#define TW_MOVE_RING_KEPT  (3u * TW_MOVES_UNDER_WAY)
/* Of those seven so many are never GUESTs, of which there may be many, and each can wait. */
#define TW_MOVE_RING_GUESTS_KEEP 4u

enum tw_move_type {
    TW_MOVE_ASK = 1,
    TW_MOVE_GRANT,
    TW_MOVE_REFUSE,
    TW_MOVE_SESSION,
    TW_MOVE_CANCEL,
    TW_MOVE_CLOSE,
    TW_MOVE_COPIED, /* the channels of SESSION are its owner's to be given back */
    TW_MOVE_RESUME, /* a handshake's reply for the worker of the session to be resumed */
    TW_MOVE_GUEST,  /* packets that arrive at the other worker are a session's: guests.h */
};

/* A ring's element; the last ones in SESSION, or in RESUME, alone. */
struct tw_move {
    uint32_t type;        /* enum tw_move_type */
    uint32_t old_id;      /* at the owner */
    uint32_t new_id;      /* at the target: GRANT, SESSION, CANCEL, CLOSE */
    uint32_t route_epoch; /* of the target's slot: GRANT */
    uint32_t reason;      /* enum tw_close_reason: CLOSE */
    uint32_t channels;    /* of the owner's pool; 0: none: SESSION, COPIED */
    uint64_t sent_ns;     /* SESSION */
    struct tw_session session;
    struct tw_session_body body;
    struct tw_transport transport;
    struct tw_talk_account account;
    struct tw_life_session life;
    union {
        struct tw_resume_grant grant;
        struct tw_resume_request resume;
    };
};

/* A session that the owner may give away. Its slot is another's when it ended meanwhile; what was
 * granted is nobody else's until it is used or cancelled, and so tells which of them it is for. */
struct tw_move_granted {
    uint32_t slot;
    uint32_t new_id; /* at the target */
    uint64_t since_ns;
};
static_assert(sizeof(struct tw_move) % 4 == 0, "ring elements are multiples of 4 bytes");
static_assert(TW_MOVE_RING_DEPTH - 1u > TW_MOVE_RING_KEPT, "a CLOSE finds room in the end");

#endif
