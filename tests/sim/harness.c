/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/harness.h"

#include "simulation/core/hash.h"
#include "tests/sim/memory.h"
#include "tickwire/ids.h"
#include "tickwire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tw_shard_config sim_config_default(void)
{
    return (struct tw_shard_config){.world_id = 1,
                                    .seed = 42,
                                    .size_m = 500,
                                    .players_max = 64,
                                    .entities_max = 2048,
                                    .npcs = 600,
                                    .npcs_moving_percent = 50,
                                    .obstacles = 60,
                                    .aoi_enter_m = 60,
                                    .aoi_exit_m = 70,
                                    .view_max = 256,
                                    .tick_hz = 60,
                                    .snapshot_hz = 20,
                                    .spawn_radius_m = 100,
                                    .workers = 2,
                                    .slots_per_worker = 128};
}

struct sim *sim_create(const struct tw_shard_config *config, uint32_t clients, uint64_t seed)
{
    struct sim *sim = sim_take(sizeof(*sim));
    sim->config = *config;
    sim->seed = seed;
    sim->capacity = 1120;
    sim->buffers_max = SIM_CLIENTS_MAX;
    sim->clients_max = clients;
    tw_rng_seed(&sim->rng, seed);
    SIM_CHECK(sim, clients <= SIM_CLIENTS_MAX && config->entities_max <= SIM_ENTITIES_MAX);
    size_t footprint = tw_shard_footprint(config);
    SIM_CHECK(sim, footprint != 0);
    sim->shard = tw_shard_init(sim_take(footprint), config, &sim->counters);
    sim->clients = sim_take(clients * sizeof(*sim->clients));
    sim->packets = sim_take(SIM_PACKETS_MAX * sizeof(*sim->packets));
    sim->acks = sim_take(SIM_PACKETS_MAX * sizeof(*sim->acks));
    sim->buffers = sim_take(config->workers * SIM_CLIENTS_MAX * sizeof(*sim->buffers));
    sim->buffer_bytes = sim_take((size_t)config->workers * SIM_CLIENTS_MAX * 1200u);
    for (uint32_t i = 0; i < clients; i++)
        sim->clients[i].view =
            tw_view_init(sim_take(tw_view_footprint(SIM_VIEW_CAPACITY)), SIM_VIEW_CAPACITY);
    return sim;
}

void sim_destroy(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->clients_max; i++)
        free(sim->clients[i].view);
    free(sim->shard);
    free(sim->clients);
    free(sim->packets);
    free(sim->acks);
    free(sim->buffers);
    free(sim->buffer_bytes);
    free(sim);
}

struct tw_record sim_record(const struct sim *sim, uint32_t client, enum tw_record_type type)
{
    return (struct tw_record){.type = (uint16_t)type,
                              .worker = (uint16_t)(client % sim->config.workers),
                              .slot = client / sim->config.workers,
                              .route_epoch = sim->clients[client].epoch,
                              .world = sim->config.world_id};
}

void sim_join(struct sim *sim, uint32_t client)
{
    struct sim_client *joining = &sim->clients[client];
    joining->epoch++;
    joining->joined = true;
    joining->view = tw_view_init(joining->view, SIM_VIEW_CAPACITY);
    memset(joining->should_see, 0, sizeof(joining->should_see));
    struct tw_record record = sim_record(sim, client, TW_RECORD_JOIN);
    record.join.account = 1000u + client;
    tw_shard_consume(sim->shard, &record, 1);
}

void sim_leave(struct sim *sim, uint32_t client)
{
    struct tw_record record = sim_record(sim, client, TW_RECORD_LEAVE);
    record.leave.reason = TW_CLOSE_BY_CLIENT;
    tw_shard_consume(sim->shard, &record, 1);
    sim->clients[client].joined = false;
}

void sim_join_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->clients_max; i++)
        sim_join(sim, i);
}

uint32_t sim_player_index(const struct sim *sim, uint32_t client)
{
    struct tw_record record = sim_record(sim, client, TW_RECORD_INPUT);
    const struct tw_route *route = tw_shard_sessions_find(&sim->shard->sessions, &record);
    SIM_CHECK(sim, route && route->state == TW_ROUTE_PLAYING);
    return route->player;
}

static void send_inputs(struct sim *sim, uint32_t client)
{
    struct sim_client *sender = &sim->clients[client];
    struct tw_record record = sim_record(sim, client, TW_RECORD_INPUT);
    record.input.tick = (uint32_t)sim->tick + 1u;
    if (sim->behaviour == SIM_WALK) {
        if ((sim->tick + client) % 30u == 0)
            sender->move_direction = (uint32_t)tw_rng_next(&sim->rng);
        record.input.input.move_x = (int8_t)(sender->move_direction % 255u) == -128
                                        ? (int8_t)-127
                                        : (int8_t)(sender->move_direction % 255u);
        record.input.input.move_y = (int8_t)((sender->move_direction >> 8) % 127u);
        record.input.input.facing = (uint16_t)(sender->move_direction >> 16);
        record.input.input.buttons = tw_rng_below(&sim->rng, 200) == 0;
        if (sender->move_direction & 1u)
            record.input.input.move_y = (int8_t)-record.input.input.move_y;
    }
    tw_shard_consume(sim->shard, &record, 1);
}

/* Said otherwise than in simulation/core/plane.h, which is on trial here. */
static int64_t apart(const struct tw_shard_config *config, int32_t a, int32_t b)
{
    int64_t one_way = a > b ? a - b : b - a;
    int64_t other_way = (int64_t)config->size_m * 1024 - one_way;
    return config->wraps && other_way < one_way ? other_way : one_way;
}

/* The one of 256 directions that lies nearest on the circle, of two as near the one further on:
 * from both neighbours' distances, not as simulation/core/fixed.h has it, which is on trial here.
 */
static uint8_t direction_of(uint16_t heading)
{
    uint32_t below = heading / 256u;
    uint32_t beyond = heading - below * 256u;
    uint32_t before = (below + 1u) * 256u - heading;
    return (uint8_t)(beyond < before ? below : (below + 1u) % 256u);
}

/* The most steps of 1/16 m/s whose last half is reached still, saturating; of the velocity told. */
static uint8_t speed_of(int64_t x, int64_t y)
{
    int64_t steps = 0;
    for (int64_t more = 128; more > 0; more /= 2) {
        int64_t reached = (steps + more) * 64 - 32;
        if (reached * reached <= x * x + y * y)
            steps += more;
    }
    return (uint8_t)steps;
}

/* What the client should see, from nothing but the world's arrays and the rule of two radii. */
static void expect(struct sim *sim, uint32_t client, struct sim_packet *packet)
{
    const struct tw_entities *entities = &sim->shard->world.entities;
    struct sim_client *observer = &sim->clients[client];
    uint32_t own = sim->shard->world.players[sim_player_index(sim, client)].entity & 0xffffffu;
    uint64_t enter = (uint64_t)sim->config.aoi_enter_m * 1024u;
    uint64_t exit = (uint64_t)sim->config.aoi_exit_m * 1024u;
    packet->expected_count = 0;
    packet->expected_hash = 0;
    for (uint32_t i = 0; i < entities->state->end; i++) {
        bool known = observer->should_see[i] && observer->generation[i] == entities->generation[i];
        int64_t dx = apart(&sim->config, entities->x[i], entities->x[own]);
        int64_t dy = apart(&sim->config, entities->y[i], entities->y[own]);
        uint64_t limit = known ? exit : enter;
        observer->should_see[i] =
            entities->live[i] && (uint64_t)(dx * dx + dy * dy) <= limit * limit;
        observer->generation[i] = entities->generation[i];
        if (!observer->should_see[i])
            continue;
        uint8_t record[23];
        tw_store_u32(record, tw_entities_handle(entities, i).bits);
        tw_store_u16(record + 4, (uint16_t)(entities->x[i] / 65536));
        tw_store_u16(record + 6, (uint16_t)(entities->y[i] / 65536));
        tw_store_u16(record + 8, (uint16_t)(entities->x[i] % 65536));
        tw_store_u16(record + 10, (uint16_t)(entities->y[i] % 65536));
        record[12] = direction_of(entities->heading[i]);
        record[13] = speed_of(entities->told_x[i], entities->told_y[i]);
        record[14] = entities->action[i];
        record[15] = (uint8_t)entities->cold[TW_FIELD_TYPE][i];
        record[16] = (uint8_t)entities->cold[TW_FIELD_TEAM][i];
        tw_store_u16(record + 17, entities->cold[TW_FIELD_APPEARANCE][i]);
        tw_store_u16(record + 19, entities->cold[TW_FIELD_HEALTH][i]);
        tw_store_u16(record + 21, entities->cold[TW_FIELD_HEALTH_MAX][i]);
        packet->expected_hash += tw_hash64(record, sizeof(record));
        packet->expected_count++;
    }
}

static uint64_t later(struct sim *sim)
{
    return sim->tick + sim->network.delay_min_ticks +
           tw_rng_below(&sim->rng, sim->network.delay_jitter_ticks + 1u);
}

static bool lost(struct sim *sim, uint32_t permille)
{
    return tw_rng_below(&sim->rng, 1000) < permille;
}

static void post_snapshot(struct sim *sim, uint32_t client, const struct tw_out_buffer *buffer)
{
    struct sim_packet expected = {0};
    if (!sim->view_overfull)
        expect(sim, client, &expected);
    if (lost(sim, sim->network.down_loss_permille) || sim->clients[client].silent)
        return;
    uint32_t at = 0;
    while (sim->packets[at].length != 0)
        at++;
    SIM_CHECK(sim, at < SIM_PACKETS_MAX - 1u && buffer->length <= sim->capacity);
    if (at >= sim->packets_end)
        sim->packets_end = at + 1u;
    struct sim_packet *packet = &sim->packets[at];
    *packet = expected;
    memcpy(packet->bytes, buffer->bytes, buffer->length);
    packet->length = buffer->length;
    packet->client = client;
    packet->epoch = buffer->route_epoch;
    packet->due_tick = later(sim);
    packet->complete = !(buffer->bytes[TW_FRAME_HEADER_SIZE + 12] & TW_SNAPSHOT_INCOMPLETE);
}

static void post_ack(struct sim *sim, uint32_t client)
{
    if (lost(sim, sim->network.ack_loss_permille))
        return;
    uint32_t at = 0;
    while (sim->acks[at].due_tick != 0)
        at++;
    SIM_CHECK(sim, at < SIM_PACKETS_MAX - 1u);
    if (at >= sim->acks_end)
        sim->acks_end = at + 1u;
    struct tw_record record = sim_record(sim, client, TW_RECORD_SNAPSHOT_ACK);
    tw_view_acknowledgement(sim->clients[client].view, &record.snapshot_ack.newest,
                            &record.snapshot_ack.bitmap);
    sim->acks[at] = (struct sim_ack){.due_tick = later(sim) + 1u, .record = record};
}

static void apply_packet(struct sim *sim, const struct sim_packet *packet)
{
    struct sim_client *client = &sim->clients[packet->client];
    struct tw_view_changes changes;
    if (!client->joined || client->epoch != packet->epoch || client->silent)
        return;
    size_t size = tw_load_u16(packet->bytes + 1);
    SIM_CHECK(sim, packet->bytes[0] == TW_FRAME_SNAPSHOT &&
                       size + TW_FRAME_HEADER_SIZE <= packet->length);
    enum tw_view_result result =
        tw_view_apply(client->view, packet->bytes + TW_FRAME_HEADER_SIZE, size, &changes);
    SIM_CHECK(sim, result == TW_VIEW_APPLIED || result == TW_VIEW_OLD);
    if (result == TW_VIEW_OLD) {
        client->old++;
        return;
    }
    client->applied++;
    client->body_bytes += size;
    client->newest_body_size = (uint32_t)size;
    client->newest_complete = packet->complete;
    client->newest_had_hash = changes.hash_checked;
    client->hashes += changes.hash_checked;
    SIM_CHECK(sim, !changes.hash_wrong && changes.incomplete == !packet->complete);
    if (packet->complete && !sim->view_overfull) {
        static struct tw_view_entity seen[SIM_VIEW_CAPACITY];
        SIM_CHECK(sim, tw_view_entities(client->view, seen, SIM_VIEW_CAPACITY) ==
                           packet->expected_count);
        SIM_CHECK(sim, tw_view_hash(client->view) == packet->expected_hash);
    }
    client->complete += packet->complete;
    post_ack(sim, packet->client);
}

static void deliver(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->packets_end; i++) {
        if (sim->packets[i].length != 0 && sim->packets[i].due_tick <= sim->tick) {
            apply_packet(sim, &sim->packets[i]);
            sim->packets[i].length = 0;
        }
    }
}

static void run_shard(struct sim *sim)
{
    struct tw_outbox outboxes[TW_WORKERS_MAX];
    for (uint32_t worker = 0; worker < sim->config.workers; worker++) {
        struct tw_out_buffer *first = &sim->buffers[worker * SIM_CLIENTS_MAX];
        for (uint32_t i = 0; i < SIM_CLIENTS_MAX; i++)
            first[i] = (struct tw_out_buffer){
                .bytes = sim->buffer_bytes + (size_t)(worker * SIM_CLIENTS_MAX + i) * 1200u,
                .capacity = (uint16_t)sim->capacity};
        outboxes[worker] = (struct tw_outbox){.buffers = first, .count = sim->buffers_max};
    }
    tw_shard_tick(sim->shard, sim->tick, sim->tick, outboxes);
    for (uint32_t worker = 0; worker < sim->config.workers; worker++) {
        for (uint32_t i = 0; i < outboxes[worker].used; i++) {
            const struct tw_out_buffer *buffer = &outboxes[worker].buffers[i];
            uint32_t client = buffer->slot * sim->config.workers + worker;
            if (buffer->kind == TW_OUT_HELD)
                continue;
            if (buffer->kind == TW_OUT_CLOSE) {
                SIM_CHECK(sim, buffer->reason == TW_CLOSE_REFUSED);
                sim->clients[client].closes++;
                sim->clients[client].joined = false;
                continue;
            }
            SIM_CHECK(sim, buffer->kind == TW_OUT_SNAPSHOT);
            SIM_CHECK(sim, buffer->route_epoch == sim->clients[client].epoch);
            post_snapshot(sim, client, buffer);
        }
    }
}

void sim_tick(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->clients_max; i++) {
        if (sim->clients[i].joined && !sim->clients[i].silent)
            send_inputs(sim, i);
    }
    for (uint32_t i = 0; i < sim->acks_end; i++) {
        if (sim->acks[i].due_tick != 0 && sim->acks[i].due_tick <= sim->tick) {
            tw_shard_consume(sim->shard, &sim->acks[i].record, 1);
            sim->acks[i].due_tick = 0;
        }
    }
    sim->tick++;
    run_shard(sim);
    deliver(sim);
}

void sim_run(struct sim *sim, uint32_t ticks)
{
    for (uint32_t i = 0; i < ticks; i++)
        sim_tick(sim);
}
