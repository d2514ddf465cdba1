#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: man_page.py PROGRAM SECTION VERSION: a manual page, from what PROGRAM --help prints."""
import pathlib
import subprocess
import sys


def escape(line):
    """A line as it stands: backslashes, dashes, and no request at its beginning."""
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + line if line.startswith((".", "'")) else line


def page(name, section, version, text):
    usage, _, rest = text.partition("\n\n")
    summary, _, rest = rest.partition("\n\n")
    usage = usage.removeprefix("usage: ")
    return "\n".join([
        f".TH {name.upper()} {section} \"\" \"Tickwire {version}\"",
        ".SH NAME", escape(f"{name} - {summary.splitlines()[0].rstrip('.').lower()}"),
        ".SH SYNOPSIS", ".nf", *map(escape, usage.splitlines()), ".fi",
        ".SH DESCRIPTION", *map(escape, summary.splitlines()),
        ".SH OPTIONS", ".nf", *map(escape, rest.strip("\n").splitlines()), ".fi",
        ".SH SEE ALSO",
        ".BR tickwire (1),\n.BR tickwire-engine (8),\n.BR tickwire-control (8)", ""])


def main():
    program, section, version = sys.argv[1:]
    text = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    print(page(pathlib.Path(program).name, section, version, text), end="")


if __name__ == "__main__":
    main()
