/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/report.h"

#include "tickwire/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEADER_EVERY 20u
#define US_PER_S     1e6
#define REASON_SIZE  80u
#define REASONS_MAX  32u

static struct tw_load_sums sum_up(const struct tw_load_bots *bots)
{
    struct tw_load_sums sums = {0};
    for (uint32_t i = 0; i < bots->count; i++) {
        const struct tw_load_bot *bot = &bots->bots[i];
        struct tw_client_statistics statistics = {0};
        tw_client_get_statistics(bot->client, &statistics);
        sums.inputs += statistics.inputs_sent;
        sums.snapshots += statistics.snapshots;
        sums.snapshots_lost += statistics.snapshots_lost;
        sums.snapshots_incomplete += statistics.snapshots_incomplete;
        sums.rejected += statistics.packets_rejected;
        sums.hashes_checked += statistics.hashes_checked;
        sums.hashes_wrong += statistics.hashes_wrong;
        sums.inputs_applied += tw_load_bot_inputs_applied(bot);
        sums.moved_m += bot->moved_m;
        switch (tw_client_get_state(bot->client)) {
        case TW_CLIENT_IDLE:
            sums.waiting += !bot->started;
            sums.closed += bot->started;
            break;
        case TW_CLIENT_CONNECTING:
            sums.connecting++;
            break;
        case TW_CLIENT_CONNECTED:
            sums.connected++;
            break;
        case TW_CLIENT_CLOSED:
            sums.closed++;
            break;
        }
    }
    return sums;
}

/* ---- progress -------------------------------------------------------------------------------- */

struct rates {
    double inputs, snapshots, packets_out, packets_in, bytes_out, bytes_in;
    uint64_t rtt_p50_us, rtt_p99_us;
};

static void print_json(const struct tw_load_sums *sums, const struct rates *rates, double t,
                       uint64_t try_again)
{
    printf("{\"t\":%.2f,\"connected\":%u,\"connecting\":%u,\"waiting\":%u,\"closed\":%u,"
           "\"inputs_per_s\":%.0f,\"snapshots_per_s\":%.0f,\"packets_out_per_s\":%.0f,"
           "\"packets_in_per_s\":%.0f,\"bytes_out_per_s\":%.0f,\"bytes_in_per_s\":%.0f,"
           "\"rtt_p50_us\":%" PRIu64 ",\"rtt_p99_us\":%" PRIu64 ",",
           t, sums->connected, sums->connecting, sums->waiting, sums->closed, rates->inputs,
           rates->snapshots, rates->packets_out, rates->packets_in, rates->bytes_out,
           rates->bytes_in, rates->rtt_p50_us, rates->rtt_p99_us);
    printf("\"hashes_checked\":%" PRIu64 ",\"hashes_wrong\":%" PRIu64 ",\"snapshots_lost\":%" PRIu64
           ",\"snapshots_incomplete\":%" PRIu64 ",\"rejected\":%" PRIu64
           ",\"inputs_applied\":%" PRIu64 ",\"try_again\":%" PRIu64 ",\"moved_m\":%.1f}\n",
           sums->hashes_checked, sums->hashes_wrong, sums->snapshots_lost,
           sums->snapshots_incomplete, sums->rejected, sums->inputs_applied, try_again,
           sums->moved_m);
}

static void print_row(const struct tw_load_sums *sums, const struct rates *rates, double t,
                      bool header)
{
    if (header)
        printf("   time  bots  conn. closed  inputs/s  snaps/s  pps out   pps in  kB/s out  kB/s in"
               "  rtt p50   p99 ms  hash ok wrong   lost  incompl  reject  moved m\n");
    printf("%6.1f s %5u %6u %6u %9.0f %8.0f %8.0f %8.0f %9.0f %8.0f %8.2f %8.2f %8" PRIu64
           " %5" PRIu64 " %6" PRIu64 " %8" PRIu64 " %7" PRIu64 " %8.0f\n",
           t, sums->connected, sums->connecting + sums->waiting, sums->closed, rates->inputs,
           rates->snapshots, rates->packets_out, rates->packets_in, rates->bytes_out / 1e3,
           rates->bytes_in / 1e3, (double)rates->rtt_p50_us / 1e3, (double)rates->rtt_p99_us / 1e3,
           sums->hashes_checked - sums->hashes_wrong, sums->hashes_wrong, sums->snapshots_lost,
           sums->snapshots_incomplete, sums->rejected, sums->moved_m);
}

void tw_load_report_interval(struct tw_load_report *report, struct tw_load_bots *bots)
{
    uint64_t now_us = tw_load_now_us();
    if (report->reported_us == 0)
        report->reported_us = bots->started_us;
    double seconds = (double)(now_us - report->reported_us) / US_PER_S;
    struct tw_load_sums sums = sum_up(bots);
    const struct tw_load_traffic *before = &report->traffic;
    const struct tw_load_traffic *after = &bots->traffic;
    struct rates rates = {
        .inputs = (double)(sums.inputs - report->sums.inputs) / seconds,
        .snapshots = (double)(sums.snapshots - report->sums.snapshots) / seconds,
        .packets_out = (double)(after->packets_sent - before->packets_sent) / seconds,
        .packets_in = (double)(after->packets_received - before->packets_received) / seconds,
        .bytes_out = (double)(after->bytes_sent - before->bytes_sent) / seconds,
        .bytes_in = (double)(after->bytes_received - before->bytes_received) / seconds,
        .rtt_p50_us = tw_histogram_permille(bots->interval.counts, 500),
        .rtt_p99_us = tw_histogram_permille(bots->interval.counts, 990),
    };
    double t = (double)(now_us - bots->started_us) / US_PER_S;
    if (bots->options->json)
        print_json(&sums, &rates, t, bots->try_again);
    else
        print_row(&sums, &rates, t, report->lines % HEADER_EVERY == 0);
    fflush(stdout);
    report->lines++;
    report->reported_us = now_us;
    report->sums = sums;
    report->traffic = bots->traffic;
    memset(&bots->interval, 0, sizeof(bots->interval));
}

/* ---- summary --------------------------------------------------------------------------------- */

struct reasons {
    uint32_t count;
    struct {
        char text[REASON_SIZE];
        uint32_t bots;
    } list[REASONS_MAX];
};

static void add_reason(struct reasons *reasons, uint32_t bots, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_reason(struct reasons *reasons, uint32_t bots, const char *format, ...)
{
    char text[REASON_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (uint32_t i = 0; i < reasons->count; i++) {
        if (strcmp(reasons->list[i].text, text) == 0) {
            reasons->list[i].bots += bots;
            return;
        }
    }
    /* More kinds than there are end reasons and codes: counted with the last. */
    uint32_t slot = reasons->count < REASONS_MAX ? reasons->count++ : REASONS_MAX - 1u;
    memcpy(reasons->list[slot].text, text, sizeof(text));
    reasons->list[slot].bots += bots;
}

static const char *close_name(uint32_t code)
{
    static const char *const names[] = {"none",      "by_client", "shutdown",   "kicked",
                                        "banned",    "timeout",   "misbehaved", "refused",
                                        "exhausted", "replaced",  "backlog",    "stalled",
                                        "resumed",   "gone",      "starved"};
    static_assert(sizeof(names) / sizeof(names[0]) == TW_CLOSE_COUNT, "a name for each");
    return code < TW_CLOSE_COUNT ? names[code] : "unknown";
}

static const char *refusal_name(uint32_t code)
{
    static const char *const names[] = {"no usable token", "token expired", "token used",
                                        "other engine",    "other address", "no common suite",
                                        "banned",          "no such world", "full",
                                        "low-order key",   "a lab",         "nothing to resume"};
    static_assert(sizeof(names) / sizeof(names[0]) == TW_REFUSAL_COUNT, "a name for each");
    return code < TW_REFUSAL_COUNT ? names[code] : "unknown reason";
}

static void add_bot_reason(struct reasons *reasons, const struct tw_load_bot *bot)
{
    if (!bot->started) {
        add_reason(reasons, 1, "not started yet");
        return;
    }
    switch (bot->end) {
    case TW_CLIENT_END_LOCAL:
        add_reason(reasons, 1, "left before it connected");
        break;
    case TW_CLIENT_END_REMOTE:
        add_reason(reasons, 1, "closed by the server: %s", close_name(bot->end_code));
        break;
    case TW_CLIENT_END_TIMEOUT:
        add_reason(reasons, 1, "server went silent");
        break;
    case TW_CLIENT_END_REFUSED:
        add_reason(reasons, 1, "refused: %s", refusal_name(bot->end_code));
        break;
    case TW_CLIENT_END_WRONG_VERSION:
        add_reason(reasons, 1, "server speaks another version");
        break;
    case TW_CLIENT_END_NO_ANSWER:
        add_reason(reasons, 1, "no answer to the handshake");
        break;
    case TW_CLIENT_END_TOKEN_EXPIRED:
        add_reason(reasons, 1, "token ran out while connecting");
        break;
    case TW_CLIENT_END_EXHAUSTED:
        add_reason(reasons, 1, "packet numbers used up");
        break;
    }
}

/* The worst bot of each kind, and how many of which kind. */
struct tally {
    uint64_t inputs_applied_min;
    uint64_t hashes_checked_min;
    double walker_moved_min_m;
    uint32_t connected_ever, never_compared, walkers, entity_changes;
    uint32_t key_phase_min, key_phase_max;
    uint32_t datagram_bytes_min, datagram_bytes_max;
    uint64_t inputs_measured, inputs_late;
    int64_t margin_sum_us; /* of bots that were told */
    uint32_t margins;
    uint32_t closed_by_server[TW_CLOSE_COUNT];
};

static struct tally tally_up(const struct tw_load_bots *bots)
{
    struct tally found = {.inputs_applied_min = UINT64_MAX,
                          .hashes_checked_min = UINT64_MAX,
                          .key_phase_min = UINT32_MAX,
                          .datagram_bytes_min = UINT32_MAX,
                          .walker_moved_min_m = 1e18};
    for (uint32_t i = 0; i < bots->count; i++) {
        const struct tw_load_bot *bot = &bots->bots[i];
        struct tw_client_statistics statistics = {0};
        tw_client_get_statistics(bot->client, &statistics);
        uint64_t applied = tw_load_bot_inputs_applied(bot);
        if (applied < found.inputs_applied_min)
            found.inputs_applied_min = applied;
        if (statistics.hashes_checked < found.hashes_checked_min)
            found.hashes_checked_min = statistics.hashes_checked;
        if (statistics.key_phase < found.key_phase_min)
            found.key_phase_min = statistics.key_phase;
        if (statistics.key_phase > found.key_phase_max)
            found.key_phase_max = statistics.key_phase;
        if (bot->datagram_bytes < found.datagram_bytes_min)
            found.datagram_bytes_min = bot->datagram_bytes;
        if (bot->datagram_bytes > found.datagram_bytes_max)
            found.datagram_bytes_max = bot->datagram_bytes;
        found.inputs_measured += bot->timing.inputs_measured;
        found.inputs_late += bot->timing.inputs_late;
        found.margin_sum_us += bot->timing.margin_us;
        found.margins += bot->timing.inputs_measured > 0;
        found.connected_ever += bot->connected_ever;
        found.never_compared += bot->connected_ever && statistics.hashes_checked == 0;
        found.walkers += bot->walks;
        found.entity_changes += bot->entity_changes;
        if (bot->end == TW_CLIENT_END_REMOTE && bot->end_code < TW_CLOSE_COUNT)
            found.closed_by_server[bot->end_code]++;
        if (bot->walks && bot->moved_m < found.walker_moved_min_m)
            found.walker_moved_min_m = bot->moved_m;
    }
    if (found.walkers == 0)
        found.walker_moved_min_m = 0;
    return found;
}

static struct tw_load_talk sum_talk(const struct tw_load_bots *bots)
{
    struct tw_load_talk sum = {0};
    for (uint32_t i = 0; i < bots->count; i++) {
        const struct tw_load_talk *talk = &bots->bots[i].talk;
        sum.commands_sent += talk->commands_sent;
        sum.commands_back += talk->commands_back;
        sum.bulks_sent += talk->bulks_sent;
        sum.bulks_back += talk->bulks_back;
        sum.heard += talk->heard;
        sum.wrong += talk->wrong;
        sum.refused += talk->refused;
        sum.round_trip_us += talk->round_trip_us;
    }
    return sum;
}

static void print_talk(const struct tw_load_bots *bots)
{
    struct tw_load_talk sum = sum_talk(bots);
    uint64_t back = (uint64_t)sum.commands_back + sum.bulks_back;
    printf("\"commands_sent\":%u,\"commands_back\":%u,\"bulks_sent\":%u,\"bulks_back\":%u,"
           "\"messages_heard\":%u,\"messages_wrong\":%u,\"messages_refused\":%u,"
           "\"message_round_trip_us\":%" PRIu64 ",",
           sum.commands_sent, sum.commands_back, sum.bulks_sent, sum.bulks_back, sum.heard,
           sum.wrong, sum.refused, back > 0 ? sum.round_trip_us / back : 0);
}

static int64_t mean_margin_us(const struct tally *tally)
{
    return tally->margins > 0 ? tally->margin_sum_us / (int64_t)tally->margins : 0;
}

static void print_summary_json(const struct tw_load_bots *bots, const struct tw_load_sums *sums,
                               const struct tally *tally, const struct reasons *reasons)
{
    const struct tw_load_traffic *traffic = &bots->traffic;
    uint64_t overflow = 0;
    for (uint32_t i = 0; i < bots->port_count; i++)
        overflow += tw_load_port_overflow(&bots->ports[i]);
    printf("{\"summary\":true,\"ok\":%s,\"bots\":%u,\"connected\":%u,\"interrupted\":%s,"
           "\"seconds\":%.2f,\"sockets\":%u,\"failures\":{",
           reasons->count == 0 ? "true" : "false", bots->count, tally->connected_ever,
           bots->interrupted ? "true" : "false",
           (double)(tw_load_now_us() - bots->started_us) / US_PER_S, bots->port_count);
    for (uint32_t i = 0; i < reasons->count; i++)
        printf("%s\"%s\":%u", i ? "," : "", reasons->list[i].text, reasons->list[i].bots);
    printf("},\"close_reasons\":{");
    const char *separator = "";
    for (uint32_t code = 0; code < TW_CLOSE_COUNT; code++) {
        if (tally->closed_by_server[code] == 0)
            continue;
        printf("%s\"%s\":%u", separator, close_name(code), tally->closed_by_server[code]);
        separator = ",";
    }
    printf("},\"packets_sent\":%" PRIu64 ",\"packets_received\":%" PRIu64 ",\"bytes_sent\":%" PRIu64
           ",\"bytes_received\":%" PRIu64 ",\"send_errors\":%" PRIu64
           ",\"receive_overflow\":%" PRIu64 ",\"lost_out\":%" PRIu64 ",\"lost_in\":%" PRIu64
           ",\"for_nobody\":%" PRIu64 ",",
           traffic->packets_sent, traffic->packets_received, traffic->bytes_sent,
           traffic->bytes_received, traffic->send_errors, overflow, traffic->lost_out,
           traffic->lost_in, traffic->nobody);
    printf(
        "\"inputs_sent\":%" PRIu64 ",\"inputs_applied\":%" PRIu64 ",\"inputs_applied_min\":%" PRIu64
        ",\"snapshots\":%" PRIu64 ",\"snapshots_lost\":%" PRIu64
        ",\"snapshots_incomplete\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"try_again\":%" PRIu64
        ",\"hashes_checked\":%" PRIu64 ",\"hashes_checked_min\":%" PRIu64
        ",\"hashes_wrong\":%" PRIu64 ",\"bots_never_compared\":%u,",
        sums->inputs, sums->inputs_applied, tally->inputs_applied_min, sums->snapshots,
        sums->snapshots_lost, sums->snapshots_incomplete, sums->rejected, bots->try_again,
        sums->hashes_checked, tally->hashes_checked_min, sums->hashes_wrong, tally->never_compared);
    printf("\"resumed\":%u,\"rebinds\":%u,\"entity_changes\":%u,\"key_phase_min\":%u,"
           "\"key_phase_max\":%u,",
           bots->resumed, bots->rebinds, tally->entity_changes, tally->key_phase_min,
           tally->key_phase_max);
    printf("\"inputs_measured\":%" PRIu64 ",\"inputs_late\":%" PRIu64 ",\"margin_us\":%" PRId64
           ",\"warnings\":%" PRIu64 ",\"seam_crossings\":%" PRIu64 ",",
           tally->inputs_measured, tally->inputs_late, mean_margin_us(tally), bots->warnings,
           bots->seam_crossings);
    printf("\"datagram_bytes_min\":%u,\"datagram_bytes_max\":%u,", tally->datagram_bytes_min,
           tally->datagram_bytes_max);
    if (bots->options->talk || bots->options->listen)
        print_talk(bots);
    printf("\"moved_m\":%.1f,\"walker_moved_min_m\":%.1f,\"rtt_p50_us\":%" PRIu64
           ",\"rtt_p99_us\":%" PRIu64 ",\"rtt_max_us\":%" PRIu64 "}\n",
           sums->moved_m, tally->walker_moved_min_m, tw_histogram_permille(bots->total.counts, 500),
           tw_histogram_permille(bots->total.counts, 990), bots->rtt_max_us);
}

static void print_summary_text(const struct tw_load_bots *bots, const struct tw_load_sums *sums,
                               const struct tally *tally, const struct reasons *reasons)
{
    const struct tw_load_traffic *traffic = &bots->traffic;
    printf("\n%u of %u bots connected; sent %" PRIu64 " packets, %" PRIu64
           " bytes; received %" PRIu64 " packets, %" PRIu64 " bytes\n",
           tally->connected_ever, bots->count, traffic->packets_sent, traffic->bytes_sent,
           traffic->packets_received, traffic->bytes_received);
    printf("inputs applied %" PRIu64 " (least of a bot: %" PRIu64
           "), moved %.0f m, snapshots %" PRIu64 " (%" PRIu64 " lost), view hashes %" PRIu64
           " checked, %" PRIu64 " wrong\n",
           sums->inputs_applied, tally->inputs_applied_min, sums->moved_m, sums->snapshots,
           sums->snapshots_lost, sums->hashes_checked, sums->hashes_wrong);
    if (tally->never_compared > 0)
        printf("%u bots never got a view hash: %" PRIu64
               " of all snapshots had to leave something out\n",
               tally->never_compared, sums->snapshots_incomplete);
    printf("round trip p50 %.2f ms, p99 %.2f ms, worst %.2f ms\n",
           (double)tw_histogram_permille(bots->total.counts, 500) / 1e3,
           (double)tw_histogram_permille(bots->total.counts, 990) / 1e3,
           (double)bots->rtt_max_us / 1e3);
    printf("inputs arrive %.1f ms before their tick at the end; %" PRIu64 " of %" PRIu64
           " measured came late\n",
           (double)mean_margin_us(tally) / 1e3, tally->inputs_late, tally->inputs_measured);
    for (uint32_t i = 0; i < reasons->count; i++)
        printf("failed: %s (%u)\n", reasons->list[i].text, reasons->list[i].bots);
    puts(reasons->count == 0 ? "ok" : "not ok");
}

bool tw_load_report_summary(struct tw_load_bots *bots)
{
    struct tw_load_sums sums = sum_up(bots);
    struct tally tally = tally_up(bots);
    struct reasons reasons = {0};
    for (uint32_t i = 0; i < bots->count; i++) {
        const struct tw_load_bot *bot = &bots->bots[i];
        struct tw_client_statistics statistics = {0};
        tw_client_get_statistics(bot->client, &statistics);
        if (!tw_load_bot_ended_well(bots, bot))
            add_bot_reason(&reasons, bot);
        if (statistics.hashes_wrong > 0)
            add_reason(&reasons, 1, "view differs from the server's");
        if (bot->talk.wrong > 0)
            add_reason(&reasons, 1, "messages out of order, twice or damaged");
        if (bot->talk.commands_back != bot->talk.commands_sent ||
            bot->talk.bulks_back != bot->talk.bulks_sent)
            add_reason(&reasons, 1, "own messages did not all come back");
        if (bot->agreement.overdue)
            add_reason(&reasons, 1, "no view hash for 3 s of complete snapshots");
    }
    if (bots->options->json)
        print_summary_json(bots, &sums, &tally, &reasons);
    else
        print_summary_text(bots, &sums, &tally, &reasons);
    fflush(stdout);
    return reasons.count == 0;
}
