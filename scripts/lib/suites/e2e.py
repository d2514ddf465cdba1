# SPDX-License-Identifier: BSD-3-Clause
"""Real processes end to end, on the clang build: it asserts that no nonce is used twice, which
release builds do not, and so both compilers' code sees traffic (the demo runs gcc's)."""
import os
import sys

from suites import unit
from tools import checks, meson, shell

SCRIPT = shell.ROOT / "tests" / "e2e" / "run.py"


def run(report, long_run):
    shell.packages("run", "wireshark", *(["fresh"] if long_run else []))
    directory = meson.build(report, "clang", "clang", ("-Dbuildtype=debugoptimized",),
                            {"CC": "clang"})
    if not directory:
        return
    command = [sys.executable, "-B", SCRIPT, "--build", directory]
    sanitized = unit.build_sanitized(report) if long_run else None
    if sanitized:
        command += ["--sanitized", sanitized]
    if os.geteuid() != 0:
        command = ["sudo", *command]  # namespaces, AF_XDP and TAP need root
    checks.follow(report, "e2e", command + (["--long"] if long_run else []))
