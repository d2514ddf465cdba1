/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose a packet is, by its kind, its ids and the session table alone. */
#include "dataplane/gate/whose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SESSIONS 4u
#define WORKER   1u /* the one that looks, of three */
#define WORKERS  3u

static void by_kind_and_ids(void **state)
{
    (void)state;
    static const struct {
        enum tw_packet_kind kind;
        uint32_t id, passed_id;
        enum tw_whose whose;
    } rows[] = {
        {TW_PACKET_ARP, 0, 0, TW_WHOSE_LINK},
        {TW_PACKET_ICMP, 0, 0, TW_WHOSE_LINK},
        {TW_PACKET_ND, 0, 0, TW_WHOSE_LINK},
        {TW_PACKET_ICMPV6, 0, 0, TW_WHOSE_LINK},
        {TW_PACKET_UDP, 0, 0, TW_WHOSE_HANDSHAKE},
        {TW_PACKET_UDP, 1u << 20 | 0u << 16 | 5, 0, TW_WHOSE_OTHER},
        {TW_PACKET_UDP, 1u << 20 | 1u << 16 | 5, 0, TW_WHOSE_OURS},
        {TW_PACKET_UDP, 1u << 20 | 2u << 16 | 5, 0, TW_WHOSE_OTHER},
        {TW_PACKET_UDP, 1u << 20 | 3u << 16 | 5, 0, TW_WHOSE_NOBODY},
        {TW_PACKET_UDP, 1u << 20 | 15u << 16 | 5, 0, TW_WHOSE_NOBODY},
        /* Passed on by a tombstone: the id beside it counts, the header's is what was sealed. */
        {TW_PACKET_UDP, 1u << 20 | 2u << 16 | 5, 1u << 20 | 1u << 16 | 6, TW_WHOSE_OURS},
        {TW_PACKET_UDP, 1u << 20 | 1u << 16 | 5, 1u << 20 | 2u << 16 | 6, TW_WHOSE_OTHER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tw_packet packet = {.kind = (uint8_t)rows[i].kind,
                                   .passed_id = rows[i].passed_id,
                                   .header.connection_id = rows[i].id};
        assert_int_equal(tw_whose_is(&packet, WORKER, WORKERS), rows[i].whose);
    }
}

struct given {
    struct tw_sessions sessions;
    void *memory;
    uint32_t slot;
};

static int setup(void **state)
{
    static struct given given;
    size_t size = (tw_sessions_footprint(SESSIONS) + 63u) & ~(size_t)63u;
    given.memory = aligned_alloc(64, size);
    memset(given.memory, 0, size);
    tw_sessions_init(&given.sessions, given.memory, SESSIONS, WORKER, 7);
    given.slot = tw_sessions_take(&given.sessions);
    given.sessions.hot[given.slot].address = tw_address_from_ipv4(0xc6120010u, 4000);
    *state = &given;
    return 0;
}

static int teardown(void **state)
{
    struct given *given = *state;
    free(given->memory);
    return 0;
}

/* The session's own packet. */
static struct tw_packet own(const struct given *given)
{
    return (struct tw_packet){
        .kind = TW_PACKET_UDP,
        .source = given->sessions.hot[given->slot].address,
        .header.connection_id = tw_sessions_id(&given->sessions, given->slot),
    };
}

static enum tw_filter_class class_of(const struct given *given, struct tw_packet packet)
{
    return tw_whose_class(&packet, &given->sessions, WORKERS);
}

static void known_is_who_comes_from_its_sessions_address(void **state)
{
    struct given *given = *state;
    assert_int_equal(class_of(given, own(given)), TW_FILTER_KNOWN);
    struct tw_packet packet = own(given);
    packet.source.port++;
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER);
    packet = own(given);
    packet.source.ip[15] ^= 1;
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER);
    packet = own(given);
    packet.interface = 1;
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER);
    packet = own(given);
    packet.header.connection_id ^= 1u << 20; /* another generation */
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER);
    packet = own(given);
    packet.header.connection_id = 0;
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER);
    packet = own(given);
    packet.kind = TW_PACKET_ICMP;
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER);
}

static void foreign_is_judged_elsewhere(void **state)
{
    struct given *given = *state;
    struct tw_packet packet = own(given);
    packet.header.connection_id ^= (WORKER ^ 2u) << TW_SLOT_BITS;
    assert_int_equal(class_of(given, packet), TW_FILTER_FOREIGN);
    packet.header.connection_id |= 3u << TW_SLOT_BITS;
    assert_int_equal(class_of(given, packet), TW_FILTER_STRANGER); /* no such worker */
    tw_sessions_set_state(&given->sessions, given->slot, TW_SESSION_MOVED);
    assert_int_equal(class_of(given, own(given)), TW_FILTER_FOREIGN);
}

/* Pending and closing sessions speak from their address; one that only waits for its session to
 * arrive does not. */
static void states(void **state)
{
    struct given *given = *state;
    tw_sessions_set_state(&given->sessions, given->slot, TW_SESSION_LIVE);
    assert_int_equal(class_of(given, own(given)), TW_FILTER_KNOWN);
    tw_sessions_set_state(&given->sessions, given->slot, TW_SESSION_CLOSING);
    assert_int_equal(class_of(given, own(given)), TW_FILTER_KNOWN);
    tw_sessions_set_state(&given->sessions, given->slot, TW_SESSION_RESERVED);
    assert_int_equal(class_of(given, own(given)), TW_FILTER_STRANGER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_kind_and_ids),
        cmocka_unit_test_setup_teardown(known_is_who_comes_from_its_sessions_address, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(foreign_is_judged_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(states, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
