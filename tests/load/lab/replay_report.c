/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/replay_report.h"

#include "tests/load/lab/flood_report.h"

#include <jansson.h>
#include <stdio.h>

static void set_number(json_t *object, const char *name, uint64_t value)
{
    (void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *percentiles(const struct tw_histogram *histogram, uint64_t most_ns)
{
    json_t *object = json_object();
    set_number(object, "p50", tw_timing_permille(histogram, 500));
    set_number(object, "p99", tw_timing_permille(histogram, 990));
    set_number(object, "p99_9", tw_timing_permille(histogram, 999));
    if (most_ns != 0)
        set_number(object, "max", most_ns);
    return object;
}

static json_t *sent_json(const struct tw_player *player)
{
    uint64_t elapsed_ns = player->end_ns - player->start_ns;
    double seconds = (double)elapsed_ns / 1e9;
    json_t *object = json_object();
    set_number(object, "packets", player->sent);
    set_number(object, "bytes", player->sent_bytes);
    (void)json_object_set_new(object, "seconds", json_real(seconds));
    (void)json_object_set_new(object, "packets_per_s",
                              json_real(seconds > 0 ? (double)player->sent / seconds : 0));
    set_number(object, "neighbour", player->port->asked + player->port->answered);
    set_number(object, "lost", player->lost);
    set_number(object, "port_full", player->port_full);
    set_number(object, "no_buffer", player->no_buffer);
    if (player->ahead)
        (void)json_object_set_new(object, "sealed_ahead_seconds", json_real(player->ahead_seconds));
    return object;
}

static json_t *received_json(const struct tw_player *player)
{
    json_t *object = json_object();
    set_number(object, "frames", player->received);
    set_number(object, "opened", player->opened);
    set_number(object, "foreign", player->foreign);
    set_number(object, "foreign_bytes", player->foreign_bytes);
    set_number(object, "forged", player->forged);
    set_number(object, "repeated", player->repeated);
    set_number(object, "malformed", player->malformed);
    set_number(object, "snapshots", player->replies->snapshots);
    set_number(object, "pongs", player->replies->pongs);
    set_number(object, "closes", player->replies->closes);
    return object;
}

/* Acknowledgements come with snapshots and reach back 64 packets: faster senders cannot be told of
 * every packet, only the engine's counters tell then. */
static json_t *loss_json(const struct tw_player *player, const struct tw_engine_counters *before,
                         const struct tw_engine_counters *after)
{
    const struct tw_replies *replies = player->replies;
    json_t *object = json_object();
    if (after) {
        uint64_t arrived = after->received - before->received;
        uint64_t flood = player->flooder ? tw_flooder_sent(player->flooder) : 0;
        uint64_t accepted = after->accepted - before->accepted;
        uint64_t put = player->sent + player->port->asked + player->port->answered + flood;
        (void)json_object_set_new(object, "against", json_string("engine counters"));
        set_number(object, "engine_received", arrived);
        set_number(object, "engine_accepted", accepted);
        set_number(object, "engine_port_missed", after->port_missed - before->port_missed);
        set_number(object, "lost", put > arrived ? put - arrived : 0);
        set_number(object, "not_accepted", player->sent > accepted ? player->sent - accepted : 0);
    } else {
        (void)json_object_set_new(object, "against", json_string("acknowledgements"));
        set_number(object, "lost", replies->sent - replies->acked - replies->forgotten);
    }
    set_number(object, "acknowledged", replies->acked);
    set_number(object, "beyond_acknowledgement", replies->forgotten);
    return object;
}

static json_t *report_json(const struct tw_player *player, const struct tw_engine_counters *before,
                           const struct tw_engine_counters *after)
{
    const struct tw_replay_options *options = player->options;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:f, s:I, s:I}", "event", "replayed", "driver", player->port->driver,
        "aead", player->aead->name, "speed", (double)options->speed_permille / 1000.0, "loops",
        (json_int_t)options->loops, "sessions", (json_int_t)player->plan->session_count);
    (void)json_object_set_new(object, "sent", sent_json(player));
    (void)json_object_set_new(object, "received", received_json(player));
    if (player->plan->session_count > 0) {
        (void)json_object_set_new(object, "loss", loss_json(player, before, after));
        (void)json_object_set_new(object, "pong_ns", percentiles(&player->replies->pong_ns, 0));
        (void)json_object_set_new(object, "first_ack_ns", percentiles(&player->replies->ack_ns, 0));
    }
    if (player->flooder)
        (void)json_object_set_new(object, "flood", tw_flood_report(player->flooder));
    if (options->speed_permille != 0) {
        set_number(object, "early", player->timing.early);
        (void)json_object_set_new(
            object, "gap_error_ns",
            percentiles(&player->timing.gap_error_ns, player->timing.gap_error_max_ns));
        (void)json_object_set_new(object, "late_ns",
                                  percentiles(&player->timing.late_ns, player->timing.late_max_ns));
    }
    return object;
}

/* "name.inner   value", one a line. */
static void print_table(const json_t *object, const char *prefix)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char label[128];
        snprintf(label, sizeof(label), "%s%s%s", prefix, prefix[0] ? "." : "", name);
        if (json_is_object(value))
            print_table(value, label);
        else if (json_is_string(value))
            printf("%-32s %20s\n", label, json_string_value(value));
        else if (json_is_real(value))
            printf("%-32s %20.3f\n", label, json_real_value(value));
        else
            printf("%-32s %20" JSON_INTEGER_FORMAT "\n", label, json_integer_value(value));
    }
}

void tw_replay_report(const struct tw_player *player, const struct tw_engine_counters *before,
                      const struct tw_engine_counters *after)
{
    json_t *object = report_json(player, before, after);
    if (player->options->json) {
        (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
        (void)putchar('\n');
    } else {
        print_table(object, "");
    }
    (void)fflush(stdout);
    json_decref(object);
}
