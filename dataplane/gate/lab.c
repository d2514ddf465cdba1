/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/wire/keys.h"
#include "tickwire/assert.h"
#include "tickwire/conduct.h"

/* Captured clients acknowledge the packets of the server of their time. Ours are numbered beyond
 * all of those, or an ack could name one that was not sent yet, which is refused. */
#define LAB_SEQUENCE_FIRST (UINT64_C(1) << 24)

static void refuse(struct tw_worker *worker, uint32_t number)
{
    if (worker->lab.refused == 0 || number < worker->lab.first_refused)
        worker->lab.first_refused = number;
    worker->lab.refused++;
}

void tw_lab_check(struct tw_worker *worker, const struct tw_lab_check *check)
{
    TW_ASSERT(check->count <= TW_LAB_CHECKS);
    for (uint32_t i = 0; i < check->count; i++) {
        uint32_t slot = tw_connection_slot(check->connection_ids[i]);
        if (slot >= worker->sessions.capacity ||
            worker->sessions.hot[slot].state != TW_SESSION_FREE)
            refuse(worker, check->first + i);
    }
}

void tw_lab_install(struct tw_worker *worker, const struct tw_lab_install *install)
{
    if (worker->closing_all || !tw_sessions_take_id(&worker->sessions, install->connection_id)) {
        refuse(worker, install->number);
        return;
    }
    uint32_t slot = tw_connection_slot(install->connection_id);
    struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    TW_ASSERT(install->interface < worker->interface_count);
    session->address = install->address;
    session->interface = install->interface;
    session->shard = (uint8_t)(install->world % worker->config.shards);
    session->handshake = TW_PENDING_NONE;
    tw_replay_init(&body->replay);
    body->send_sequence = LAB_SEQUENCE_FIRST;
    tw_rekey_install(worker, slot, install->suite, install->secret_client_to_server,
                     install->secret_server_to_client);
    body->account = install->account;
    body->installed_ns = worker->now_ns;
    body->conduct.since = tw_conduct_since(worker->now_ns);
    body->world = install->world;
    memcpy(body->token_id, install->token_id, sizeof(body->token_id));
    /* What was sent before the capture began is not to come now. */
    if (install->first_sequence > TW_SEQUENCE_FIRST) {
        enum tw_replay_result marked = tw_replay_commit(&body->replay, install->first_sequence - 1);
        TW_ASSERT(marked == TW_REPLAY_FRESH);
    }
    tw_route_make_live(worker, slot);
    worker->lab.installed++;
}

void tw_lab_report(struct tw_worker *worker, uint32_t import)
{
    worker->lab.owed = true;
    worker->lab.import = import;
    tw_lab_settle(worker);
}

void tw_lab_settle(struct tw_worker *worker)
{
    if (!worker->lab.owed)
        return;
    memset(&worker->event, 0, sizeof(worker->event));
    worker->event.lab.installed = worker->lab.installed;
    worker->event.lab.refused = worker->lab.refused;
    worker->event.lab.first_refused = worker->lab.first_refused;
    worker->event.lab.import = worker->lab.import;
    if (tw_owed_event(worker, TW_EVENT_LAB))
        worker->lab = (struct tw_lab_tally){0};
}
