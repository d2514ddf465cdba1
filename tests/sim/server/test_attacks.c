/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attackers on the way, beside it and far from it, against a whole server and whole clients that
 * play: each forged packet is rejected and counted by name, and the players notice nothing. The
 * table of threats is in docs/security-tests.md.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include "dataplane/wire/crc32c.h"
#include "tickwire/bytes.h"

#include <string.h>

#define CLIENTS  3u
#define KEPT_MAX 4096u

struct kept {
    uint32_t client;
    uint32_t size;
    uint8_t bytes[TW_DATAGRAM_MAX];
};

/* What sits on the way, or copies what goes by. */
static struct attacker {
    struct whole *whole;
    struct tw_rng rng;
    struct kept kept[KEPT_MAX]; /* the newest datagrams to the server, a ring */
    uint32_t kept_count;
    bool tampers;
    uint64_t tampered_up, tampered_down, replayed_down;
    uint64_t outcomes[TW_OUTCOME_COUNT]; /* when it began */
    uint64_t rejected;                   /* by the clients, when it began */
} attacker;

static bool sees(void *context, bool to_server, uint32_t client, const uint8_t *bytes, size_t size)
{
    struct attacker *own = context;
    struct whole *whole = own->whole;
    if (to_server) {
        struct kept *kept = &own->kept[own->kept_count++ % KEPT_MAX];
        kept->client = client;
        kept->size = (uint32_t)size;
        memcpy(kept->bytes, bytes, size);
    }
    /* What has no connection id is a handshake's: another test's business. */
    if (!own->tampers || tw_load_u32(bytes) == 0 || tw_rng_below(&own->rng, 10) != 0)
        return true;
    uint8_t copy[TW_DATAGRAM_MAX];
    memcpy(copy, bytes, size);
    copy[tw_rng_below(&own->rng, (uint32_t)size)] ^= (uint8_t)(1u << tw_rng_below(&own->rng, 8));
    const struct sim_player *player = &whole->players.players[client];
    if (to_server)
        whole_inject(whole, player->address, player->port, copy, size);
    else
        sim_player_receive(&whole->players.players[client], copy, size, whole->now_us);
    *(to_server ? &own->tampered_up : &own->tampered_down) += 1;
    return false;
}

static uint64_t clients_rejected(const struct whole *whole)
{
    uint64_t rejected = 0;
    for (uint32_t i = 0; i < whole->players.count; i++)
        rejected += sim_player_statistics(&whole->players.players[i]).packets_rejected;
    return rejected;
}

static struct whole *begin_with(const char *name, const struct whole_options *options,
                                uint64_t seed)
{
    struct whole *whole = whole_create(name, options, seed);
    memset(&attacker, 0, sizeof(attacker));
    attacker.whole = whole;
    tw_rng_seed(&attacker.rng, seed);
    whole->tap = sees;
    whole->tap_context = &attacker;
    whole_join(whole);
    whole_run(whole, WHOLE_SECOND);
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        attacker.outcomes[i] = sim_server_outcome(&whole->server, (enum tw_outcome)i);
    attacker.rejected = clients_rejected(whole);
    return whole;
}

static struct whole *begin(const char *name, uint64_t seed)
{
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = CLIENTS,
                                    .speech = whole_speech,
                                    .profile = impair_profile_find("lan")};
    return begin_with(name, &options, seed);
}

/* Since it began. */
static uint64_t outcome(const struct whole *whole, enum tw_outcome which)
{
    return sim_server_outcome(&whole->server, which) - attacker.outcomes[which];
}

/* Everything but what honest players cause: without loss they are accepted, to the last packet. */
static uint64_t rejected(const struct whole *whole)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        sum += outcome(whole, (enum tw_outcome)i);
    return sum - outcome(whole, TW_OUTCOME_ACCEPTED);
}

/* Players heard everything, see what is there, and are in. */
static void end(struct whole *whole)
{
    attacker.tampers = false;
    WHOLE_CHECK(whole, whole_settle(whole, 30 * WHOLE_SECOND));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_player *player = &whole->players.players[i];
        struct tw_client_statistics is = sim_player_statistics(player);
        WHOLE_CHECK(whole, player->closes == 0 && player->desyncs == 0);
        WHOLE_CHECK(whole, is.hashes_wrong == 0 && is.hashes_checked > 0);
    }
    whole_destroy(whole);
}

/* ---- on the way ------------------------------------------------------------------------------ */

/* One packet in ten, either way, comes with a bit flipped, anywhere in it. */
static void tampering(const char *name, uint64_t seed)
{
    struct whole *whole = begin(name, seed);
    attacker.tampers = true;
    whole_run(whole, 5 * WHOLE_SECOND);
    attacker.tampers = false;
    whole_run(whole, 20 * SIM_MS);
    WHOLE_CHECK(whole, attacker.tampered_up > 50 && attacker.tampered_down > 20);
    WHOLE_CHECK(whole, rejected(whole) == attacker.tampered_up);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_TAG_WRONG) > attacker.tampered_up / 2u);
    WHOLE_CHECK(whole, clients_rejected(whole) - attacker.rejected == attacker.tampered_down);
    end(whole);
}

/* Everything is sent again: at once, after a while, and when the window has gone by. */
static void replay(const char *name, uint64_t seed)
{
    struct whole *whole = begin(name, seed);
    whole_run(whole, WHOLE_SECOND);
    uint64_t injected = 0;
    for (uint32_t round = 0; round < 400; round++) {
        whole_run(whole, 50 * SIM_MS);
        for (uint32_t back = 1; back < attacker.kept_count && back < KEPT_MAX; back += 97) {
            const struct kept *kept = &attacker.kept[(attacker.kept_count - back) % KEPT_MAX];
            const struct sim_player *player = &whole->players.players[kept->client];
            if (tw_load_u32(kept->bytes) == 0)
                continue;
            /* Its original may still be on its way: then the copy is the one that counts. */
            whole_run(whole, 10 * SIM_MS);
            whole_inject(whole, player->address, player->port, kept->bytes, kept->size);
            injected++;
        }
    }
    whole_run(whole, 20 * SIM_MS);
    uint64_t duplicates = outcome(whole, TW_OUTCOME_REPLAY_DUPLICATE);
    uint64_t old = outcome(whole, TW_OUTCOME_REPLAY_OLD);
    WHOLE_CHECK(whole, duplicates > 0 && old > 0);
    WHOLE_CHECK(whole, duplicates + old == injected && rejected(whole) == injected);
    end(whole);
}

/* All large packets, then one in three, then all to the server for a second: what went missing
 * comes, and nobody is thrown out. */
static void selective_dropping(const char *name, uint64_t seed)
{
    struct impair_profile lan = *impair_profile_find("lan");
    struct impair_profile large = lan, third = lan;
    large.drop_above_bytes = 350;
    third.drop_every = 3;
    struct whole *whole = begin(name, seed);
    net_set_profile(whole->net, &large);
    whole_run(whole, 3 * WHOLE_SECOND);
    net_set_profile(whole->net, &third);
    whole_run(whole, 3 * WHOLE_SECOND);
    net_set_profile(whole->net, &lan);
    for (uint32_t i = 0; i < CLIENTS; i++)
        net_path(whole->net, 2u * i)->outage_until_us = whole->now_us + WHOLE_SECOND;
    whole_run(whole, 2 * WHOLE_SECOND);
    struct impair_statistics net = net_statistics(whole->net);
    WHOLE_CHECK(whole, net.lost[IMPAIR_LOST_PATTERN] > 100 && net.lost[IMPAIR_LOST_OUTAGE] > 100);
    end(whole);
}

/* ---- beside it ------------------------------------------------------------------------------- */

/* Whoever knows a live connection id: from the player's own address, and from others. */
static void injection(const char *name, uint64_t seed)
{
    struct whole *whole = begin(name, seed);
    uint8_t bytes[TW_DATAGRAM_MAX];
    uint64_t injected = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        const struct sim_player *player =
            &whole->players.players[tw_rng_below(&attacker.rng, CLIENTS)];
        uint32_t size = tw_rng_between(&attacker.rng, TW_PACKET_MIN, 300);
        for (uint32_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)tw_rng_next(&attacker.rng);
        uint32_t id = tw_client_get_connection_id(player->client);
        uint32_t kind = tw_rng_below(&attacker.rng, 4);
        tw_store_u32(bytes, kind == 0 ? id ^ 1u << tw_rng_below(&attacker.rng, 32) : id);
        bytes[TW_HEADER_CHANNEL] = 0;
        bytes[TW_HEADER_FLAGS] = kind == 3 ? 1 : 0;
        tw_store_u64(bytes + TW_HEADER_SEQUENCE, 100 + tw_rng_below(&attacker.rng, 100000));
        uint32_t address = player->address + (kind == 1 ? 77u : 0u);
        whole_inject(whole, address, player->port, bytes, size);
        injected++;
        if (round % 4 == 0)
            whole_run(whole, 2 * SIM_MS);
    }
    whole_run(whole, 20 * SIM_MS);
    WHOLE_CHECK(whole, rejected(whole) == injected);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_TAG_WRONG) > 100);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_PATH_UNKNOWN) > 100);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_CONNECTION_UNKNOWN) +
                               outcome(whole, TW_OUTCOME_GENERATION_STALE) >
                           100);
    end(whole);
}

/* Numbers far ahead, up to 2^64 - 1, in the players' names: the window does not move. */
static void sequence_jumps(const char *name, uint64_t seed)
{
    struct whole *whole = begin(name, seed);
    uint8_t bytes[64] = {0};
    uint64_t injected = 0;
    for (uint32_t bit = 8; bit <= 64; bit++) {
        uint64_t number = bit == 64 ? UINT64_MAX : (UINT64_C(1) << bit) + 5u;
        for (uint32_t i = 0; i < CLIENTS; i++) {
            const struct sim_player *player = &whole->players.players[i];
            tw_store_u32(bytes, tw_client_get_connection_id(player->client));
            tw_store_u64(bytes + TW_HEADER_SEQUENCE, number);
            whole_inject(whole, player->address, player->port, bytes, sizeof(bytes));
            injected++;
        }
        whole_run(whole, 20 * SIM_MS);
    }
    WHOLE_CHECK(whole, rejected(whole) == injected);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_TAG_WRONG) == CLIENTS * 20u);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_SEQUENCE_INVALID) == CLIENTS * 37u);
    end(whole);
}

/* One client hears and says nothing for 8 s, and comes back at another address, while packets in
 * its name and in another silent one's arrive from anywhere: it is let in as if there were none. */
#define SILENT_US    (8u * WHOLE_SECOND)
#define STEP_US      50u
#define STEPS_A_MS   (SIM_MS / STEP_US)
#define LET_IN_US    (100u * SIM_MS)
#define FORGED_BYTES 64u

static void forge(struct whole *whole, uint32_t count)
{
    uint8_t bytes[FORGED_BYTES] = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_player *player = &whole->players.players[tw_rng_below(&attacker.rng, 2)];
        tw_store_u32(bytes, tw_client_get_connection_id(player->client));
        tw_store_u64(bytes + TW_HEADER_SEQUENCE, 1000000u + tw_rng_below(&attacker.rng, 1000000u));
        whole_inject(whole, 0x0c000000u + (uint32_t)tw_rng_next(&attacker.rng) % (1u << 24), 1024,
                     bytes, sizeof(bytes));
    }
}

static void disconnect(struct whole *whole, uint64_t until_us)
{
    for (uint32_t path = 0; path < 4; path++)
        net_path(whole->net, path)->outage_until_us = until_us;
}

static void come_back(struct whole *whole, uint32_t per_ms)
{
    struct sim_player *player = &whole->players.players[0];
    uint64_t begun_us = whole->now_us;
    player->port++;
    WHOLE_CHECK(whole, tw_client_rebind(player->client, whole->now_us) == TW_CLIENT_OK);
    for (uint32_t step = 0; sim_server_roaming(&whole->server, TW_ROAMING_VALIDATED) == 0; step++) {
        WHOLE_CHECK(whole, whole->now_us - begun_us < LET_IN_US);
        forge(whole, per_ms * (step + 1u) / STEPS_A_MS - per_ms * step / STEPS_A_MS);
        whole_run(whole, STEP_US);
    }
}

static void return_under_forgery(const char *name, uint64_t seed)
{
    static const uint32_t rates[] = {0, 1, 5, 100}; /* a ms */
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = CLIENTS,
                                    .workers = 1u + seed / 4u % 2u,
                                    .patience_ms = 60000,
                                    .speech = whole_speech,
                                    .profile = impair_profile_find("lan")};
    struct whole *whole = begin_with(name, &options, seed);
    disconnect(whole, UINT64_MAX);
    whole_run(whole, SILENT_US);
    disconnect(whole, 0);
    net_path(whole->net, 2)->outage_until_us = UINT64_MAX;
    whole->step_us = STEP_US;
    come_back(whole, rates[seed % 4u]);
    net_path(whole->net, 2)->outage_until_us = 0;
    whole->step_us = WHOLE_STEP_US;
    whole_run(whole, WHOLE_SECOND);
    WHOLE_CHECK(whole, sim_server_roaming(&whole->server, TW_ROAMING_OPENED) == 1);
    WHOLE_CHECK(whole, rates[seed % 4u] == 0 || outcome(whole, TW_OUTCOME_TAG_WRONG) > 0);
    end(whole);
}

/* ---- with what was stolen -------------------------------------------------------------------- */

static const struct kept *find_hello2(uint32_t client)
{
    for (uint32_t i = 0; i < attacker.kept_count && i < KEPT_MAX; i++) {
        const struct kept *kept = &attacker.kept[i];
        if (kept->client == client && kept->size == TW_HELLO2_SIZE && tw_load_u32(kept->bytes) == 0)
            return kept;
    }
    return NULL;
}

/* Sends it with a CRC that is right, from the owner's address: that verdict, and no answer. */
static void steal(struct whole *whole, const struct sim_player *owner,
                  uint8_t hello2[TW_HELLO2_SIZE], enum tw_verdict verdict)
{
    uint64_t before = sim_server_verdict(&whole->server, verdict);
    uint64_t welcomes = sim_server_verdict(&whole->server, TW_VERDICT_WELCOMED);
    tw_crc32c_seal(tw_crc32c_portable, hello2, TW_HELLO2_SIZE);
    whole_inject(whole, owner->address, owner->port, hello2, TW_HELLO2_SIZE);
    whole_run(whole, 2 * WHOLE_SECOND);
    WHOLE_CHECK(whole, sim_server_verdict(&whole->server, verdict) == before + 1u);
    WHOLE_CHECK(whole, sim_server_verdict(&whole->server, TW_VERDICT_WELCOMED) == welcomes);
}

/* A hello 2 copied from the wire, whole or changed, from elsewhere or from its owner's own address.
 */
static void token_theft(const char *name, uint64_t seed)
{
    struct whole *whole = begin(name, seed);
    const struct kept *hello2 = find_hello2(0);
    struct sim_player *owner = &whole->players.players[0];
    WHOLE_CHECK(whole, hello2 != NULL);
    uint8_t copy[TW_HELLO2_SIZE];
    memcpy(copy, hello2->bytes, sizeof(copy));
    whole_inject(whole, owner->address + 77u, 4444, copy, sizeof(copy));
    whole_run(whole, 20 * SIM_MS);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_COOKIE_WRONG) == 1);
    /* The owner's own, again: it changes nothing, and gets the welcome that only the owner reads.
     */
    whole_inject(whole, owner->address, owner->port, copy, sizeof(copy));
    whole_run(whole, 20 * SIM_MS);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_WELCOME_RESENT) +
                               outcome(whole, TW_OUTCOME_HANDSHAKE_PENDING) +
                               outcome(whole, TW_OUTCOME_HANDSHAKE_RELAYED) ==
                           1);
    copy[TW_HELLO2_TOKEN] ^= 1;
    whole_inject(whole, owner->address, owner->port, copy, sizeof(copy));
    whole_run(whole, 20 * SIM_MS);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_HANDSHAKE_CRC) == 1);
    /* The CRC is no secret. Who does not hold the token's key cannot bind it to an ephemeral key,
     * nor change what is sealed in it. */
    copy[TW_HELLO2_TOKEN] ^= 1;
    copy[TW_HELLO2_BINDER] ^= 1;
    steal(whole, owner, copy, TW_VERDICT_BINDER_WRONG);
    copy[TW_HELLO2_BINDER] ^= 1;
    copy[TW_HELLO2_TOKEN + TW_TOKEN_SIZE - 1u] ^= 1;
    steal(whole, owner, copy, TW_VERDICT_TOKEN_INVALID);
    uint32_t id = tw_client_get_connection_id(owner->client);
    WHOLE_CHECK(whole, id != 0 && owner->closes == 0);
    end(whole);
}

static void used_token(const char *name, uint64_t seed)
{
    struct whole_options options = {
        .clients = 2, .speakers = 2, .profile = impair_profile_find("lan")};
    struct whole *whole = whole_create(name, &options, seed);
    struct sim_player *owner = &whole->players.players[0], *thief = &whole->players.players[1];
    uint8_t token[TW_CONNECT_SIZE];
    sim_house_token(&whole->server.house, 7, whole->now_us, token);
    sim_player_connect(owner, token, whole->now_us);
    whole_run(whole, WHOLE_SECOND);
    WHOLE_CHECK(whole, tw_client_get_state(owner->client) == TW_CLIENT_CONNECTED);
    sim_player_connect(thief, token, whole->now_us);
    whole_run(whole, 3 * WHOLE_SECOND);
    WHOLE_CHECK(whole, tw_client_get_state(thief->client) == TW_CLIENT_CLOSED);
    WHOLE_CHECK(whole, thief->end == TW_CLIENT_END_REFUSED && thief->end_code == TW_REFUSAL_USED);
    WHOLE_CHECK(whole, sim_server_verdict(&whole->server, TW_VERDICT_TOKEN_USED) > 0);
    WHOLE_CHECK(whole, tw_client_get_state(owner->client) == TW_CLIENT_CONNECTED);
    whole_destroy(whole);
}

/* ---- from far away --------------------------------------------------------------------------- */

/* In a victim's name, everything a stranger may send: no more comes back than went in, packet by
 * packet and in all. */
static void reflection_and_amplification(const char *name, uint64_t seed)
{
    struct whole *whole = begin(name, seed);
    uint8_t bytes[TW_DATAGRAM_MAX];
    const uint32_t victim = 0x0a0b0c0d;
    const struct kept *hello2 = find_hello2(0);
    uint64_t in = 0, out = 0;
    for (uint32_t round = 0; round < 600; round++) {
        uint32_t kind = round % 5u;
        uint32_t size = tw_rng_between(&attacker.rng, 1, TW_DATAGRAM_MAX);
        for (uint32_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)tw_rng_next(&attacker.rng);
        if (kind == 0) {
            size = TW_HELLO_SIZE;
            sim_make_hello(bytes, (uint16_t)(round % 10u == 0 ? TW_PROTOCOL_VERSION + 1u
                                                              : TW_PROTOCOL_VERSION));
        } else if (kind == 1) {
            size = TW_HELLO2_SIZE;
            memcpy(bytes, hello2->bytes, size);
        } else if (kind == 2 && size >= TW_HEADER_SIZE) {
            memset(bytes, 0, TW_HEADER_SIZE);
            bytes[TW_HEADER_CHANNEL] = (uint8_t)(round % 8u);
        } else if (kind == 3 && size >= 4) {
            tw_store_u32(bytes, tw_client_get_connection_id(whole->players.players[0].client));
        }
        uint64_t before = whole->nobody_bytes;
        whole_inject(whole, victim, 53, bytes, size);
        whole_run(whole, 3 * SIM_MS);
        WHOLE_CHECK(whole, whole->nobody_bytes - before <= size);
        in += size;
        out += whole->nobody_bytes - before;
    }
    WHOLE_CHECK(whole, out > 0 && out * 5u < in);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_COOKIE_SENT) > 50);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_VERSION_TOLD) > 50);
    WHOLE_CHECK(whole, outcome(whole, TW_OUTCOME_COOKIE_WRONG) > 100);
    end(whole);
}

/* A thousand hellos a second from as many addresses: players play on, and one more gets in. */
static void connection_flood(const char *name, uint64_t seed)
{
    struct whole_options options = {
        .clients = CLIENTS + 1u, .speakers = CLIENTS, .profile = impair_profile_find("lan")};
    struct whole *whole = whole_create(name, &options, seed);
    uint8_t hello[TW_HELLO_SIZE];
    for (uint32_t i = 0; i < CLIENTS; i++)
        whole_connect(whole, &whole->players.players[i]);
    whole_run(whole, WHOLE_SECOND);
    for (uint32_t i = 0; i < 3000; i++) {
        sim_make_hello(hello, TW_PROTOCOL_VERSION);
        whole_inject(whole, 0x0b000000u + i, 1024, hello, sizeof(hello));
        if (i == 1000)
            whole_connect(whole, &whole->players.players[CLIENTS]);
        whole_run(whole, SIM_MS);
    }
    whole_run(whole, WHOLE_SECOND);
    WHOLE_CHECK(whole, sim_players_all(&whole->players, TW_CLIENT_CONNECTED));
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_pending) == 0);
    WHOLE_CHECK(whole, sim_server_outcome(&whole->server, TW_OUTCOME_COOKIE_SENT) >= 3000);
    whole_destroy(whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"tampering", tampering, NULL, 20, 1000},
        {"replay", replay, NULL, 2, 200}, /* 0.3 s a seed: everything is sent twice */
        {"injection", injection, NULL, 20, 1000},
        {"return_under_forgery", return_under_forgery, NULL, 80, 1000},
        {"sequence_jumps", sequence_jumps, NULL, 20, 1000},
        {"selective_dropping", selective_dropping, NULL, 20, 1000},
        {"token_theft", token_theft, NULL, 20, 1000},
        {"used_token", used_token, NULL, 20, 1000},
        {"reflection_and_amplification", reflection_and_amplification, NULL, 20, 1000},
        {"connection_flood", connection_flood, NULL, 20, 1000},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
