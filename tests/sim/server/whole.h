/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole of it: a server, its clients, and a network between them that misbehaves. One thread,
 * virtual time, a function of its seed: `hash` is over everything that was delivered, and equal for
 * equal seeds.
 *
 *   client i ── path 2i ──► server          server ── path 2i+1 ──► client i
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_WHOLE_H
#define TICKWIRE_TESTS_SIM_SERVER_WHOLE_H

#include "tests/sim/network.h"
#include "tests/sim/server/players.h"
#include "tests/sim/server/server.h"

#include <stdio.h>
#include <stdlib.h>

#define WHOLE_SECOND  UINT64_C(1000000)
#define WHOLE_STEP_US 1000u

struct whole_options {
    uint32_t clients;
    uint32_t speakers; /* the first ones; all but none when 0 is asked for by speech */
    uint32_t workers;
    uint32_t sessions;       /* 0: as many as clients, and some */
    uint64_t tick_base;      /* ticks that were before the start */
    bool wraps_milliseconds; /* low 32 bits of these wrap, too, when those of microseconds do */
    uint32_t patience_ms;    /* of clients; 0: less than the server's */
    const struct impair_profile *profile;
    struct sim_speech speech;
    /* Changes the server's configuration before it starts. May be NULL. */
    void (*configure)(struct tw_config *config);
};

/* Sees each datagram to the server (or to client i) before the network does; false: it is held
 * back. May send others by whole_inject. */
typedef bool whole_tap(void *context, bool to_server, uint32_t client, const uint8_t *bytes,
                       size_t size);

struct whole {
    struct sim_server server;
    struct sim_players players;
    struct net *net;
    uint64_t seed;
    uint64_t now_us;
    uint64_t wrap_us; /* then the low 32 bits of the time are 0: after joining, before leaving */
    uint64_t step_us;
    uint64_t hash; /* of everything delivered */
    whole_tap *tap;
    void *tap_context;
    uint64_t nobody, nobody_bytes; /* from the server to where no client is */
    bool may_overflow;             /* whoever stands still loses what the port has no room for */
    bool loses;                    /* the network did, when it began */
    bool joined;                   /* by whole_join */
    const char *name;
};

/* Speech of a game: commands, chat, now and then something larger, and states. */
extern const struct sim_speech whole_speech;

struct whole *whole_create(const char *name, const struct whole_options *options, uint64_t seed);
/* All leave; then everything that was taken must be back. Frees it. */
void whole_destroy(struct whole *whole);

void whole_run(struct whole *whole, uint64_t us);
/* Connects all and waits until they are in the world; nobody talks before. */
void whole_join(struct whole *whole);
void whole_connect(struct whole *whole, struct sim_player *player);
/* Stops all talk and waits until everything spoken was heard; false: it was not within `us`. */
bool whole_settle(struct whole *whole, uint64_t us);
/* A datagram to the server that no client sent, past the network. */
void whole_inject(struct whole *whole, uint32_t address, uint16_t port, const uint8_t *bytes,
                  size_t size);
/* Clients make nothing new; when it returns, all that was under way has arrived. Or they go on. */
void whole_freeze(struct whole *whole, bool frozen);

#define WHOLE_CHECK(whole, condition)                                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            whole_fail(whole, __FILE__, __LINE__, #condition);                                     \
    } while (0)
/* Prints seed and time; aborts, upon which scenario.h has how to see it again printed. */
void whole_fail(const struct whole *whole, const char *file, int line, const char *what)
    __attribute__((noreturn));

#endif
