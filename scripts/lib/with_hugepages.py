# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command with hugepages borrowed for it where the kernel gives some.

usage: with_hugepages.py MEGABYTES COMMAND [WORD...]     exit status: the command's
"""
import subprocess
import sys

from tools.host.hugepages import Hugepages


def main(memory_mb, *command):
    pages = Hugepages(int(memory_mb), lambda text: print(f"bench: {text}", file=sys.stderr))
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        pages.close()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
