# SPDX-License-Identifier: BSD-3-Clause
"""Preparing a dedicated host: facts of the machine (machine.py), what the configuration asks for
(settings.py), one check per subject (cores.py, memory.py, device.py), and changes that can be
taken back (changes.py). Checks are pure: machine and settings in, findings out."""
