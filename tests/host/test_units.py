# SPDX-License-Identifier: BSD-3-Clause
"""What `meson install` puts on a host: units that systemd understands and that give little away,
the example configuration, manual pages.

usage: test_units.py BUILD
"""
import pathlib
import re
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts" / "lib"))
from tools import checks, shell  # noqa: E402

UNITS = ("tickwire-engine", "tickwire-engine@", "tickwire-control", "tickwire-control@")
# systemd's own scale of exposure, 0 to 10, in tenths: below 2 it says OK, below 1 SAFE. Each unit
# is held to what it has today: a right more is a decision.
EXPOSURE = {"tickwire-engine": 12, "tickwire-control": 4}
EXPOSURE_WITH = {"af-xdp.conf": 23, "tap.conf": 18, "mlx5.conf": 19, "no-iommu.conf": 18}
DEPENDENCY = re.compile(r"^(?:Requires|Requisite|Wants|BindsTo|PartOf|Upholds|After|Before)=.*",
                        re.MULTILINE)


class Installed:
    """A staged installation whose units name programs that are there."""

    def __init__(self, build):
        self.stage = pathlib.Path(tempfile.mkdtemp(prefix="tickwire-units-"))
        shell.check(["meson", "install", "-C", build, "--no-rebuild", "--quiet"],
                    env={"DESTDIR": str(self.stage)})
        self.prefix = self.stage / "usr" / "local"
        self.units = self.prefix / "lib" / "systemd" / "system"
        self.shared = self.prefix / "share"
        for path in self.units.iterdir():
            path.write_text(path.read_text().replace("ExecStart=/usr/local/",
                                                     f"ExecStart={self.prefix}/"))

    def close(self):
        shutil.rmtree(self.stage, ignore_errors=True)


def check_files(installed):
    check = checks.Check("everything of a host is installed")
    expected = [f"lib/systemd/system/{name}.service" for name in UNITS]
    expected += ["bin/tickwire-engine", "bin/tickwire-control", "bin/tickwire",
                 "lib/sysusers.d/tickwire.conf", "lib/tmpfiles.d/tickwire.conf",
                 "lib/udev/rules.d/60-tickwire.rules", "share/tickwire/examples/tickwire.yaml"]
    expected += [f"share/tickwire/systemd/{name}" for name in EXPOSURE_WITH]
    for name in expected:
        if not (installed.prefix / name).is_file():
            check.problem(f"{name} is missing")
    status, output = shell.run([installed.prefix / "bin" / "tickwire", "config", "check",
                                installed.shared / "tickwire" / "examples" / "tickwire.yaml"])
    if status:
        check.problem(output)
    for path in (installed.units / f"{name}.service" for name in UNITS):
        if re.search(r"@[A-Z]+@", path.read_text()):
            check.problem(f"{path.name}: a variable was left")
    return check


def check_manual(installed):
    check = checks.Check("manual pages say what the programs say")
    for page, words in (("man8/tickwire-engine.8", "SIGTERM"), ("man1/tickwire.1", "session kick"),
                        ("man8/tickwire-control.8", "accounts, tokens")):
        text = (installed.shared / "man" / page).read_text().replace("\\-", "-")
        sections = re.findall(r"^\.SH (.*)", text, re.MULTILINE)
        if words not in text or sections[:4] != ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"]:
            check.problem(f"{page}: {text[:400]}")
    return check


def check_independence(installed):
    """Either daemon comes and goes without the other."""
    check = checks.Check("no unit depends on the other")
    for name in UNITS:
        text = (installed.units / f"{name}.service").read_text()
        for line in DEPENDENCY.findall(text):
            check.problem(f"{name}: {line}")
    return check


def check_verify(installed):
    check = checks.Check("systemd-analyze verify")
    for name in UNITS:
        target = installed.units / f"{name}.service"
        if name.endswith("@"):
            target = shutil.copy(target, target.with_name(f"{name}arena.service"))
        status, output = shell.run(["systemd-analyze", "verify", "--man=no", target])
        if status or output.strip():
            check.problem(f"{name}: status {status}: {output}")
    return check


def exposure(path):
    """In tenths, as systemd-analyze reckons it."""
    text = shell.check(["systemd-analyze", "security", "--offline=yes", "--no-pager", path])
    return round(float(re.search(r"exposure level for \S+ (\d+\.\d)", text)[1]) * 10)


def check_security(installed):
    check = checks.Check("systemd-analyze security: exposure within bounds")
    for name, bound in EXPOSURE.items():
        found = exposure(installed.units / f"{name}.service")
        if found > bound:
            check.problem(f"{name}: {found / 10}, at most {bound / 10}")
    # Offline it reads no drop-ins: what a drop-in adds is appended.
    base = (installed.units / "tickwire-engine.service").read_text()
    for name, bound in EXPOSURE_WITH.items():
        path = installed.stage / f"tickwire-{name.removesuffix('.conf')}.service"
        drop_in = (installed.shared / "tickwire" / "systemd" / name).read_text()
        path.write_text(base + "\n" + drop_in)
        status, output = shell.run(["systemd-analyze", "verify", "--man=no", path])
        if status or output.strip():
            check.problem(f"{name}: {output}")
        found = exposure(path)
        if found > bound:
            check.problem(f"{name}: {found / 10}, at most {bound / 10}")
    return check


def main():
    installed = Installed(sys.argv[1])
    try:
        found = [check_files(installed), check_manual(installed), check_independence(installed)]
        if shutil.which("systemd-analyze"):
            found += [check_verify(installed), check_security(installed)]
        status = checks.tell_all(found)
        if not shutil.which("systemd-analyze"):
            print("skip systemd-analyze: package systemd is not installed")
        return status
    finally:
        installed.close()


if __name__ == "__main__":
    sys.exit(main())
