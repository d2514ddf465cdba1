/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/players.h"

#include "dataplane/wire/crc32c.h"

#include "tickwire/assert.h"
#include "tickwire/bytes.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* handle (4) ‖ speaker (4) ‖ session (4) ‖ number (4) ‖ size (4) ‖ pattern; the handle is the
 * server's. */
#define HEAD      16u
#define TAKEN_MAX (TW_MESSAGE_MAX + 4u)
/* 60 frames a second, and the packets of a game's own pace between them. */
#define UPDATE_US 8333u
#define STEER_US  500000u
/* A server keeps their session for longer. */
#define PATIENCE_MS 10000u

static void *take(size_t size)
{
    void *memory = calloc(1, size);
    TW_ASSERT(memory != NULL);
    return memory;
}

static void fault(struct sim_players *players, const struct sim_player *by, const char *what,
                  const uint32_t message[3])
{
    if (players->faults++ == 0)
        snprintf(players->fault, sizeof(players->fault),
                 "player %u: %s: speaker %u session %u number %u, %llu us", by->index, what,
                 message[0], message[1], message[2], (unsigned long long)players->now_us);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int send_packet(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                       uint16_t port)
{
    struct sim_player *player = context;
    (void)ip;
    (void)port;
    player->all->send(player->all->context, player, bytes, length);
    return (int)length;
}

static void make_client(struct sim_player *player)
{
    struct tw_client_config config = tw_client_config_default();
    config.suites = TW_SUITE_CHACHA20_POLY1305;
    config.timeout_ms = player->all->patience_ms;
    config.transport.context = player;
    config.transport.send = send_packet;
    player->client = tw_client_create(&config);
    TW_ASSERT(player->client != NULL);
}

bool sim_player_die(struct sim_player *player, uint8_t kept[TW_CONNECT_SIZE])
{
    bool keeps = tw_client_get_resume(player->client, kept, TW_CONNECT_SIZE) == TW_CLIENT_OK;
    tw_client_destroy(player->client);
    make_client(player);
    player->port++;
    return keeps;
}

void sim_players_init(struct sim_players *players, uint32_t count, uint32_t speakers, uint64_t seed,
                      uint32_t patience_ms)
{
    memset(players, 0, sizeof(*players));
    players->patience_ms = patience_ms ? patience_ms : PATIENCE_MS;
    players->players = take(count * sizeof(*players->players));
    players->count = count;
    players->speakers = speakers;
    players->update_us = UPDATE_US;
    tw_rng_seed(&players->rng, seed);
    for (uint32_t i = 0; i < count; i++) {
        struct sim_player *player = &players->players[i];
        player->all = players;
        make_client(player);
        player->index = i;
        player->address = 0x0a000000u + 0x100u + i; /* 10.0.1.0 and on */
        player->port = 40000;
        player->talks = i < speakers;
        player->heard = take(speakers * TW_CHANNEL_COUNT * sizeof(*player->heard) + 1u);
    }
}

void sim_players_fini(struct sim_players *players)
{
    for (uint32_t i = 0; i < players->count; i++) {
        tw_client_destroy(players->players[i].client);
        free(players->players[i].heard);
    }
    free(players->players);
}

void sim_player_connect(struct sim_player *player, const uint8_t token[TW_CONNECT_SIZE],
                        uint64_t now_us)
{
    struct sim_players *all = player->all;
    int result = tw_client_connect(player->client, token, TW_CONNECT_SIZE, now_us);
    TW_ASSERT(result == TW_CLIENT_OK);
    player->connects++;
    player->session++;
    player->connect_at_us = 0;
    player->next_update_us = now_us + tw_rng_below(&all->rng, (uint32_t)all->update_us);
    /* A new session hears from the middle on. The first one has heard nothing: a thousand times a
     * thousand accounts, most of them of who is far off, are never touched. */
    if (player->connects > 1)
        memset(player->heard, 0, all->speakers * TW_CHANNEL_COUNT * sizeof(*player->heard));
}

/* ---- messages -------------------------------------------------------------------------------- */

static uint8_t pattern(const struct sim_players *all, uint32_t number, uint32_t at)
{
    uint32_t mixed = (number * 65536u + at + 1u) * UINT32_C(2654435761);
    if (all->noise)
        return (uint8_t)((mixed ^ mixed >> 15) * UINT32_C(2246822519) >> 24);
    return (uint8_t)(number * 31u + at * 7u + (at >> 8));
}

bool sim_player_speak(struct sim_player *player, uint32_t channel, uint32_t size)
{
    static uint8_t bytes[TW_MESSAGE_MAX];
    struct sim_players *all = player->all;
    uint32_t number = player->spoken[channel];
    TW_ASSERT(size >= HEAD && size <= sizeof(bytes));
    tw_store_u32(bytes, player->index);
    tw_store_u32(bytes + 4, player->session);
    tw_store_u32(bytes + 8, number);
    tw_store_u32(bytes + 12, size);
    for (uint32_t i = HEAD; i < size; i++)
        bytes[i] = pattern(all, number, i);
    if (tw_client_send(player->client, (enum tw_client_channel)channel, bytes, size, 0) !=
        TW_CLIENT_OK) {
        all->refused++;
        return false;
    }
    player->spoken_us[channel][number % SIM_SPOKEN_KEPT] = all->now_us;
    player->spoken[channel]++;
    return true;
}

static void talk(struct sim_player *player, uint64_t now_us)
{
    struct sim_players *all = player->all;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        uint32_t every_us = all->speech.every_ms[channel] * 1000u;
        if (every_us == 0 || now_us < player->next_talk_us[channel])
            continue;
        if (player->next_talk_us[channel] != 0)
            (void)sim_player_speak(player, channel,
                                   tw_rng_between(&all->rng, HEAD, all->speech.size_max[channel]));
        player->next_talk_us[channel] = now_us + 1u + tw_rng_below(&all->rng, 2u * every_us);
    }
}

static bool was_seen(const struct sim_heard *heard, uint32_t number)
{
    return number < heard->next && number >= heard->first &&
           (heard->next - number > SIM_HEARD_WINDOW ||
            (heard->seen[number / 64u % (SIM_HEARD_WINDOW / 64u)] >> number % 64u & 1u) != 0);
}

/* Bits of numbers that come into the window are of numbers that have left it. */
static void see(struct sim_heard *heard, uint32_t number)
{
    for (; heard->next <= number; heard->next++)
        heard->seen[heard->next / 64u % (SIM_HEARD_WINDOW / 64u)] &=
            ~(UINT64_C(1) << heard->next % 64u);
    heard->seen[number / 64u % (SIM_HEARD_WINDOW / 64u)] |= UINT64_C(1) << number % 64u;
    heard->count++;
}

static void note(struct sim_player *player, uint32_t channel, const uint32_t message[3])
{
    struct sim_players *all = player->all;
    struct sim_heard *heard = &player->heard[message[0] * TW_CHANNEL_COUNT + channel];
    bool gaps_allowed = all->gaps_allowed && !(player->stands && all->players[message[0]].stands);
    uint32_t number = message[2];
    if (message[1] < heard->session) {
        all->old++;
        return;
    }
    if (message[1] > heard->session) {
        memset(heard, 0, sizeof(*heard));
        heard->session = message[1];
        heard->first = heard->next = number;
        /* What overtook the first one belongs to it. */
        if (channel != TW_CHANNEL_ORDERED && channel != TW_CHANNEL_STATE)
            heard->first = number > SIM_HEARD_WINDOW ? number - SIM_HEARD_WINDOW : 0;
    }
    if (was_seen(heard, number))
        fault(all, player, "heard twice", message);
    else if (channel == TW_CHANNEL_ORDERED && number != heard->next &&
             !(gaps_allowed && number > heard->next))
        fault(all, player, "out of order", message);
    else if (channel == TW_CHANNEL_STATE && number < heard->next)
        fault(all, player, "older than the newest", message);
    else
        see(heard, number);
}

static void count_hearing(struct sim_players *all, uint32_t channel, const uint32_t message[3],
                          uint32_t size)
{
    struct sim_hearing *hearing = &all->hearing[channel];
    const uint64_t *spoken_us = all->players[message[0]].spoken_us[channel];
    uint64_t at_us = spoken_us[message[2] % SIM_SPOKEN_KEPT];
    uint64_t took_us = all->now_us - at_us;
    hearing->bytes += size;
    if (at_us < all->from_us || at_us >= all->until_us)
        return;
    hearing->messages++;
    hearing->late += took_us > all->prompt_us;
    if (took_us > hearing->longest_us)
        hearing->longest_us = took_us;
}

static void hear(struct sim_player *player)
{
    static uint8_t bytes[TAKEN_MAX];
    struct sim_players *all = player->all;
    struct tw_client_message taken;
    while (tw_client_take_message(player->client, &taken, bytes, sizeof(bytes)) == 1) {
        const uint8_t *own = bytes + TW_HANDLE_SIZE;
        uint32_t size = taken.size - TW_HANDLE_SIZE;
        const uint32_t message[3] = {tw_load_u32(own), tw_load_u32(own + 4), tw_load_u32(own + 8)};
        bool whole = taken.size >= TW_HANDLE_SIZE + HEAD && tw_load_u32(own + 12) == size &&
                     message[0] < all->speakers;
        for (uint32_t i = HEAD; i < size && whole; i++)
            whole = own[i] == pattern(all, message[2], i);
        if (!whole) {
            fault(all, player, "damaged", message);
            continue;
        }
        all->heard[taken.channel]++;
        if (!player->apart)
            count_hearing(all, (uint32_t)taken.channel, message, size);
        note(player, (uint32_t)taken.channel, message);
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void take_events(struct sim_player *player)
{
    struct tw_client_event event;
    while (tw_client_poll_event(player->client, &event)) {
        if (event.type == TW_CLIENT_EVENT_DESYNC)
            player->desyncs++;
        if (event.type != TW_CLIENT_EVENT_CLOSED)
            continue;
        player->closes++;
        player->end = event.end;
        player->end_code = event.code;
        if (event.end == TW_CLIENT_END_REMOTE)
            player->closed_by[event.code % 16u]++;
    }
}

static void steer(struct sim_player *player, uint64_t now_us)
{
    struct tw_rng *rng = &player->all->rng;
    if (now_us < player->next_steer_us)
        return;
    player->next_steer_us = now_us + STEER_US + tw_rng_below(rng, STEER_US);
    struct tw_client_input input = {
        .move_x = (int8_t)((int32_t)tw_rng_below(rng, 255) - 127),
        .move_y = (int8_t)((int32_t)tw_rng_below(rng, 255) - 127),
        .facing = (uint16_t)tw_rng_below(rng, 65536),
        .buttons = (uint16_t)(tw_rng_below(rng, 8) == 0),
    };
    if (player->stands)
        input.move_x = input.move_y = 0;
    int result = tw_client_set_input(player->client, &input);
    TW_ASSERT(result == TW_CLIENT_OK);
}

void sim_player_receive(struct sim_player *player, const uint8_t *bytes, size_t size,
                        uint64_t now_us)
{
    tw_client_receive(player->client, bytes, size, now_us);
}

void sim_players_turn(struct sim_players *players, uint64_t now_us)
{
    players->now_us = now_us;
    for (uint32_t i = 0; i < players->count; i++) {
        struct sim_player *player = &players->players[i];
        if (player->frozen || now_us < player->next_update_us)
            continue;
        player->next_update_us = now_us + players->update_us;
        steer(player, now_us);
        if (player->talks && tw_client_get_state(player->client) == TW_CLIENT_CONNECTED)
            talk(player, now_us);
        tw_client_update(player->client, now_us);
        hear(player);
        take_events(player);
    }
}

/* ---- accounts -------------------------------------------------------------------------------- */

bool sim_players_all(const struct sim_players *players, enum tw_client_state state)
{
    for (uint32_t i = 0; i < players->count; i++) {
        if (tw_client_get_state(players->players[i].client) != state)
            return false;
    }
    return true;
}

const struct sim_heard *sim_player_heard(const struct sim_player *player, uint32_t speaker,
                                         uint32_t channel)
{
    return &player->heard[speaker * TW_CHANNEL_COUNT + channel];
}

bool sim_players_heard_all(const struct sim_players *players)
{
    for (uint32_t i = 0; i < players->count; i++) {
        for (uint32_t k = 0; k < players->speakers; k++) {
            for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
                const struct sim_heard *heard = sim_player_heard(&players->players[i], k, channel);
                if (heard->count != players->players[k].spoken[channel])
                    return false;
            }
        }
    }
    return true;
}

void sim_make_hello(uint8_t out[TW_HELLO_SIZE], uint16_t version)
{
    memset(out, 0, TW_HELLO_SIZE);
    out[TW_HEADER_CHANNEL] = TW_HANDSHAKE_HELLO;
    tw_store_u16(out + TW_HELLO_VERSION, version);
    out[TW_HELLO_SUITES] = TW_SUITE_CHACHA20_POLY1305;
    randombytes_buf(out + TW_HELLO_EPHEMERAL, TW_KEY_SIZE);
    tw_crc32c_seal(tw_crc32c_portable, out, TW_HELLO_SIZE);
}

static void print_unheard(const struct sim_players *players, const struct sim_player *player)
{
    for (uint32_t i = 0; i < players->speakers; i++) {
        for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
            const struct sim_heard *heard = &player->heard[i * TW_CHANNEL_COUNT + channel];
            uint32_t spoken = players->players[i].spoken[channel];
            if (heard->count != spoken)
                fprintf(stderr, "  of speaker %u on channel %u it heard %u of %u, the next is %u\n",
                        i, channel, heard->count, spoken, heard->next);
        }
    }
}

void sim_players_print(const struct sim_players *players)
{
    for (uint32_t i = 0; i < players->count && i < 16u; i++) {
        const struct sim_player *player = &players->players[i];
        struct tw_client_statistics is = sim_player_statistics(player);
        fprintf(stderr,
                "player %u: state %d, connects %u, closes %u (end %d, code %u), rtt %u us, loss "
                "%u permille, views %llu of %llu wrong\n",
                i, (int)tw_client_get_state(player->client), player->connects, player->closes,
                (int)player->end, player->end_code, is.rtt_smoothed_us, is.loss_permille,
                (unsigned long long)is.hashes_wrong, (unsigned long long)is.hashes_checked);
        if (!players->gaps_allowed)
            print_unheard(players, player);
    }
}

struct tw_client_statistics sim_player_statistics(const struct sim_player *player)
{
    struct tw_client_statistics statistics;
    tw_client_get_statistics(player->client, &statistics);
    return statistics;
}

uint64_t sim_players_inputs(const struct sim_players *players)
{
    uint64_t inputs = 0;
    for (uint32_t i = 0; i < players->count; i++)
        inputs += sim_player_statistics(&players->players[i]).inputs_sent;
    return inputs;
}
