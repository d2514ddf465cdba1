# SPDX-License-Identifier: BSD-3-Clause
"""Every fuzz target for a few seconds, starting from the corpus in tests/fuzz/corpus."""
import shutil
import tempfile

from tools import meson, shell

SECONDS = 5
SECONDS_LONG = 120
INPUT_MAX = 4096


def run(report, long_run):
    shell.packages("fuzz")
    names = sorted(path.stem for path in (shell.ROOT / "tests/fuzz").glob("fuzz_*.c"))
    # Only these: a shared library does not link against clang's sanitizers.
    directory = meson.build(report, "fuzz", "fuzz",
                            ("-Dfuzz=true", "-Dbuildtype=debugoptimized"), {"CC": "clang"},
                            [f"tests/fuzz/{name}" for name in names])
    if not directory:
        return
    if not names:
        report.add_failure("fuzz", "no fuzz target found")
    for name in names:
        _run_target(report, directory / "tests/fuzz" / name, SECONDS_LONG if long_run else SECONDS)


def _run_target(report, target, seconds):
    """New inputs go to a temporary directory: the corpus in the repository stays as it is."""
    corpus = shell.ROOT / "tests/fuzz/corpus" / target.name
    if not corpus.is_dir():
        report.add_failure(f"fuzz: {target.name}", f"no corpus in {corpus}")
        return
    scratch = tempfile.mkdtemp(prefix="tickwire-fuzz-")
    try:
        status, output = shell.run(
            [target, f"-max_total_time={seconds}", f"-max_len={INPUT_MAX}", "-timeout=5",
             "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={scratch}/", scratch,
             corpus], timeout_s=seconds + 60)
        if status != 0:
            report.add_failure(f"fuzz: {target.name}", output)
        else:
            report.add_pass(f"fuzz: {target.name}", seconds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
