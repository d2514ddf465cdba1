# SPDX-License-Identifier: BSD-3-Clause
"""The whole server in one process, without ports or hugepages, under a seeded bad network: all
seeds as clang compiles it, the first few again with sanitizers, which take five times as long."""
from tools import meson, shell

from suites import unit

SEEDS_SANITIZED = "4"
TIMEOUT_S = 900
# Programs that know --long, and how long that may take.
LONG = {"transport": 3600, "path_size": 600, "phases": 1800, "conduct": 1800, "integrity": 3600,
        "starvation": 3600, "timing": 3600, "whole": 7200, "silences": 7200, "capped": 7200,
        "attacks": 3600, "wraps": 3600, "crowd": 7200, "soak": 7200}


def run(report, long_run):
    directory = unit.build_clang(report)
    if directory:
        meson.test(report, "sim", directory, ["sim"], timeout_s=TIMEOUT_S)
        for name, timeout_s in LONG.items() if long_run else ():
            _run_long(report, directory, name, timeout_s)
    directory = unit.build_sanitized(report)
    if directory:
        meson.test(report, "sim, sanitized", directory, ["sim"],
                   unit.SANITIZER_ENVIRONMENT | {"TICKWIRE_SEEDS_MAX": SEEDS_SANITIZED},
                   timeout_s=TIMEOUT_S)


def _run_long(report, directory, name, timeout_s):
    """1,000 seeds a scenario; where one seed is long, as many as stand beside it in its program; of
    the soak an hour of 500 players."""
    watch = shell.Stopwatch()
    status, output = shell.run([directory / f"tests/sim/test_sim_{name}", "--long"],
                               timeout_s=timeout_s)
    if status != 0:
        report.add_failure(f"sim: {name} --long", output)
    else:
        report.add_pass(f"sim: {name} --long", watch.seconds())
