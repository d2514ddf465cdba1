/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connected client: packets of frames in and out, between link, clock, inputs, view, messages.
 *
 * No socket and no clock. The view lives in memory of the owner; everything else is in the struct.
 * Holds keys, wiped by tw_client_session_wipe. Single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_SESSION_H
#define TICKWIRE_DATAPLANE_CLIENT_SESSION_H

#include "dataplane/client/clock.h"
#include "dataplane/client/events.h"
#include "dataplane/client/inputs.h"
#include "dataplane/client/link.h"
#include "dataplane/client/playout.h"
#include "dataplane/client/steering.h"
#include "dataplane/wire/handshake.h"
#include "dataplane/wire/life.h"
#include "dataplane/wire/transport.h"
#include "simulation/client/view.h"
#include "tickwire/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_CLIENT_PING_INTERVAL_US 500000u
/* The first pings come faster: the clock is right within the first second. */
#define TW_CLIENT_PING_FIRST_US     200000u
#define TW_CLIENT_PING_FIRST_COUNT  5u
#define TW_CLIENT_CHECK_INTERVAL_US 1000000u
#define TW_CLIENT_CHECK_REPEATS     3u
/* While nothing gets through: often enough to be back at once, for a tenth of the packets. */
#define TW_CLIENT_RETRY_US 200000u
/* Blocks that messages to send may hold: three of the largest with their notes beside 32 KB that
 * bulk leaves to others, or 1,500 of 100 bytes. */
#define TW_CLIENT_SEND_BLOCKS 260u

struct tw_client_session {
    struct tw_client_link link;
    struct tw_client_clock clock;
    struct tw_client_steering steering;
    struct tw_client_playout playout;
    struct tw_client_inputs inputs;
    struct tw_transport transport;
    struct tw_view *view;
    struct tw_client_events *events;         /* not owned */
    struct tw_client_statistics *statistics; /* not owned */
    struct tw_frame_check check;             /* of the view, to be reported */
    uint8_t check_repeats;                   /* so many times more */
    bool view_full;                  /* since the newest baseline, something found no room in it */
    uint64_t checked_us;             /* newest report; 0: none yet */
    struct tw_connect_token *resume; /* not owned: its token and expiry are set when they come */
    uint64_t tick_us;
    uint32_t datagram_max;  /* as the server's port takes it, by the welcome */
    uint64_t snapshot_tick; /* of the newest snapshot applied */
    uint64_t begun_us;      /* the welcome */
    uint64_t heard_us;      /* newest authenticated packet; the welcome's time: none yet */
    uint64_t sent_us;       /* newest packet sent; 0: none yet */
    uint64_t next_ping_us;
    uint32_t pings;
    uint32_t pings_missed; /* in a row */
    uint8_t health;        /* enum tw_life_state, as told by an event */
    uint8_t stalled;       /* bit of each channel whose messages do not go on, as told by events */
    struct tw_life_times times;
    bool response_due; /* to the newest challenge */
    uint8_t challenge[TW_CHALLENGE_SIZE];
    bool closed;           /* the server said close */
    uint16_t close_reason; /* enum tw_close_reason */
};

struct tw_client_session_config {
    const struct tw_aead_backend *backend;
    const struct tw_session_secrets *secrets;
    const struct tw_welcome *welcome;
    struct tw_view *view; /* fresh */
    struct tw_channels_pool *channels;
    struct tw_client_events *events;
    struct tw_client_statistics *statistics;
    struct tw_input input; /* the input until another is set */
    struct tw_life_times times;
    struct tw_connect_token *resume; /* expires_unix_s 0: its token is asked for; NULL: is not */
};

/* False: the welcome's fields are of no use (no tick rate, no connection id). */
bool tw_client_session_init(struct tw_client_session *session,
                            const struct tw_client_session_config *config, uint64_t now_us)
    __attribute__((warn_unused_result));
/* Gives the blocks of its messages, and its channels, back, too. */
void tw_client_session_wipe(struct tw_client_session *session);

/* Opens packet[length] in place and applies its frames. False: rejected, nothing changed. */
bool tw_client_session_receive(struct tw_client_session *session, uint8_t *packet, size_t length,
                               uint64_t now_us);

/* How the connection does now; an event tells when that changes, but for DISCONNECTED. */
enum tw_life_state tw_client_session_health(struct tw_client_session *session, uint64_t now_us);

/* A datagram due now into out[TW_DATAGRAM_MAX]; its size, 0 if none is due. Call again until then.
 */
size_t tw_client_session_write(struct tw_client_session *session, uint8_t *out, uint64_t now_us);

/* Packets go another way from now on. What was measured of the old one is forgotten (RFC 9000,
 * section 9.4): round trips, losses, what datagrams may hold, window and pace, how early inputs and
 * how late snapshots arrive. Keys, numbers, messages, inputs, the view and the server's clock are
 * the session's, and stay. */
void tw_client_session_path_changed(struct tw_client_session *session, uint64_t now_us);

/* The tick that an input made now is for. */
uint64_t tw_client_session_input_tick(const struct tw_client_session *session, uint64_t now_us);

/* True when only the packet numbers for saying goodbye are left, or more packets failed to open
 * than the cipher allows. */
bool tw_client_session_exhausted(const struct tw_client_session *session);

#endif
