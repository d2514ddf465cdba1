/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions whose packets come from another address than theirs; the rules are in path.h. */
#include "dataplane/gate/worker_state.h"

#include <rte_mbuf.h>
#include <sodium.h>

static void count(struct tw_worker *worker, enum tw_roaming event)
{
    tw_counter_add(&worker->config.counters->roaming[event], 1);
}

static void send_challenge(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_path *path = &worker->sessions.bodies[slot].path;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return; /* lost like any packet: the next one is due in 200 ms */
    struct tw_writer writer = tw_writer_make(rte_pktmbuf_mtod(mbuf, uint8_t *), TW_PLAINTEXT_MAX);
    tw_frame_write_challenge(&writer, path->challenge);
    mbuf->data_len = (uint16_t)(writer.next - rte_pktmbuf_mtod(mbuf, uint8_t *));
    mbuf->pkt_len = mbuf->data_len;
    if (tw_transmit_sealed_to(worker, slot, mbuf, &path->end))
        count(worker, TW_ROAMING_CHALLENGED);
}

/* True: the packet's source is the candidate. */
static bool open_path(struct tw_worker *worker, uint32_t slot, const struct tw_path_end *source)
{
    struct tw_path *path = &worker->sessions.bodies[slot].path;
    /* An earlier packet of the same burst may have opened one. */
    if (tw_path_is_candidate(path, source, worker->now_ns))
        return true;
    if (!tw_path_may_open(path, worker->now_ns))
        return false;
    uint8_t challenge[TW_CHALLENGE_SIZE];
    randombytes_buf(challenge, sizeof(challenge));
    tw_path_open(path, source, challenge, worker->now_ns);
    worker->sessions.hot[slot].roam |= TW_ROAM_CANDIDATE;
    count(worker, TW_ROAMING_OPENED);
    return true;
}

/* What was learnt about the old way is worth nothing on the new one; budgets go on. */
static void change_address(struct tw_worker *worker, uint32_t slot, const struct tw_path_end *to)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    session->address = to->address;
    session->interface = to->interface;
    session->roam &= (uint8_t)~TW_ROAM_CANDIDATE;
    tw_talk_path_changed(worker, slot);
    count(worker, TW_ROAMING_VALIDATED);
}

void tw_roam_packet(struct tw_worker *worker, const struct tw_packet *packet,
                    const struct tw_client_frames *frames)
{
    uint32_t slot = packet->slot;
    const struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_path *path = &worker->sessions.bodies[slot].path;
    struct tw_path_end source = {packet->source, packet->interface};
    struct tw_path_end current = {session->address, session->interface};
    if (session->state == TW_SESSION_CLOSING || tw_path_end_equal(&source, &current) ||
        !open_path(worker, slot, &source))
        return;
    tw_path_received(path, packet->payload_length);
    if (frames->has_response && tw_path_answer(path, &source, frames->response, worker->now_ns))
        change_address(worker, slot, &source);
    else if (tw_path_take_challenge(path, worker->now_ns) && tw_outward_numbers_left(worker, slot))
        send_challenge(worker, slot);
}
