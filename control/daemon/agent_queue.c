/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/agent_queue.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_BURST 64u

bool tw_agent_queue_init(struct tw_agent_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    queue->messages = calloc(TW_AGENT_QUEUE_MAX, sizeof(queue->messages[0]));
    return queue->messages != NULL;
}

void tw_agent_queue_fini(struct tw_agent_queue *queue)
{
    if (queue->messages)
        tw_agent_queue_clear(queue);
    free(queue->messages);
    queue->messages = NULL;
}

static void pop(struct tw_agent_queue *queue)
{
    sodium_memzero(&queue->messages[queue->head], sizeof(queue->messages[0]));
    queue->head = (queue->head + 1u) % TW_AGENT_QUEUE_MAX;
    queue->count--;
}

void tw_agent_queue_clear(struct tw_agent_queue *queue)
{
    while (queue->count > 0)
        pop(queue);
}

union tw_agent_outgoing *tw_agent_queue_push(struct tw_agent_queue *queue, enum tw_agent_type type,
                                             uint32_t length)
{
    if (queue->count == TW_AGENT_QUEUE_MAX)
        return NULL;
    uint32_t at = (queue->head + queue->count++) % TW_AGENT_QUEUE_MAX;
    union tw_agent_outgoing *message = &queue->messages[at];
    memset(message, 0, sizeof(*message));
    message->header = (struct tw_agent_header){
        .type = (uint16_t)type, .version = TW_AGENT_VERSION, .length = length};
    return message;
}

static int send_burst(const struct tw_agent_queue *queue, int descriptor)
{
    struct mmsghdr headers[SEND_BURST];
    struct iovec parts[SEND_BURST];
    unsigned count = queue->count < SEND_BURST ? queue->count : SEND_BURST;
    memset(headers, 0, sizeof(headers));
    for (unsigned i = 0; i < count; i++) {
        union tw_agent_outgoing *message = &queue->messages[(queue->head + i) % TW_AGENT_QUEUE_MAX];
        parts[i] = (struct iovec){.iov_base = message, .iov_len = message->header.length};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    return sendmmsg(descriptor, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum tw_agent_flush tw_agent_queue_flush(struct tw_agent_queue *queue, int descriptor)
{
    while (queue->count > 0) {
        int sent = send_burst(queue, descriptor);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == ENOBUFS ? TW_AGENT_FLUSH_BLOCKED
                                                       : TW_AGENT_FLUSH_BROKEN;
        while (sent-- > 0)
            pop(queue);
    }
    return TW_AGENT_FLUSH_DONE;
}
