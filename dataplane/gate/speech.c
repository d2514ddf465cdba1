/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/speech.h"

#include "dataplane/gate/worker_state.h"

#include <stdatomic.h>

#define SECOND_US UINT64_C(1000000)
/* Between two looks at other workers' strain. */
#define STRAINS_US 50000u
/* Of bulk, what the largest packet brings and a quarter more: only what came at once is spread
 * out. */
#define PACKET_BYTES 1600u
/* While speech is dear a KB of bulk costs so many times what others cost: it hurries least. */
#define BULK_TIMES 2u

void tw_speech_init(struct tw_talk *talk, const struct tw_config_limits *limits)
{
    talk->message_rate = tw_budget_rate_make(limits->messages_per_s, TW_TALK_MESSAGES_BURST);
    /* Ten messages at once when it is dearest. */
    talk->dear_rate = tw_budget_rate_make(limits->messages_per_s, 2u * TW_TALK_MESSAGES_BURST);
    talk->bulk_us = SECOND_US * TW_BLOCK_BYTES / (PACKET_BYTES * limits->session_pps);
    talk->dear_bulk_us = SECOND_US * BULK_TIMES / limits->messages_per_s;
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

static uint32_t dear_cost(uint32_t blocks, uint32_t dearness)
{
    uint32_t cost = blocks > 0 ? blocks * dearness : dearness;
    return cost < TW_TALK_MESSAGES_BURST ? cost : TW_TALK_MESSAGES_BURST;
}

/* What is too dear for now is paid for by the KB, each in its channel's turn: it neither waits for
 * what is cheaper on another channel nor holds that up. */
static bool pay_in_parts(struct tw_worker *worker, struct tw_talk_account *account,
                         uint32_t channel, uint32_t cost, uint32_t dearness)
{
    struct tw_budget_rate rate = worker->talk.dear_rate;
    uint8_t *paid = &account->paid[channel];
    uint32_t left = cost > *paid ? cost - *paid : 0;
    if (tw_budget_take(&account->dear, tw_budget_rate_times(rate, left), worker->now_ns)) {
        *paid = 0;
        return true;
    }
    if (left > dearness &&
        tw_budget_take(&account->dear, tw_budget_rate_times(rate, dearness), worker->now_ns)) {
        *paid = (uint8_t)(*paid + dearness);
        tw_talk_next_turn(account, channel);
    }
    return false;
}

/* While somebody is nearly behind each KB counts, however it came, many times. What is said before
 * is counted as if it had been so: in the moment in which speech gets dear, those who said most
 * have said all they may. */
static bool pay_dear(struct tw_worker *worker, struct tw_talk_account *account, uint32_t channel,
                     uint32_t blocks, uint32_t dearness)
{
    struct tw_budget_rate rate = worker->talk.dear_rate;
    if (dearness > 1u)
        return pay_in_parts(worker, account, channel, dear_cost(blocks, dearness), dearness);
    account->paid[channel] = 0;
    tw_budget_drain(&account->dear, tw_budget_rate_times(rate, dear_cost(blocks, TW_DEARNESS_MAX)),
                    worker->now_ns);
    return true;
}

/* For the same reason nothing is saved up: one waits since the last one for as long as it costs by
 * itself. */
static bool pay_bulk(struct tw_worker *worker, struct tw_talk_account *account, uint32_t blocks,
                     uint32_t dearness)
{
    const struct tw_talk *talk = &worker->talk;
    uint64_t block_us = dearness > 1u ? dearness * talk->dear_bulk_us : talk->bulk_us;
    if (account->bulk_us != 0 && worker->now_us < account->bulk_us + blocks * block_us)
        return false;
    account->bulk_us = worker->now_us;
    return true;
}

bool tw_speech_pay(struct tw_worker *worker, uint32_t slot, const struct tw_message *message)
{
    struct tw_talk *talk = &worker->talk;
    struct tw_talk_account *account = &talk->sessions[slot].account;
    uint32_t dearness = tw_dearness_now(&talk->dearness, worker->now_us);
    uint32_t blocks = tw_message_blocks(tw_message_full_size(message, talk->pool.blocks));
    struct tw_budget_rate usual = price(talk, message);
    if (!tw_budget_has(&account->budget, usual, worker->now_ns))
        return false;
    if (message->channel == TW_CHANNEL_BULK
            ? !pay_bulk(worker, account, blocks, dearness)
            : !pay_dear(worker, account, message->channel, blocks, dearness))
        return false;
    return tw_budget_take(&account->budget, usual, worker->now_ns);
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
