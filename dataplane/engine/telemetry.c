/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/telemetry.h"

#include "dataplane/engine/seqlock.h"

#include <inttypes.h>
#include <rte_telemetry.h>
#include <stdio.h>

#define WORDS ((sizeof(struct tw_agent_stats) + 7) / 8)

static _Atomic uint64_t words[WORDS];
/* main: w, telemetry thread: r */
static struct tw_seqlock newest = {.words = words, .word_count = WORDS};

typedef int fill(struct rte_tel_data *out, const struct tw_agent_stats *stats);

/* A dictionary within `out`; NULL if memory is short. */
static struct rte_tel_data *add_dictionary(struct rte_tel_data *out, const char *name)
{
    struct rte_tel_data *inner = rte_tel_data_alloc();
    if (inner == NULL)
        return NULL;
    rte_tel_data_start_dict(inner);
    if (rte_tel_data_add_dict_container(out, name, inner, 0) == 0)
        return inner; /* DPDK frees it after the answer */
    rte_tel_data_free(inner);
    return NULL;
}

static void add_text(struct rte_tel_data *out, const char *name, const char *text)
{
    /* Cuts what is too long for it, and then says so. */
    (void)rte_tel_data_add_dict_string(out, name, text);
}

static const char *idle_name(const struct tw_agent_stats *stats)
{
    return stats->idle == TW_IDLE_POLL ? "poll" : "backoff";
}

static int fill_status(struct rte_tel_data *out, const struct tw_agent_stats *stats)
{
#define TW_X(name) rte_tel_data_add_dict_u64(out, #name, (uint64_t)stats->name);
    TW_AGENT_STATS_NUMBERS(TW_X)
#undef TW_X
    char hash[17];
    snprintf(hash, sizeof(hash), "%016" PRIx64, stats->state_hash);
    add_text(out, "state_hash", hash);
    add_text(out, "idle", idle_name(stats));
    add_text(out, "hugepages", stats->hugepages ? "yes" : "no");
    return 0;
}

struct ledger {
    const char *name;
    const uint64_t *counts;
    const char *const *names;
    size_t count;
};

static int fill_drops(struct rte_tel_data *out, const struct tw_agent_stats *stats)
{
    const char *outcomes[TW_OUTCOME_COUNT];
    for (size_t i = 0; i < TW_OUTCOME_COUNT; i++)
        outcomes[i] = tw_outcome_info[i].name;
    const struct ledger ledgers[] = {
        {"outcomes", stats->outcomes, outcomes, TW_OUTCOME_COUNT},
        {"inputs", stats->inputs, tw_input_outcome_name, TW_INPUT_COUNT},
        {"shard_inputs", stats->shard_inputs, tw_shard_input_outcome_name, TW_SHARD_INPUT_COUNT},
        {"sends", stats->sends, tw_send_outcome_name, TW_SEND_COUNT},
        {"roaming", stats->roaming, tw_roaming_name, TW_ROAMING_COUNT},
        {"rekeys", stats->rekeys, tw_rekey_name, TW_REKEY_COUNT},
        {"conduct", stats->conduct, tw_conduct_event_name, TW_CONDUCT_COUNT},
        {"life", stats->life, tw_life_event_name, TW_LIFE_EVENT_COUNT},
        {"message_bytes", stats->message_bytes, tw_message_bytes_name, TW_BYTES_COUNT},
        {"verdicts", stats->verdicts, tw_verdict_name, TW_VERDICT_COUNT},
    };
    for (size_t i = 0; i < sizeof(ledgers) / sizeof(ledgers[0]); i++) {
        struct rte_tel_data *rows = add_dictionary(out, ledgers[i].name);
        if (rows == NULL)
            return -1;
        for (size_t row = 0; row < ledgers[i].count; row++)
            rte_tel_data_add_dict_u64(rows, ledgers[i].names[row], ledgers[i].counts[row]);
    }
    rte_tel_data_add_dict_u64(out, "rx_packets", stats->rx_packets);
    return 0;
}

/* An array of the names whose bits are set. */
static int add_set(struct rte_tel_data *out, const char *name, uint32_t set,
                   const char *const *names, uint32_t count)
{
    struct rte_tel_data *inner = rte_tel_data_alloc();
    if (inner == NULL)
        return -1;
    rte_tel_data_start_array(inner, RTE_TEL_STRING_VAL);
    for (uint32_t i = 0; i < count; i++) {
        if ((set & 1u << i) != 0)
            (void)rte_tel_data_add_array_string(inner, names[i]);
    }
    if (rte_tel_data_add_dict_container(out, name, inner, 0) == 0)
        return 0;
    rte_tel_data_free(inner);
    return -1;
}

static int add_port_life(struct rte_tel_data *row, const struct tw_agent_port *port)
{
    add_text(row, "state", tw_port_state_name[port->state]);
    rte_tel_data_add_dict_u64(row, "link_mbps", port->link_mbps);
    rte_tel_data_add_dict_u64(row, "link_downs", port->link_downs);
    rte_tel_data_add_dict_u64(row, "resets", port->resets);
    rte_tel_data_add_dict_u64(row, "reset_failures", port->reset_failures);
    rte_tel_data_add_dict_u64(row, "mtu", port->mtu);
    rte_tel_data_add_dict_u64(row, "queues", port->queues);
    rte_tel_data_add_dict_u64(row, "queues_max", port->queues_max);
    rte_tel_data_add_dict_u64(row, "rx_descriptors", port->rx_descriptors);
    rte_tel_data_add_dict_u64(row, "tx_descriptors", port->tx_descriptors);
    if (add_set(row, "features", port->features, tw_port_feature_name, TW_PORT_FEATURE_COUNT) != 0)
        return -1;
    return add_set(row, "hashes", port->hashes, tw_port_hash_name, TW_PORT_HASH_COUNT);
}

static int fill_ports(struct rte_tel_data *out, const struct tw_agent_stats *stats)
{
    for (uint32_t i = 0; i < stats->ports; i++) {
        const struct tw_agent_port *port = &stats->port[i];
        char name[24]; /* the port's own has characters that DPDK takes in values only */
        snprintf(name, sizeof(name), "port%u", i);
        struct rte_tel_data *row = add_dictionary(out, name);
        if (row == NULL)
            return -1;
        char mac[18];
        snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0], port->mac[1],
                 port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
        add_text(row, "name", port->name);
        add_text(row, "driver", port->driver);
        add_text(row, "mac", mac);
        rte_tel_data_add_dict_u64(row, "rx_packets", port->rx_packets);
        rte_tel_data_add_dict_u64(row, "tx_packets", port->tx_packets);
        rte_tel_data_add_dict_u64(row, "missed", port->missed);
        rte_tel_data_add_dict_u64(row, "errors", port->errors);
        rte_tel_data_add_dict_u64(row, "no_mbuf", port->no_mbuf);
        if (add_port_life(row, port) != 0)
            return -1;
    }
    return 0;
}

static int fill_workers(struct rte_tel_data *out, const struct tw_agent_stats *stats)
{
    for (uint32_t i = 0; i < stats->workers; i++) {
        const struct tw_agent_worker *worker = &stats->worker[i];
        char name[24];
        snprintf(name, sizeof(name), "worker%u", i);
        struct rte_tel_data *row = add_dictionary(out, name);
        if (row == NULL)
            return -1;
        add_text(row, "mode", idle_name(stats));
        rte_tel_data_add_dict_u64(row, "core", worker->core);
        rte_tel_data_add_dict_u64(row, "rx_packets", worker->rx_packets);
        rte_tel_data_add_dict_u64(row, "sessions_live", worker->sessions_live);
        rte_tel_data_add_dict_u64(row, "polls_busy", worker->polls_busy);
        rte_tel_data_add_dict_u64(row, "polls_empty", worker->polls_empty);
        rte_tel_data_add_dict_u64(row, "slept_ns", worker->slept_ns);
    }
    return 0;
}

static int answer(struct rte_tel_data *out, fill *function)
{
    struct tw_agent_stats stats;
    rte_tel_data_start_dict(out);
    if (!tw_seqlock_read(&newest, &stats, sizeof(stats)))
        return 0; /* an empty answer: nothing was published yet */
    return function(out, &stats);
}

static int on_status(const char *command, const char *parameters, struct rte_tel_data *out)
{
    (void)command;
    (void)parameters;
    return answer(out, fill_status);
}

static int on_drops(const char *command, const char *parameters, struct rte_tel_data *out)
{
    (void)command;
    (void)parameters;
    return answer(out, fill_drops);
}

static int on_ports(const char *command, const char *parameters, struct rte_tel_data *out)
{
    (void)command;
    (void)parameters;
    return answer(out, fill_ports);
}

static int on_workers(const char *command, const char *parameters, struct rte_tel_data *out)
{
    (void)command;
    (void)parameters;
    return answer(out, fill_workers);
}

static int on_help(const char *command, const char *parameters, struct rte_tel_data *out);

static const struct {
    const char *command;
    telemetry_cb function;
    const char *meaning;
} commands[] = {
    {"/tickwire/status", on_status, "the numbers of `tickwire status`, once a second"},
    {"/tickwire/drops", on_drops, "every ledger: what became of packets, inputs, handshakes"},
    {"/tickwire/ports", on_ports,
     "each port: driver, state, what was agreed with it, packets, losses"},
    {"/tickwire/workers", on_workers, "each worker: core, packets, sessions, polls, time slept"},
    {"/tickwire/help", on_help, "this list"},
};

static int on_help(const char *command, const char *parameters, struct rte_tel_data *out)
{
    (void)command;
    (void)parameters;
    rte_tel_data_start_dict(out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        add_text(out, commands[i].command, commands[i].meaning);
    return 0;
}

bool tw_telemetry_start(void)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (rte_telemetry_register_cmd(commands[i].command, commands[i].function,
                                       commands[i].meaning) != 0)
            return false;
    return true;
}

void tw_telemetry_publish(const struct tw_agent_stats *stats)
{
    tw_seqlock_publish(&newest, stats, sizeof(*stats));
}
