/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/agent_handlers.h"

#include "control/daemon/agent_link.h"
#include "control/daemon/cli_server.h"
#include "control/daemon/clock.h"
#include "control/daemon/log.h"
#include "tickwire/assert.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ROWS_PER_READ 256u

/* False: the store failed. Opens the batch's transaction when the first message needs it. */
static bool store_ready(struct tw_agent_batch *batch)
{
    if (!batch->in_transaction && !batch->store_failed) {
        batch->in_transaction = tw_store_begin(batch->daemon->store) == TW_STORE_OK;
        batch->store_failed = !batch->in_transaction;
    }
    return !batch->store_failed;
}

static void stored(struct tw_agent_batch *batch, enum tw_store_result result)
{
    if (result == TW_STORE_ERROR)
        batch->store_failed = true;
}

static void send_control_hello(struct tw_agent_batch *batch, bool accepted, const char *message)
{
    struct tw_agent_control_hello *hello =
        &tw_agent_queue_push(&batch->peer->queue, TW_AGENT_CONTROL_HELLO, sizeof(*hello))
             ->control_hello;
    TW_ASSERT(hello != NULL); /* first message of a queue */
    hello->accepted = accepted;
    snprintf(hello->message, sizeof(hello->message), "%s", message);
    if (!accepted)
        batch->refused = "hello refused";
}

void tw_agent_refuse_version(struct tw_agent_batch *batch, uint16_t version)
{
    char message[TW_CONFIG_TEXT_SIZE];
    snprintf(message, sizeof(message),
             "agent version %u, expected %u: engine and control plane must be of one release",
             version, TW_AGENT_VERSION);
    send_control_hello(batch, false, message);
}

/* Its socket may be closed already with the event still waiting behind this one. */
static bool is_gone(const struct tw_agent_peer *peer)
{
    struct pollfd poll_one = {.fd = peer->watch.descriptor, .events = 0};
    return poll(&poll_one, 1, 0) == 1 && (poll_one.revents & (POLLHUP | POLLERR));
}

static void handle_engine_hello(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    struct tw_daemon *daemon = batch->daemon;
    const struct tw_agent_engine_hello *hello = &message->engine_hello;
    if (batch->peer->greeted) {
        batch->refused = "second hello";
        return;
    }
    if (strcmp(hello->name, daemon->config.engine.name) != 0) {
        send_control_hello(batch, false,
                           "engine name differs from engine.name of the control "
                           "plane's configuration");
        return;
    }
    if ((hello->lab != 0) != (daemon->config.engine.lab == TW_LAB_MODE_ON)) {
        send_control_hello(batch, false,
                           "engine.lab differs from the control plane's configuration");
        return;
    }
    if (daemon->engine && is_gone(daemon->engine))
        tw_agent_link_close(daemon, daemon->engine, "engine gone");
    if (daemon->engine) {
        send_control_hello(batch, false, "an engine of this name is linked already");
        return;
    }
    batch->peer->greeted = true;
    daemon->engine = batch->peer;
    daemon->engine_hello = *hello;
    daemon->stats_at_ms = 0;
    tw_live_resync_begin(&daemon->live);
    send_control_hello(batch, true, "");
    tw_filter_list_send(&daemon->filters, &batch->peer->queue);
}

static void start_session(struct tw_agent_batch *batch, const struct tw_agent_session *session)
{
    struct tw_session_row row = {
        .connection_id = session->first_id,
        .account = session->account,
        .started_unix_s = batch->now_unix_ms / 1000u - session->age_s,
    };
    memcpy(row.token_id, session->token_id, TW_TOKEN_ID_SIZE);
    stored(batch, tw_store_session_start(batch->daemon->store, &row));
}

/* Straight into the queue: the link keeps room for what a batch causes. */
static void kick(struct tw_agent_batch *batch, struct tw_live_session *session,
                 enum tw_close_reason reason)
{
    union tw_agent_outgoing *message = tw_agent_queue_push(
        &batch->peer->queue, TW_AGENT_SESSION_KICK, sizeof(struct tw_agent_session_kick));
    TW_ASSERT(message != NULL);
    message->session_kick.connection_id = session->connection_id;
    message->session_kick.reason = (uint16_t)reason;
    session->condemned = true;
    batch->daemon->counters.sessions_replaced += reason == TW_CLOSE_REPLACED;
}

static bool is_banned(struct tw_agent_batch *batch, uint64_t id)
{
    struct tw_account account;
    enum tw_store_result result = tw_store_account_by_id(batch->daemon->store, id, &account);
    stored(batch, result);
    return result == TW_STORE_OK && account.banned_until_unix_s > batch->now_unix_ms / 1000u;
}

/* Which sessions may stay, whoever reports them and in whatever order: the first one of a token,
 * none of a banned account (the ban may have come between welcome and first packet, or its kick
 * may be lost with a link), and of an account's sessions the newest. At most one kick. */
static void judge(struct tw_agent_batch *batch, struct tw_live_session *session,
                  enum tw_store_result consumed)
{
    struct tw_live_session *other =
        tw_live_find_account(&batch->daemon->live, session->account, session->connection_id);
    if (consumed == TW_STORE_USED)
        kick(batch, session, TW_CLOSE_REPLACED);
    else if (is_banned(batch, session->account))
        kick(batch, session, TW_CLOSE_BANNED);
    else if (other)
        kick(batch, tw_live_is_newer(session, other) ? other : session, TW_CLOSE_REPLACED);
}

/* What it says of its conduct, for its player's next one. */
static void note_conduct(struct tw_agent_batch *batch, const struct tw_agent_session *session)
{
    const struct tw_conduct_now now = {.unix_ms = batch->now_unix_ms,
                                       .monotonic_ns = tw_clock_monotonic_ns()};
    stored(batch, tw_conduct_note(&batch->daemon->conduct, session, &now));
}

/* A live session is held to what is on record of its player, unless it said that it is already; and
 * is told of a reset that it does not know of. */
static void give_conduct(struct tw_agent_batch *batch, const struct tw_live_session *live,
                         const struct tw_agent_session *said)
{
    struct tw_conduct_left left;
    enum tw_store_result result =
        tw_conduct_look_up(&batch->daemon->conduct, live->account, batch->now_unix_ms, &left);
    stored(batch, result);
    bool has = said && said->conduct_score >= left.score && said->conduct_stage >= left.stage;
    bool owed = said && tw_conduct_predates(said, left.reset, tw_clock_monotonic_ns());
    if (result != TW_STORE_OK || live->condemned || (!owed && (left.score == 0 || has)))
        return;
    union tw_agent_outgoing *message = tw_agent_queue_push(
        &batch->peer->queue, TW_AGENT_SESSION_CONDUCT, sizeof(struct tw_agent_session_conduct));
    TW_ASSERT(message != NULL);
    message->session_conduct.connection_id = live->connection_id;
    message->session_conduct.score = left.score;
    message->session_conduct.stage = left.stage;
    message->session_conduct.charge = left.charge;
    message->session_conduct.reset = owed ? left.reset : 0;
}

/* Takes the session out of its place under an older connection id. False: what is told is older
 * than what is known. *condemned: it is to be kicked, under whatever id. */
static bool supersede(struct tw_agent_batch *batch, const struct tw_agent_session *session,
                      bool *condemned)
{
    struct tw_live *live = &batch->daemon->live;
    const struct tw_live_session *known =
        tw_live_find_token(live, session->account, session->token_id, session->first_id);
    *condemned = false;
    if (!known || known->connection_id == session->connection_id)
        return true;
    if (known->moves >= session->moves)
        return false;
    *condemned = known->condemned;
    tw_live_remove(live, known->connection_id);
    return true;
}

/* A session that the engine has: told by an event or a resync, perhaps not for the first time. */
static void note_session(struct tw_agent_batch *batch, const struct tw_agent_session *session)
{
    struct tw_daemon *daemon = batch->daemon;
    bool condemned;
    if (!supersede(batch, session, &condemned))
        return;
    enum tw_store_result consumed =
        tw_store_token_consume(daemon->store, session->token_id, session->first_id,
                               batch->now_unix_ms / 1000u + TW_TOKEN_VALIDITY_MAX_S);
    stored(batch, consumed);
    start_session(batch, session);
    note_conduct(batch, session);
    struct tw_live_session *live = tw_live_put(&daemon->live, session, batch->now_unix_ms / 1000u);
    if (live && condemned)
        kick(batch, live, TW_CLOSE_KICKED); /* the first kick may have been for a tombstone's end */
    else if (live)
        judge(batch, live, consumed);
    else
        batch->refused = "connection id of a worker that is not configured";
    if (live)
        give_conduct(batch, live, session);
}

static void handle_session(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    if (batch->peer->resynced) {
        batch->refused = "session outside of a resync";
        return;
    }
    if (!store_ready(batch))
        return;
    batch->peer->resync_sessions++;
    note_session(batch, &message->session);
}

static bool row_is_live(struct tw_daemon *daemon, const struct tw_session_row *row)
{
    return tw_live_find_token(&daemon->live, row->account, row->token_id, row->connection_id) !=
           NULL;
}

/* Sessions the store calls live and the engine did not report: it forgot them, reason unknown. */
static uint32_t end_unreported(struct tw_agent_batch *batch)
{
    struct tw_daemon *daemon = batch->daemon;
    struct tw_session_row rows[ROWS_PER_READ];
    uint64_t after = 0;
    uint32_t ended = 0;
    size_t count = 0;
    do {
        stored(batch, tw_store_session_live(daemon->store, &after, rows, ROWS_PER_READ, &count));
        for (size_t i = 0; i < count && !batch->store_failed; i++) {
            if (row_is_live(daemon, &rows[i]))
                continue;
            rows[i].ended_unix_s = batch->now_unix_ms / 1000u;
            rows[i].reason = TW_STORE_REASON_UNKNOWN;
            stored(batch, tw_store_session_end(daemon->store, &rows[i]));
            ended++;
        }
    } while (count == ROWS_PER_READ && !batch->store_failed);
    return ended;
}

static void handle_resync_end(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    struct tw_daemon *daemon = batch->daemon;
    if (batch->peer->resynced || message->resync_end.sessions != batch->peer->resync_sessions) {
        batch->refused = "resync does not add up";
        return;
    }
    if (!store_ready(batch))
        return;
    (void)tw_live_resync_end(&daemon->live);
    uint32_t ended = end_unreported(batch);
    batch->peer->resynced = true;
    tw_log_info("engine_linked",
                json_pack("{s:s, s:I, s:I, s:I}", "name", daemon->engine_hello.name, "pid",
                          (json_int_t)daemon->engine_hello.pid, "sessions",
                          (json_int_t)daemon->live.count, "ended_unreported", (json_int_t)ended));
}

static void handle_handshake(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    struct tw_daemon *daemon = batch->daemon;
    if (!batch->peer->resynced) {
        daemon->counters.handshakes_early++;
        return;
    }
    if (!store_ready(batch))
        return;
    union tw_agent_outgoing *reply = tw_agent_queue_push(
        &batch->peer->queue, TW_AGENT_HANDSHAKE_REPLY, sizeof(struct tw_agent_handshake_reply));
    TW_ASSERT(reply != NULL); /* the link reads only with TW_AGENT_QUEUE_RESERVE free */
    if (!tw_handshake_service_answer(&daemon->handshakes, &message->handshake_request,
                                     batch->now_unix_ms, &reply->handshake_reply))
        batch->store_failed = true; /* the queue is cleared with the link */
}

static void note_event(struct tw_agent_batch *batch, uint64_t event)
{
    if (event > batch->event_newest)
        batch->event_newest = event;
}

static void handle_confirmed(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    if (!store_ready(batch))
        return;
    note_event(batch, message->session.event);
    note_session(batch, &message->session);
}

static void handle_moved(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    handle_confirmed(batch, message);
}

static void handle_closed(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    const struct tw_agent_session *session = &message->session;
    struct tw_daemon *daemon = batch->daemon;
    if (!store_ready(batch))
        return;
    note_event(batch, session->event);
    struct tw_session_row row = {
        .connection_id = session->first_id,
        .account = session->account,
        .ended_unix_s = batch->now_unix_ms / 1000u,
        .reason = session->reason,
    };
    memcpy(row.token_id, session->token_id, TW_TOKEN_ID_SIZE);
    stored(batch, tw_store_session_end(daemon->store, &row));
    const struct tw_live_session *live =
        tw_live_find_token(&daemon->live, session->account, session->token_id, session->first_id);
    if (live && live->moves <= session->moves)
        tw_live_remove(&daemon->live, live->connection_id);
    /* Whoever took its place began before its end was known. */
    note_conduct(batch, session);
    const struct tw_live_session *other = tw_live_find_account(&daemon->live, session->account, 0);
    if (other)
        give_conduct(batch, other, NULL);
}

static void handle_life(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    struct tw_live_session *live =
        tw_live_find(&batch->daemon->live, message->session.connection_id);
    bool staged = live && live->conduct_stage != message->session.conduct_stage;
    if (live) {
        live->life = (uint8_t)message->session.life;
        live->conduct_stage = (uint8_t)message->session.conduct_stage;
    }
    /* Should the engine end before the session does, that much of it is known. A path that is good
     * and bad in turn is no news of its player. */
    if (staged && message->session.conduct_score > 0 && store_ready(batch))
        note_conduct(batch, &message->session);
}

static void handle_stats(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    batch->daemon->stats = message->stats;
    batch->daemon->stats_at_ms = tw_clock_monotonic_ms();
}

static void handle_session_state(struct tw_agent_batch *batch,
                                 const union tw_agent_message *message)
{
    tw_cli_server_answer_query(batch->daemon, &message->session_state);
}

static void handle_lab_result(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    tw_lab_service_result(&batch->daemon->lab, &message->lab_result);
}

static void handle_filter_counters(struct tw_agent_batch *batch,
                                   const union tw_agent_message *message)
{
    tw_filter_list_note(&batch->daemon->filters, &message->filter_counters);
}

typedef void (*handler)(struct tw_agent_batch *batch, const union tw_agent_message *message);
static const handler handlers[] = {
    [TW_AGENT_ENGINE_HELLO] = handle_engine_hello,
    [TW_AGENT_SESSION] = handle_session,
    [TW_AGENT_RESYNC_END] = handle_resync_end,
    [TW_AGENT_HANDSHAKE_REQUEST] = handle_handshake,
    [TW_AGENT_SESSION_CONFIRMED] = handle_confirmed,
    [TW_AGENT_SESSION_MOVED] = handle_moved,
    [TW_AGENT_SESSION_CLOSED] = handle_closed,
    [TW_AGENT_STATS] = handle_stats,
    [TW_AGENT_SESSION_STATE] = handle_session_state,
    [TW_AGENT_LAB_RESULT] = handle_lab_result,
    [TW_AGENT_SESSION_LIFE] = handle_life,
    [TW_AGENT_FILTER_COUNTERS] = handle_filter_counters,
};

void tw_agent_handle(struct tw_agent_batch *batch, const union tw_agent_message *message)
{
    uint16_t type = message->header.type;
    TW_ASSERT(type < sizeof(handlers) / sizeof(handlers[0]) && handlers[type]);
    if (!batch->peer->greeted && type != TW_AGENT_ENGINE_HELLO) {
        batch->refused = "message before hello";
        return;
    }
    handlers[type](batch, message);
}
