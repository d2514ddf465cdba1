/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config/check.h"

#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 5, 6))) static bool fail(struct tw_check_fault *fault,
                                                       const char *section, const char *key,
                                                       const char *other_key, const char *format,
                                                       ...)
{
    fault->section = section;
    fault->key = key;
    fault->other_key = other_key;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof(fault->message), format, arguments);
    va_end(arguments);
    return false;
}

/* Clients count the width of a world without edges in cells, and nobody is in sight twice. */
static bool check_edges(const struct tw_config_world *world, struct tw_check_fault *fault)
{
    if (world->edges != TW_EDGES_CHOICE_WRAP)
        return true;
    if (world->size_m % TW_CELL_M != 0)
        return fail(fault, "world", "size_m", "edges",
                    "%u is not a multiple of %u, expected one with edges: wrap, %u or %u",
                    world->size_m, TW_CELL_M, world->size_m / TW_CELL_M * TW_CELL_M,
                    (world->size_m / TW_CELL_M + 1) * TW_CELL_M);
    if (world->size_m <= 2 * world->aoi_exit_m)
        return fail(fault, "world", "size_m", "edges",
                    "%u lets players see round the world, expected more than twice aoi_exit_m = "
                    "%u with edges: wrap",
                    world->size_m, 2 * world->aoi_exit_m);
    return true;
}

static bool check_world(const struct tw_config_world *world, struct tw_check_fault *fault)
{
    if (world->aoi_exit_m < world->aoi_enter_m)
        return fail(fault, "world", "aoi_exit_m", "aoi_enter_m",
                    "%u is below aoi_enter_m, expected at least %u", world->aoi_exit_m,
                    world->aoi_enter_m);
    if (world->tick_hz % world->snapshot_hz != 0)
        return fail(fault, "world", "snapshot_hz", "tick_hz",
                    "%u does not divide tick_hz, expected a divisor of %u", world->snapshot_hz,
                    world->tick_hz);
    if (world->players_max > world->entities_max)
        return fail(fault, "world", "players_max", "entities_max",
                    "%u is above entities_max, expected at most %u", world->players_max,
                    world->entities_max);
    uint64_t entities = (uint64_t)world->npcs + world->obstacles + world->players_max;
    if (entities > world->entities_max)
        return fail(fault, "world", "entities_max", "npcs",
                    "%u is too small, expected at least npcs + obstacles + players_max = %" PRIu64,
                    world->entities_max, entities);
    if (world->spawn_radius_m > world->size_m / 2)
        return fail(fault, "world", "spawn_radius_m", "size_m",
                    "%u reaches beyond the world, expected at most half of size_m = %u",
                    world->spawn_radius_m, world->size_m / 2);
    /* Else a cell whose entities come and go would be split and merged for ever. */
    if (world->merge_below > world->split_above / 2)
        return fail(fault, "world", "merge_below", "split_above",
                    "%u is too near to split_above, expected at most half of it = %u",
                    world->merge_below, world->split_above / 2);
    return true;
}

static bool check_life(const struct tw_config_life *life, struct tw_check_fault *fault)
{
    if (life->pause_ms < life->degraded_ms)
        return fail(fault, "life", "pause_ms", "degraded_ms",
                    "%u is below degraded_ms, expected at least %u", life->pause_ms,
                    life->degraded_ms);
    if (life->park_ms < life->pause_ms)
        return fail(fault, "life", "park_ms", "pause_ms",
                    "%u is below pause_ms, expected at least %u", life->park_ms, life->pause_ms);
    if (life->grace_ms < life->park_ms)
        return fail(fault, "life", "grace_ms", "park_ms",
                    "%u is below park_ms, expected at least %u", life->grace_ms, life->park_ms);
    return true;
}

static bool contains(const uint32_t *cores, uint32_t count, uint32_t core)
{
    for (uint32_t i = 0; i < count; i++) {
        if (cores[i] == core)
            return true;
    }
    return false;
}

static bool check_engine(const struct tw_config_engine *engine, struct tw_check_fault *fault)
{
    if (engine->worker_core_count != 0 && engine->worker_core_count != engine->workers)
        return fail(fault, "engine", "worker_cores", "workers",
                    "%u cores for %u workers, expected one core per worker, or an empty list",
                    engine->worker_core_count, engine->workers);
    if (engine->shard_core_count != 0 && engine->shard_core_count != engine->shards)
        return fail(fault, "engine", "shard_cores", "shards",
                    "%u cores for %u shards, expected one core per shard, or an empty list",
                    engine->shard_core_count, engine->shards);
    if (engine->key_log[0] != '\0' && engine->lab != TW_LAB_MODE_ON)
        return fail(fault, "engine", "key_log", "lab",
                    "given without lab: true, expected none: players' keys are never written");
    /* Two polling threads on one core starve each other; with backoff they may share. */
    for (uint32_t i = 0; i < engine->shard_core_count && engine->idle == TW_IDLE_POLL; i++) {
        if (contains(engine->worker_cores, engine->worker_core_count, engine->shard_cores[i]))
            return fail(fault, "engine", "shard_cores", "idle",
                        "core %u is a worker's too, expected different cores with idle: poll",
                        engine->shard_cores[i]);
    }
    return true;
}

static bool check_ipv4(const char *section, const struct tw_config_port *port,
                       struct tw_check_fault *fault)
{
    uint32_t mask = port->prefix_length == 32 ? UINT32_MAX : ~(UINT32_MAX >> port->prefix_length);
    if (port->gateway != 0 && (port->gateway & mask) != (port->address & mask))
        return fail(fault, section, "gateway", "address",
                    "not on the link, expected an address in the /%u of address",
                    port->prefix_length);
    if (port->gateway != 0 && port->gateway == port->address)
        return fail(fault, section, "gateway", "address",
                    "is the engine's own address, expected another host's");
    uint32_t top = port->address >> 24;
    if (top == 0 || top >= 224)
        return fail(fault, section, "address", "device",
                    "not an address of a host, expected a unicast IPv4 address");
    return true;
}

static bool is_host_ipv6(const uint8_t ip[16])
{
    static const uint8_t loopback[16] = {[15] = 1};
    return !tw_ip_is_zero(ip) && ip[0] != 0xff && !tw_ip_is_link_local(ip) && !tw_ip_is_ipv4(ip) &&
           memcmp(ip, loopback, sizeof(loopback)) != 0;
}

static bool check_ipv6(const char *section, const struct tw_config_port *port,
                       struct tw_check_fault *fault)
{
    if (tw_ip_is_zero(port->address6))
        return tw_ip_is_zero(port->gateway6) ||
               fail(fault, section, "gateway6", "address6", "given without an address6");
    if (!is_host_ipv6(port->address6))
        return fail(fault, section, "address6", "address6",
                    "not an address of a host that others can reach, expected a unicast IPv6 "
                    "address that is not link-local");
    if (tw_ip_is_zero(port->gateway6))
        return true;
    if (memcmp(port->gateway6, port->address6, sizeof(port->gateway6)) == 0)
        return fail(fault, section, "gateway6", "address6",
                    "is the engine's own address, expected another host's");
    if (!tw_ip_is_link_local(port->gateway6) &&
        !tw_ip_same_prefix(port->gateway6, port->address6, port->prefix_length6))
        return fail(fault, section, "gateway6", "address6",
                    "not on the link, expected a link-local address or one in the /%u of address6",
                    port->prefix_length6);
    return true;
}

/* "net_tap0,iface=x" and "net_tap0,iface=y" are one device to DPDK. */
static bool same_device(const char *a, const char *b)
{
    size_t length = strcspn(a, ",");
    return length == strcspn(b, ",") && memcmp(a, b, length) == 0;
}

static bool check_ports(const struct tw_config_port ports[TW_PORTS_MAX],
                        struct tw_check_fault *fault)
{
    static const char *const sections[TW_PORTS_MAX] = {"engine", "port2", "port3", "port4"};
    uint32_t addresses = 0;
    for (uint32_t i = 0; i < TW_PORTS_MAX; i++) {
        const struct tw_config_port *port = &ports[i];
        if (port->device[0] == '\0') {
            if (port->address != 0)
                return fail(fault, sections[i], "device", "address",
                            "not given, expected the device that has this address");
            continue;
        }
        if (i > 0 && ports[i - 1].device[0] == '\0')
            return fail(fault, sections[i], "device", "address",
                        "names a port, but %s does not, expected no gap", sections[i - 1]);
        if (!check_ipv4(sections[i], port, fault) || !check_ipv6(sections[i], port, fault))
            return false;
        addresses += tw_ip_is_zero(port->address6) ? 1 : 2;
        if (addresses > TW_TOKEN_ADDRESSES)
            return fail(fault, sections[i], "address6", "address",
                        "the ports have more than %u addresses, expected no more than a token "
                        "can list",
                        TW_TOKEN_ADDRESSES);
        for (uint32_t other = 0; other < i; other++) {
            if (same_device(ports[other].device, port->device))
                return fail(fault, sections[i], "device", "address",
                            "is the device of %s too, expected one of its own", sections[other]);
            if (ports[other].address == port->address)
                return fail(fault, sections[i], "address", "device",
                            "is the address of %s too, expected one of its own", sections[other]);
            if (!tw_ip_is_zero(port->address6) &&
                memcmp(ports[other].address6, port->address6, sizeof(port->address6)) == 0)
                return fail(fault, sections[i], "address6", "device",
                            "is the address of %s too, expected one of its own", sections[other]);
        }
    }
    return true;
}

static bool check_congestion(const struct tw_config_congestion *congestion,
                             struct tw_check_fault *fault)
{
    /* Else a link at the bound would go to and fro. */
    if (congestion->calm_loss_percent >= congestion->conservative_loss_percent)
        return fail(fault, "congestion", "calm_loss_percent", "conservative_loss_percent",
                    "%u is not below conservative_loss_percent, expected at most %u",
                    congestion->calm_loss_percent, congestion->conservative_loss_percent - 1);
    if (congestion->calm_delay_ms >= congestion->conservative_delay_ms)
        return fail(fault, "congestion", "calm_delay_ms", "conservative_delay_ms",
                    "%u is not below conservative_delay_ms, expected at most %u",
                    congestion->calm_delay_ms, congestion->conservative_delay_ms - 1);
    if (congestion->emergency_loss_percent < congestion->conservative_loss_percent)
        return fail(fault, "congestion", "emergency_loss_percent", "conservative_loss_percent",
                    "%u is below conservative_loss_percent, expected at least %u",
                    congestion->emergency_loss_percent, congestion->conservative_loss_percent);
    if (congestion->emergency_queue_ms < congestion->conservative_delay_ms)
        return fail(fault, "congestion", "emergency_queue_ms", "conservative_delay_ms",
                    "%u is below conservative_delay_ms, expected at least %u",
                    congestion->emergency_queue_ms, congestion->conservative_delay_ms);
    return true;
}

/* A session is warned before it is closed. */
static bool check_points(const struct tw_config_conduct *conduct, struct tw_check_fault *fault)
{
    const struct {
        const char *key;
        uint32_t points;
    } charges[] = {{"input_packets_points", conduct->input_packets_points},
                   {"input_ahead_points", conduct->input_ahead_points},
                   {"time_back_points", conduct->time_back_points},
                   {"actions_points", conduct->actions_points}};
    for (size_t i = 0; i < sizeof(charges) / sizeof(charges[0]); i++) {
        if (charges[i].points >= conduct->disconnect_score)
            return fail(fault, "conduct", charges[i].key, "disconnect_score",
                        "%u is not below disconnect_score, expected at most %u", charges[i].points,
                        conduct->disconnect_score - 1);
    }
    return true;
}

static bool check_conduct(const struct tw_config_conduct *conduct, struct tw_check_fault *fault)
{
    if (conduct->throttle_score <= conduct->warn_score)
        return fail(fault, "conduct", "throttle_score", "warn_score",
                    "is not above warn_score, %u, expected more", conduct->warn_score);
    if (conduct->disconnect_score <= conduct->throttle_score)
        return fail(fault, "conduct", "disconnect_score", "throttle_score",
                    "is not above throttle_score, %u, expected more", conduct->throttle_score);
    return check_points(conduct, fault);
}

static bool check_control(const struct tw_config_control *control, struct tw_check_fault *fault)
{
    if (strcmp(control->agent_socket, control->cli_socket) == 0)
        return fail(fault, "control", "cli_socket", "agent_socket",
                    "same path as agent_socket, expected a path of its own");
    if (strcmp(control->database, control->key_file) == 0)
        return fail(fault, "control", "key_file", "database",
                    "same path as database, expected a path of its own");
    return true;
}

bool tw_config_check(const struct tw_config *config, struct tw_check_fault *fault)
{
    return check_engine(&config->engine, fault) && check_ports(config->ports, fault) &&
           check_life(&config->life, fault) && check_world(&config->world, fault) &&
           check_edges(&config->world, fault) && check_congestion(&config->congestion, fault) &&
           check_conduct(&config->conduct, fault) && check_control(&config->control, fault);
}
