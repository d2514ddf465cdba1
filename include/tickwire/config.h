/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration of a host: one YAML file for engine and control plane, loaded once at start.
 *
 * Every key stands in one schema table (control/config/schema.c) with its type, range, default
 * and meaning; the table drives the loader, `tickwire config check|show` and docs/operations.md.
 * Plain values, no pointers: the struct can be copied. Main thread, before anything starts.
 */
#ifndef TICKWIRE_CONFIG_H
#define TICKWIRE_CONFIG_H

#include "tickwire/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_CONFIG_NAME_SIZE 64u
#define TW_CONFIG_PATH_SIZE 108u /* sun_path */
#define TW_CONFIG_TEXT_SIZE 256u
#define TW_CONFIG_CORES_MAX 16u
/* Ports of one engine. A token lists four addresses of its engine at most: nobody could be told of
 * a fifth port. */
#define TW_PORTS_MAX 4u

enum tw_hugepages {
    TW_HUGEPAGES_AUTO, /* hugepages when free ones are found, else none */
    TW_HUGEPAGES_ON,
    TW_HUGEPAGES_OFF,
};

/* Vector instructions of the spatial index. */
enum tw_simd_choice {
    TW_SIMD_CHOICE_AUTO, /* the best this CPU has */
    TW_SIMD_CHOICE_SCALAR,
    TW_SIMD_CHOICE_AVX2,
    TW_SIMD_CHOICE_AVX512,
};

enum tw_index_choice {
    TW_INDEX_CHOICE_GRID,
    TW_INDEX_CHOICE_OCTREE,
};

enum tw_edges_choice {
    TW_EDGES_CHOICE_CLAMP, /* walls */
    TW_EDGES_CHOICE_WRAP,  /* none: x and y go round */
};

enum tw_idle {
    TW_IDLE_BACKOFF, /* sleep after some empty polls: cores are shared */
    TW_IDLE_POLL,    /* never sleep: cores are dedicated */
};

/* Back end of the packets' AEAD; libsodium serves what the one named here cannot. */
enum tw_aead_choice {
    TW_AEAD_CHOICE_AUTO, /* the fastest that this CPU runs and that passes its self-test */
    TW_AEAD_CHOICE_LIBSODIUM,
    TW_AEAD_CHOICE_IPSEC_MB,
    TW_AEAD_CHOICE_CHACHA_LANES, /* ChaCha20-Poly1305 only; AES-256-GCM by libsodium */
};

/* A lab takes imported sessions instead of players (dataplane/wire/lab.h). */
enum tw_lab_mode {
    TW_LAB_MODE_OFF,
    TW_LAB_MODE_ON,
};

/* One DPDK port and the addresses clients reach it by. The first one's keys stand in section
 * engine, the others' in port2, port3 and port4. */
struct tw_config_port {
    char device[TW_CONFIG_TEXT_SIZE]; /* DPDK device: "net_af_xdp0,iface=tw0", "net_tap0,...", PCI
                                         address; "" = there is no such port */
    uint32_t address;                 /* IPv4, host byte order */
    uint8_t prefix_length;            /* on-link prefix; anything else goes to the gateway */
    uint32_t gateway;                 /* IPv4, host byte order; 0 = none */
    uint16_t udp_port;
    uint8_t address6[16]; /* IPv6; all zero = none */
    uint8_t prefix_length6;
    uint8_t gateway6[16]; /* on the link or link-local; all zero = none */
};

struct tw_config_engine {
    char name[TW_CONFIG_NAME_SIZE]; /* audience of tokens */
    uint32_t workers;
    uint32_t shards;
    uint32_t main_core;
    uint32_t worker_cores[TW_CONFIG_CORES_MAX];
    uint32_t worker_core_count; /* 0 = chosen by the engine */
    uint32_t shard_cores[TW_CONFIG_CORES_MAX];
    uint32_t shard_core_count; /* 0 = chosen by the engine */
    enum tw_hugepages hugepages;
    uint32_t memory_mb;    /* DPDK memory */
    uint32_t sessions_max; /* per worker */
    enum tw_idle idle;
    uint32_t idle_polls;     /* empty ones in a row before a worker sleeps */
    uint32_t idle_sleep_us;  /* so long */
    uint32_t idle_quiet_us;  /* while there is no session */
    uint32_t spread_percent; /* of a tick: its snapshots leave within; 0: at once */
    uint32_t spread_per_ms;  /* as many leave a millisecond, or more, if they must */
    enum tw_aead_choice aead;
    enum tw_simd_choice simd;
    enum tw_lab_mode lab;
    char key_log[TW_CONFIG_TEXT_SIZE]; /* of a lab's sessions; "": none */
};

/* Budgets are packets per second with a burst of the same size, unless named otherwise. */
struct tw_config_limits {
    uint32_t stranger_pps; /* per worker: hellos and unknown ids, before any cryptography */
    uint32_t source_pps;   /* per IPv4 source or IPv6 /64: hello 2 with a valid cookie */
    uint32_t session_pps;  /* per session */
    uint32_t arp_pps;      /* neighbour discovery has as many */
    uint32_t icmp_pps;
    uint32_t pending_max;          /* handshakes under way per worker */
    uint32_t malformed_max;        /* authenticated malformed packets before a session is closed */
    uint32_t messages_per_s;       /* from one session; a burst of a window more */
    uint32_t message_backlog_kb;   /* of messages that wait for one session; more: it is behind */
    uint32_t starved_s;            /* inputs without any snapshot acknowledged, before a close */
    uint32_t message_memory_kb;    /* of a worker, for all of them, both ways */
    uint32_t compress_above_bytes; /* larger bulk messages, where it helps */
    uint32_t rekey_s;              /* a session's keys are changed after so long */
    uint32_t rekey_packets;        /* or after so many packets in a direction */
};

/* What a silent session becomes, and when; each no sooner than the one before. */
struct tw_config_life {
    uint32_t degraded_ms; /* shown as degraded */
    uint32_t pause_ms;    /* its entity stands in the world, nothing is sent to it */
    uint32_t park_ms;     /* its entity leaves the world */
    uint32_t grace_ms;    /* it is closed */
};

/* What makes a link's state, and what ends it: see dataplane/wire/congestion.h. */
struct tw_config_congestion {
    uint32_t calm_loss_percent; /* below conservative_loss_percent */
    uint32_t calm_delay_ms;     /* below conservative_delay_ms */
    uint32_t calm_ms;           /* how long, before a state ends */
    uint32_t conservative_loss_percent;
    uint32_t conservative_delay_ms;
    uint32_t conservative_jitter_percent;
    uint32_t conservative_jitter_ms;
    uint32_t emergency_loss_percent; /* no less than the conservative one */
    uint32_t emergency_queue_ms;     /* no less than conservative_delay_ms */
};

/* What is charged, what it costs, and what a score comes to: see dataplane/gate/conduct.h. */
struct tw_config_conduct {
    uint32_t input_rate_percent; /* packets with inputs, of one a tick */
    uint32_t input_burst_s;      /* of a second's ticks: so many of them may come at once */
    uint32_t input_ahead_ticks;  /* no input is for a later tick than that from now */
    uint32_t time_back_ms;       /* so far a newer packet may go back */
    uint32_t actions_per_s;      /* presses of one button, in any second */
    uint32_t input_packets_points;
    uint32_t input_ahead_points;
    uint32_t time_back_points;
    uint32_t actions_points;
    uint32_t warn_score;        /* the client is told */
    uint32_t throttle_score;    /* part of its inputs count, and no actions */
    uint32_t throttled_percent; /* that part: inputs, of one a tick */
    uint32_t disconnect_score;
    uint32_t forgive_percent; /* of warn_score: below it the stage is good again */
    uint32_t decay_per_s;     /* points */
};

struct tw_config_world {
    uint32_t id;
    uint64_t seed;
    uint32_t size_m; /* square world, origin in one corner */
    enum tw_edges_choice edges;
    uint32_t players_max;
    uint32_t entities_max; /* players included */
    uint32_t npcs;         /* wandering entities at start */
    uint32_t npcs_moving_percent;
    uint32_t obstacles; /* static circles at start */
    uint32_t aoi_enter_m;
    uint32_t aoi_exit_m;
    uint32_t view_max; /* entities a client can see at once */
    uint32_t tick_hz;
    uint32_t snapshot_hz;
    enum tw_index_choice index;
    uint32_t split_above; /* entities of a cell of the index */
    uint32_t merge_below;
    uint32_t spawn_radius_m; /* players appear this near to the centre; 0 = anywhere */
    uint32_t parking_max;    /* players of silent sessions out of the world; more stay in it */
};

struct tw_config_control {
    char agent_socket[TW_CONFIG_PATH_SIZE]; /* engine ↔ control */
    char cli_socket[TW_CONFIG_PATH_SIZE];   /* control ↔ tickwire */
    char database[TW_CONFIG_TEXT_SIZE];
    char key_file[TW_CONFIG_TEXT_SIZE]; /* static key and token keys; created with mode 0600 */
    uint32_t token_validity_s;
    uint32_t token_history_max;
    uint8_t suites; /* enum tw_suite, allowed on this host */
};

struct tw_config {
    struct tw_config_engine engine;
    struct tw_config_port ports[TW_PORTS_MAX];
    struct tw_config_limits limits;
    struct tw_config_life life;
    struct tw_config_congestion congestion;
    struct tw_config_conduct conduct;
    struct tw_config_world world;
    struct tw_config_control control;
};

struct tw_config_error {
    char message[512]; /* "file:line: what is wrong, what was expected" */
};

/* Ports in use. The first always is: its device may be made in the process itself. */
static inline uint32_t tw_config_port_count(const struct tw_config *config)
{
    uint32_t count = 1;
    while (count < TW_PORTS_MAX && config->ports[count].device[0] != '\0')
        count++;
    return count;
}

/* All defaults of the schema table. */
void tw_config_defaults(struct tw_config *config);

/* Loads `path` over the defaults and validates ranges and combinations. On failure returns false
 * with the first error; *config is then unspecified. */
bool tw_config_load(const char *path, struct tw_config *config, struct tw_config_error *error)
    __attribute__((warn_unused_result));

#endif
