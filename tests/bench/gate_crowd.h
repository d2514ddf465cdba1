/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ten thousand clients as writers of frames: each has an address, keys and packet numbers of its
 * own; passes over the crowd visit every client once, in a new random order each time. One pass is
 * one tick: each packet carries the input of that tick and repeats of the three before it.
 *
 * Bytes only, no port and no clock. Sealed by libsodium, the reference. One thread.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_CROWD_H
#define TICKWIRE_TESTS_BENCH_GATE_CROWD_H

#include "dataplane/gate/udp_frame.h"
#include "dataplane/wire/aead.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Frames of an input packet: four inputs, a snapshot acknowledgement, an acknowledgement. */
#define GATE_INPUT_PLAINTEXT 64u
/* The least that a message takes: headers of the frame and of its entry, a byte. */
#define GATE_MESSAGE_MIN   8u
#define GATE_FRAME_HEADERS 42u /* Ethernet, IPv4, UDP */
/* Ethernet's longest, as of traffic that is too long. */
#define GATE_FRAME_MAX       1514u
#define GATE_INPUT_FRAME     (GATE_FRAME_HEADERS + TW_PACKET_MIN + GATE_INPUT_PLAINTEXT)
#define GATE_SERVER_ADDRESS  UINT32_C(0xc6120001) /* 198.18.0.1 */
#define GATE_SERVER_PORT     40000u
#define GATE_GATEWAY_ADDRESS UINT32_C(0xc61200fe)
/* Of a client: half of what a session has, so that the server, which is made believe that it has
 * sent as many, has the other half for its own. At 60 packets a second that is 25 days. */
#define GATE_SEQUENCE_MAX (TW_SEALED_MAX / 2u)

enum gate_traffic {
    GATE_TRAFFIC_INPUTS,      /* valid */
    GATE_TRAFFIC_FORGED,      /* the same with one bit of the tag turned */
    GATE_TRAFFIC_OFFPATH,     /* forged, from another address */
    GATE_TRAFFIC_REPLAY,      /* what gate_crowd_write_kept wrote, byte for byte */
    GATE_TRAFFIC_STALE,       /* the slot of a session, another generation; random bytes behind */
    GATE_TRAFFIC_UNKNOWN,     /* a slot of the table that nobody has; random bytes behind */
    GATE_TRAFFIC_HELLO,       /* first hellos from random addresses */
    GATE_TRAFFIC_HELLO_SMALL, /* the same less a byte: the longest that get no answer */
    GATE_TRAFFIC_OVERSIZED,   /* behind a player's header as much as Ethernet carries */
    GATE_TRAFFIC_TINY,        /* the shortest frames that Ethernet carries, with such a header */
};

struct gate_client {
    struct tw_aead_key send_key; /* client → server */
    uint8_t receive_secret[TW_KEY_SIZE];
    uint64_t sequence; /* of the next packet */
    uint16_t message;  /* number of the next message */
    uint32_t ip;
    uint32_t connection_id;
    uint32_t route_epoch; /* of its session, for the shard's buffers */
    uint16_t port;
};

struct gate_crowd {
    struct gate_client *clients;
    uint8_t (*kept)[GATE_INPUT_FRAME]; /* of each client, once there is one */
    uint32_t count;
    uint32_t *order;
    uint32_t next; /* in order[] */
    uint32_t tick; /* of this pass */
    uint32_t plaintext_size;
    uint32_t talk_every; /* one packet in so many has a message; the others are plain inputs */
    uint64_t written;    /* packets that might have had one */
    uint64_t random;
    uint64_t messages;     /* written so far */
    uint32_t *empty_slots; /* of the table, which nobody has; the rig's */
    uint32_t empty_count;
    struct tw_parse_rules sender;
    struct tw_udp_target server;
    uint8_t hello[TW_HELLO_SIZE]; /* but for ephemeral key and CRC */
};

/* False if memory is short. */
bool gate_crowd_init(struct gate_crowd *crowd, uint32_t count, const uint8_t server_mac[6])
    __attribute__((warn_unused_result));
void gate_crowd_fini(struct gate_crowd *crowd);

/* The next client's keys of a session the server installed. */
void gate_crowd_set_session(struct gate_crowd *crowd, uint32_t number, enum tw_suite suite,
                            const uint8_t send_secret[TW_KEY_SIZE],
                            const uint8_t receive_secret[TW_KEY_SIZE]);

/* Starts a pass whose inputs are for `tick`. A message of its own fills what a packet has beyond
 * GATE_INPUT_PLAINTEXT bytes of plaintext: at least GATE_MESSAGE_MIN more. One in talk_every has
 * it; from gate_crowd_init on all have. */
void gate_crowd_begin(struct gate_crowd *crowd, uint32_t tick, uint32_t plaintext_size);

/* Number of the client whose turn it is. */
uint32_t gate_crowd_next(struct gate_crowd *crowd);

/* The next client's UDP payload into packet[TW_DATAGRAM_MAX]; its length. */
uint32_t gate_crowd_write_packet(struct gate_crowd *crowd, struct gate_client *client,
                                 uint8_t *packet);

/* The next frame into frame[GATE_FRAME_MAX]; its length. */
uint32_t gate_crowd_write_frame(struct gate_crowd *crowd, enum gate_traffic traffic,
                                uint8_t *frame);

/* The next client's input frame, which is kept to be sent again; its length. */
uint32_t gate_crowd_write_kept(struct gate_crowd *crowd, uint8_t *frame);

/* Each client's next packet has a number so much further on. */
void gate_crowd_skip_numbers(struct gate_crowd *crowd, uint32_t numbers);

/* One frame around payload[length], which stands in place, from this client. */
uint32_t gate_crowd_wrap(struct gate_crowd *crowd, const struct gate_client *client, uint8_t *frame,
                         uint32_t length);

uint64_t gate_crowd_random(struct gate_crowd *crowd);

#endif
