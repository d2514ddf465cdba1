# SPDX-License-Identifier: BSD-3-Clause
"""Hostile packets from a raw socket: each kind raises its own counter by exactly the number sent,
the engine lives, and the players notice nothing."""
import os
import struct

import scene
from tools.host import packets

COPIES = 20
FOREIGN_MAC = "02:00:00:00:00:99"


def _link_layer(wire):
    """(counter, frame) below UDP; each sent COPIES times."""
    ours, engine = wire.mac, wire.engine_mac
    ip, udp, ether = packets.ipv4, packets.udp, packets.ethernet
    body = udp(bytes(64))
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, packets.mac_bytes(ours),
                      bytes([198, 18, 0, 2]), bytes(6), bytes([198, 18, 0, 77]))
    echo = struct.pack("!BBHHH", 13, 0, 0, 1, 1)
    echo = echo[:2] + struct.pack("!H", packets.checksum(echo)) + echo[4:]
    def to_engine(packet):
        return ether(packet, engine, ours)
    yield "ethernet_truncated", ether(b"\0\1", engine, ours, 0x8100)
    yield "ethernet_foreign", ether(ip(body), FOREIGN_MAC, ours)
    yield "ethertype_unknown", ether(bytes(46), engine, ours, 0x88b5)
    yield "ethertype_unknown", ether(b"\0\0\x81\0\0\0\x08\0" + ip(body), engine, ours, 0x8100)
    yield "vlan_foreign", ether(b"\0\1\x08\0" + ip(body), engine, ours, 0x8100)
    yield "arp_malformed", ether(b"\0\2" + arp[2:], engine, ours, 0x0806)
    yield "arp_foreign", ether(arp, engine, ours, 0x0806)
    yield "ipv6_unserved", ether(bytes([0x60]) + bytes(45), engine, ours, 0x86dd)
    yield "ipv4_truncated", to_engine(ip(body, length=1400))
    yield "ipv4_truncated", to_engine(ip(body)[:12])
    yield "ipv4_header", to_engine(ip(body, version_length=0x65))
    yield "ipv4_header", to_engine(ip(body, version_length=0x46, options=bytes(4)))
    yield "ipv4_checksum", to_engine(ip(body, bad_checksum=True))
    yield "ipv4_fragment", to_engine(ip(body, fragment=0x2000))
    yield "ipv4_fragment", to_engine(ip(body, fragment=0x0010))
    yield "ipv4_foreign", to_engine(ip(body, destination="198.18.0.9"))
    for source in (scene.ENGINE, "224.0.0.1", "0.0.0.0", "198.18.0.255", "127.0.0.1"):
        yield "ipv4_source", to_engine(ip(udp(bytes(64), source=source), source=source))
    yield "ipv4_protocol", to_engine(ip(bytes(40), protocol=6))
    yield "icmp_ignored", to_engine(ip(echo, protocol=1))


def _transport(wire):
    """(counter, frame) of UDP and of handshakes without a session."""
    def frame(payload=bytes(64), **options):
        return packets.ethernet(packets.ipv4(packets.udp(payload, **options)), wire.engine_mac,
                                wire.mac)
    yield "udp_truncated", frame(length=600)
    yield "udp_truncated", frame(length=7)
    yield "udp_port", frame(destination_port=40001)
    yield "udp_port", frame(source_port=0)
    yield "udp_checksum", frame(bad_checksum=True)
    yield "payload_small", frame(bytes(29))
    yield "payload_oversized", frame(bytes(1441))
    hello = packets.hello()
    yield "handshake_type", frame(packets.with_crc(packets.header(0, 9) + bytes(100)))
    yield "handshake_type", frame(packets.with_crc(packets.header(0, 2) + bytes(100)))
    yield "handshake_malformed", frame(packets.hello(padding=b"\1"))
    yield "handshake_malformed", frame(packets.with_crc(hello[:400]))
    yield "handshake_crc", frame(hello[:-1] + bytes([hello[-1] ^ 1]))
    yield "hello2_version", frame(packets.hello2(os.urandom(32), bytes(16), bytes(236), bytes(32),
                                                 version=2))
    yield "cookie_wrong", frame(packets.hello2(os.urandom(32), os.urandom(16), bytes(236),
                                               bytes(32)))
    yield "version_told", frame(packets.hello(version=7))
    yield "cookie_sent", frame(hello)


def _session(wire, player, captured):
    """(counter, frame) that name a live session."""
    session = player.session
    frame_of = python_frames(wire, player.local_port)
    # Free slots of 4,096: an id nobody has, and the live slot under another generation.
    slot = session.connection_id & 0xffff
    nobody = 0x12300000 | (slot ^ 1)
    yield "connection_unknown", frame_of(packets.header(nobody, 0, 0, 9) + bytes(40))
    yield "connection_unknown", frame_of(packets.header(0x1230ffff, 0, 0, 9) + bytes(40))
    stale = session.connection_id ^ 0x00100000 or 0x00200000
    yield "generation_stale", frame_of(packets.header(stale, 0, 0, 9) + bytes(40))
    yield "path_unknown", python_frames(wire, player.local_port ^ 1)(captured)
    yield "phase_unknown", frame_of(
        packets.header(session.connection_id, 0, 1, 1 << 20) + bytes(40))
    yield "header_flags", frame_of(packets.header(session.connection_id, 2, 0, 1 << 20) + bytes(40))
    yield "sequence_invalid", frame_of(packets.header(session.connection_id, 0, 0, 0) + bytes(40))
    yield "sequence_invalid", frame_of(
        packets.header(session.connection_id, 0, 0, 1 << 40) + bytes(40))
    yield "tag_wrong", frame_of(
        packets.header(session.connection_id, 0, 0, 1 << 20) + os.urandom(40))
    yield "tag_wrong", frame_of(packets.header(
        session.connection_id, 0, 0, session.sequence + 1) + captured[14:])
    yield "replay_duplicate", frame_of(captured)


def python_frames(wire, source_port):
    """Frames that look as if they came from the player's own socket."""
    def make(payload):
        return packets.ethernet(packets.ipv4(packets.udp(payload, source_port=source_port)),
                                wire.engine_mac, wire.mac)
    return make


def _expect_counts(host, wire, cases):
    """Sends every case; the counters named, and no others of their kind, move by what was sent."""
    wanted, before = {}, host.settled_stats()
    for counter, frame in cases:
        for _ in range(COPIES):
            wire.send(frame)
        wanted[counter] = wanted.get(counter, 0) + COPIES
        scene.pause(0.02)  # stays inside every budget
    scene.pause(0.5)
    after = host.settled_stats()
    moved = scene.outcome_delta(before, after)
    for name in ("accepted", "arp_handled"):
        moved.pop(name, None)  # the players go on playing
    scene.expect_equal("counters", dict(sorted(moved.items())), dict(sorted(wanted.items())))
    scene.expect_ledger(after)


def _expect_players_unharmed(host, player, inputs_before):
    player.session.run(0.6)
    scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
    scene.expect(player.session.view.last_input > inputs_before, "no input was applied since")
    scene.expect(host.engine.alive(), "the engine died\n" + host.engine.log())


def test_hostile_packets_without_a_session(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("calm")).join(1.0)
        wire = scene.wire(host)
        applied = player.session.view.last_input
        _expect_counts(host, wire, list(_link_layer(wire)))
        _expect_players_unharmed(host, player, applied)
        _expect_counts(host, wire, list(_transport(wire)))
        _expect_players_unharmed(host, player, applied)
        player.leave()
        wire.close()


def _captured_packet(wire, player):
    """A packet of the player as it stood on the wire."""
    wire.drain()
    player.session.run(0.2)
    for _, outgoing, frame in wire.capture(0.2):
        udp = packets.udp_payload(frame)
        if outgoing and udp and udp[1] == player.local_port and udp[4][:4] != b"\0\0\0\0":
            return udp[4]
    raise AssertionError("nothing of the player was captured")


def test_hostile_packets_at_a_live_session(options):
    with scene.start(options, settings={"limits.session_pps": 100000}) as host:
        player = scene.Player(host, host.token("target")).join(1.0)
        wire = scene.wire(host)
        captured = _captured_packet(wire, player)
        applied = player.session.view.last_input
        _expect_counts(host, wire, list(_session(wire, player, captured)))
        _expect_players_unharmed(host, player, applied)
        # 1,024 numbers later the same packet is too old to be told from a replay.
        player.session.sequence += 1100
        player.session.run(0.3)
        _expect_counts(host, wire, [("replay_old", python_frames(wire, player.local_port)(
            captured))])
        _expect_players_unharmed(host, player, applied)
        player.leave()
        wire.close()


MALFORMED = {
    "frame_malformed": [b"\x63\0\0", b"\3\x08\0short", b"\3\x08\0" + bytes(8) + b"\3\x08\0"
                        + bytes(8), b"", b"\1\5\0" + struct.pack("<IB", 5, 3)],
    "frame_range": [b"\1\x0b\0" + struct.pack("<IBbbHH", 500, 1, -128, 0, 0, 0),
                    b"\1\x0b\0" + struct.pack("<IBbbHH", 500, 1, 0, 0, 0, 0x100),
                    b"\2\x08\0" + bytes(8), b"\6\x12\0" + bytes(18)],
}


def test_authenticated_nonsense_is_dropped_whole_then_closes(options):
    with scene.start(options, settings={"limits.malformed_max": 16}) as host:
        player = scene.Player(host, host.token("odd")).join(1.0)
        before = host.settled_stats()
        for plaintexts in MALFORMED.values():
            for plaintext in plaintexts:
                player.endpoint.send(player.sealed(plaintext))
        after = host.settled_stats()
        moved = scene.outcome_delta(before, after)
        for counter, plaintexts in MALFORMED.items():
            scene.expect_equal(counter, moved.get(counter, 0), len(plaintexts))
        player.session.run(0.5)  # nine of sixteen: still welcome
        for _ in range(16):
            player.endpoint.send(player.sealed(b"\x63\0\0"))
        try:
            player.session.run(2)
            raise AssertionError("the session was not closed")
        except scene.python_client.Failed as closed:
            scene.expect(str(closed).endswith(": 6"), f"closed, but: {closed}")
        player.leave()
