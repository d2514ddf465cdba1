/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker and the engine's main thread tell each other: fixed-size values over two SP/SC
 * rings per worker. Events go up, commands go down; neither side ever waits for the other.
 *
 * An event that must not be lost (CONFIRMED, CLOSED) waits in the session until the ring has
 * room; everything else is dropped and counted when the ring is full. Several values hold
 * secrets (COOKIE_KEY, HANDSHAKE_REPLY, LAB_INSTALL): both sides wipe their copies, the worker also
 * the ring's.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_MAILBOX_H
#define TICKWIRE_DATAPLANE_GATE_MAILBOX_H

#include "tickwire/agent.h"

#include <assert.h>
#include <stdint.h>

#define TW_MAC_SIZE 6u

struct tw_filter_table;

enum tw_event_type {
    TW_EVENT_HANDSHAKE = 1, /* a hello 2 with a valid cookie, for the control plane */
    TW_EVENT_CONFIRMED = 2, /* a pending session became live */
    TW_EVENT_CLOSED = 3,    /* a live session ended */
    TW_EVENT_SESSION = 4,   /* answer to RESYNC or QUERY */
    TW_EVENT_RESYNC_END = 5,
    TW_EVENT_NEIGHBOUR_SEEN = 6,   /* ARP or neighbour discovery told (address, MAC) */
    TW_EVENT_NEIGHBOUR_WANTED = 7, /* next hop unknown: main asks for it, rate-limited */
    TW_EVENT_LAB = 8,              /* answer to LAB_REPORT */
    TW_EVENT_MOVED = 9,            /* a session is this worker's now, under another connection id */
    TW_EVENT_LIFE = 10,            /* a live session, or its path, does worse or better */
};

struct tw_mailbox_neighbour {
    struct tw_address address; /* without a port */
    uint8_t mac[TW_MAC_SIZE];
    uint8_t interface;
    uint8_t keeps_known; /* SEEN: does not replace another MAC address that is known */
};

struct tw_worker_event {
    uint16_t type; /* enum tw_event_type */
    uint16_t worker;
    uint32_t found; /* SESSION as answer to QUERY: 0 = no such session */
    uint64_t query; /* SESSION: of the QUERY, 0 in a resync */
    union {
        struct tw_agent_handshake_request handshake; /* header unset; request = worker's own id */
        struct tw_agent_session session;             /* header and event unset */
        struct tw_mailbox_neighbour neighbour;
        struct {
            uint32_t installed;     /* since the last report */
            uint32_t refused;       /* slots that were not free */
            uint32_t first_refused; /* its number in the file, if any */
            uint32_t import;        /* echoed */
        } lab;
    };
};

/* A lab's session: what a handshake would have agreed on. Holds secrets. */
struct tw_lab_install {
    uint32_t connection_id;
    uint32_t number; /* in the file */
    uint32_t world;
    uint8_t suite;
    uint8_t interface;
    uint64_t account;
    uint64_t first_sequence;
    struct tw_address address;
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    uint8_t secret_client_to_server[TW_KEY_SIZE];
    uint8_t secret_server_to_client[TW_KEY_SIZE];
};

/* Slots asked for at once; a command stays no larger than a handshake's reply. */
#define TW_LAB_CHECKS 64u
struct tw_lab_check {
    uint32_t first; /* number of connection_ids[0] in the file */
    uint32_t count;
    uint32_t connection_ids[TW_LAB_CHECKS];
};

enum tw_command_type {
    TW_COMMAND_HANDSHAKE_REPLY = 1, /* install a session, or send the refusal */
    TW_COMMAND_KICK = 2,
    TW_COMMAND_NEIGHBOUR_SET = 3,
    TW_COMMAND_NEIGHBOUR_ASK = 4, /* send a question (worker 0) */
    TW_COMMAND_COOKIE_KEY = 5,
    TW_COMMAND_CONTROL_STATE = 6, /* control plane linked or not: relay, or "try again" */
    TW_COMMAND_CLOSE_ALL = 7,     /* orderly stop: tell every client, then finish */
    TW_COMMAND_RESYNC = 8,        /* report every live session */
    TW_COMMAND_QUERY = 9,
    TW_COMMAND_FILTER = 10,      /* a new table; the one before is given back by `filter_version` */
    TW_COMMAND_LAB_CHECK = 11,   /* are these slots free? */
    TW_COMMAND_LAB_INSTALL = 12, /* of a checked slot */
    TW_COMMAND_LAB_REPORT = 13,  /* how did the checks and installs before this one end? */
    TW_COMMAND_CONDUCT = 14,     /* what a session's player did before it, or a reset */
};

struct tw_worker_command {
    uint16_t type;          /* enum tw_command_type */
    uint16_t reason;        /* enum tw_close_reason: KICK, CLOSE_ALL */
    uint32_t connection_id; /* KICK, QUERY, CONDUCT */
    uint64_t query;
    union {
        struct tw_agent_handshake_reply reply;   /* header unset */
        struct tw_agent_session_conduct conduct; /* header unset */
        struct tw_mailbox_neighbour neighbour;   /* NEIGHBOUR_SET; NEIGHBOUR_ASK: without MAC */
        struct {
            uint8_t key[TW_KEY_SIZE];
            uint32_t slot;
        } cookie;
        struct {
            uint32_t linked;
        } control;
        const struct tw_filter_table *filter; /* main's; immutable until it is given back */
        struct tw_lab_install lab_install;
        struct tw_lab_check lab_check;
        struct {
            uint32_t import;
        } lab_report;
    };
};

static_assert(sizeof(struct tw_lab_check) <= sizeof(struct tw_agent_handshake_reply) &&
                  sizeof(struct tw_lab_install) <= sizeof(struct tw_agent_handshake_reply),
              "a lab makes no command larger");
static_assert(sizeof(struct tw_worker_event) % 4 == 0, "ring elements are multiples of 4 bytes");
static_assert(sizeof(struct tw_worker_command) % 4 == 0, "ring elements are multiples of 4 bytes");

#endif
