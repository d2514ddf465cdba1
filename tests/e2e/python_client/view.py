# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots and the client's view of the world: docs/protocol.md, section 5."""
import struct
from dataclasses import dataclass, field

from protocol import MASK64, Malformed

HAS_SELF, HAS_HASH, INCOMPLETE, HAS_CHECK, BASELINE = 0x01, 0x02, 0x04, 0x08, 0x10
COLD_FIELDS = [(0x01, "type", "B"), (0x02, "team", "B"), (0x04, "appearance", "H"),
               (0x08, "health", "H"), (0x10, "full_health", "H")]
COLD_ALL = 0x1F
INDEX_MASK = 0xFFFFFF

P1 = 0x9E3779B185EBCA87
P2 = 0xC2B2AE3D27D4EB4F
P3 = 0x165667B19E3779F9


def hash_bytes(data):
    """H of the document."""
    value = len(data) * P2 & MASK64
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at:at + 8].ljust(8, b"\0"), "little")
        value ^= word * P1 & MASK64
        value = (value << 29 | value >> 35) & MASK64
        value = value * P2 & MASK64
    value ^= value >> 32
    value = value * P3 & MASK64
    return value ^ value >> 29


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, layout):
        size = struct.calcsize(layout)
        if self.at + size > len(self.data):
            raise Malformed("snapshot cut off")
        fields = struct.unpack_from(layout, self.data, self.at)
        self.at += size
        return fields if len(fields) > 1 else fields[0]

    def index(self):
        low, high = self.take("<HB")
        return low | high << 16

    def handle(self):
        handle = self.take("<I")
        if handle >> 24 == 0:
            raise Malformed("a handle of generation 0")
        return handle

    def cold(self, mask):
        if mask == 0 or mask & ~COLD_ALL:
            raise Malformed("cold mask out of range")
        return {name: self.take("<" + kind) for bit, name, kind in COLD_FIELDS if mask & bit}


@dataclass
class Hot:
    cell_x: int
    cell_y: int
    x: int
    y: int
    heading: int
    speed: int
    action: int


@dataclass
class Entity:
    handle: int
    hot: Hot
    cold: dict

    def record(self):
        hot = self.hot
        return struct.pack("<IHHHHBBB", self.handle, hot.cell_x, hot.cell_y, hot.x, hot.y,
                           hot.heading, hot.speed, hot.action) + b"".join(
            struct.pack("<" + kind, self.cold[name]) for _, name, kind in COLD_FIELDS)

    def position(self):
        return self.hot.cell_x << 16 | self.hot.x, self.hot.cell_y << 16 | self.hot.y


@dataclass
class Own:
    handle: int
    x: int
    y: int
    velocity_x: int
    velocity_y: int
    heading: int


@dataclass
class Snapshot:
    number: int
    tick: int
    last_input: int
    incomplete: bool
    own: Own = None
    view_hash: int = None
    check: tuple = None  # (bits, class, sum)
    baseline: int = 0
    exits: list = field(default_factory=list)
    enters: list = field(default_factory=list)
    colds: list = field(default_factory=list)  # (index, {field: value})
    hots: list = field(default_factory=list)   # (index, Hot)


def _take_hot(reader, cell_x, cell_y):
    return Hot(cell_x, cell_y, *reader.take("<HHBBB"))


def parse_snapshot(body):
    """The whole body, or Malformed."""
    reader = Reader(body)
    number, tick, last_input, flags = reader.take("<IIIB")
    if number == 0 or flags & ~0x1F:
        raise Malformed("snapshot number or flags out of range")
    if flags & HAS_HASH and flags & (INCOMPLETE | HAS_CHECK):
        raise Malformed("a view hash in a snapshot that left something out, or beside a check")
    snapshot = Snapshot(number, tick, last_input, bool(flags & INCOMPLETE))
    if flags & HAS_SELF:
        snapshot.own = Own(reader.handle(), *reader.take("<iiiiH"))
    if flags & HAS_HASH:
        snapshot.view_hash = reader.take("<Q")
    if flags & HAS_CHECK:
        snapshot.check = reader.take("<BBI")
        if snapshot.check[0] > 8 or snapshot.check[1] >> snapshot.check[0]:
            raise Malformed("check of a class that there is not")
    if flags & BASELINE:
        snapshot.baseline = reader.take("<I")
        if not 0 < snapshot.baseline <= number:
            raise Malformed("baseline that begins later")
    for _ in range(reader.take("<B")):
        snapshot.exits.append(reader.handle())
    for _ in range(reader.take("<B")):
        handle = reader.handle()
        cell_x, cell_y = reader.take("<HH")
        hot = _take_hot(reader, cell_x, cell_y)
        mask = reader.take("<B")
        if mask != COLD_ALL:
            raise Malformed("enter: not all cold fields")
        snapshot.enters.append(Entity(handle, hot, reader.cold(mask)))
    for _ in range(reader.take("<B")):
        index = reader.index()
        snapshot.colds.append((index, reader.cold(reader.take("<B"))))
    for _ in range(reader.take("<B")):
        cell_x, cell_y, count = reader.take("<HHB")
        if count == 0:
            raise Malformed("empty hot group")
        for _ in range(count):
            index = reader.index()
            snapshot.hots.append((index, _take_hot(reader, cell_x, cell_y)))
    if reader.at != len(body):
        raise Malformed("bytes after the snapshot's end")
    return snapshot


class View:
    def __init__(self):
        self.entities = {}  # by index
        self.newest = 0
        self.applied = set()
        self.own = None
        self.last_input = 0
        self.missed = self.incomplete = 0
        self.hashes_checked = self.hashes_wrong = 0
        self.baseline = self.baselines = 0
        self.check = None  # newest: (snapshot number, bits, class, what it came to here)

    def apply(self, snapshot):
        """False: not above the newest applied one, ignored."""
        if snapshot.number <= self.newest:
            return False
        self.missed += snapshot.number - self.newest - 1
        self.newest = snapshot.number
        self.applied = {n for n in self.applied if n + 33 > self.newest} | {self.newest}
        self.last_input = snapshot.last_input
        self.incomplete += snapshot.incomplete
        if snapshot.own is not None:
            self.own = snapshot.own
        if snapshot.baseline > self.baseline:
            self.baseline = snapshot.baseline
            self.baselines += 1
            self.entities.clear()
        for handle in snapshot.exits:
            known = self.entities.get(handle & INDEX_MASK)
            if known is not None and known.handle == handle:
                del self.entities[handle & INDEX_MASK]
        for entity in snapshot.enters:
            self.entities[entity.handle & INDEX_MASK] = entity
        for index, fields in snapshot.colds:
            if index in self.entities:
                self.entities[index].cold.update(fields)
        for index, hot in snapshot.hots:
            if index in self.entities:
                self.entities[index].hot = hot
        if snapshot.view_hash is not None:
            self.compare(snapshot, 0, 0, snapshot.view_hash, MASK64)
        if snapshot.check is not None:
            self.compare(snapshot, *snapshot.check, 0xFFFFFFFF)
        return True

    def compare(self, snapshot, bits, group, expected, mask):
        found = self.hash(bits, group)
        self.hashes_checked += 1
        self.hashes_wrong += found & mask != expected
        self.check = (snapshot.number, bits, group, found & 0xFFFFFFFF)

    def hash(self, bits=0, group=0):
        return sum(hash_bytes(entity.record()) for index, entity in self.entities.items()
                   if index & (1 << bits) - 1 == group) & MASK64

    def acknowledgement(self):
        """newest, bitmap"""
        return self.newest, sum(1 << i for i in range(32) if self.newest - 1 - i in self.applied)
