# SPDX-License-Identifier: BSD-3-Clause
"""The golden state hash: one value that stands in the test's source, so any two builds that pass
agree. The test is built with -O0, with -O3 and as the build has it; here with gcc, clang and for
aarch64."""
from tools import cross, meson

SUITES = ("determinism",)
# What other suites build as well, where they do.
BUILDS = {"gcc": ("hash-gcc", ("-Dserver=false", "-Dbuildtype=debugoptimized")),
          "clang": ("clang", ("-Dbuildtype=debugoptimized",))}


def run(report, _long_run):
    for compiler, (name, options) in BUILDS.items():
        _build_and_test(report, compiler, name, options, {"CC": compiler})
    try:
        cross_options = cross.prepare()
    except cross.Unavailable as reason:
        report.add_skip("aarch64 (qemu)", str(reason))
        return
    _build_and_test(report, "aarch64 (qemu)", "aarch64", ("-Dserver=false", *cross_options))


def _build_and_test(report, label, name, options, env=None):
    directory = meson.build(report, label, name, options, env, suites=SUITES)
    if directory:
        meson.test(report, label, directory, SUITES)
