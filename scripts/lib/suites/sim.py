# SPDX-License-Identifier: BSD-3-Clause
"""The whole server in one process, without ports or hugepages, under a seeded bad network: some
seeds as clang compiles it, with --long as many as anybody has time for; the first few again with
sanitizers, which take five times as long."""
import re

from tools import meson, shell

from suites import unit

SEEDS_SANITIZED = "2"
TIMEOUT_S = 900
# Who calls one of these reads --long.
READS_LONG = re.compile(r"\b(sim_seeds_parse|scenario_main)\(")
LONG_TIMEOUT_S = 7200  # each; most take minutes


def run(report, long_run):
    directory = unit.build_clang(report)
    if directory:
        meson.test(report, "sim", directory, ["sim"], timeout_s=TIMEOUT_S)
        for name in _programs_with_long() if long_run else ():
            _run_long(report, directory, name)
    directory = unit.build_sanitized(report)
    if directory:
        meson.test(report, "sim, sanitized", directory, ["sim"],
                   unit.SANITIZER_ENVIRONMENT | {"TICKWIRE_SEEDS_MAX": SEEDS_SANITIZED},
                   timeout_s=TIMEOUT_S)


def _programs_with_long():
    sources = sorted((shell.ROOT / "tests" / "sim").rglob("test_*.c"))
    return [source.stem.removeprefix("test_") for source in sources
            if READS_LONG.search(source.read_text())]


def _run_long(report, directory, name):
    """1,000 seeds of most scenarios; fewer of those that say in their program what one takes; of
    the soak an hour of 500 players; of thousand_clients the only ones there are."""
    watch = shell.Stopwatch()
    status, output = shell.run([directory / f"tests/sim/test_sim_{name}", "--long"],
                               timeout_s=LONG_TIMEOUT_S)
    if status != 0:
        report.add_failure(f"sim: {name} --long", output)
    else:
        report.add_pass(f"sim: {name} --long", watch.seconds())
