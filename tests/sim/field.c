/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/field.h"

#include "dataplane/wire/header.h"
#include "tests/sim/memory.h"

#include <string.h>

#define VIEW_CAPACITY 1024u
#define BLOCKS        64u
#define SUITE         TW_SUITE_CHACHA20_POLY1305
/* As a worker leaves to a shard on a path of which nothing is known. */
#define CAPACITY TW_SHARD_BASE_CAPACITY
#define SENDS    16u

struct tw_shard_config field_config_default(void)
{
    return (struct tw_shard_config){.world_id = 1,
                                    .seed = 7,
                                    .size_m = 200,
                                    .players_max = FIELD_MAX,
                                    .entities_max = 1024,
                                    .npcs = 40,
                                    .npcs_moving_percent = 50,
                                    .obstacles = 5,
                                    .aoi_enter_m = 40,
                                    .aoi_exit_m = 45,
                                    .view_max = 128,
                                    .tick_hz = 60,
                                    .snapshot_hz = 20,
                                    .starved_s = 15,
                                    .spawn_radius_m = 40,
                                    .workers = 1,
                                    .slots_per_worker = FIELD_MAX};
}

uint64_t player_local_us(const struct field *field, const struct player *player)
{
    int64_t elapsed_us = (int64_t)(field->now_us - FIELD_START_US);
    return player->clock_origin_us +
           (uint64_t)(elapsed_us + elapsed_us * player->drift_ppm / 1000000);
}

uint64_t field_server_us(const struct field *field)
{
    return field->now_us - FIELD_START_US;
}

static void init_channels(struct field_channels *channels)
{
    channels->blocks_memory = sim_take(tw_block_pool_footprint(BLOCKS));
    channels->pool_memory = sim_take(tw_channels_pool_footprint(1));
    tw_block_pool_init(&channels->blocks, channels->blocks_memory, BLOCKS);
    struct tw_channels_config config = {.blocks = &channels->blocks,
                                        .send_blocks_max = BLOCKS / 2u};
    tw_channels_pool_init(&channels->pool, &config, channels->pool_memory, 1);
}

static void init_server_end(struct field *field, uint32_t index,
                            const struct tw_session_secrets *secrets)
{
    struct player *player = &field->players[index];
    init_channels(&player->server_channels);
    server_link_init(&player->link, secrets, SUITE, index + 1u, field->now_us * 1000u);
    struct tw_transport_config config = {.channels = &player->server_channels.pool,
                                         .first_sequence = player->link.next_sequence};
    tw_transport_init(&player->transport, &config, field->now_us);
}

static void init_player(struct field *field, uint32_t index)
{
    struct player *player = &field->players[index];
    struct tw_session_secrets secrets;
    memset(&secrets, (int)index + 1, sizeof(secrets));
    init_server_end(field, index, &secrets);
    struct tw_welcome welcome = {.connection_id = index + 1u,
                                 .world = 1,
                                 .server_time_us = field_server_us(field),
                                 .tick = field->tick,
                                 .mtu = TW_DATAGRAM_MAX,
                                 .suite = SUITE,
                                 .tick_hz = (uint8_t)field->config.tick_hz,
                                 .snapshot_hz = (uint8_t)field->config.snapshot_hz};
    player->clock_origin_us = tw_rng_below(&field->rng, 1000000000u);
    player->frame_us = 4000;
    player->next_update_us = field->now_us + tw_rng_below(&field->rng, 16000u);
    player->view = tw_view_init(sim_take(tw_view_footprint(VIEW_CAPACITY)), VIEW_CAPACITY);
    init_channels(&player->channels);
    tw_client_events_init(&player->events, player->event_queue, FIELD_EVENTS);
    struct tw_client_session_config config = {.backend = tw_aead_sodium(),
                                              .secrets = &secrets,
                                              .welcome = &welcome,
                                              .times = {1000, 5000, 30000, 60000},
                                              .view = player->view,
                                              .channels = &player->channels.pool,
                                              .events = &player->events,
                                              .statistics = &player->statistics};
    if (!tw_client_session_init(&player->session, &config, player_local_us(field, player)))
        abort();
}

struct field *field_create(const struct tw_shard_config *config, uint32_t count,
                           const struct impair_profile *profile, uint64_t seed)
{
    struct field *field = sim_take(sizeof(*field));
    field->config = *config;
    field->capacity = CAPACITY;
    field->seed = seed;
    field->count = count;
    field->now_us = FIELD_START_US;
    tw_rng_seed(&field->rng, seed ^ 0x70617965);
    field->net = net_create(2u * count, profile, seed);
    field->shard = tw_shard_init(sim_take(tw_shard_footprint(config)), config, &field->counters);
    field->records = sim_take(FIELD_RECORDS * sizeof(*field->records));
    field->players = sim_take(count * sizeof(*field->players));
    struct tw_config defaults;
    tw_config_defaults(&defaults);
    defaults.world.tick_hz = config->tick_hz;
    tw_conduct_rules_make(&field->conduct, &defaults);
    for (uint32_t i = 0; i < count; i++)
        init_player(field, i);
    return field;
}

void field_destroy(struct field *field)
{
    for (uint32_t i = 0; i < field->count; i++) {
        struct player *player = &field->players[i];
        tw_transport_fini(&player->transport);
        tw_client_session_wipe(&player->session);
        free(player->view);
        free(player->channels.blocks_memory);
        free(player->channels.pool_memory);
        free(player->server_channels.blocks_memory);
        free(player->server_channels.pool_memory);
    }
    net_destroy(field->net);
    free(field->shard);
    free(field->records);
    free(field->players);
    free(field);
}

/* ---- the server's end ----------------------------------------------------------------------- */

static struct tw_record *record_of(struct field *field, uint32_t index, enum tw_record_type type)
{
    FIELD_CHECK(field, field->record_count < FIELD_RECORDS);
    struct tw_record *record = &field->records[field->record_count++];
    *record = (struct tw_record){.type = (uint16_t)type,
                                 .slot = index,
                                 .route_epoch = 1,
                                 .world = field->config.world_id,
                                 .received_ns = field->now_us * 1000u};
    return record;
}

/* Returns the newest one's record; NULL if none was new. */
static struct tw_record *route_inputs(struct field *field, uint32_t index,
                                      const struct tw_client_frames *frames)
{
    struct tw_record *newest = NULL;
    struct player *player = &field->players[index];
    uint32_t now_tick = (uint32_t)(field_server_us(field) * field->config.tick_hz / 1000000u);
    for (uint32_t newer = frames->input_count; newer-- > 0;) {
        uint32_t tick = frames->newest_tick - newer;
        if (tw_input_window_test(&player->inputs, tick, now_tick) != TW_INPUT_ROUTED)
            continue;
        tw_input_window_mark(&player->inputs, tick);
        struct tw_record *record = record_of(field, index, TW_RECORD_INPUT);
        record->input.tick = tick;
        record->input.input = frames->inputs[newer];
        record->input.newer = (uint8_t)newer;
        newest = record;
    }
    return newest;
}

static void judge(struct field *field, uint32_t index, uint64_t sequence,
                  struct tw_client_frames *frames)
{
    struct player *player = &field->players[index];
    struct tw_conduct_verdict verdict = {0};
    struct tw_conduct_packet packet = {
        .sequence = sequence,
        .now_ns = field->now_us * 1000u,
        .now_tick = (uint32_t)(field_server_us(field) * field->config.tick_hz / 1000000u)};
    tw_conduct_judge(&player->conduct, &field->conduct, &packet, frames, &verdict);
    for (uint32_t i = 0; i < TW_CONDUCT_COUNT; i++)
        player->charged[i] += verdict.charged[i];
    player->closes += verdict.close;
}

static void server_receives(struct field *field, uint32_t index, uint8_t *bytes, size_t size)
{
    struct player *player = &field->players[index];
    struct tw_client_frames frames;
    if (server_link_open(&player->link, bytes, size, field->now_us * 1000u) != SERVER_LINK_OK ||
        tw_client_frames_decode(&frames, bytes + TW_HEADER_SIZE, size - TW_PACKET_MIN) !=
            TW_FRAMES_OK) {
        player->rejected++;
        return;
    }
    struct tw_transport_packet packet = {.sequence = tw_header_read(bytes).sequence,
                                         .ack = frames.has_ack ? &frames.ack : NULL};
    FIELD_CHECK(field, tw_transport_receive(&player->transport, &packet, field->now_us) ==
                           TW_TRANSPORT_OK);
    if (!player->joined)
        record_of(field, index, TW_RECORD_JOIN)->join.account = index + 1u;
    player->joined = true;
    judge(field, index, packet.sequence, &frames);
    struct tw_record *input = frames.has_inputs ? route_inputs(field, index, &frames) : NULL;
    if (frames.has_snapshot_ack && input) {
        input->input.acked_newest = frames.snapshot_newest;
        input->input.acked_bitmap = frames.snapshot_bitmap;
    } else if (frames.has_snapshot_ack) {
        struct tw_record *record = record_of(field, index, TW_RECORD_SNAPSHOT_ACK);
        record->snapshot_ack.newest = frames.snapshot_newest;
        record->snapshot_ack.bitmap = frames.snapshot_bitmap;
    }
    if (frames.has_check) {
        struct tw_record *record = record_of(field, index, TW_RECORD_CHECK);
        record->check.number = frames.check.number;
        record->check.sum = frames.check.sum;
        record->check.bits = frames.check.bits;
        record->check.group = frames.check.group;
    }
    if (frames.has_ping)
        player->pong = (struct tw_frame_pong){.echo_us = frames.ping_time_us,
                                              .received_us = field_server_us(field)};
    player->pong_due |= frames.has_ping;
}

/* Frames of the shard, if any, and what the server's end has to say itself. */
static void server_sends(struct field *field, uint32_t index, const uint8_t *frames, size_t size)
{
    struct player *player = &field->players[index];
    uint8_t packet[TW_DATAGRAM_MAX];
    struct tw_writer writer = tw_writer_make(packet + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    if (size > 0)
        tw_write_bytes(&writer, frames, size);
    if (player->pong_due) {
        player->pong.sent_us = field_server_us(field);
        tw_frame_write_pong(&writer, &player->pong);
    }
    player->pong_due = false;
    tw_transport_write(&player->transport, &writer, field->now_us);
    size_t plain = TW_PLAINTEXT_MAX - tw_writer_left(&writer);
    if (plain == 0)
        return;
    size_t sealed = server_link_seal(&player->link, packet, plain);
    tw_transport_sent(&player->transport, (uint32_t)sealed, field->now_us);
    net_send(field->net, 2u * index + 1u, packet, sealed, field->now_us);
}

static void run_tick(struct field *field)
{
    tw_shard_consume(field->shard, field->records, field->record_count);
    field->record_count = 0;
    for (uint32_t i = 0; i < FIELD_MAX; i++)
        field->buffers[i] = (struct tw_out_buffer){.bytes = field->bytes[i], .capacity = CAPACITY};
    struct tw_outbox outbox = {.buffers = field->buffers, .count = FIELD_MAX};
    tw_shard_tick(field->shard, field->tick, field->now_us * 1000u, &outbox);
    for (uint32_t i = 0; i < outbox.used; i++) {
        if (field->buffers[i].kind == TW_OUT_CLOSE) {
            FIELD_CHECK(field, field->buffers[i].reason == TW_CLOSE_STARVED);
            field->players[field->buffers[i].slot].starved++;
            continue;
        }
        FIELD_CHECK(field, field->buffers[i].kind == TW_OUT_SNAPSHOT);
        server_sends(field, field->buffers[i].slot, field->buffers[i].bytes,
                     field->buffers[i].length);
    }
}

static void step_server(struct field *field)
{
    for (uint32_t i = 0; i < field->count; i++) {
        struct player *player = &field->players[i];
        if (!player->joined)
            continue;
        if (field->now_us >= tw_transport_due_us(&player->transport, field->now_us))
            tw_transport_update(&player->transport, field->now_us);
        uint32_t state = tw_transport_state(&player->transport);
        if (state != player->link_state || field->capacity != player->capacity) {
            struct tw_record *record = record_of(field, i, TW_RECORD_LINK);
            record->link.state = state;
            record->link.capacity = field->capacity;
        }
        player->link_state = state;
        player->capacity = field->capacity;
        if (player->pong_due || tw_transport_wants_packet(&player->transport, field->now_us))
            server_sends(field, i, NULL, 0);
    }
    uint64_t tick = field_server_us(field) * field->config.tick_hz / 1000000u;
    if (tick == field->tick || field->now_us < field->hitch_until_us)
        return;
    field->tick = tick;
    run_tick(field);
}

/* ---- the devices ---------------------------------------------------------------------------- */

static void update_player(struct field *field, uint32_t index)
{
    struct player *player = &field->players[index];
    uint8_t packet[TW_DATAGRAM_MAX];
    player->next_update_us += player->frame_us;
    if (tw_rng_below(&field->rng, 1000) < player->buttons_per_mille)
        player->session.inputs.current.buttons ^= 1u;
    if (player->walks && tw_rng_below(&field->rng, 100) == 0) {
        player->session.inputs.current.move_x =
            (int8_t)((int32_t)tw_rng_below(&field->rng, 255) - 127);
        player->session.inputs.current.move_y =
            (int8_t)((int32_t)tw_rng_below(&field->rng, 255) - 127);
    }
    (void)tw_client_session_health(&player->session, player_local_us(field, player));
    for (uint32_t i = 0; i < SENDS; i++) {
        size_t size =
            tw_client_session_write(&player->session, packet, player_local_us(field, player));
        if (size == 0)
            return;
        net_send(field->net, 2u * index, packet, size, field->now_us);
    }
}

void field_run(struct field *field, uint64_t us)
{
    static struct net_delivery delivery;
    for (uint64_t end_us = field->now_us + us; field->now_us < end_us;) {
        field->now_us += FIELD_STEP_US;
        while (net_receive(field->net, field->now_us, &delivery)) {
            struct player *player = &field->players[delivery.path / 2u];
            if (delivery.path % 2u == 0u)
                server_receives(field, delivery.path / 2u, delivery.bytes, delivery.size);
            else
                (void)tw_client_session_receive(&player->session, delivery.bytes, delivery.size,
                                                player_local_us(field, player));
        }
        for (uint32_t i = 0; i < field->count; i++) {
            if (field->now_us >= field->players[i].next_update_us)
                update_player(field, i);
        }
        step_server(field);
    }
}
