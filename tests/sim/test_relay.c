/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages through a shard: who hears them, in what parts, and what happens when buffers run out.
 */
#include "tests/sim/harness.h"

#include "tickwire/lines.h"
#include "tickwire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUFFERS_MAX 64u
#define CAPACITY    1120u
#define PLAYERS     6u
#define MESSAGES    (2u * TW_RELAY_LENT_MAX)

struct scene {
    struct sim *sim;
    struct tw_out_buffer buffers[2][BUFFERS_MAX];
    uint8_t bytes[2][BUFFERS_MAX][CAPACITY];
    struct tw_outbox outboxes[2];
    uint32_t out[TW_CHANNEL_COUNT];       /* buffers that each worker keeps */
    struct tw_message messages[MESSAGES]; /* ring: a shard keeps them until it returns them */
    uint32_t said, returned;
    struct tw_block *blocks; /* the same bytes for all */
};

static struct scene *scene_make_with(struct tw_shard_config config)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    config.npcs = 0;
    config.players_max = PLAYERS; /* places are taken again at once */
    config.spawn_radius_m = 5;    /* all hear each other */
    scene->sim = sim_create(&config, PLAYERS, 7);
    scene->blocks = calloc(TW_MESSAGE_BLOCKS_MAX + 1u, sizeof(*scene->blocks));
    sim_join_all(scene->sim);
    sim_run(scene->sim, 2);
    return scene;
}

static struct scene *scene_make(void)
{
    return scene_make_with(sim_config_default());
}

static void scene_free(struct scene *scene)
{
    sim_destroy(scene->sim);
    free(scene->blocks);
    free(scene);
}

static void say(struct scene *scene, uint32_t client, uint8_t channel, uint32_t size)
{
    struct tw_record record = sim_record(scene->sim, client, TW_RECORD_MESSAGE);
    struct tw_message *message = &scene->messages[scene->said++ % MESSAGES];
    *message = (struct tw_message){.size = size, .channel = channel};
    for (uint32_t i = 0; i < TW_MESSAGE_MAX; i++)
        scene->blocks[1 + i / TW_BLOCK_BYTES].bytes[i % TW_BLOCK_BYTES] = (uint8_t)(i * 3u);
    for (uint32_t i = 0; i * TW_BLOCK_BYTES < size; i++)
        message->blocks[i] = (uint16_t)(i + 1u);
    record.message.message = message;
    record.message.blocks = scene->blocks;
    tw_shard_consume(scene->sim->shard, &record, 1);
}

static void take_returned(struct scene *scene)
{
    struct tw_message *messages[16];
    uint32_t count;
    for (uint32_t worker = 0; worker < 2; worker++) {
        while ((count = tw_shard_returned(scene->sim->shard, worker, messages, 16)) > 0) {
            for (uint32_t i = 0; i < count; i++) {
                assert_true(messages[i]->size > 0); /* once each */
                messages[i]->size = 0;
            }
            scene->returned += count;
        }
    }
}

/* One tick with so many buffers a worker for messages, and some for the rest. */
static void run(struct scene *scene, uint32_t buffers)
{
    static struct tw_out_buffer others[2][BUFFERS_MAX];
    static uint8_t bytes[2][BUFFERS_MAX][CAPACITY];
    for (uint32_t worker = 0; worker < 2; worker++) {
        for (uint32_t i = 0; i < BUFFERS_MAX; i++) {
            scene->buffers[worker][i] =
                (struct tw_out_buffer){.bytes = scene->bytes[worker][i], .capacity = CAPACITY};
            others[worker][i] =
                (struct tw_out_buffer){.bytes = bytes[worker][i], .capacity = CAPACITY};
        }
        scene->outboxes[worker] = (struct tw_outbox){.buffers = others[worker],
                                                     .count = BUFFERS_MAX,
                                                     .messages = scene->buffers[worker],
                                                     .message_count = buffers};
        memcpy(scene->outboxes[worker].messages_out, scene->out, sizeof(scene->out));
    }
    tw_shard_tick(scene->sim->shard, ++scene->sim->tick, 0, scene->outboxes);
    take_returned(scene);
}

/* The same; checks all parts and counts who has a finished message. */
static uint32_t tick(struct scene *scene, uint32_t buffers, uint32_t *parts)
{
    static uint32_t next[2][TW_CHANNEL_COUNT]; /* offset of the next part, by worker */
    uint32_t finished = 0;
    run(scene, buffers);
    for (uint32_t worker = 0; worker < 2; worker++) {
        for (uint32_t i = 0; i < scene->outboxes[worker].messages_used; i++) {
            const struct tw_out_buffer *buffer = &scene->buffers[worker][i];
            uint32_t *expected = &next[worker][buffer->channel];
            assert_int_equal(buffer->kind, TW_OUT_MESSAGE);
            (*parts)++;
            assert_int_equal(buffer->message.offset, *expected);
            for (uint32_t at = 0; at < buffer->length; at++) {
                uint32_t place = buffer->message.offset + at;
                if (place >= TW_RELAY_HEAD)
                    assert_int_equal(buffer->bytes[at], (uint8_t)((place - TW_RELAY_HEAD) * 3u));
            }
            *expected += buffer->length;
            if (*expected == buffer->message.size) {
                finished += 1u + buffer->message.more;
                *expected = 0;
            } else {
                assert_int_equal(buffer->message.more, 0);
            }
        }
    }
    return finished;
}

static void put(struct scene *scene, uint32_t client, int32_t x, int32_t y)
{
    struct tw_world *world = &scene->sim->shard->world;
    uint32_t index = tw_entity_index(
        (tw_entity){.bits = world->players[sim_player_index(scene->sim, client)].entity});
    world->entities.x[index] = x;
    world->entities.y[index] = y;
    tw_index_move(&world->index, &world->entities, index);
}

/* Of a world without edges, 192 m wide, heard for 60 m: the speaker and two around its corner. */
static void test_the_seam_lets_it_through(void **state)
{
    (void)state;
    const int32_t metre = TW_UNITS_PER_METRE;
    struct tw_shard_config config = sim_config_default();
    config.wraps = true;
    config.size_m = 192;
    struct scene *scene = scene_make_with(config);
    uint32_t parts = 0;
    put(scene, 0, 2 * metre, 3 * metre);
    put(scene, 1, 190 * metre, 3 * metre);
    put(scene, 2, 170 * metre, 150 * metre);
    put(scene, 3, 130 * metre, 3 * metre);
    put(scene, 4, 2 * metre, 100 * metre);
    put(scene, 5, 96 * metre, 96 * metre);
    say(scene, 0, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(tick(scene, BUFFERS_MAX, &parts), 3);
    scene_free(scene);
}

static void test_all_who_are_near_hear_it(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0;
    say(scene, 0, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(tick(scene, BUFFERS_MAX, &parts), PLAYERS);
    assert_int_equal(parts, 2); /* once to each worker */
    assert_int_equal(scene->returned, 1);
    assert_int_equal(tick(scene, BUFFERS_MAX, &parts), 0);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages), 1);
    scene_free(scene);
}

static void test_few_buffers_delay_and_lose_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0;
    uint32_t finished = 0;
    uint32_t ticks = 0;
    say(scene, 1, TW_CHANNEL_BULK, 10000);
    say(scene, 2, TW_CHANNEL_BULK, 10000);
    for (; finished < 2u * PLAYERS && ticks < 500; ticks++)
        finished += tick(scene, 1, &parts);
    assert_int_equal(finished, 2u * PLAYERS);
    assert_in_range(parts, 2u * 2u * 9u, 2u * PLAYERS * 9u);
    assert_true(ticks > 10);
    assert_int_equal(scene->returned, 2);
    scene_free(scene);
}

/* What each worker has of a message that it gets part by part. */
struct assembly {
    uint64_t owner[2];
    uint32_t next[2];
};

/* As a worker puts a tick's parts together, in one place; how many got a message's last. */
static uint32_t put_together(const struct scene *scene, struct assembly *assembly)
{
    uint32_t heard = 0;
    for (uint32_t worker = 0; worker < 2; worker++) {
        for (uint32_t i = 0; i < scene->outboxes[worker].messages_used; i++) {
            const struct tw_out_buffer *buffer = &scene->buffers[worker][i];
            uint64_t to = (uint64_t)buffer->slot << 32 | buffer->route_epoch;
            if (buffer->message.offset == 0)
                assembly->owner[worker] = to;
            else
                assert_int_equal(buffer->message.offset, assembly->next[worker]);
            assert_true(assembly->owner[worker] == to);
            assembly->next[worker] = (uint32_t)buffer->message.offset + buffer->length;
            if (assembly->next[worker] == buffer->message.size)
                heard += 1u + buffer->message.more;
        }
    }
    return heard;
}

/* Players leave in the middle of a message, and others come into their places: each message that is
 * begun for a session is whole or cut off, and never goes on in another one. */
static void test_players_come_and_go_in_the_middle(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    struct assembly assembly = {0};
    for (uint32_t round = 0; round < 200; round++) {
        if (round % 5 == 0)
            say(scene, 0, TW_CHANNEL_BULK, 5000);
        uint32_t client = 1u + round % (PLAYERS - 1u);
        if (scene->sim->clients[client].joined)
            sim_leave(scene->sim, client);
        else
            sim_join(scene->sim, client);
        run(scene, 3);
        (void)put_together(scene, &assembly);
    }
    for (uint32_t i = 0; i < 100; i++)
        run(scene, 3);
    assert_int_equal(scene->returned, scene->said);
    scene_free(scene);
}

/* All that a worker can lend, large ones and no buffers for a while: everything is heard, in the
 * end, and nothing was dropped. */
static void test_what_is_too_much_waits(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0, finished = 0, lent = TW_RELAY_LENT_MAX - 1u;
    for (uint32_t i = 0; i < lent; i++)
        say(scene, 0, TW_CHANNEL_BULK, i % 16u == 0 ? TW_MESSAGE_MAX - TW_RELAY_HEAD : 10u);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(tick(scene, 0, &parts), 0);
    assert_int_equal(scene->returned, 0);
    for (uint32_t i = 0; i < 500 && finished < lent * PLAYERS; i++)
        finished += tick(scene, BUFFERS_MAX, &parts);
    assert_int_equal(finished, lent * PLAYERS);
    assert_int_equal(scene->returned, lent);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages), lent);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages_dropped), 0);
    scene_free(scene);
}

/* Large ones of bulk on their way, a buffer a tick: what is said then on another channel is heard
 * in the next tick, by all, and goes back before them. */
static void test_bulk_on_its_way_holds_up_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0, ticks = 0;
    say(scene, 1, TW_CHANNEL_BULK, 10000);
    say(scene, 2, TW_CHANNEL_BULK, 10000);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(tick(scene, 1, &parts), 0);
    for (uint8_t channel = 0; channel < TW_CHANNEL_BULK; channel++) {
        say(scene, 3, channel, 100);
        assert_int_equal(tick(scene, 1, &parts), PLAYERS);
        assert_int_equal(scene->returned, channel + 1u);
    }
    for (uint32_t finished = 0; finished < 2u * PLAYERS && ticks < 500; ticks++)
        finished += tick(scene, 1, &parts);
    assert_in_range(ticks, 10, 499);
    assert_int_equal(scene->returned, 5);
    scene_free(scene);
}

/* A worker that keeps as many buffers of one channel as that may have gets what is said on any
 * other. */
static void test_each_channel_has_its_buffers(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0;
    for (uint8_t kept = 0; kept < TW_CHANNEL_COUNT; kept++) {
        scene->out[kept] = TW_LINES_MOST(TW_OUT_MESSAGE_BUFFERS, kept);
        say(scene, 0, kept, 100);
        assert_int_equal(tick(scene, BUFFERS_MAX, &parts), 0);
        for (uint8_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
            if (channel == kept)
                continue;
            say(scene, 1, channel, 100);
            assert_int_equal(tick(scene, BUFFERS_MAX, &parts), PLAYERS);
        }
        scene->out[kept] = 0;
        assert_int_equal(tick(scene, BUFFERS_MAX, &parts), PLAYERS);
    }
    assert_int_equal(scene->returned, scene->said);
    scene_free(scene);
}

/* What a sender said before it left is near nobody: counted, and back at its worker; so is what
 * comes after its end. */
static void test_of_those_who_left_nothing_is_heard(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0;
    say(scene, 0, TW_CHANNEL_ORDERED, 100);
    sim_leave(scene->sim, 0);
    say(scene, 0, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(tick(scene, BUFFERS_MAX, &parts), 0);
    assert_int_equal(scene->returned, 2);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages), 0);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages_dropped), 1);
    scene_free(scene);
}

static bool names(const struct tw_out_buffer *buffer, uint32_t slot)
{
    bool named = buffer->slot == slot;
    for (uint32_t i = 0; i < buffer->message.more; i++)
        named |=
            tw_load_u32(buffer->bytes + buffer->length + i * (size_t)TW_OUT_RECEIVER_SIZE) == slot;
    return named;
}

/* What player `client` gets in a tick with many buffers: the numbers of the speakers. */
static uint32_t heard_by(struct scene *scene, uint32_t client, uint32_t speakers[8])
{
    uint32_t parts = 0, count = 0;
    struct tw_record record = sim_record(scene->sim, client, TW_RECORD_HOLD);
    tick(scene, BUFFERS_MAX, &parts);
    for (uint32_t i = 0; i < scene->outboxes[record.worker].messages_used; i++) {
        const struct tw_out_buffer *buffer = &scene->buffers[record.worker][i];
        if (!names(buffer, record.slot))
            continue;
        uint32_t handle = tw_load_u32(buffer->bytes);
        for (uint32_t speaker = 0; speaker < PLAYERS && count < 8; speaker++) {
            uint32_t index = sim_player_index(scene->sim, speaker);
            if (scene->sim->shard->world.players[index].entity == handle)
                speakers[count++] = speaker;
        }
    }
    return count;
}

static void ask_to_hold(struct scene *scene, uint32_t client, bool on)
{
    struct tw_record record = sim_record(scene->sim, client, TW_RECORD_HOLD);
    record.hold.on = on;
    tw_shard_consume(scene->sim->shard, &record, 1);
}

/* One player in the middle is held: those before it hear everything at once, those behind it once
 * it is not any more, and nobody hears a later message before an earlier one. */
static void test_one_who_is_held_holds_up_who_comes_after(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t who[8], by_index[PLAYERS];
    for (uint32_t i = 0; i < PLAYERS; i++)
        by_index[sim_player_index(scene->sim, i)] = i;
    uint32_t held = by_index[3], before = by_index[1], behind = by_index[5];
    ask_to_hold(scene, held, true);
    say(scene, before, TW_CHANNEL_ORDERED, 100);
    say(scene, behind, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(heard_by(scene, before, who), 2);
    assert_true(who[0] == before && who[1] == behind);
    say(scene, held, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(heard_by(scene, behind, who), 0);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages), 0);
    ask_to_hold(scene, held, false);
    assert_int_equal(heard_by(scene, behind, who), 3);
    assert_true(who[0] == before && who[1] == behind && who[2] == held);
    assert_int_equal(tw_counter_get(&scene->sim->counters.messages), 3);
    scene_free(scene);
}

/* Held in the middle of a long message: it gets that one from the beginning, when it is not. */
static void test_held_in_the_middle_it_begins_anew(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    uint32_t parts = 0, client = 0;
    for (uint32_t i = 0; i < PLAYERS; i++)
        client = sim_player_index(scene->sim, i) == 0 ? i : client;
    say(scene, client, TW_CHANNEL_BULK, 5000);
    run(scene, 1);
    struct tw_record record = sim_record(scene->sim, client, TW_RECORD_HOLD);
    assert_int_equal(scene->outboxes[record.worker].messages_used, 1);
    ask_to_hold(scene, client, true);
    run(scene, 1);
    assert_int_equal(scene->outboxes[record.worker].messages_used, 0);
    ask_to_hold(scene, client, false);
    assert_int_equal(tick(scene, BUFFERS_MAX, &parts), PLAYERS); /* all parts of all: see there */
    scene_free(scene);
}

/* While one waits for whoever is held, a later one of its channel is cut off for lack of buffers;
 * then nobody is held, and the earlier one goes first. A worker puts parts together in one place,
 * so what was cut off begins anew there, behind it. */
static void test_cut_off_behind_one_that_waits_it_begins_anew(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    struct assembly assembly = {0};
    uint32_t by_index[PLAYERS], heard = 0;
    for (uint32_t i = 0; i < PLAYERS; i++)
        by_index[sim_player_index(scene->sim, i)] = i;
    ask_to_hold(scene, by_index[3], true);
    say(scene, by_index[0], TW_CHANNEL_BULK, 3000);
    say(scene, by_index[1], TW_CHANNEL_BULK, 3000);
    for (uint32_t round = 0; round < 8; round++) {
        run(scene, round == 0 ? 4 : BUFFERS_MAX); /* one and a third of them */
        heard += put_together(scene, &assembly);
        ask_to_hold(scene, by_index[3], false);
    }
    assert_int_equal(heard, 2u * PLAYERS);
    assert_int_equal(scene->returned, 2);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_who_are_near_hear_it),
        cmocka_unit_test(test_the_seam_lets_it_through),
        cmocka_unit_test(test_few_buffers_delay_and_lose_nothing),
        cmocka_unit_test(test_players_come_and_go_in_the_middle),
        cmocka_unit_test(test_what_is_too_much_waits),
        cmocka_unit_test(test_bulk_on_its_way_holds_up_nothing),
        cmocka_unit_test(test_each_channel_has_its_buffers),
        cmocka_unit_test(test_of_those_who_left_nothing_is_heard),
        cmocka_unit_test(test_one_who_is_held_holds_up_who_comes_after),
        cmocka_unit_test(test_held_in_the_middle_it_begins_anew),
        cmocka_unit_test(test_cut_off_behind_one_that_waits_it_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
