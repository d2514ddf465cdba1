/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a path takes: window, pace, and the state that sheds load; see decision 15.
 *
 * The window aims at 15 ms of queue (after LEDBAT, RFC 6817). It gives way to losses of more than
 * 2 % of a round trip where there is a queue, and of 10 % where there is none, but not below the
 * delivery rate that was measured; and where a queue stands, to what the path carries now. Pure,
 * one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_CONGESTION_H
#define TICKWIRE_DATAPLANE_WIRE_CONGESTION_H

#include "dataplane/wire/rtt.h"

#include <stdbool.h>
#include <stdint.h>

/* Half of a packet: two whole ones are a queue of 200 ms where a path carries 100 kbit/s, and what
 * ticks send keeps acks coming. */
#define TW_WINDOW_MIN_BYTES     600u
#define TW_WINDOW_COLLAPSED     2400u   /* two packets, as RFC 9002 section 7.2 */
#define TW_WINDOW_SMALL         4800u   /* the path is slow: a whole packet is a queue */
#define TW_WINDOW_INITIAL_BYTES 12000u  /* ten packets, as RFC 9002 section 7.2 */
#define TW_WINDOW_MAX_BYTES     180000u /* what the sent log holds */
#define TW_QUEUE_TARGET_US      15000u  /* below any delay that makes it conservative */
/* What a tick's packet is left on the slowest path: 20 a second are 41 kbit/s. */
#define TW_TICK_BYTES_MIN 256u
#define TW_TICK_BYTES_MAX 1440u /* whatever the path takes */

enum tw_link_state {
    TW_LINK_NORMAL = 0,
    TW_LINK_CONSERVATIVE = 1,
    TW_LINK_EMERGENCY = 2,
};

#define TW_LOSS_ALL           65536u
#define TW_LOSS_PERCENT(loss) (TW_LOSS_ALL * (loss) / 100u)

/* What makes and ends a state; decision 15. Delays are the smoothed round trip above its baseline.
 * One for all sessions of an owner. */
struct tw_congestion_thresholds {
    /* Calm is less than both, without the jitter below. For `calm_us`: the state ends. */
    uint32_t calm_loss_q16;
    uint32_t calm_delay_us;
    uint32_t calm_us;
    /* Conservative is more than one of them; of jitter, more than both together. */
    uint32_t conservative_loss_q16;
    uint32_t conservative_delay_us;
    uint32_t conservative_jitter_percent; /* of the baseline's */
    uint32_t conservative_jitter_us;      /* and so much more */
    /* Emergency is more than one of them. */
    uint32_t emergency_loss_q16;
    uint32_t emergency_queue_us;
};

/* Of the client library, and of an engine whose configuration names no others. */
extern const struct tw_congestion_thresholds tw_congestion_defaults;

/* What an acknowledged packet touches stands first, what messages touch last. */
struct tw_congestion {
    uint32_t window_bytes;
    uint32_t loss_q16;                /* smoothed share of packets lost, of TW_LOSS_ALL */
    uint16_t round_acked, round_lost; /* packets */
    uint32_t round_delivered_bytes;   /* delivered_bytes when the round began */
    uint32_t delivered_bytes;         /* ever, low bits */
    uint8_t state;                    /* enum tw_link_state */
    bool slow_start;
    uint16_t tick_bytes; /* so large may a packet be that a tick makes */
    uint64_t delivered_at_us;
    uint64_t round_began_us;
    uint64_t calm_since_us; /* 0: not calm */
    uint64_t lost_at_us;    /* when a packet was last found lost */
    struct tw_rtt rtt;
    uint64_t rate_bytes_s[2]; /* greatest delivery rate of this and the previous second */
    uint64_t rate_epoch;
    uint32_t longer_us; /* of what stands above the minimum: the path, and no queue of ours */
    /* Round trip and window when it was first seen, so many round trips ago; 0: none stands. */
    uint32_t standing_us, standing_window_bytes, standing_rounds;
    uint32_t drained_ms;         /* when nothing of ours waited, for sure */
    uint32_t drain_window_bytes; /* to go on with after … */
    uint8_t drain_rounds;        /* … so many round trips */
    bool round_limited;          /* the window held something back */
    int32_t tokens_bytes;
    int32_t pass_quarter_bytes; /* what may still pass the window and tokens, in quarters */
    uint64_t tokens_at_us;
};

void tw_congestion_init(struct tw_congestion *congestion, uint64_t now_us);
/* Another path: forgets all that was measured. */
void tw_congestion_reset_path(struct tw_congestion *congestion, uint64_t now_us);

struct tw_delivery {
    uint32_t bytes;           /* of the packet acknowledged */
    uint32_t delivered_bytes; /* congestion's count when it was sent */
    uint64_t delivered_at_us; /* and its time; 0: it had no messages, and is no sample */
    bool limited;             /* the window was in use when it was sent */
};
void tw_congestion_acked(struct tw_congestion *congestion, const struct tw_delivery *delivery,
                         uint64_t now_us);
void tw_congestion_lost(struct tw_congestion *congestion, uint64_t now_us);
/* A packet that was called lost arrived after all. */
void tw_congestion_late(struct tw_congestion *congestion);
/* Probes went out, three times in a row or more, and nothing was heard. */
void tw_congestion_collapse(struct tw_congestion *congestion);
/* Once per ack frame or timer: end of a round trip, state. */
void tw_congestion_update(struct tw_congestion *congestion,
                          const struct tw_congestion_thresholds *thresholds, uint64_t now_us);

/* Bytes a second at which messages leave. */
uint64_t tw_congestion_pace(const struct tw_congestion *congestion);
/* True if a paced packet may leave now. */
bool tw_congestion_may_send(struct tw_congestion *congestion, uint64_t now_us);
/* When one may; `now_us` or later. */
uint64_t tw_congestion_next_us(const struct tw_congestion *congestion, uint64_t now_us);
void tw_congestion_spend(struct tw_congestion *congestion, uint32_t bytes);
/* May something small pass window and pace? Up to a quarter of the pace may; what did is told. */
bool tw_congestion_may_pass(const struct tw_congestion *congestion);
uint64_t tw_congestion_pass_us(const struct tw_congestion *congestion, uint64_t now_us);
void tw_congestion_passed(struct tw_congestion *congestion, uint32_t bytes);
/* The part of the window that a channel may fill in the present state. */
uint32_t tw_congestion_share(const struct tw_congestion *congestion, uint32_t channel);
uint64_t tw_congestion_rate(const struct tw_congestion *congestion);

#endif
