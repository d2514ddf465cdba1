# SPDX-License-Identifier: BSD-3-Clause
"""Builds a variant and runs its meson tests; every test becomes one line of the report."""
import json
import pathlib

from . import shell

# Line numbers are what a sanitizer's report or a failed test shows; the rest that a debugger reads
# takes a quarter of the time to compile.
LINES_ALONE = "-Dc_args=-g1"


def build(report, label, name, options=(), env=None, targets=(), suites=(), without=()):
    """Path of the compiled build directory, or None after reporting the failure. With `suites` only
    `targets` and what their tests need is compiled; but not for those of suites `without`."""
    watch = shell.Stopwatch()
    try:
        if suites:
            directory = shell.build(name, options, ["build.ninja"], env)
            targets = [*targets, *_prerequisites(directory, suites, without)]
        directory = shell.build(name, options, targets, env)
    except shell.CommandFailed as failure:
        report.add_failure(f"{label}: build", _compiler_errors(failure.log))
        return None
    report.add_pass(f"{label}: build", watch.seconds())
    return directory


def _compiler_errors(log):
    """The part of a build log that tells why: the lines around the first failures."""
    lines = log.splitlines()
    interesting = [i for i, line in enumerate(lines)
                   if "error:" in line or "FAILED" in line or "ERROR" in line]
    if not interesting:
        return log
    wanted = sorted({j for i in interesting[:6] for j in range(i, min(i + 4, len(lines)))})
    return "\n".join(lines[j] for j in wanted)


def test(report, label, directory, suites, env=None, timeout_s=300, without=()):
    """Runs the meson suites. Count of tests run."""
    names = [entry["name"] for entry in _tests(directory, suites, without)]
    if not names:
        report.add_skip(label, "no test of suite " + ", ".join(suites))
        return 0
    logbase = "log-" + "".join(c if c.isalnum() else "-" for c in label)
    status, output = shell.run(
        ["meson", "test", "-C", directory, "--no-rebuild", "--logbase", logbase,
         "--timeout-multiplier", "4", *names],
        env=env, timeout_s=timeout_s)
    log = directory / "meson-logs" / f"{logbase}.json"
    if not log.is_file():
        report.add_failure(label, output)
        return 0
    count = 0
    for line in log.read_text(errors="replace").splitlines():
        result = json.loads(line)
        count += 1
        name = f"{label}: {result['name'].split(' / ')[-1]}"
        if result["result"] in ("OK", "EXPECTEDFAIL"):
            report.add_pass(name, result.get("duration"))
        elif result["result"] == "SKIP":
            report.add_skip(name, "the test says so")
        else:
            report.add_failure(name, result["result"] + "\n" + result.get("stdout", "")
                               + "\n" + result.get("stderr", ""))
    if status == 124:
        report.add_failure(f"{label}: time limit", output)
    return count


def _introspect(directory, what):
    return json.loads(shell.check(["meson", "introspect", f"--{what}", directory]))


def _tests(directory, suites, without=()):
    def of(entry, names):
        return any(suite.split(":")[-1] in names for suite in entry["suite"])
    return [entry for entry in _introspect(directory, "tests")
            if of(entry, suites) and not of(entry, without)]


def sources(directory, suites):
    """Paths of what the programs of these suites' tests are compiled from, libraries aside."""
    return {pathlib.Path(path) for target in _programs(directory, suites)
            for part in target["target_sources"] for path in part["sources"]}


def _prerequisites(directory, suites, without):
    """What ninja calls the programs that these tests run."""
    return sorted(str(pathlib.Path(target["filename"][0]).relative_to(directory.resolve()))
                  for target in _programs(directory, suites, without))


def _programs(directory, suites, without=()):
    needed = {target for entry in _tests(directory, suites, without) for target in entry["depends"]}
    return [target for target in _introspect(directory, "targets") if target["id"] in needed]
