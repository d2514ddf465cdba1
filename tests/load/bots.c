/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/bots.h"

#include "tests/load/key_log.h"
#include "tests/load/random.h"
#include "tests/load/resume_store.h"
#include "tickwire/wire.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S UINT64_C(1000000)
#define PASS_US  1000u
/* Answers of the server to our goodbye, and snapshots it had already sent. */
#define LINGER_US 200000u
/* Bots acted on per pass: each one's turn then comes every 4 ms at the latest, a quarter tick. */
#define BOTS_PER_PASS   250u
#define BURSTS_PER_WAKE 8u
#define EPOLL_EVENTS    64

uint64_t tw_load_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* A socket of both families where a bot may have to come by IPv6. */
static sa_family_t family_for(const uint8_t *token)
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    for (uint32_t i = 0; i < token[TW_CONNECT_ADDRESS_COUNT]; i++)
        if (memcmp(token + TW_CONNECT_ADDRESS_LIST + i * TW_ADDRESS_SIZE, v4_mapped,
                   sizeof(v4_mapped)) != 0)
            return AF_INET6;
    return AF_INET;
}

static bool open_port(struct tw_load_bots *bots, uint32_t index)
{
    struct tw_load_port *port = &bots->ports[index];
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = index}};
    return tw_load_port_open(port, family_for(bots->bots[port->first_bot].token)) &&
           epoll_ctl(bots->epoll, EPOLL_CTL_ADD, port->descriptor, &event) == 0;
}

static bool open_ports(struct tw_load_bots *bots, uint32_t bots_per_port)
{
    uint32_t port_count = (bots->count + bots_per_port - 1u) / bots_per_port;
    bots->ports = calloc(port_count, sizeof(*bots->ports));
    bots->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!bots->ports || bots->epoll < 0)
        return false;
    for (uint32_t i = 0; i < port_count; i++)
        bots->ports[i].descriptor = -1;
    bots->port_count = port_count;
    for (uint32_t i = 0; i < bots->port_count; i++) {
        struct tw_load_port *port = &bots->ports[i];
        port->first_bot = i * bots_per_port;
        port->traffic = &bots->traffic;
        port->loss = &bots->loss;
        if (!open_port(bots, i))
            return false;
    }
    return true;
}

static bool make_bot(struct tw_load_bots *bots, uint32_t index, uint32_t bots_per_port)
{
    const struct tw_load_options *options = bots->options;
    struct tw_load_bot *bot = &bots->bots[index];
    bot->port = &bots->ports[index / bots_per_port];
    bot->index_in_port = index % bots_per_port;
    bot->start_at_us = bots->started_us + index * US_PER_S / options->connects_per_s;
    bot->walks = options->behaviour == TW_LOAD_WALK ||
                 (options->behaviour == TW_LOAD_MIXED && index % 2u == 0);
    bot->walk.random = options->seed * UINT64_C(1000003) + index;

    struct tw_client_config config = tw_client_config_default();
    config.entities_max = options->entities_max;
    config.connect_ms = options->connect_timeout_s * 1000u;
    config.timeout_ms = options->timeout_s * 1000u;
    config.transport.context = bot->port;
    config.transport.send = tw_load_port_send;
    if (bots->key_log) {
        config.key_log = tw_load_key_log_line;
        config.key_log_context = bots->key_log;
    }
    bot->client = tw_client_create(&config);
    return bot->client != NULL;
}

struct tw_load_bots *tw_load_bots_create(const struct tw_load_options *options,
                                         const uint8_t (*tokens)[TW_CONNECT_SIZE], uint32_t count)
{
    struct tw_load_bots *bots = calloc(1, sizeof(*bots));
    if (!bots)
        return NULL;
    bots->options = options;
    bots->count = count;
    bots->loss = (struct tw_load_loss){.random = options->seed, .percent = options->loss_percent};
    bots->started_us = tw_load_now_us();
    bots->rebind_at_us = bots->started_us + options->rebind_s * US_PER_S;
    bots->bots = calloc(count, sizeof(*bots->bots));
    uint32_t bots_per_port = count <= TW_LOAD_OWN_SOCKETS_MAX ? 1u : TW_LOAD_BOTS_PER_SOCKET;
    bool made = bots->bots != NULL;
    if (options->key_log_path)
        made = made && (bots->key_log = tw_load_key_log_open(options->key_log_path)) != NULL;
    for (uint32_t i = 0; made && i < count; i++)
        memcpy(bots->bots[i].token, tokens[i], TW_CONNECT_SIZE);
    made = made && open_ports(bots, bots_per_port);
    for (uint32_t i = 0; made && i < count; i++)
        made = make_bot(bots, i, bots_per_port);
    if (!made) {
        fprintf(stderr, "tickwire-load: cannot make %u bots: %s\n", count, strerror(errno));
        tw_load_bots_destroy(bots);
        return NULL;
    }
    /* Waits of 1 ms are meant: the default slack of 50 µs would show in every round trip. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    return bots;
}

void tw_load_bots_destroy(struct tw_load_bots *bots)
{
    for (uint32_t i = 0; bots->bots && i < bots->count; i++)
        tw_client_destroy(bots->bots[i].client);
    for (uint32_t i = 0; bots->ports && i < bots->port_count; i++)
        tw_load_port_close(&bots->ports[i]);
    if (bots->epoll > 0)
        close(bots->epoll);
    if (bots->key_log)
        fclose(bots->key_log);
    free(bots->ports);
    free(bots->bots);
    free(bots);
}

/* ---- one bot --------------------------------------------------------------------------------- */

static uint32_t number_of(const struct tw_load_bots *bots, const struct tw_load_bot *bot)
{
    return (uint32_t)(bot - bots->bots);
}

/* A new token for the session of now: whoever kills this process, the next one goes on with it. */
static void keep_resume(const struct tw_load_bots *bots, const struct tw_load_bot *bot)
{
    uint8_t bytes[TW_CLIENT_RESUME_SIZE];
    const char *directory = bots->options->resume_path;
    if (directory && tw_client_get_resume(bot->client, bytes, sizeof(bytes)) == TW_CLIENT_OK)
        (void)tw_load_resume_write(directory, number_of(bots, bot), bytes);
    sodium_memzero(bytes, sizeof(bytes));
}

/* After its end: a session that is over cannot be resumed; one that another process resumed is that
 * one's, as is the file; of one that only fell silent nothing is known. */
static void forget_resume(const struct tw_load_bots *bots, struct tw_load_bot *bot)
{
    bool over = bot->end == TW_CLIENT_END_LOCAL || bot->end == TW_CLIENT_END_REFUSED ||
                (bot->end == TW_CLIENT_END_REMOTE && bot->end_code != TW_CLOSE_RESUMED);
    if (bots->options->resume_path && over)
        tw_load_resume_forget(bots->options->resume_path, number_of(bots, bot));
    /* Too late, or used up by a process that was killed too soon: it logs in. */
    if (bot->resuming && bot->end == TW_CLIENT_END_REFUSED)
        bot->started = false;
    bot->resuming = false;
}

static void take_events(struct tw_load_bots *bots, struct tw_load_bot *bot)
{
    struct tw_client_event event;
    while (tw_client_poll_event(bot->client, &event)) {
        switch (event.type) {
        case TW_CLIENT_EVENT_CONNECTED:
            bot->connected_ever = true;
            bots->resumed += bot->resuming;
            break;
        case TW_CLIENT_EVENT_TRY_AGAIN:
            bots->try_again++;
            break;
        case TW_CLIENT_EVENT_CLOSED:
            bot->end = event.end;
            bot->end_code = event.code;
            forget_resume(bots, bot);
            break;
        case TW_CLIENT_EVENT_RESUMABLE:
            keep_resume(bots, bot);
            break;
        case TW_CLIENT_EVENT_NONE:
        case TW_CLIENT_EVENT_ENTER:
        case TW_CLIENT_EVENT_EXIT:
        case TW_CLIENT_EVENT_DESYNC:
        case TW_CLIENT_EVENT_LOST:
        case TW_CLIENT_EVENT_REPAIRED:
        case TW_CLIENT_EVENT_STALLED:
            break;
        case TW_CLIENT_EVENT_HEALTH:
            break;
        case TW_CLIENT_EVENT_WARNED:
            bots->warnings++;
            break;
        }
    }
    tw_load_demux_set(&bot->port->demux, bot->index_in_port,
                      tw_client_get_connection_id(bot->client),
                      tw_client_get_ephemeral(bot->client));
}

static void note_move(struct tw_load_bots *bots, struct tw_load_bot *bot,
                      const struct tw_client_self *self)
{
    struct tw_client_world world;
    tw_client_get_world(bot->client, &world);
    int32_t dx = tw_client_difference(&world, bot->seen.x, self->x);
    int32_t dy = tw_client_difference(&world, bot->seen.y, self->y);
    bot->moved_m += hypot(dx, dy) / TW_UNITS_PER_METRE;
    bots->seam_crossings += dx != self->x - bot->seen.x;
    bots->seam_crossings += dy != self->y - bot->seen.y;
}

static void look_around(struct tw_load_bots *bots, struct tw_load_bot *bot, uint64_t now_us)
{
    struct tw_client_statistics statistics;
    tw_client_get_statistics(bot->client, &statistics);
    tw_load_agreement_look(&bot->agreement, &statistics, now_us);
    tw_client_get_timing(bot->client, now_us, &bot->timing);
    bot->datagram_bytes = statistics.datagram_bytes;
    if (statistics.rtt_samples != bot->rtt_samples) {
        bot->rtt_samples = statistics.rtt_samples;
        uint32_t bucket = tw_histogram_bucket(statistics.rtt_us);
        bots->interval.counts[bucket]++;
        bots->total.counts[bucket]++;
        if (statistics.rtt_us > bots->rtt_max_us)
            bots->rtt_max_us = statistics.rtt_us;
    }
    struct tw_client_self self;
    tw_client_get_self(bot->client, &self);
    if (self.last_input_tick != 0 && bot->first_input_tick == 0)
        bot->first_input_tick = self.last_input_tick;
    bot->last_input_tick = self.last_input_tick;
    if (self.tick == bot->seen.tick)
        return;
    if (bot->seen.handle != 0 && bot->seen.handle == self.handle)
        note_move(bots, bot, &self);
    bot->entity_changes += bot->seen.handle != 0 && bot->seen.handle != self.handle;
    bot->seen = self;
}

static void start(struct tw_load_bots *bots, struct tw_load_bot *bot, uint64_t now_us)
{
    uint8_t kept[TW_CLIENT_RESUME_SIZE];
    const char *directory = bots->options->resume_path;
    bot->started = true;
    bot->resuming = directory && tw_load_resume_read(directory, number_of(bots, bot), kept);
    int result = tw_client_connect(bot->client, bot->resuming ? kept : bot->token,
                                   sizeof(bot->token), now_us);
    sodium_memzero(kept, sizeof(kept));
    if (result != TW_CLIENT_OK) {
        bot->end = TW_CLIENT_END_REFUSED;
        bot->end_code = 0;
        forget_resume(bots, bot);
    }
    take_events(bots, bot);
}

static void act(struct tw_load_bots *bots, struct tw_load_bot *bot, uint64_t now_us)
{
    if (!bot->started && now_us >= bot->start_at_us)
        start(bots, bot, now_us);
    enum tw_client_state before = tw_client_get_state(bot->client);
    if (before != TW_CLIENT_CONNECTING && before != TW_CLIENT_CONNECTED)
        return;
    if (before == TW_CLIENT_CONNECTED) {
        struct tw_client_input input;
        if (bot->walks && tw_load_walk_step(&bot->walk, now_us, &input))
            (void)tw_client_set_input(bot->client, &input);
        look_around(bots, bot, now_us);
    }
    tw_client_update(bot->client, now_us);
    take_events(bots, bot);
    if ((bots->options->talk || bots->options->listen) && before == TW_CLIENT_CONNECTED) {
        uint64_t quiet_us =
            bots->started_us + bots->options->seconds * UINT64_C(1000000) - TW_LOAD_TALK_QUIET_US;
        bool sending = bots->options->talk && now_us < quiet_us;
        tw_load_talk_step(&bot->talk, bot->client, number_of(bots, bot), sending, now_us);
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* True: there may be more. */
static bool receive(struct tw_load_bots *bots, struct tw_load_port *port)
{
    for (uint32_t burst = 0; burst < BURSTS_PER_WAKE; burst++) {
        uint32_t count = tw_load_port_receive(port, &bots->inbox);
        uint64_t now_us = tw_load_now_us();
        for (uint32_t i = 0; i < count; i++) {
            size_t length = bots->inbox.messages[i].msg_len;
            const uint8_t *bytes = bots->inbox.bytes[i];
            if (length == 0)
                continue;
            uint32_t index = tw_load_demux_find(&port->demux, bytes, length);
            if (index == TW_LOAD_NOBODY) {
                bots->traffic.nobody++;
                continue;
            }
            struct tw_load_bot *bot = &bots->bots[port->first_bot + index];
            tw_client_receive(bot->client, bytes, length, now_us);
            take_events(bots, bot);
        }
        if (count < TW_LOAD_BURST)
            return false;
    }
    return true;
}

static void flush(struct tw_load_bots *bots)
{
    for (uint32_t i = 0; i < bots->port_count; i++) {
        if (bots->ports[i].pending > 0)
            tw_load_port_flush(&bots->ports[i]);
    }
}

static void wait_and_receive(struct tw_load_bots *bots)
{
    struct epoll_event events[EPOLL_EVENTS];
    int ready = epoll_wait(bots->epoll, events, EPOLL_EVENTS, 1);
    for (int i = 0; i < ready; i++)
        (void)receive(bots, &bots->ports[events[i].data.u32]);
}

static void end_receiving(struct tw_load_bots *bots)
{
    for (uint32_t i = 0; i < bots->port_count; i++) {
        tw_load_port_deafen(&bots->ports[i]);
        while (receive(bots, &bots->ports[i])) {
        }
    }
}

/* All at once, as behind a router that forgets what it knew. What was on the way is lost. */
static void rebind(struct tw_load_bots *bots)
{
    bots->rebind_at_us += bots->options->rebind_s * US_PER_S;
    flush(bots);
    for (uint32_t i = 0; i < bots->port_count; i++) {
        tw_load_port_close(&bots->ports[i]);
        bots->rebinds += open_port(bots, i);
    }
    for (uint32_t i = 0; i < bots->count; i++)
        (void)tw_client_rebind(bots->bots[i].client, tw_load_now_us());
}

void tw_load_bots_turn(struct tw_load_bots *bots)
{
    wait_and_receive(bots);
    uint64_t now_us = tw_load_now_us();
    if (bots->options->rebind_s != 0 && now_us >= bots->rebind_at_us)
        rebind(bots);
    if (now_us >= bots->next_pass_us) {
        bots->next_pass_us = now_us + PASS_US;
        uint32_t groups = (bots->count + BOTS_PER_PASS - 1u) / BOTS_PER_PASS;
        for (uint32_t i = bots->passes++ % groups; i < bots->count; i += groups)
            act(bots, &bots->bots[i], tw_load_now_us());
    }
    flush(bots);
}

void tw_load_bots_leave(struct tw_load_bots *bots)
{
    bots->leaving = true;
    for (uint32_t i = 0; i < bots->count; i++) {
        struct tw_load_bot *bot = &bots->bots[i];
        enum tw_client_state state = tw_client_get_state(bot->client);
        if (state == TW_CLIENT_CONNECTED)
            look_around(bots, bot, tw_load_now_us());
        /* Who has not arrived by now has not connected: the reason stays "no answer". */
        bool arriving = state == TW_CLIENT_CONNECTING;
        tw_client_close(bot->client, tw_load_now_us());
        take_events(bots, bot);
        if (arriving)
            bot->end = TW_CLIENT_END_NO_ANSWER;
        tw_load_port_flush(bot->port);
    }
    uint64_t end_us = tw_load_now_us() + LINGER_US;
    while (tw_load_now_us() < end_us)
        wait_and_receive(bots);
    end_receiving(bots);
}

bool tw_load_bots_all_ended(const struct tw_load_bots *bots)
{
    for (uint32_t i = 0; i < bots->count; i++) {
        enum tw_client_state state = tw_client_get_state(bots->bots[i].client);
        if (!bots->bots[i].started || state == TW_CLIENT_CONNECTING || state == TW_CLIENT_CONNECTED)
            return false;
    }
    return true;
}

bool tw_load_bot_ended_well(const struct tw_load_bots *bots, const struct tw_load_bot *bot)
{
    if (!bot->connected_ever)
        return false;
    enum tw_client_state state = tw_client_get_state(bot->client);
    if (state == TW_CLIENT_CONNECTED || (bots->leaving && bot->end == TW_CLIENT_END_LOCAL))
        return true;
    return bots->options->expect_close && bot->end == TW_CLIENT_END_REMOTE &&
           bot->end_code == TW_CLOSE_SHUTDOWN;
}

uint64_t tw_load_bot_inputs_applied(const struct tw_load_bot *bot)
{
    return bot->first_input_tick == 0 ? 0
                                      : UINT64_C(1) + bot->last_input_tick - bot->first_input_tick;
}
