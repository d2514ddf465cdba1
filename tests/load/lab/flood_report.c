/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/flood_report.h"

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

static void set_number(json_t *object, const char *name, uint64_t value)
{
    set(object, name, json_integer((json_int_t)value));
}

/* Of the samples that came between two states of one histogram; `from` NULL: its beginning. */
static json_t *between(const struct tw_histogram *from, const struct tw_histogram *to)
{
    uint32_t counts[TW_HISTOGRAM_BUCKETS];
    uint64_t samples = 0;
    for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS; i++) {
        counts[i] = to->buckets[i] - (from ? from->buckets[i] : 0);
        samples += counts[i];
    }
    json_t *object = json_object();
    set_number(object, "samples", samples);
    set_number(object, "p50", tw_histogram_permille(counts, 500));
    set_number(object, "p99", tw_histogram_permille(counts, 990));
    return object;
}

static json_t *trips(const struct tw_flooder_trips *from, const struct tw_flooder_trips *to)
{
    json_t *object = json_object();
    set(object, "pong_ns", between(from ? &from->pong_ns : NULL, &to->pong_ns));
    set(object, "first_ack_ns", between(from ? &from->ack_ns : NULL, &to->ack_ns));
    return object;
}

static json_t *kinds(const struct tw_flooder *flooder)
{
    json_t *object = json_object();
    for (uint32_t kind = 0; kind < TW_FLOOD_KIND_COUNT; kind++) {
        if ((flooder->flood.kinds >> kind & 1u) != 0)
            set_number(object, tw_flood_kind_name((enum tw_flood_kind)kind), flooder->sent[kind]);
    }
    return object;
}

json_t *tw_flood_report(const struct tw_flooder *flooder)
{
    uint64_t sent = tw_flooder_sent(flooder), lost = tw_flooder_lost(flooder);
    double seconds = (double)(flooder->ended_ns - flooder->begun_ns) / 1e9;
    json_t *object = json_object();
    set_number(object, "packets", sent);
    set_number(object, "bytes", tw_flooder_bytes(flooder));
    set_number(object, "lost", lost);
    set_number(object, "unsent", flooder->options->flood_count - sent - lost);
    set(object, "seconds", json_real(seconds));
    set(object, "packets_per_s", json_real(seconds > 0 ? (double)sent / seconds : 0));
    set(object, "offered_per_s", json_real(seconds > 0 ? (double)(sent + lost) / seconds : 0));
    set_number(object, "port_full", flooder->port_full);
    set(object, "kinds", kinds(flooder));
    set(object, "before", trips(NULL, &flooder->at_begin));
    set(object, "during", trips(&flooder->at_begin, &flooder->at_end));
    return object;
}
