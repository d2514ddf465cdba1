# SPDX-License-Identifier: BSD-3-Clause
"""What a dedicated host needs beside the programs: scripts/host-setup on made-up machines, and
what is installed: systemd units, manual pages."""
from suites import unit
from tools import checks, shell


def run(report, _long_run):
    shell.packages("units")
    directory = unit.build_clang(report)
    if directory:
        checks.run(report, "host-setup", "tests/host/test_host_setup.py",
                   [directory / "control" / "tickwire"])
        checks.run(report, "units", "tests/host/test_units.py", [directory])
