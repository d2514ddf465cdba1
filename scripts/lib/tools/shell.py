# SPDX-License-Identifier: BSD-3-Clause
"""Paths of the checkout, and running commands: output captured, no input, a time limit."""
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "scripts" / "lib"


class CommandFailed(Exception):
    """A command ended badly; `log` is what it printed."""

    def __init__(self, command, log, status):
        super().__init__(f"{' '.join(map(str, command[:6]))} …: status {status}")
        self.log = log


def run(command, *, env=None, cwd=ROOT, timeout_s=600, text_input=None):
    """(status, output with errors) of a command; status 124 when the time limit was hit."""
    merged = {**os.environ, **(env or {})}
    standard_input = {"input": text_input} if text_input is not None else {
        "stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run([str(word) for word in command], cwd=cwd, env=merged, text=True,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout_s, check=False, **standard_input)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or b""
        if isinstance(output, bytes):
            output = output.decode(errors="replace")
        return 124, output + f"\n(no end after {timeout_s} s)\n"


def check(command, **options):
    """Output of a command that has to succeed."""
    status, output = run(command, **options)
    if status != 0:
        raise CommandFailed(command, output, status)
    return output


def packages(*purposes):
    """Installs what the purposes need; says so on standard error."""
    done = subprocess.run(["sh", LIBRARY / "packages.sh", *purposes], stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        raise CommandFailed(["packages.sh", *purposes], "packages are missing", done.returncode)


def build(name, options=(), targets=(), env=None, timeout_s=900):
    """Compiles build-NAME; returns its path."""
    command = ["sh", LIBRARY / "build.sh", name, *options]
    if targets:
        command += ["--", *targets]
    check(command, env=env, timeout_s=timeout_s)
    return ROOT / f"build-{name}"


def source_files(*suffixes):
    """Files of the project (tracked, and new ones not ignored), relative to ROOT, sorted."""
    listing = check(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co",
                     "--exclude-standard"])
    files = [pathlib.PurePosixPath(line) for line in listing.splitlines()]
    files = [path for path in files if (ROOT / path).is_file()]
    if suffixes:
        files = [path for path in files if path.suffix in suffixes]
    return sorted(set(files))


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self):
        self.start = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.start


def say(text):
    print(text, file=sys.stderr, flush=True)
