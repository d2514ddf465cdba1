/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/agent_link.h"

#include "control/daemon/agent_handlers.h"
#include "control/daemon/agent_message.h"
#include "control/daemon/clock.h"
#include "control/daemon/log.h"
#include "control/daemon/unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A full queue of replies (0.8 MB with the kernel's overhead) should fit, so that a slow engine
 * is noticed by the queue, not by a blocked batch. */
#define SEND_BUFFER_BYTES (4 * 1024 * 1024)

static void peer_ready(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events);

bool tw_agent_link_init(struct tw_daemon *daemon)
{
    daemon->inbox = calloc(TW_AGENT_BATCH, sizeof(daemon->inbox[0]));
    bool ok = daemon->inbox != NULL;
    for (size_t i = 0; i < TW_AGENT_PEERS; i++) {
        daemon->peers[i].watch = (struct tw_watch){.descriptor = -1, .ready = peer_ready};
        ok = tw_agent_queue_init(&daemon->peers[i].queue) && ok;
    }
    return ok;
}

void tw_agent_link_fini(struct tw_daemon *daemon)
{
    for (size_t i = 0; i < TW_AGENT_PEERS; i++) {
        tw_watch_close(&daemon->peers[i].watch);
        tw_agent_queue_fini(&daemon->peers[i].queue);
    }
    daemon->engine = NULL;
    free(daemon->inbox);
    daemon->inbox = NULL;
}

void tw_agent_link_close(struct tw_daemon *daemon, struct tw_agent_peer *peer, const char *why)
{
    if (daemon->engine == peer) {
        daemon->engine = NULL;
        tw_lab_service_engine_lost(&daemon->lab);
        tw_filter_list_forget(&daemon->filters);
        tw_log_info("engine_lost",
                    json_pack("{s:s, s:s}", "name", daemon->engine_hello.name, "reason", why));
    } else {
        tw_log_info("agent_peer_closed", json_pack("{s:s}", "reason", why));
    }
    tw_watch_close(&peer->watch);
    tw_agent_queue_clear(&peer->queue);
    peer->greeted = false;
    peer->resynced = false;
    peer->resync_sessions = 0;
}

void tw_agent_link_accept(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    (void)events;
    int descriptor = accept4(watch->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0)
        return;
    struct tw_agent_peer *peer = NULL;
    for (size_t i = 0; i < TW_AGENT_PEERS && !peer; i++) {
        if (daemon->peers[i].watch.descriptor < 0)
            peer = &daemon->peers[i];
    }
    bool trusted = tw_unix_peer_access(descriptor) == TW_PEER_OWNER;
    if (!trusted || !peer) {
        tw_log_error("agent_peer_refused",
                     json_pack("{s:s}", "reason", trusted ? "too many peers" : "other user"));
        (void)close(descriptor);
        return;
    }
    int size = SEND_BUFFER_BYTES;
    /* Needs CAP_NET_ADMIN; without it the system's limit applies and the queue takes the rest. */
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    peer->watch.descriptor = descriptor;
    if (!tw_watch_add(daemon, &peer->watch, EPOLLIN))
        tw_agent_link_close(daemon, peer, "cannot be watched");
}

/* Sends what it can; reads on only while the queue has room for the answers to a whole batch. */
static void flush_peer(struct tw_daemon *daemon, struct tw_agent_peer *peer)
{
    enum tw_agent_flush result = tw_agent_queue_flush(&peer->queue, peer->watch.descriptor);
    if (result == TW_AGENT_FLUSH_BROKEN) {
        tw_agent_link_close(daemon, peer, "engine gone");
        return;
    }
    bool room = peer->queue.count + TW_AGENT_QUEUE_RESERVE <= TW_AGENT_QUEUE_MAX;
    tw_watch_change(daemon, &peer->watch,
                    (room ? EPOLLIN : 0u) | (result == TW_AGENT_FLUSH_BLOCKED ? EPOLLOUT : 0u));
}

/* Count of messages received; 0: none waits; -1: the peer is gone. */
static int receive_batch(struct tw_daemon *daemon, struct tw_agent_peer *peer,
                         struct mmsghdr headers[TW_AGENT_BATCH])
{
    struct iovec parts[TW_AGENT_BATCH];
    memset(headers, 0, TW_AGENT_BATCH * sizeof(headers[0]));
    for (size_t i = 0; i < TW_AGENT_BATCH; i++) {
        parts[i] =
            (struct iovec){.iov_base = &daemon->inbox[i], .iov_len = sizeof(daemon->inbox[i])};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(peer->watch.descriptor, headers, TW_AGENT_BATCH, MSG_DONTWAIT, NULL);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return count;
}

/* Ends at the first message that closes the link, or at the end of the stream (length 0). */
static bool handle_messages(struct tw_agent_batch *batch, const struct mmsghdr *headers, int count)
{
    struct tw_daemon *daemon = batch->daemon;
    for (int i = 0; i < count && !batch->refused && !batch->store_failed; i++) {
        if (headers[i].msg_len == 0)
            return false;
        bool whole = !(headers[i].msg_hdr.msg_flags & MSG_TRUNC);
        enum tw_agent_check check =
            whole ? tw_agent_message_check(&daemon->inbox[i], headers[i].msg_len)
                  : TW_AGENT_CHECK_SIZE;
        if (check == TW_AGENT_CHECK_OK) {
            daemon->counters.messages++;
            tw_agent_handle(batch, &daemon->inbox[i]);
        } else if (check == TW_AGENT_CHECK_VERSION && !batch->peer->greeted) {
            tw_agent_refuse_version(batch, daemon->inbox[i].header.version);
        } else {
            batch->refused = tw_agent_check_name(check);
        }
        daemon->counters.messages_refused += batch->refused != NULL;
    }
    return true;
}

/* False: the store failed; nothing of the batch counts. */
static bool finish_batch(struct tw_agent_batch *batch)
{
    struct tw_daemon *daemon = batch->daemon;
    if (batch->in_transaction && !batch->store_failed)
        batch->store_failed = tw_store_commit(daemon->store) != TW_STORE_OK;
    if (batch->store_failed) {
        daemon->counters.store_errors++;
        tw_log_error("store_failed", json_pack("{s:s}", "reason", tw_store_error(daemon->store)));
        tw_store_rollback(daemon->store);
        return false;
    }
    if (batch->event_newest) {
        union tw_agent_outgoing *ack = tw_agent_queue_push(&batch->peer->queue, TW_AGENT_EVENT_ACK,
                                                           sizeof(struct tw_agent_event_ack));
        if (ack) /* else a later one says it */
            ack->event_ack.event = batch->event_newest;
    }
    return true;
}

static void read_peer(struct tw_daemon *daemon, struct tw_agent_peer *peer)
{
    struct mmsghdr headers[TW_AGENT_BATCH];
    int count = receive_batch(daemon, peer, headers);
    if (count < 0) {
        tw_agent_link_close(daemon, peer, "engine gone");
        return;
    }
    struct tw_agent_batch batch = {
        .daemon = daemon, .peer = peer, .now_unix_ms = tw_clock_unix_ms()};
    bool open = handle_messages(&batch, headers, count);
    if (!finish_batch(&batch)) {
        tw_agent_link_close(daemon, peer, "store failed");
        return;
    }
    flush_peer(daemon, peer); /* may close it */
    if (peer->watch.descriptor >= 0 && (!open || batch.refused))
        tw_agent_link_close(daemon, peer, batch.refused ? batch.refused : "engine gone");
}

static void peer_ready(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    struct tw_agent_peer *peer = (struct tw_agent_peer *)(void *)watch;
    if (events & EPOLLOUT)
        flush_peer(daemon, peer);
    if (watch->descriptor >= 0 && (watch->events & EPOLLIN) && (events & (EPOLLIN | EPOLLHUP)))
        read_peer(daemon, peer);
    else if (watch->descriptor >= 0 && (events & (EPOLLERR | EPOLLHUP)))
        tw_agent_link_close(daemon, peer, "engine gone");
}

static union tw_agent_outgoing *push_to_engine(struct tw_daemon *daemon, enum tw_agent_type type,
                                               uint32_t length)
{
    if (!daemon->engine || !daemon->engine->resynced)
        return NULL;
    /* The reserve belongs to answers. */
    if (daemon->engine->queue.count + TW_AGENT_QUEUE_RESERVE > TW_AGENT_QUEUE_MAX)
        return NULL;
    return tw_agent_queue_push(&daemon->engine->queue, type, length);
}

uint32_t tw_agent_link_room(const struct tw_daemon *daemon)
{
    if (!daemon->engine || !daemon->engine->resynced)
        return 0;
    uint32_t used = daemon->engine->queue.count + TW_AGENT_QUEUE_RESERVE;
    return used < TW_AGENT_QUEUE_MAX ? TW_AGENT_QUEUE_MAX - used : 0;
}

union tw_agent_outgoing *tw_agent_link_push(struct tw_daemon *daemon, enum tw_agent_type type,
                                            uint32_t length)
{
    union tw_agent_outgoing *message = push_to_engine(daemon, type, length);
    if (message)
        tw_watch_change(daemon, &daemon->engine->watch, daemon->engine->watch.events | EPOLLOUT);
    return message;
}

bool tw_agent_link_kick(struct tw_daemon *daemon, uint32_t connection_id,
                        enum tw_close_reason reason)
{
    union tw_agent_outgoing *message =
        push_to_engine(daemon, TW_AGENT_SESSION_KICK, sizeof(struct tw_agent_session_kick));
    if (!message)
        return false;
    message->session_kick.connection_id = connection_id;
    message->session_kick.reason = (uint16_t)reason;
    tw_watch_change(daemon, &daemon->engine->watch, daemon->engine->watch.events | EPOLLOUT);
    return true;
}

bool tw_agent_link_query(struct tw_daemon *daemon, uint64_t query, uint32_t connection_id)
{
    union tw_agent_outgoing *message =
        push_to_engine(daemon, TW_AGENT_SESSION_QUERY, sizeof(struct tw_agent_session_query));
    if (!message)
        return false;
    message->session_query.query = query;
    message->session_query.connection_id = connection_id;
    tw_watch_change(daemon, &daemon->engine->watch, daemon->engine->watch.events | EPOLLOUT);
    return true;
}

/* The engine takes rules as soon as it is greeted: all of them were queued then. */
bool tw_agent_link_filter(struct tw_daemon *daemon, const struct tw_agent_filter_change *change)
{
    struct tw_agent_peer *engine = daemon->engine;
    if (!engine)
        return false;
    if (engine->queue.count + TW_AGENT_QUEUE_RESERVE > TW_AGENT_QUEUE_MAX) {
        tw_agent_link_close(daemon, engine, "no room for filter rules");
        return false;
    }
    union tw_agent_outgoing *message =
        tw_agent_queue_push(&engine->queue, TW_AGENT_FILTER_CHANGE, sizeof(*change));
    struct tw_agent_header header = message->header;
    message->filter_change = *change;
    message->header = header;
    tw_watch_change(daemon, &engine->watch, engine->watch.events | EPOLLOUT);
    return true;
}
