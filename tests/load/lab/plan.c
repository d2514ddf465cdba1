/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/plan.h"

#include "dataplane/wire/frames.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "tests/load/lab/datagram.h"
#include "tests/load/lab/pcap.h"
#include "tickwire/assert.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_SIZE sizeof(((struct tw_address *)0)->ip)

static bool fail(struct tw_plan_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct tw_plan_error *error, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(error->message, sizeof(error->message), format, values);
    va_end(values);
    return false;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static int compare_addresses(const void *a, const void *b)
{
    return memcmp(a, b, ADDRESS_SIZE);
}

static void list_addresses(struct tw_plan *plan)
{
    for (uint32_t i = 0; i < plan->session_count; i++)
        memcpy(plan->addresses[i], plan->sessions[i].lab.address.ip, ADDRESS_SIZE);
    qsort(plan->addresses, plan->session_count, ADDRESS_SIZE, compare_addresses);
    for (uint32_t i = 0; i < plan->session_count; i++) {
        uint32_t kept = plan->address_count;
        if (kept > 0 && compare_addresses(plan->addresses[i], plan->addresses[kept - 1u]) == 0)
            continue;
        memmove(plan->addresses[kept], plan->addresses[i], ADDRESS_SIZE);
        plan->address_count++;
    }
}

static void expand_keys(struct tw_plan_session *session, const struct tw_lab_header *header,
                        const struct tw_aead_backend *aead)
{
    uint8_t client_to_server[TW_KEY_SIZE];
    uint8_t server_to_client[TW_KEY_SIZE];
    tw_lab_secrets_derive(header->seed, session->lab.index, client_to_server, server_to_client);
    tw_packet_key_expand(&session->seal_key, aead, session->lab.suite, client_to_server);
    tw_packet_key_expand(&session->open_key, aead, session->lab.suite, server_to_client);
    sodium_memzero(client_to_server, sizeof(client_to_server));
    sodium_memzero(server_to_client, sizeof(server_to_client));
}

/* Of a checked file: its records ascend. */
static uint32_t places_of(const uint8_t *file, uint32_t count)
{
    const uint8_t *last = file + TW_LAB_HEADER_SIZE + (size_t)(count - 1u) * TW_LAB_RECORD_SIZE;
    return tw_lab_place(tw_load_u32(last + TW_LAB_RECORD_CONNECTION_ID)) + 1u;
}

static bool load_sessions(struct tw_plan *plan, const struct tw_plan_files *files,
                          const struct tw_aead_backend *aead, struct tw_plan_error *error)
{
    struct tw_lab_header header;
    uint32_t record = 0;
    enum tw_lab_result checked = tw_lab_file_check(&header, files->sessions, files->sessions_length,
                                                   tw_crc32c_portable, &record);
    if (checked != TW_LAB_OK)
        return record == UINT32_MAX
                   ? fail(error, "sessions file: header: %s", tw_lab_result_text(checked))
                   : fail(error, "sessions file: record %u: %s", record,
                          tw_lab_result_text(checked));
    plan->sessions = aligned_alloc(64, header.count * sizeof(*plan->sessions));
    plan->place_count = places_of(files->sessions, header.count);
    plan->session_of_place = calloc(plan->place_count, sizeof(uint32_t));
    plan->addresses = calloc(header.count, ADDRESS_SIZE);
    if (!plan->sessions || !plan->session_of_place || !plan->addresses)
        return fail(error, "no memory for %u sessions", header.count);
    memset(plan->sessions, 0, header.count * sizeof(*plan->sessions));
    plan->duration_ns = header.duration_ns;
    plan->tick_hz = header.tick_hz;
    for (uint32_t i = 0; i < header.count; i++) {
        struct tw_plan_session *session = &plan->sessions[i];
        checked = tw_lab_session_read(
            &session->lab, files->sessions + TW_LAB_HEADER_SIZE + (size_t)i * TW_LAB_RECORD_SIZE,
            tw_crc32c_portable);
        TW_ASSERT(checked == TW_LAB_OK);
        if ((session->lab.suite & aead->suites) == 0)
            return fail(error, "sessions file: record %u: this machine cannot do its cipher suite",
                        i);
        expand_keys(session, &header, aead);
        plan->session_of_place[tw_lab_place(session->lab.connection_id)] = i + 1u;
    }
    plan->session_count = header.count;
    list_addresses(plan);
    return true;
}

uint32_t tw_plan_find(const struct tw_plan *plan, uint32_t connection_id)
{
    uint32_t place = tw_lab_place(connection_id);
    if (place >= plan->place_count)
        return TW_PLAN_NO_SESSION;
    uint32_t index = plan->session_of_place[place];
    if (index == 0 || plan->sessions[index - 1u].lab.connection_id != connection_id)
        return TW_PLAN_NO_SESSION;
    return index - 1u;
}

bool tw_plan_has_address(const struct tw_plan *plan, const uint8_t ip[16])
{
    return plan->address_count > 0 && bsearch(ip, plan->addresses, plan->address_count,
                                              ADDRESS_SIZE, compare_addresses) != NULL;
}

/* ---- packets -------------------------------------------------------------------------------- */

/* Finds the bodies in plaintext that was decoded before: all lengths are good. */
static void find_bodies(struct tw_plan_packet *packet)
{
    uint32_t at = packet->payload + TW_HEADER_SIZE;
    while (at < packet->length - TW_TAG_SIZE) {
        uint16_t body = (uint16_t)(at + TW_FRAME_HEADER_SIZE);
        uint8_t type = packet->frame[at];
        if (type == TW_FRAME_INPUTS)
            packet->inputs = body;
        else if (type == TW_FRAME_SNAPSHOT_ACK)
            packet->snapshot_ack = body;
        else if (type == TW_FRAME_PING)
            packet->ping = body;
        else if (type == TW_FRAME_ACK)
            packet->ack = body;
        at = body + tw_load_u16(packet->frame + at + 1);
    }
}

/* NULL, or what is wrong with the packet. */
static const char *open_packet(struct tw_plan *plan, struct tw_plan_packet *packet,
                               const struct tw_aead_backend *aead)
{
    uint32_t payload = tw_lab_datagram_read(packet->frame, packet->length);
    if (payload == 0 || packet->length < payload + TW_PACKET_MIN ||
        packet->length > payload + TW_DATAGRAM_MAX)
        return "not a datagram of a session";
    uint8_t *datagram = packet->frame + payload;
    packet->payload = (uint16_t)payload;
    struct tw_header header = tw_header_read(datagram);
    packet->session = tw_plan_find(plan, header.connection_id);
    if (packet->session == TW_PLAN_NO_SESSION)
        return "its connection id is not in the sessions file";
    const struct tw_plan_session *session = &plan->sessions[packet->session];
    if (header.sequence < session->lab.first_sequence ||
        header.sequence - session->lab.first_sequence >= session->lab.packets)
        return "its packet number is not among those the sessions file tells";
    packet->place = (uint32_t)(header.sequence - session->lab.first_sequence);
    /* The key of the way it is going: the client's. */
    struct tw_aead_job job = {
        .key = &session->seal_key, .packet = datagram, .length = packet->length - payload};
    aead->open(&job, 1);
    if (!job.ok)
        return "it does not open under its session's key";
    struct tw_client_frames frames;
    if (tw_client_frames_decode(&frames, datagram + TW_HEADER_SIZE, job.length - TW_PACKET_MIN) !=
        TW_FRAMES_OK)
        return "its frames are malformed";
    find_bodies(packet);
    return NULL;
}

/* Opened packets in the order of the file; numbers of a session must ascend: a key seals each
 * number once, and in order. */
static bool open_all(struct tw_plan *plan, const struct tw_aead_backend *aead,
                     struct tw_plan_error *error)
{
    uint32_t *next_place = calloc(plan->session_count, sizeof(uint32_t));
    if (!next_place)
        return fail(error, "no memory");
    const char *wrong = NULL;
    uint64_t at = 0;
    for (; at < plan->packet_count && !wrong; at++) {
        struct tw_plan_packet *packet = &plan->packets[at];
        wrong = open_packet(plan, packet, aead);
        if (wrong)
            break;
        if (packet->place < next_place[packet->session])
            wrong = "its session's packet numbers do not ascend";
        else if (packet->at_ns >= plan->duration_ns)
            wrong = "it is later than the sessions file says the capture lasts";
        if (wrong)
            break;
        next_place[packet->session] = packet->place + 1u;
    }
    free(next_place);
    return !wrong || fail(error, "capture: frame %" PRIu64 ": %s", at, wrong);
}

static bool count_frames(const struct tw_plan_files *files, uint64_t *count,
                         struct tw_plan_error *error)
{
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    *count = 0;
    enum tw_pcap_result result = tw_pcap_open(&pcap, files->capture, files->capture_length);
    while (result == TW_PCAP_OK) {
        result = tw_pcap_next(&pcap, &frame);
        if (result == TW_PCAP_OK && (frame.length == 0 || frame.length > UINT16_MAX))
            return fail(error, "capture: frame %" PRIu64 ": %u bytes cannot be sent", *count,
                        frame.length);
        *count += result == TW_PCAP_OK;
    }
    if (result != TW_PCAP_END)
        return fail(error, "capture: frame %" PRIu64 " (byte %zu): %s", *count, pcap.at,
                    tw_pcap_result_text(result));
    return *count > 0 || fail(error, "capture: holds no frames");
}

static bool list_frames(struct tw_plan *plan, const struct tw_plan_files *files,
                        struct tw_plan_error *error)
{
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    uint64_t count = 0;
    if (!count_frames(files, &count, error))
        return false;
    plan->packets = calloc(count, sizeof(*plan->packets));
    if (!plan->packets)
        return fail(error, "no memory for %" PRIu64 " frames", count);
    enum tw_pcap_result result = tw_pcap_open(&pcap, files->capture, files->capture_length);
    TW_ASSERT(result == TW_PCAP_OK);
    /* Our own captures begin at 0; any other one with its first frame. */
    uint64_t origin_ns = 0;
    while (tw_pcap_next(&pcap, &frame) == TW_PCAP_OK) {
        if (plan->packet_count == 0 && !files->sessions)
            origin_ns = frame.at_ns;
        struct tw_plan_packet *packet = &plan->packets[plan->packet_count];
        *packet = (struct tw_plan_packet){
            .at_ns = frame.at_ns > origin_ns ? frame.at_ns - origin_ns : 0,
            .frame = files->capture + (frame.bytes - files->capture),
            .session = TW_PLAN_NO_SESSION,
            .length = (uint16_t)frame.length,
        };
        /* Time never runs backwards, whatever a file says. */
        if (plan->packet_count > 0 && packet->at_ns < packet[-1].at_ns)
            packet->at_ns = packet[-1].at_ns;
        plan->bytes += frame.length;
        plan->packet_count++;
    }
    return true;
}

bool tw_plan_load(struct tw_plan *plan, const struct tw_plan_files *files,
                  const struct tw_aead_backend *aead, struct tw_plan_error *error)
{
    *plan = (struct tw_plan){0};
    bool loaded = list_frames(plan, files, error);
    if (loaded && files->sessions)
        loaded = load_sessions(plan, files, aead, error) && open_all(plan, aead, error);
    else if (loaded)
        plan->duration_ns = plan->packets[plan->packet_count - 1].at_ns + 1u;
    if (!loaded)
        tw_plan_free(plan);
    return loaded;
}

void tw_plan_free(struct tw_plan *plan)
{
    if (plan->sessions)
        sodium_memzero(plan->sessions, plan->session_count * sizeof(*plan->sessions));
    free(plan->sessions);
    free(plan->session_of_place);
    free(plan->addresses);
    free(plan->packets);
    *plan = (struct tw_plan){0};
}

/* ---- playing -------------------------------------------------------------------------------- */

uint64_t tw_plan_due_ns(const struct tw_plan *plan, uint64_t loop, uint64_t packet,
                        uint64_t speed_permille)
{
    if (speed_permille == 0)
        return 0;
    uint64_t recorded_ns = loop * plan->duration_ns + plan->packets[packet].at_ns;
    /* Whole seconds apart, so that years do not overflow. */
    uint64_t second_ns = UINT64_C(1000000000);
    return recorded_ns / second_ns * (second_ns * 1000u / speed_permille) +
           recorded_ns / second_ns * (second_ns * 1000u % speed_permille) / speed_permille +
           recorded_ns % second_ns * 1000u / speed_permille;
}

uint64_t tw_plan_sequence(const struct tw_plan *plan, uint64_t loop, uint64_t packet)
{
    const struct tw_plan_packet *what = &plan->packets[packet];
    const struct tw_lab_session *lab = &plan->sessions[what->session].lab;
    return lab->first_sequence + loop * lab->packets + what->place;
}

uint64_t tw_plan_loops_max(const struct tw_plan *plan)
{
    uint64_t most = UINT64_MAX;
    for (uint32_t i = 0; i < plan->session_count; i++) {
        const struct tw_lab_session *lab = &plan->sessions[i].lab;
        if (lab->packets == 0)
            continue;
        uint64_t loops = (TW_SEALED_MAX - lab->first_sequence) / lab->packets;
        most = loops < most ? loops : most;
    }
    /* What is played as it is can be played once: its numbers would be repeats. */
    return plan->session_count == 0 ? 1 : most;
}

void tw_plan_stamp(const struct tw_plan *plan, uint64_t packet, const struct tw_plan_stamp *stamp,
                   uint8_t *out)
{
    const struct tw_plan_packet *what = &plan->packets[packet];
    memcpy(out, what->frame, what->length);
    tw_store_u64(out + what->payload + TW_HEADER_SEQUENCE, stamp->sequence);
    if (what->inputs != TW_PLAN_NOT_THERE) {
        uint8_t *tick = out + what->inputs + TW_INPUTS_NEWEST_TICK;
        int64_t shifted = (int64_t)tw_load_u32(tick) + stamp->tick_shift;
        /* Never below the inputs that are listed with it. */
        if (shifted > TW_INPUTS_MAX && shifted <= UINT32_MAX)
            tw_store_u32(tick, (uint32_t)shifted);
    }
    if (what->ping != TW_PLAN_NOT_THERE)
        tw_store_u64(out + what->ping + TW_PING_TIME, stamp->sequence);
    if (what->snapshot_ack != TW_PLAN_NOT_THERE && stamp->snapshot_newest != 0) {
        tw_store_u32(out + what->snapshot_ack + TW_SNAPSHOT_ACK_NEWEST, stamp->snapshot_newest);
        tw_store_u32(out + what->snapshot_ack + TW_SNAPSHOT_ACK_BITMAP, stamp->snapshot_bitmap);
    }
    if (what->ack != TW_PLAN_NOT_THERE && stamp->ack_largest != 0) {
        tw_store_u64(out + what->ack + TW_ACK_LARGEST, stamp->ack_largest);
        tw_store_u64(out + what->ack + TW_ACK_BITMAP, stamp->ack_bitmap);
    }
}

struct tw_aead_job tw_plan_seal_job(const struct tw_plan *plan, uint64_t packet, uint8_t *frame)
{
    const struct tw_plan_packet *what = &plan->packets[packet];
    uint32_t datagram = (uint32_t)what->length - what->payload;
    return (struct tw_aead_job){
        .key = &plan->sessions[what->session].seal_key,
        .packet = frame + what->payload,
        .length = datagram - TW_TAG_SIZE,
    };
}
