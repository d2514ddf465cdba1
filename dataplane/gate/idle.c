/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/idle.h"

long tw_idle_pause_ns(const struct tw_config_engine *config, uint32_t empty_turns, bool deserted)
{
    if (config->idle != TW_IDLE_BACKOFF || empty_turns < config->idle_polls)
        return 0;
    bool quiet = deserted && empty_turns - config->idle_polls >= TW_IDLE_SHORT_SLEEPS;
    return 1000l * (long)(quiet ? config->idle_quiet_us : config->idle_sleep_us);
}
