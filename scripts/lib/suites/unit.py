# SPDX-License-Identifier: BSD-3-Clause
"""Unit tests with gcc under AddressSanitizer and UBSan, and with clang as it comes; those of the
ciphers as they are shipped, too."""
from tools import checks, meson, shell

SANITIZED = ("-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=address,undefined",
             meson.LINES_ALONE)
# DPDK's AF_XDP driver keeps 80 bytes for the life of the process.
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={shell.ROOT}/tests/sanitizers/lsan.txt:print_suppressions=0",
}
# Random packets a cipher and test: what 6 s each are enough for.
SHIPPED_CASES = {"TICKWIRE_CASES": "1000000"}


def build_sanitized(report):
    return meson.build(report, "gcc asan+ubsan", "asan", SANITIZED, {"CC": "gcc"})


def build_clang(report):
    return meson.build(report, "clang", "clang", ("-Dbuildtype=debugoptimized", meson.LINES_ALONE),
                       {"CC": "clang"})


def build_shipped(report):
    return meson.build(report, "gcc release", "shipped", ("-Dbuildtype=release",), {"CC": "gcc"},
                       targets=["tests/bench/tickwire-bench-stages"], suites=["shipped"])


def run(report, long_run):
    # Tests that draw random numbers draw more: ten times, ciphers a hundred times as many.
    more = {"TICKWIRE_LONG": "1"} if long_run else {}
    timeout_s = 3600 if long_run else 600
    directory = build_sanitized(report)
    if directory:
        meson.test(report, "gcc asan+ubsan", directory, ["unit", "space"],
                   SANITIZER_ENVIRONMENT | more, timeout_s=timeout_s)
    directory = build_clang(report)
    if directory:
        meson.test(report, "clang", directory, ["unit", "space"], more, timeout_s=timeout_s)
        checks.run(report, "documents", "tests/style/documents.py",
                   [directory / "control" / "tickwire"])
    directory = build_shipped(report)
    if directory:
        meson.test(report, "gcc release", directory, ["shipped"], more or SHIPPED_CASES,
                   timeout_s=timeout_s)
