# SPDX-License-Identifier: BSD-3-Clause
"""Checks section 7 of docs/protocol.md: every vector is computed from the inputs, or taken apart
and put together again, by this implementation. A vector that nothing here checks is a fault."""
import json
import re
import struct

import messages
import phases
import protocol
import view as replicated
from sodium import CHACHA20_POLY1305, XCHACHA20_POLY1305, x25519, x25519_public

NAME = re.compile(r"^(\S.*) \((\d+)\)$")


def _bytes_of_line(line):
    out = b""
    for word in line.split():
        zeros = re.fullmatch(r"00\*(\d+)", word)
        out += bytes(int(zeros[1])) if zeros else bytes.fromhex(word)
    return out


def read(path):
    """{name: bytes} of all ```vectors blocks."""
    vectors, sizes = {}, {}
    inside, name = False, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("```"):
                inside, name = line.startswith("```vectors"), None
            elif inside and (found := NAME.match(line.rstrip())):
                name = found[1]
                vectors[name], sizes[name] = b"", int(found[2])
            elif inside and line.strip():
                vectors[name] += _bytes_of_line(line)
    for name, size in sizes.items():
        if len(vectors[name]) != size:
            raise ValueError(f"vector '{name}' has {len(vectors[name])} bytes, not {size}")
    return vectors


class Checker:
    def __init__(self, vectors):
        self.vectors = vectors
        self.checked = set()
        self.skipped = set()
        self.faults = []

    def get(self, name):
        return self.vectors[name]

    def same(self, name, value):
        """The vector of this name has this value."""
        self.checked.add(name)
        if self.vectors.get(name) != value:
            self.faults.append(f"{name}: {value.hex() if value is not None else None}")

    def true(self, name, condition):
        self.checked.add(name)
        if not condition:
            self.faults.append(f"{name}: does not hold")

    def skip(self, name):
        self.skipped.add(name)


def _check_token(c):
    token, key = c.get("token"), c.get("token key")
    c.same("token associated data", b"tickwire v1 token" + token[:4])
    c.same("token content", protocol.open_token(token, key))
    content = c.get("token content")
    c.same("token nonce", token[4:28])
    c.same("token", token[:28] + XCHACHA20_POLY1305.seal(key, token[4:28], content,
                                                         c.get("token associated data")))
    c.same("token id", content[:16])
    c.same("psk", content[16:48])
    c.same("server static key", x25519_public(c.get("server static secret")))
    connect = protocol.ConnectToken(c.get("connect token"))
    c.true("connect token", (connect.token, connect.server_key, connect.psk) == (
        token, c.get("server static key"), c.get("psk")))
    c.true("connect token", connect.addresses[0] == protocol.parse_address(content[96:114]))
    c.true("connect token", struct.pack("<Q", connect.expires) == content[80:88])
    return connect


def _check_hellos(c, connect):
    ephemeral = x25519_public(c.get("client ephemeral secret"))
    c.same("client ephemeral key", ephemeral)
    c.same("hello", protocol.hello(connect.suites, ephemeral))
    cookie_input = c.get("cookie input")
    port, slot = struct.unpack_from("<H", cookie_input, 16)[0], struct.unpack_from(
        "<I", cookie_input, 50)[0]
    c.same("cookie input", cookie_input[:16] + struct.pack("<H", port) + ephemeral
           + struct.pack("<I", slot))
    cookie = protocol.make_cookie(c.get("cookie key"), cookie_input[:16], port, ephemeral, slot)
    c.same("cookie", protocol.with_crc(protocol.header(0, protocol.COOKIE, 0) + ephemeral + cookie))
    c.true("cookie", protocol.answer_type(c.get("cookie"), ephemeral) == protocol.COOKIE)
    c.same("hello 2", protocol.hello2(c.get("hello"), cookie, connect.token, connect.psk))


def _check_keys(c):
    client_secret = c.get("client ephemeral secret")
    server_key = x25519_public(c.get("server ephemeral secret"))
    c.same("server ephemeral key", server_key)
    c.same("dh ephemeral ephemeral", x25519(client_secret, server_key))
    c.same("dh ephemeral static", x25519(client_secret, c.get("server static key")))
    transcript = protocol.transcript_of(c.get("hello 2"), c.get("welcome"))
    c.same("transcript", transcript)
    material = c.get("dh ephemeral ephemeral") + c.get("dh ephemeral static") + c.get("psk")
    c.same("prk", protocol.hkdf_extract(transcript, material))
    keys = protocol.Keys(transcript, material[:32], material[32:64], material[64:])
    c.same("c2s", keys.client_to_server)
    c.same("s2c", keys.server_to_client)
    c.same("confirm", keys.confirm_key + keys.confirm_nonce)
    c.same("resume psk", keys.resume_psk)
    for direction in ("c2s", "s2c"):
        key = protocol.PacketKey(c.get(direction), protocol.SUITE_CHACHA)
        c.same(f"{direction} packet key", key.key)
        c.same(f"{direction} iv", key.iv)
    return keys


def _check_answers(c, connect, keys):
    ephemeral, hello2 = c.get("client ephemeral key"), c.get("hello 2")
    content, welcome = c.get("welcome content"), c.get("welcome")
    opened = protocol.open_welcome(welcome, hello2, c.get("client ephemeral secret"), connect)
    c.true("welcome content", opened is not None and vars(opened[0]) == vars(
        protocol.Welcome(content)))
    sealed = CHACHA20_POLY1305.seal(keys.confirm_key, keys.confirm_nonce, content, keys.transcript)
    c.same("welcome", protocol.with_crc(protocol.header(0, protocol.WELCOME, 0) + ephemeral
                                        + c.get("server ephemeral key") + sealed))
    refused = c.get("refused")
    c.same("refused", protocol.with_crc(
        protocol.header(0, protocol.REFUSED, 0) + ephemeral + refused[46:48] + bytes(2)
        + protocol.refused_mac(refused, hello2, connect.psk)))
    hints = (("try again", protocol.TRY_AGAIN), ("wrong version", protocol.WRONG_VERSION))
    for name, kind in hints:
        c.same(name, protocol.with_crc(protocol.header(0, kind, 0) + ephemeral
                                       + c.get(name)[46:50]))


def _rebuild_client(plaintext):
    """Takes a client's frames apart and puts them together again."""
    out, at = b"", 0
    while at < len(plaintext):
        kind, size = struct.unpack_from("<BH", plaintext, at)
        body = plaintext[at + 3:at + 3 + size]
        at += 3 + size
        if kind == protocol.INPUTS:
            newest, count = struct.unpack_from("<IB", body)
            out += protocol.frame_inputs(newest, [struct.unpack_from("<bbHH", body, 5 + 6 * i)
                                                  for i in range(count)])
        elif kind == protocol.SNAPSHOT_ACK:
            out += protocol.frame_snapshot_ack(*struct.unpack("<II", body))
        elif kind == protocol.PING:
            out += protocol.frame_ping(*struct.unpack("<Q", body))
        elif kind == protocol.ACK:
            out += protocol.frame_ack(*struct.unpack("<QQH", body))
    return out


def _check_packets(c):
    c.same("client plaintext", _rebuild_client(c.get("client plaintext")))
    server = protocol.parse_server_frames(c.get("server plaintext"))
    c.same("server plaintext", protocol.frame_pong(*server[protocol.PONG])
           + protocol.frame_ack(*server[protocol.ACK]))
    close = protocol.parse_server_frames(c.get("close plaintext"))
    c.same("close plaintext", protocol.frame_close(*close[protocol.CLOSE]))
    suites = (("ChaCha20-Poly1305", protocol.SUITE_CHACHA, True),
              ("AES-256-GCM", protocol.SUITE_AES, protocol.AES256_GCM is not None))
    for suite_name, suite, runs_here in suites:
        for who, direction in (("client", "c2s"), ("server", "s2c"), ("close", "s2c")):
            name = f"{who} packet, {suite_name}"
            if not runs_here:
                c.skip(name)
                continue
            packet, key = c.get(name), protocol.PacketKey(c.get(direction), suite)
            connection_id, _, _, sequence = protocol.parse_header(packet)
            plaintext = c.get(f"{who} plaintext")
            c.true(name, key.open(packet) == plaintext)
            c.same(name, key.seal(connection_id, sequence, plaintext))


def _check_paths(c):
    for name, kind, write in (("challenge", protocol.CHALLENGE, protocol.frame_challenge),
                              ("rename", protocol.RENAME, protocol.frame_rename)):
        frames = protocol.parse_server_frames(c.get(f"{name} plaintext"))
        c.same(f"{name} plaintext", write(*frames[kind]))
    c.same("padding plaintext", protocol.frame_padding(5))
    protocol.parse_server_frames(c.get("padding plaintext"))
    bytes_asked = protocol.parse_server_frames(c.get("challenge plaintext"))[protocol.CHALLENGE][0]
    c.same("response plaintext", protocol.frame_response(bytes_asked))


def _check_time(c):
    arrivals = protocol.parse_server_frames(c.get("arrivals plaintext"))[protocol.ARRIVALS]
    if arrivals != (1007, 171, -12, 12, 1):
        raise protocol.Malformed(f"arrivals plaintext: {arrivals}")
    c.same("arrivals plaintext", protocol.frame_arrivals(*arrivals))


def _check_integrity(c):
    c.same("check plaintext", protocol.frame_check(7, 4, 9, 0x12345678))
    notice = protocol.parse_server_frames(c.get("notice plaintext"))[protocol.NOTICE]
    c.true("notice plaintext", notice == (1, 3, 104))
    c.same("notice plaintext", protocol.frame_notice(*notice))
    view = replicated.View()
    c.true("baseline body", view.apply(replicated.parse_snapshot(c.get("snapshot body"))))
    c.true("baseline body", view.apply(replicated.parse_snapshot(c.get("baseline body"))))
    c.true("baseline body", (view.hashes_checked, view.hashes_wrong, view.baselines) == (2, 0, 1))
    c.true("baseline body", [e.record() for e in view.entities.values()] == [c.get("other record")])
    c.true("baseline body", view.check[:3] == (2, 4, 9))


def _check_resume(c):
    c.same("resume wanted plaintext", protocol.frame_resume_wanted())
    expires, token = protocol.parse_server_frames(c.get("resume plaintext"))[protocol.RESUME]
    c.true("resume plaintext", token == c.get("token"))
    c.same("resume plaintext", protocol.frame_resume(expires, token))


def _check_messages(c):
    body = protocol.parse_server_frames(c.get("messages plaintext"))[protocol.MESSAGES]
    entries = messages.parse(body)
    expected = [(messages.ORDERED, messages.WHOLE, 7, 0, 5, 0, b"abcde"),
                (messages.BULK, messages.PART, 65535, 0, 300, 1, bytes(range(128))),
                (messages.UNORDERED, messages.ABANDONED, 2, 0, 0, 0, b"")]
    if entries != expected:
        raise protocol.Malformed(f"messages plaintext: {entries}")
    c.same("messages plaintext", protocol.frame_messages(
        messages.entry_whole(messages.ORDERED, 7, b"abcde"),
        messages.entry_part(messages.BULK, 65535, 300, 1, bytes(range(128))),
        struct.pack("<BH", messages.UNORDERED | messages.ABANDONED << 2, 2)))


def _check_compression(c):
    body = protocol.parse_server_frames(c.get("compressed plaintext"))[protocol.MESSAGES]
    receiver = messages.Receiver()
    receiver.frame(body)
    c.true("message", receiver.ready == [(messages.BULK, c.get("message"))])
    c.same("compressed plaintext", protocol.frame_messages(messages.entry_whole(
        messages.BULK, 0, messages.compress(c.get("message")), messages.COMPRESSED)))


def _check_phases(c):
    for direction, who in (("c2s", "client"), ("s2c", "server")):
        first = phases.next_secret(c.get(direction))
        c.same(f"{direction} of phase 1", first)
        c.same(f"{direction} of phase 2", phases.next_secret(first))
        key = protocol.PacketKey(first, protocol.SUITE_CHACHA)
        c.same(f"{direction} packet key of phase 1", key.key)
        c.same(f"{direction} iv of phase 1", key.iv)
        name = f"{who} packet of phase 1"
        connection_id, _, flags, sequence = protocol.parse_header(c.get(name))
        plaintext = c.get(f"{who} plaintext")
        c.true(name, key.open(c.get(name)) == plaintext and flags == protocol.KEY_PHASE)
        c.same(name, key.seal(connection_id, sequence, plaintext, flags=protocol.KEY_PHASE))


def _hash(data):
    return struct.pack("<Q", replicated.hash_bytes(data))


def _check_snapshot(c):
    for name, data in (("H of nothing", b""), ("H of 00..04", bytes(range(5))),
                       ("H of 00..16", bytes(range(0x17)))):
        c.same(name, _hash(data))
    view = replicated.View()
    c.true("snapshot body", view.apply(replicated.parse_snapshot(c.get("snapshot body"))))
    c.true("snapshot body", (view.hashes_checked, view.hashes_wrong) == (1, 0))
    records = {entity.handle: entity.record() for entity in view.entities.values()}
    own = records.pop(view.own.handle, None)
    c.same("own record", own)
    c.same("other record", next(iter(records.values()), None))
    c.same("hash of own record", _hash(c.get("own record")))
    c.same("hash of other record", _hash(c.get("other record")))
    c.same("view hash", struct.pack("<Q", view.hash()))


# Secrets that start the computations; what is made from them is checked.
INPUTS = {"client ephemeral secret", "server ephemeral secret", "server static secret",
          "token key", "cookie key"}


def check(path):
    """Exit status."""
    vectors = read(path)
    c = Checker(vectors)
    try:
        connect = _check_token(c)
        _check_hellos(c, connect)
        keys = _check_keys(c)
        _check_answers(c, connect, keys)
        _check_packets(c)
        _check_snapshot(c)
        _check_paths(c)
        _check_messages(c)
        _check_compression(c)
        _check_resume(c)
        _check_phases(c)
        _check_time(c)
        _check_integrity(c)
    except (KeyError, protocol.Malformed, struct.error) as error:
        c.faults.append(f"{type(error).__name__}: {error}")
    left = set(vectors) - c.checked - c.skipped - INPUTS
    c.faults += [f"{name}: not checked" for name in sorted(left)]
    print(json.dumps({"ok": not c.faults, "checked": len(c.checked), "skipped": sorted(c.skipped),
                      "faults": c.faults}))
    return 1 if c.faults else 0
