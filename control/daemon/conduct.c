/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/conduct.h"

#include "tickwire/conduct.h"

#include <stdbool.h>

struct tw_conduct_left tw_conduct_left(const struct tw_config_conduct *rules,
                                       const struct tw_conduct_row *row, uint64_t now_unix_ms)
{
    /* A wall clock that stepped back takes nothing off. */
    uint64_t elapsed_ms = now_unix_ms > row->noted_unix_ms ? now_unix_ms - row->noted_unix_ms : 0;
    uint32_t score =
        tw_conduct_decayed(row->score * TW_CONDUCT_POINT, elapsed_ms, rules->decay_per_s);
    if (score < TW_CONDUCT_POINT)
        return (struct tw_conduct_left){0};
    return (struct tw_conduct_left){
        .score = score / TW_CONDUCT_POINT,
        .stage = score < tw_conduct_forgiven(rules) ? (uint32_t)TW_CONDUCT_GOOD : row->stage,
        .charge = row->charge,
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

enum tw_store_result tw_conduct_note(const struct tw_conduct_book *book,
                                     const struct tw_agent_session *session, uint64_t now_unix_ms,
                                     uint64_t waited_ms)
{
    struct tw_conduct_row known;
    struct tw_conduct_row told = {
        .account = session->account,
        .score = session->conduct_score,
        .stage = session->conduct_stage,
        .charge = session->conduct_charge,
        .noted_unix_ms = now_unix_ms > waited_ms ? now_unix_ms - waited_ms : 0,
    };
    struct tw_conduct_left now = tw_conduct_left(book->rules, &told, now_unix_ms);
    if (now.score == 0)
        return TW_STORE_OK;
    enum tw_store_result result = tw_store_conduct_find(book->store, session->account, &known);
    if (result == TW_STORE_ERROR)
        return result;
    struct tw_conduct_left left = tw_conduct_left(book->rules, &known, now_unix_ms);
    bool is_reset = result == TW_STORE_OK && known.score == 0;
    if ((is_reset && told.noted_unix_ms <= known.noted_unix_ms) ||
        (now.score <= left.score && now.stage <= left.stage))
        return TW_STORE_OK;
    if (now.score < left.score) {
        told.score = known.score;
        told.noted_unix_ms = known.noted_unix_ms;
    }
    told.stage = now.stage > left.stage ? now.stage : left.stage;
    uint64_t lasts_ms = (uint64_t)told.score * TW_CONDUCT_POINT / book->rules->decay_per_s + 1u;
    told.over_unix_s = (told.noted_unix_ms + lasts_ms) / 1000u + 1u;
    return tw_store_conduct_put(book->store, &told);
}

enum tw_store_result tw_conduct_reset(const struct tw_conduct_book *book, uint64_t account,
                                      uint64_t now_unix_ms)
{
    const struct tw_conduct_row row = {
        .account = account,
        .noted_unix_ms = now_unix_ms,
        .over_unix_s = now_unix_ms / 1000u + TW_CONDUCT_RESET_S,
    };
    return tw_store_conduct_put(book->store, &row);
}
