# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end tests share: a running host, expectations, and what must not be left."""
import os
import socket
import time

from tools import shell
from tools.host import hugepages, packets, port, process, stack

import tickwire_client as python_client

EXPECTED = (AssertionError, stack.Failure, shell.CommandFailed)


# Sessions of bots that are gone go soon, or stay.
IMPATIENT = {"life.pause_ms": 2000, "life.park_ms": 2000, "life.grace_ms": 2000}
PATIENT = {"life.pause_ms": 600000, "life.park_ms": 600000, "life.grace_ms": 600000}


class Skipped(Exception):
    """The test cannot run here; the text says why."""


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def expect_equal(what, found, wanted):
    expect(found == wanted, f"{what}: {found}, expected {wanted}")


def start(options, **settings):
    """A running host; use it as a context manager."""
    host = stack.Stack(options.build, **settings)
    try:
        return host.start()
    except BaseException:
        host.close()
        raise


def outcome_delta(before, after):
    """Outcomes that moved, by name."""
    return {name: after["outcomes"][name] - before["outcomes"][name]
            for name in after["outcomes"] if after["outcomes"][name] != before["outcomes"][name]}


def expect_ledger(stats):
    expect_equal("sum of all outcomes", sum(stats["outcomes"].values()), stats["rx_packets"])
    expect_equal("packets taken from the port", stats["rx_packets"], stats["port_rx_packets"])


def wait_for(what, condition, timeout_s=10, step_s=0.1):
    value = process.wait_until(condition, timeout_s, step_s)
    expect(value, f"{what}: not within {timeout_s} s")
    return value


class Player:
    """The Python client, driven from a test: its handshake and session, in the bots' namespace."""

    def __init__(self, host, token_text, timeout_s=10, address=0):
        connect = python_client.protocol.ConnectToken.from_text(token_text)
        self.endpoint = python_client.Endpoint.__new__(python_client.Endpoint)
        family = socket.AF_INET6 if ":" in connect.addresses[address][0] else socket.AF_INET
        self.endpoint.address = connect.addresses[address]
        self.endpoint.new_socket = lambda: host.port.bots.socket(family, socket.SOCK_DGRAM)
        self.endpoint.sent = self.endpoint.received = self.endpoint.largest = 0
        self.endpoint.rebind()
        self.handshake = python_client.Handshake(connect, self.endpoint, timeout_s)
        self.session = self.welcome = self.keys = None

    def join(self, seconds=0.5):
        self.welcome, self.keys = self.handshake.run()
        self.session = python_client.Session(self.endpoint, self.welcome, self.keys, True)
        self.session.run(seconds)
        return self

    @property
    def local_port(self):
        return self.endpoint.socket.getsockname()[1]

    def sealed(self, *frames, sequence=None):
        """A packet under this player's key; numbers of its own unless told."""
        if sequence is None:
            self.session.sequence += 1
            sequence = self.session.sequence
        return self.session.keys.seal(self.session.connection_id, sequence, b"".join(frames))

    def leave(self):
        if self.session is not None:
            self.session.close()
        self.endpoint.socket.close()


def join_fails(host, token_text, timeout_s=4):
    """The reason why a token does not get in; None when it does."""
    player = Player(host, token_text, timeout_s)
    try:
        player.join(0.1)
    except python_client.Failed as failure:
        return str(failure)
    finally:
        player.leave()
    return None


def wire(host):
    """A frame sender at the bots' end that knows the engine's MAC address."""
    result = packets.Wire(host.port.bots)
    result.find_engine()
    # Takes answers to what is sent from this port: the kernel would send ICMP errors for them.
    result.sink = host.port.bots.socket(socket.AF_INET, socket.SOCK_DGRAM)
    result.sink.bind((BOTS, packets.SOURCE_PORT))
    return result


def footprint():
    """What this machine has of what a run could leave on it."""
    with open("/proc/net/dev") as file:
        interfaces = {line.split(":")[0].strip() for line in file if ":" in line}
    return {"hugepages": hugepages.persistent(), "interfaces": interfaces}


def left_behind():
    """What the stacks of this process left."""
    left = [f"directory {path}" for path in stack.Stack.made_directories if path.exists()]
    for pid in stack.Stack.made_processes:
        left += [f"process {pid}"] if _is_tickwire(pid) else []
        directory = stack.DPDK_DIRECTORY / f"tickwire-{pid}"
        left += [f"directory {directory}"] if directory.exists() and not _is_tickwire(pid) else []
    return left


def grown(before):
    """What the machine has more than before. Others may run their own meanwhile: theirs is not
    looked at."""
    after = footprint()
    left = [f"interface {name}" for name in after["interfaces"] - before["interfaces"]
            if name.startswith("tw")]
    others = any(_is_tickwire(int(pid)) for pid in os.listdir("/proc") if pid.isdigit())
    if after["hugepages"] > before["hugepages"] and not others:
        left.append(f"hugepages: {before['hugepages']} became {after['hugepages']}")
    return left


def _is_tickwire(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"tickwire-" in file.read().split(b"\0")[0]
    except OSError:
        return False


def pause(seconds):
    time.sleep(seconds)


ENGINE = port.ENGINE_ADDRESS
BOTS = port.BOTS_ADDRESS
ROOT = shell.ROOT
environment = os.environ
