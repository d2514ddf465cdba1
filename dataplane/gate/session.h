/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One client's session on its worker, in two parts: a cache line that decides about a packet
 * before any cryptography, and the body with keys and windows.
 *
 *   free ──install──► pending ──first authenticated packet──► live ──close──► closing ──► free
 *                        └──── 5 s, or told to close ──────────────────────────►┘
 *   live ──given to another worker──► moved ──5 s──► free        free ──► reserved ──► live
 *
 * Owned by the worker that installed it. The body is secret and wiped on release. Sizes: 64 bytes
 * and 3,776 bytes: 38 MB for 10,000 sessions, 251 MB for 65,536. A third of that is the second key
 * to open with, which is there only around a change of keys: no line of it is loaded otherwise.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_SESSION_H
#define TICKWIRE_DATAPLANE_GATE_SESSION_H

#include "dataplane/gate/budget.h"
#include "dataplane/gate/conduct.h"
#include "dataplane/gate/inputs.h"
#include "dataplane/gate/path.h"
#include "dataplane/wire/aead.h"
#include "dataplane/wire/phase_server.h"
#include "dataplane/wire/replay.h"
#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* A welcome that was lost three times still fits. */
#define TW_SESSION_PENDING_NS UINT64_C(5000000000)
/* A close is sent three times, 10 ms apart. A burst of loss may hide all of them: whoever goes on
 * sending has not heard it, and is told again, so often at most (RFC 9000, section 10.2.1). */
#define TW_SESSION_CLOSES    3u
#define TW_SESSION_CLOSE_NS  UINT64_C(10000000)
#define TW_SESSION_ANSWERS   60u
#define TW_SESSION_ANSWER_NS UINT64_C(50000000)
/* The slot is free again when nothing came for so long, or after so long. An engine that stops does
 * not wait as long for the silent ones. */
#define TW_SESSION_QUIET_NS      UINT64_C(1000000000)
#define TW_SESSION_QUIET_STOP_NS UINT64_C(200000000)
#define TW_SESSION_CLOSING_NS    UINT64_C(3000000000)
/* Packet numbers kept back for all of these. */
#define TW_SESSION_CLOSE_NUMBERS (2u * TW_SESSION_CLOSES + TW_SESSION_ANSWERS)
/* The client's own repeated closes find the session still closing, not unknown. */
#define TW_SESSION_LINGER_NS UINT64_C(100000000)

enum tw_session_state {
    TW_SESSION_FREE = 0,
    TW_SESSION_PENDING,
    TW_SESSION_LIVE,
    TW_SESSION_CLOSING,
    TW_SESSION_RESERVED, /* for a session that another worker is about to give */
    TW_SESSION_MOVED,    /* a tombstone: the session is another worker's now */
    TW_SESSION_STATES,
};

/* What a session still owes to others; tried each turn until there was room. */
enum tw_session_due {
    TW_DUE_CONFIRMED = 0x01, /* event CONFIRMED */
    TW_DUE_JOIN = 0x02,      /* record JOIN */
    TW_DUE_LEAVE = 0x04,     /* record LEAVE */
    TW_DUE_CLOSED = 0x08,    /* event CLOSED */
    TW_DUE_PONG = 0x10,      /* a ping waits for its answer */
    TW_DUE_LIFE = 0x20,      /* event LIFE */
    TW_DUE_MOVED = 0x40,     /* event MOVED */
    TW_DUE_LISTED = 0x80,    /* stands in the worker's list of sessions that owe something */
};

/* What an accepted packet has to be looked at for, besides its frames. */
enum tw_session_roam {
    TW_ROAM_CANDIDATE = 0x01, /* a path may be open in the body */
    TW_ROAM_RENAMED = 0x02,   /* the client has not used its new connection id yet */
    TW_ROAM_LANDING = 0x04,   /* the newest packets arrived at another worker */
    TW_ROAM_SILENT = 0x08,    /* it was silent for a while: see life.h */
    TW_ROAM_FENCED = 0x10,    /* another goes on with it: the shard may have written for it still */
    TW_ROAM_LAPSED = 0x20,    /* it is over for its client, which is silent: see life.h */
};

struct tw_session {
    struct tw_address address;
    uint16_t generation; /* of the current or, when free, the last install; 0: never used */
    uint8_t state;       /* enum tw_session_state */
    uint8_t due;         /* enum tw_session_due bits */
    uint8_t shard;
    uint8_t roam;         /* enum tw_session_roam bits */
    uint32_t route_epoch; /* one more per install of this slot */
    union {
        uint32_t malformed; /* authenticated malformed packets */
        uint32_t moved_to;  /* MOVED: connection id at the new owner; CLOSING for TW_CLOSE_RESUMED:
                               of the session that goes on with this one */
    };
    struct tw_budget budget;
    uint64_t heard_ns;  /* newest authenticated packet; pending: installed at; closing: the newest
                           close, or packet that was answered with one */
    uint64_t timer_ns;  /* closing: when the next close goes out, then the end; moved: the end;
                           lapsed: not told before */
    uint32_t handshake; /* entry in the handshake table; TW_PENDING_NONE: it had none here */
    uint16_t close_reason; /* and lapsed */
    uint8_t closes_left;   /* TW_SESSION_ANSWERS of them only as answers */
    uint8_t interface;     /* by which it came, and by which it is answered */
} __attribute__((aligned(64)));
static_assert(sizeof(struct tw_session) == 64, "one cache line decides before cryptography");

enum tw_landing_hold {
    TW_LANDING_FREE,
    TW_LANDING_HOLDING, /* the shard was asked to write nothing more for it */
    TW_LANDING_HELD,    /* and said that it does not: all of it was taken */
};

/* A session whose packets arrive at another worker: how many in a row, what became of it. */
struct tw_landing {
    uint64_t renamed_ns; /* newest rename frame; 0: none */
    uint32_t target_id;  /* granted */
    uint32_t target_epoch;
    uint32_t moves;  /* so far */
    uint8_t worker;  /* at which they arrive */
    uint8_t packets; /* in a row */
    uint8_t asked;   /* 1: ASK is under way or granted */
    uint8_t hold;    /* enum tw_landing_hold */
};

struct tw_session_body {
    /* First line: what an opened packet reads and writes, up to its route. */
    struct tw_input_window inputs;
    struct tw_budget input_budget;
    uint64_t received_packets;
    uint64_t forged; /* packets that did not open with the key of the newest phase received */
    uint32_t world;
    uint8_t receive_flag;    /* key phase bit of the newest phase received, as in `phase` */
    struct tw_replay replay; /* its first two words end the line, its ring is the next four */
    struct tw_aead_key receive_keys[2]; /* by key phase bit */
    struct tw_aead_key send_key;
    /* Last line: what a packet that is sent reads and writes. */
    uint64_t send_sequence; /* of the next packet */
    uint64_t sent_packets;
    uint64_t ping_time_us;
    uint64_t ping_received_us;
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    uint32_t sent_id;    /* connection id in the header: as the client knows it */
    uint32_t first_id;   /* the one it was welcomed with */
    uint8_t send_flag;   /* key phase bit of what is sealed, as in `phase` */
    uint8_t guest_at;    /* the worker that was told of it (guests.h), and one more; 0: none */
    uint8_t guest_unit;  /* when it was: the last bits of what it keeps of that */
    uint32_t resumes_id; /* connection id of the session that it goes on with; 0: it began anew */
    /* What an accepted packet is judged by. */
    _Alignas(64) struct tw_conduct conduct;
    /* Rare. */
    uint64_t installed_ns;
    uint64_t account;
    struct tw_phase_server phase;
    uint64_t forged_other; /* the same, with the key of the other phase bit */
    struct tw_path path;
    struct tw_landing landing;
} __attribute__((aligned(64)));
static_assert(offsetof(struct tw_session_body, replay) + offsetof(struct tw_replay, words) == 64,
              "one line before the ring of bits");
static_assert(sizeof(struct tw_session_body) == 3 * sizeof(struct tw_aead_key) + 704,
              "the size named above");

#endif
