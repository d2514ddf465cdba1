/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/conduct.h"

#include "tickwire/conduct.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define US_PER_MS 1000u
#define MS_PER_S  1000u
#define POINT     TW_CONDUCT_POINT
#define SCORE_MAX (UINT32_MAX / 2u)
/* No threshold: what comes of the rate that is one. Inputs come in bunches. */
#define THROTTLED_BURST 4u

/* With room for as many presses as a second has slots none is too many. */
static void make_action_rules(struct tw_conduct_rules *rules, uint32_t hz, uint32_t per_s)
{
    rules->slot_ticks = (hz + TW_CONDUCT_SLOTS - 1u) / TW_CONDUCT_SLOTS;
    uint32_t slots = hz / rules->slot_ticks;
    rules->second_slots = (uint32_t)((UINT64_C(1) << slots) - 1u);
    rules->actions_max = per_s < slots ? per_s : UINT32_MAX;
}

void tw_conduct_rules_make(struct tw_conduct_rules *rules, const struct tw_config *config)
{
    const struct tw_config_conduct *conduct = &config->conduct;
    uint64_t hz = config->world.tick_hz;
    uint64_t throttled = hz * conduct->throttled_percent / 100u;
    *rules = (struct tw_conduct_rules){
        .packet_rate = tw_budget_rate_make(hz * conduct->input_rate_percent / 100u,
                                           hz * conduct->input_burst_s),
        .ahead_ticks = conduct->input_ahead_ticks,
        .back_ticks = (uint32_t)(hz * conduct->time_back_ms / MS_PER_S),
        .back_us = (uint64_t)conduct->time_back_ms * US_PER_MS,
        .throttled_rate = tw_budget_rate_make(throttled > 0 ? throttled : 1, THROTTLED_BURST),
        .points = {[TW_CONDUCT_INPUT_PACKETS] = conduct->input_packets_points,
                   [TW_CONDUCT_INPUT_AHEAD] = conduct->input_ahead_points,
                   [TW_CONDUCT_TIME_BACK] = conduct->time_back_points,
                   [TW_CONDUCT_ACTIONS] = conduct->actions_points},
        .forgiven = tw_conduct_forgiven(conduct),
        .warn = conduct->warn_score * POINT,
        .throttle = conduct->throttle_score * POINT,
        .disconnect = conduct->disconnect_score * POINT,
        .decay_per_s = conduct->decay_per_s,
    };
    make_action_rules(rules, (uint32_t)hz, conduct->actions_per_s);
}

static uint32_t score_now(const struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                          uint64_t now_ns)
{
    uint64_t elapsed_ms =
        now_ns > conduct->scored_ns ? (now_ns - conduct->scored_ns) / NS_PER_MS : 0;
    return tw_conduct_decayed(conduct->score, elapsed_ms, rules->decay_per_s);
}

uint32_t tw_conduct_score(const struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                          uint64_t now_ns)
{
    return score_now(conduct, rules, now_ns) / POINT;
}

struct judging {
    struct tw_conduct *conduct;
    const struct tw_conduct_rules *rules;
    const struct tw_conduct_packet *packet;
    struct tw_conduct_verdict *verdict;
};

static __attribute__((noinline)) void charge(const struct judging *judging,
                                             enum tw_conduct_event event)
{
    struct tw_conduct *conduct = judging->conduct;
    uint32_t score = score_now(conduct, judging->rules, judging->packet->now_ns);
    judging->verdict->charged[event]++;
    judging->verdict->is_charged = true;
    conduct->kind = (uint8_t)event;
    conduct->scored_ns = judging->packet->now_ns;
    conduct->score = score < SCORE_MAX ? score + judging->rules->points[event] * POINT : score;
}

/* ---- actions ----------------------------------------------------------------------------------
 */

/* Later presses of all buttons are seen from this slot. A resumed session may begin at an earlier
 * one: it is taken for the newest. */
static void move_presses(struct tw_conduct *conduct, uint32_t slot)
{
    if (slot <= conduct->newest_slot)
        return;
    uint32_t later = slot - conduct->newest_slot;
    for (uint32_t button = 0; button < TW_CONDUCT_BUTTONS; button++)
        conduct->presses[button] = later < TW_CONDUCT_SLOTS ? conduct->presses[button] << later : 0;
    conduct->newest_slot = slot;
}

/* One press of a button, in the time of input ticks: a burst of late packets is no burst of
 * presses. Where slots are longer than two ticks, a second press in one does nothing either, and is
 * not charged: it may be a switch that bounced. */
static bool take_action(const struct judging *judging, uint32_t button, uint32_t tick)
{
    const struct tw_conduct_rules *rules = judging->rules;
    uint32_t *presses = &judging->conduct->presses[button];
    if (rules->actions_max == UINT32_MAX)
        return true;
    move_presses(judging->conduct, tick / rules->slot_ticks);
    if ((uint32_t)__builtin_popcount(*presses & rules->second_slots) >= rules->actions_max) {
        charge(judging, TW_CONDUCT_ACTIONS);
        return false;
    }
    bool first = (*presses & 1u) == 0;
    *presses |= 1u;
    return first;
}

/* Apart, as all that only some packets need: the others then save no register for it. */
static __attribute__((noinline)) void judge_presses(const struct judging *judging, uint32_t tick,
                                                    struct tw_input *input)
{
    struct tw_conduct *conduct = judging->conduct;
    uint32_t buttons = input->buttons;
    uint32_t fresh = buttons & ~(uint32_t)conduct->pressed;
    uint32_t denied = conduct->denied & buttons;
    for (uint32_t button = 0; fresh >> button != 0; button++) {
        if ((fresh >> button & 1u) == 0 || take_action(judging, button, tick))
            continue;
        denied |= 1u << button;
    }
    conduct->pressed = (uint8_t)buttons;
    conduct->denied = (uint8_t)denied;
    input->buttons = (uint16_t)(buttons & ~denied);
}

/* Of a packet's inputs, how many are for ticks after the newest one seen. */
static uint32_t count_later(const struct tw_conduct *conduct, const struct tw_client_frames *frames)
{
    uint32_t count = frames->input_count;
    if (conduct->newest_tick == 0)
        return count;
    if (frames->newest_tick <= conduct->newest_tick)
        return 0;
    uint32_t later = frames->newest_tick - conduct->newest_tick;
    return later < count ? later : count;
}

/* `later`: how many are for ticks after the newest one seen. */
static void judge_actions(const struct judging *judging, struct tw_client_frames *frames,
                          uint32_t later)
{
    struct tw_conduct *conduct = judging->conduct;
    /* Most are repeats, and go no further. What is not comes out of turn. */
    for (uint32_t newer = later; newer < frames->input_count; newer++)
        frames->inputs[newer].buttons = 0;
    for (uint32_t newer = later; newer-- > 0;) {
        struct tw_input *input = &frames->inputs[newer];
        if ((input->buttons | conduct->pressed) != 0)
            judge_presses(judging, frames->newest_tick - newer, input);
    }
    if (frames->newest_tick > conduct->newest_tick)
        conduct->newest_tick = frames->newest_tick;
}

/* ---- time and rates ---------------------------------------------------------------------------
 */

static void drop_inputs(const struct judging *judging, struct tw_client_frames *frames)
{
    judging->verdict->inputs_dropped = frames->input_count;
    frames->has_inputs = false;
}

static void clear_buttons(struct tw_client_frames *frames)
{
    for (uint32_t i = 0; i < frames->input_count; i++)
        frames->inputs[i].buttons = 0;
}

/* By inputs, of which packets repeat those before: of `later` ones that were not seen yet as many
 * of the newest as there is budget for, and of all others none. */
static void throttle(const struct judging *judging, struct tw_client_frames *frames, uint32_t later)
{
    struct tw_conduct *conduct = judging->conduct;
    uint32_t taken = 0;
    if (conduct->stage < TW_CONDUCT_THROTTLED_STAGE)
        return;
    clear_buttons(frames);
    while (taken < later && tw_budget_take(&conduct->throttled, judging->rules->throttled_rate,
                                           judging->packet->now_ns))
        taken++;
    frames->passed_over = (uint8_t)(frames->input_count - taken);
}

static void judge_inputs(const struct judging *judging, struct tw_client_frames *frames,
                         bool newest)
{
    struct tw_conduct *conduct = judging->conduct;
    const struct tw_conduct_packet *packet = judging->packet;
    uint32_t later = count_later(conduct, frames);
    if (!tw_budget_take(&conduct->packets, judging->rules->packet_rate, packet->now_ns)) {
        charge(judging, TW_CONDUCT_INPUT_PACKETS);
        drop_inputs(judging, frames);
        return;
    }
    if (frames->newest_tick > packet->now_tick &&
        frames->newest_tick - packet->now_tick > judging->rules->ahead_ticks) {
        /* Counted one by one where they are routed; its ticks are no measure of anything. */
        charge(judging, TW_CONDUCT_INPUT_AHEAD);
        clear_buttons(frames);
        throttle(judging, frames, later);
        return;
    }
    if (newest && frames->newest_tick < conduct->newest_tick &&
        conduct->newest_tick - frames->newest_tick > judging->rules->back_ticks)
        charge(judging, TW_CONDUCT_TIME_BACK);
    judge_actions(judging, frames, later);
    throttle(judging, frames, later);
}

static void judge_ping(const struct judging *judging, const struct tw_client_frames *frames)
{
    struct tw_conduct *conduct = judging->conduct;
    if (frames->ping_time_us < conduct->ping_us &&
        conduct->ping_us - frames->ping_time_us > judging->rules->back_us)
        charge(judging, TW_CONDUCT_TIME_BACK);
    conduct->ping_us = frames->ping_time_us;
}

/* ---- stages -----------------------------------------------------------------------------------
 */

static uint8_t stage_of(const struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                        uint32_t score)
{
    uint8_t stage = conduct->stage;
    if (score >= rules->throttle)
        stage = TW_CONDUCT_THROTTLED_STAGE;
    else if (score >= rules->warn && stage == TW_CONDUCT_GOOD)
        stage = TW_CONDUCT_WARNED_STAGE;
    else if (score < rules->forgiven)
        stage = TW_CONDUCT_GOOD;
    return stage;
}

/* Their last bits: differences are right for seven weeks. */
static uint32_t milliseconds(uint64_t now_ns)
{
    return (uint32_t)(now_ns / NS_PER_MS);
}

static void note_stage(const struct tw_conduct *conduct, uint8_t before,
                       struct tw_conduct_verdict *verdict)
{
    verdict->is_staged = conduct->stage != before;
    if (before == TW_CONDUCT_GOOD && conduct->stage != TW_CONDUCT_GOOD)
        verdict->charged[TW_CONDUCT_WARNED]++;
    if (before < TW_CONDUCT_THROTTLED_STAGE && conduct->stage == TW_CONDUCT_THROTTLED_STAGE)
        verdict->charged[TW_CONDUCT_THROTTLED]++;
}

static __attribute__((noinline)) void advance(const struct judging *judging)
{
    struct tw_conduct *conduct = judging->conduct;
    struct tw_conduct_verdict *verdict = judging->verdict;
    bool charged = verdict->is_charged;
    uint64_t now_ns = judging->packet->now_ns;
    uint32_t score = score_now(conduct, judging->rules, now_ns);
    uint8_t before = conduct->stage;
    bool may_notice = milliseconds(now_ns) - conduct->noticed_ms >= TW_CONDUCT_NOTICE_MS;
    conduct->stage = stage_of(conduct, judging->rules, score);
    /* Forgiven at half a second's distance: a score about the bound would be told with each packet,
     * to the client and to the control plane. */
    if (conduct->stage < before && !may_notice)
        conduct->stage = before;
    note_stage(conduct, before, verdict);
    verdict->close = charged && score >= judging->rules->disconnect;
    if (verdict->close)
        verdict->charged[TW_CONDUCT_DISCONNECTED]++;
    bool again = charged && conduct->stage != TW_CONDUCT_GOOD && may_notice;
    verdict->notice = !verdict->close && (verdict->is_staged || again);
    if (verdict->notice)
        conduct->noticed_ms = milliseconds(now_ns);
}

bool tw_conduct_judge(struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                      const struct tw_conduct_packet *packet, struct tw_client_frames *frames,
                      struct tw_conduct_verdict *verdict)
{
    struct judging judging = {
        .conduct = conduct, .rules = rules, .packet = packet, .verdict = verdict};
    bool newest = packet->sequence > conduct->sequence;
    if (newest)
        conduct->sequence = packet->sequence;
    if (frames->has_inputs)
        judge_inputs(&judging, frames, newest);
    if (frames->has_ping && newest)
        judge_ping(&judging, frames);
    if (!verdict->is_charged && conduct->stage == TW_CONDUCT_GOOD)
        return false;
    advance(&judging);
    return true;
}

static void tell_stage(struct tw_conduct *conduct, uint8_t before, uint64_t now_ns,
                       struct tw_conduct_verdict *verdict)
{
    note_stage(conduct, before, verdict);
    verdict->notice = verdict->is_staged;
    if (verdict->notice)
        conduct->noticed_ms = milliseconds(now_ns);
}

void tw_conduct_carry(struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                      const struct tw_conduct_past *past, uint64_t now_ns,
                      struct tw_conduct_verdict *verdict)
{
    uint8_t before = conduct->stage;
    uint32_t score = past->score < SCORE_MAX / POINT ? past->score * POINT : SCORE_MAX;
    uint32_t own = score_now(conduct, rules, now_ns);
    if (score > own) {
        conduct->score = score;
        conduct->scored_ns = now_ns;
        conduct->kind = past->kind;
        verdict->charged[TW_CONDUCT_CARRIED]++;
    }
    /* Leaving and coming back is no way out of a stage. */
    if (score >= rules->forgiven && past->stage > conduct->stage)
        conduct->stage = past->stage;
    conduct->stage = stage_of(conduct, rules, score > own ? score : own);
    tell_stage(conduct, before, now_ns, verdict);
}

void tw_conduct_reset(struct tw_conduct *conduct, uint32_t number, uint64_t now_ns,
                      struct tw_conduct_verdict *verdict)
{
    uint8_t before = conduct->stage;
    if (conduct->since >= number)
        return;
    conduct->since = number;
    conduct->score = 0;
    conduct->scored_ns = now_ns;
    conduct->stage = TW_CONDUCT_GOOD;
    verdict->charged[TW_CONDUCT_RESET]++;
    tell_stage(conduct, before, now_ns, verdict);
}

void tw_conduct_inherit(struct tw_conduct *to, const struct tw_conduct *from)
{
    *to = *from;
    to->sequence = 0;
    to->ping_us = 0;
    to->newest_tick = 0;
    to->pressed = 0;
    to->denied = 0;
}
