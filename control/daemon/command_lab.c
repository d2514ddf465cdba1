/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab begin, add, commit, state: one import in small requests. `tickwire lab import` makes them; it
 * asks again while the engine's queue is full, and asks for the state until there is a result.
 */
#include "control/daemon/agent_link.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"

#include <sodium.h>
#include <string.h>

static bool lab_ready(struct tw_call *call)
{
    if (!call->daemon->lab.on)
        tw_call_fail(call, "NO_LAB",
                     "this host is no lab and takes no imported sessions; engine.lab: true in its "
                     "configuration makes it one, which then refuses players");
    else if (!call->daemon->engine || !call->daemon->engine->resynced)
        tw_call_fail(call, "ENGINE_GONE", "no engine is linked");
    return call->error_code == NULL;
}

/* Base64 of exactly size bytes; else BAD_ARGUMENT is set. */
static bool decode(struct tw_call *call, const char *name, const char *text, uint8_t *out,
                   size_t size)
{
    size_t length = 0;
    if (sodium_base642bin(out, size, text, strlen(text), NULL, &length, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        length == size)
        return true;
    tw_call_fail(call, "BAD_ARGUMENT", "%s: expected base64 of %zu bytes", name, size);
    return false;
}

void tw_command_lab_begin(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    json_int_t count = 0;
    const char *seed_text = NULL;
    uint8_t seed[sizeof(((struct tw_agent_lab_begin *)0)->seed)];
    if (!tw_call_unpack(call, "{s:I, s:s}", "count", &count, "seed", &seed_text) ||
        !lab_ready(call) || !decode(call, "seed", seed_text, seed, sizeof(seed)))
        return;
    if (count < 1 || count > UINT32_MAX) {
        tw_call_fail(call, "BAD_ARGUMENT", "count: expected 1 to %u", UINT32_MAX);
        return;
    }
    union tw_agent_outgoing *message =
        tw_agent_link_push(daemon, TW_AGENT_LAB_BEGIN, sizeof(struct tw_agent_lab_begin));
    if (!message) {
        tw_call_fail(call, "ENGINE_BUSY", "the engine does not take messages now");
        return;
    }
    /* Never 0; random, because the engine may remember imports of a daemon before this one. */
    uint32_t import = randombytes_random() | 1u;
    message->lab_begin.import = import;
    message->lab_begin.count = (uint32_t)count;
    memcpy(message->lab_begin.seed, seed, sizeof(seed));
    tw_lab_service_begin(&daemon->lab, import, (uint32_t)count);
    call->result = json_pack("{s:I}", "import", (json_int_t)import);
}

/* The import that the request names, in a stage for adding; else an error is set. */
static bool is_adding(struct tw_call *call, json_int_t import)
{
    const struct tw_lab_service *lab = &call->daemon->lab;
    if (lab->import == 0 || import != lab->import)
        tw_call_fail(call, "BAD_ARGUMENT", "import: this import is not the newest one");
    else if (lab->stage == TW_LAB_STAGE_FAILED)
        tw_call_fail(call, "IMPORT_REFUSED", "nothing was imported: %s", lab->message);
    else if (lab->stage != TW_LAB_STAGE_ADDING)
        tw_call_fail(call, "BAD_ARGUMENT", "import: it was committed already");
    return call->error_code == NULL;
}

static void pass_on(struct tw_daemon *daemon, const uint8_t *records, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += TW_AGENT_LAB_RECORDS) {
        uint32_t left = count - i;
        union tw_agent_outgoing *message =
            tw_agent_link_push(daemon, TW_AGENT_LAB_SESSIONS, sizeof(struct tw_agent_lab_sessions));
        struct tw_agent_lab_sessions *out = &message->lab_sessions;
        out->import = daemon->lab.import;
        out->first = daemon->lab.added;
        out->count = left < TW_AGENT_LAB_RECORDS ? left : TW_AGENT_LAB_RECORDS;
        memcpy(out->records, records + (size_t)i * TW_AGENT_LAB_RECORD_SIZE,
               (size_t)out->count * TW_AGENT_LAB_RECORD_SIZE);
        daemon->lab.added += out->count;
    }
}

void tw_command_lab_add(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    json_int_t import = 0;
    json_int_t count = 0;
    const char *text = NULL;
    uint8_t records[TW_LAB_RECORDS_PER_REQUEST * TW_AGENT_LAB_RECORD_SIZE];
    if (!tw_call_unpack(call, "{s:I, s:I, s:s}", "import", &import, "count", &count, "records",
                        &text) ||
        !lab_ready(call) || !is_adding(call, import))
        return;
    if (count < 1 || count > TW_LAB_RECORDS_PER_REQUEST ||
        count > (json_int_t)(daemon->lab.count - daemon->lab.added)) {
        tw_call_fail(call, "BAD_ARGUMENT", "count: expected 1 to %u, and no more than announced",
                     TW_LAB_RECORDS_PER_REQUEST);
        return;
    }
    if (!decode(call, "records", text, records, (size_t)count * TW_AGENT_LAB_RECORD_SIZE))
        return;
    uint32_t messages = ((uint32_t)count + TW_AGENT_LAB_RECORDS - 1u) / TW_AGENT_LAB_RECORDS;
    if (tw_agent_link_room(daemon) < messages) {
        tw_call_fail(call, "ENGINE_BUSY", "the engine does not take messages now");
        return;
    }
    pass_on(daemon, records, (uint32_t)count);
}

void tw_command_lab_commit(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    json_int_t import = 0;
    if (!tw_call_unpack(call, "{s:I}", "import", &import) || !lab_ready(call) ||
        !is_adding(call, import))
        return;
    union tw_agent_outgoing *message =
        tw_agent_link_push(daemon, TW_AGENT_LAB_COMMIT, sizeof(struct tw_agent_lab_commit));
    if (!message) {
        tw_call_fail(call, "ENGINE_BUSY", "the engine does not take messages now");
        return;
    }
    message->lab_commit.import = daemon->lab.import;
    daemon->lab.stage = TW_LAB_STAGE_COMMITTED;
}

void tw_command_lab_state(struct tw_call *call)
{
    const struct tw_lab_service *lab = &call->daemon->lab;
    json_int_t import = 0;
    if (!tw_call_unpack(call, "{s:I}", "import", &import))
        return;
    if (lab->import == 0 || import != lab->import) {
        tw_call_fail(call, "BAD_ARGUMENT", "import: this import is not the newest one");
        return;
    }
    if (lab->stage == TW_LAB_STAGE_FAILED) {
        tw_call_fail(call, "IMPORT_REFUSED", "nothing was imported: %s", lab->message);
        return;
    }
    bool done = lab->stage == TW_LAB_STAGE_DONE;
    call->result = json_pack("{s:b, s:I, s:I}", "done", done, "sessions", (json_int_t)lab->count,
                             "installed", (json_int_t)lab->installed);
    if (done)
        tw_log_info("lab_imported", json_pack("{s:I}", "sessions", (json_int_t)lab->installed));
}
