# SPDX-License-Identifier: BSD-3-Clause
"""Does what findings propose, remembers how it was, and takes it back."""
import errno
import json
import os

from .. import shell
from .findings import Remove, Run, Write

RECORD = "/var/lib/tickwire/host-setup.json"
# What the kernel says to interrupts and the like that cannot be moved.
UNMOVABLE = (errno.EIO, errno.EPERM, errno.EINVAL, errno.ENOSPC)


class Changes:
    """One run. `commands` runs a command and returns (status, output); on a made-up root nothing
    is run, it is only told."""

    def __init__(self, machine, say, commands=None):
        self.machine = machine
        self.say = say
        self.commands = commands or (shell.run if machine.is_real else self._tell)
        self.failures = 0

    def _tell(self, command):
        self.say(f"  not run below another root: {' '.join(command)}")
        return 0, ""

    # ---- doing -----------------------------------------------------------------------------------

    def apply(self, findings):
        """Every action of every finding. What was done is on record before the next is tried, so
        that a run that breaks off can be undone."""
        for finding in findings:
            for action in finding.actions:
                if not self._do(action):
                    break  # what follows in this finding builds on it

    def _do(self, action):
        """False: failed. An optional write that the kernel refuses is no failure."""
        if isinstance(action, Write):
            done = self._write(action.path, action.text, action.optional)
            entry = {"write": action.path, "old": action.old}
        elif isinstance(action, Remove):
            self.machine.path(action.path).unlink(missing_ok=True)
            done, entry = True, {"write": action.path, "old": action.old}
        else:
            done = not action.command or self._run(action.command)
            entry = {"run": list(action.undo)}
        if done:
            self._remember(entry)
            done = self._granted(action)
        if done and str(action):
            self.say(f"  done: {action}")
        return done is not False

    def _write(self, path, text, optional=False):
        """True: done. None: the kernel refused, as it may. False: failed."""
        try:
            self.machine.path(path).parent.mkdir(parents=True, exist_ok=True)
            self.machine.path(path).write_text(text)
        except OSError as error:
            if optional and error.errno in UNMOVABLE:
                return None
            self._fail(f"{path}: {error.strerror}")
            return False
        return True

    def _granted(self, action):
        """Of hugepages the kernel gives what it can find, and reports no error."""
        if not isinstance(action, Write) or not action.path.endswith("nr_hugepages"):
            return True
        now = self.machine.number(action.path)
        if now != int(action.text):
            self._fail(f"{action.path}: only {now} of {action.text} pages could be had")
        return now == int(action.text)

    def _run(self, command):
        status, output = self.commands(command)
        if status != 0:
            self._fail(f"{' '.join(command)}: {output.strip() or f'status {status}'}")
        return status == 0

    def _fail(self, text):
        self.failures += 1
        self.say(f"  failed: {text}")

    # ---- the record ------------------------------------------------------------------------------

    def record(self):
        text = self.machine.text(RECORD)
        return json.loads(text) if text else []

    def _keep(self, entries):
        path = self.machine.path(RECORD)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not entries:
            path.unlink(missing_ok=True)
            return
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(entries, indent=1) + "\n")
        os.replace(fresh, path)

    def _remember(self, entry):
        """The first value of a file is the one to go back to."""
        entries = self.record()
        if not any(old.get("write") == entry.get("write") for old in entries if "write" in entry):
            self._keep([*entries, entry])

    # ---- taking back -----------------------------------------------------------------------------

    def undo(self):
        """Newest first. What cannot be taken back stays on record."""
        kept = []
        for entry in reversed(self.record()):
            if "run" in entry:
                done = not entry["run"] or self._run(entry["run"])
                what = str(Run(tuple(entry["run"]))) if entry["run"] else ""
            elif entry["old"] is None:
                self.machine.path(entry["write"]).unlink(missing_ok=True)
                done, what = True, f"remove {entry['write']}"
            else:
                done = self._write(entry["write"], entry["old"], True) is not False
                what = str(Write(entry["write"], entry["old"], None))
            if done and what:
                self.say(f"  done: {what}")
            if not done:
                kept.insert(0, entry)
        self._keep(kept)
