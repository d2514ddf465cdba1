/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The encrypted link of one session: packet numbers, keys and their phases, replay window.
 *
 * Single-threaded; holds keys, wiped by tw_client_link_wipe. Packets are transformed in place in
 * the caller's buffer. Nothing that fails here moves any state but a counter.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_LINK_H
#define TICKWIRE_DATAPLANE_CLIENT_LINK_H

#include "dataplane/wire/aead.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/phase_client.h"
#include "dataplane/wire/replay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tw_client_link_result {
    TW_CLIENT_LINK_OK,
    TW_CLIENT_LINK_MALFORMED, /* too short or long, other channel, flags not allowed here */
    TW_CLIENT_LINK_FOREIGN,   /* another connection id */
    TW_CLIENT_LINK_REPLAYED,  /* seen before, or older than the window */
    TW_CLIENT_LINK_PHASE,     /* of a key phase that there is no key of */
    TW_CLIENT_LINK_FORGED,    /* wrong tag */
};

struct tw_client_link {
    struct tw_phase_client keys;
    uint32_t connection_id; /* of what is sent */
    uint32_t previous_id;   /* still accepted after a rename; else as connection_id */
    uint64_t renamed_by;    /* number of the packet that renamed last: an older one has no say */
    uint64_t next_sequence;
    uint64_t forged;      /* packets that did not open with this phase's key, or the one before */
    uint64_t forged_next; /* or with that of the next one */
    struct tw_replay replay;
};

/* Which way the secrets are used: the server's end exists for tests and tools, and starts no key
 * phase. */
enum tw_client_link_side { TW_CLIENT_LINK_CLIENT, TW_CLIENT_LINK_SERVER };

void tw_client_link_init(struct tw_client_link *link, const struct tw_aead_backend *backend,
                         const struct tw_session_secrets *secrets, enum tw_suite suite,
                         enum tw_client_link_side side);
void tw_client_link_wipe(struct tw_client_link *link);

/* The id to begin with. */
void tw_client_link_name(struct tw_client_link *link, uint32_t connection_id);
/* Another id, told by the opened packet `sequence`. The server uses the old one until it has heard
 * the new one, so both are accepted. */
void tw_client_link_rename(struct tw_client_link *link, uint32_t connection_id, uint64_t sequence);

/* More packets failed to open with one key than its cipher allows. */
static inline bool tw_client_link_exhausted(const struct tw_client_link *link)
{
    return link->forged >= TW_FORGED_MAX || link->forged_next >= TW_FORGED_MAX;
}

/* Packets that may still be sealed. */
uint64_t tw_client_link_left(const struct tw_client_link *link);

/* packet[TW_DATAGRAM_MAX] holds `plaintext_size` bytes of frames after TW_HEADER_SIZE; writes the
 * header, seals, returns the datagram's size. Numbers must be left. */
size_t tw_client_link_seal(struct tw_client_link *link, uint8_t *packet, size_t plaintext_size);

/* Opens packet[length] in place: frames are then at TW_HEADER_SIZE, length - TW_PACKET_MIN bytes.
 * The first packet of the server's next key phase moves both directions there. */
enum tw_client_link_result tw_client_link_open(struct tw_client_link *link, uint8_t *packet,
                                               size_t length, uint64_t now_us)
    __attribute__((warn_unused_result));

#endif
