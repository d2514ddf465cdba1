# SPDX-License-Identifier: BSD-3-Clause
"""The whole server in one process, without ports or hugepages, under a seeded bad network;
sanitizers on."""
from tools import meson, shell

from suites import unit


# Programs that know --long, and how long that may take. Sanitizers make it five times as long; of
# capped 1,000 seeds take two hours with them.
LONG = {"transport": 3600, "path_size": 600, "phases": 1800, "conduct": 1800, "integrity": 3600,
        "starvation": 3600, "timing": 3600, "whole": 7200, "silences": 7200, "capped": 14400,
        "attacks": 3600, "wraps": 3600, "soak": 7200}


def run(report, long_run):
    directory = unit.build_sanitized(report)
    if directory:
        meson.test(report, "sim", directory, ["sim"], unit.SANITIZER_ENVIRONMENT)
        for name, timeout_s in LONG.items() if long_run else ():
            _run_long(report, directory, name, timeout_s)


def _run_long(report, directory, name, timeout_s):
    """1,000 seeds a scenario; where one seed is long, as many as stand beside it in its program; of
    the soak an hour of 500 players."""
    watch = shell.Stopwatch()
    status, output = shell.run([directory / f"tests/sim/test_sim_{name}", "--long"],
                               env=unit.SANITIZER_ENVIRONMENT, timeout_s=timeout_s)
    if status != 0:
        report.add_failure(f"sim: {name} --long", output)
    else:
        report.add_pass(f"sim: {name} --long", watch.seconds())
