# SPDX-License-Identifier: BSD-3-Clause
"""Reads a checking program's lines into the report while it runs: `ok NAME`, `skip NAME: WHY`, or
`not ok NAME` followed by indented reasons."""
import os
import subprocess
import sys

from . import shell


def run(report, label, script, arguments=()):
    """A Python script of the project."""
    follow(report, label, [sys.executable, "-B", shell.ROOT / script, *arguments])


def follow(report, label, command):
    """Any program that speaks this form; one that says nothing, or dies, is a failure."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=shell.ROOT,
                          errors="replace",
                          env={**os.environ, "PYTHONPATH": str(shell.LIBRARY)}) as child:
        failing, reasons, told, other = None, [], 0, []
        for line in child.stdout:
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
