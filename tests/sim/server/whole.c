/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/whole.h"

#include "simulation/core/hash.h"
#include "tests/sim/server/chance.h"

#include <string.h>

#define SESSIONS_SPARE 8u
#define JOIN_US        (20u * WHOLE_SECOND)
#define LEAVE_US       (8u * WHOLE_SECOND)
#define EPOCH_AGE_US   WHOLE_SECOND /* since tick 0, without those before the start */
/* Where only the low 32 bits of a time are kept, they wrap while everybody plays: 1 to 2 s after
 * the start, in the middle of the shortest play, 4 s after a join of a tenth of one. A join takes
 * as many ways as that, one after the other, on the longest paths. Of microseconds they do so every
 * 72 minutes, of milliseconds every 50 days; of seconds after 136 years, as 64 bits of nanoseconds
 * do after 584. Clocks begin with the machine. */
#define WRAP_US      (UINT64_C(1) << 32)
#define WRAP_AFTER   WHOLE_SECOND
#define WAYS_OF_JOIN 6u

const struct sim_speech whole_speech = {
    .every_ms = {[TW_CHANNEL_STATE] = 200,
                 [TW_CHANNEL_ORDERED] = 250,
                 [TW_CHANNEL_UNORDERED] = 500,
                 [TW_CHANNEL_BULK] = 3000},
    .size_max = {[TW_CHANNEL_STATE] = 100,
                 [TW_CHANNEL_ORDERED] = 200,
                 [TW_CHANNEL_UNORDERED] = 1500,
                 [TW_CHANNEL_BULK] = 12000},
};

void whole_fail(const struct whole *whole, const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s; seed %llu, %llu us\n", file, line, what,
            (unsigned long long)whole->seed, (unsigned long long)whole->now_us);
    sim_players_print(&whole->players);
    if (whole->players.faults > 0)
        fprintf(stderr, "%s\n", whole->players.fault);
    abort(); /* scenario.c tells how to see it again */
}

/* ---- packets --------------------------------------------------------------------------------- */

static uint32_t path_up(uint32_t client)
{
    return 2u * client;
}

static uint32_t path_down(uint32_t client)
{
    return 2u * client + 1u;
}

static void from_client(void *context, struct sim_player *player, const uint8_t *bytes, size_t size)
{
    struct whole *whole = context;
    if (whole->tap && !whole->tap(whole->tap_context, true, player->index, bytes, size))
        return;
    net_send(whole->net, path_up(player->index), bytes, size, whole->now_us);
}

static void take_sent(struct whole *whole)
{
    uint8_t bytes[TW_DATAGRAM_MAX];
    uint32_t address;
    uint16_t port;
    size_t size;
    while ((size = sim_server_sent(&whole->server, &address, &port, bytes)) > 0) {
        uint32_t client = address - whole->players.players[0].address;
        if (client >= whole->players.count || whole->players.players[client].port != port) {
            whole->nobody++;
            whole->nobody_bytes += size;
            continue;
        }
        if (whole->tap && !whole->tap(whole->tap_context, false, client, bytes, size))
            continue;
        net_send(whole->net, path_down(client), bytes, size, whole->now_us);
    }
}

static void deliver(struct whole *whole, const struct net_delivery *packet)
{
    struct sim_player *player = &whole->players.players[packet->path / 2u];
    whole->hash = (whole->hash ^ tw_hash64(packet->bytes, packet->size) ^ packet->at_us ^
                   (uint64_t)packet->path << 48) *
                  UINT64_C(0x9e3779b97f4a7c15);
    if (packet->path % 2u == 0)
        sim_server_receive(&whole->server, player->address, player->port, packet->bytes,
                           packet->size);
    else
        sim_player_receive(player, packet->bytes, packet->size, packet->at_us);
}

void whole_inject(struct whole *whole, uint32_t address, uint16_t port, const uint8_t *bytes,
                  size_t size)
{
    sim_server_receive(&whole->server, address, port, bytes, size);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* `age_us` after the epoch, shortly before the next wrap. */
static void start_clock(struct whole *whole, uint64_t age_us, const struct whole_options *options)
{
    const struct impair_profile *profile = options->profile;
    uint64_t period_us = options->wraps_milliseconds ? 1000u * WRAP_US : WRAP_US;
    uint64_t ahead_us = WRAP_AFTER + (uint64_t)WAYS_OF_JOIN * profile->latency_us;
    whole->wrap_us = (age_us + ahead_us + WHOLE_SECOND + period_us) / period_us * period_us;
    whole->now_us = (whole->wrap_us - ahead_us) / WHOLE_SECOND * WHOLE_SECOND;
    whole->server.epoch_us = whole->now_us - age_us;
    whole->loses = profile->loss_ppm > 0 || profile->burst_ppm > 0 || profile->corrupt_ppm > 0;
}

struct whole *whole_create(const char *name, const struct whole_options *options, uint64_t seed)
{
    struct whole *whole = calloc(1, sizeof(*whole));
    if (!whole)
        abort();
    sim_chance_seed(seed);
    whole->name = name;
    whole->seed = seed;
    whole->step_us = WHOLE_STEP_US;
    whole->net = net_create(2u * options->clients, options->profile, seed);
    uint32_t sessions = options->sessions ? options->sessions : options->clients + SESSIONS_SPARE;
    sim_server_defaults(&whole->server, options->workers ? options->workers : 1u, sessions);
    if (options->configure)
        options->configure(&whole->server.config);
    uint64_t before_us = options->tick_base * WHOLE_SECOND / whole->server.config.world.tick_hz;
    start_clock(whole, before_us + EPOCH_AGE_US, options);
    sim_server_start(&whole->server, whole->now_us);
    sim_players_init(&whole->players, options->clients, options->speakers, seed ^ 0x5eed,
                     options->patience_ms);
    whole->players.speech = options->speech;
    whole->players.send = from_client;
    whole->players.context = whole;
    return whole;
}

static void step(struct whole *whole)
{
    static struct net_delivery packet;
    whole->now_us += whole->step_us;
    while (net_receive(whole->net, whole->now_us, &packet))
        deliver(whole, &packet);
    sim_server_turn(&whole->server, whole->now_us);
    take_sent(whole);
    sim_players_turn(&whole->players, whole->now_us);
    WHOLE_CHECK(whole, whole->players.faults == 0);
}

void whole_run(struct whole *whole, uint64_t us)
{
    for (uint64_t end_us = whole->now_us + us; whole->now_us < end_us;)
        step(whole);
}

void whole_connect(struct whole *whole, struct sim_player *player)
{
    uint8_t token[TW_CONNECT_SIZE];
    sim_house_token(&whole->server.house, player->index + 1u, whole->now_us, token);
    sim_player_connect(player, token, whole->now_us);
}

static void be_silent(struct whole *whole)
{
    memset(&whole->players.speech, 0, sizeof(whole->players.speech));
}

static bool all_in(const struct whole *whole)
{
    return sim_players_all(&whole->players, TW_CLIENT_CONNECTED) &&
           tw_counter_get(&whole->server.shard_counters->players) == whole->players.count;
}

void whole_join(struct whole *whole)
{
    struct sim_speech speech = whole->players.speech;
    be_silent(whole);
    for (uint32_t i = 0; i < whole->players.count; i++)
        whole_connect(whole, &whole->players.players[i]);
    for (uint64_t end_us = whole->now_us + JOIN_US; whole->now_us < end_us && !all_in(whole);)
        step(whole);
    WHOLE_CHECK(whole, all_in(whole));
    /* What is lost is sent again, which may take longer: those few join across the wrap. */
    WHOLE_CHECK(whole, whole->now_us < whole->wrap_us || whole->loses);
    whole->joined = true;
    whole->players.speech = speech;
}

bool whole_settle(struct whole *whole, uint64_t us)
{
    be_silent(whole);
    for (uint64_t end_us = whole->now_us + us; whole->now_us < end_us;) {
        if (sim_players_heard_all(&whole->players))
            return true;
        whole_run(whole, 10 * WHOLE_STEP_US);
    }
    return false;
}

void whole_freeze(struct whole *whole, bool frozen)
{
    for (uint32_t i = 0; i < whole->players.count; i++)
        whole->players.players[i].frozen = frozen;
    if (frozen)
        whole_run(whole, WHOLE_SECOND);
}

void whole_destroy(struct whole *whole)
{
    static const struct impair_profile good = {.latency_us = 1000};
    WHOLE_CHECK(whole, whole->now_us > whole->wrap_us || !whole->joined);
    be_silent(whole);
    net_set_profile(whole->net, &good);
    net_outage(whole->net, 0);
    for (uint32_t i = 0; i < whole->players.count; i++) {
        whole->players.players[i].frozen = false;
        tw_client_close(whole->players.players[i].client, whole->now_us);
    }
    whole_run(whole, LEAVE_US);
    /* What was taken is back: slots, handshakes, blocks of messages; buffers when it stops. */
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_live) == 0);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_pending) == 0);
    WHOLE_CHECK(whole, sim_server_blocks_used(&whole->server) == 0);
    bool over = tw_shard_loop_tick(whole->server.shard) == TW_TICK_LAST; /* nobody leaves it then */
    WHOLE_CHECK(whole, over || tw_counter_get(&whole->server.shard_counters->players) == 0);
    WHOLE_CHECK(whole, whole->may_overflow || whole->server.port_full == 0);
    sim_players_fini(&whole->players);
    sim_server_stop(&whole->server, whole->now_us);
    net_destroy(whole->net);
    free(whole);
}
