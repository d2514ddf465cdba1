# SPDX-License-Identifier: BSD-3-Clause
"""The golden state hash: one value that stands in the test's source, so any two builds that pass
agree. The test itself is built with -O0 and -O3; here with gcc, clang and for aarch64."""
from tools import cross, meson

GOLDEN = "determinism"
OPTIONS = ("-Dserver=false", "-Dbuildtype=debugoptimized")


def run(report, _long_run):
    for compiler in ("gcc", "clang"):
        directory = meson.build(report, f"{compiler}", f"hash-{compiler}", OPTIONS,
                                {"CC": compiler})
        if directory:
            meson.test(report, compiler, directory, ["sim"], only=GOLDEN)
    try:
        cross_options = cross.prepare()
    except cross.Unavailable as reason:
        report.add_skip("aarch64 (qemu)", str(reason))
        return
    directory = meson.build(report, "aarch64", "aarch64", ("-Dserver=false", *cross_options))
    if directory:
        meson.test(report, "aarch64 (qemu)", directory, ["sim"], only=GOLDEN)
