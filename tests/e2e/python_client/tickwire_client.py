#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent Tickwire client: Python's standard library and libsodium.

  tickwire_client.py --token FILE|- [--seconds S] [--stand]   connects, walks, checks, closes
                     [--resume FILE]                          keeps there what resumes the session
  tickwire_client.py --vectors docs/protocol.md               checks the document's test vectors

Prints a JSON summary. Exit status: 0 all is well, 1 something is wrong, 2 usage.
"""
import argparse
import hmac
import json
import os
import select
import socket
import sys
import time

import messages
import phases
import protocol
import vectors
import view as replicated
from protocol import Malformed
from sodium import random_bytes, x25519_public

REPEAT_FIRST_S, REPEAT_MAX_S = 0.25, 1.0
TRY_AGAIN_MAX_S = 10.0
SILENCE_S = 10.0
INPUTS_MAX = 8


class Failed(Exception):
    """The connection ended in a way that was not asked for."""


def now_us():
    return time.monotonic_ns() // 1000


class Handshake:
    """hello → cookie → hello 2 → welcome."""

    def __init__(self, connect, endpoint, timeout_s):
        self.connect = connect
        self.endpoint = endpoint
        self.deadline = time.monotonic() + timeout_s
        self.secret = random_bytes(32)
        self.ephemeral = x25519_public(self.secret)
        self.suites = connect.suites & (protocol.SUITE_CHACHA | (
            protocol.SUITE_AES if protocol.AES256_GCM else 0))
        if self.suites == 0:
            raise Failed("no common suite")
        self.hello = protocol.hello(self.suites, self.ephemeral)
        self.hello2 = None
        self.note = "no answer"

    def run(self):
        """(Welcome, Keys)"""
        repeat = REPEAT_FIRST_S
        while time.monotonic() < self.deadline:
            self.endpoint.send(self.hello2 or self.hello)
            result = self._wait(time.monotonic() + repeat)
            if isinstance(result, tuple):
                return result
            repeat = REPEAT_FIRST_S if result == "cookie" else min(2 * repeat, REPEAT_MAX_S)
        raise Failed("handshake: " + self.note)

    def _wait(self, until):
        while (left := until - time.monotonic()) > 0:
            packet = self.endpoint.receive(left)
            kind = packet and protocol.answer_type(packet, self.ephemeral)
            if kind == protocol.COOKIE and self.hello2 is None:
                self.hello2 = protocol.hello2(self.hello, packet[46:62], self.connect.token,
                                              self.connect.psk)
                return "cookie"
            if kind == protocol.WELCOME and self.hello2 is not None:
                opened = protocol.open_welcome(packet, self.hello2, self.secret, self.connect)
                if opened is not None:
                    return self._checked(opened)
            if kind == protocol.TRY_AGAIN:
                wait = min(int.from_bytes(packet[46:50], "little") / 1000, TRY_AGAIN_MAX_S)
                self.hello2, self.note = None, "told to try again"
                time.sleep(min(wait, max(0, self.deadline - time.monotonic())))
                return "again"
            if kind == protocol.WRONG_VERSION:
                self.note = "the server speaks other versions"
            if kind == protocol.REFUSED and self.hello2 is not None:
                mac = protocol.refused_mac(packet, self.hello2, self.connect.psk)
                if hmac.compare_digest(mac, packet[50:82]):
                    raise Failed(f"refused: {int.from_bytes(packet[46:48], 'little')}")
        return "silence"

    def _checked(self, opened):
        welcome, keys = opened
        if welcome.suite not in (1, 2) or not welcome.suite & self.suites:
            raise Failed("the server chose a suite that was not offered")
        return welcome, keys


class Endpoint:
    """A UDP socket that counts."""

    def __init__(self, address):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.address = address
        self.new_socket = lambda: socket.socket(family, socket.SOCK_DGRAM)
        self.sent = self.received = 0
        self.largest = 0  # bytes of a datagram that came
        self.rebind()

    def rebind(self):
        """Goes on from another port."""
        self.socket = self.new_socket()
        self.socket.connect(self.address)
        self.socket.setblocking(False)

    def send(self, packet):
        try:
            self.socket.send(packet)
            self.sent += 1
        except OSError:
            pass  # the same as a lost datagram

    def receive(self, timeout_s):
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return None
        try:
            packet = self.socket.recv(65536)
            self.largest = max(self.largest, len(packet))
        except OSError:
            return None
        self.received += 1
        return packet


class Clock:
    def __init__(self, welcome):
        self.tick_hz = welcome.tick_hz
        self.offset_us = welcome.server_time_us - now_us()
        self.samples = []
        self.rtts_us = []
        self.steered_us = None  # what the server's reports say to add to its clock
        self.margins_us = []
        self.inputs_measured = self.inputs_late = 0

    def pong(self, echo_us, received_us, sent_us):
        now = now_us()
        rtt = (now - echo_us) - (sent_us - received_us)
        if echo_us > now or rtt < 0:
            return
        offset = ((received_us - echo_us) + (sent_us - now)) // 2
        self.samples = self.samples[-7:] + [(rtt, offset)]
        self.rtts_us.append(rtt)
        self.offset_us = min(self.samples)[1]

    def arrivals(self, _newest, mean, lowest, count, late):
        """Aims at arriving one tick early, never late: by a tenth of a tick at once downwards."""
        self.inputs_measured += count
        self.inputs_late += late
        self.margins_us.append(mean * 100)
        tick_us = 1_000_000 // self.tick_hz
        missing_us = max(tick_us - mean * 100, tick_us // 4 - lowest * 100)
        self.steered_us = self.lead_us() + max(-tick_us // 10, min(missing_us, tick_us // 2))

    def lead_us(self):
        if self.steered_us is not None:
            return self.steered_us
        half_trip = min(self.samples)[0] // 2 if self.samples else 0
        return half_trip + 2_000_000 // self.tick_hz

    def input_tick(self):
        server_us = max(0, now_us() + self.offset_us + self.lead_us())
        return ((server_us + 1) * self.tick_hz - 1) // 1_000_000


class Session:
    def __init__(self, endpoint, welcome, keys, walking, follows=True):
        self.endpoint = endpoint
        self.connection_id = self.previous_id = welcome.connection_id
        self.renamed_by = 0
        self.challenge = None
        self.challenges = 0
        self.keys = phases.Phases(keys, welcome.suite, follows)
        self.sequence = 0
        self.replay = protocol.ReplayWindow()
        self.newest_at_us = 0
        self.welcome = welcome
        self.clock = Clock(welcome)
        self.view = replicated.View()
        self.incoming = messages.Receiver()
        self.outgoing = messages.Sender()
        self.acknowledges = True  # False: says nothing of packets, which no client should
        self.walking = walking
        self.inputs = []  # newest first
        self.newest_tick = 0
        self.first_tick = 0
        self.heard = time.monotonic()
        self.snapshots = self.rejected = 0
        self.next_check_us = 0
        self.notices = []  # (stage, kind, score)
        self.close_reason = None
        self.path_m = 0.0
        self.resume_psk = keys.resume_psk
        self.resume = None  # (expiry, token)
        self.on_resume = lambda: None

    def send(self, *frames):
        self.sequence += 1
        self.endpoint.send(self.keys.seal(self.connection_id, self.sequence, b"".join(frames)))

    def receive(self, packet):
        try:
            connection_id, channel, flags, sequence = protocol.parse_header(packet)
            if connection_id == 0:
                return  # a repeated welcome
            if (connection_id not in (self.connection_id, self.previous_id) or channel != 0
                    or flags & ~protocol.KEY_PHASE):
                raise Malformed("not for this session")
            if not self.replay.fresh(sequence):
                raise Malformed("replayed")
            plaintext = self.keys.open(packet, self.replay.newest)
            if sequence > self.replay.newest:
                self.newest_at_us = now_us()
            self.replay.commit(sequence)
            self.heard = time.monotonic()
            self.apply(protocol.parse_server_frames(plaintext), sequence)
        except Malformed:
            self.rejected += 1

    def apply(self, frames, sequence):
        if protocol.CHALLENGE in frames:
            self.challenge, = frames[protocol.CHALLENGE]
            self.challenges += 1
        if protocol.RENAME in frames:
            self.rename(*frames[protocol.RENAME], sequence)
        if protocol.MESSAGES in frames:
            self.incoming.frame(frames[protocol.MESSAGES])
        if protocol.ACK in frames:
            self.outgoing.acknowledged(*frames[protocol.ACK][:2])
        if protocol.SNAPSHOT in frames:
            before = self.view.own
            self.snapshots += self.view.apply(replicated.parse_snapshot(frames[protocol.SNAPSHOT]))
            after = self.view.own
            if before is not None and after is not None:
                dx = self.welcome.difference(before.x, after.x)
                dy = self.welcome.difference(before.y, after.y)
                self.path_m += (dx * dx + dy * dy) ** 0.5 / 1024
        if protocol.PONG in frames:
            self.clock.pong(*frames[protocol.PONG])
        if protocol.NOTICE in frames:
            self.notices.append(frames[protocol.NOTICE])
        if protocol.ARRIVALS in frames:
            self.clock.arrivals(*frames[protocol.ARRIVALS])
        if protocol.RESUME in frames and self.resume is None:
            self.resume = frames[protocol.RESUME]
            self.on_resume()
        if protocol.CLOSE in frames:
            self.close_reason = frames[protocol.CLOSE][0]

    def rename(self, connection_id, sequence):
        if sequence <= self.renamed_by:
            return
        self.renamed_by = sequence
        if connection_id != self.connection_id:
            self.previous_id, self.connection_id = self.connection_id, connection_id

    def answer_challenge(self):
        if self.challenge is not None:
            self.send(protocol.frame_response(self.challenge))
            self.challenge = None

    def _advance(self, one_input):
        target = self.clock.input_tick()
        if self.newest_tick == 0:
            self.first_tick, self.newest_tick = target, target - 1
        if target - self.newest_tick > INPUTS_MAX:
            self.newest_tick = target - INPUTS_MAX
            self.inputs = []
        while self.newest_tick < target:
            self.newest_tick += 1
            self.inputs = [one_input] + self.inputs[:INPUTS_MAX - 1]

    def tick(self, elapsed_s, ping):
        # A square walk: one side a second.
        moves = [(127, 0), (0, 127), (-127, 0), (0, -127)]
        side = int(elapsed_s) % 4
        move = moves[side] if self.walking else (0, 0)
        self._advance((*move, side * 16384, 0))
        unapplied = min(len(self.inputs), self.newest_tick - self.view.last_input)
        frames = []
        if unapplied > 0:
            frames.append(protocol.frame_inputs(self.newest_tick, self.inputs[:unapplied]))
        if self.view.newest > 0:
            frames.append(protocol.frame_snapshot_ack(*self.view.acknowledgement()))
        if self.replay.newest > 0 and self.acknowledges:
            frames.append(protocol.frame_ack(self.replay.newest, self.replay.bitmap(),
                                             now_us() - self.newest_at_us))
        if ping:
            frames.append(protocol.frame_ping(now_us()))
        if self.view.check is not None and now_us() >= self.next_check_us:
            frames.append(protocol.frame_check(*self.view.check))
            self.view.check = None
            self.next_check_us = now_us() + 1_000_000
        if ping and self.resume is None:
            frames.append(protocol.frame_resume_wanted())
        if frames:
            self.send(*frames)
        self.send_messages()

    def send_messages(self):
        """One run in a packet."""
        for channel, number, first, entry in self.outgoing.entries(time.monotonic()):
            self.send(protocol.frame_messages(entry))
            self.outgoing.carried[self.sequence] = [(channel, number, first)]

    def run(self, seconds):
        start = time.monotonic()
        next_tick = next_ping = start
        while (now := time.monotonic()) < start + seconds:
            if self.close_reason is not None:
                raise Failed(f"closed by the server: {self.close_reason}")
            if now - self.heard > SILENCE_S:
                raise Failed("the server went silent")
            if now >= next_tick:
                ping = now >= next_ping
                next_ping = now + (0.2 if now - start < 1 else 0.5) if ping else next_ping
                self.tick(now - start, ping)
                next_tick = max(next_tick + 1 / self.clock.tick_hz, now)
            packet = self.endpoint.receive(max(0, next_tick - time.monotonic()))
            if packet is not None:
                self.receive(packet)
            self.answer_challenge()

    def resume_text(self, connect):
        """A connect token that goes on with this session, once; None until it was told."""
        return self.resume and connect.resuming(*self.resume, self.resume_psk)

    def close(self):
        for _ in range(3):
            self.send(protocol.frame_close(1))


def summary_of(session, welcome):
    rtts = sorted(session.clock.rtts_us)
    return {
        "connection_id": session.connection_id,
        "suite": welcome.suite,
        "key_phase": session.keys.number,
        "tick_hz": welcome.tick_hz,
        "snapshots": session.snapshots,
        "snapshots_lost": session.view.missed,
        "snapshots_incomplete": session.view.incomplete,
        "entities": len(session.view.entities),
        "hashes_checked": session.view.hashes_checked,
        "hashes_wrong": session.view.hashes_wrong,
        "inputs_made": session.newest_tick - session.first_tick + 1,
        "last_input_applied": session.view.last_input,
        "inputs_applied": max(0, session.view.last_input - session.first_tick + 1),
        "inputs_measured": session.clock.inputs_measured,
        "inputs_late": session.clock.inputs_late,
        "margin_us_median": (sorted(session.clock.margins_us)[len(session.clock.margins_us) // 2]
                             if session.clock.margins_us else None),
        "path_m": round(session.path_m, 2),
        "rtt_us_median": rtts[len(rtts) // 2] if rtts else None,
        "rejected": session.rejected,
        "packets_sent": session.endpoint.sent,
        "packets_received": session.endpoint.received,
    }


def faults_of(summary, seconds, walking):
    faults = []
    if summary["snapshots"] == 0:
        faults.append("no snapshot")
    if summary["entities"] == 0:
        faults.append("the view is empty: not even the own entity")
    if summary["hashes_wrong"]:
        faults.append("the view differs from the server's")
    if seconds >= 3 and summary["hashes_checked"] == 0:
        faults.append("no view hash arrived")
    if summary["rtt_us_median"] is None:
        faults.append("no pong")
    if seconds >= 2 and summary["inputs_measured"] == 0:
        faults.append("the server did not tell how early inputs arrive")
    if summary["inputs_applied"] == 0:
        faults.append("no input was applied")
    if walking and seconds >= 2 and summary["path_m"] < 0.5:
        faults.append("the own entity did not move")
    return faults


def keep_resume(path, text):
    """Whole or not at all, and for its owner's eyes."""
    if path is None:
        return
    with open(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
              encoding="ascii") as file:
        file.write(text + "\n")
    os.replace(path + ".new", path)


def play(arguments):
    if arguments.token == "-":
        text = sys.stdin.readline()
    else:
        with open(arguments.token, encoding="ascii") as file:
            text = file.readline()
    connect = protocol.ConnectToken.from_text(text)
    endpoint = Endpoint(connect.addresses[0])
    try:
        welcome, keys = Handshake(connect, endpoint, arguments.connect_timeout).run()
        session = Session(endpoint, welcome, keys, not arguments.stand)
        session.on_resume = lambda: keep_resume(arguments.resume, session.resume_text(connect))
        session.run(arguments.seconds)
        session.close()
        summary = summary_of(session, welcome)
        faults = faults_of(summary, arguments.seconds, not arguments.stand)
    except Failed as failure:
        summary, faults = {}, [str(failure)]
    print(json.dumps({"ok": not faults, "faults": faults, **summary}))
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--token", metavar="FILE", help="connect token, base64; - is standard input")
    what.add_argument("--vectors", metavar="DOCUMENT", help="check the document's test vectors")
    parser.add_argument("--seconds", type=float, default=5.0, help="time connected (default 5)")
    parser.add_argument("--connect-timeout", type=float, default=15.0, metavar="S")
    parser.add_argument("--resume", metavar="FILE", help="keep there what resumes the session")
    parser.add_argument("--stand", action="store_true", help="do not walk")
    arguments = parser.parse_args()
    try:
        return vectors.check(arguments.vectors) if arguments.vectors else play(arguments)
    except (OSError, ValueError, Malformed) as error:
        print(f"tickwire_client: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
