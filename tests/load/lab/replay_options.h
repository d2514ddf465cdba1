/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line of `tickwire-load replay`. Read once at start; then constant. */
#ifndef TICKWIRE_TESTS_LOAD_LAB_REPLAY_OPTIONS_H
#define TICKWIRE_TESTS_LOAD_LAB_REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct tw_replay_options {
    const char *capture_path, *sessions_path; /* no sessions: as it is, once */
    const char *device;
    const char *control_socket; /* NULL: the engine's counters are not asked for */
    uint64_t speed_permille;    /* 0: as fast as the port takes them */
    uint64_t loops, first_loop;
    uint32_t core;
    uint32_t memory_mb;
    uint32_t wait_s;        /* for the link */
    uint32_t queues;        /* of the port; what is sent goes by the first */
    uint32_t drain_ms;      /* for the last replies */
    uint32_t flood_kinds;   /* bits by enum tw_flood_kind; 0: no flood */
    uint32_t flood_from_ms; /* after the first honest packet */
    uint64_t flood_pps;     /* 0: as fast as the port takes them */
    uint64_t flood_count, flood_seed;
    bool hugepages;
    bool ahead;    /* seal everything before the first packet is sent */
    bool overflow; /* what the port has no room for is lost */
    bool nap;      /* sleep where there is time: cores are shared */
    bool json;
    bool help; /* was asked for and given */
};

/* False: a message was printed. */
bool tw_replay_options_parse(struct tw_replay_options *options, int argc, char **argv);

#endif
