# SPDX-License-Identifier: BSD-3-Clause
"""IPv6 beside IPv4 on one port: players of both families, pings, a client whose IPv4 is dead, and
hostile packets of every named kind."""
import base64
import os
import socket
import struct

import scene
from tools.host import dual_port, packets, port
from tools.host.ledger import BOTS_COUNT, lost_too_many, reconcile_dual

ENGINE = dual_port.ENGINE_ADDRESS6
BOTS = dual_port.BOTS_ADDRESS6
GROUP = "ff02::1:ff00:1"
GROUP_MAC = "33:33:ff:00:00:01"
ALL_NODES = "ff02::1"
ALL_NODES_MAC = "33:33:00:00:00:01"
ROUTER = "fe80::fe"
COPIES = 20


def _only_ipv6(token_text):
    """The same connect token with the IPv6 address of its list alone."""
    token = bytearray(base64.b64decode(token_text))
    addresses = [bytes(token[16 + 18 * i:34 + 18 * i]) for i in range(token[7])]
    kept = [address for address in addresses if address[:12] != bytes(10) + b"\xff\xff"]
    scene.expect_equal("IPv6 addresses in a token", len(kept), 1)
    token[7] = 1
    token[16:88] = kept[0] + bytes(54)
    return base64.b64encode(token).decode()


def _ping(host, count):
    """Echo requests by the bots' kernel; the number of answers that came."""
    pinger = host.port.bots.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    answers = 0
    with pinger:
        pinger.settimeout(2)
        pinger.connect((ENGINE, 0))
        for number in range(count):
            body = struct.pack("!HH", 77, number) + os.urandom(32)
            pinger.send(struct.pack("!BBH", 128, 0, 0) + body)
            answer = pinger.recv(2048)
            while answer[0] != 129:  # neighbour discovery is heard here too
                answer = pinger.recv(2048)
            answers += answer[4:] == body
    return answers


def _expect_finished(bots, count):
    status, summary = bots.finish(40)
    scene.expect_equal(f"bots' exit status {summary}", status, 0)
    scene.expect_equal("connected", summary["connected"], count)
    scene.expect(summary["inputs_applied"] > 0, f"no input was applied: {summary}")
    scene.expect(summary["hashes_checked"] >= count, f"hashes checked: {summary}")
    scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
    return summary


def test_players_of_both_families_at_once(options):
    with scene.start(options, port="dual") as host:
        host.keep_neighbour(port.ENGINE_ADDRESS, ENGINE)
        four = host.bots(host.tokens(30, "four"), 8)
        six = host.bots([_only_ipv6(token) for token in host.tokens(30, "six")], 8)
        scene.expect(six.wait_for(lambda line: line.get("connected") == 30, 15),
                     "not all clients connected over IPv6")
        scene.expect_equal("pings answered", _ping(host, 5), 5)
        sessions = host.cli("session", "list")["sessions"]
        by_address = [session["address"].rsplit(":", 1)[0] for session in sessions]
        scene.expect_equal("sessions over IPv6", by_address.count(f"[{BOTS}]"), 30)
        scene.expect_equal("sessions over IPv4", by_address.count(port.BOTS_ADDRESS), 30)
        totals = dict.fromkeys(BOTS_COUNT, 0)
        for summary in (_expect_finished(four, 30), _expect_finished(six, 30)):
            for name in totals:
                totals[name] += summary[name]
        stats = host.settled_stats()
        interface = host.port.bots.interface(port.BOTS_INTERFACE)
        problems = reconcile_dual(stats, interface, host.port.bots.kernel_counters(),
                                  host.port.bots.kernel_counters6(), totals)
        problems += lost_too_many(stats, interface)
        scene.expect(not problems, "\n".join(problems) + f"\n{stats}\n{totals}")
        scene.expect_equal("pings counted", stats["outcomes"]["icmp_answered"], 5)
        told = host.cli("status")["stats"]["ports"][0]
        scene.expect_equal("tickwire status", told["address6"], f"[{ENGINE}]:40000")


def test_client_comes_by_ipv6_when_ipv4_is_dead(options):
    with scene.start(options, port="dual") as host:
        tokens = host.tokens(5)
        host.port.bots.run("ip", "address", "flush", "dev", port.BOTS_INTERFACE, "scope", "global",
                           "to", f"{port.BOTS_ADDRESS}/32")
        _expect_finished(host.bots(tokens, 5), 5)
        scene.expect_equal("ARP", host.settled_stats()["outcomes"]["arp_handled"], 0)


def test_independent_client_over_ipv6(options):
    with scene.start(options, port="dual") as host:
        player = scene.Player(host, host.token("six"), address=1).join(1.0)
        scene.expect(player.session.view.last_input > 0, "no input was applied")
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        player.leave()


def _cases(wire):
    """(counter, frame)"""
    def to(mac, packet):
        return packets.ethernet(packet, mac, wire.mac, packets.ETH_P_IPV6)

    def frame(payload=None, destination=ENGINE, mac=wire.engine_mac, source=BOTS, **options):
        body = packets.udp6(bytes(64), source, destination) if payload is None else payload
        return to(mac, packets.ipv6(body, source, destination, **options))

    def udp(payload=bytes(64), **options):
        return frame(packets.udp6(payload, BOTS, ENGINE, **options))

    def icmp(kind, body, source=BOTS, destination=ENGINE, mac=wire.engine_mac, hops=255, code=0):
        return frame(packets.icmp6(kind, body, source, destination, code), destination, mac, source,
                     next_header=58, hop_limit=hops)

    def asks(target=ENGINE, option=b"\1\1" + packets.mac_bytes(wire.mac), **options):
        options = {"destination": GROUP, "mac": GROUP_MAC, **options}
        return icmp(135, bytes(4) + socket.inet_pton(socket.AF_INET6, target) + option, **options)

    def tells(target=BOTS, flags=0x60, option=b"\2\1" + packets.mac_bytes(wire.mac), **options):
        return icmp(136, bytes([flags, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, target)
                    + option, **options)
    yield "ipv6_truncated", frame()[:40]
    yield "ipv6_truncated", frame(length=1400)
    yield "ipv6_version", frame(version=4)
    yield "ipv6_jumbo", frame(length=0)
    yield "ipv6_jumbo", frame(length=0, next_header=0)
    yield "ipv6_foreign", frame(destination="fd12::9")
    yield "ipv6_foreign", frame(destination=ALL_NODES, mac=ALL_NODES_MAC)
    for header in (0, 43, 50, 51, 60, 135):
        yield "ipv6_extension", frame(next_header=header)
    yield "ipv6_fragment", frame(next_header=44)
    yield "ipv6_protocol", frame(next_header=6)
    for source in (ENGINE, "::", "::1", "ff02::2", "::ffff:198.18.0.2"):
        yield "ipv6_source", frame(source=source)
    yield "udp_checksum", frame(packets.udp6(bytes(64), BOTS, ENGINE)[:6] + bytes(66))
    yield "udp_checksum", frame(packets.udp6(bytes(64), BOTS, ROUTER))
    yield "udp_truncated", udp(length=600)
    yield "udp_port", udp(destination_port=40001)
    yield "payload_small", udp(bytes(29))
    yield "payload_oversized", udp(bytes(1441))
    yield "icmpv6_ignored", icmp(129, bytes(8))
    yield "icmpv6_ignored", icmp(128, bytes(8), destination=ALL_NODES, mac=ALL_NODES_MAC)
    for kind in (133, 134, 137):
        yield "router_ignored", icmp(kind, bytes(28), ROUTER, ALL_NODES, ALL_NODES_MAC)
    yield "nd_malformed", asks(hops=254)
    yield "nd_malformed", asks(code=1)
    yield "nd_malformed", asks(option=b"\1\0" + bytes(6))
    yield "nd_malformed", asks(option=b"\1\1" + b"\xff" * 6)
    yield "nd_malformed", asks(source="::")
    yield "nd_malformed", asks(target=ALL_NODES)
    yield "nd_malformed", tells(destination=ALL_NODES, mac=ALL_NODES_MAC)
    yield "nd_malformed", icmp(136, bytes(8))
    yield "nd_foreign", asks(target="fd12::9")
    yield "nd_foreign", asks(source="fd13::2")
    yield "nd_foreign", tells(target=ENGINE)
    yield "nd_handled", asks(source="::", option=b"")  # a probe: answered to all nodes
    yield "ethernet_foreign", asks(mac="33:33:ff:00:00:09")
    yield "handshake_crc", udp(packets.hello()[:-1] + b"!")
    yield "cookie_sent", udp(packets.hello())


def test_hostile_ipv6_packets(options):
    with scene.start(options, port="dual", settings={"limits.arp_pps": 100000}) as host:
        player = scene.Player(host, host.token("calm"), address=1).join(1.0)
        wire = scene.wire(host)
        wire.sink6 = host.port.bots.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        wire.sink6.bind((BOTS, packets.SOURCE_PORT))
        scene.expect_equal("pings answered", _ping(host, 1), 1)
        cases = list(_cases(wire))
        applied = player.session.view.last_input
        wanted, before = {}, host.settled_stats()
        for counter, frame in cases:
            for _ in range(COPIES):
                wire.send(frame)
            wanted[counter] = wanted.get(counter, 0) + COPIES
            scene.pause(0.02)
        scene.pause(0.5)
        after = host.settled_stats()
        moved = scene.outcome_delta(before, after)
        for name in ("accepted", "arp_handled"):
            moved.pop(name, None)
        # The kernels' own: checks that the neighbour is still there, listener reports.
        for name in ("nd_handled", "ethernet_foreign"):
            extra = moved.get(name, 0) - wanted[name]
            scene.expect(0 <= extra <= 4, f"{name}: {extra} more than sent")
            moved[name] -= extra
        scene.expect_equal("counters", dict(sorted(moved.items())), dict(sorted(wanted.items())))
        scene.expect_ledger(after)
        player.session.run(0.6)
        scene.expect(player.session.view.last_input > applied, "no input was applied since")
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        scene.expect(host.engine.alive(), "the engine died\n" + host.engine.log())
        player.leave()
        wire.sink6.close()
        wire.close()


def test_ipv6_checksums_are_left_to_a_tap_port(options):
    """AF_XDP finishes none: there the worker's own are on the wire."""
    with scene.start(options, port="dual_tap", huge=False) as host:
        scene.expect("tx_checksum" in host.stats()["ports"][0]["features"], "TAP makes none")
        player = scene.Player(host, host.token("six"), address=1).join(1.0)
        scene.expect(player.session.view.last_input > 0, "no input was applied")
        player.leave()
        counters = host.port.bots.kernel_counters6()
        scene.expect_equal("wrong checksums", counters["Udp6InCsumErrors"], 0)
        scene.expect_equal("datagrams", counters["Udp6InDatagrams"], player.endpoint.received)
        scene.expect_ledger(host.settled_stats())
