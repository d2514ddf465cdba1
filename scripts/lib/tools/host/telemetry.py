# SPDX-License-Identifier: BSD-3-Clause
"""Asks DPDK's telemetry socket of an engine, as dpdk-telemetry.py does: a packet with a greeting
comes first, then one packet with JSON for each command."""
import json
import pathlib
import socket

DIRECTORY = pathlib.Path("/var/run/dpdk")
GREETING_MAX = 1024


class Telemetry:
    def __init__(self, pid, directory=DIRECTORY):
        self.path = directory / f"tickwire-{pid}" / "dpdk_telemetry.v2"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(str(self.path))
        self.greeting = json.loads(self.socket.recv(GREETING_MAX))

    def ask(self, command):
        self.socket.send(command.encode())
        return json.loads(self.socket.recv(self.greeting["max_output_len"]))[command.split(",")[0]]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
