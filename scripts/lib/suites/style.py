# SPDX-License-Identifier: BSD-3-Clause
"""The look of the sources; see tests/style."""
from tools import checks, shell


def run(report, _long_run):
    checks.run(report, "style", "tests/style/style.py")
    checks.run(report, "style", "tests/style/documents.py")
    checks.run(report, "style", "tests/style/commands.py")
    sources = [str(path) for path in shell.source_files(".c", ".h")]
    status, output = shell.run(["clang-format", "--dry-run", "--Werror", *sources])
    if status:
        report.add_failure("style: clang-format", output)
    else:
        report.add_pass("style: clang-format")
    scripts = [str(path) for path in shell.source_files()
               if (shell.ROOT / path).read_bytes().startswith(b"#!/bin/sh")
               or path.suffix == ".sh"]
    status, output = shell.run(["shellcheck", *scripts])
    if status:
        report.add_failure("style: shellcheck", output)
    else:
        report.add_pass("style: shellcheck")
    # Some run in programs that no test starts (scripts/pktgen): at least they parse. The Lua of
    # Wireshark is 5.2, of Pktgen a later one.
    scripts = [str(path) for path in shell.source_files(".lua")]
    status, output = shell.run(["luac5.2", "-p", "--", *scripts])
    if status or not scripts:
        report.add_failure("style: luac", output or "no Lua file found")
    else:
        report.add_pass("style: luac")
