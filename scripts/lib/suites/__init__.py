# SPDX-License-Identifier: BSD-3-Clause
"""One module per suite of scripts/test, each with run(report, long_run)."""
