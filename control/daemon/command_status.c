/* SPDX-License-Identifier: BSD-3-Clause */
/* status and drops: everything the engine's newest statistics and the control plane itself count.
 */
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The rows of the ledgers' X-macro lists: name and meaning. */
struct row {
    const char *name;
    const char *meaning;
};
#define TW_X(suffix, name, meaning) {name, meaning},
static const struct row input_rows[] = {TW_INPUT_OUTCOMES(TW_X)};
static const struct row shard_input_rows[] = {TW_SHARD_INPUT_OUTCOMES(TW_X)};
static const struct row verdict_rows[] = {TW_VERDICTS(TW_X)};
static const struct row send_rows[] = {TW_SEND_OUTCOMES(TW_X)};
static const struct row roaming_rows[] = {TW_ROAMING(TW_X)};
static const struct row conduct_rows[] = {TW_CONDUCT_EVENTS(TW_X)};
static const struct row rekey_rows[] = {TW_REKEYS(TW_X)};
static const struct row life_rows[] = {TW_LIFE_EVENTS(TW_X)};
static const struct row message_bytes_rows[] = {TW_MESSAGE_BYTES(TW_X)};
#undef TW_X
static const char *const kind_names[] = {"accepted", "handled", "dropped"};

static void set_u64(json_t *object, const char *name, uint64_t value)
{
    (void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *ledger(const struct row *rows, const uint64_t *counts, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++)
        set_u64(object, rows[i].name, counts[i]);
    return object;
}

static json_t *outcomes_ledger(const uint64_t counts[TW_OUTCOME_COUNT])
{
    json_t *object = json_object();
    for (size_t i = 0; i < TW_OUTCOME_COUNT; i++)
        set_u64(object, tw_outcome_info[i].name, counts[i]);
    return object;
}

static json_t *ipv4_json(const struct tw_config_port *port)
{
    struct tw_address address = tw_address_from_ipv4(port->address, port->udp_port);
    return tw_call_address(&address);
}

static json_t *ipv6_json(const struct tw_config_port *port)
{
    struct tw_address address = tw_address_from_ipv6(port->address6, port->udp_port);
    return tw_ip_is_zero(address.ip) ? json_null() : tw_call_address(&address);
}

static const char *idle_name(uint32_t idle)
{
    return idle == TW_IDLE_POLL ? "poll" : "backoff";
}

/* To a tenth. */
static double percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : (double)(part * 1000u / whole) / 10.0;
}

/* Names of the bits that are set. */
static json_t *set_json(uint32_t set, const char *const *names, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        if ((set & 1u << i) != 0)
            (void)json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

/* What was agreed with the driver, and what became of it. */
static void add_port_life(json_t *object, const struct tw_agent_port *port)
{
    (void)json_object_set_new(object, "state", json_string(tw_port_state_name[port->state]));
    set_u64(object, "link_mbps", port->link_mbps);
    set_u64(object, "link_downs", port->link_downs);
    set_u64(object, "resets", port->resets);
    set_u64(object, "reset_failures", port->reset_failures);
    set_u64(object, "mtu", port->mtu);
    set_u64(object, "queues", port->queues);
    set_u64(object, "queues_max", port->queues_max);
    set_u64(object, "rx_descriptors", port->rx_descriptors);
    set_u64(object, "tx_descriptors", port->tx_descriptors);
    (void)json_object_set_new(
        object, "features", set_json(port->features, tw_port_feature_name, TW_PORT_FEATURE_COUNT));
    (void)json_object_set_new(object, "hashes",
                              set_json(port->hashes, tw_port_hash_name, TW_PORT_HASH_COUNT));
}

/* Of a mean. */
static double hundredths(uint64_t sum, uint64_t count)
{
    return count == 0 ? 0.0 : (double)(sum * 100u / count) / 100.0;
}

/* [{name, driver, mac, address, address6, life, plan, counters}] */
static json_t *ports_json(const struct tw_daemon *daemon)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < daemon->stats.ports; i++) {
        const struct tw_agent_port *port = &daemon->stats.port[i];
        const uint8_t *mac = port->mac;
        char mac_text[18];
        snprintf(mac_text, sizeof(mac_text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                 mac[2], mac[3], mac[4], mac[5]);
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", port->name, "driver", port->driver,
                      "mac", mac_text, "address", ipv4_json(&daemon->config.ports[i]), "address6",
                      ipv6_json(&daemon->config.ports[i]));
        add_port_life(object, port);
        set_u64(object, "rx_packets", port->rx_packets);
        set_u64(object, "tx_packets", port->tx_packets);
        set_u64(object, "missed", port->missed);
        set_u64(object, "errors", port->errors);
        set_u64(object, "no_mbuf", port->no_mbuf);
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* [{core, counters, what became of its time}] */
static json_t *workers_json(const struct tw_agent_stats *stats)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < stats->workers; i++) {
        const struct tw_agent_worker *worker = &stats->worker[i];
        uint64_t polls = worker->polls_busy + worker->polls_empty;
        json_t *object = json_pack("{s:s}", "mode", idle_name(stats->idle));
        set_u64(object, "core", worker->core);
        set_u64(object, "rx_packets", worker->rx_packets);
        set_u64(object, "sessions_live", worker->sessions_live);
        set_u64(object, "polls_busy", worker->polls_busy);
        set_u64(object, "polls_empty", worker->polls_empty);
        set_u64(object, "slept_ns", worker->slept_ns);
        (void)json_object_set_new(object, "busy_percent",
                                  json_real(percent(worker->polls_busy, polls)));
        (void)json_object_set_new(object, "slept_percent",
                                  json_real(percent(worker->slept_ns, stats->uptime_ns)));
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* A suite that is not there is null. */
static json_t *name_json(const char *name)
{
    return name[0] != '\0' ? json_string(name) : json_null();
}

static json_t *crypto_json(const struct tw_agent_crypto *crypto)
{
    return json_pack("{s:o, s:o, s:o, s:s}", "aes256_gcm", name_json(crypto->aes256_gcm),
                     "chacha20_poly1305", name_json(crypto->chacha20_poly1305), "cookie",
                     name_json(crypto->cookie), "refused", crypto->refused);
}

static json_t *stats_json(const struct tw_daemon *daemon)
{
    if (daemon->stats_at_ms == 0)
        return json_null();
    const struct tw_agent_stats *stats = &daemon->stats;
    json_t *object = json_object();
    set_u64(object, "age_ms", tw_clock_monotonic_ms() - daemon->stats_at_ms);
#define TW_X(name) set_u64(object, #name, stats->name);
    TW_AGENT_STATS_NUMBERS(TW_X)
#undef TW_X
    (void)json_object_set_new(object, "input_depth",
                              json_real(hundredths(stats->input_depth_sum, stats->input_depths)));
    /* A 64-bit hash does not fit JSON's integers. */
    char hash[17];
    snprintf(hash, sizeof(hash), "%016" PRIx64, stats->state_hash);
    (void)json_object_set_new(object, "state_hash", json_string(hash));
    (void)json_object_set_new(object, "ports", ports_json(daemon));
    (void)json_object_set_new(object, "worker", workers_json(stats));
    (void)json_object_set_new(object, "crypto", crypto_json(&stats->crypto));
    (void)json_object_set_new(object, "hugepages", json_boolean(stats->hugepages));
    (void)json_object_set_new(object, "idle", json_string(idle_name(stats->idle)));
    (void)json_object_set_new(object, "outcomes", outcomes_ledger(stats->outcomes));
    (void)json_object_set_new(object, "inputs", ledger(input_rows, stats->inputs, TW_INPUT_COUNT));
    (void)json_object_set_new(object, "shard_inputs",
                              ledger(shard_input_rows, stats->shard_inputs, TW_SHARD_INPUT_COUNT));
    (void)json_object_set_new(object, "verdicts",
                              ledger(verdict_rows, stats->verdicts, TW_VERDICT_COUNT));
    (void)json_object_set_new(object, "sends", ledger(send_rows, stats->sends, TW_SEND_COUNT));
    (void)json_object_set_new(object, "roaming",
                              ledger(roaming_rows, stats->roaming, TW_ROAMING_COUNT));
    (void)json_object_set_new(object, "rekeys", ledger(rekey_rows, stats->rekeys, TW_REKEY_COUNT));
    (void)json_object_set_new(object, "conduct",
                              ledger(conduct_rows, stats->conduct, TW_CONDUCT_COUNT));
    (void)json_object_set_new(object, "life", ledger(life_rows, stats->life, TW_LIFE_EVENT_COUNT));
    (void)json_object_set_new(object, "message_bytes",
                              ledger(message_bytes_rows, stats->message_bytes, TW_BYTES_COUNT));
    return object;
}

static json_t *engine_json(const struct tw_daemon *daemon)
{
    bool linked = daemon->engine && daemon->engine->resynced;
    json_t *object = json_pack("{s:b, s:s}", "linked", linked, "name", daemon->config.engine.name);
    if (daemon->engine_hello.pid != 0) {
        set_u64(object, "pid", daemon->engine_hello.pid);
        set_u64(object, "world", daemon->engine_hello.world);
        set_u64(object, "started_unix_s", daemon->engine_hello.started_unix_s);
    }
    (void)json_object_set_new(object, "address", ipv4_json(&daemon->config.ports[0]));
    (void)json_object_set_new(object, "address6", ipv6_json(&daemon->config.ports[0]));
    (void)json_object_set_new(object, "lab", json_boolean(daemon->lab.on));
    return object;
}

static json_t *control_json(const struct tw_daemon *daemon)
{
    const struct tw_daemon_counters *counters = &daemon->counters;
    json_t *object = json_object();
    if (daemon->lab.on)
        (void)json_object_set_new(object, "LAB",
                                  json_string("takes imported sessions only, refuses players"));
    set_u64(object, "agent_version", TW_AGENT_VERSION);
    set_u64(object, "pid", (uint64_t)getpid());
    set_u64(object, "uptime_s", (tw_clock_monotonic_ms() - daemon->started_ms) / 1000u);
    set_u64(object, "started_unix_s", daemon->started_unix_s);
    set_u64(object, "sessions", daemon->live.count);
    set_u64(object, "token_history", tw_store_token_count(daemon->store));
    set_u64(object, "token_history_max", daemon->config.control.token_history_max);
    set_u64(object, "token_keys", daemon->keys.token_key_count);
    set_u64(object, "static_keys", daemon->keys.static_count);
    set_u64(object, "messages", counters->messages);
    set_u64(object, "messages_refused", counters->messages_refused);
    set_u64(object, "handshakes_early", counters->handshakes_early);
    set_u64(object, "store_errors", counters->store_errors);
    set_u64(object, "sessions_replaced", counters->sessions_replaced);
    set_u64(object, "commands", counters->commands);
    set_u64(object, "commands_denied", counters->commands_denied);
    (void)json_object_set_new(object, "verdicts",
                              ledger(verdict_rows, daemon->handshakes.verdicts, TW_VERDICT_COUNT));
    return object;
}

void tw_command_status(struct tw_call *call)
{
    if (!tw_call_unpack(call, "{}"))
        return;
    call->result = json_pack("{s:o, s:o, s:o}", "control", control_json(call->daemon), "engine",
                             engine_json(call->daemon), "stats", stats_json(call->daemon));
}

/* [{name, count, meaning}], and their sum. */
static json_t *rows_json(const struct row *rows, const uint64_t *counts, size_t count)
{
    json_t *list = json_array();
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += counts[i];
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:I, s:s}", "name", rows[i].name, "count",
                                              (json_int_t)counts[i], "meaning", rows[i].meaning));
    }
    return json_pack("{s:o, s:I}", "rows", list, "sum", (json_int_t)sum);
}

static json_t *packets_json(const struct tw_agent_stats *stats)
{
    json_t *list = json_array();
    uint64_t sum = 0;
    for (size_t i = 0; i < TW_OUTCOME_COUNT; i++) {
        const struct tw_outcome_info *info = &tw_outcome_info[i];
        sum += stats->outcomes[i];
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:I, s:s, s:s}", "name", info->name, "count",
                                              (json_int_t)stats->outcomes[i], "meaning",
                                              info->meaning, "kind", kind_names[info->kind]));
    }
    return json_pack("{s:o, s:I}", "rows", list, "sum", (json_int_t)sum);
}

void tw_command_drops(struct tw_call *call)
{
    const struct tw_daemon *daemon = call->daemon;
    const struct tw_agent_stats *stats = &daemon->stats;
    if (!tw_call_unpack(call, "{}") || !tw_call_has_statistics(call))
        return;
    json_t *ledgers =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "packets", packets_json(stats),
                  "inputs", rows_json(input_rows, stats->inputs, TW_INPUT_COUNT), "shard_inputs",
                  rows_json(shard_input_rows, stats->shard_inputs, TW_SHARD_INPUT_COUNT),
                  "handshakes", rows_json(verdict_rows, stats->verdicts, TW_VERDICT_COUNT), "sends",
                  rows_json(send_rows, stats->sends, TW_SEND_COUNT), "roaming",
                  rows_json(roaming_rows, stats->roaming, TW_ROAMING_COUNT), "rekeys",
                  rows_json(rekey_rows, stats->rekeys, TW_REKEY_COUNT), "life",
                  rows_json(life_rows, stats->life, TW_LIFE_EVENT_COUNT));
    /* Events of all sorts have no sum. */
    (void)json_object_del(json_object_get(ledgers, "roaming"), "sum");
    (void)json_object_set_new(ledgers, "conduct",
                              rows_json(conduct_rows, stats->conduct, TW_CONDUCT_COUNT));
    (void)json_object_del(json_object_get(ledgers, "conduct"), "sum");
    (void)json_object_del(json_object_get(ledgers, "rekeys"), "sum");
    (void)json_object_del(json_object_get(ledgers, "life"), "sum");
    call->result = json_pack("{s:o}", "ledgers", ledgers);
    set_u64(call->result, "age_ms", tw_clock_monotonic_ms() - daemon->stats_at_ms);
    set_u64(call->result, "rx_packets", stats->rx_packets);
    set_u64(call->result, "port_rx_packets", stats->port_rx_packets);
    set_u64(call->result, "port_missed", stats->port_missed);
    set_u64(call->result, "port_errors", stats->port_errors);
    set_u64(call->result, "port_no_mbuf", stats->port_no_mbuf);
}
