# SPDX-License-Identifier: BSD-3-Clause
"""Real processes end to end, on the clang build: it asserts that no nonce is used twice, which
release builds do not, and so both compilers' code sees traffic (the demo runs gcc's).

Most of these tests wait, and leave the processors idle. begin() starts those; other suites run
meanwhile; run() tells how they went and runs the rest, which need the machine for themselves."""
import os
import sys

from suites import unit
from tools import checks, shell

SCRIPT = shell.ROOT / "tests" / "e2e" / "run.py"
_begun = []  # at most one checks.Background


def begin(report):
    try:
        command = _command(report, False)
    except shell.CommandFailed:
        return  # run() will meet the same, and tell
    if command:
        _begun.append(checks.Background([*command, "--waiting"]))


def run(report, long_run):
    words = []
    if _begun:
        _begun[0].tell(report, "e2e")
        words = ["--alone"]
    command = _command(report, long_run)
    if command:
        checks.follow(report, "e2e", [*command, *words])


def end():
    """Whatever happened: what was begun does not go on."""
    while _begun:
        _begun.pop().stop()


def _command(report, long_run):
    """None when it cannot be built, which is then reported."""
    shell.packages("run", "wireshark", *(["fresh"] if long_run else []))
    directory = unit.build_clang(report)
    if not directory:
        return None
    command = [sys.executable, "-B", SCRIPT, "--build", directory]
    sanitized = unit.build_sanitized(report) if long_run else None
    if sanitized:
        command += ["--sanitized", sanitized]
    if os.geteuid() != 0:
        command = ["sudo", *command]  # namespaces, AF_XDP and TAP need root
    return command + (["--long"] if long_run else [])
