/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shipped worker in a benchmark's hands: the real tw_worker_turn over a port made of two rings,
 * pools and rings of the depths the engine's table gives for 10,000 sessions, time that only the
 * benchmark moves, and a shard that this file plays.
 *
 * Whatever cannot be, such as a packet that ends in another outcome than the row's own, ends the
 * process: no figure of a broken run is printed. One thread, pinned by DPDK.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_RIG_H
#define TICKWIRE_TESTS_BENCH_GATE_RIG_H

#include "dataplane/gate/worker.h"
#include "tests/bench/gate_crowd.h"
#include "tests/bench/gate_port.h"

#include <stdbool.h>
#include <stdint.h>

/* Frames that are copied into buffers ahead and timed together. With their buffers they fill
 * 1.3 MB: a core's second cache does not hold them, so a burst comes from the third, where a
 * network card puts packets. */
#define GATE_ROUND 4096u
/* Rounds whose frames are sealed ahead together, so that between two rounds the benchmark touches
 * no keys of its own and the worker's tables stay in the third cache as far as they fit. */
#define GATE_ROUNDS_MAX 8u

#define GATE_TICK_HZ 60u
#define GATE_TICK_NS (UINT64_C(1000000000) / GATE_TICK_HZ)
/* A turn takes four bursts; time moves on by what so many clients send meanwhile. */
#define GATE_TURN_PACKETS 256u

struct rte_mbuf;
struct tw_worker_command;

/* What is compared. */
struct gate_ciphers {
    const struct tw_aead_backend *aead;
    const struct tw_cookie_hash *cookie_hash; /* NULL: libsodium's */
};

struct gate_rig {
    const struct gate_port *port;
    struct gate_crowd crowd;
    struct tw_config config;
    struct tw_worker_config worker_config;
    struct tw_worker *worker;
    struct tw_worker_counters *counters;
    enum tw_suite suite;
    uint64_t now_ns;           /* the worker's clock */
    uint64_t tick_phase;       /* packets since the clock last stood on a tick */
    uint64_t cycles;           /* of all turns so far, by the clock of the CPU */
    uint64_t elsewhere_ns;     /* when packets from elsewhere first came; 0: none did */
    uint64_t elsewhere_opened; /* of them */
    bool has_kept;             /* the crowd has packets to repeat, of this pass */
    enum gate_traffic traffic; /* of the frames made ahead */
    uint32_t ahead_first, ahead_count;
};

/* A worker with `sessions` live sessions. */
void gate_rig_start(struct gate_rig *rig, const struct gate_port *port, uint32_t sessions,
                    enum tw_suite suite, const struct gate_ciphers *ciphers);
void gate_rig_stop(struct gate_rig *rig);

/* Before the first round of a row: a new pass, its inputs for the tick that comes next. */
void gate_rig_begin(struct gate_rig *rig, uint32_t plaintext_size);

/* Makes the frames of so many rounds ahead: GATE_ROUNDS_MAX, or 1 for traffic of long frames. */
uint32_t gate_rig_make_ahead(struct gate_rig *rig, enum gate_traffic traffic);
/* GATE_ROUND of these in, all of which end as this traffic must. Returns, as all of the following,
 * ns that this thread had the core for the worker's turns: what other processes took is not in it.
 */
uint64_t gate_rig_receive(struct gate_rig *rig);

/* GATE_ROUND snapshots of `size` bytes of frames from the shard (or as many as a buffer holds), all
 * of them sent. */
uint64_t gate_rig_send(struct gate_rig *rig, uint16_t size);

/* One input packet into an idle worker: cycles of the turn that puts it into the shard's ring. */
uint64_t gate_rig_receive_one(struct gate_rig *rig);
/* Cycles of a turn that finds nothing. */
uint64_t gate_rig_idle_turn(struct gate_rig *rig);

/* What the port alone costs: GATE_ROUND frames made ahead received and freed; sent. In bursts as
 * the worker's, and buffers are freed as it frees them. */
uint64_t gate_rig_port_receive(struct gate_rig *rig);
uint64_t gate_rig_port_send(struct gate_rig *rig, uint16_t size);

/* ---- pieces of the above, for gate_join.c ---- */

/* Cycles of one turn, `advance_ns` after the last one. */
uint64_t gate_rig_turn(struct gate_rig *rig, uint64_t advance_ns);
/* Time that passes while so many packets come, when each client sends one per tick. */
uint64_t gate_rig_packets_ns(struct gate_rig *rig, uint32_t packets);
void gate_rig_command(struct gate_rig *rig, const struct tw_worker_command *command);
/* An empty receive buffer; it goes to the port with a frame of `length` bytes in it. */
struct rte_mbuf *gate_rig_take_buffer(struct gate_rig *rig);
void gate_rig_inject(struct gate_rig *rig, struct rte_mbuf *mbuf, uint32_t length);
void gate_rig_inject_from(struct gate_rig *rig, enum gate_traffic traffic);
/* At most `count` of the frames that the worker sent; how many. */
uint32_t gate_rig_take_sent(struct gate_rig *rig, struct rte_mbuf **mbufs, uint32_t count);
/* What the shard and the main thread were told. */
void gate_rig_discard_records(struct gate_rig *rig);
uint64_t gate_rig_outcome(const struct gate_rig *rig, enum tw_outcome outcome);

#endif
