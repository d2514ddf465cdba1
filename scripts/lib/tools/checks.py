# SPDX-License-Identifier: BSD-3-Clause
"""Reads a checking program's lines into the report while it runs: `ok NAME`, `skip NAME: WHY`, or
`not ok NAME` followed by indented reasons."""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile

from . import shell

STOP_S = 30


def run(report, label, script, arguments=()):
    """A Python script of the project."""
    follow(report, label, [sys.executable, "-B", shell.ROOT / script, *arguments])


def follow(report, label, command):
    """Any program that speaks this form; one that says nothing, or dies, is a failure."""
    with _start(command, subprocess.PIPE) as child:
        told, other = _tell(report, label, child.stdout)
    _judge(report, label, child, told, other)


class Background:
    """Such a program beside others: what it says is told when it has ended."""

    def __init__(self, command):
        self.said = tempfile.TemporaryFile("w+", errors="replace")  # a pipe would fill up
        self.child = _start(command, self.said)

    def tell(self, report, label):
        self.child.wait()
        self.said.seek(0)
        told, other = _tell(report, label, self.said)
        _judge(report, label, self.child, told, other)

    def stop(self):
        """Ctrl-C reaches it as well, and it tidies up; a second one would disturb it in that."""
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(PermissionError):  # sudo's
                self.child.send_signal(signal.SIGINT)
            self.child.wait()


def _start(command, output):
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                            stdout=output, stderr=subprocess.STDOUT, cwd=shell.ROOT,
                            errors="replace",
                            env={**os.environ, "PYTHONPATH": str(shell.LIBRARY)})


def _tell(report, label, lines):
    """(how many results there were, the lines that are none)."""
    failing, reasons, told, other = None, [], 0, []
    for line in lines:
        line = line.rstrip("\n")
        if failing is not None and line.startswith(" "):
            reasons.append(line)
            continue
        if failing is not None:
            report.add_failure(f"{label}: {failing}", "\n".join(reasons))
            failing = None
        if line.startswith("ok "):
            report.add_pass(f"{label}: {line[3:]}")
        elif line.startswith("skip "):
            name, _, reason = line[5:].partition(": ")
            report.add_skip(f"{label}: {name}", reason)
        elif line.startswith("not ok "):
            failing, reasons = line[7:], []
        else:
            other.append(line)
            continue
        told += 1
    if failing is not None:
        report.add_failure(f"{label}: {failing}", "\n".join(reasons))
    return told, other


def _judge(report, label, child, told, other):
    if told == 0 or child.returncode not in (0, 1):
        report.add_failure(f"{label}: status {child.returncode}", "\n".join(other[-40:]))


class Check:
    """One rule: problems are collected, then told in the form that follow() reads."""

    def __init__(self, name):
        self.name = name
        self.problems = []

    def problem(self, text):
        self.problems.append(str(text))

    def tell(self):
        print(f"not ok {self.name}" if self.problems else f"ok {self.name}", flush=True)
        for problem in self.problems:
            for line in problem.splitlines() or [""]:
                print(f"  {line}", flush=True)
        return not self.problems


def tell_all(all_checks):
    """Exit status: 1 when any rule is broken. Every rule is told."""
    return 0 if all([check.tell() for check in all_checks]) else 1
