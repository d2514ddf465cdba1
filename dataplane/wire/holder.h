/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may have room for what comes in, where sessions share a pool.
 *
 *   loose │ for whoever has less than is left: what comes ahead of the message that its channel
 *         │ waits for
 *   sure  │ promised to a message when it begins, as much as it says it is: it never waits again
 *   brief │ an eighth, in the same way as what is loose, for messages that are whole at once, and
 *         │ wait for nothing but to be passed on
 *
 * A message that is begun is the lowest of its channel: those after it wait for it anyway. Nobody
 * is promised more than one of the largest, unless half of all is left; bulk that waits to be
 * passed on is in the way of bulk alone.
 *
 * Whoever finds no room has a place in a line as long as it asks again, and room goes to who stands
 * before others: it is not a matter of who asks at the right moment. What is loose never takes all,
 * so the line moves as long as messages that have begun end.
 *
 * In a pool that promises nothing there is one session, and what is there is its own. Pure; a
 * holder is of the owner of its pool. Counts are blocks, times µs. See
 * docs/decisions/0034-room-for-messages.md.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_HOLDER_H
#define TICKWIRE_DATAPLANE_WIRE_HOLDER_H

#include "dataplane/wire/blocks.h"

/* What a session is promised. */
#define TW_HOLDER_SURE_MAX TW_MESSAGE_BLOCKS_MAX
/* So many in line are looked at for whoever asks: those behind them come nearer by that. */
#define TW_HOLDER_LOOK_MAX 64u
/* Longer than between two tries of whoever still wants room: a probe every three seconds. */
#define TW_HOLDER_ASKS_US 4000000u
/* Room that somebody has waited for so long is short: less may be a matter of the next tick. */
#define TW_HOLDER_SHORT_US 1000000u

/* What a session has of a pool, for what comes in. Zeroed: nothing. */
struct tw_holder {
    uint32_t loose;
    uint32_t sure;  /* promised, taken or not, */
    uint32_t whole; /* of that, for bulk that is whole and waits to be passed on */
    uint32_t wants; /* in line: so many; 0: not in line */
    uint64_t since_us, asked_us;
    struct tw_holder *before, *behind; /* in line */
};

/* May it take so many more, loose? `brief`: for what it does not keep. */
bool tw_holder_may_take(const struct tw_holder *holder, const struct tw_block_pool *pool,
                        uint32_t blocks, bool brief);
/* It did (or gave some back). */
void tw_holder_count_loose(struct tw_holder *holder, struct tw_block_pool *pool, int32_t change);

struct tw_holder_want {
    uint32_t blocks; /* of a whole message */
    uint32_t taken;  /* of these, loose */
    bool bulk;
};
/* Promises a message its room. False: there is none now, and it has a place in line, unless others
 * of its own are in the way. */
bool tw_holder_promise(struct tw_holder *holder, struct tw_block_pool *pool,
                       const struct tw_holder_want *want, uint64_t now_us);
/* So many of what it was promised were taken. */
void tw_holder_count_taken(struct tw_block_pool *pool, uint32_t blocks);
/* A message of so many blocks is the session's no more; all but `left` were taken. */
void tw_holder_release(struct tw_holder *holder, struct tw_block_pool *pool, uint32_t blocks,
                       uint32_t left);

/* Leaves the line if it has not asked for too long. */
void tw_holder_update(struct tw_holder *holder, struct tw_block_pool *pool, uint64_t now_us);
/* It wants nothing any more, or goes elsewhere. */
void tw_holder_leave_line(struct tw_holder *holder, struct tw_block_pool *pool);
/* Somebody waits for room, and has for a while. */
bool tw_holder_is_short(struct tw_block_pool *pool, uint64_t now_us);

#endif
