# SPDX-License-Identifier: BSD-3-Clause
"""What a dedicated host needs beside the programs: scripts/host-setup, on made-up machines."""
from tools import checks, meson


def run(report, _long_run):
    directory = meson.build(report, "clang", "clang", ("-Dbuildtype=debugoptimized",),
                            {"CC": "clang"})
    if directory:
        checks.run(report, "host-setup", "tests/host/test_host_setup.py",
                   [directory / "control" / "tickwire"])
