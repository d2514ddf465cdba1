/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many players for a long time, with trouble every minute: 20 for two minutes, with --long 500 for
 * an hour. In every minute some are killed, thrown out, leave or come from elsewhere, and all
 * change keys. Nothing leaks, nobody is closed for being behind, no message of one who stays is
 * dropped, no view is wrong, whoever is thrown out comes back, whoever was killed and had kept a
 * token resumes unless it is known why not, and the calm at the end of each minute finds everybody
 * playing.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include <malloc.h>
#include <rte_malloc.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS      20u
#define MINUTES      2u
#define CLIENTS_LONG 500u
#define MINUTES_LONG 60u
/* Trouble has this long; then it is quiet until the minute is over. */
#define TROUBLE  (30u * WHOLE_SECOND)
#define LATENESS (30u * WHOLE_SECOND) /* of a client that is told to come again */
/* What was freed and is kept for the next call counts as given out, 7 pieces of each size. */
#define C_HEAP_SLACK     65536u
#define ON_THE_WAY_SLACK 1048576u

/* What came of a token that a killed process had kept. */
enum fate {
    FATE_RESUMED,
    FATE_CUT_SHORT, /* killed again, thrown out or left, before a packet was known to be heard */
    FATE_OVER,      /* the session that it is for had ended */
    FATE_IN_USE,    /* by a try before, which got no answer */
    FATES,
};

/* To go on with a session by a token. */
struct attempt {
    uint8_t token[TW_CONNECT_SIZE];
    bool open;
    uint32_t unheard; /* tries that were out of patience */
};

static struct soak {
    struct whole *whole;
    struct tw_rng rng;
    uint32_t clients;
    uint64_t connects, timeouts, kicked, roams, left, killed, resumes, unheard;
    uint64_t fates[FATES];
    struct attempt attempts[CLIENTS_LONG];
} soak;

static uint32_t below(uint32_t bound)
{
    return tw_rng_below(&soak.rng, bound);
}

static struct sim_player *player_at(uint32_t i)
{
    return &soak.whole->players.players[i];
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* ---- who goes on by a token ------------------------------------------------------------------ */

static void decide(uint32_t i, enum fate fate)
{
    soak.attempts[i].open = false;
    soak.fates[fate]++;
}

static uint32_t session_of(uint32_t i)
{
    return sim_server_session_of(&soak.whole->server, i + 1u);
}

static void look_at_attempts(void)
{
    for (uint32_t i = 0; i < soak.clients; i++) {
        if (soak.attempts[i].open &&
            tw_client_get_state(player_at(i)->client) == TW_CLIENT_CONNECTED &&
            tw_client_get_connection_id(player_at(i)->client) == session_of(i))
            decide(i, FATE_RESUMED);
    }
}

/* Of a try that ended. A server forgets within 5 s whom it welcomed and does not hear, which such a
 * client learns by its own patience: two outages of 3 s do that. Its token is as good as before;
 * while an answer to its last hello 2 may be under way, or be lost, that one has it. What it was
 * for may be over by then. */
static void end_attempt(uint32_t i)
{
    const struct sim_player *player = player_at(i);
    struct attempt *attempt = &soak.attempts[i];
    bool refused = player->end == TW_CLIENT_END_REFUSED;
    bool closed = player->end == TW_CLIENT_END_REMOTE;
    if (player->end == TW_CLIENT_END_TIMEOUT || player->end == TW_CLIENT_END_NO_ANSWER) {
        attempt->unheard++;
        soak.unheard++;
    } else if ((refused && player->end_code == TW_REFUSAL_RESUME) ||
               (closed && player->end_code == TW_CLOSE_GONE)) {
        WHOLE_CHECK(soak.whole, session_of(i) == 0);
        decide(i, FATE_OVER);
    } else if (refused && player->end_code == TW_REFUSAL_USED) {
        WHOLE_CHECK(soak.whole, attempt->unheard > 0);
        decide(i, FATE_IN_USE);
    } else {
        WHOLE_CHECK(soak.whole, player->end == TW_CLIENT_END_LOCAL ||
                                    (closed && player->end_code == TW_CLOSE_KICKED));
        decide(i, FATE_CUT_SHORT);
    }
}

static void try_by_token(uint32_t i)
{
    sim_player_connect(player_at(i), soak.attempts[i].token, soak.whole->now_us);
}

/* False: it had no token to go on by. */
static bool kill_client(uint32_t i)
{
    look_at_attempts();
    if (soak.attempts[i].open)
        decide(i, FATE_CUT_SHORT);
    soak.killed++;
    return sim_player_die(player_at(i), soak.attempts[i].token);
}

/* ---- who is thrown out, or has had enough ---------------------------------------------------- */

static void come_back(void)
{
    for (uint32_t i = 0; i < soak.clients; i++) {
        struct sim_player *player = player_at(i);
        if (tw_client_get_state(player->client) != TW_CLIENT_CLOSED)
            continue;
        if (player->connect_at_us == 0) {
            if (soak.attempts[i].open)
                end_attempt(i);
            soak.timeouts += player->end == TW_CLIENT_END_TIMEOUT;
            soak.kicked +=
                player->end == TW_CLIENT_END_REMOTE && player->end_code == TW_CLOSE_KICKED;
            soak.left += player->end == TW_CLIENT_END_LOCAL;
            player->connect_at_us = soak.whole->now_us + below(2000000) + 1u;
        } else if (soak.whole->now_us >= player->connect_at_us) {
            if (soak.attempts[i].open)
                try_by_token(i);
            else
                whole_connect(soak.whole, player);
            soak.connects++;
        }
    }
}

static void run(uint64_t us)
{
    for (uint64_t end_us = soak.whole->now_us + us; soak.whole->now_us < end_us;) {
        uint64_t left_us = end_us - soak.whole->now_us;
        whole_run(soak.whole, left_us < WHOLE_SECOND / 4u ? left_us : WHOLE_SECOND / 4u);
        look_at_attempts();
        come_back();
    }
}

/* Each its own network, which it keeps: one of the named ones, good or bad. */
static void choose_networks(void)
{
    static const char *const names[] = {"lan", "fiber", "fiber", "dsl", "mobile_4g"};
    for (uint32_t i = 0; i < soak.clients; i++) {
        const struct impair_profile *profile =
            impair_profile_find(names[i % (sizeof(names) / sizeof(names[0]))]);
        net_path(soak.whole->net, 2u * i)->profile = *profile;
        net_path(soak.whole->net, 2u * i + 1u)->profile = *profile;
    }
}

/* ---- trouble --------------------------------------------------------------------------------- */

static void loss(void)
{
    struct impair_profile bad = *impair_profile_find("fiber");
    bad.loss_ppm = 100000;
    net_set_profile(soak.whole->net, &bad);
    run(20 * WHOLE_SECOND);
}

static void outage(void)
{
    net_outage(soak.whole->net, soak.whole->now_us + 3 * WHOLE_SECOND);
    run(3 * WHOLE_SECOND);
}

/* Longer than the patience of either side. */
static void long_outage_of_some(void)
{
    for (uint32_t i = 0; i < soak.clients; i++) {
        if (!one_in(20))
            continue;
        net_path(soak.whole->net, 2u * i)->outage_until_us = soak.whole->now_us + 15 * WHOLE_SECOND;
        net_path(soak.whole->net, 2u * i + 1u)->outage_until_us =
            soak.whole->now_us + 15 * WHOLE_SECOND;
    }
    run(16 * WHOLE_SECOND);
}

static void swings(void)
{
    struct impair_profile near = *impair_profile_find("fiber"), far = near;
    near.latency_us = 25000;
    far.latency_us = 250000;
    for (uint32_t i = 0; i < 10; i++) {
        net_set_profile(soak.whole->net, i % 2u ? &near : &far);
        run(2 * WHOLE_SECOND);
    }
}

static void narrow(void)
{
    struct impair_profile profile = {
        .latency_us = 20000, .bits_per_s = 200000, .queue_bytes = 10000};
    net_set_profile(soak.whole->net, &profile);
    run(15 * WHOLE_SECOND);
}

static void mess(void)
{
    struct impair_profile profile = *impair_profile_find("mobile_4g");
    profile.duplicate_ppm = 50000;
    profile.corrupt_ppm = 20000;
    profile.bad_enter_ppm = 5000;
    profile.bad_leave_ppm = 100000;
    profile.bad_loss_ppm = 600000;
    net_set_profile(soak.whole->net, &profile);
    run(20 * WHOLE_SECOND);
}

static void control_away(void)
{
    sim_house_link(&soak.whole->server.house, false);
    run(10 * WHOLE_SECOND);
    sim_house_link(&soak.whole->server.house, true);
}

static void kicks(void)
{
    for (uint32_t i = 0; i < soak.clients; i++) {
        uint32_t id = tw_client_get_connection_id(player_at(i)->client);
        if (id != 0 && one_in(20))
            sim_house_kick(&soak.whole->server.house, id, TW_CLOSE_KICKED);
    }
    run(3 * WHOLE_SECOND);
}

static void departures(void)
{
    for (uint32_t i = 0; i < soak.clients; i++) {
        if (tw_client_get_state(player_at(i)->client) == TW_CLIENT_CONNECTED && one_in(5))
            tw_client_close(player_at(i)->client, soak.whole->now_us);
    }
    run(3 * WHOLE_SECOND);
}

static void roam(void)
{
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < soak.clients; i++) {
            if (tw_client_get_state(player_at(i)->client) != TW_CLIENT_CONNECTED || !one_in(5))
                continue;
            player_at(i)->port++;
            (void)tw_client_rebind(player_at(i)->client, soak.whole->now_us);
            soak.roams++;
        }
        run(3 * WHOLE_SECOND);
    }
}

/* Processes are killed, and their keys with them. Others come for their players, at once or after a
 * while, by what was kept, or else by a login; and may be killed as well. */
static void come_again(uint32_t i, bool resumes)
{
    struct attempt *attempt = &soak.attempts[i];
    if (!resumes) {
        whole_connect(soak.whole, player_at(i));
        return;
    }
    attempt->open = true;
    attempt->unheard = 0;
    soak.resumes++;
    sim_house_extend(attempt->token);
    try_by_token(i);
}

static void killed(void)
{
    static bool dead[CLIENTS_LONG], keeps[CLIENTS_LONG];
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < soak.clients; i++) {
            dead[i] = tw_client_get_state(player_at(i)->client) == TW_CLIENT_CONNECTED && one_in(5);
            keeps[i] = dead[i] && kill_client(i) && !one_in(4);
        }
        run(one_in(2) ? 20 * SIM_MS : (1u + below(7)) * WHOLE_SECOND);
        for (uint32_t i = 0; i < soak.clients; i++) {
            if (dead[i])
                come_again(i, keeps[i]);
        }
        run((1u + below(3)) * WHOLE_SECOND);
    }
}

/* Of each kind so many in every minute, whatever chance has in store for it. */
enum blow {
    BLOW_KILL,
    BLOW_KICK,
    BLOW_DEPARTURE,
    BLOW_ROAM,
    BLOWS,
};

static uint32_t blows_of_each(void)
{
    return soak.clients / 20u;
}

/* Different ones, all of whom are in. */
static void blows(void)
{
    uint32_t first = below(soak.clients), hit = BLOWS * blows_of_each();
    for (uint32_t i = 0; i < hit; i++) {
        uint32_t at = (first + i) % soak.clients;
        struct sim_player *player = player_at(at);
        WHOLE_CHECK(soak.whole, tw_client_get_state(player->client) == TW_CLIENT_CONNECTED);
        if (i % BLOWS == BLOW_KILL) {
            WHOLE_CHECK(soak.whole, kill_client(at));
        } else if (i % BLOWS == BLOW_KICK) {
            sim_house_kick(&soak.whole->server.house, tw_client_get_connection_id(player->client),
                           TW_CLOSE_KICKED);
        } else if (i % BLOWS == BLOW_DEPARTURE) {
            tw_client_close(player->client, soak.whole->now_us);
        } else {
            player->port++;
            (void)tw_client_rebind(player->client, soak.whole->now_us);
            soak.roams++;
        }
    }
    run(WHOLE_SECOND);
    for (uint32_t i = BLOW_KILL; i < hit; i += BLOWS)
        come_again((first + i) % soak.clients, true);
    run(WHOLE_SECOND);
}

/* The server's host stands still. */
static void stall(void)
{
    soak.whole->server.stalled_until_us = soak.whole->now_us + 400 * SIM_MS;
    run(2 * WHOLE_SECOND);
}

static void (*const troubles[])(void) = {killed,     loss,   outage, long_outage_of_some,
                                         swings,     narrow, mess,   kicks,
                                         departures, roam,   stall,  control_away};
#define TROUBLES (sizeof(troubles) / sizeof(troubles[0]))

/* ---- the calm -------------------------------------------------------------------------------- */

static void expect_calm(uint32_t minute)
{
    static uint64_t checked[CLIENTS_LONG];
    struct whole *whole = soak.whole;
    choose_networks();
    run(LATENESS - 10 * WHOLE_SECOND);
    for (uint32_t i = 0; i < soak.clients; i++) {
        if (tw_client_get_state(player_at(i)->client) != TW_CLIENT_CONNECTED)
            fprintf(stderr, "minute %u: player %u is not in\n", minute, i);
        checked[i] = sim_player_statistics(player_at(i)).hashes_checked;
    }
    WHOLE_CHECK(whole, sim_players_all(&whole->players, TW_CLIENT_CONNECTED));
    run(10 * WHOLE_SECOND);
    for (uint32_t i = 0; i < soak.clients; i++) {
        struct tw_client_statistics is = sim_player_statistics(player_at(i));
        WHOLE_CHECK(whole, is.hashes_wrong == 0 && player_at(i)->desyncs == 0);
        WHOLE_CHECK(whole, is.hashes_checked > checked[i]);
    }
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players) == soak.clients);
}

/* Without what the C library keeps in hand of the simulated network's worst moments: a hundred MB
 * between two packets that are still on the way. */
static uint64_t resident_kb(void)
{
    unsigned long pages = 0;
    (void)malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
        abort();
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024u;
}

/* What the C library and DPDK have given out. AddressSanitizer shows none of the former, and looks
 * for leaks itself. */
struct memory {
    uint64_t c_heap, dpdk;
};

static struct memory memory_in_use(void)
{
    struct rte_malloc_socket_stats dpdk;
    if (rte_malloc_get_socket_stats(0, &dpdk) != 0)
        abort();
    return (struct memory){.c_heap = mallinfo2().uordblks, .dpdk = dpdk.heap_allocsz_bytes};
}

/* With the first server DPDK and SQLite take what they keep until the process ends. */
static void take_what_is_kept(const char *name, uint64_t seed)
{
    struct whole_options options = {
        .clients = 2, .workers = 2, .profile = impair_profile_find("lan")};
    struct whole *whole = whole_create(name, &options, seed);
    whole_join(whole);
    whole_run(whole, 2 * WHOLE_SECOND);
    whole_destroy(whole);
}

static void expect_memory_as_before(const char *name, struct memory before)
{
    struct memory after = memory_in_use();
    printf("%s: %llu KB of the C library and %llu KB of DPDK in use before, %llu and %llu after\n",
           name, (unsigned long long)before.c_heap / 1024u, (unsigned long long)before.dpdk / 1024u,
           (unsigned long long)after.c_heap / 1024u, (unsigned long long)after.dpdk / 1024u);
    if (after.dpdk != before.dpdk || after.c_heap > before.c_heap + C_HEAP_SLACK)
        abort();
}

/* Since the first minutes; in use is a little more or less by the packets on the way. */
static void expect_no_growth(const char *name, uint64_t early_kb, struct memory early)
{
    uint64_t now_kb = resident_kb();
    struct memory now = memory_in_use();
    printf("%s: after the first minutes and at the end %llu and %llu KB resident; in use of the C "
           "library %llu and %llu KB, of DPDK %llu and %llu\n",
           name, (unsigned long long)early_kb, (unsigned long long)now_kb,
           (unsigned long long)early.c_heap / 1024u, (unsigned long long)now.c_heap / 1024u,
           (unsigned long long)early.dpdk / 1024u, (unsigned long long)now.dpdk / 1024u);
    WHOLE_CHECK(soak.whole, now_kb < early_kb * 105u / 100u);
    WHOLE_CHECK(soak.whole, now.c_heap <= early.c_heap + ON_THE_WAY_SLACK);
    WHOLE_CHECK(soak.whole, now.dpdk <= early.dpdk);
}

static void make_wide(struct tw_config *config)
{
    config->world.size_m = soak.clients > 100 ? 1000 : 200;
    config->world.entities_max = 3000;
    config->world.npcs = soak.clients > 100 ? 500 : 50;
    config->world.aoi_enter_m = 57;
    config->world.aoi_exit_m = 63;
    config->limits.rekey_s = 15;
}

static uint64_t resumed(void)
{
    return sim_server_counter(&soak.whole->server, offsetof(struct tw_worker_counters, life) +
                                                       TW_LIFE_EVENT_RESUMED * sizeof(tw_counter));
}

static void print_figures(const char *name, uint64_t virtual_us, double cpu_s)
{
    const struct whole *whole = soak.whole;
    const struct sim_server *server = &whole->server;
    struct impair_statistics net = net_statistics(whole->net);
    uint64_t heard = 0, hashes = 0;
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        heard += whole->players.heard[i];
    for (uint32_t i = 0; i < soak.clients; i++)
        hashes += sim_player_statistics(player_at(i)).hashes_checked;
    printf("%s: %u clients, %llu virtual seconds in %.0f s; %llu packets, %llu of them lost, %llu "
           "corrupted, %llu twice\n",
           name, soak.clients, (unsigned long long)(virtual_us / WHOLE_SECOND), cpu_s,
           (unsigned long long)net.sent, (unsigned long long)impair_lost(&net),
           (unsigned long long)net.corrupted, (unsigned long long)net.duplicated);
    printf("%s: %llu connects after the first, after %llu time-outs, %llu kicks, %llu departures; "
           "%llu changes of address, %llu moves to another worker, %llu changes of keys\n",
           name, (unsigned long long)soak.connects, (unsigned long long)soak.timeouts,
           (unsigned long long)soak.kicked, (unsigned long long)soak.left,
           (unsigned long long)soak.roams,
           (unsigned long long)sim_server_roaming(server, TW_ROAMING_TAKEN),
           (unsigned long long)sim_server_rekey(server, TW_REKEY_STARTED));
    printf("%s: %llu clients killed, %llu logins of accounts that were in\n", name,
           (unsigned long long)soak.killed,
           (unsigned long long)tw_counter_get(&server->shard_counters->joins_replacing));
    printf(
        "%s: of %llu that had kept a token %llu resumed; %llu were cut short, of %llu the session "
        "was over, %llu were too soon after a try without an answer; %llu tries had none\n",
        name, (unsigned long long)soak.resumes, (unsigned long long)soak.fates[FATE_RESUMED],
        (unsigned long long)soak.fates[FATE_CUT_SHORT], (unsigned long long)soak.fates[FATE_OVER],
        (unsigned long long)soak.fates[FATE_IN_USE], (unsigned long long)soak.unheard);
    printf(
        "%s: %llu messages heard, %llu views compared, none wrong; %llu of %llu inputs too late; "
        "%llu frames lost at the port of a host that stood still; %llu KB resident\n",
        name, (unsigned long long)heard, (unsigned long long)hashes,
        (unsigned long long)tw_counter_get(&server->shard_counters->inputs[TW_SHARD_INPUT_SKIPPED]),
        (unsigned long long)sim_players_inputs(&whole->players),
        (unsigned long long)server->port_full, (unsigned long long)resident_kb());
}

/* Whoever takes part is never left behind: everybody leaves or loses patience long before too much
 * waits. What one had said when its session ended may be dropped: it is at most one message of
 * each, for they wait a tick or two. */
static void expect_nobody_behind(const char *name)
{
    const struct sim_server *server = &soak.whole->server;
    uint64_t dropped = tw_counter_get(&server->shard_counters->messages_dropped), ended = 0;
    for (uint32_t reason = 0; reason < TW_CLOSE_COUNT; reason++)
        ended += server->house.closed[reason];
    printf("%s: %llu messages dropped of %llu sessions that ended\n", name,
           (unsigned long long)dropped, (unsigned long long)ended);
    WHOLE_CHECK(soak.whole, dropped <= ended);
    WHOLE_CHECK(soak.whole, SIM_SERVER_COUNTER(server, messages_backlog) == 0);
    WHOLE_CHECK(soak.whole, SIM_SERVER_COUNTER(server, messages_stalled) == 0);
}

/* Each token brought its session back, but for those of which it is known why not. The first packet
 * of who was cut short may have done so before anybody saw it. */
static void expect_tokens_were_good(const struct whole *whole)
{
    uint64_t decided = 0;
    for (uint32_t fate = 0; fate < FATES; fate++)
        decided += soak.fates[fate];
    WHOLE_CHECK(whole, decided == soak.resumes);
    WHOLE_CHECK(whole, soak.fates[FATE_RESUMED] * 10u >= soak.resumes * 8u);
    WHOLE_CHECK(whole, resumed() >= soak.fates[FATE_RESUMED]);
    WHOLE_CHECK(whole, resumed() <= soak.fates[FATE_RESUMED] + soak.fates[FATE_CUT_SHORT]);
}

/* What each minute is said to bring did come, from what both ends count. */
static void expect_it_happened(uint32_t minutes)
{
    const struct whole *whole = soak.whole;
    const struct sim_server *server = &whole->server;
    uint64_t each = (uint64_t)minutes * blows_of_each();
    WHOLE_CHECK(whole, soak.killed >= each && soak.resumes >= each && soak.left >= each);
    /* Who cannot be told, for the network is a bad one, is out of patience later. */
    WHOLE_CHECK(whole, soak.kicked * 10u >= each * 9u);
    WHOLE_CHECK(whole, soak.connects >= soak.timeouts + soak.kicked + soak.left);
    WHOLE_CHECK(whole, sim_server_roaming(server, TW_ROAMING_VALIDATED) * 10u >= each * 9u);
    /* Every 15 s, but for whoever is out or has just come: 2.6 to 4 a minute. */
    WHOLE_CHECK(whole, sim_server_rekey(server, TW_REKEY_STARTED) >=
                           2u * (uint64_t)soak.clients * minutes);
    expect_tokens_were_good(whole);
}

static void soak_run(const char *name, uint64_t seed)
{
    bool is_long = scenario_is_long();
    uint32_t minutes = is_long ? MINUTES_LONG : MINUTES;
    memset(&soak, 0, sizeof(soak));
    soak.clients = is_long ? CLIENTS_LONG : CLIENTS;
    tw_rng_seed(&soak.rng, seed);
    take_what_is_kept(name, seed);
    struct memory before = memory_in_use();
    struct whole_options options = {
        .clients = soak.clients,
        .speakers = soak.clients,
        .workers = 2,
        .profile = impair_profile_find("fiber"),
        .speech = {.every_ms = {1000, 1000, 3000, 20000}, .size_max = {100, 200, 1000, 8000}},
        .configure = make_wide};
    clock_t begun = clock();
    soak.whole = whole_create(name, &options, seed);
    soak.whole->players.gaps_allowed = true;
    soak.whole->may_overflow = true;
    struct memory early = {0};
    uint64_t from_us = soak.whole->now_us, resident_early_kb = 0;
    whole_join(soak.whole);
    run(2 * WHOLE_SECOND); /* all are given a token to resume by */
    for (uint32_t minute = 0; minute < minutes; minute++) {
        uint64_t end_us = soak.whole->now_us + TROUBLE;
        blows();
        /* All of them in turn, and by chance. */
        troubles[minute % 2u == 0 ? minute / 2u % TROUBLES : below(TROUBLES)]();
        while (soak.whole->now_us + 10 * WHOLE_SECOND < end_us)
            troubles[below(TROUBLES)]();
        expect_calm(minute);
        if (minute == 9) {
            resident_early_kb = resident_kb();
            early = memory_in_use();
        }
    }
    print_figures(name, soak.whole->now_us - from_us, (double)(clock() - begun) / CLOCKS_PER_SEC);
    expect_nobody_behind(name);
    expect_it_happened(minutes);
    if (resident_early_kb != 0)
        expect_no_growth(name, resident_early_kb, early);
    whole_destroy(soak.whole);
    expect_memory_as_before(name, before);
}

int main(int argc, char **argv)
{
    /* With --long one virtual hour of 500 clients, 664 s of one seed. */
    static const struct scenario scenarios[] = {{"soak", soak_run, NULL, 3, 1}};
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
