# SPDX-License-Identifier: BSD-3-Clause
"""The whole server in one process, without DPDK, under a seeded bad network; sanitizers on."""
from tools import meson

from suites import unit


def run(report, _long_run):
    directory = unit.build_sanitized(report)
    if directory:
        meson.test(report, "sim", directory, ["sim"], unit.SANITIZER_ENVIRONMENT)
