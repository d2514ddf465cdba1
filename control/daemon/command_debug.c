/* SPDX-License-Identifier: BSD-3-Clause */
/* debug space: what the engine's newest statistics say about the world's spatial index. */
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"

static const struct {
    const char *name;
    const char *meaning;
} figure_rows[] = {
#define TW_X(id, name, meaning) {name, meaning},
    TW_SPACE_FIGURES(TW_X)
#undef TW_X
};

/* Nothing is said before the validator has been through the index once. */
static const char *verdict_of(const uint64_t figures[TW_SPACE_FIGURE_COUNT])
{
    if (figures[TW_SPACE_FIGURE_FAULTS] > 0)
        return "faulty";
    return figures[TW_SPACE_FIGURE_AUDIT_ROUNDS] > 0 ? "consistent" : "first round under way";
}

void tw_command_debug_space(struct tw_call *call)
{
    const struct tw_daemon *daemon = call->daemon;
    const uint64_t *figures = daemon->stats.space;
    if (!tw_call_unpack(call, "{}") || !tw_call_has_statistics(call))
        return;
    json_t *rows = json_array();
    for (size_t i = 0; i < TW_SPACE_FIGURE_COUNT; i++)
        (void)json_array_append_new(rows, json_pack("{s:s, s:I, s:s}", "name", figure_rows[i].name,
                                                    "value", (json_int_t)figures[i], "meaning",
                                                    figure_rows[i].meaning));
    json_int_t age_ms = (json_int_t)(tw_clock_monotonic_ms() - daemon->stats_at_ms);
    call->result = json_pack("{s:s, s:I, s:o}", "verdict", verdict_of(figures), "age_ms", age_ms,
                             "figures", rows);
}
