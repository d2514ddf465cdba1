# SPDX-License-Identifier: BSD-3-Clause
"""Messages of a session, written from docs/protocol.md section 4.1 alone: parts put together,
order kept, own ones repeated until they are acknowledged. Simple where a game would be quick: one
message of a channel at a time."""
import struct

import lz4_block
import protocol

GRANULE = 128
WINDOW = 64
SIZE_MAX = 65536
UNRELIABLE_MAX = 1000
WHOLE, PART, ABANDONED = range(3)
COMPRESSED = 0x10
STATE, ORDERED, UNORDERED, BULK = range(4)
RUN_BYTES = 8 * GRANULE
REPEAT_S = 0.25


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def read_varint(body, at):
    value = 0
    for count in range(5):
        if at + count >= len(body):
            break
        byte = body[at + count]
        if count > 0 and byte == 0:
            break
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise protocol.Malformed("varint")


def entry_whole(channel, number, data, flags=0):
    return struct.pack("<BH", channel | WHOLE << 2 | flags, number) + varint(len(data)) + data


def entry_part(channel, number, size, first, data, flags=0):
    return (struct.pack("<BH", channel | PART << 2 | flags, number) + varint(size) + varint(first)
            + varint(len(data)) + data)


def compress(message):
    """A message as it travels if that is a compressed one."""
    return varint(len(message)) + lz4_block.encode(message)


def restore(data):
    size, at = read_varint(data, 0)
    if not len(data) < size <= SIZE_MAX:
        raise protocol.Malformed("size of a compressed message")
    try:
        return lz4_block.decode(data[at:], size)
    except lz4_block.Damaged as reason:
        raise protocol.Malformed(f"compressed message: {reason}") from reason


def parse(body):
    """[(channel, kind, number, flags, size, first, bytes)] of a messages frame."""
    entries = []
    at = 0
    while at < len(body):
        if at + 3 > len(body):
            raise protocol.Malformed("entry cut off")
        head, number = struct.unpack_from("<BH", body, at)
        channel, kind = head & 3, head >> 2 & 3
        at += 3
        flags = head & COMPRESSED
        if head & 0xE0 or kind > ABANDONED:
            raise protocol.Malformed("entry head")
        if flags and (channel != BULK or kind == ABANDONED):
            raise protocol.Malformed("compressed, and not bulk")
        size = first = length = 0
        if kind != ABANDONED:
            size, at = read_varint(body, at)
            length = size
        if kind == PART:
            first, at = read_varint(body, at)
            length, at = read_varint(body, at)
        data = body[at:at + length]
        at += length
        end = first * GRANULE + length
        if kind != ABANDONED and (
                len(data) != length or length == 0 or size > SIZE_MAX or end > size
                or (end < size and length % GRANULE)):
            raise protocol.Malformed("entry sizes")
        if channel == STATE and (kind != WHOLE or size > UNRELIABLE_MAX):
            raise protocol.Malformed("entry on channel 0")
        entries.append((channel, kind, number, flags, size, first, data))
    return entries


class Receiver:
    def __init__(self):
        self.base = {channel: 0 for channel in (ORDERED, UNORDERED, BULK)}
        self.parts = {}  # (channel, number) -> {granule: bytes}
        self.finished = {}  # (channel, number) -> message, or None when abandoned or passed on
        self.latest = None
        self.ready = []  # (channel, message)
        self.compressed = 0  # of those that came

    def frame(self, body):
        for channel, kind, number, flags, size, first, data in parse(body):
            if channel == STATE:
                if self.latest is None or 0 < (number - self.latest) % 65536 < 32768:
                    self.latest = number
                    self.ready.append((channel, data))
                continue
            ahead = (number - self.base[channel]) % 65536
            if WINDOW <= ahead < 32768:
                raise protocol.Malformed("message beyond the window")
            if ahead >= 32768 or (channel, number) in self.finished:
                continue  # it was here before
            if kind == ABANDONED:
                self.finish(channel, number, None)
                continue
            granules = self.parts.setdefault((channel, number), {})
            for offset in range(0, len(data), GRANULE):
                granules[first + offset // GRANULE] = data[offset:offset + GRANULE]
            if len(granules) == (size + GRANULE - 1) // GRANULE:
                message = b"".join(granules[i] for i in sorted(granules))
                self.compressed += flags != 0
                self.finish(channel, number, restore(message) if flags else message)

    def finish(self, channel, number, message):
        self.parts.pop((channel, number), None)
        if channel != ORDERED and message is not None:
            self.ready.append((channel, message))
            message = None
        self.finished[channel, number] = message
        while (channel, self.base[channel]) in self.finished:
            message = self.finished.pop((channel, self.base[channel]))
            if message is not None:
                self.ready.append((channel, message))
            self.base[channel] = (self.base[channel] + 1) % 65536


class Sender:
    """Repeats what is not acknowledged every 250 ms."""

    def __init__(self):
        self.number = {channel: 0 for channel in (ORDERED, UNORDERED, BULK)}
        self.queue = {channel: [] for channel in self.number}  # (message, flags)
        self.left = {}  # channel -> {first granule: time it was sent, 0: never}
        self.carried = {}  # packet number -> [(channel, message number, first granule)]

    def send(self, channel, message):
        self.queue[channel].append((message, 0))

    def send_compressed(self, message):
        """As `compress` made it."""
        self.queue[BULK].append((message, COMPRESSED))

    def entries(self, now):
        """[(channel, number, first, bytes of the entry)] that are due."""
        due = []
        for channel, waiting in self.queue.items():
            if not waiting:
                continue
            message, flags = waiting[0]
            left = self.left.setdefault(
                channel, {at // GRANULE: 0 for at in range(0, len(message), RUN_BYTES)})
            for first in [first for first, sent in left.items() if now - sent >= REPEAT_S][:4]:
                left[first] = now
                data = message[first * GRANULE:first * GRANULE + RUN_BYTES]
                number = self.number[channel]
                entry = (entry_whole(channel, number, message, flags)
                         if len(message) <= RUN_BYTES else
                         entry_part(channel, number, len(message), first, data, flags))
                due.append((channel, number, first, entry))
        return due

    def acknowledged(self, largest, bitmap):
        numbers = [largest] + [largest - 1 - i for i in range(64) if bitmap >> i & 1]
        for channel, number, first in (run for packet in numbers
                                       for run in self.carried.pop(packet, [])):
            if number != self.number[channel] or channel not in self.left:
                continue
            self.left[channel].pop(first, None)
            if not self.left[channel]:
                del self.left[channel]
                self.queue[channel].pop(0)
                self.number[channel] = (number + 1) % 65536

    def is_empty(self):
        return not any(self.queue.values())
