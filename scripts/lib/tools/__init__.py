# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/test, scripts/demo and scripts/bench share. Python standard library only."""
