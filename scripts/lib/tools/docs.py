# SPDX-License-Identifier: BSD-3-Clause
"""The generated parts of docs/operations.md: they stand between a pair of markers and are rewritten
by scripts/generate-docs; a test compares them with their sources."""
import re

from . import shell

PAGE = shell.ROOT / "docs" / "operations.md"
HEADERS = shell.ROOT / "include" / "tickwire"
ROW = re.compile(r'X\(\s*\w+,\s*"(\w+)",\s*(?:(\w+),\s*)?"([^"]*)"\)')


def list_rows(name):
    """Rows of one X-macro list: (metric, kind or "", meaning)."""
    header = "ports.h" if name.startswith("TW_PORT_") else "drop_reasons.h"
    text = (HEADERS / header).read_text()
    start = text.index(f"#define {name}(X)")
    end = re.search(r"[^\\]\n", text[start:]).end() + start
    return ROW.findall(text[start:end])


def table(name):
    rows = list_rows(name)
    if rows[0][1]:
        lines = ["| name | kind | meaning |", "|---|---|---|"]
        lines += [f"| `{metric}` | {kind.lower()} | {meaning} |" for metric, kind, meaning in rows]
    else:
        lines = ["| name | meaning |", "|---|---|"]
        lines += [f"| `{metric}` | {meaning} |" for metric, _, meaning in rows]
    return "\n".join(lines)


def config_reference(cli):
    return shell.check([cli, "config", "reference"]).strip()


def sections(cli=None):
    """Name → generated text; the configuration only when a built `tickwire` is given."""
    result = {name: table(macro) for name, macro in (
        ("outcomes", "TW_OUTCOMES"), ("inputs", "TW_INPUT_OUTCOMES"),
        ("shard inputs", "TW_SHARD_INPUT_OUTCOMES"), ("verdicts", "TW_VERDICTS"),
        ("sends", "TW_SEND_OUTCOMES"), ("roaming", "TW_ROAMING"),
        ("rekeys", "TW_REKEYS"), ("conduct", "TW_CONDUCT_EVENTS"), ("life", "TW_LIFE_EVENTS"),
        ("message bytes", "TW_MESSAGE_BYTES"),
        ("port states", "TW_PORT_STATES"), ("port features", "TW_PORT_FEATURES"),
        ("port hashes", "TW_PORT_HASHES"))}
    if cli is not None:
        result["configuration"] = config_reference(cli)
    return result


def _pattern(name):
    return re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)


def stale(cli=None):
    """Names of the parts that differ from their sources."""
    page = PAGE.read_text()
    wrong = []
    for name, text in sections(cli).items():
        match = _pattern(name).search(page)
        if not match or match.group(0) != f"<!-- generated: {name} -->\n{text}\n<!-- end -->":
            wrong.append(name)
    return wrong


def rewrite(cli=None):
    page = PAGE.read_text()
    for name, text in sections(cli).items():
        page = _pattern(name).sub(lambda match, body=text: match.group(1) + body + "\n"
                                  + match.group(2), page)
    PAGE.write_text(page)
