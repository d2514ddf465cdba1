/* SPDX-License-Identifier: BSD-3-Clause */
/* Every kind of hostile frame is what its name says: asked of the gate's own parsers. */
#include "dataplane/gate/parse.h"
#include "dataplane/wire/handshake.h"
#include "tests/load/lab/flood.h"
#include "tests/unit/load/lab_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS LAB_FILES_CLIENTS
#define FRAMES  3000u
#define REACHED 500u /* packet number of every session */

static bool ipv6; /* each test runs over both families */
static const struct tw_parse_rules engine = {.mac = {2, 0, 0, 0, 0, 1},
                                             .prefix_length = 24,
                                             .udp_port = 40000,
                                             .address = 0xc6120001u,
                                             .has_ipv6 = true,
                                             .prefix_length6 = 64,
                                             .address6 = {0xfd, 0x12, [15] = 1}};
static const struct tw_checksum_hints no_hints;

static struct lab_files files;
static struct tw_plan plan;
static struct tw_replies replies;
static struct tw_flood flood;

static int setup(void **state)
{
    (void)state;
    struct tw_plan_error error;
    struct tw_capture_config config = lab_files_config(ipv6);
    lab_files_make(&files, &config);
    struct tw_plan_files loaded = {.capture = files.capture,
                                   .capture_length = files.capture_length,
                                   .sessions = files.sessions,
                                   .sessions_length = files.sessions_length};
    if (!tw_plan_load(&plan, &loaded, tw_aead_sodium(), &error) ||
        !tw_replies_init(&replies, CLIENTS))
        return -1;
    for (uint32_t i = 0; i < CLIENTS; i++)
        replies.sessions[i].newest = REACHED;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tw_plan_free(&plan);
    tw_replies_free(&replies);
    return 0;
}

static void begin(uint64_t seed)
{
    memset(&flood, 0, sizeof(flood));
    flood.random = seed;
    flood.kinds = 1;
    tw_flood_init(&flood, &plan, &replies, tw_crc32c_portable);
}

/* The next frame of a kind, as the engine's first stage sees it. */
static struct tw_packet next(enum tw_flood_kind kind, uint8_t out[TW_FLOOD_FRAME_MAX])
{
    struct tw_packet packet = {.frame = out};
    packet.frame_length = tw_flood_write(&flood, kind, out);
    assert_in_range(packet.frame_length, TW_ETHERNET_SIZE, TW_FLOOD_FRAME_MAX);
    tw_packet_parse(&packet, &engine, no_hints);
    return packet;
}

static bool is_home(const struct tw_packet *packet, uint32_t session)
{
    return tw_address_equal(&packet->source, &plan.sessions[session].lab.address);
}

static void unknown_ids_name_nobody(void **state)
{
    (void)state;
    uint8_t out[TW_FLOOD_FRAME_MAX];
    begin(1);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct tw_packet packet = next(TW_FLOOD_UNKNOWN, out);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_not_equal(packet.header.connection_id, 0);
        assert_int_equal(tw_connection_worker(packet.header.connection_id), 0);
        assert_int_equal(tw_plan_find(&plan, packet.header.connection_id), TW_PLAN_NO_SESSION);
    }
}

/* Live ids, numbers not seen yet, and no valid tag; from home, or never from there. */
static void forged_packets_name_sessions(void **state)
{
    (void)state;
    uint8_t out[TW_FLOOD_FRAME_MAX];
    uint32_t named[CLIENTS] = {0};
    begin(2);
    for (uint32_t i = 0; i < FRAMES; i++) {
        bool from_home = i % 2 == 0;
        struct tw_packet packet = next(from_home ? TW_FLOOD_FORGED : TW_FLOOD_OFFPATH, out);
        uint32_t session = tw_plan_find(&plan, packet.header.connection_id);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_in_range(session, 0, CLIENTS - 1);
        assert_int_equal(is_home(&packet, session), from_home);
        assert_true(packet.header.sequence > REACHED);
        assert_int_equal(packet.header.channel, TW_CHANNEL_STATE);
        assert_int_equal(packet.header.flags, 0);
        struct tw_aead_job job = {.key = &plan.sessions[session].seal_key,
                                  .packet = packet.payload,
                                  .length = packet.payload_length};
        tw_aead_sodium()->open(&job, 1);
        assert_false(job.ok);
        named[session]++;
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_true(named[i] > FRAMES / CLIENTS / 2);
}

static void hellos_are_well_formed_or_of_a_wrong_size(void **state)
{
    (void)state;
    uint8_t out[TW_FLOOD_FRAME_MAX];
    struct tw_hello hello;
    begin(3);
    for (uint32_t i = 0; i < FRAMES / 10; i++) {
        struct tw_packet packet = next(TW_FLOOD_HELLO, out);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        if (ipv6)
            assert_true(tw_ip_same_prefix(packet.source.ip, engine.address6, 48));
        else
            assert_true(tw_parse_is_neighbour(&engine, packet.source_ipv4));
        assert_int_equal(
            tw_hello_parse(&hello, packet.payload, packet.payload_length, tw_crc32c_portable),
            TW_HELLO_OK);
        packet = next(TW_FLOOD_HELLO_SMALL, out);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_equal(packet.header.connection_id, 0);
        assert_int_equal(packet.header.channel, TW_HANDSHAKE_HELLO);
        assert_int_not_equal(packet.payload_length, TW_HELLO_SIZE);
    }
}

/* Over IPv6 a budget for each address would hold nobody off, and one for each /64 hardly: every
 * stranger has another one. */
static void strangers_are_of_many_networks(void **state)
{
    (void)state;
    static uint8_t seen[UINT16_MAX + 1u];
    uint8_t out[TW_FLOOD_FRAME_MAX];
    uint32_t networks = 0;
    memset(seen, 0, sizeof(seen));
    begin(6);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct tw_packet packet = next(TW_FLOOD_HELLO, out);
        uint8_t *mark = &seen[packet.source.ip[6] << 8 | packet.source.ip[7]];
        networks += *mark == 0;
        *mark = 1;
    }
    assert_true(ipv6 ? networks > FRAMES * 9u / 10u : networks == 1);
}

static void sizes_are_out_of_bounds(void **state)
{
    (void)state;
    uint8_t out[TW_FLOOD_FRAME_MAX];
    uint32_t least = UINT32_MAX, most = 0, small = 0, cut = 0;
    begin(4);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct tw_packet packet = next(TW_FLOOD_OVERSIZED, out);
        assert_int_equal(packet.outcome, TW_OUTCOME_PAYLOAD_OVERSIZED);
        most = packet.frame_length > most ? packet.frame_length : most;
        packet = next(TW_FLOOD_TINY, out);
        small += packet.outcome == TW_OUTCOME_PAYLOAD_SMALL;
        cut += packet.outcome == (ipv6 ? TW_OUTCOME_IPV6_TRUNCATED : TW_OUTCOME_IPV4_TRUNCATED);
        least = packet.frame_length < least ? packet.frame_length : least;
    }
    assert_int_equal(small + cut, FRAMES);
    assert_true(small > FRAMES / 3 && cut > FRAMES / 3);
    assert_int_equal(least, TW_ETHERNET_SIZE);
    assert_int_equal(most, TW_FLOOD_FRAME_MAX);
}

/* What was offered and not sent is never copied: it would arrive before its original. */
static void copies_are_of_sent_packets(void **state)
{
    (void)state;
    uint8_t out[TW_FLOOD_FRAME_MAX];
    uint8_t frame[4] = {0};
    begin(5);
    assert_int_equal(tw_flood_write(&flood, TW_FLOOD_REPLAY, out), 0);
    uint32_t sent = 0;
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < TW_FLOOD_OFFERS; i++) {
            uint32_t number = sent + i;
            memcpy(frame, &number, sizeof(number));
            tw_flood_offer(&flood, i, frame, sizeof(frame));
        }
        tw_flood_sent(&flood, 10);
        sent += 10;
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t number = UINT32_MAX;
            assert_int_equal(tw_flood_write(&flood, TW_FLOOD_REPLAY, out), sizeof(number));
            memcpy(&number, out, sizeof(number));
            assert_true(number < sent);
        }
    }
}

static void seed_decides(void **state)
{
    (void)state;
    static uint8_t first[100][TW_FLOOD_FRAME_MAX], again[100][TW_FLOOD_FRAME_MAX];
    bool different = false;
    for (uint32_t run = 0; run < 3; run++) {
        begin(run == 2 ? 8 : 7);
        flood.kinds = 1u << TW_FLOOD_UNKNOWN | 1u << TW_FLOOD_HELLO | 1u << TW_FLOOD_TINY;
        for (uint32_t i = 0; i < 100; i++) {
            uint8_t *out = run == 0 ? first[i] : again[i];
            enum tw_flood_kind kind = tw_flood_choose(&flood);
            assert_true((flood.kinds >> kind & 1u) != 0);
            uint32_t length = tw_flood_write(&flood, kind, out);
            if (run == 1)
                assert_memory_equal(again[i], first[i], length);
            different |= run == 2 && memcmp(again[i], first[i], length) != 0;
        }
    }
    assert_true(different);
}

static void kinds_are_named(void **state)
{
    (void)state;
    uint32_t kinds = 0;
    assert_true(tw_flood_kinds_parse("hello,tiny", &kinds));
    assert_int_equal(kinds, 1u << TW_FLOOD_HELLO | 1u << TW_FLOOD_TINY);
    assert_true(tw_flood_kinds_parse("mixed", &kinds));
    assert_int_equal(kinds, (1u << TW_FLOOD_KIND_COUNT) - 1u);
    for (uint32_t kind = 0; kind < TW_FLOOD_KIND_COUNT; kind++) {
        assert_true(tw_flood_kinds_parse(tw_flood_kind_name((enum tw_flood_kind)kind), &kinds));
        assert_int_equal(kinds, 1u << kind);
    }
    assert_false(tw_flood_kinds_parse("", &kinds));
    assert_false(tw_flood_kinds_parse("hello,", &kinds));
    assert_false(tw_flood_kinds_parse("hell", &kinds));
    assert_false(tw_flood_kinds_parse("hello hello", &kinds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_ids_name_nobody),
        cmocka_unit_test(forged_packets_name_sessions),
        cmocka_unit_test(hellos_are_well_formed_or_of_a_wrong_size),
        cmocka_unit_test(strangers_are_of_many_networks),
        cmocka_unit_test(sizes_are_out_of_bounds),
        cmocka_unit_test(copies_are_of_sent_packets),
        cmocka_unit_test(seed_decides),
        cmocka_unit_test(kinds_are_named),
    };
    int failed = cmocka_run_group_tests_name("flood over IPv4", tests, setup, teardown);
    ipv6 = true;
    return failed + cmocka_run_group_tests_name("flood over IPv6", tests, setup, teardown);
}
