/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How large datagrams to a peer may be: from 1,200 bytes upwards, by trying (after RFC 8899).
 *
 * A probe is a packet of nothing but an ack and padding, of the size that is tried; only its own
 * acknowledgement counts, never a message of some router. Its loss says nothing about congestion.
 * When large packets of messages or snapshots are lost and no other as large arrives, the path has
 * changed under us, and everything goes back to 1,200 bytes. Pure, one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_PMTU_H
#define TICKWIRE_DATAPLANE_WIRE_PMTU_H

#include <stdbool.h>
#include <stdint.h>

struct tw_pmtu {
    uint64_t due_us;       /* of the next probe */
    uint32_t probe_number; /* the packet that is one; 0: none is under way */
    uint16_t size;         /* datagrams may have so many bytes */
    uint16_t limit;        /* no larger one is tried */
    uint16_t probe_size;   /* of the newest probe */
    uint8_t probes_lost;   /* of that size, in a row */
    uint8_t large_lost;    /* packets above 1,200 bytes, and since then … */
    uint16_t least_lost;   /* … none arrived as large as this, the smallest of them */
    bool written;          /* the packet being made is a probe */
    bool rests;            /* nothing to try before due_us, which is far */
};

/* A new path, that carries no more than `limit`. */
void tw_pmtu_begin(struct tw_pmtu *pmtu, uint32_t limit, uint64_t now_us);
/* Size of the probe that should leave now; 0: none. */
uint32_t tw_pmtu_wants(const struct tw_pmtu *pmtu, uint64_t now_us);
/* It left as this packet. */
void tw_pmtu_sent(struct tw_pmtu *pmtu, uint32_t number, uint32_t size);
/* What became of a packet of `size`, more than 1,200 bytes. */
void tw_pmtu_acked(struct tw_pmtu *pmtu, uint32_t number, uint32_t size, uint64_t now_us);
/* True: it was a probe, and nothing else was lost with it. */
bool tw_pmtu_lost(struct tw_pmtu *pmtu, uint32_t number, uint32_t size, uint64_t now_us);
/* Nothing is heard any more, whatever the reason. */
void tw_pmtu_fall_back(struct tw_pmtu *pmtu, uint64_t now_us);

#endif
