/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker in a test's hands: real EAL, rings and pools, a port made of rings, time that only the
 * test moves, a control plane that answers when told to, and clients that speak the protocol.
 */
#ifndef TICKWIRE_TESTS_UNIT_GATE_WORKER_RIG_H
#define TICKWIRE_TESTS_UNIT_GATE_WORKER_RIG_H

#include "tests/unit/gate/frame_builder.h"

#include "dataplane/gate/mailbox.h"
#include "dataplane/gate/worker.h"
#include "dataplane/wire/entry.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/handshake_client.h"
#include "dataplane/wire/phase_client.h"
#include "tickwire/shard.h"

#define RIG_WORKERS_MAX 2u
#define RIG_PORTS_MAX   2u
#define RIG_EVENTS_MAX  256u
#define RIG_MS          UINT64_C(1000000)

struct rig {
    struct tw_config config; /* changed before rig_start */
    uint32_t workers, ports; /* one port, unless changed before rig_start */
    uint32_t records_depth, events_depth, full_depth;
    /* Set before rig_start: what the engine would choose. NULL: libsodium. */
    const struct tw_aead_backend *aead;
    const struct tw_cookie_hash *cookie_hash;
    uint8_t suites; /* of tokens and of their clients; 0: ChaCha20-Poly1305 */
    struct tw_worker *worker[RIG_WORKERS_MAX];
    struct tw_worker_counters *counters[RIG_WORKERS_MAX];
    struct tw_worker_config worker_config[RIG_WORKERS_MAX];
    struct rte_ring *port_rx[RIG_PORTS_MAX][RIG_WORKERS_MAX];
    struct rte_ring *port_tx[RIG_PORTS_MAX][RIG_WORKERS_MAX];
    struct rte_mempool *rx_pool, *tx_pool;
    uint16_t port[RIG_PORTS_MAX];
    uint64_t epoch_ns, now_ns;
    uint64_t injected, injected_bytes;
    uint64_t dpdk_blocks;                          /* lent when the workers were made */
    struct tw_worker_event events[RIG_EVENTS_MAX]; /* all but HANDSHAKE, oldest first */
    uint32_t event_count;
    struct tw_worker_event handshake; /* newest HANDSHAKE event */
    uint32_t handshake_count;
    uint8_t static_secret[TW_KEY_SIZE], static_public[TW_KEY_SIZE];
    struct tw_token_key token_key;
    bool tokens_used;    /* the control plane refuses every token as used */
    uint32_t resumes_id; /* it takes every token for one that resumes this session; 0: for none */
    uint64_t account;    /* of tokens; 0: 4711 */
    bool holds_by_hand;  /* the shard's answer to HOLD, and to a MOVE that fences, is the test's */
    uint32_t records_seen[RIG_WORKERS_MAX]; /* of each ring's, for those answers */
};

struct rig_client {
    uint32_t ip;
    uint16_t port;
    uint8_t ip6[16];    /* set: it uses this one, and a port with an IPv6 address */
    uint32_t interface; /* by which its packets reach the engine: 0 unless changed */
    struct tw_handshake_client handshake;
    uint32_t queue; /* at which its sealed packets land */
    uint32_t id;
    uint32_t previous_id;        /* before a rename: taken, too */
    uint32_t heard_id;           /* in the header of the newest packet */
    uint64_t sequence;           /* of the next packet */
    struct tw_phase_client keys; /* follows the server from phase to phase */
    bool stays;                  /* seals in phase 0, whatever comes */
    uint64_t newest;             /* highest packet number from the server */
    uint8_t heard_flags;         /* in the header of the newest packet */
    /* newest packet from the server */
    struct tw_server_frames frames;
    uint8_t bytes[TW_DATAGRAM_MAX];
    uint8_t welcome[TW_WELCOME_SIZE];
    enum tw_handshake_news news;
    uint32_t received; /* sealed packets that opened */
    uint32_t clear;    /* handshake packets */
    uint32_t closes, pongs, challenges;
    uint8_t challenge[TW_CHALLENGE_SIZE]; /* newest */
    /* Sees each packet that opened, in `frames`. May be NULL. */
    void (*opened)(struct rig_client *client, uint64_t sequence);
};

/* Once per process, before anything else. */
bool rig_init_eal(const char *program);

/* Defaults, keys, time. Then change rig->config, then start. */
void rig_make(struct rig *rig, uint32_t workers);
void rig_start(struct rig *rig);
/* What tokens and their clients may use. */
uint8_t rig_suites(const struct rig *rig);
/* Checks the ledgers and that no packet buffer was lost, then frees everything. */
void rig_stop(struct rig *rig);

/* Moves time and gives each worker one turn; then takes all events. */
void rig_turn(struct rig *rig, uint64_t advance_ns);
/* What a worker told the main thread until now; a turn of the rig's ends with it. */
void rig_take_events(struct rig *rig, uint32_t worker);
/* One worker's turn alone. */
void rig_turn_one(struct rig *rig, uint32_t worker);
/* Below `below`, from a seed that moves on. */
uint32_t rig_random(uint64_t *seed, uint32_t below);
/* A frame reaches a queue of the first port, or of any. */
void rig_inject(struct rig *rig, uint32_t queue, const uint8_t *frame, size_t length);
void rig_inject_at(struct rig *rig, uint32_t port, uint32_t queue, const uint8_t *frame,
                   size_t length);
/* Next frame the first port, or any, was given to send; 0 if none. */
size_t rig_sent(struct rig *rig, uint8_t frame[TEST_FRAME_MAX]);
size_t rig_sent_by(struct rig *rig, uint32_t port, uint8_t frame[TEST_FRAME_MAX]);
void rig_command(struct rig *rig, uint32_t worker, const struct tw_worker_command *command);
/* The control plane's answer to a HANDSHAKE event, without sending it. */
struct tw_worker_command rig_answer(struct rig *rig, const struct tw_worker_event *event);
/* But for HOLD, which the rig answers by itself, unless it is by hand. */
bool rig_record(struct rig *rig, uint32_t worker, struct tw_record *record);
/* The shard's word that nothing more comes for that slot. */
void rig_held(struct rig *rig, uint32_t worker, const struct tw_record *record);
/* Of a message that a worker's first shard has for a session. */
struct rig_part {
    uint32_t worker, slot, epoch;
    uint32_t size, offset; /* of the message, and where the part begins */
    const uint8_t *bytes;  /* [length] */
    uint32_t length;
    uint8_t channel;
};
/* A part of a message for a session, as much of it as a buffer holds. False: no buffer is empty. */
bool rig_shard_gives(struct rig *rig, const struct rig_part *part);
/* A message of the ordered channel, as a shard relays what somebody near said. */
void rig_shard_says(struct rig *rig, const struct rig_client *client, uint32_t epoch,
                    const char *text);
/* Number of taken events of a type; *newest if there is one. */
uint32_t rig_events(const struct rig *rig, enum tw_event_type type, struct tw_worker_event *newest);

uint64_t rig_outcome(const struct rig *rig, enum tw_outcome outcome);
uint64_t rig_input(const struct rig *rig, enum tw_input_outcome outcome);
uint64_t rig_send(const struct rig *rig, enum tw_send_outcome outcome);
uint64_t rig_roaming(const struct rig *rig, enum tw_roaming event);
uint64_t rig_verdict(const struct rig *rig, enum tw_verdict verdict);
uint64_t rig_message_bytes(const struct rig *rig, enum tw_message_bytes which);

/* A client with a fresh token. */
void rig_client_make(struct rig *rig, struct rig_client *client, uint32_t ip, uint16_t port);
/* Its current handshake packet to worker `queue`. */
void rig_client_hello(struct rig *rig, struct rig_client *client, uint32_t queue);
/* Every frame sent by the ports goes to the client it is for; others are ignored. */
void rig_client_receive(struct rig *rig, struct rig_client *clients, uint32_t count);
/* hello … welcome; asserts that it worked. The session is pending. */
void rig_client_join(struct rig *rig, struct rig_client *client);
/* A client that joined and whose first ping, 99, was answered: its session is live. */
void rig_client_make_live(struct rig *rig, struct rig_client *client, uint16_t port);
/* The route epoch of a join that worker 0's shard has not read yet, and that comes next. */
uint32_t rig_join_epoch(struct rig *rig);
/* A rig of so many workers, and one client at TEST_CLIENT_ADDRESS whose session is live. */
void rig_start_with(struct rig *rig, struct rig_client *client, uint32_t workers);
/* Seals plaintext under `sequence` into packet; returns its length. */
size_t rig_client_seal(struct rig_client *client, uint64_t sequence, const uint8_t *plaintext,
                       size_t length, uint8_t packet[TW_DATAGRAM_MAX]);
void rig_client_send(struct rig *rig, const struct rig_client *client, const uint8_t *packet,
                     size_t length);
/* Seals and sends frames with the next packet number. */
void rig_client_send_frames(struct rig *rig, struct rig_client *client, const uint8_t *plaintext,
                            size_t length);
/* The same of one entry of a messages frame, its entry.length bytes all `fill`. */
void rig_client_send_entry(struct rig *rig, struct rig_client *client, const struct tw_entry *entry,
                           uint8_t fill);
void rig_client_send_ping(struct rig *rig, struct rig_client *client, uint64_t time_us);
void rig_client_send_inputs(struct rig *rig, struct rig_client *client, uint32_t newest,
                            uint8_t count);

#endif
