/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/conduct.h"

#include "tickwire/conduct.h"

#define NS_PER_MS UINT64_C(1000000)

struct tw_conduct_left tw_conduct_left(const struct tw_config_conduct *rules,
                                       const struct tw_conduct_row *row, uint64_t now_unix_ms)
{
    /* A wall clock that stepped back takes nothing off. */
    uint64_t elapsed_ms = now_unix_ms > row->noted_unix_ms ? now_unix_ms - row->noted_unix_ms : 0;
    uint32_t score =
        tw_conduct_decayed(row->score * TW_CONDUCT_POINT, elapsed_ms, rules->decay_per_s);
    if (score < TW_CONDUCT_POINT)
        return (struct tw_conduct_left){.reset = row->reset};
    return (struct tw_conduct_left){
        .score = score / TW_CONDUCT_POINT,
        .stage = score < tw_conduct_forgiven(rules) ? (uint32_t)TW_CONDUCT_GOOD : row->stage,
        .charge = row->charge,
        .reset = row->reset,
    };
}

enum tw_store_result tw_conduct_look_up(const struct tw_conduct_book *book, uint64_t account,
                                        uint64_t now_unix_ms, struct tw_conduct_left *left)
{
    struct tw_conduct_row row;
    enum tw_store_result result = tw_store_conduct_find(book->store, account, &row);
    *left = tw_conduct_left(book->rules, &row, now_unix_ms);
    return result == TW_STORE_NOT_FOUND ? TW_STORE_OK : result;
}

bool tw_conduct_predates(const struct tw_agent_session *session, uint32_t reset,
                         uint64_t now_monotonic_ns)
{
    /* A clock of before the host was started anew says nothing: no session is that old. */
    return reset <= tw_conduct_reset_number(now_monotonic_ns) && session->conduct_since < reset;
}

/* When the engine said it, by the wall clock. */
static uint64_t told_unix_ms(const struct tw_agent_session *session,
                             const struct tw_conduct_now *now)
{
    uint64_t waited_ms = now->monotonic_ns > session->told_ns
                             ? (now->monotonic_ns - session->told_ns) / NS_PER_MS
                             : 0;
    return now->unix_ms > waited_ms ? now->unix_ms - waited_ms : 0;
}

enum tw_store_result tw_conduct_note(const struct tw_conduct_book *book,
                                     const struct tw_agent_session *session,
                                     const struct tw_conduct_now *clock)
{
    struct tw_conduct_row known;
    struct tw_conduct_row told = {
        .account = session->account,
        .score = session->conduct_score,
        .stage = session->conduct_stage,
        .charge = session->conduct_charge,
        .noted_unix_ms = told_unix_ms(session, clock),
    };
    struct tw_conduct_left now = tw_conduct_left(book->rules, &told, clock->unix_ms);
    if (now.score == 0)
        return TW_STORE_OK;
    enum tw_store_result result = tw_store_conduct_find(book->store, session->account, &known);
    if (result == TW_STORE_ERROR)
        return result;
    struct tw_conduct_left left = tw_conduct_left(book->rules, &known, clock->unix_ms);
    if (tw_conduct_predates(session, known.reset, clock->monotonic_ns) ||
        (now.score <= left.score && now.stage <= left.stage))
        return TW_STORE_OK;
    if (now.score < left.score) {
        told.score = known.score;
        told.noted_unix_ms = known.noted_unix_ms;
    }
    told.stage = now.stage > left.stage ? now.stage : left.stage;
    uint64_t lasts_ms = (uint64_t)told.score * TW_CONDUCT_POINT / book->rules->decay_per_s + 1u;
    told.over_unix_s = (told.noted_unix_ms + lasts_ms) / 1000u + 1u;
    told.reset = known.reset;
    if (known.reset != 0 && told.over_unix_s < known.over_unix_s)
        told.over_unix_s = known.over_unix_s;
    return tw_store_conduct_put(book->store, &told);
}

enum tw_store_result tw_conduct_reset(const struct tw_conduct_book *book, uint64_t account,
                                      const struct tw_conduct_now *now)
{
    const struct tw_conduct_row row = {
        .account = account,
        .noted_unix_ms = now->unix_ms,
        .over_unix_s = now->unix_ms / 1000u + TW_CONDUCT_RESET_S,
        .reset = tw_conduct_reset_number(now->monotonic_ns),
    };
    return tw_store_conduct_put(book->store, &row);
}
