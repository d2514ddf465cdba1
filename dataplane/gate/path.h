/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session's candidate path: an address from which authenticated packets came, and which is to be
 * proven before anything but a challenge is sent there (RFC 9000 section 9 does the same).
 *
 *   none ──newest packet from elsewhere──► open ──right answer from there──► the session's address
 *    ▲                                      │ └── another newest packet from elsewhere, 1 s later
 * ─┐ └───────────── 3 s ────────────────────┘                  (the candidate is replaced)
 * ◄───────┘
 *
 * Towards the candidate goes at most three times what came from there, counted in packets and in
 * bytes of payload, so that it holds whatever the headers are: an address that a client only
 * pretends to have is not worth flooding this way. Pure; time and the random bytes are arguments;
 * one per session, in its body.
 *
 * Who may try. Whether a packet from elsewhere is authentic costs the cipher to find out, and who
 * knows a connection id can have it found out. While a session is heard at its address little is
 * spent on that: it lacks nothing. Once it is silent its client may be anywhere, and a packet from
 * elsewhere may be all that is left of it. So the worker has a second, larger budget for those, and
 * who gets of it is drawn: the more of it is used up, the smaller everybody's chance. However many
 * come, and whenever, a packet has the chance of any other; a client sends until one is drawn.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PATH_H
#define TICKWIRE_DATAPLANE_GATE_PATH_H

#include "dataplane/gate/budget.h"
#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Room for several losses on the slowest way that a game is playable on. */
#define TW_PATH_LIFE_NS UINT64_C(3000000000)
/* One new candidate a second: more often nobody changes networks. */
#define TW_PATH_INTERVAL_NS UINT64_C(1000000000)
#define TW_PATH_REPEAT_NS   UINT64_C(200000000)
/* Attempts to open a packet from elsewhere of sessions that are heard: whoever forges them in one
 * session's name gets no more than a tenth of what the worker spends on all. */
#define TW_PATH_TRY_NS      UINT64_C(10000000)
#define TW_PATH_TRIES_PER_S 1000u
#define TW_PATH_TRIES_BURST 64u
/* Nothing authentic came for so long: whoever plays sends at each tick, and whoever waits to be
 * heard waits no longer for it under a flood. */
#define TW_PATH_SILENT_NS UINT64_C(500000000)
/* Attempts of those that are silent, all together. One takes 80 to 130 ns, on the slowest machine
 * 230: 4 to 7 % of a core, 12 at the very most. The same forger gets as much as it likes of it with
 * the address of a session that is heard. The burst is 10 ms of it: as long as a flood that is over
 * is felt. */
#define TW_PATH_SILENT_PER_S  500000u
#define TW_PATH_SILENT_BURST  5000u
#define TW_PATH_SILENT_BYTES  256u /* of payload, for which a packet costs as much as one more */
#define TW_PATH_AMPLIFICATION 3u

/* A packet with nothing but a challenge. */
#define TW_PATH_CHALLENGE_PACKET (TW_PACKET_MIN + TW_FRAME_HEADER_SIZE + TW_CHALLENGE_SIZE)

/* Where a packet came from, and by which of our interfaces. */
struct tw_path_end {
    struct tw_address address;
    uint8_t interface;
};

struct tw_path {
    struct tw_path_end end;
    bool open;
    uint8_t challenge[TW_CHALLENGE_SIZE];
    uint32_t received_packets;
    uint32_t sent_packets;
    uint64_t received_bytes; /* of payload */
    uint64_t opened_ns;      /* newest candidate; 0: there was none */
    uint64_t challenged_ns;  /* newest challenge; 0: none to this candidate */
    uint64_t tried_ns;       /* newest attempt while it was heard; 0: none */
};

/* A worker's attempts to open packets from elsewhere. */
struct tw_path_tries {
    struct tw_budget heard, silent;
    struct tw_budget_rate heard_rate, silent_rate;
    uint64_t random; /* not for secrets: no one sees what is drawn */
};

/* How a packet's source stands to its session. */
enum tw_path_kind {
    TW_PATH_CURRENT = 0, /* the session's address */
    TW_PATH_CANDIDATE,
    TW_PATH_FRESH, /* neither; would open a candidate if it authenticates */
};

static inline bool tw_path_end_equal(const struct tw_path_end *a, const struct tw_path_end *b)
{
    return a->interface == b->interface && tw_address_equal(&a->address, &b->address);
}

bool tw_path_is_candidate(const struct tw_path *path, const struct tw_path_end *source,
                          uint64_t now_ns);

/* Whether a new candidate could be opened now. */
bool tw_path_may_open(const struct tw_path *path, uint64_t now_ns);

/* Whether to spend cryptography on a packet from elsewhere of a session that is heard; if so, it is
 * noted. */
bool tw_path_try(struct tw_path *path, uint64_t now_ns);

void tw_path_tries_init(struct tw_path_tries *tries, uint64_t seed);

static inline bool tw_path_is_silent(uint64_t heard_ns, uint64_t now_ns)
{
    return now_ns >= heard_ns + TW_PATH_SILENT_NS;
}

/* Whether a silent session's packet is looked at: by the share of the budget that is left. */
bool tw_path_draw(struct tw_path_tries *tries, uint64_t now_ns);
/* It is worth the cipher. False: there is not enough left for it. */
bool tw_path_take(struct tw_path_tries *tries, uint32_t payload_length, uint64_t now_ns);

/* Any older candidate is forgotten. */
void tw_path_open(struct tw_path *path, const struct tw_path_end *source,
                  const uint8_t challenge[TW_CHALLENGE_SIZE], uint64_t now_ns);

/* A packet from the candidate authenticated. */
void tw_path_received(struct tw_path *path, uint32_t payload_length);

/* True: a challenge is to be sent, and is counted as sent. */
bool tw_path_take_challenge(struct tw_path *path, uint64_t now_ns);

/* A response from `source`. True, once: that address is proven, and the candidate is over. */
bool tw_path_answer(struct tw_path *path, const struct tw_path_end *source,
                    const uint8_t response[TW_CHALLENGE_SIZE], uint64_t now_ns);

#endif
