# SPDX-License-Identifier: BSD-3-Clause
"""The whole server in one process, without DPDK, under a seeded bad network; sanitizers on."""
from tools import meson, shell

from suites import unit


LONG_S = 1800


def run(report, long_run):
    directory = unit.build_sanitized(report)
    if directory:
        meson.test(report, "sim", directory, ["sim"], unit.SANITIZER_ENVIRONMENT)
        if long_run:
            _run_long(report, directory, "transport")
            _run_long(report, directory, "phases")


def _run_long(report, directory, name):
    """Transport and key phases with many more seeds a test."""
    watch = shell.Stopwatch()
    status, output = shell.run([directory / f"tests/sim/test_sim_{name}", "--long"],
                               env=unit.SANITIZER_ENVIRONMENT, timeout_s=LONG_S)
    if status != 0:
        report.add_failure(f"sim: {name} --long", output)
    else:
        report.add_pass(f"sim: {name} --long", watch.seconds())
