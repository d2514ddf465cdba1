# SPDX-License-Identifier: BSD-3-Clause
"""The Wireshark dissector: of the protocol's test vectors, and of captures of real sessions."""
import pathlib
import stat
import tempfile
import threading
from random import Random

import dissector
import scene
import test_lab
from tools import shell
from tools.host import packets, stack

import phases
import tickwire_client as python_client
import vectors as protocol_vectors

protocol = python_client.protocol
CLIENT, SERVER = ("203.0.113.9", 50000), ("198.51.100.7", 27777)


def _need_tshark():
    reason = dissector.missing()
    if reason:
        raise scene.Skipped(reason)


def _frame(payload, from_client):
    source, destination = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    datagram = packets.udp(payload, source[0], destination[0], source[1], destination[1])
    return packets.ethernet(packets.ipv4(datagram, source[0], destination[0]),
                            "02:00:00:00:00:01", "02:00:00:00:00:02")


def _vector_packets(vectors):
    """[(payload, from client)] of everything that section 7 has, sealed where it is not."""
    keys = {True: protocol.PacketKey(vectors["c2s"], 1),
            False: protocol.PacketKey(vectors["s2c"], 1)}
    result = [(vectors[name], name.startswith("hello")) for name in (
        "hello", "cookie", "hello 2", "welcome", "try again", "wrong version", "refused")]
    result += [(vectors[f"{who} packet, ChaCha20-Poly1305"], who == "client")
               for who in ("client", "server", "close")]
    result += [(vectors[f"{who} packet of phase 1"], who == "client")
               for who in ("client", "server")]
    plaintexts = [text for name, text in sorted(vectors.items()) if name.endswith(" plaintext")]
    plaintexts += [protocol.frame(protocol.SNAPSHOT, vectors[name])
                   for name in ("snapshot body", "baseline body")]
    number = 70000
    for plaintext in plaintexts:
        number += 1
        from_client = dissector.FRAMES[plaintext[0]][1] != "s → c"
        sealed = keys[from_client].seal(0x2A000017, number, plaintext)
        result.append((sealed, from_client))
    # Under the new name.
    result.append((keys[True].seal(0x51010203, number + 1, protocol.frame_ping(7)), True))
    return result


def _expect_late_capture(directory, keys, log):
    """It begins in phase 6 and goes on in phase 7, and nothing tells so; on a port of its own."""
    capture = pathlib.Path(directory, "late.pcap")
    plaintext = protocol.frame_close(1)
    frames = []
    for number, (phase, from_client) in enumerate(((6, True), (7, False), (7, True))):
        secret = keys.client_to_server if from_client else keys.server_to_client
        for _ in range(phase):
            secret = phases.next_secret(secret)
        sealed = protocol.PacketKey(secret, 1).seal(0x2A000017, 100 + number, plaintext,
                                                    flags=phase & 1)
        frames.append(_frame(sealed, from_client))
    dissector.write_pcap(capture, frames)
    scene.expect_equal("packets on an unknown port", dissector.read(capture, log), [])
    rows = dissector.read(capture, log, ports=SERVER[1])
    scene.expect_equal("phases", [row["tickwire.phase"] for row in rows], [["6"], ["7"], ["7"]])


def test_dissector_reads_every_test_vector(_options):
    _need_tshark()
    vectors = protocol_vectors.read(scene.ROOT / "docs" / "protocol.md")
    keys = protocol.Keys(vectors["transcript"], vectors["dh ephemeral ephemeral"],
                         vectors["dh ephemeral static"], vectors["psk"])
    with tempfile.TemporaryDirectory() as directory:
        capture, log = pathlib.Path(directory, "c.pcap"), pathlib.Path(directory, "keys")
        everything = _vector_packets(vectors)
        dissector.write_pcap(capture, [_frame(*one) for one in everything])
        log.write_text("# not a line\n" + dissector.key_log_line(
            0x2A000017, 1, keys, vectors["client ephemeral key"]) + "\n")
        rows = dissector.read(capture, log)
        scene.expect_equal("packets", len(rows), len(everything))
        scene.expect_equal("faults", dissector.faults(rows), {})
        client, server = dissector.frames_by_side(rows)
        names = {name for name, _ in dissector.FRAMES.values()}
        scene.expect_equal("frames never seen", names - set(client) - set(server), set())
        scene.expect_equal("phases", sorted({p for row in rows for p in row["tickwire.phase"]}),
                           ["0", "1"])
        told = ("tickwire.welcome.tick", "tickwire.snapshot.tick", "tickwire.cold.health",
                "tickwire.message.data", "tickwire.message.text", "tickwire.refused.reason",
                "tickwire.entity.handle")
        values = {name: sum((row[name] for row in dissector.read(capture, log, told)), [])
                  for name in told}
        scene.expect_equal("values", values, {
            "tickwire.welcome.tick": ["1000"], "tickwire.snapshot.tick": ["1008", "1011"],
            "tickwire.cold.health": ["90", "50", "40", "40"],
            "tickwire.message.data": [vectors["compressed plaintext"][7:].hex(), b"abcde".hex(),
                                      bytes(range(128)).hex()],
            "tickwire.message.text": [vectors["message"].hex()],
            "tickwire.refused.reason": ["8"],
            "tickwire.entity.handle": ["0x02000005", "0x02000005", "0x01000009",
                                       "0x01000009"]})
        _expect_late_capture(directory, keys, log)
        # Nothing opens under a key that is wrong, and it says so.
        wrong = keys.client_to_server[:-1] + bytes([keys.client_to_server[-1] ^ 1])
        keys.client_to_server = wrong
        log.write_text(dissector.key_log_line(0x2A000017, 1, keys,
                                              vectors["client ephemeral key"]) + "\n")
        rows = dissector.read(capture, log)
        scene.expect(not dissector.frames_by_side(rows)[0], "opened with a wrong key")
        scene.expect_equal("faults", set(dissector.faults(rows)), {"tickwire.unread"})


class _Recorder:
    """Everything that crosses the bots' end of the port, until it is stopped."""

    def __init__(self, host):
        self.wire = scene.wire(host)
        self.wire.drain()
        self.frames = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            self.frames += self.wire.capture(0.2)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.frames += self.wire.capture(0.2)
        self.wire.close()
        return self.frames


def _count(rows, name, text):
    return sum(row[name].count(text) for row in rows)


def test_dissector_agrees_with_the_engine(options):
    """Keys change, bots walk and talk; every packet is shown, and no count differs."""
    _need_tshark()
    settings = {"limits.rekey_packets": 64, "world.npcs": 50}
    with scene.start(options, settings=settings) as host:
        log, capture = host.directory / "keys", host.directory / "capture.pcap"
        before = host.settled_stats()
        recorder = _Recorder(host)
        bots = host.bots(host.tokens(4), 5, "--talk", "--key-log", log)
        status, summary = bots.finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        stats = host.settled_stats()
        frames = recorder.stop()
        scene.expect_equal("mode of the key log", oct(stat.S_IMODE(log.stat().st_mode)), "0o600")
        dissector.write_pcap(capture, [frame for _, _, frame in frames])
        rows = dissector.read(capture, log)
        scene.expect_equal("faults", dissector.faults(rows), {})
        _expect_counts(rows, before, stats)
        seen = {int(phase) for row in rows for phase in row["tickwire.phase"]}
        scene.expect_equal("key phases", seen, set(range(summary["key_phase_max"] + 1)))
        scene.expect(summary["key_phase_max"] >= 2, f"key phases: {summary}")


def _expect_counts(rows, before, stats):
    client, server = dissector.frames_by_side(rows)
    sides = [side == "1" or side == "True" for row in rows for side in row["tickwire.from_client"]]
    moved = scene.outcome_delta(before, stats)
    # Of the three closes of each client the first one ends the session.
    clients = stats["verdicts"]["welcomed"]
    scene.expect_equal("clients' packets", sides.count(True), moved["accepted"] + 2 * clients)
    scene.expect_equal("outcomes of closing sessions", moved.get("session_closing", 0),
                       2 * clients)
    scene.expect_equal("other outcomes", set(moved) - {
        "accepted", "session_closing", "cookie_sent", "handshake_relayed", "arp_handled"}, set())
    inputs = sum(int(count) for row in rows for count in row["tickwire.inputs.count"])
    scene.expect_equal("inputs", inputs, sum(stats["inputs"].values()))
    for what, seen, counted in (
            ("snapshots", server["snapshot"], stats["snapshots"]),
            ("challenges", server["challenge"], stats["roaming"]["challenged"]),
            ("cookies", _count(rows, "tickwire.handshake", "2"), stats["outcomes"]["cookie_sent"]),
            ("welcomes", _count(rows, "tickwire.handshake", "4"), clients),
            ("closes", client["close"], 3 * clients)):
        scene.expect_equal(what, seen, counted)
    scene.expect(client["messages"] > 0 and server["messages"] > 0 and server["arrivals"] > 0
                 and client["check"] > 0, f"frames: {client}, {server}")
    scene.expect(0 < server["pong"] <= client["ping"], f"pongs: {client}, {server}")


def test_dissector_reads_a_labs_capture(options):
    """With the keys that the lab's engine logs, which no other engine does."""
    _need_tshark()
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory, "keys")
        with test_lab.start_lab(options, settings={"engine.key_log": log}) as host:
            capture, sessions, frames = test_lab.capture_of(host, "read")
            before = host.settled_stats()
            test_lab.import_sessions(host, sessions)
            test_lab.replay(host, capture, "--loops", 1)
            after = host.settled_stats()
            scene.expect_equal("mode of the key log", oct(stat.S_IMODE(log.stat().st_mode)),
                               "0o600")
            scene.expect_equal("lines", len(log.read_text().splitlines()), test_lab.CLIENTS)
            rows = dissector.read(capture, log)
            scene.expect_equal("faults", dissector.faults(rows), {})
            scene.expect_equal("packets", len(rows), frames)
            scene.expect_equal("accepted", scene.outcome_delta(before, after)["accepted"], frames)
            inputs = sum(int(count) for row in rows for count in row["tickwire.inputs.count"])
            scene.expect_equal("inputs", inputs, sum(after["inputs"].values()))


def test_dissector_survives_nonsense(_options):
    """Plaintexts bent, cut off and made up, under right tags; datagrams of any bytes."""
    _need_tshark()
    random = Random(1)
    vectors = protocol_vectors.read(scene.ROOT / "docs" / "protocol.md")
    keys = protocol.Keys(vectors["transcript"], vectors["dh ephemeral ephemeral"],
                         vectors["dh ephemeral static"], vectors["psk"])
    sealer = protocol.PacketKey(keys.server_to_client, 1)
    whole = [text for name, text in sorted(vectors.items()) if name.endswith(" plaintext")]
    whole += [protocol.frame(protocol.SNAPSHOT, vectors[name])
              for name in ("snapshot body", "baseline body")]
    frames = []
    for number in range(1, 601):
        plaintext = bytearray(random.choice(whole))
        if number % 3 == 0:
            plaintext = plaintext[:random.randrange(len(plaintext))]
        for _ in range(random.randrange(1, 4) if plaintext else 0):
            plaintext[random.randrange(len(plaintext))] = random.randrange(256)
        frames.append(_frame(sealer.seal(0x2A000017, number, bytes(plaintext)), False))
        payload = bytearray(random.choice([vectors["hello 2"], vectors["welcome"], bytes(60)]))
        payload = payload[:random.randrange(1, len(payload) + 1)]
        payload[random.randrange(len(payload))] ^= 1 << random.randrange(8)
        frames.append(_frame(bytes(payload), random.random() < 0.5))
    with tempfile.TemporaryDirectory() as directory:
        capture, log = pathlib.Path(directory, "c.pcap"), pathlib.Path(directory, "keys")
        dissector.write_pcap(capture, frames)
        log.write_text(dissector.key_log_line(0x2A000017, 1, keys,
                                              vectors["client ephemeral key"]) + "\n")
        rows = dissector.read(capture, log, ports=SERVER[1])
        scene.expect_equal("packets shown", len(rows), len(frames))
        found = dissector.faults(rows)
        scene.expect(found["tickwire.malformed"] > 500, f"faults: {found}")
        scene.expect_equal("errors of the script", found.get("_ws.lua.error", 0), 0)


def test_no_player_is_ever_in_a_key_log(options):
    host = stack.Stack(options.build, settings={"engine.key_log": "/tmp/tickwire-never"})
    try:
        host.prepare()
        status, output = shell.run([host.executable("engine"), "--config", host.config_path])
        scene.expect_equal(f"exit status: {output}", status, 2)
        scene.expect("key_log`: given without lab: true" in output, output)
        scene.expect(not pathlib.Path("/tmp/tickwire-never").exists(), "a key log was made")
    finally:
        host.close()
