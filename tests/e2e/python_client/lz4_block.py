# SPDX-License-Identifier: BSD-3-Clause
"""LZ4 blocks, written from the public description of the block format alone: sequences of a token,
literals, and a copy of bytes already there."""

MATCH_MIN = 4
LAST_LITERALS = 5  # the end of a block is never a copy
MATCH_LAST = 12  # and no copy begins within so many bytes of it
OFFSET_MAX = 65535


class Damaged(Exception):
    pass


def _length(block, at, length):
    """A length that goes on in the following bytes if it is 15."""
    if length < 15:
        return length, at
    while True:
        if at >= len(block):
            raise Damaged("a length is cut off")
        length += block[at]
        at += 1
        if block[at - 1] < 255:
            return length, at


def decode(block, size):
    """What the block holds, which must be `size` bytes."""
    out = bytearray()
    at = 0
    while at < len(block):
        token = block[at]
        count, at = _length(block, at + 1, token >> 4)
        literals = block[at:at + count]
        at += count
        out += literals
        if len(literals) < count or len(out) > size:
            raise Damaged("literals are cut off, or too many")
        if at == len(block):
            break
        offset = int.from_bytes(block[at:at + 2], "little")
        count, at = _length(block, at + 2, token & 15)
        count += MATCH_MIN
        if not 0 < offset <= len(out) or len(out) + count > size:
            raise Damaged("a copy from nowhere, or of too much")
        while count > 0:
            part = out[-offset:len(out) - offset + min(count, offset)]
            out += part
            count -= len(part)
    if len(out) != size:
        raise Damaged(f"{len(out)} bytes instead of {size}")
    return bytes(out)


def _lengths(literals, match):
    """The token, and both lengths as far as they do not fit it."""
    tail = [b"", b""]
    for which, length in enumerate((literals, match)):
        if length >= 15:
            tail[which] = b"\xff" * ((length - 15) // 255) + bytes([(length - 15) % 255])
    return bytes([min(literals, 15) << 4 | min(match, 15)]), tail[0], tail[1]


def encode(data):
    """Greedy: the newest place with the same four bytes."""
    out = bytearray()
    seen = {}
    at = start = 0
    while at + MATCH_LAST < len(data):
        key = data[at:at + MATCH_MIN]
        place = seen.get(key, -OFFSET_MAX - 1)
        seen[key] = at
        if at - place > OFFSET_MAX:
            at += 1
            continue
        end = at + MATCH_MIN
        while end < len(data) - LAST_LITERALS and data[end] == data[place + end - at]:
            end += 1
        token, more_literals, more_match = _lengths(at - start, end - at - MATCH_MIN)
        out += (token + more_literals + data[start:at] + (at - place).to_bytes(2, "little")
                + more_match)
        at = start = end
    token, more_literals, _ = _lengths(len(data) - start, 0)
    return bytes(out + token + more_literals + data[start:])
