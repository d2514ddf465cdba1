/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages an engine sends to the control plane. Input: u8 mode, then
 *   even  one packet, raw
 *   odd   sequence of { u8 type, its body }: well-formed headers, any fields, kept in a session
 *         list; of these, mode % 64 == 63 ends with a resync, which leaves none
 * What passes the check must be safe to use as it is: texts end, reasons and ids are in range.
 */
#include "control/daemon/agent_message.h"
#include "control/daemon/live.h"
#include "tests/fuzz/fuzzing.h"

#define WORKERS     2u
#define TOUCHED_MAX 64u /* more than the largest input holds */

static struct tw_live live;
static uint32_t touched[TOUCHED_MAX]; /* ids put into the list by this input */
static uint32_t touched_count;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return !tw_live_init(&live, WORKERS);
}

static void check_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    TW_ASSERT(length < size);
    for (size_t i = 0; i < length; i++)
        TW_ASSERT(text[i] >= 0x20 && text[i] <= 0x7e);
}

static void use_session(uint16_t type, const struct tw_agent_session *session)
{
    TW_ASSERT(session->reason < TW_CLOSE_COUNT && session->conduct_stage < TW_CONDUCT_STAGES &&
              session->conduct_charge < TW_NOTICE_KINDS);
    if (type == TW_AGENT_SESSION_CLOSED) {
        tw_live_remove(&live, session->connection_id);
        TW_ASSERT(!tw_live_find(&live, session->connection_id));
        return;
    }
    const struct tw_live_session *put = tw_live_put(&live, session, 1000000000);
    bool in_range = tw_connection_worker(session->connection_id) < WORKERS;
    TW_ASSERT((put != NULL) == in_range);
    TW_ASSERT(tw_live_find(&live, session->connection_id) == put);
    if (put && touched_count < TOUCHED_MAX)
        touched[touched_count++] = session->connection_id;
    if (put)
        TW_ASSERT(tw_live_find_account(&live, session->account, 0) != NULL);
}

static void use(const union tw_agent_message *message, size_t size)
{
    if (tw_agent_message_check(message, size) != TW_AGENT_CHECK_OK)
        return;
    TW_ASSERT(message->header.length == size && message->header.version == TW_AGENT_VERSION);
    switch (message->header.type) {
    case TW_AGENT_ENGINE_HELLO:
        check_text(message->engine_hello.name, sizeof(message->engine_hello.name));
        break;
    case TW_AGENT_SESSION:
    case TW_AGENT_SESSION_CONFIRMED:
    case TW_AGENT_SESSION_CLOSED:
        use_session(message->header.type, &message->session);
        break;
    case TW_AGENT_STATS:
        TW_ASSERT(message->stats.ports <= TW_PORTS_MAX);
        for (uint32_t i = 0; i < message->stats.ports; i++) {
            const struct tw_agent_port *port = &message->stats.port[i];
            check_text(port->name, sizeof(port->name));
            check_text(port->driver, sizeof(port->driver));
            TW_ASSERT(port->state < TW_PORT_STATE_COUNT);
        }
        break;
    case TW_AGENT_SESSION_STATE:
        TW_ASSERT(!message->session_state.found ||
                  message->session_state.session.reason < TW_CLOSE_COUNT);
        break;
    default:
        TW_ASSERT(message->header.type == TW_AGENT_RESYNC_END ||
                  message->header.type == TW_AGENT_HANDSHAKE_REQUEST);
        break;
    }
}

static size_t size_of(uint16_t type)
{
    static const size_t sizes[] = {
        [TW_AGENT_ENGINE_HELLO] = sizeof(struct tw_agent_engine_hello),
        [TW_AGENT_SESSION] = sizeof(struct tw_agent_session),
        [TW_AGENT_RESYNC_END] = sizeof(struct tw_agent_resync_end),
        [TW_AGENT_HANDSHAKE_REQUEST] = sizeof(struct tw_agent_handshake_request),
        [TW_AGENT_SESSION_CONFIRMED] = sizeof(struct tw_agent_session),
        [TW_AGENT_SESSION_CLOSED] = sizeof(struct tw_agent_session),
        [TW_AGENT_STATS] = sizeof(struct tw_agent_stats),
        [TW_AGENT_SESSION_STATE] = sizeof(struct tw_agent_session_state),
    };
    return type < sizeof(sizes) / sizeof(sizes[0]) && sizes[type] ? sizes[type]
                                                                  : sizeof(struct tw_agent_header);
}

static void sequence(struct tw_reader *reader)
{
    while (tw_reader_left(reader) > 0) {
        union tw_agent_message message;
        uint8_t type = fuzz_u8(reader);
        size_t size = size_of(type);
        memset(&message, 0, sizeof(message));
        (void)fuzz_take(reader, (uint8_t *)&message + sizeof(message.header),
                        size - sizeof(message.header));
        message.header = (struct tw_agent_header){
            .type = type, .version = TW_AGENT_VERSION, .length = (uint32_t)size};
        use(&message, size);
    }
}

/* Every input starts with an empty list. A resync walks over all slots there are, so few of the
 * inputs end with one. */
static void clear(bool resync)
{
    for (uint32_t i = 0; i < touched_count && !resync; i++)
        tw_live_remove(&live, touched[i]);
    if (resync || touched_count == TOUCHED_MAX) {
        tw_live_resync_begin(&live);
        (void)tw_live_resync_end(&live);
    }
    touched_count = 0;
    TW_ASSERT(live.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    uint8_t mode = fuzz_u8(&reader);
    if (mode % 2 == 1) {
        sequence(&reader);
    } else {
        union tw_agent_message message;
        size_t length = tw_reader_left(&reader);
        memset(&message, 0, sizeof(message));
        (void)fuzz_take(&reader, (uint8_t *)&message, sizeof(message));
        if (length <= sizeof(message)) /* the link refuses longer ones before */
            use(&message, length);
    }
    clear(mode % 64 == 63);
    return 0;
}
