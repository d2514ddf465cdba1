/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a worker's cycles go, stage by stage: only in builds with TW_STAGE_CYCLES, which the stage
 * benchmark makes for itself. Everywhere else every call here is nothing.
 *
 * Written by the worker's lcore; whoever calls tw_worker_turn reads it between turns. Unit: cycles
 * of the time-stamp counter.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_STAGE_CYCLES_H
#define TICKWIRE_DATAPLANE_GATE_STAGE_CYCLES_H

#include <stdint.h>

/* clang-format off */
#define TW_STAGES(X)                                                                             \
    X(RECEIVE,  "receive")  /* from the port, first bytes asked for */                           \
    X(PARSE,    "parse")                                                                         \
    X(FILTER,   "filter")                                                                        \
    X(ANSWER,   "answer")   /* ARP, ICMP, hellos, other workers' packets */                      \
    X(FIND,     "find")     /* session, path, header */                                          \
    X(TEST,     "test")     /* replay?, budget */                                                \
    X(OPEN,     "open")                                                                          \
    X(COMMIT,   "commit")   /* replay! */                                                        \
    X(VALIDATE, "validate")                                                                      \
    X(ROUTE,    "route")                                                                         \
    X(TALK,     "talk")     /* what was said passed on */                                        \
    X(FINISH,   "finish")   /* outcomes counted, buffers freed */                                \
    X(TAKE,     "take")     /* buffers from a shard, first lines asked for */                    \
    X(LOAD,     "load")     /* the lines that these name */                                      \
    X(WRITE,    "write")    /* acknowledgement, header, next hop */                              \
    X(SEAL,     "seal")                                                                          \
    X(FRAME,    "frame")    /* UDP, IP and Ethernet headers, checksum */                         \
    X(SEND,     "send")     /* to the port */                                                    \
    X(REFILL,   "refill")   /* empty buffers to the shards */
/* clang-format on */

#define TW_X(suffix, name) TW_STAGE_##suffix,
enum tw_stage { TW_STAGES(TW_X) TW_STAGE_COUNT };
#undef TW_X
/* The first of a packet out; those before are a packet in's. */
#define TW_STAGE_OUT TW_STAGE_TAKE

#ifdef TW_STAGE_CYCLES
#include <rte_cycles.h>

struct tw_stage_cycles {
    uint64_t since;
    uint64_t spent[TW_STAGE_COUNT];
};

static inline void tw_stage_begin(struct tw_stage_cycles *cycles)
{
    cycles->since = rte_rdtsc();
}

static inline void tw_stage_end(struct tw_stage_cycles *cycles, enum tw_stage stage)
{
    uint64_t now = rte_rdtsc();
    cycles->spent[stage] += now - cycles->since;
    cycles->since = now;
}
#else
struct tw_stage_cycles {
    uint8_t unused;
};

static inline void tw_stage_begin(struct tw_stage_cycles *cycles)
{
    (void)cycles;
}

static inline void tw_stage_end(struct tw_stage_cycles *cycles, enum tw_stage stage)
{
    (void)cycles;
    (void)stage;
}
#endif

#endif
