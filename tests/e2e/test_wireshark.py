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
from tools.host import packets, port, stack

import messages
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


# What a packet shows of messages.
TOLD = ("tickwire.from_client", "tickwire.message.whole", "tickwire.message.text",
        "tickwire.message.complete_in", "tickwire.malformed", "_ws.expert.message",
        "_ws.lua.error")


class _Talk:
    """Packets with messages of the vectors' session, and what is to be shown of each."""

    def __init__(self, vectors):
        keys = protocol.Keys(vectors["transcript"], vectors["dh ephemeral ephemeral"],
                             vectors["dh ephemeral static"], vectors["psk"])
        self.log = dissector.key_log_line(0x2A000017, 1, keys, vectors["client ephemeral key"])
        self.sealers = {True: protocol.PacketKey(keys.client_to_server, 1),
                        False: protocol.PacketKey(keys.server_to_client, 1)}
        self.id, self.sequence = 0x2A000017, 0
        self.frames, self.expected, self.late = [], [], {}

    def packet(self, from_client, plaintext):
        self.sequence += 1
        sealed = self.sealers[from_client].seal(self.id, self.sequence, plaintext)
        self.frames.append(_frame(sealed, from_client))
        self.expected.append({})
        return len(self.frames)

    def say(self, from_client, *entries, **shown):
        """Returns the number of the packet; shown: whole, text, damaged, malformed, complete_in."""
        self.packet(from_client, protocol.frame(protocol.MESSAGES, b"".join(entries)))
        self.expected[-1] = shown
        return len(self.frames)

    def complete(self, earlier):
        """Those packets tell, when looked at again, that this last one completed the message."""
        for number in earlier:
            self.late[number - 1] = len(self.frames)

    def show(self, rows, again):
        for number, (row, shown) in enumerate(zip(rows, self.expected)):
            frame = shown.get("complete_in", self.late.get(number) if again else None)
            expected = {
                "whole": [shown["whole"].hex()] if "whole" in shown else [],
                "text": [shown["text"].hex()] if "text" in shown else [],
                "malformed": bool(shown.get("malformed")),
                "complete_in": [str(frame)] if frame else []}
            seen = {"whole": row["tickwire.message.whole"], "text": row["tickwire.message.text"],
                    "malformed": bool(row["tickwire.malformed"]),
                    "complete_in": row["tickwire.message.complete_in"]}
            scene.expect(seen == expected, f"packet {number + 1}, again: {again}: "
                         f"{str(seen)[:400]} instead of {str(expected)[:400]}")
            said = "".join(row["_ws.expert.message"])
            damaged = [part.split(": ")[1] for part in said.split("Damaged message")[1:]]
            scene.expect_equal(f"packet {number + 1}, damaged", damaged, shown.get("damaged", []))
            scene.expect_equal("errors of the script", row["_ws.lua.error"], [])


def _parts(number, data, flags=messages.COMPRESSED, channel=messages.BULK):
    return [messages.entry_part(channel, number, len(data), at // messages.GRANULE,
                                data[at:at + messages.RUN_BYTES], flags)
            for at in range(0, len(data), messages.RUN_BYTES)]


def _talk_of_parts(talk, text, block):
    """Out of order, twice, both ways at once, under a new name, across the end of numbers."""
    numbers = {True: 65535, False: 65535}
    order = list(reversed(range(len(_parts(0, block)))))
    order.insert(1, order[0])
    earlier = {True: [], False: []}
    for step, which in enumerate(order):
        for side in (True, False):
            last = step == len(order) - 1
            here = len(talk.frames) + 1
            shown = {"whole": block, "text": text, "complete_in": here} if last else {}
            earlier[side].append(talk.say(side, _parts(numbers[side], block)[which], **shown))
            if last:
                talk.complete(earlier[side][:-1])
        if step == 1:
            talk.packet(False, protocol.frame(protocol.RENAME, (0x51010203).to_bytes(4, "little")))
            talk.id = 0x51010203
    done = {side: earlier[side][-1] for side in earlier}
    # Once more: here before. The next number is 0; parts that are whole, and not compressed.
    talk.say(True, _parts(65535, block)[0], complete_in=done[True])
    plain = bytes(range(256)) * 5
    first = talk.say(True, _parts(0, plain, flags=0, channel=messages.UNORDERED)[0])
    talk.say(True, _parts(0, plain, flags=0, channel=messages.UNORDERED)[1], whole=plain,
             complete_in=first + 1)
    talk.complete([first])
    # Parts that nothing completes: their number comes again, for another message.
    talk.say(True, _parts(1, block)[0], _parts(0, plain, flags=0)[0])
    for number in range(40, 65536, 32000):
        talk.say(True, messages.entry_whole(messages.BULK, number, b"x"))
    talk.say(True, messages.entry_whole(messages.BULK, 65535, b"x"))
    other = messages.compress(text[::-1])
    earlier = [talk.say(True, part) for part in _parts(0, other)[:-1]]
    talk.say(True, _parts(0, other)[-1], whole=other, text=text[::-1],
             complete_in=len(talk.frames) + 1)
    talk.complete(earlier)


def _talk_of_hostiles(talk, block):
    """None of it is restored, none of it stops what is shown behind it."""
    number = 1
    claims = "size of a compressed message"
    for damaged, why in (
            (block[:-1] + bytes([block[-1] ^ 1]) + b"!", "an offset in an LZ4 block is cut off"),
            (block[:-3], "literals of an LZ4 block"),
            # A copy of a million bytes, and of more than is left: neither is begun.
            (messages.varint(65536) + b"\x1fx\x01\x00" + b"\xff" * 4000 + b"\x00",
             "copy in an LZ4 block"),
            (messages.varint(20000) + b"\x1fx\x01\x00" + b"\xff" * 79 + bytes(2000),
             "copy in an LZ4 block"),
            (messages.varint(65537) + block[3:], claims),
            (messages.varint(0xFFFFFFFF) + block[5:], claims),
            (messages.varint(5) + block[3:], claims),
            (b"\x80" * 3000, "message.full_size is longer than five bytes"),
            (messages.varint(60000) + b"\x10x\x00\x00" + bytes(2000), "copy in an LZ4 block"),
            (messages.varint(60000) + b"\x10x\xff\xff" + bytes(2000), "copy in an LZ4 block"),
            (messages.varint(60000) + b"\xff" * 2000, "a length in an LZ4 block is cut off"),
            (messages.varint(60000) + block[3:], "an LZ4 block of another size than it says")):
        parts = _parts(number, damaged)
        earlier = [talk.say(False, part) for part in parts[:-1]]
        small = messages.compress(bytes(500))
        talk.say(False, parts[-1], messages.entry_whole(messages.BULK, number + 1, small,
                                                        messages.COMPRESSED),
                 whole=damaged, damaged=[why], text=bytes(500), complete_in=len(talk.frames) + 1)
        talk.complete(earlier)
        number += 2
    talk.say(False, messages.entry_whole(messages.BULK, number, b"\x40", messages.COMPRESSED),
             damaged=["no LZ4 block"])
    for size in (1000, 1001):
        talk.say(False, messages.entry_whole(messages.STATE, size, bytes(size)),
                 malformed=size > 1000)
    # Of another size than before, or no longer compressed: the packet counts for nothing.
    parts = _parts(number + 1, block)
    earlier = [talk.say(False, part) for part in parts[:-1]]
    talk.say(False, _parts(number + 1, block + b"!")[-1], malformed=True)
    talk.say(False, _parts(number + 1, block, flags=0)[-1], malformed=True)
    talk.say(False, _parts(number + 2, block)[0], _parts(number + 1, block, flags=0)[-1],
             malformed=True)
    talk.say(False, parts[-1], whole=block, text=messages.restore(block),
             complete_in=len(talk.frames) + 1)
    talk.complete(earlier)
    # Given up: its last part completes nothing.
    talk.say(False, _parts(number + 2, block)[0])
    talk.say(False, bytes([messages.BULK | messages.ABANDONED << 2])
             + (number + 2).to_bytes(2, "little"))
    for part in _parts(number + 2, block):
        talk.say(False, part)


def test_dissector_puts_messages_together(_options):
    """Parts of messages in whatever order and number, and parts of what is none; and once more,
    when each packet is looked at again."""
    _need_tshark()
    random = Random(1)
    text = b"".join(b"%d things, " % random.randrange(10 ** 9) for _ in range(1000))
    block = messages.compress(text)
    scene.expect(len(block) > 4 * messages.RUN_BYTES, f"hardly cut: {len(block)}")
    talk = _Talk(protocol_vectors.read(scene.ROOT / "docs" / "protocol.md"))
    _talk_of_parts(talk, text, block)
    _talk_of_hostiles(talk, block)
    with tempfile.TemporaryDirectory() as directory:
        capture, log = pathlib.Path(directory, "c.pcap"), pathlib.Path(directory, "keys")
        dissector.write_pcap(capture, talk.frames)
        log.write_text(talk.log + "\n")
        for again in (False, True):
            rows = dissector.read(capture, log, TOLD, ports=SERVER[1], twice=again)
            scene.expect_equal("packets shown", len(rows), len(talk.frames))
            talk.show(rows, again)


def test_dissector_shows_whole_messages_of_real_sessions(options):
    """One client says much, twice, in many packets; it and another one hear it."""
    _need_tshark()
    random = Random(2)
    said = [b"".join(b"%d things, " % random.randrange(10 ** 9) for _ in range(1500))
            for _ in range(2)]
    with scene.start(options, settings={"world.spawn_radius_m": 10}) as host:
        log, capture = host.directory / "keys", host.directory / "capture.pcap"
        recorder = _Recorder(host)
        players = [scene.Player(host, host.token(name)).join(1) for name in ("one", "two")]
        log.write_text("".join(dissector.key_log_line(
            player.welcome.connection_id, player.welcome.suite, player.keys,
            player.handshake.ephemeral) + "\n" for player in players))
        for large in said:
            players[0].session.outgoing.send_compressed(messages.compress(large))
        for _ in range(80):
            for player in players:
                player.session.run(0.1)
            if all(len(player.session.incoming.ready) == 2 for player in players):
                break
        for player in players:
            heard = [message[4:] for _, message in player.session.incoming.ready]
            scene.expect(heard == said, f"heard: {[len(one) for one in heard]}")
            player.leave()
        dissector.write_pcap(capture, [frame for _, _, frame in recorder.stop()])
        for again in (False, True):
            rows = dissector.read(capture, log, twice=again)
            scene.expect_equal("faults", dissector.faults(rows), {})
            rows = dissector.read(capture, log, TOLD, twice=again)
            told = {side: [text for row in rows for text in row["tickwire.message.text"]
                           if _is_client(row) == side] for side in (True, False)}
            scene.expect(told[True] == [large.hex() for large in said], "said otherwise")
            # Handles of players come first.
            scene.expect(sorted(text[8:] for text in told[False])
                         == sorted(2 * [large.hex() for large in said]), "heard otherwise")
            marked = sum(bool(row["tickwire.message.complete_in"]) for row in rows)
            whole = sum(len(row["tickwire.message.whole"]) for row in rows)
            scene.expect(whole == 6 and (marked > 20 if again else marked >= 6),
                         f"whole messages {whole}, marked parts {marked}")


def _is_client(row):
    return row["tickwire.from_client"] in (["1"], ["True"])


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
        received = host.port.bots.interface(port.BOTS_INTERFACE)["rx_packets"]
        _expect_counts(rows, before, stats, received)
        seen = {int(phase) for row in rows for phase in row["tickwire.phase"]}
        scene.expect_equal("key phases", seen, set(range(summary["key_phase_max"] + 1)))
        scene.expect(summary["key_phase_max"] >= 2, f"key phases: {summary}")


def _expect_counts(rows, before, stats, received):
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
    # Sealed and counted as what they are, and then not taken by the port of a busy machine, or not
    # from it.
    unsent = sum(count - before["sends"][why] for why, count in stats["sends"].items()
                 if why not in ("sent", "session_gone"))
    unsent += max(0, stats["port_tx_packets"] - received)
    for what, seen, counted in (
            ("snapshots", server["snapshot"], stats["snapshots"]),
            ("challenges", server["challenge"], stats["roaming"]["challenged"]),
            ("cookies", _count(rows, "tickwire.handshake", "2"), stats["outcomes"]["cookie_sent"]),
            ("welcomes", _count(rows, "tickwire.handshake", "4"), clients),
            ("closes", client["close"], 3 * clients)):
        scene.expect(counted - unsent <= seen <= counted,
                     f"{what}: {seen} of {counted}, {unsent} unsent; sends {stats['sends']}")
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
