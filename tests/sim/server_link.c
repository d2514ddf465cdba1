/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server_link.h"

#include "dataplane/wire/header.h"

#include <string.h>

static struct tw_phase_use use_of(const struct server_link *link)
{
    return (struct tw_phase_use){.next_sequence = link->next_sequence,
                                 .newest = link->replay.newest};
}

void server_link_init(struct server_link *link, const struct tw_session_secrets *secrets,
                      enum tw_suite suite, uint32_t connection_id, uint64_t now_ns)
{
    memset(link, 0, sizeof(*link));
    link->connection_id = connection_id;
    link->next_sequence = TW_SEQUENCE_FIRST;
    tw_replay_init(&link->replay);
    tw_packet_key_expand(&link->receive[0], tw_aead_sodium(), suite, secrets->client_to_server);
    tw_packet_key_expand(&link->send, tw_aead_sodium(), suite, secrets->server_to_client);
    struct tw_phase_use use = use_of(link);
    tw_phase_server_init(&link->phase, secrets->client_to_server, secrets->server_to_client, &use,
                         now_ns);
}

size_t server_link_seal(struct server_link *link, uint8_t *packet, size_t plaintext_size)
{
    tw_header_write(packet, (struct tw_header){.connection_id = link->connection_id,
                                               .flags = tw_phase_server_send_flag(&link->phase),
                                               .sequence = link->next_sequence++});
    struct tw_aead_job job = {.key = &link->send,
                              .packet = packet,
                              .length = (uint32_t)(TW_HEADER_SIZE + plaintext_size)};
    tw_aead_sodium()->seal(&job, 1);
    return job.length;
}

enum server_link_result server_link_open(struct server_link *link, uint8_t *packet, size_t length,
                                         uint64_t now_ns)
{
    struct tw_header header = tw_header_read(packet);
    uint8_t flag = header.flags & TW_FLAG_KEY_PHASE;
    bool other = flag != tw_phase_server_receive_flag(&link->phase);
    if (tw_replay_test(&link->replay, header.sequence) != TW_REPLAY_FRESH)
        return SERVER_LINK_REPLAYED;
    if (other && !tw_phase_server_has_key(&link->phase, link->replay.newest, header.sequence))
        return SERVER_LINK_PHASE;
    struct tw_aead_job job = {
        .key = &link->receive[flag], .packet = packet, .length = (uint32_t)length};
    link->opens++;
    tw_aead_sodium()->open(&job, 1);
    if (!job.ok)
        return SERVER_LINK_FORGED;
    if (tw_replay_commit(&link->replay, header.sequence) != TW_REPLAY_FRESH)
        return SERVER_LINK_REPLAYED;
    if (other && !tw_phase_server_follow(&link->phase, header.sequence, now_ns))
        link->opened_old++;
    return SERVER_LINK_OK;
}

void server_link_update(struct server_link *link, uint64_t now_ns)
{
    struct tw_phase_keys keys = {
        .backend = tw_aead_sodium(), .receive = link->receive, .send = &link->send};
    struct tw_phase_use use = use_of(link);
    (void)tw_phase_server_forget(&link->phase, link->receive, now_ns);
    if (tw_phase_server_is_due(&link->phase, &link->limits, &use, now_ns))
        tw_phase_server_start(&link->phase, &keys, &use, now_ns);
}

bool server_link_is_ignored(const struct server_link *link)
{
    struct tw_phase_use use = use_of(link);
    return tw_phase_server_is_ignored(&link->phase, &link->limits, &use);
}
