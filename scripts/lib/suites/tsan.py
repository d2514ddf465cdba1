# SPDX-License-Identifier: BSD-3-Clause
"""What threads share (rings, counters, agent link) under ThreadSanitizer: every unit test runs, and
those of suite tsan are made for it."""
from tools import meson

# DPDK's default ring code orders by plain fences, which ThreadSanitizer cannot see.
OPTIONS = ("-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=thread",
           "-Dc_args=-DRTE_USE_C11_MEM_MODEL")
SUITES = ("tsan", "unit")
ENVIRONMENT = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}


def run(report, _long_run):
    directory = meson.build(report, "tsan", "tsan", OPTIONS, {"CC": "gcc"}, suites=SUITES)
    if directory:
        meson.test(report, "tsan", directory, SUITES, ENVIRONMENT)
