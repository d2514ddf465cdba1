# SPDX-License-Identifier: BSD-3-Clause
"""The documents agree with the sources: generated tables, links, and the paths they name.

usage: documents.py [TICKWIRE]   with the built CLI, its configuration reference is compared, too
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from tools import checks, docs, shell  # noqa: E402

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:scripts|tests|docs|include|dataplane|simulation|control)/[\w./-]+)`")
PLANNED = "planned"


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


def main():
    cli = sys.argv[1] if len(sys.argv) > 1 else None
    return checks.tell_all([check_tables(cli)] if cli else [check_tables(None), check_links()])


if __name__ == "__main__":
    sys.exit(main())
