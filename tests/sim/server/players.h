/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients of a simulation: each a whole client library, fed bytes and time. They walk, talk and
 * keep account of what they hear, byte by byte.
 *
 * A message names its speaker, the speaker's session, its number among those of its channel, and
 * carries a pattern. A server hands it to everybody near; all of a small world is near. One thread.
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_PLAYERS_H
#define TICKWIRE_TESTS_SIM_SERVER_PLAYERS_H

#include "simulation/core/rng.h"
#include "tickwire/client.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers of a speaker that may overtake each other: two windows of the protocol, and some. */
#define SIM_HEARD_WINDOW 256u
/* Of the newest ones of each channel it is known when they were spoken. */
#define SIM_SPOKEN_KEPT 256u

/* What one player heard of one speaker on one channel, in the newest session of both. */
struct sim_heard {
    uint32_t session; /* the speaker's; 0: nothing yet */
    uint32_t first, next;
    uint32_t count;
    uint64_t seen[SIM_HEARD_WINDOW / 64u]; /* of the numbers before `next` */
};

struct sim_player {
    struct tw_client *client;
    struct sim_players *all;
    uint32_t index;
    uint32_t address;
    uint16_t port;
    uint32_t session; /* one more per connect */
    uint64_t next_update_us, next_steer_us;
    uint64_t next_talk_us[TW_CHANNEL_COUNT];
    uint64_t connect_at_us; /* 0: stays as it is */
    uint32_t spoken[TW_CHANNEL_COUNT];
    uint64_t spoken_us[TW_CHANNEL_COUNT][SIM_SPOKEN_KEPT]; /* by number */
    struct sim_heard *heard;                               /* [speakers][TW_CHANNEL_COUNT] */
    uint32_t connects, closes;
    enum tw_client_end end; /* the last one */
    uint32_t end_code;
    uint32_t closed_by[16]; /* by enum tw_close_reason, when the server said close */
    uint64_t desyncs;
    bool talks;
    bool stands; /* does not walk; whoever else stands and hears it hears all of it */
    bool frozen; /* is not updated: makes nothing new */
    bool apart;  /* when it hears something is nobody's business: see sim_hearing */
};

/* How often and how much they talk. 0: not on this channel. */
struct sim_speech {
    uint32_t every_ms[TW_CHANNEL_COUNT]; /* mean */
    uint32_t size_max[TW_CHANNEL_COUNT];
};

/* What was heard of a channel, by all together but those apart. */
struct sim_hearing {
    uint64_t bytes;
    /* Messages that were spoken between the two times of sim_players. */
    uint64_t messages;
    uint64_t late;       /* took longer than all->prompt_us */
    uint64_t longest_us; /* from being spoken on */
};

typedef void sim_players_send(void *context, struct sim_player *player, const uint8_t *bytes,
                              size_t size);

struct sim_players {
    struct sim_player *players;
    uint32_t count, speakers;
    struct sim_speech speech;
    struct tw_rng rng;
    uint64_t now_us;
    uint64_t update_us;   /* between updates of one client */
    uint32_t patience_ms; /* silence that ends a connection of theirs */
    sim_players_send *send;
    void *context;
    uint64_t prompt_us;                           /* for counting what was late … */
    uint64_t from_us, until_us;                   /* … of what was spoken between */
    bool gaps_allowed;                            /* they come and go out of each other's hearing */
    bool noise;                                   /* what messages hold does not get smaller */
    uint64_t heard[TW_CHANNEL_COUNT];             /* messages */
    struct sim_hearing hearing[TW_CHANNEL_COUNT]; /* may be set to 0 at any time */
    uint64_t old;                                 /* of a speaker's session before */
    uint64_t refused;                             /* sends that found the library full */
    uint64_t faults;                              /* a message twice, out of order, or damaged */
    char fault[160];                              /* the first one */
};

/* patience_ms 0: less than a server's. */
void sim_players_init(struct sim_players *players, uint32_t count, uint32_t speakers, uint64_t seed,
                      uint32_t patience_ms);
void sim_players_fini(struct sim_players *players);

void sim_player_connect(struct sim_player *player, const uint8_t token[TW_CONNECT_SIZE],
                        uint64_t now_us);
/* Its process is killed, and another one begins, from another port. False: nothing was kept by
 * which that could go on with the session; else `kept` is what it connects by. */
bool sim_player_die(struct sim_player *player, uint8_t kept[TW_CONNECT_SIZE]);
/* Says something now, of so many bytes. False: its library has no room. */
bool sim_player_speak(struct sim_player *player, uint32_t channel, uint32_t size);
void sim_player_receive(struct sim_player *player, const uint8_t *bytes, size_t size,
                        uint64_t now_us);
/* Everybody whose time has come. */
void sim_players_turn(struct sim_players *players, uint64_t now_us);

bool sim_players_all(const struct sim_players *players, enum tw_client_state state);
/* Every message of every speaker on channels 1 to 3 was heard once by everybody. */
bool sim_players_heard_all(const struct sim_players *players);
/* Of one speaker on one channel. */
const struct sim_heard *sim_player_heard(const struct sim_player *player, uint32_t speaker,
                                         uint32_t channel);

/* A hello of its own, with a key that nobody has. */
void sim_make_hello(uint8_t out[TW_HELLO_SIZE], uint16_t version);

/* Where each stands, and what it did not hear: for a failure. */
void sim_players_print(const struct sim_players *players);

struct tw_client_statistics sim_player_statistics(const struct sim_player *player);
/* Distinct inputs made, of all. */
uint64_t sim_players_inputs(const struct sim_players *players);

#endif
