# SPDX-License-Identifier: BSD-3-Clause
"""Every fuzz target for a few seconds, starting from the corpus in tests/fuzz/corpus."""
import json
import pathlib
import shutil
import tempfile

from tools import meson, shell

SECONDS = 5
SECONDS_LONG = 120
INPUT_MAX = 4096


def run(report, long_run):
    shell.packages("fuzz")
    directory = meson.build(report, "fuzz", "fuzz",
                            ("-Dfuzz=true", "-Dbuildtype=debugoptimized", "-Db_lundef=false"),
                            {"CC": "clang"})
    if not directory:
        return
    targets = [pathlib.Path(target["filename"][0])
               for target in json.loads(shell.check(["meson", "introspect", "--targets",
                                                     directory]))
               if target["type"] == "executable" and target["name"].startswith("fuzz_")]
    if not targets:
        report.add_failure("fuzz", "no fuzz target is built")
    for target in sorted(targets):
        _run_target(report, target, SECONDS_LONG if long_run else SECONDS)


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
