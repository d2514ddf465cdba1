# SPDX-License-Identifier: BSD-3-Clause
"""Counts results, prints one line per test, excerpts of failures, and the total as last line."""
import sys

EXCERPT_LINES = 30


class Report:
    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.passed = 0
        self.failures = []
        self.skips = []

    def _line(self, text):
        print(text, file=self.stream, flush=True)

    def add_pass(self, name, seconds=None):
        self.passed += 1
        self._line(f"ok    {name}" + (f"  ({seconds:.1f} s)" if seconds is not None else ""))

    def add_failure(self, name, log):
        self.failures.append(name)
        self._line(f"FAIL  {name}")
        for line in log.strip().splitlines()[-EXCERPT_LINES:]:
            self._line(f"      | {line[:400]}")

    def add_skip(self, name, reason):
        self.skips.append(name)
        self._line(f"skip  {name}: {reason}")

    def finish(self):
        """Prints the total; returns the exit status."""
        if self.failures:
            self._line("failed: " + ", ".join(self.failures))
        total = f"{self.passed} passed, {len(self.failures)} failed"
        if self.skips:
            total += f", {len(self.skips)} skipped"
        self._line(total)
        return 1 if self.failures else 0
