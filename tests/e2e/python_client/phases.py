# SPDX-License-Identifier: BSD-3-Clause
"""Key phases at the client's end, as section 2.1 of docs/protocol.md tells them."""
import time

from protocol import KEY_PHASE, Malformed, PacketKey, hkdf_expand, parse_header

OLD_KEY_S = 5.0


def next_secret(secret):
    return hkdf_expand(secret, "phase", 32)


class Phases:
    def __init__(self, keys, suite, follows=True):
        self.suite = suite
        self.follows = follows  # False: seals in phase 0 for ever, which no client should
        self.number = 0
        self.first = 0  # packet number that showed the present phase
        self.send_secret, self.receive_secret = keys.client_to_server, keys.server_to_client
        self.send_flags = 0
        self.send_key = PacketKey(self.send_secret, suite)
        self.open_key = PacketKey(self.receive_secret, suite)
        self.old_key, self.old_until = None, 0.0
        self._make_ready()

    def _make_ready(self):
        self.receive_secret = next_secret(self.receive_secret)
        self.next_key = PacketKey(self.receive_secret, self.suite)

    def seal(self, connection_id, sequence, plaintext):
        return self.send_key.seal(connection_id, sequence, plaintext, flags=self.send_flags)

    def open(self, packet, newest):
        """The plaintext; follows the server when its next phase shows. newest: highest number of
        a packet that opened before. Malformed: there is no key for it, or the tag is wrong."""
        _, _, flags, sequence = parse_header(packet)
        is_next = False
        if flags & KEY_PHASE == self.number & 1:
            key = self.open_key
        elif sequence < self.first:
            key = self.old_key if time.monotonic() < self.old_until else None
        elif sequence > newest:
            key, is_next = self.next_key, True
        else:
            key = None
        plaintext = key.open(packet) if key else None
        if plaintext is None:
            raise Malformed("forged, or of a key phase that is over")
        if is_next:
            self._follow(sequence)
        return plaintext

    def _follow(self, sequence):
        self.number += 1
        self.first = sequence
        self.old_key, self.old_until = self.open_key, time.monotonic() + OLD_KEY_S
        self.open_key = self.next_key
        self._make_ready()
        if self.follows:
            self.send_secret = next_secret(self.send_secret)
            self.send_key = PacketKey(self.send_secret, self.suite)
            self.send_flags = self.number & 1
