# SPDX-License-Identifier: BSD-3-Clause
"""Unit tests with gcc under AddressSanitizer and UBSan, and with clang as it comes."""
from tools import checks, meson, shell

SANITIZED = ("-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=address,undefined")
# DPDK's AF_XDP driver keeps 80 bytes for the life of the process.
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={shell.ROOT}/tests/sanitizers/lsan.txt:print_suppressions=0",
}


def build_sanitized(report):
    return meson.build(report, "gcc asan+ubsan", "asan", SANITIZED, {"CC": "gcc"})


def run(report, _long_run):
    directory = build_sanitized(report)
    if directory:
        meson.test(report, "gcc asan+ubsan", directory, ["unit"], SANITIZER_ENVIRONMENT)
    directory = meson.build(report, "clang", "clang", ("-Dbuildtype=debugoptimized",),
                            {"CC": "clang"})
    if directory:
        meson.test(report, "clang", directory, ["unit"])
        checks.run(report, "documents", "tests/style/documents.py",
                   [directory / "control" / "tickwire"])
