# SPDX-License-Identifier: BSD-3-Clause
"""Frames by hand: Ethernet, IPv4, UDP and handshake packets, right or deliberately wrong, and an
AF_PACKET socket to send and capture them. Written from docs/protocol.md."""
import os
import select
import socket
import struct
import time

from . import port

ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86dd
PACKET_OUTGOING = 4
SOURCE_PORT = 5555
SO_RCVBUFFORCE = 33  # above the limit that the machine sets for everybody


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(payload, source=port.BOTS_ADDRESS, destination=port.ENGINE_ADDRESS, source_port=SOURCE_PORT,
        destination_port=40000, length=None, bad_checksum=False):
    """A UDP packet with its checksum over the pseudo header."""
    size = 8 + len(payload) if length is None else length
    head = struct.pack("!HHHH", source_port, destination_port, size, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack(
        "!BBH", 0, socket.IPPROTO_UDP, size)
    value = checksum(pseudo + head + payload) or 0xffff
    if bad_checksum:
        value ^= 0x5555
    return head[:6] + struct.pack("!H", value) + payload


def ipv4(payload, source=port.BOTS_ADDRESS, destination=port.ENGINE_ADDRESS, *, protocol=17,
         fragment=0, version_length=0x45, length=None, bad_checksum=False, options=b""):
    total = 20 + len(options) + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH4s4s", version_length, 0, total, 1, fragment, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination)) + options
    value = checksum(head)
    if bad_checksum:
        value ^= 0x1111
    return head[:10] + struct.pack("!H", value) + head[12:] + payload


def pseudo6(source, destination, protocol, length):
    return socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(
        socket.AF_INET6, destination) + struct.pack("!IHBB", length, 0, 0, protocol)


def udp6(payload, source, destination, source_port=SOURCE_PORT, destination_port=40000,
         length=None):
    """A UDP packet with its checksum over the pseudo header of IPv6."""
    size = 8 + len(payload) if length is None else length
    head = struct.pack("!HHHH", source_port, destination_port, size, 0)
    value = checksum(pseudo6(source, destination, socket.IPPROTO_UDP, size) + head + payload)
    return head[:6] + struct.pack("!H", value or 0xffff) + payload


def icmp6(kind, body, source, destination, code=0):
    head = struct.pack("!BBH", kind, code, 0)
    value = checksum(pseudo6(source, destination, socket.IPPROTO_ICMPV6, 4 + len(body)) + head
                     + body)
    return head[:2] + struct.pack("!H", value) + body


def ipv6(payload, source, destination, *, next_header=17, hop_limit=64, length=None, version=6):
    size = len(payload) if length is None else length
    return struct.pack("!IHBB", version << 28, size, next_header, hop_limit) + socket.inet_pton(
        socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + payload


def ethernet(payload, destination, source, ethertype=ETH_P_IP):
    return mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", ethertype) + payload


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def _crc32c_table():
    table = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xff]
    return value ^ 0xffffffff


def with_crc(packet):
    """A handshake packet gets its trailer."""
    return packet + struct.pack("<I", crc32c(b"TICKWIRE" + packet))


def header(connection_id, channel=0, flags=0, sequence=0):
    return struct.pack("<IBBQ", connection_id, channel, flags, sequence)


def hello(version=1, suites=1, ephemeral=None, padding=b""):
    ephemeral = ephemeral or os.urandom(32)
    body = header(0, 1) + struct.pack("<HBB", version, suites, 0) + ephemeral + padding
    return with_crc(body.ljust(1196, b"\0"))


def hello2(ephemeral, cookie, token, binder, version=1, suites=1):
    return with_crc(header(0, 3) + struct.pack("<HBB", version, suites, 0) + ephemeral + cookie
                    + token + binder)


class Wire:
    """Sends and captures whole frames on the bots' end of the port."""

    def __init__(self, namespace, interface=port.BOTS_INTERFACE):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self.socket.bind((interface, 0))
        self.socket.setblocking(False)
        self.mac = namespace.interface(interface)["mac"]
        self.engine_mac = None
        self.sink = None
        self.sent = 0

    def close(self):
        self.socket.close()
        if self.sink is not None:
            self.sink.close()

    def send(self, frame):
        select.select([], [self.socket], [], 1)
        self.socket.send(frame)
        self.sent += 1

    def send_ip(self, packet):
        self.send(ethernet(packet, self.engine_mac, self.mac))

    def send_udp(self, payload, **options):
        source = options.pop("source", port.BOTS_ADDRESS)
        destination = options.pop("destination", port.ENGINE_ADDRESS)
        self.send_ip(ipv4(udp(payload, source, destination, **options), source, destination))

    def capture(self, seconds, enough=lambda frames: False):
        """[(time, outgoing, frame)] seen for a while."""
        frames, end = [], time.monotonic() + seconds
        while not enough(frames):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                break
            data, address = self.socket.recvfrom(65536)
            frames.append((time.monotonic(), address[2] == PACKET_OUTGOING, data))
        return frames

    def drain(self):
        try:
            while True:
                self.socket.recv(65536)
        except BlockingIOError:
            pass

    def find_engine(self):
        """The engine's MAC address, by ARP."""
        request = struct.pack("!HHBBH6s4s6s4s", 1, ETH_P_IP, 6, 4, 1, mac_bytes(self.mac),
                              socket.inet_aton(port.BOTS_ADDRESS), b"\0" * 6,
                              socket.inet_aton(port.ENGINE_ADDRESS))
        for _ in range(20):
            self.send(ethernet(request, "ff:ff:ff:ff:ff:ff", self.mac, ETH_P_ARP))
            for _, outgoing, frame in self.capture(0.2):
                if not outgoing and frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x02":
                    self.engine_mac = frame[22:28].hex(":")
                    return self.engine_mac
        raise RuntimeError("the engine does not answer ARP")


def udp_payload(frame):
    """(source, source port, destination, destination port, payload) or None."""
    if frame[12:14] != b"\x08\x00" or len(frame) < 42 or frame[23] != 17:
        return None
    start = 14 + (frame[14] & 15) * 4
    source_port, destination_port, length = struct.unpack("!HHH", frame[start:start + 6])
    return (socket.inet_ntoa(frame[26:30]), source_port, socket.inet_ntoa(frame[30:34]),
            destination_port, frame[start + 8:start + length])
