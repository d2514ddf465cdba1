/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/command.h"

#include "tickwire/bits_real.h"

#define BOTS_MAX    65535u
#define AIM_M       64.0
#define AIM_STEPS   16383u
#define REACH_MM    20000
#define REACH_STEP  10u
#define TURN_SPREAD 200u

struct tw_load_command tw_load_command_make(uint32_t bot, uint32_t number)
{
    uint32_t mixed = (bot * 40503u + number + 1u) * 2654435761u;
    mixed ^= mixed >> 15;
    return (struct tw_load_command){
        .bot = bot,
        .number = number,
        .deed = (enum tw_load_deed)(mixed % 5u),
        .aim_x_m = (double)(mixed % 12801u) / 100.0 - AIM_M,
        .aim_y_m = (double)(mixed / 12801u % 12801u) / 100.0 - AIM_M,
        .turn = (int32_t)(mixed % (2u * TURN_SPREAD + 1u)) - (int32_t)TURN_SPREAD,
        .reach_mm = (int32_t)(mixed % (REACH_MM + 1u)),
        .running = mixed % 2u != 0,
        .aiming = mixed % 3u == 0,
    };
}

size_t tw_load_command_write(const struct tw_load_command *command, uint8_t *out)
{
    struct tw_bit_writer writer = tw_bit_writer_make(out, TW_LOAD_COMMAND_MAX);
    tw_bit_write(&writer, command->bot, BOTS_MAX);
    tw_bit_write_varint(&writer, command->number);
    tw_bit_write(&writer, command->said_us, UINT32_MAX);
    tw_bit_write_range(&writer, (int32_t)command->deed, TW_LOAD_WALK, TW_LOAD_SHOUT);
    tw_bit_write_real(&writer, command->aim_x_m, -AIM_M, AIM_M, AIM_STEPS);
    tw_bit_write_real(&writer, command->aim_y_m, -AIM_M, AIM_M, AIM_STEPS);
    tw_bit_write_zigzag(&writer, command->turn);
    tw_bit_write_stepped(&writer, command->reach_mm, 0, REACH_MM, REACH_STEP);
    tw_bit_write_bool(&writer, command->running);
    tw_bit_write_bool(&writer, command->aiming);
    return tw_bit_writer_finish(&writer);
}

bool tw_load_command_read(struct tw_load_command *command, const uint8_t *bytes, size_t size)
{
    struct tw_bit_reader reader = tw_bit_reader_make(bytes, size);
    command->bot = tw_bit_read(&reader, BOTS_MAX);
    command->number = tw_bit_read_varint(&reader);
    command->said_us = tw_bit_read(&reader, UINT32_MAX);
    command->deed = (enum tw_load_deed)tw_bit_read_range(&reader, TW_LOAD_WALK, TW_LOAD_SHOUT);
    command->aim_x_m = tw_bit_read_real(&reader, -AIM_M, AIM_M, AIM_STEPS);
    command->aim_y_m = tw_bit_read_real(&reader, -AIM_M, AIM_M, AIM_STEPS);
    command->turn = tw_bit_read_zigzag(&reader);
    command->reach_mm = tw_bit_read_stepped(&reader, 0, REACH_MM, REACH_STEP);
    command->running = tw_bit_read_bool(&reader);
    command->aiming = tw_bit_read_bool(&reader);
    return tw_bit_reader_finish(&reader);
}

static bool near(double said, double heard)
{
    double half_step = AIM_M / AIM_STEPS + 1e-9;
    return said - heard <= half_step && heard - said <= half_step;
}

bool tw_load_command_equal(const struct tw_load_command *said, const struct tw_load_command *heard)
{
    int32_t off = said->reach_mm - heard->reach_mm;
    return said->bot == heard->bot && said->number == heard->number && said->deed == heard->deed &&
           near(said->aim_x_m, heard->aim_x_m) && near(said->aim_y_m, heard->aim_y_m) &&
           said->turn == heard->turn && 2 * off <= (int32_t)REACH_STEP &&
           -2 * off <= (int32_t)REACH_STEP && said->running == heard->running &&
           said->aiming == heard->aiming;
}
