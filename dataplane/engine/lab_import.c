/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/lab_import.h"

#include "dataplane/crypto/crc32c_isal.h"
#include "tickwire/align.h"
#include "tickwire/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum state {
    IDLE,
    STAGING,
    CHECKING,        /* LAB_CHECKs go out */
    CHECK_REPORTS,   /* LAB_REPORTs go out and are answered */
    INSTALLING,      /* LAB_INSTALLs go out */
    INSTALL_REPORTS, /* as above */
    RESULT,          /* waits to be told */
};

struct tw_lab_import {
    struct tw_lab_import_config config;
    enum state state;
    uint32_t number; /* of the import */
    uint32_t count;  /* sessions announced */
    uint32_t staged;
    uint32_t next;           /* session or worker whose command comes next */
    uint32_t reports_wanted; /* workers, bits */
    uint32_t installed, refused, first_refused;
    uint8_t seed[TW_LAB_SEED_SIZE];
    struct tw_agent_lab_result result;
    uint32_t rejected; /* an import that came while this one was under way; 0: none */
    struct tw_agent_lab_result rejection;
    struct tw_lab_session sessions[];
};

static uint32_t capacity(const struct tw_lab_import_config *config)
{
    return config->lab ? config->workers * config->sessions_max : 0;
}

size_t tw_lab_import_footprint(const struct tw_lab_import_config *config)
{
    return tw_align_line(sizeof(struct tw_lab_import) +
                         capacity(config) * sizeof(struct tw_lab_session));
}

struct tw_lab_import *tw_lab_import_init(void *memory, const struct tw_lab_import_config *config)
{
    TW_ASSERT(config->workers > 0 && config->workers <= TW_WORKERS_MAX);
    struct tw_lab_import *import = memory;
    memset(import, 0, sizeof(*import));
    import->config = *config;
    return import;
}

/* ---- results -------------------------------------------------------------------------------- */

static void refuse(struct tw_lab_import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void refuse(struct tw_lab_import *import, const char *format, ...)
{
    va_list values;
    import->result = (struct tw_agent_lab_result){.import = import->number};
    va_start(values, format);
    vsnprintf(import->result.message, sizeof(import->result.message), format, values);
    va_end(values);
    import->state = RESULT;
}

const struct tw_agent_lab_result *tw_lab_import_result(const struct tw_lab_import *import)
{
    if (import->rejected != 0)
        return &import->rejection;
    return import->state == RESULT ? &import->result : NULL;
}

void tw_lab_import_told(struct tw_lab_import *import)
{
    if (import->rejected != 0) {
        import->rejected = 0;
        return;
    }
    TW_ASSERT(import->state == RESULT);
    import->state = IDLE;
}

void tw_lab_import_abandon(struct tw_lab_import *import)
{
    /* Workers that were asked will answer: they are heard out, and nobody is told. */
    if (import->state == STAGING || import->state == RESULT)
        import->state = IDLE;
}

/* ---- from the control plane ----------------------------------------------------------------- */

static bool is_busy(const struct tw_lab_import *import)
{
    return import->state >= CHECKING && import->state <= INSTALL_REPORTS;
}

static void begin(struct tw_lab_import *import, const struct tw_agent_lab_begin *message)
{
    if (is_busy(import)) {
        import->rejected = message->import;
        import->rejection = (struct tw_agent_lab_result){.import = message->import};
        snprintf(import->rejection.message, sizeof(import->rejection.message),
                 "another import is under way");
        return;
    }
    import->number = message->import;
    import->count = message->count;
    import->staged = 0;
    memcpy(import->seed, message->seed, sizeof(import->seed));
    import->state = STAGING;
    if (!import->config.lab)
        refuse(import, "this engine is no lab: engine.lab is false in its configuration");
    else if (message->count == 0 || message->count > capacity(&import->config))
        refuse(import, "%u sessions do not fit: %u workers have %u slots each", message->count,
               import->config.workers, import->config.sessions_max);
}

static void check_session(struct tw_lab_import *import, const struct tw_lab_session *session)
{
    uint32_t number = import->staged;
    uint32_t id = session->connection_id;
    if (number > 0 && tw_lab_place(id) <= tw_lab_place(import->sessions[number - 1].connection_id))
        refuse(import, "record %u (connection %08x): %s", number, id,
               tw_lab_result_text(TW_LAB_OUT_OF_ORDER));
    else if (tw_connection_worker(id) >= import->config.workers)
        refuse(import, "record %u (connection %08x): names worker %u of %u", number, id,
               tw_connection_worker(id), import->config.workers);
    else if (tw_connection_slot(id) >= import->config.sessions_max)
        refuse(import, "record %u (connection %08x): names slot %u, engine.sessions_max is %u",
               number, id, tw_connection_slot(id), import->config.sessions_max);
    else if (session->port >= import->config.ports)
        refuse(import, "record %u (connection %08x): comes by port %u of %u", number, id,
               session->port + 1u, import->config.ports);
    else if (session->world != import->config.world)
        refuse(import, "record %u (connection %08x): world %u is not here, world.id is %u", number,
               id, session->world, import->config.world);
    else if ((session->suite & import->config.suites) == 0)
        refuse(import, "record %u (connection %08x): this machine cannot do its cipher suite",
               number, id);
}

static void stage(struct tw_lab_import *import, const struct tw_agent_lab_sessions *message)
{
    if (message->first != import->staged || message->count == 0 ||
        message->count > TW_AGENT_LAB_RECORDS || message->count > import->count - import->staged) {
        refuse(import, "records %u and following came out of place", message->first);
        return;
    }
    for (uint32_t i = 0; i < message->count && import->state == STAGING; i++) {
        struct tw_lab_session *session = &import->sessions[import->staged];
        enum tw_lab_result result =
            tw_lab_session_read(session, message->records[i], tw_crc32c_isal);
        if (result != TW_LAB_OK)
            refuse(import, "record %u: %s", import->staged, tw_lab_result_text(result));
        else
            check_session(import, session);
        import->staged++;
    }
}

static void commit(struct tw_lab_import *import)
{
    if (import->staged != import->count) {
        refuse(import, "%u of %u records came", import->staged, import->count);
        return;
    }
    import->state = CHECKING;
    import->next = 0;
    import->installed = import->refused = 0;
}

void tw_lab_import_receive(struct tw_lab_import *import, const union tw_agent_message *message)
{
    static_assert(TW_AGENT_LAB_RECORD_SIZE == TW_LAB_RECORD_SIZE &&
                      sizeof(message->lab_begin.seed) == TW_LAB_SEED_SIZE,
                  "messages carry records as they are");
    static_assert(offsetof(struct tw_agent_lab_sessions, import) ==
                      offsetof(struct tw_agent_lab_commit, import),
                  "both name the import at one place");
    uint16_t type = message->header.type;
    if (type == TW_AGENT_LAB_BEGIN) {
        begin(import, &message->lab_begin);
        return;
    }
    /* What belongs to a refused one is ignored. */
    if (import->state != STAGING || message->lab_commit.import != import->number)
        return;
    if (type == TW_AGENT_LAB_SESSIONS)
        stage(import, &message->lab_sessions);
    else
        commit(import);
}

/* ---- to the workers ------------------------------------------------------------------------- */

/* As many of the sessions from `next` as one command holds: of one worker, in order. */
static uint32_t checks_due(const struct tw_lab_import *import)
{
    uint32_t worker = tw_connection_worker(import->sessions[import->next].connection_id);
    uint32_t count = 1;
    while (count < TW_LAB_CHECKS && import->next + count < import->count &&
           tw_connection_worker(import->sessions[import->next + count].connection_id) == worker)
        count++;
    return count;
}

static void write_check(const struct tw_lab_import *import, struct tw_lab_check *check)
{
    check->first = import->next;
    check->count = checks_due(import);
    for (uint32_t i = 0; i < check->count; i++)
        check->connection_ids[i] = import->sessions[import->next + i].connection_id;
}

static void write_install(const struct tw_lab_import *import, struct tw_lab_install *install,
                          const uint8_t random[TW_TOKEN_ID_SIZE])
{
    const struct tw_lab_session *session = &import->sessions[import->next];
    *install = (struct tw_lab_install){
        .connection_id = session->connection_id,
        .number = import->next,
        .world = session->world,
        .suite = session->suite,
        .interface = session->port,
        .account = session->account,
        .first_sequence = session->first_sequence,
        .address = session->address,
    };
    memcpy(install->token_id, random, TW_TOKEN_ID_SIZE);
    tw_lab_secrets_derive(import->seed, session->index, install->secret_client_to_server,
                          install->secret_server_to_client);
}

bool tw_lab_import_next(const struct tw_lab_import *import, struct tw_worker_command *command,
                        uint32_t *worker, const uint8_t random[TW_TOKEN_ID_SIZE])
{
    memset(command, 0, sizeof(*command));
    switch (import->state) {
    case CHECKING:
        command->type = TW_COMMAND_LAB_CHECK;
        write_check(import, &command->lab_check);
        break;
    case INSTALLING:
        command->type = TW_COMMAND_LAB_INSTALL;
        write_install(import, &command->lab_install, random);
        break;
    case CHECK_REPORTS:
    case INSTALL_REPORTS:
        if (import->next >= import->config.workers)
            return false;
        command->type = TW_COMMAND_LAB_REPORT;
        command->lab_report.import = import->number;
        *worker = import->next;
        return true;
    default:
        return false;
    }
    *worker = tw_connection_worker(import->sessions[import->next].connection_id);
    return true;
}

void tw_lab_import_sent(struct tw_lab_import *import)
{
    bool reporting = import->state == CHECK_REPORTS || import->state == INSTALL_REPORTS;
    if (reporting) {
        import->next++;
        return;
    }
    TW_ASSERT(import->state == CHECKING || import->state == INSTALLING);
    import->next += import->state == CHECKING ? checks_due(import) : 1u;
    if (import->next < import->count)
        return;
    import->state = import->state == CHECKING ? CHECK_REPORTS : INSTALL_REPORTS;
    import->next = 0;
    import->reports_wanted = (1u << import->config.workers) - 1u;
}

static void finish_checks(struct tw_lab_import *import)
{
    if (import->refused > 0) {
        uint32_t id = import->sessions[import->first_refused].connection_id;
        refuse(import, "record %u (connection %08x): its slot is taken; %u such records",
               import->first_refused, id, import->refused);
        return;
    }
    import->state = INSTALLING;
    import->next = 0;
}

static void finish_installs(struct tw_lab_import *import)
{
    if (import->refused > 0) {
        /* The engine is being stopped: workers take nothing any more. */
        refuse(import, "the engine is ending: %u of %u sessions were installed", import->installed,
               import->count);
        return;
    }
    import->result = (struct tw_agent_lab_result){
        .import = import->number, .ok = 1, .installed = import->installed};
    import->state = RESULT;
}

void tw_lab_import_report(struct tw_lab_import *import, const struct tw_worker_event *event)
{
    TW_ASSERT(import->state == CHECK_REPORTS || import->state == INSTALL_REPORTS);
    TW_ASSERT((import->reports_wanted & 1u << event->worker) != 0);
    import->reports_wanted &= ~(1u << event->worker);
    if (event->lab.refused > 0 &&
        (import->refused == 0 || event->lab.first_refused < import->first_refused))
        import->first_refused = event->lab.first_refused;
    import->refused += event->lab.refused;
    import->installed += event->lab.installed;
    if (import->reports_wanted != 0)
        return;
    if (import->state == CHECK_REPORTS)
        finish_checks(import);
    else
        finish_installs(import);
}
