# SPDX-License-Identifier: BSD-3-Clause
"""Every fuzz target for a few seconds, starting from the corpus in tests/fuzz/corpus; two at a time
on two processors. Long runs go on until each executed a million inputs."""
import concurrent.futures
import os
import re
import shutil
import tempfile

from tools import meson, shell

SECONDS = 5
EXECUTIONS_LONG = 1_000_000
SECONDS_LONG = 3600  # the slowest target takes a third of that on one processor
INPUT_MAX = 4096
# An input that hangs does so for ever. By the wall clock, and inputs take milliseconds: less than
# this was seen to end runs that only waited for a processor.
HANG_S = 60


def run(report, long_run):
    shell.packages("fuzz")
    names = sorted(path.stem for path in (shell.ROOT / "tests/fuzz").glob("fuzz_*.c"))
    # Only these: a shared library does not link against clang's sanitizers.
    directory = meson.build(report, "fuzz", "fuzz",
                            ("-Dfuzz=true", "-Dbuildtype=debugoptimized", meson.LINES_ALONE),
                            {"CC": "clang"},
                            [f"tests/fuzz/{name}" for name in names])
    if not directory:
        return
    if not names:
        report.add_failure("fuzz", "no fuzz target found")
    targets = [directory / "tests/fuzz" / name for name in names]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for target, result in zip(targets, pool.map(lambda t: _run_target(t, long_run), targets)):
            _tell(report, target.name, long_run, *result)


def _run_target(target, long_run):
    """(what went wrong or None, executions, seconds). New inputs go to a temporary directory: the
    corpus in the repository stays as it is."""
    corpus = shell.ROOT / "tests/fuzz/corpus" / target.name
    if not corpus.is_dir():
        return f"no corpus in {corpus}", 0, 0
    seconds = SECONDS_LONG if long_run else SECONDS
    bounds = [f"-max_total_time={seconds}", f"-max_len={INPUT_MAX}", f"-timeout={HANG_S}",
              "-rss_limit_mb=2048"] + ([f"-runs={EXECUTIONS_LONG}"] if long_run else [])
    watch = shell.Stopwatch()
    scratch = tempfile.mkdtemp(prefix="tickwire-fuzz-")
    try:
        status, output = shell.run(
            [target, *bounds, "-print_final_stats=1", f"-artifact_prefix={scratch}/", scratch,
             corpus], timeout_s=seconds + 2 * HANG_S)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    counted = re.search(r"number_of_executed_units:\s*(\d+)", output)
    if status != 0 or not counted:
        return output, 0, watch.seconds()
    return None, int(counted[1]), watch.seconds()


def _tell(report, name, long_run, problem, executions, seconds):
    if problem is None and long_run and executions < EXECUTIONS_LONG:
        problem = f"only {executions} executions in {seconds:.0f} s"
    if problem is not None:
        report.add_failure(f"fuzz: {name}", problem)
    else:
        report.add_pass(f"fuzz: {name}, {executions} executions", seconds)
