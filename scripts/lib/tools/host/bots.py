# SPDX-License-Identifier: BSD-3-Clause
"""A running `tickwire-load bots --json`: its lines as they come, and its summary."""
import json
import os
import select
import time


class Bots:
    """`process` writes one JSON object per line to a pipe; the last one is the summary."""

    def __init__(self, process):
        self.process = process
        self.descriptor = process.popen.stdout.fileno()
        os.set_blocking(self.descriptor, False)
        self.partial = b""
        self.lines = []
        self.ended = False

    def poll(self, timeout_s=0.0):
        """New lines since the last call; waits for at most `timeout_s` for the first."""
        new, end = [], time.monotonic() + timeout_s
        while not new and not self.ended:
            left = end - time.monotonic()
            if not select.select([self.descriptor], [], [], max(0, left))[0]:
                break
            data = os.read(self.descriptor, 65536)
            self.ended = not data
            *whole, self.partial = (self.partial + data).split(b"\n")
            new += [json.loads(line) for line in whole if line.strip()]
        self.lines += new
        return new

    def wait_for(self, condition, timeout_s):
        """The first line for which condition(line) holds, from the next one on; or None."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not self.ended:
            for line in self.poll(min(1.0, max(0.0, end - time.monotonic()))):
                if condition(line):
                    return line
        return None

    def finish(self, timeout_s):
        """(exit status, summary); status None when it did not end in time."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and not self.ended:
            self.poll(min(1.0, max(0.0, end - time.monotonic())))
        status = self.process.wait(max(1.0, end - time.monotonic()))
        return status, self.lines[-1] if self.lines else {}
