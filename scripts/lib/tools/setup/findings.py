# SPDX-License-Identifier: BSD-3-Clause
"""What a check says, and what could be done about it."""
import dataclasses

OK = "ok"            # as it should be
NOTE = "note"        # nothing to be done, worth knowing
CHANGE = "change"    # --apply would do it
ADVICE = "advice"    # only a person can: a restart, a purchase, a decision
REFUSED = "refused"  # not done, because it would do harm


@dataclasses.dataclass(frozen=True)
class Write:
    """Text into a file of /sys, /proc or /etc. `old` is written back by --undo; None removes the
    file again. `optional`: the kernel may refuse it for good reasons of its own."""
    path: str
    text: str
    old: str | None
    optional: bool = False

    def __str__(self):
        lines = self.text.strip().splitlines()
        what = f"\"{lines[0]}\"" if len(lines) == 1 else f"{len(lines)} lines"
        return f"write {what} to {self.path}"


@dataclasses.dataclass(frozen=True)
class Remove:
    """A file of ours that is not wanted any more."""
    path: str
    old: str

    def __str__(self):
        return f"remove {self.path}"


@dataclasses.dataclass(frozen=True)
class Run:
    """A command, and the one that takes it back; either may be ()."""
    command: tuple
    undo: tuple = ()

    def __str__(self):
        return "run " + " ".join(self.command) if self.command else ""


@dataclasses.dataclass(frozen=True)
class Finding:
    name: str
    state: str
    found: str
    wanted: str
    why: str
    actions: tuple = ()
    advice: str = ""


def judge(name, good, found, wanted, why, actions=(), advice=""):
    """OK, or CHANGE when there are actions, or ADVICE."""
    state = OK if good else CHANGE if actions else ADVICE
    return Finding(name, state, found, wanted, why, () if good else tuple(actions),
                   "" if good else advice)
