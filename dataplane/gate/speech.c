/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/speech.h"

#include "dataplane/gate/worker_state.h"

#include <stdatomic.h>

/* Between two looks at other workers' strain. */
#define STRAINS_US 50000u

void tw_speech_init(struct tw_talk *talk, uint32_t messages_per_s)
{
    talk->message_rate = tw_budget_rate_make(messages_per_s, TW_TALK_MESSAGES_BURST);
    /* Ten messages at once when it is dearest; of bulk, the largest. */
    talk->dear_rate = tw_budget_rate_make(messages_per_s, 2u * TW_TALK_MESSAGES_BURST);
    talk->dear_bulk_rate =
        tw_budget_rate_make(messages_per_s, (uint64_t)TW_MESSAGE_BLOCKS_MAX * TW_DEARNESS_MAX);
}
static_assert(TW_MESSAGE_BLOCKS_MAX <= TW_TALK_MESSAGES_BURST, "the largest can be paid for");

/* A message costs its session one, and what a compressed one did not bring as bytes as well: nobody
 * makes work for others, or fills their queues, by saying little. Bytes that came are bounded by
 * `session_pps`. */
static struct tw_budget_rate price(const struct tw_talk *talk, const struct tw_message *message)
{
    uint32_t full = tw_message_blocks(tw_message_full_size(message, talk->pool.blocks));
    uint32_t came = tw_message_blocks(message->size);
    return tw_budget_rate_times(talk->message_rate, full > came ? 1u + full - came : 1u);
}

/* While somebody is nearly behind each KB counts, however it came, many times. */
static struct tw_budget_rate dear_price(const struct tw_talk *talk,
                                        const struct tw_message *message, uint32_t dearness)
{
    uint32_t full = tw_message_blocks(tw_message_full_size(message, talk->pool.blocks));
    uint32_t cost = full > 0 ? full * dearness : dearness;
    if (message->channel == TW_CHANNEL_BULK)
        return tw_budget_rate_times(talk->dear_bulk_rate, cost);
    return tw_budget_rate_times(talk->dear_rate,
                                cost < TW_TALK_MESSAGES_BURST ? cost : TW_TALK_MESSAGES_BURST);
}

bool tw_speech_pay(struct tw_worker *worker, uint32_t slot, const struct tw_message *message)
{
    struct tw_talk *talk = &worker->talk;
    struct tw_talk_account *account = &talk->sessions[slot].account;
    struct tw_budget_rate usual = price(talk, message);
    if (!tw_budget_take(&account->budget, usual, worker->now_ns))
        return false;
    uint32_t dearness = tw_dearness_now(&talk->dearness, worker->now_us);
    if (dearness == 1u || tw_budget_take(&account->dear[message->channel == TW_CHANNEL_BULK],
                                         dear_price(talk, message, dearness), worker->now_ns))
        return true;
    tw_budget_return(&account->budget, usual);
    return false;
}

void tw_speech_pay_back(struct tw_worker *worker, uint32_t slot, const struct tw_message *message)
{
    struct tw_talk *talk = &worker->talk;
    struct tw_talk_account *account = &talk->sessions[slot].account;
    uint32_t dearness = tw_dearness_now(&talk->dearness, worker->now_us);
    tw_budget_return(&account->budget, price(talk, message));
    if (dearness > 1u)
        tw_budget_return(&account->dear[message->channel == TW_CHANNEL_BULK],
                         dear_price(talk, message, dearness));
}

void tw_speech_make_dear(struct tw_worker *worker, bool at_once)
{
    _Atomic uint64_t *strained_us = worker->config.strained_us;
    if (at_once)
        tw_dearness_leap(&worker->talk.dearness, worker->now_us);
    else
        tw_dearness_press(&worker->talk.dearness, worker->now_us);
    if (strained_us)
        atomic_store_explicit(&strained_us[worker->config.index], worker->now_us,
                              memory_order_relaxed);
}

/* Times of workers differ by a turn or two. */
void tw_speech_look(struct tw_worker *worker)
{
    struct tw_talk *talk = &worker->talk;
    if (!worker->config.strained_us || worker->now_us < talk->strains_us)
        return;
    talk->strains_us = worker->now_us + STRAINS_US;
    for (uint32_t i = 0; i < worker->config.workers; i++) {
        uint64_t at_us = atomic_load_explicit(&worker->config.strained_us[i], memory_order_relaxed);
        if (i != worker->config.index && at_us != 0 && worker->now_us < at_us + 2u * STRAINS_US)
            tw_dearness_press(&talk->dearness, worker->now_us);
    }
}
