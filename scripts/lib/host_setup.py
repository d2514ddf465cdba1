# SPDX-License-Identifier: BSD-3-Clause
"""Looks at a host and says what it lacks to run Tickwire at full speed. Changes nothing unless
told.

usage: scripts/host-setup [--config FILE] [--apply | --undo] [--only NAME,...]

  --config FILE     configuration of the host (default /etc/tickwire/tickwire.yaml)
  --apply           do what is proposed; what was is kept in /var/lib/tickwire/host-setup.json
  --undo            take back what --apply did
  --only NAME,...   checks whose name begins so (hugepages, binding, interrupts ...)
  --bootloader      with --apply: write the kernel command line for GRUB, too
  --force           bind a card even if this host's default route or an ssh session needs it
  --allow-noiommu   take vfio's unsafe mode where there is no IOMMU
  --root DIR        look at a made-up machine below DIR; commands are told, not run
  --tickwire PATH   the tickwire command that reads the configuration

exit status: 0 everything is as it should be (or, with --undo, as it was); 1 something is to be
done; 2 wrong usage or configuration; 3 something was refused or failed
"""
import os
import sys

from tools.setup import changes, cores, device, findings, machine, memory, settings

CONFIG = "/etc/tickwire/tickwire.yaml"
MARKS = {findings.OK: "ok     ", findings.NOTE: "note   ", findings.CHANGE: "change ",
         findings.ADVICE: "advice ", findings.REFUSED: "refused"}
ACTIONS_TOLD = 4  # a host has hundreds of interrupts
VALUES = ("--config", "--only", "--root", "--tickwire")
FLAGS = ("--apply", "--undo", "--bootloader", "--force", "--allow-noiommu")


class Usage(Exception):
    """The command line makes no sense; the text says why."""


def parse(words):
    options = {}
    words = list(words)
    while words:
        word = words.pop(0)
        if word in FLAGS:
            options[word] = True
        elif word in VALUES and words:
            options[word] = words.pop(0)
        else:
            raise Usage(f"{word}: " + ("needs a value" if word in VALUES else "unknown option"))
    if options.get("--apply") and options.get("--undo"):
        raise Usage("--apply and --undo exclude each other")
    if options.get("--bootloader") and options.get("--undo"):
        raise Usage("--bootloader goes with --apply")
    return options


def examine(host, wanted, options):
    """All findings, in the order in which they are best dealt with."""
    found = [*device.check(host, wanted, options.get("--force", False),
                           options.get("--allow-noiommu", False)),
             *cores.check(host, wanted, options.get("--bootloader", False)),
             *memory.check(host, wanted)]
    names = [name for name in options.get("--only", "").split(",") if name]
    return [finding for finding in found
            if not names or any(finding.name.startswith(name) for name in names)]


def tell(finding, say=print):
    say(f"{MARKS[finding.state]} {finding.name}: {finding.found}")
    if finding.state == findings.OK:
        return
    if finding.wanted:
        say(f"          should be: {finding.wanted}")
    if finding.why:
        say(f"          why: {finding.why}")
    told = [str(action) for action in finding.actions if str(action)]
    for action in told[:ACTIONS_TOLD]:
        say(f"          would: {action}")
    if len(told) > ACTIONS_TOLD:
        say(f"          would: … and {len(told) - ACTIONS_TOLD} more like it")
    for line in finding.advice.splitlines():
        say(f"          {line}")


def status_of(found, failures=0):
    states = {finding.state for finding in found}
    if failures or findings.REFUSED in states:
        return 3
    return 1 if states & {findings.CHANGE, findings.ADVICE} else 0


def run(options, environment, say=print):
    host = machine.Machine(options.get("--root", "/"), environment)
    work = changes.Changes(host, say)
    needs_root = host.is_real and os.geteuid() != 0
    if options.get("--undo"):
        if needs_root:
            raise Usage("--undo needs root")
        if not work.record():
            say("nothing to take back")
        work.undo()
        return 3 if work.failures else 0
    if needs_root and options.get("--apply"):
        raise Usage("--apply needs root")
    wanted = settings.load(options.get("--config", CONFIG), options.get("--tickwire"))
    found = examine(host, wanted, options)
    if options.get("--apply"):
        work.apply(found)
        found = examine(host, wanted, options)
    for finding in found:
        tell(finding, say)
    if not options.get("--apply") and any(f.state == findings.CHANGE for f in found):
        say("nothing was changed; --apply does what stands after \"would\"")
    return status_of(found, work.failures)


def main(words):
    if "-h" in words or "--help" in words:
        print(__doc__)
        return 0
    try:
        return run(parse(words), os.environ)
    except (Usage, settings.Unusable) as problem:
        print(f"host-setup: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
