# SPDX-License-Identifier: BSD-3-Clause
"""The dependency rules of docs/architecture.md; see tests/layers."""
from tools import checks


def run(report, _long_run):
    checks.run(report, "layers", "tests/layers/rules.py")
    checks.run(report, "layers", "tests/layers/rules_selftest.py")
    checks.run(report, "layers", "tests/layers/headers.py")
