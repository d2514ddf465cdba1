# SPDX-License-Identifier: BSD-3-Clause
"""What threads share (rings, counters, agent link) under ThreadSanitizer: the unit tests that start
threads."""
from tools import meson, shell

# DPDK's default ring code orders by plain fences, which ThreadSanitizer cannot see.
OPTIONS = ("-Dbuildtype=debugoptimized", "-Db_sanitize=thread",
           "-Dc_args=-DRTE_USE_C11_MEM_MODEL")
SUITES = ("tsan",)
ENVIRONMENT = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}


def run(report, _long_run):
    directory = meson.build(report, "tsan", "tsan", OPTIONS, {"CC": "gcc"}, suites=SUITES)
    if not directory:
        return
    meson.test(report, "tsan", directory, SUITES, ENVIRONMENT)
    unwatched = _threaded() - meson.sources(directory, SUITES)
    if unwatched:
        report.add_failure("tsan: all tests that start threads are in the suite",
                           "\n".join(map(str, sorted(unwatched))))
    else:
        report.add_pass("tsan: all tests that start threads are in the suite")


def _threaded():
    """Unit tests with threads of their own."""
    return {shell.ROOT / path for path in shell.source_files(".c")
            if str(path).startswith("tests/unit/")
            and "pthread_create(" in (shell.ROOT / path).read_text()}
