# SPDX-License-Identifier: BSD-3-Clause
"""What a listener on the wire sees of a handshake, and what is never answered larger."""
import scene
from tools.host import packets

NAMES = {1: "hello", 2: "cookie", 3: "hello 2", 4: "welcome"}


def _handshakes(frames):
    """[(outgoing, type, payload)] of the handshake packets among captured frames."""
    found = []
    for _, outgoing, frame in frames:
        udp = packets.udp_payload(frame)
        if udp and len(udp[4]) >= 14 and udp[4][:4] == b"\0\0\0\0":
            found.append((outgoing, udp[4][4], udp[4]))
    return found


def test_capture_shows_the_whole_handshake_and_no_secret(options):
    with scene.start(options) as host:
        wire = scene.wire(host)
        wire.drain()
        token = host.token("seen")
        player = scene.Player(host, token).join(1.0)
        frames = wire.capture(0.3, enough=lambda seen: len(seen) > 2000)
        handshakes = _handshakes(frames)
        kinds = [kind for _, kind, _ in handshakes]
        scene.expect_equal("handshake packets in order", [NAMES.get(k, k) for k in kinds],
                           ["hello", "cookie", "hello 2", "welcome"])
        scene.expect_equal("directions", [out for out, _, _ in handshakes],
                           [True, False, True, False])
        everything = b"".join(frame for _, _, frame in frames)
        connect = player.handshake.connect
        for name, secret in (("psk", connect.psk), ("ephemeral secret", player.handshake.secret)):
            scene.expect(secret not in everything, f"the {name} crossed the wire")
        _expect_sealed(frames, player)
        player.leave()
        wire.close()


def _expect_sealed(frames, player):
    """Everything after the welcome carries the session's id and numbers without a gap."""
    numbers = {True: [], False: []}
    for _, outgoing, frame in frames:
        udp = packets.udp_payload(frame)
        if udp and udp[4][:4] != b"\0\0\0\0":
            connection, _, _, sequence = packets.struct.unpack("<IBBQ", udp[4][:14])
            scene.expect_equal("connection id", connection, player.session.connection_id)
            numbers[outgoing].append(sequence)
    for direction, seen in numbers.items():
        scene.expect(len(seen) > 10, f"only {len(seen)} packets, outgoing={direction}")
        scene.expect_equal(f"packet numbers, outgoing={direction}", seen,
                           list(range(1, len(seen) + 1)))


def test_lost_welcome_is_sent_again(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("again"))
        first = []
        original = player.endpoint.receive

        def lossy(timeout_s):
            packet = original(timeout_s)
            if packet and packet[:5] == b"\0\0\0\0\4" and not first:
                first.append(packet)
                return None
            if packet and packet[:5] == b"\0\0\0\0\4":
                first.append(packet)
            return packet
        player.endpoint.receive = lossy
        player.join(0.5)
        scene.expect_equal("the second welcome", first[1], first[0])
        stats = host.settled_stats()
        scene.expect(stats["outcomes"]["welcome_resent"] >= 1, "welcome_resent did not count")
        scene.expect_equal("sessions welcomed", stats["verdicts"]["welcomed"], 1)
        player.leave()


def test_no_answer_is_larger_than_its_request(options):
    with scene.start(options) as host:
        wire = scene.wire(host)
        requests = {
            "hello": packets.hello(),
            "hello of version 9": packets.hello(version=9),
            "short hello": packets.with_crc(packets.header(0, 1) + b"\1\0\1\0" + bytes(32)),
            "hello 2 with a wrong cookie": packets.hello2(bytes(32), bytes(16), bytes(236),
                                                          bytes(32)),
            "unknown id": packets.header(0x00100001, 0, 0, 1) + bytes(50),
            "type 9": packets.with_crc(packets.header(0, 9) + bytes(100)),
        }
        for name, payload in requests.items():
            wire.drain()
            wire.send_udp(payload)
            answers = [len(udp[4]) for _, outgoing, frame in wire.capture(0.3)
                       if not outgoing and (udp := packets.udp_payload(frame))]
            scene.expect(sum(answers) <= len(payload),
                         f"{name}: {len(payload)} bytes answered by {answers}")
            if name.startswith("hello"):
                wanted = {"hello": 66, "hello of version 9": 54}.get(name)
                scene.expect(wanted is None or answers == [wanted], f"{name}: answers {answers}")
        wire.close()
