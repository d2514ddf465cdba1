# SPDX-License-Identifier: BSD-3-Clause
"""Tickwire wire protocol, version 1, as docs/protocol.md tells it: bytes in, values out.

Written from that document alone, so that a difference to the C code is a fault of one of the two.
Section numbers are the document's.
"""
import base64
import hashlib
import hmac
import struct

from sodium import AES256_GCM, CHACHA20_POLY1305, XCHACHA20_POLY1305, x25519

VERSION = 1
DATAGRAM_BASE = 1200
DATAGRAM_MAX = 1440
HEADER_SIZE = 14
TAG_SIZE = 16
SUITE_CHACHA = 0x01
SUITE_AES = 0x02
REPLAY_WINDOW = 1024
KEY_PHASE = 0x01
MASK64 = (1 << 64) - 1

HELLO, COOKIE, HELLO2, WELCOME, TRY_AGAIN, WRONG_VERSION, REFUSED = range(1, 8)
(INPUTS, SNAPSHOT_ACK, PING, PONG, CLOSE, ACK, SNAPSHOT, CHALLENGE, RESPONSE,
 RENAME, MESSAGES, ARRIVALS, CHECK, PADDING, RESUME_WANTED, RESUME,
 NOTICE) = range(1, 18)


class Malformed(Exception):
    """Bytes that do not follow the document."""


# ---- 1, 2: header, hashes, keys -----------------------------------------------------------------

def header(connection_id, channel, sequence, flags=0):
    return struct.pack("<IBBQ", connection_id, channel, flags, sequence)


def parse_header(packet):
    """connection id, channel, flags, sequence"""
    if len(packet) < HEADER_SIZE:
        raise Malformed("shorter than a header")
    return struct.unpack_from("<IBBQ", packet)


def _crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def with_crc(packet):
    """Appends the trailer of a handshake packet."""
    return packet + struct.pack("<I", crc32c(b"TICKWIRE" + packet))


def crc_is_right(packet):
    return len(packet) >= 4 and with_crc(packet[:-4]) == packet


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf_extract(salt, material):
    return hmac_sha256(salt, material)


def hkdf_expand(secret, label, size):
    out = block = b""
    counter = 1
    while len(out) < size:
        block = hmac_sha256(secret, block + label.encode("ascii") + bytes([counter]))
        out += block
        counter += 1
    return out[:size]


def aead_of_suite(suite):
    if suite == SUITE_CHACHA:
        return CHACHA20_POLY1305
    if suite == SUITE_AES and AES256_GCM is not None:
        return AES256_GCM
    raise Malformed(f"suite {suite} cannot be used here")


def nonce_for(iv, sequence):
    counter = bytes(4) + struct.pack("<Q", sequence)
    return bytes(a ^ b for a, b in zip(iv, counter))


class PacketKey:
    """One direction and phase."""

    def __init__(self, secret, suite):
        self.key = hkdf_expand(secret, "key", 32)
        self.iv = hkdf_expand(secret, "iv", 12)
        self.aead = aead_of_suite(suite)

    def seal(self, connection_id, sequence, plaintext, channel=0, flags=0):
        associated = header(connection_id, channel, sequence, flags)
        nonce = nonce_for(self.iv, sequence)
        return associated + self.aead.seal(self.key, nonce, plaintext, associated)

    def open(self, packet):
        """The plaintext, or None if the tag is wrong."""
        sequence = parse_header(packet)[3]
        nonce = nonce_for(self.iv, sequence)
        return self.aead.open(self.key, nonce, packet[HEADER_SIZE:], packet[:HEADER_SIZE])


class ReplayWindow:
    def __init__(self):
        self.newest = 0
        self.seen = set()

    def fresh(self, sequence):
        return (sequence > 0 and sequence + REPLAY_WINDOW > self.newest
                and sequence not in self.seen)

    def commit(self, sequence):
        self.seen.add(sequence)
        if sequence > self.newest:
            self.newest = sequence
            self.seen = {s for s in self.seen if s + REPLAY_WINDOW > sequence}

    def bitmap(self):
        return sum(1 << i for i in range(64) if self.newest - 1 - i in self.seen)


# ---- 3: connect token and handshake -------------------------------------------------------------

def parse_address(data):
    """(16 bytes, port) to (text, port), IPv4 where mapped."""
    import ipaddress
    ip = ipaddress.IPv6Address(data[:16])
    return str(ip.ipv4_mapped or ip), struct.unpack_from("<H", data, 16)[0]


class ConnectToken:
    SIZE = 388

    def __init__(self, data):
        if len(data) != self.SIZE:
            raise Malformed(f"a connect token has {self.SIZE} bytes, not {len(data)}")
        magic, self.version, self.suites, count, self.expires = struct.unpack_from("<IHBBQ", data)
        if magic != 0x31435754 or self.version != VERSION or not 1 <= count <= 4:
            raise Malformed("not a connect token of this version")
        self.addresses = [parse_address(data[16 + 18 * i:34 + 18 * i]) for i in range(count)]
        self.token = data[88:324]
        self.server_key = data[324:356]
        self.psk = data[356:388]
        self.data = data

    def resuming(self, expires, token, psk):
        """As text: the same, but that it goes on with a session of that resume token."""
        return base64.b64encode(self.data[:8] + struct.pack("<Q", expires) + self.data[16:88]
                                + token + self.server_key + psk).decode()

    @classmethod
    def from_text(cls, text):
        return cls(base64.b64decode(text.strip(), validate=True))


def open_token(token, token_key):
    """The 192 sealed bytes of a token, for who has the issuer's key; None if it does not open."""
    associated = b"tickwire v1 token" + token[:4]
    return XCHACHA20_POLY1305.open(token_key, token[4:28], token[28:], associated)


def make_cookie(key, ip, port, ephemeral, slot):
    """ip is 16 bytes."""
    return hmac_sha256(key, ip + struct.pack("<H", port) + ephemeral + struct.pack("<I", slot))[:16]


def hello(suites, ephemeral):
    fields = struct.pack("<HBB", VERSION, suites, 0) + ephemeral
    packet = header(0, HELLO, 0) + fields
    return with_crc(packet + bytes(DATAGRAM_BASE - 4 - len(packet)))


def hello2(first_hello, cookie, token, psk):
    signed = header(0, HELLO2, 0) + first_hello[14:50] + cookie + token
    return with_crc(signed + hmac_sha256(psk, signed))


class Keys:
    """Everything derived from a handshake."""

    def __init__(self, transcript, dh_ephemeral, dh_static, psk):
        self.transcript = transcript
        prk = hkdf_extract(transcript, dh_ephemeral + dh_static + psk)
        self.client_to_server = hkdf_expand(prk, "tickwire v1 c2s", 32)
        self.server_to_client = hkdf_expand(prk, "tickwire v1 s2c", 32)
        self.resume_psk = hkdf_expand(prk, "tickwire v1 resume", 32)
        confirm = hkdf_expand(prk, "tickwire v1 confirm", 44)
        self.confirm_key, self.confirm_nonce = confirm[:32], confirm[32:]


def transcript_of(hello2_packet, welcome_packet):
    return hashlib.sha256(hello2_packet[:334] + welcome_packet[:78]).digest()


class Welcome:
    def __init__(self, sealed_part):
        (self.connection_id, self.world, self.server_time_us, self.tick, self.mtu, self.suite,
         self.tick_hz, self.snapshot_hz, width_cells, zero) = struct.unpack(
             "<IIQQHBBBHB", sealed_part)
        if zero != 0 or width_cells > 1024:
            raise Malformed("welcome: width or reserved byte out of range")
        self.width = width_cells << 16  # 0: the world has edges

    def difference(self, before, after):
        """The shorter way along an axis from one place to another."""
        if self.width == 0:
            return after - before
        return (after - before + self.width // 2) % self.width - self.width // 2


def open_welcome(packet, hello2_packet, ephemeral_secret, connect):
    """(Welcome, Keys), or None if it is not the server's answer to this hello 2."""
    dh_ephemeral = x25519(ephemeral_secret, packet[46:78])
    dh_static = x25519(ephemeral_secret, connect.server_key)
    if dh_ephemeral is None or dh_static is None:
        return None
    keys = Keys(transcript_of(hello2_packet, packet), dh_ephemeral, dh_static, connect.psk)
    plain = CHACHA20_POLY1305.open(keys.confirm_key, keys.confirm_nonce, packet[78:126],
                                   keys.transcript)
    return None if plain is None else (Welcome(plain), keys)


ANSWER_SIZES = {COOKIE: 66, WELCOME: 130, TRY_AGAIN: 54, WRONG_VERSION: 54, REFUSED: 86}


def answer_type(packet, ephemeral):
    """Type of a handshake answer that is meant for this client, else None."""
    if len(packet) < HEADER_SIZE:
        return None
    connection_id, kind, flags, sequence = parse_header(packet)
    if connection_id != 0 or flags != 0 or sequence != 0:
        return None
    if ANSWER_SIZES.get(kind) != len(packet) or packet[14:46] != ephemeral:
        return None
    return kind if crc_is_right(packet) else None


def refused_mac(packet, hello2_packet, psk):
    return hmac_sha256(psk, packet[:50] + hashlib.sha256(hello2_packet[:334]).digest())


# ---- 4: frames ----------------------------------------------------------------------------------

def frame(kind, body):
    return struct.pack("<BH", kind, len(body)) + body


def frame_inputs(newest_tick, inputs):
    """inputs: newest first, each (move x, move y, facing, buttons)."""
    body = struct.pack("<IB", newest_tick, len(inputs))
    return frame(INPUTS, body + b"".join(struct.pack("<bbHH", *one) for one in inputs))


def frame_snapshot_ack(newest, bitmap):
    return frame(SNAPSHOT_ACK, struct.pack("<II", newest, bitmap))


def frame_ping(time_us):
    return frame(PING, struct.pack("<Q", time_us))


def frame_pong(echo_us, received_us, sent_us):
    return frame(PONG, struct.pack("<QQQ", echo_us, received_us, sent_us))


def frame_close(reason):
    return frame(CLOSE, struct.pack("<H", reason))


def frame_ack(largest, bitmap, delay_us):
    return frame(ACK, struct.pack("<QQH", largest, bitmap, min(delay_us, 0xFFFF)))


def frame_challenge(data):
    return frame(CHALLENGE, data)


def frame_response(data):
    return frame(RESPONSE, data)


def frame_rename(connection_id):
    return frame(RENAME, struct.pack("<I", connection_id))


def frame_notice(stage, kind, score):
    return frame(NOTICE, struct.pack("<BBH", stage, kind, score))


def frame_check(number, bits, group, total):
    return frame(CHECK, struct.pack("<IBBI", number, bits, group, total))


def frame_arrivals(newest, mean, lowest, count, late):
    return frame(ARRIVALS, struct.pack("<IhhBB", newest, mean, lowest, count, late))


def frame_padding(size):
    return frame(PADDING, bytes(size))


def frame_resume_wanted():
    return frame(RESUME_WANTED, b"")


def frame_resume(expires, token):
    return frame(RESUME, struct.pack("<Q236s", expires, token))


def frame_messages(*entries):
    return frame(MESSAGES, b"".join(entries))


SERVER_FRAMES = {PONG: "<QQQ", CLOSE: "<H", ACK: "<QQH", SNAPSHOT: None, CHALLENGE: "<8s",
                 RENAME: "<I", MESSAGES: None, ARRIVALS: "<IhhBB", PADDING: None,
                 RESUME: "<Q236s", NOTICE: "<BBH"}


def parse_server_frames(plaintext):
    """{type: fields or snapshot body}; raises Malformed for the whole packet."""
    frames = {}
    at = 0
    while at < len(plaintext):
        if at + 3 > len(plaintext):
            raise Malformed("frame header cut off")
        kind, size = struct.unpack_from("<BH", plaintext, at)
        body = plaintext[at + 3:at + 3 + size]
        at += 3 + size
        if kind not in SERVER_FRAMES or kind in frames or len(body) != size:
            raise Malformed(f"frame {kind}: unknown, twice, or cut off")
        layout = SERVER_FRAMES[kind]
        if layout is not None and struct.calcsize(layout) != size:
            raise Malformed(f"frame {kind}: wrong length {size}")
        frames[kind] = body if layout is None else struct.unpack(layout, body)
    if not frames:
        raise Malformed("no frame")
    if ACK in frames and frames[ACK][0] == 0:
        raise Malformed("ack of packet 0")
    if RENAME in frames and frames[RENAME][0] == 0:
        raise Malformed("connection id 0")
    if NOTICE in frames and (frames[NOTICE][0] > 2 or frames[NOTICE][1] > 3):
        raise Malformed("notice out of range")
    if ARRIVALS in frames:
        newest, mean, lowest, count, late = frames[ARRIVALS]
        if newest == 0 or not -10000 <= lowest <= mean <= 10000 or count == 0 or late > count:
            raise Malformed("arrivals out of range")
    return frames
