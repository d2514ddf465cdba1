# SPDX-License-Identifier: BSD-3-Clause
"""Child processes that never outlive us: each gets SIGKILL from the kernel should we vanish."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Ctrl-C in a terminal reaches the whole group; we end our children ourselves, in order.
    os.setpgid(0, 0)


class Process:
    """One child. Its output goes to a log file; `stdout` may be a pipe instead."""

    def __init__(self, command, log_path, *, pipe=False, env=None, stdin=subprocess.DEVNULL):
        self.name = os.path.basename(str(command[0]))
        self.log_path = log_path
        with open(log_path, "ab") as log:
            # The hook runs before exec in a process with one thread: we start none.
            self.popen = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
                [str(word) for word in command], stdin=stdin,
                stdout=subprocess.PIPE if pipe else log, stderr=log,
                env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def wait(self, timeout_s):
        """Exit status, or None when it still runs."""
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def kill(self):
        """kill -9, and gone when this returns."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout_s=10):
        """SIGTERM; SIGKILL if that is ignored. Exit status."""
        self.signal(signal.SIGTERM)
        status = self.wait(timeout_s)
        if status is None:
            self.kill()
            status = self.popen.returncode
        if self.popen.stdout:
            self.popen.stdout.close()
        return status

    def log(self, lines=25):
        try:
            with open(self.log_path, errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except OSError:
            return ""


def cpu_seconds(pid):
    """User and system time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(condition, timeout_s, step_s=0.05):
    """The first true value of condition(), or None when the time is up."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            return None
        time.sleep(step_s)
