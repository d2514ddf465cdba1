# SPDX-License-Identifier: BSD-3-Clause
"""The documents agree with the sources: generated tables, links, and the paths they name.

usage: documents.py [TICKWIRE]   with the built CLI, its configuration reference is compared, and
                                 the tests and probes that are named are looked for in its
                                 build directory
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from tools import checks, docs, shell  # noqa: E402

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:scripts|tests|docs|include|dataplane|simulation|control)/[\w./-]+)`")
PLANNED = "planned"
# Tests are named as `gate-parse`, `wire frames`, `sim_whole`; a name that goes on ends in "…".
TEST = re.compile(r"`((?:(?:client|control|crypto|engine|gate|load|wire)[- ]|(?:sim|simulation)_)"
                  r"[a-z0-9_ -]*[a-z0-9])(_?[…*])?`")


def check_tables(cli):
    check = checks.Check("generated tables agree" + (" with the built command" if cli else ""))
    for name in docs.stale(cli):
        check.problem(f"docs/operations.md: '{name}' is stale; run scripts/generate-docs")
    return check


def check_links():
    check = checks.Check("links and named paths exist")
    for path in shell.source_files(".md"):
        for number, line in enumerate((shell.ROOT / path).read_text().splitlines(), 1):
            for target in LINK.findall(line):
                if "://" not in target and not (shell.ROOT / path.parent / target).exists():
                    check.problem(f"{path}:{number}: link to {target}")
            for target in NAMED.findall(line):
                if not (shell.ROOT / target).exists() and PLANNED not in line:
                    check.problem(f"{path}:{number}: names {target}")
    return check


def check_decisions():
    check = checks.Check("every decision is listed")
    folder = shell.ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    for path in sorted(folder.glob("0*.md")):
        title = path.read_text().splitlines()[0].removeprefix("# ")
        if f"[{title}]({path.name})" not in listed:
            check.problem(f"docs/decisions/README.md: lacks [{title}]({path.name})")
    return check


def check_probes(cli):
    """Those that operations.md lists are in the engine, and no others."""
    check = checks.Check("probes that are listed are in the engine")
    build = pathlib.Path(cli).resolve().parents[1]
    notes = shell.check(["readelf", "--notes", build / "dataplane/engine/tickwire-engine"])
    built = set(re.findall(r"Provider: tickwire\n\s*Name: (\w+)", notes))
    section = (shell.ROOT / "docs/operations.md").read_text().split("## Profiling\n")[1]
    listed = set(re.findall(r"^\| `(\w+)` \|", section.split("\n## ")[0], re.MULTILINE))
    for name in sorted(built ^ listed):
        check.problem(f"docs/operations.md: the probe {name} is "
                      + ("not listed" if name in built else "not in the engine"))
    return check


def _plain(name):
    return re.sub(r"[-_ ]+", " ", name)


def check_tests(cli):
    """Evidence that is named exists, in a build by clang: one of them is for that alone."""
    check = checks.Check("tests that documents name exist")
    build = pathlib.Path(cli).resolve().parents[1]
    known = json.loads(shell.check(["meson", "introspect", "--tests", build]))
    names = {_plain(test["name"]) for test in known}
    for path in shell.source_files(".md"):
        for number, line in enumerate((shell.ROOT / path).read_text().splitlines(), 1):
            for name, more in TEST.findall(line):
                plain = _plain(name)
                if plain not in names and not (more and any(known.startswith(plain)
                                                            for known in names)):
                    check.problem(f"{path}:{number}: names the test {name}")
    return check


def main():
    cli = sys.argv[1] if len(sys.argv) > 1 else None
    return checks.tell_all([check_tables(cli), check_tests(cli), check_probes(cli)] if cli else
                           [check_tables(None), check_links(), check_decisions()])


if __name__ == "__main__":
    sys.exit(main())
