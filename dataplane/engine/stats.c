/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/stats.h"

#include <inttypes.h>
#include <string.h>

static void add_all(uint64_t *sums, const tw_counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += tw_counter_get(&counters[i]);
}

static void add_worker(struct tw_agent_stats *out, struct tw_agent_worker *row,
                       const struct tw_worker_counters *counters)
{
    row->rx_packets = tw_counter_get(&counters->rx_packets);
    row->sessions_live = tw_counter_get(&counters->sessions_live);
    row->polls_busy = tw_counter_get(&counters->polls_busy);
    row->polls_empty = tw_counter_get(&counters->polls_empty);
    row->slept_ns = tw_counter_get(&counters->slept_ns);
    add_all(out->outcomes, counters->outcomes, TW_OUTCOME_COUNT);
    add_all(out->inputs, counters->inputs, TW_INPUT_COUNT);
    add_all(out->sends, counters->sends, TW_SEND_COUNT);
    add_all(out->verdicts, counters->verdicts, TW_VERDICT_COUNT);
    add_all(out->roaming, counters->roaming, TW_ROAMING_COUNT);
    add_all(out->rekeys, counters->rekeys, TW_REKEY_COUNT);
    add_all(out->conduct, counters->conduct, TW_CONDUCT_COUNT);
    add_all(out->life, counters->life, TW_LIFE_EVENT_COUNT);
    add_all(out->message_bytes, counters->message_bytes, TW_BYTES_COUNT);
    out->rx_packets += row->rx_packets;
    out->rx_bytes += tw_counter_get(&counters->rx_bytes);
    out->tx_bytes += tw_counter_get(&counters->tx_bytes);
    out->records_ring_full += tw_counter_get(&counters->records_ring_full);
    out->snapshots_late += tw_counter_get(&counters->snapshots_late);
    out->messages_in += tw_counter_get(&counters->messages_in);
    out->messages_out += tw_counter_get(&counters->messages_out);
    out->messages_no_room += tw_counter_get(&counters->messages_no_room);
    out->messages_waited += tw_counter_get(&counters->messages_waited);
    out->messages_latest_dropped += tw_counter_get(&counters->messages_latest_dropped);
    out->messages_missed += tw_counter_get(&counters->messages_missed);
    out->messages_backlog += tw_counter_get(&counters->messages_backlog);
    out->messages_no_channels += tw_counter_get(&counters->messages_no_channels);
    out->messages_stalled += tw_counter_get(&counters->messages_stalled);
    out->messages_damaged += tw_counter_get(&counters->messages_damaged);
    out->messages_decompressed += tw_counter_get(&counters->messages_decompressed);
    out->messages_compressed += tw_counter_get(&counters->messages_compressed);
    out->compressed_from_bytes += tw_counter_get(&counters->compressed_from_bytes);
    out->compressed_to_bytes += tw_counter_get(&counters->compressed_to_bytes);
    out->messages_incompressible += tw_counter_get(&counters->messages_incompressible);
    out->messages_compress_busy += tw_counter_get(&counters->messages_compress_busy);
    out->sessions_live += row->sessions_live;
    out->sessions_pending += tw_counter_get(&counters->sessions_pending);
    out->sessions_degraded += tw_counter_get(&counters->sessions_degraded);
    out->sessions_reconnecting += tw_counter_get(&counters->sessions_reconnecting);
}

static void add_shard(struct tw_agent_stats *out, const struct tw_shard_counters *counters)
{
    add_all(out->shard_inputs, counters->inputs, TW_SHARD_INPUT_COUNT);
    out->ticks += tw_counter_get(&counters->ticks);
    out->ticks_late += tw_counter_get(&counters->ticks_late);
    out->ticks_skipped += tw_counter_get(&counters->ticks_skipped);
    out->players += tw_counter_get(&counters->players);
    out->players_away += tw_counter_get(&counters->players_away);
    out->players_parked += tw_counter_get(&counters->players_parked);
    out->parking_full += tw_counter_get(&counters->parking_full);
    out->entities += tw_counter_get(&counters->entities);
    out->snapshots += tw_counter_get(&counters->snapshots);
    out->snapshot_bytes += tw_counter_get(&counters->snapshot_bytes);
    out->snapshots_incomplete += tw_counter_get(&counters->snapshots_incomplete);
    out->snapshots_no_buffer += tw_counter_get(&counters->snapshots_no_buffer);
    out->shed_middle_bytes += tw_counter_get(&counters->shed_middle_bytes);
    out->shed_far_bytes += tw_counter_get(&counters->shed_far_bytes);
    out->links_conservative += tw_counter_get(&counters->links_conservative);
    out->links_emergency += tw_counter_get(&counters->links_emergency);
    out->checks_sent += tw_counter_get(&counters->checks_sent);
    out->checks_agreed += tw_counter_get(&counters->checks_agreed);
    out->checks_differed += tw_counter_get(&counters->checks_differed);
    out->checks_unknown += tw_counter_get(&counters->checks_unknown);
    out->baselines += tw_counter_get(&counters->baselines);
    out->input_depths += tw_counter_get(&counters->input_depths);
    out->input_depth_sum += tw_counter_get(&counters->input_depth_sum);
    out->messages_relayed += tw_counter_get(&counters->messages);
    out->messages_dropped += tw_counter_get(&counters->messages_dropped);
    out->records_stale += tw_counter_get(&counters->records_stale);
    out->view_full += tw_counter_get(&counters->view_full);
    out->joins_refused += tw_counter_get(&counters->joins_refused);
    out->joins_replacing += tw_counter_get(&counters->joins_replacing);
    out->players_starved += tw_counter_get(&counters->players_starved);
    add_all(out->space, counters->space, TW_SPACE_FIGURE_COUNT);
    out->state_hash = tw_counter_get(&counters->state_hash);
    out->state_hash_tick = tw_counter_get(&counters->state_hash_tick);
}

/* Its own row, and its part of the sums. */
static void add_port(struct tw_agent_stats *out, struct tw_agent_port *row, struct tw_port *port)
{
    struct tw_port_stats stats;
    tw_port_read_stats(port, &stats);
    snprintf(row->name, sizeof(row->name), "%s", port->name);
    snprintf(row->driver, sizeof(row->driver), "%s", port->driver);
    memcpy(row->mac, port->mac, sizeof(row->mac));
    row->state = (uint32_t)port->life.state;
    row->link_mbps = port->link ? port->link_mbps : 0;
    row->link_downs = port->life.link_downs;
    row->resets = port->life.resets;
    row->reset_failures = port->life.reset_failures;
    row->mtu = port->plan.mtu;
    row->queues = port->plan.queues;
    row->queues_max = port->max_queues;
    row->rx_descriptors = port->rx_descriptors;
    row->tx_descriptors = port->tx_descriptors;
    row->features = tw_port_plan_features(&port->plan);
    row->hashes = tw_port_plan_hashes(&port->plan);
    row->rx_packets = stats.rx_packets;
    row->tx_packets = stats.tx_packets;
    row->missed = stats.missed;
    row->errors = stats.errors;
    row->no_mbuf = stats.no_mbuf;
    out->port_rx_packets += stats.rx_packets;
    out->port_rx_bytes += stats.rx_bytes;
    out->port_tx_packets += stats.tx_packets;
    out->port_tx_bytes += stats.tx_bytes;
    out->port_missed += stats.missed;
    out->port_errors += stats.errors;
    out->port_no_mbuf += stats.no_mbuf;
}

static void add_refused(struct tw_agent_crypto *row, const char *what, const char *suite,
                        const char *reason)
{
    size_t used = strlen(row->refused);
    snprintf(row->refused + used, sizeof(row->refused) - used, "%s%s%s%s: %s", used ? "; " : "",
             what, suite ? " for " : "", suite ? suite : "", reason);
}

static void add_name(char name[24], const char *text)
{
    snprintf(name, 24, "%s", text != NULL ? text : "");
}

void tw_stats_crypto(struct tw_agent_crypto *row, const struct tw_aead_report *aead,
                     const struct tw_cookie_report *cookie)
{
    memset(row, 0, sizeof(*row));
    add_name(row->aes256_gcm, aead->aes256_gcm);
    add_name(row->chacha20_poly1305, aead->chacha20_poly1305);
    add_name(row->cookie, cookie->used);
    if (cookie->refused != NULL)
        add_refused(row, cookie->refused, "cookies", cookie->reason);
    for (uint32_t i = 0; i < aead->refused_count; i++)
        add_refused(row, aead->refused[i].backend, aead->refused[i].suite, aead->refused[i].reason);
}

static void take_percentiles(struct tw_stats *stats, const struct tw_engine *engine,
                             struct tw_agent_stats *out)
{
    memset(stats->fresh, 0, sizeof(stats->fresh));
    for (uint32_t shard = 0; shard < engine->topology->shards; shard++) {
        const struct tw_histogram *histogram = &engine->shard_counters[shard]->tick_ns;
        for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS; i++) {
            uint32_t count = atomic_load_explicit(
                (_Atomic uint32_t *)(uintptr_t)&histogram->buckets[i], memory_order_relaxed);
            stats->fresh[i] += count - stats->seen[shard][i];
            stats->seen[shard][i] = count;
        }
    }
    out->tick_p50_ns = tw_histogram_permille(stats->fresh, 500);
    out->tick_p99_ns = tw_histogram_permille(stats->fresh, 990);
    out->tick_max_ns = tw_histogram_permille(stats->fresh, 1000);
}

void tw_stats_collect(struct tw_stats *stats, struct tw_engine *engine, uint64_t now_ns,
                      struct tw_agent_stats *out)
{
    memset(out, 0, sizeof(*out));
    out->uptime_ns = now_ns - engine->epoch_ns;
    for (uint32_t i = 0; i < engine->topology->workers; i++) {
        add_worker(out, &out->worker[i], engine->worker_counters[i]);
        out->worker[i].core =
            engine->topology->threads[tw_topology_worker(engine->topology, i)].core;
    }
    for (uint32_t i = 0; i < engine->topology->shards; i++) {
        add_shard(out, engine->shard_counters[i]);
        uint64_t tick = tw_shard_loop_tick(engine->shards[i]);
        if (tick > out->tick)
            out->tick = tick;
    }
    take_percentiles(stats, engine, out);
    out->ports = engine->topology->ports;
    for (uint32_t i = 0; i < engine->topology->ports; i++)
        add_port(out, &out->port[i], &engine->ports[i]);
    tw_stats_crypto(&out->crypto, &engine->aead_report, &engine->cookie_report);
    out->workers = engine->topology->workers;
    out->shards = engine->topology->shards;
    out->hugepages = engine->hugepages ? 1 : 0;
    out->idle = (uint32_t)engine->config->engine.idle;
}

static void print_ledger(FILE *out, const char *name, const uint64_t *values,
                         const char *const *names, size_t count)
{
    fprintf(out, ",\"%s\":{", name);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", names[i], values[i]);
    fputc('}', out);
}

void tw_stats_print(FILE *out, const char *event, const struct tw_agent_stats *stats,
                    const char *extra)
{
    const char *outcome_names[TW_OUTCOME_COUNT];
    for (size_t i = 0; i < TW_OUTCOME_COUNT; i++)
        outcome_names[i] = tw_outcome_info[i].name;

    fprintf(out, "{\"event\":\"%s\"", event);
#define TW_X(name) fprintf(out, ",\"%s\":%" PRIu64, #name, (uint64_t)stats->name);
    TW_AGENT_STATS_NUMBERS(TW_X)
#undef TW_X
    fprintf(out, ",\"state_hash\":%" PRIu64, stats->state_hash);
    print_ledger(out, "outcomes", stats->outcomes, outcome_names, TW_OUTCOME_COUNT);
    print_ledger(out, "inputs", stats->inputs, tw_input_outcome_name, TW_INPUT_COUNT);
    print_ledger(out, "shard_inputs", stats->shard_inputs, tw_shard_input_outcome_name,
                 TW_SHARD_INPUT_COUNT);
    print_ledger(out, "sends", stats->sends, tw_send_outcome_name, TW_SEND_COUNT);
    print_ledger(out, "verdicts", stats->verdicts, tw_verdict_name, TW_VERDICT_COUNT);
    print_ledger(out, "roaming", stats->roaming, tw_roaming_name, TW_ROAMING_COUNT);
    print_ledger(out, "rekeys", stats->rekeys, tw_rekey_name, TW_REKEY_COUNT);
    print_ledger(out, "conduct", stats->conduct, tw_conduct_event_name, TW_CONDUCT_COUNT);
    print_ledger(out, "life", stats->life, tw_life_event_name, TW_LIFE_EVENT_COUNT);
    print_ledger(out, "message_bytes", stats->message_bytes, tw_message_bytes_name, TW_BYTES_COUNT);
    fprintf(out, "%s}\n", extra);
    fflush(out);
}
