/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/link.h"

#include "dataplane/wire/header.h"
#include "tickwire/assert.h"

#include <sodium.h>

void tw_client_link_init(struct tw_client_link *link, const struct tw_aead_backend *backend,
                         const struct tw_session_secrets *secrets, enum tw_suite suite,
                         enum tw_client_link_side side)
{
    bool client = side == TW_CLIENT_LINK_CLIENT;
    sodium_memzero(link, sizeof(*link));
    link->next_sequence = TW_SEQUENCE_FIRST;
    tw_replay_init(&link->replay);
    tw_phase_client_init(&link->keys, backend, suite,
                         client ? secrets->client_to_server : secrets->server_to_client,
                         client ? secrets->server_to_client : secrets->client_to_server);
}

void tw_client_link_wipe(struct tw_client_link *link)
{
    sodium_memzero(link, sizeof(*link));
}

void tw_client_link_name(struct tw_client_link *link, uint32_t connection_id)
{
    link->connection_id = connection_id;
    link->previous_id = connection_id;
}

void tw_client_link_rename(struct tw_client_link *link, uint32_t connection_id, uint64_t sequence)
{
    if (sequence <= link->renamed_by)
        return;
    link->renamed_by = sequence;
    if (connection_id == link->connection_id)
        return;
    link->previous_id = link->connection_id;
    link->connection_id = connection_id;
}

uint64_t tw_client_link_left(const struct tw_client_link *link)
{
    return link->next_sequence >= TW_SEALED_MAX ? 0 : TW_SEALED_MAX - link->next_sequence;
}

size_t tw_client_link_seal(struct tw_client_link *link, uint8_t *packet, size_t plaintext_size)
{
    TW_ASSERT(plaintext_size <= TW_PLAINTEXT_MAX);
    TW_ASSERT(tw_client_link_left(link) > 0);
    tw_header_write(packet, (struct tw_header){.connection_id = link->connection_id,
                                               .channel = TW_CHANNEL_STATE,
                                               .flags = tw_phase_client_flag(&link->keys),
                                               .sequence = link->next_sequence++});
    struct tw_aead_job job = {.key = &link->keys.send,
                              .packet = packet,
                              .length = (uint32_t)(TW_HEADER_SIZE + plaintext_size)};
    link->keys.backend->seal(&job, 1);
    return TW_PACKET_MIN + plaintext_size;
}

/* Opens with the one key that the header asks for. */
static enum tw_client_link_result open_sealed(struct tw_client_link *link, uint8_t *packet,
                                              size_t length, const struct tw_header *header)
{
    struct tw_aead_job job = {
        .key =
            tw_phase_client_key(&link->keys, header->flags, link->replay.newest, header->sequence),
        .packet = packet,
        .length = (uint32_t)length,
    };
    if (!job.key)
        return TW_CLIENT_LINK_PHASE;
    link->keys.backend->open(&job, 1);
    if (!job.ok && job.key == &link->keys.next)
        link->forged_next++;
    else if (!job.ok)
        link->forged++;
    return job.ok ? TW_CLIENT_LINK_OK : TW_CLIENT_LINK_FORGED;
}

/* Another phase: its key has a count of its own. An old one of which half is used up is not kept
 * for its 5 s, so that those cannot use up the rest. */
static void begin_count(struct tw_client_link *link)
{
    if (link->forged >= TW_FORGED_REKEY)
        tw_phase_client_drop_old(&link->keys);
    link->forged = link->forged_next;
    link->forged_next = 0;
}

enum tw_client_link_result tw_client_link_open(struct tw_client_link *link, uint8_t *packet,
                                               size_t length, uint64_t now_us)
{
    if (length < TW_PACKET_MIN || length > TW_DATAGRAM_MAX)
        return TW_CLIENT_LINK_MALFORMED;
    struct tw_header header = tw_header_read(packet);
    if (header.connection_id != link->connection_id && header.connection_id != link->previous_id)
        return TW_CLIENT_LINK_FOREIGN;
    /* This version sends one channel. */
    if (header.channel != TW_CHANNEL_STATE || (header.flags & ~TW_FLAGS_KNOWN) != 0)
        return TW_CLIENT_LINK_MALFORMED;
    uint64_t newest = link->replay.newest;
    if (header.sequence < TW_SEQUENCE_FIRST || header.sequence > TW_SEALED_MAX ||
        tw_replay_test(&link->replay, header.sequence) != TW_REPLAY_FRESH)
        return TW_CLIENT_LINK_REPLAYED;
    enum tw_client_link_result result = open_sealed(link, packet, length, &header);
    if (result != TW_CLIENT_LINK_OK)
        return result;
    if (tw_replay_commit(&link->replay, header.sequence) != TW_REPLAY_FRESH)
        return TW_CLIENT_LINK_REPLAYED;
    uint32_t phase = link->keys.number;
    tw_phase_client_opened(&link->keys, header.flags, newest, header.sequence, now_us);
    if (link->keys.number != phase)
        begin_count(link);
    return TW_CLIENT_LINK_OK;
}
