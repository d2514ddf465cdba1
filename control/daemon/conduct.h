/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What players' conduct came to. An engine judges sessions (dataplane/gate/conduct.h); here is kept
 * what outlives them, by account:
 *
 *   engine ──told with a session's end, a change of its stage, a resync──► note: the worse counts
 *   engine ◄──to a session that has less──── give: at its beginning, and when another one ends
 *
 * Both only ever raise, and a record decays as a session's score does: so it matters neither in
 * which order they come nor how often, and whoever has been given a record never has less than it.
 * An operator's reset is the one thing that lowers. It has a number, the monotonic clock's, which
 * both processes read: a session names the newest one that it obeyed, or when it began. What names
 * an older one is not noted, and is told of the reset again.
 *
 * Owned by the daemon's thread.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_CONDUCT_H
#define TICKWIRE_CONTROL_DAEMON_CONDUCT_H

#include "control/store/store.h"
#include "tickwire/agent.h"
#include "tickwire/config.h"

#include <stdbool.h>
#include <stdint.h>

/* A reset is remembered for longer than an engine is without a link: what its sessions had before
 * comes with the next one. */
#define TW_CONDUCT_RESET_S 3600u

struct tw_conduct_book {
    struct tw_store *store;
    const struct tw_config_conduct *rules;
};

/* What is left of a row, in points and as a stage. */
struct tw_conduct_left {
    uint32_t score; /* 0: nothing */
    uint32_t stage;
    uint32_t charge;
    uint32_t reset; /* number of the newest one; 0: none */
};

struct tw_conduct_now {
    uint64_t unix_ms;
    uint64_t monotonic_ns;
};

struct tw_conduct_left tw_conduct_left(const struct tw_config_conduct *rules,
                                       const struct tw_conduct_row *row, uint64_t now_unix_ms);

/* What the session says is of before this reset. */
bool tw_conduct_predates(const struct tw_agent_session *session, uint32_t reset,
                         uint64_t now_monotonic_ns);

/* A session's score as the engine told it, perhaps some time ago. */
enum tw_store_result tw_conduct_note(const struct tw_conduct_book *book,
                                     const struct tw_agent_session *session,
                                     const struct tw_conduct_now *clock);
/* What is left on record of an account; OK with a score of 0: nothing. */
enum tw_store_result tw_conduct_look_up(const struct tw_conduct_book *book, uint64_t account,
                                        uint64_t now_unix_ms, struct tw_conduct_left *left);
enum tw_store_result tw_conduct_reset(const struct tw_conduct_book *book, uint64_t account,
                                      const struct tw_conduct_now *now);

#endif
