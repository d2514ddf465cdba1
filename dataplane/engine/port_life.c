/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/port_life.h"

static enum tw_port_step enter(struct tw_port_life *life, enum tw_port_state state)
{
    bool had_link = life->state == TW_PORT_STATE_UP || life->state == TW_PORT_STATE_MISMATCHED;
    life->link_downs += had_link && state == TW_PORT_STATE_NO_LINK;
    life->state = state;
    return TW_PORT_STEP_ORDER;
}

static enum tw_port_step begin_reset(struct tw_port_life *life, uint64_t now_ns)
{
    life->began_ns = now_ns;
    life->tries = 0;
    life->deadline_ns = now_ns + TW_PORT_LEAVE_NS;
    return enter(life, TW_PORT_STATE_LEAVING);
}

static enum tw_port_step leave(struct tw_port_life *life, const struct tw_port_sight *sight,
                               uint64_t now_ns)
{
    if (!sight->workers_obey)
        return now_ns >= life->deadline_ns ? TW_PORT_STEP_STUCK : TW_PORT_STEP_NONE;
    life->deadline_ns = now_ns + TW_PORT_RESET_NS;
    life->retry_ns = now_ns;
    life->state = TW_PORT_STATE_RESETTING;
    return TW_PORT_STEP_RESET;
}

enum tw_port_step tw_port_life_turn(struct tw_port_life *life, const struct tw_port_sight *sight,
                                    uint64_t now_ns)
{
    if (life->state == TW_PORT_STATE_FAILED)
        return TW_PORT_STEP_NONE;
    if (sight->removed)
        return enter(life, TW_PORT_STATE_FAILED);
    if (life->state == TW_PORT_STATE_LEAVING)
        return leave(life, sight, now_ns);
    if (life->state == TW_PORT_STATE_RESETTING)
        return now_ns >= life->retry_ns ? TW_PORT_STEP_RESET : TW_PORT_STEP_NONE;
    if (sight->reset_asked)
        return begin_reset(life, now_ns);
    enum tw_port_state state = !sight->link        ? TW_PORT_STATE_NO_LINK
                               : sight->few_queues ? TW_PORT_STATE_MISMATCHED
                                                   : TW_PORT_STATE_UP;
    return state == life->state ? TW_PORT_STEP_NONE : enter(life, state);
}

enum tw_port_step tw_port_life_reset_done(struct tw_port_life *life, bool good, uint64_t now_ns)
{
    if (good) {
        life->resets++;
        return enter(life, TW_PORT_STATE_NO_LINK);
    }
    life->tries++;
    life->reset_failures++;
    life->retry_ns = now_ns + TW_PORT_RETRY_NS;
    return life->retry_ns < life->deadline_ns ? TW_PORT_STEP_NONE
                                              : enter(life, TW_PORT_STATE_FAILED);
}

enum tw_port_order tw_port_life_order(const struct tw_port_life *life)
{
    switch (life->state) {
    case TW_PORT_STATE_UP:
        return TW_PORT_SERVE;
    case TW_PORT_STATE_NO_LINK:
        return TW_PORT_LINK_DOWN;
    default:
        return TW_PORT_LEAVE;
    }
}
