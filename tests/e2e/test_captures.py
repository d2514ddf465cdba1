# SPDX-License-Identifier: BSD-3-Clause
"""Hostile captures through net_pcap: every malformed class of both families, frames longer than a
buffer, mutants of them, and any capture at all. The ledger is balanced and the engine lives.

TICKWIRE_CAPTURE=FILE.pcap replays that capture, too; any capture of Ethernet frames will do. With
--long the same goes through an engine under AddressSanitizer and UBSan."""
import argparse
import json
import os
import pathlib
import random
import struct

import scene
import test_hostile
import test_ipv6
import test_lab
from suites import unit
from tools import shell
from tools.host import dual_port, packets

PCAP_MAC = "02:70:63:61:70:00"  # what net_pcap gives its first port
# A file is a queue that never runs empty. Of a longer one strangers' packets would be shed.
COPIES = 10
MUTANTS = 4000


class _Wire:
    """What the hostile frames are made for: a port of net_pcap."""

    mac = "02:00:00:00:00:02"
    engine_mac = PCAP_MAC


def _write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", 0, number * 1000, len(frame), len(frame)) + frame)


def _through_net_pcap(options, path, wrappers=None):
    """Figures of an engine whose port is this file, when all of it was taken."""
    settings = {**dual_port.SETTINGS, "engine.device": f"net_pcap0,rx_pcap={path}"}
    with scene.start(options, port="memif", huge=False, settings=settings,
                     wrappers=wrappers) as host:
        stats = host.settled_stats()
        scene.expect(host.engine.alive(), "the engine died\n" + host.engine.log())
        scene.expect_ledger(stats)
        scene.expect_equal(f"the engine's end\n{host.engine.log()}\nstatus", host.engine.stop(), 0)
        return stats


def _long_frames():
    """(counter, frame) of frames longer than a buffer. They come in several, of which only the
    first is read: what stands in it is taken, what goes on is cut off."""
    def four(body):
        return packets.ethernet(packets.ipv4(body), _Wire.engine_mac, _Wire.mac)
    jumbo6 = packets.ipv6(packets.udp6(bytes(8938), test_ipv6.BOTS, test_ipv6.ENGINE),
                          test_ipv6.BOTS, test_ipv6.ENGINE)
    yield "ipv4_truncated", four(packets.udp(bytes(8958)))  # of 9,000 bytes
    yield "ipv4_truncated", four(packets.udp(bytes(2200)))
    yield "ipv6_truncated", packets.ethernet(jumbo6, _Wire.engine_mac, _Wire.mac,
                                             packets.ETH_P_IPV6)
    yield "payload_small", four(packets.udp(bytes(29))) + bytes(9000)
    yield "cookie_sent", four(packets.udp(packets.hello())) + bytes(2000)


def _cases():
    """(counter, frame) of every class that needs no session, at a port with both families."""
    # pylint: disable=protected-access
    yield from (case for case in test_hostile._link_layer(_Wire) if case[0] != "ipv6_unserved")
    yield from test_hostile._transport(_Wire)
    yield from test_ipv6._cases(_Wire)
    yield from _long_frames()


def _corpus(path):
    """Writes it; {counter: packets}."""
    wanted, cases = {}, list(_cases())
    for counter, _ in cases:
        wanted[counter] = wanted.get(counter, 0) + COPIES
    _write_pcap(path, [frame for _, frame in cases for _ in range(COPIES)])
    return wanted


def _expect_corpus(stats, wanted):
    found = {name: count for name, count in stats["outcomes"].items() if count}
    # The file is read before the first cookie key has come: hellos may be told to try again.
    for counts in (found, wanted):
        counts["cookie_sent"] = counts.get("cookie_sent", 0) + counts.pop("try_again_sent", 0)
    scene.expect_equal("outcomes", dict(sorted(found.items())), dict(sorted(wanted.items())))


def _set_checksum(frame, body_at, length, place, pseudo):
    """Of the body, whose checksum stands at this place of it."""
    body = frame[body_at:body_at + length]
    if len(body) < place + 2:
        return
    body[place:place + 2] = bytes(2)
    struct.pack_into("!H", frame, body_at + place, packets.checksum(pseudo + bytes(body)) or 0xffff)


def _repaired(frame):
    """The frame with right checksums wherever its headers lead: what was changed is looked at by
    whoever comes behind them."""
    frame = bytearray(frame)
    is_ipv4 = frame[12:15] == b"\x08\x00\x45" and len(frame) >= 34
    if not is_ipv4 and (frame[12:14] != b"\x86\xdd" or len(frame) < 54):
        return bytes(frame)
    body_at, protocol = (34, frame[23]) if is_ipv4 else (54, frame[20])
    if is_ipv4:
        frame[24:26] = bytes(2)
        struct.pack_into("!H", frame, 24, packets.checksum(bytes(frame[14:34])))
    room = struct.unpack_from("!H", frame, 16)[0] - 20 if is_ipv4 else struct.unpack_from(
        "!H", frame, 18)[0]
    if room < 8 or body_at + room > len(frame):
        return bytes(frame)
    if protocol == 17:
        room = min(max(8, struct.unpack_from("!H", frame, body_at + 4)[0]), room)
        payload = bytes(frame[body_at + 8:body_at + room])
        if len(payload) >= 18 and payload[:4] == bytes(4):
            frame[body_at + 8:body_at + room] = packets.with_crc(payload[:-4])
    addresses = bytes(frame[26:34] if is_ipv4 else frame[22:54])
    pseudo = addresses + (struct.pack("!BBH", 0, protocol, room) if is_ipv4 else
                          struct.pack("!IHBB", room, 0, 0, protocol))
    if protocol in (1, 17, 58):
        _set_checksum(frame, body_at, room, 6 if protocol == 17 else 2,
                      b"" if protocol == 1 else pseudo)
    return bytes(frame)


def _mutants(source):
    """Bits flipped, bytes cut off and added, at random; half of them with right checksums."""
    bases = [frame for _, frame in _cases()]
    for _ in range(MUTANTS):
        frame = bytearray(source.choice(bases))
        for _ in range(source.randrange(4)):
            frame[source.randrange(len(frame))] ^= 1 << source.randrange(8)
        if source.randrange(3) == 0:
            frame = frame[:source.randrange(1, len(frame) + 1)]
        if source.randrange(8) == 0:
            frame += source.randbytes(source.randrange(64))
        yield _repaired(frame) if source.randrange(2) else bytes(frame)


def _temporary(options, name):
    return pathlib.Path(options.build) / f"{name}-{os.getpid()}.pcap"


def _corpus_and_mutants(options, wrappers=None):
    seed = random.SystemRandom().randrange(1 << 32)
    path = _temporary(options, "hostile")
    try:
        wanted = _corpus(path)
        _expect_corpus(_through_net_pcap(options, path, wrappers), wanted)
        _write_pcap(path, _mutants(random.Random(seed)))
        stats = _through_net_pcap(options, path, wrappers)
        scene.expect_equal(f"frames taken (seed {seed})", stats["rx_packets"], MUTANTS)
    except BaseException:
        print(f"  seed {seed}", flush=True)
        raise
    finally:
        path.unlink(missing_ok=True)


def test_malformed_corpus_and_mutated_frames_through_net_pcap(options):
    """Whatever they are, they are counted."""
    _corpus_and_mutants(options)


def test_hostile_captures_through_a_sanitized_engine(options):
    if not getattr(options, "sanitized", None):
        raise scene.Skipped("only with --long")
    words = ["env", *(f"{name}={value}" for name, value in unit.SANITIZER_ENVIRONMENT.items())]
    _corpus_and_mutants(argparse.Namespace(build=options.sanitized), {"engine": words})


def test_repaired_frames_are_well_formed(options):
    """The mutants' checksums come from here: untouched frames of every kind stay as they are."""
    del options
    for counter, frame in _cases():
        if counter in ("cookie_sent", "nd_handled", "handshake_type", "icmp_ignored", "nd_foreign",
                       "router_ignored"):
            scene.expect_equal(counter, _repaired(frame), frame)
        if counter in ("udp_checksum", "ipv4_checksum", "handshake_crc"):
            scene.expect(_repaired(frame) != frame, f"{counter}: not repaired")


def test_any_capture_through_net_pcap(options):
    """A valid capture, whose sessions are not there; and the one that TICKWIRE_CAPTURE names."""
    path = _temporary(options, "strangers")
    try:
        status, output = shell.run(
            [pathlib.Path(options.build) / "tests/load/tickwire-load", "capture", "--out", path,
             "--sessions", f"{path}.sessions", "--clients", 50, "--seconds", 2, "--engine-mac",
             PCAP_MAC], timeout_s=60)
        scene.expect_equal(f"capture\n{output}\nstatus", status, 0)
        stats = _through_net_pcap(options, path)
        # A file is a queue that never runs empty: strangers get their share of it, and no more.
        shed, unknown = (stats["outcomes"][name] for name in (
            "overload_shed", "connection_unknown"))
        scene.expect_equal("strangers' packets", unknown + shed, json.loads(output)["frames"])
        scene.expect(shed > 0, f"nothing was shed of {unknown}")
        named = scene.environment.get("TICKWIRE_CAPTURE")
        if named:
            named = pathlib.Path(named).resolve()
            stats = _through_net_pcap(options, named)
            scene.expect_equal(f"{named}: frames taken", stats["rx_packets"],
                               sum(1 for _ in test_lab.packets_of(named)))
    finally:
        path.unlink(missing_ok=True)
        pathlib.Path(f"{path}.sessions").unlink(missing_ok=True)
