/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages on their way out of one session, packed: small ones stand side by side in blocks of the
 * session's; of a large one only the notes do, and its bytes have blocks of their own.
 *
 *   block: head │ notes, bytes │ notes, bytes │ notes, numbers of blocks │ …
 *
 * A block goes back to the pool when the last parcel in it is done with. What a session holds is
 * counted in blocks, so memory is bounded by what is there and not by how many messages it is: 192
 * blocks hold 1,150 messages of 100 bytes, or 2,300 of 20. The pool keeps a share of itself for
 * each session that has less than that; see blocks.h. Memory is the pool's; pure, one owner.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_PARCELS_H
#define TICKWIRE_DATAPLANE_WIRE_PARCELS_H

#include "dataplane/wire/blocks.h"

/* Notes of a message; they do not move as long as it is there. */
struct tw_parcel {
    uint32_t at;          /* what names it: its block and place in that; never 0 */
    uint32_t next;        /* in a list; 0: last */
    uint32_t size;        /* bytes; 0: given up */
    uint32_t queued_ms;   /* when it was queued; low bits */
    uint64_t deadline_us; /* 0: none */
    uint16_t number;      /* in its channel */
    uint16_t missing;     /* granules not acknowledged yet */
    uint16_t sent_end;    /* granules below were sent once at least */
    uint16_t opened_end;  /* granules below may be sent */
    uint8_t channel;
    uint8_t flags;   /* TW_ENTRY_COMPRESSED */
    uint8_t words;   /* of each map */
    uint8_t blocks;  /* of its own; 0: its bytes follow the maps, */
    uint16_t room;   /* for these */
    uint64_t maps[]; /* granules acknowledged, granules to be sent; then bytes or blocks' numbers */
};

struct tw_parcels {
    struct tw_block_pool *pool;
    uint32_t blocks; /* held */
    uint32_t blocks_max;
    uint16_t open; /* the block that is being filled; 0: none */
};

void tw_parcels_init(struct tw_parcels *parcels, struct tw_block_pool *pool, uint32_t blocks_max);

enum tw_parcels_room {
    TW_PARCELS_ROOM,
    TW_PARCELS_FULL,    /* this session may not hold more of what leaves as much */
    TW_PARCELS_NO_POOL, /* the pool has none left beyond what is promised to others */
};
/* What a session may hold has so many parts; a message leaves some to those that matter more. */
#define TW_PARCELS_PARTS 16u
/* While others have no need of the memory, it may hold so many parts more: whatever leaves an
 * eighth may fill twice what it may hold then. */
#define TW_PARCELS_AMPLE 18u
/* For a message of so many bytes, 1..TW_MESSAGE_MAX, that leaves `leaves` parts, below
 * TW_PARCELS_PARTS. Whoever holds nothing has room for any. */
enum tw_parcels_room tw_parcels_room(const struct tw_parcels *parcels, uint32_t size,
                                     uint32_t leaves);
/* Copies bytes[size]; everything else of the notes is 0. There is room. */
struct tw_parcel *tw_parcel_make(struct tw_parcels *parcels, const uint8_t *bytes, uint32_t size);
void tw_parcel_free(struct tw_parcels *parcels, struct tw_parcel *parcel);

/* NULL for 0. */
static inline struct tw_parcel *tw_parcel_at(const struct tw_parcels *parcels, uint32_t at)
{
    uint8_t *block = parcels->pool->blocks[at >> 16].bytes;
    return at != 0 ? (struct tw_parcel *)(void *)(block + (at & 0xffffu)) : NULL;
}

static inline uint64_t *tw_parcel_done(struct tw_parcel *parcel)
{
    return parcel->maps;
}

static inline uint64_t *tw_parcel_queued(struct tw_parcel *parcel)
{
    return parcel->maps + parcel->words;
}

/* What copies of parcels take in another pool, one after the other. */
struct tw_parcels_plan {
    uint32_t blocks;
    uint32_t end; /* of the last one that is packed; 0: none is */
};
void tw_parcels_plan(struct tw_parcels_plan *plan, const struct tw_parcel *parcel);
/* A session that holds nothing there has room for it. */
bool tw_parcels_plan_fits(const struct tw_parcels_plan *plan, const struct tw_block_pool *pool);
/* The same in another session's; in no list. There is room. What is copied is only read. */
struct tw_parcel *tw_parcel_clone(struct tw_parcels *parcels, const struct tw_parcels *from,
                                  const struct tw_parcel *parcel);

void tw_parcel_copy(const struct tw_parcels *parcels, const struct tw_parcel *parcel, uint32_t from,
                    uint8_t *out, uint32_t length);

/* A list of parcels by their `next`. */
struct tw_parcel_list {
    uint32_t first;
    uint32_t last;
    uint32_t count;
};
void tw_parcel_list_append(struct tw_parcel_list *list, const struct tw_parcels *parcels,
                           struct tw_parcel *parcel);
/* The first one, taken off; NULL if the list is empty. */
struct tw_parcel *tw_parcel_list_take(struct tw_parcel_list *list,
                                      const struct tw_parcels *parcels);

#endif
