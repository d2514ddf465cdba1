/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages between the engine's main thread and the control plane, over a unix SOCK_SEQPACKET
 * socket: one message per packet, host byte order (both ends are on one host), fixed structs.
 *
 * The engine connects, sends ENGINE_HELLO, one SESSION for each live session, RESYNC_END; the
 * control plane answers CONTROL_HELLO and handles handshakes from then on. Either end may vanish at
 * any time. Nothing blocks: the engine's queues are bounded, and what must not be lost (a token was
 * consumed, a session ended) is an event with a number, kept until EVENT_ACK names it and sent
 * again after a reconnect. Filter rules belong to the control plane: it tells all of them right
 * after CONTROL_HELLO; the engine keeps those it has until then. A different TW_AGENT_VERSION is
 * refused in CONTROL_HELLO.
 */
#ifndef TICKWIRE_AGENT_H
#define TICKWIRE_AGENT_H

#include "tickwire/address.h"
#include "tickwire/config.h"
#include "tickwire/counters.h"
#include "tickwire/filter.h"
#include "tickwire/ports.h"
#include "tickwire/wire.h"

#include <stdint.h>

#define TW_AGENT_VERSION 17u

enum tw_agent_type {
    /* engine → control */
    TW_AGENT_ENGINE_HELLO = 1,
    TW_AGENT_SESSION = 2, /* resync: one live session */
    TW_AGENT_RESYNC_END = 3,
    TW_AGENT_HANDSHAKE_REQUEST = 4, /* a hello 2 with a valid cookie */
    TW_AGENT_SESSION_CONFIRMED = 5, /* event: first authenticated packet; the token is consumed */
    TW_AGENT_SESSION_CLOSED = 6,    /* event */
    TW_AGENT_STATS = 7,             /* once a second */
    TW_AGENT_SESSION_STATE = 8,     /* answer to SESSION_QUERY */
    TW_AGENT_LAB_RESULT = 9,        /* how an import ended */
    TW_AGENT_SESSION_MOVED = 10,    /* event: another connection id from now on */
    TW_AGENT_FILTER_COUNTERS = 11,  /* once a second, as many as it takes for all rules */
    TW_AGENT_SESSION_LIFE = 12,     /* a session fell silent, is heard again, or its conduct is
                                       taken otherwise; may be lost */
    /* control → engine */
    TW_AGENT_CONTROL_HELLO = 64,
    TW_AGENT_HANDSHAKE_REPLY = 65,
    TW_AGENT_EVENT_ACK = 66,
    TW_AGENT_SESSION_KICK = 67,
    TW_AGENT_SESSION_QUERY = 68,
    /* A lab's import: BEGIN, SESSIONS in order, COMMIT; then LAB_RESULT. */
    TW_AGENT_LAB_BEGIN = 69,
    TW_AGENT_LAB_SESSIONS = 70,
    TW_AGENT_LAB_COMMIT = 71,
    TW_AGENT_FILTER_CHANGE = 72,
    TW_AGENT_PORT_RESET = 73,
    TW_AGENT_SESSION_CONDUCT = 74, /* what the player's earlier sessions came to, or a reset */
};

struct tw_agent_header {
    uint16_t type;    /* enum tw_agent_type */
    uint16_t version; /* TW_AGENT_VERSION */
    uint32_t length;  /* whole message */
};

struct tw_agent_engine_hello {
    struct tw_agent_header header;
    char name[TW_CONFIG_NAME_SIZE];
    struct tw_address address; /* where clients reach this engine, the first of its ports */
    uint32_t pid;
    uint32_t world;
    uint64_t started_unix_s;
    uint64_t boot_id; /* random per start: tells a restart from a reconnect */
    uint32_t lab;     /* 1: engine.lab is true */
};

struct tw_agent_session {
    struct tw_agent_header header;
    uint32_t connection_id;
    uint32_t world;
    uint64_t account;
    uint64_t event; /* 0 in a resync */
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    struct tw_address address;
    uint16_t reason; /* enum tw_close_reason, SESSION_CLOSED only */
    uint32_t age_s;
    uint64_t installed_ns;     /* the engine's monotonic clock: tells which session is newer */
    uint64_t told_ns;          /* the same: when this was said; both ends read one host's clock */
    uint64_t received_packets; /* accepted */
    uint64_t sent_packets;
    uint32_t first_id; /* connection id that used the token: a session keeps it for life */
    uint32_t moves;    /* times that the connection id changed: the larger, the newer the message */
    uint32_t life;     /* connected 0, degraded 1 (silent, or a bad path), reconnecting 2 */
    uint32_t silent_ms;      /* nothing was heard of it for so long then */
    uint32_t link;           /* its path: normal 0, conservative 1, emergency 2 */
    uint32_t conduct_stage;  /* enum tw_conduct_stage */
    uint32_t conduct_score;  /* points */
    uint32_t conduct_charge; /* enum tw_conduct_event: the newest charge */
    uint32_t conduct_since;  /* the newest reset in it, or when it began (tickwire/conduct.h) */
};
/* SESSION, SESSION_CONFIRMED, SESSION_MOVED, SESSION_CLOSED and SESSION_LIFE share one shape. */

struct tw_agent_resync_end {
    struct tw_agent_header header;
    uint32_t sessions;
};

struct tw_agent_handshake_request {
    struct tw_agent_header header;
    uint64_t request; /* echoed; identifies worker and pending slot to the engine */
    struct tw_address source;
    struct tw_address destination;
    uint8_t hello2[TW_HELLO2_SIZE];
};

/* verdict WELCOMED: everything below is valid. Another verdict: `refused_size` bytes of an
 * authenticated answer to send, or 0 for silence. Holds secrets: wiped after use by both ends. */
struct tw_agent_handshake_reply {
    struct tw_agent_header header;
    uint64_t request;
    uint32_t verdict; /* enum tw_verdict */
    uint32_t world;
    uint64_t account;
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    uint8_t suite;
    uint8_t server_ephemeral[TW_KEY_SIZE];
    uint8_t secret_client_to_server[TW_KEY_SIZE];
    uint8_t secret_server_to_client[TW_KEY_SIZE];
    uint8_t confirm_key[TW_KEY_SIZE];
    uint8_t confirm_iv[TW_IV_SIZE];
    uint8_t transcript[TW_HASH_SIZE];
    uint32_t resumes_id; /* connection id of the session that this one goes on with; 0: none */
    uint64_t resume_expires_unix_s;
    uint8_t resume_token[TW_TOKEN_SIZE]; /* for the client, to go on with this session later */
    uint16_t refused_size;
    uint8_t refused[TW_REFUSED_SIZE];
};

struct tw_agent_event_ack {
    struct tw_agent_header header;
    uint64_t event; /* all events up to and including this one are stored */
};

struct tw_agent_session_kick {
    struct tw_agent_header header;
    uint32_t connection_id;
    uint16_t reason; /* enum tw_close_reason */
};

/* The session's score and stage become these, unless they are worse already; it may be told any
 * number of times. A reset goes first: they become nothing and good, unless the session has obeyed
 * that one or began after it. Its reports say so from then on, by conduct_since. */
struct tw_agent_session_conduct {
    struct tw_agent_header header;
    uint32_t connection_id;
    uint32_t score;  /* points, now */
    uint32_t stage;  /* enum tw_conduct_stage */
    uint32_t charge; /* enum tw_conduct_event: the newest charge */
    uint32_t reset;  /* number of the newest one (tickwire/conduct.h); 0: none */
};

struct tw_agent_session_query {
    struct tw_agent_header header;
    uint64_t query; /* echoed in SESSION_STATE */
    uint32_t connection_id;
};

struct tw_agent_session_state {
    struct tw_agent_header header;
    uint64_t query;
    uint32_t found;
    struct tw_agent_session session;
};

/* A new import ends one that was not committed. */
struct tw_agent_lab_begin {
    struct tw_agent_header header;
    uint32_t import; /* not 0; named by all that follows */
    uint32_t count;  /* sessions, at least 1 */
    uint8_t seed[32];
};

/* Records as they stand in the sessions file (dataplane/wire/lab.h): whoever uses them checks them
 * again. A message stays no larger than a handshake's reply. */
#define TW_AGENT_LAB_RECORDS     4u
#define TW_AGENT_LAB_RECORD_SIZE 64u
struct tw_agent_lab_sessions {
    struct tw_agent_header header;
    uint32_t import;
    uint32_t first; /* number of records[0] in the file: no gap, no overlap */
    uint32_t count;
    uint8_t records[TW_AGENT_LAB_RECORDS][TW_AGENT_LAB_RECORD_SIZE];
};

struct tw_agent_lab_commit {
    struct tw_agent_header header;
    uint32_t import;
};

struct tw_agent_lab_result {
    struct tw_agent_header header;
    uint32_t import;
    uint32_t ok;        /* 0: nothing was installed, message says why */
    uint32_t installed; /* sessions */
    char message[TW_CONFIG_TEXT_SIZE];
};

/* One message, or several in a row up to one with `last`; all of them take effect together then.
 * With `first` a whole set begins: rules that are not put again until `last` go. A rule with a
 * known id and no change keeps its state. */
#define TW_AGENT_FILTER_RULES 4u /* in a message: as large as the largest other one */

struct tw_agent_filter_change {
    struct tw_agent_header header;
    uint32_t count;   /* rules put by this message */
    uint32_t removed; /* id of a rule; 0 = none */
    uint32_t total;   /* last: rules there are then */
    uint16_t first;   /* 0 or 1 */
    uint16_t last;    /* 0 or 1 */
    struct tw_filter_rule rules[TW_AGENT_FILTER_RULES];
};

/* Sums over all workers since they learnt of the rule; only rules that all of them obey. */
#define TW_AGENT_FILTER_FIGURES 16u

struct tw_agent_filter_figures {
    uint64_t rule; /* id */
    uint64_t packets, bytes, dropped, denials;
};

struct tw_agent_filter_counters {
    struct tw_agent_header header;
    uint64_t count;
    struct tw_agent_filter_figures figures[TW_AGENT_FILTER_FIGURES];
};

struct tw_agent_control_hello {
    struct tw_agent_header header;
    uint16_t accepted; /* 0: version or name refused, see message */
    char message[TW_CONFIG_TEXT_SIZE];
};

/* An operator wants a port to be reset; what becomes of it stands in the statistics. */
struct tw_agent_port_reset {
    struct tw_agent_header header;
    char name[TW_CONFIG_NAME_SIZE]; /* ends in zero */
};

/* One port since start. */
struct tw_agent_port {
    char name[TW_CONFIG_NAME_SIZE];
    char driver[TW_CONFIG_NAME_SIZE];
    uint8_t mac[6];
    uint16_t mtu;
    uint16_t queues, queues_max; /* queue pairs it has, and could have */
    uint16_t rx_descriptors, tx_descriptors;
    uint32_t state;     /* enum tw_port_state */
    uint32_t link_mbps; /* 0: no link, or not told */
    uint32_t features;  /* bit i: enum tw_port_feature */
    uint32_t hashes;    /* bit i: enum tw_port_hash */
    uint64_t link_downs, resets, reset_failures;
    uint64_t rx_packets, tx_packets;
    uint64_t missed, errors, no_mbuf;
};

/* One worker since start. */
struct tw_agent_worker {
    uint64_t rx_packets, sessions_live;
    uint64_t polls_busy, polls_empty, slept_ns;
    uint32_t core;
};

/* Numbers of struct tw_agent_stats that are shown under their own names everywhere. */
#define TW_AGENT_STATS_NUMBERS(X)                                                                  \
    X(uptime_ns)                                                                                   \
    X(tick)                                                                                        \
    X(rx_packets)                                                                                  \
    X(rx_bytes)                                                                                    \
    X(tx_bytes)                                                                                    \
    X(port_rx_packets)                                                                             \
    X(port_rx_bytes)                                                                               \
    X(port_tx_packets)                                                                             \
    X(port_tx_bytes)                                                                               \
    X(port_missed)                                                                                 \
    X(port_errors)                                                                                 \
    X(port_no_mbuf)                                                                                \
    X(sessions_live)                                                                               \
    X(sessions_pending)                                                                            \
    X(sessions_degraded)                                                                           \
    X(sessions_reconnecting)                                                                       \
    X(ticks)                                                                                       \
    X(ticks_late)                                                                                  \
    X(ticks_skipped)                                                                               \
    X(players)                                                                                     \
    X(players_away)                                                                                \
    X(players_parked)                                                                              \
    X(parking_full)                                                                                \
    X(entities)                                                                                    \
    X(snapshots)                                                                                   \
    X(snapshot_bytes)                                                                              \
    X(snapshots_incomplete)                                                                        \
    X(snapshots_no_buffer)                                                                         \
    X(snapshots_late)                                                                              \
    X(records_stale)                                                                               \
    X(records_ring_full)                                                                           \
    X(shed_middle_bytes)                                                                           \
    X(shed_far_bytes)                                                                              \
    X(links_conservative)                                                                          \
    X(links_emergency)                                                                             \
    X(checks_sent)                                                                                 \
    X(checks_agreed)                                                                               \
    X(checks_differed)                                                                             \
    X(checks_unknown)                                                                              \
    X(baselines)                                                                                   \
    X(input_depths)                                                                                \
    X(input_depth_sum)                                                                             \
    X(messages_in)                                                                                 \
    X(messages_out)                                                                                \
    X(messages_relayed)                                                                            \
    X(messages_dropped)                                                                            \
    X(messages_no_room)                                                                            \
    X(messages_no_channels)                                                                        \
    X(messages_waited)                                                                             \
    X(messages_latest_dropped)                                                                     \
    X(messages_missed)                                                                             \
    X(messages_backlog)                                                                            \
    X(messages_stalled)                                                                            \
    X(messages_damaged)                                                                            \
    X(messages_decompressed)                                                                       \
    X(messages_compressed)                                                                         \
    X(compressed_from_bytes)                                                                       \
    X(compressed_to_bytes)                                                                         \
    X(messages_incompressible)                                                                     \
    X(messages_compress_busy)                                                                      \
    X(view_full)                                                                                   \
    X(joins_refused)                                                                               \
    X(joins_replacing)                                                                             \
    X(players_starved)                                                                             \
    X(state_hash_tick)                                                                             \
    X(tick_p50_ns)                                                                                 \
    X(tick_p99_ns)                                                                                 \
    X(tick_max_ns)                                                                                 \
    X(events_lost)                                                                                 \
    X(workers)                                                                                     \
    X(shards)

/* What runs packets and cookies through, chosen at start; "" if a suite is not there. Texts end
 * with a zero. */
struct tw_agent_crypto {
    char aes256_gcm[24], chacha20_poly1305[24], cookie[24];
    char refused[256]; /* what was wanted and is not used, each with the reason; "" if nothing */
};

/* Sums over all workers and shards since start; percentiles over the last second. */
struct tw_agent_stats {
    struct tw_agent_header header;
    uint64_t uptime_ns;
    uint64_t tick;
    uint64_t outcomes[TW_OUTCOME_COUNT];
    uint64_t inputs[TW_INPUT_COUNT];
    uint64_t shard_inputs[TW_SHARD_INPUT_COUNT];
    uint64_t sends[TW_SEND_COUNT];
    uint64_t verdicts[TW_VERDICT_COUNT];
    uint64_t roaming[TW_ROAMING_COUNT];
    uint64_t rekeys[TW_REKEY_COUNT];
    uint64_t conduct[TW_CONDUCT_COUNT];
    uint64_t life[TW_LIFE_EVENT_COUNT];
    uint64_t message_bytes[TW_BYTES_COUNT];
    uint64_t rx_packets, rx_bytes, tx_bytes;
    /* The ports' own view, summed; rx_packets + port_missed + port_errors must equal what they saw.
     */
    uint64_t port_rx_packets, port_rx_bytes, port_tx_packets, port_tx_bytes;
    uint64_t port_missed, port_errors, port_no_mbuf;
    uint64_t sessions_live, sessions_pending, sessions_degraded, sessions_reconnecting;
    uint64_t ticks, ticks_late, ticks_skipped;
    uint64_t players, players_away, players_parked, parking_full, entities;
    uint64_t snapshots, snapshot_bytes, snapshots_incomplete, snapshots_no_buffer;
    uint64_t snapshots_late;
    uint64_t records_stale, records_ring_full, view_full, joins_refused, joins_replacing;
    uint64_t players_starved;
    uint64_t space[TW_SPACE_FIGURE_COUNT]; /* of the world's spatial index */
    uint64_t shed_middle_bytes, shed_far_bytes, links_conservative, links_emergency;
    uint64_t messages_relayed, messages_dropped;
    uint64_t checks_sent, checks_agreed, checks_differed, checks_unknown, baselines;
    uint64_t input_depths, input_depth_sum;
    uint64_t messages_in, messages_out, messages_no_room, messages_no_channels;
    uint64_t messages_waited, messages_latest_dropped, messages_missed;
    uint64_t messages_backlog, messages_stalled;
    uint64_t messages_damaged, messages_decompressed, messages_compressed;
    uint64_t compressed_from_bytes, compressed_to_bytes;
    uint64_t messages_incompressible, messages_compress_busy;
    uint64_t state_hash, state_hash_tick;
    uint64_t tick_p50_ns, tick_p99_ns, tick_max_ns;
    uint64_t events_lost; /* agent events that did not fit the queue: must be 0 */
    struct tw_agent_port port[TW_PORTS_MAX];       /* [ports] */
    struct tw_agent_worker worker[TW_WORKERS_MAX]; /* [workers] */
    struct tw_agent_crypto crypto;
    uint32_t ports, workers, shards;
    uint32_t hugepages; /* 1 = in use */
    uint32_t idle;      /* enum tw_idle */
};

/* Largest message; receive buffers have this size. */
union tw_agent_message {
    struct tw_agent_header header;
    struct tw_agent_engine_hello engine_hello;
    struct tw_agent_session session;
    struct tw_agent_resync_end resync_end;
    struct tw_agent_handshake_request handshake_request;
    struct tw_agent_handshake_reply handshake_reply;
    struct tw_agent_event_ack event_ack;
    struct tw_agent_session_kick session_kick;
    struct tw_agent_session_conduct session_conduct;
    struct tw_agent_session_query session_query;
    struct tw_agent_session_state session_state;
    struct tw_agent_lab_begin lab_begin;
    struct tw_agent_lab_sessions lab_sessions;
    struct tw_agent_lab_commit lab_commit;
    struct tw_agent_lab_result lab_result;
    struct tw_agent_control_hello control_hello;
    struct tw_agent_filter_change filter_change;
    struct tw_agent_port_reset port_reset;
    struct tw_agent_filter_counters filter_counters;
    struct tw_agent_stats stats;
};

#endif
