# SPDX-License-Identifier: BSD-3-Clause
"""scripts/test: runs the named suites, all by default; the last line is the total.

usage: scripts/test [SUITE...] [--long]

suites, in the order they run:
%s
  --long   more of everything that is bounded by time: fuzzing, end-to-end runs, a fresh machine
"""
import os
import sys

from suites import client, determinism, e2e, fuzz, host, layers, sim, style, tsan, unit
from tools import report as report_module
from tools import shell

SUITES = {
    "style": (style.run, "format, licence line, file and function sizes, words, shell, Lua"),
    "layers": (layers.run, "who may include whom; every header compiles alone"),
    "unit": (unit.run, "unit tests: gcc with ASan and UBSan, clang; ciphers as released"),
    "sim": (sim.run, "whole server in one process under a seeded bad network"),
    "determinism": (determinism.run, "one state hash for gcc, clang, -O0, -O3, aarch64"),
    "tsan": (tsan.run, "rings and agent link under ThreadSanitizer"),
    "fuzz": (fuzz.run, "libFuzzer on every parser of untrusted bytes"),
    "client": (client.run, "the client library alone: install, link, aarch64"),
    "host": (host.run, "host setup on made-up machines; systemd units, what is installed"),
    "e2e": (e2e.run, "real processes, kernel UDP clients, virtual port"),
}

# From this suite on, end-to-end tests that wait run beside the others; what they need is built.
BESIDE_E2E = "sim"


def usage():
    rows = "\n".join(f"  {name:12} {meaning}" for name, (_, meaning) in SUITES.items())
    return __doc__ % rows


def run_suites(names, report, long_run, watch):
    for name in names:
        print(f"== {name} ({watch.seconds():.0f} s)", flush=True)
        try:
            # Long runs measure more, and hours do not matter to them.
            if name == BESIDE_E2E and "e2e" in names and not long_run:
                e2e.begin(report)
            SUITES[name][0](report, long_run)
        except shell.CommandFailed as failure:
            report.add_failure(f"{name}: {failure}", failure.log)


def main(arguments):
    if "-h" in arguments or "--help" in arguments:
        print(usage())
        return 0
    long_run = "--long" in arguments
    names = [word for word in arguments if word != "--long"]
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"scripts/test: unknown suite {', '.join(unknown)}; known: {' '.join(SUITES)}",
              file=sys.stderr)
        return 2
    os.environ["CI"] = "true"
    report = report_module.Report()
    watch = shell.Stopwatch()
    try:
        shell.packages("build", "test")
    except shell.CommandFailed as failure:
        report.add_failure("packages", failure.log)
        return report.finish()
    try:
        run_suites([name for name in SUITES if not names or name in names], report, long_run, watch)
    finally:
        e2e.end()
    print(f"== {watch.seconds():.0f} s in all", flush=True)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
