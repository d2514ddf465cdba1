# SPDX-License-Identifier: BSD-3-Clause
"""The commands of scripts/ tell how they are called, and refuse what they do not know.

usage: commands.py
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from tools import checks, shell  # noqa: E402

# The others take no options: they rewrite or draw one thing.
COMMANDS = ("bench", "demo", "host-setup", "test")
BENCH_SUITES = re.compile(r'^suites="([a-z0-9 ]+)"$', re.MULTILINE)


def _run(command, *words):
    return shell.run([shell.ROOT / "scripts" / command, *words], timeout_s=60)


def check_help():
    check = checks.Check("commands tell how they are called")
    for command in COMMANDS:
        for word in ("--help", "-h"):
            status, output = _run(command, word)
            if status != 0 or f"usage: scripts/{command} [" not in output:
                check.problem(f"scripts/{command} {word}: status {status}\n{output}")
    return check


def check_refusals():
    check = checks.Check("commands refuse options that they do not know")
    for command in COMMANDS:
        status, output = _run(command, "--no-such-option")
        if status != 2 or not output.strip():
            check.problem(f"scripts/{command} --no-such-option: status {status}\n{output}")
    return check


def check_bench():
    """Each suite has its line, and no other has."""
    check = checks.Check("scripts/bench tells its suites")
    suites = BENCH_SUITES.search((shell.ROOT / "scripts" / "bench").read_text()).group(1).split()
    status, output = _run("bench", "--help")
    told = re.findall(r"^  ([a-z0-9]+) +\S", output, re.MULTILINE)
    if status != 0 or told != suites:
        check.problem(f"status {status}, told {told}, known {suites}")
    status, output = _run("bench", "gait")
    if status != 2 or "unknown suite 'gait'" not in output:
        check.problem(f"scripts/bench gait: status {status}\n{output}")
    return check


if __name__ == "__main__":
    sys.exit(checks.tell_all([check_help(), check_refusals(), check_bench()]))
