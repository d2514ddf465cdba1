/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/slots.h"

#include "tickwire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct slots slots;

uint64_t slots_inputs(enum tw_shard_input_outcome outcome)
{
    return tw_counter_get(&slots.counters.inputs[outcome]);
}

void slots_give_buffers(void)
{
    for (uint32_t worker = 0; worker < 2; worker++) {
        for (uint32_t i = 0; i < SLOTS_BUFFERS; i++) {
            slots.buffers[worker][i] = (struct tw_out_buffer){
                .bytes = slots.bytes[worker][i], .capacity = sizeof(slots.bytes[worker][i])};
            slots.messages[worker][i] =
                (struct tw_out_buffer){.bytes = slots.bytes[worker][SLOTS_BUFFERS + i],
                                       .capacity = sizeof(slots.bytes[worker][i])};
        }
        slots.outboxes[worker] = (struct tw_outbox){.buffers = slots.buffers[worker],
                                                    .count = SLOTS_BUFFERS,
                                                    .messages = slots.messages[worker],
                                                    .message_count = SLOTS_BUFFERS};
    }
}

void slots_tick(void)
{
    slots_give_buffers();
    tw_shard_tick(slots.shard, ++slots.tick, 0, slots.outboxes);
}

struct tw_record slots_record(enum tw_record_type type, uint32_t worker)
{
    return (struct tw_record){.type = (uint16_t)type,
                              .worker = (uint16_t)worker,
                              .slot = worker == 0 ? SLOTS_OLD : SLOTS_NEW,
                              .route_epoch = worker == 0 ? SLOTS_EPOCH : SLOTS_EPOCH + 1,
                              .world = slots.config.world_id};
}

void slots_say(enum tw_record_type type, uint32_t worker)
{
    struct tw_record record = slots_record(type, worker);
    if (type == TW_RECORD_JOIN || type == TW_RECORD_ARRIVE)
        record.join.account = 11;
    if (type == TW_RECORD_MOVE) {
        record.move.worker = 1;
        record.move.slot = SLOTS_NEW;
        record.move.route_epoch = SLOTS_EPOCH + 1;
    }
    tw_shard_consume(slots.shard, &record, 1);
}

void slots_press(uint32_t worker, uint64_t for_tick)
{
    struct tw_record record = slots_record(TW_RECORD_INPUT, worker);
    record.input.tick = (uint32_t)for_tick;
    record.input.input.move_x = 127;
    tw_shard_consume(slots.shard, &record, 1);
}

int slots_setup(void **state)
{
    (void)state;
    memset(&slots, 0, sizeof(slots));
    slots.config = sim_config_default();
    slots.config.workers = 2;
    size_t size = (tw_shard_footprint(&slots.config) + 63u) / 64u * 64u;
    slots.memory = aligned_alloc(64, size);
    slots.shard = tw_shard_init(slots.memory, &slots.config, &slots.counters);
    return 0;
}

int slots_teardown(void **state)
{
    (void)state;
    free(slots.memory);
    return 0;
}

uint32_t slots_entity(void)
{
    return slots.shard->world.players[0].entity;
}

void slots_expect_snapshots_at(uint32_t worker)
{
    uint32_t used[2] = {0};
    for (uint32_t i = 0; i < slots.config.tick_hz / slots.config.snapshot_hz; i++) {
        slots_tick();
        for (uint32_t at = 0; at < 2; at++) {
            used[at] += slots.outboxes[at].used;
            for (uint32_t n = 0; n < slots.outboxes[at].used; n++) {
                assert_int_equal(slots.buffers[at][n].slot, at == 0 ? SLOTS_OLD : SLOTS_NEW);
                assert_int_equal(slots.buffers[at][n].route_epoch, SLOTS_EPOCH + at);
            }
        }
    }
    assert_int_equal(used[worker], 1);
    assert_int_equal(used[1 - worker], 0);
}

void slots_play_at_old(void)
{
    slots_say(TW_RECORD_JOIN, 0);
    slots_tick();
    slots_expect_snapshots_at(0);
    assert_int_not_equal(slots_entity(), 0);
}

void slots_lend(struct tw_record *record, uint8_t what)
{
    static struct tw_block blocks[9];
    uint32_t place = slots.said_count++ % 8u;
    blocks[place + 1u].bytes[0] = what;
    slots.said[place] = (struct tw_message){
        .size = 1, .channel = TW_CHANNEL_ORDERED, .blocks = {(uint16_t)(place + 1u)}};
    record->message.message = &slots.said[place];
    record->message.blocks = blocks;
}

void slots_speak(uint32_t worker, uint8_t what)
{
    struct tw_record record = slots_record(TW_RECORD_MESSAGE, worker);
    slots_lend(&record, what);
    tw_shard_consume(slots.shard, &record, 1);
}

uint32_t slots_count_out(uint32_t worker, enum tw_out_kind kind)
{
    uint32_t count = 0;
    if (kind == TW_OUT_MESSAGE)
        return slots.outboxes[worker].messages_used;
    for (uint32_t n = 0; n < slots.outboxes[worker].used; n++)
        count += slots.buffers[worker][n].kind == kind;
    return count;
}
