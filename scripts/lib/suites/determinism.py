# SPDX-License-Identifier: BSD-3-Clause
"""The golden state hash, built four ways here and once for aarch64: the test compares it with the
one value that stands in its source, so any two builds that pass agree."""
from tools import cross, meson

GOLDEN = "golden"
VARIANTS = [(compiler, level) for compiler in ("gcc", "clang") for level in ("0", "3")]


def run(report, _long_run):
    options = ("-Dserver=false", "-Dbuildtype=custom", "-Ddebug=false")
    for compiler, level in VARIANTS:
        label = f"{compiler} -O{level}"
        directory = meson.build(report, label, f"hash-{compiler}-O{level}",
                                (*options, f"-Doptimization={level}"), {"CC": compiler})
        if directory:
            meson.test(report, label, directory, ["sim", "unit"], only=GOLDEN)
    try:
        cross_options = cross.prepare()
    except cross.Unavailable as reason:
        report.add_skip("aarch64 (qemu)", str(reason))
        return
    directory = meson.build(report, "aarch64", "aarch64", ("-Dserver=false", *cross_options))
    if directory:
        meson.test(report, "aarch64 (qemu)", directory, ["sim", "unit"], only=GOLDEN)
