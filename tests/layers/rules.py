# SPDX-License-Identifier: BSD-3-Clause
"""Who may know whom: the rules of dependence in docs/architecture.md, as a test.

usage: rules.py [ROOT]   checks the tree at ROOT (default: this checkout)

One table row per folder: what it may include, and which words may not stand in its code. The most
specific row counts. Comments and strings are taken out before words are looked for.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from tools import checks, shell  # noqa: E402

STANDARD = {"assert.h", "inttypes.h", "limits.h", "stdatomic.h", "stdbool.h", "stddef.h",
            "stdint.h", "string.h", "stdalign.h"}
ASSERT_ONLY = {"stdio.h", "stdlib.h"}  # tickwire/assert.h prints and aborts
SODIUM = {"sodium.h"}
LZ4 = {"lz4.h"}
ANY = None

DPDK = (r"\brte_\w+|\bRTE_\w+", "DPDK")
CIPHER_LIBRARIES = (r"\bisal_\w+|\bcrc32_iscsi\b|\bIMB_\w+|\bimb_\w+", "ISA-L or IPsec-MB")
SOCKET = (r"\b(socket|bind|sendto|recvfrom|sendmsg|recvmsg|sendmmsg|recvmmsg)\s*\(", "socket")
CLOCK = (r"\b(clock_gettime|gettimeofday|nanosleep|usleep|clock|time)\s*\(", "clock")
THREAD = (r"\bpthread_\w+|\bthrd_\w+|\b_Thread_local\b|\bthread_local\b", "thread")
MEMORY = (r"\b(malloc|calloc|realloc|free|mmap|alloca|posix_memalign|aligned_alloc)\s*\(",
          "allocation")
FLOAT = (r"\b(float|double|_Float\w+)\b|\b\d+\.\d*[fF]?\b", "floating point")
RANDOM = (r"\b(rand|srand|random|getrandom|randombytes\w*)\s*\(", "randomness")
X86 = (r"\b_mm\w*_\w+|\b__m\d+i?\b|\b__asm__\b|\b__builtin_ia32_\w+", "x86-only code")

# folder: (project includes by prefix, system headers, forbidden words)
RULES = {
    "include": (["tickwire/"], STANDARD | ASSERT_ONLY, [DPDK, CIPHER_LIBRARIES, SOCKET, CLOCK]),
    "simulation": (["simulation/", "tickwire/"], STANDARD,
                   [DPDK, CIPHER_LIBRARIES, SOCKET, CLOCK, THREAD, MEMORY, FLOAT, RANDOM, X86]),
    # Kernels for vector instructions, chosen at start; with portable ones beside them.
    "simulation/space/simd": (["simulation/space/", "tickwire/"], STANDARD | {"immintrin.h"},
                              [DPDK, CIPHER_LIBRARIES, SOCKET, CLOCK, THREAD, MEMORY, FLOAT,
                               RANDOM]),
    "simulation/client": (["simulation/client/", "simulation/core/", "tickwire/"], STANDARD,
                          [DPDK, SOCKET, CLOCK, THREAD, MEMORY, FLOAT, RANDOM, X86]),
    "dataplane/wire": (["dataplane/wire/", "tickwire/"], STANDARD | SODIUM | LZ4,
                       [DPDK, CIPHER_LIBRARIES, SOCKET, CLOCK, THREAD, MEMORY, X86]),
    "dataplane/crypto": (["dataplane/crypto/", "dataplane/wire/", "tickwire/"], ANY,
                         [DPDK, SOCKET, CLOCK]),
    "dataplane/gate": (["dataplane/gate/", "dataplane/crypto/", "dataplane/wire/", "tickwire/"],
                       ANY, [SOCKET]),
    "dataplane/engine": (["dataplane/", "simulation/", "control/config/", "tickwire/"], ANY, []),
    "dataplane/client": (["dataplane/client/", "dataplane/wire/", "simulation/client/",
                          "simulation/core/", "tickwire/"], ANY, [DPDK, CIPHER_LIBRARIES, THREAD]),
    "control": (["control/", "dataplane/wire/", "tickwire/"], ANY, [DPDK]),
    "control/config": (["control/config/", "tickwire/"], ANY, [DPDK, SOCKET]),
}
DPDK_FOLDERS = ("dataplane/gate/", "dataplane/engine/", "tests/bench/", "tests/load/",
                "tests/unit/gate/", "tests/unit/engine/", "tests/sim/server/")
CIPHER_FOLDERS = ("dataplane/crypto/", "dataplane/gate/", "dataplane/engine/", "tests/bench/",
                  "tests/load/", "tests/unit/gate/", "tests/unit/engine/", "tests/unit/crypto/")
TOP_FOLDERS = ("control/", "dataplane/", "simulation/", "tests/", "tickwire/")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENTS_AND_STRINGS = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_only(text):
    """The text without comments, strings and includes; line numbers stay."""
    text = INCLUDE.sub("", text)
    return COMMENTS_AND_STRINGS.sub(lambda match: "\n" * match.group().count("\n") or " ", text)


def rule_of(path):
    folders = [folder for folder in RULES if path.startswith(folder + "/")]
    return max(folders, key=len) if folders else None


def check_includes(check, path, text, folder):
    prefixes, system, _ = RULES[folder]
    for kind, name in INCLUDE.findall(text):
        if kind == '"' and not name.startswith(tuple(prefixes)):
            check.problem(f'{path}: "{name}" may not be included from {folder}/')
        if kind == "<" and system is not ANY and name not in system:
            check.problem(f"{path}: <{name}> may not be included from {folder}/")


def check_words(check, path, code, words):
    for pattern, what in words:
        for match in re.finditer(pattern, code):
            line = code.count("\n", 0, match.start()) + 1
            check.problem(f"{path}:{line}: {what}: {match.group().strip()}")


def check_everywhere(checks_by_name, path, text, code):
    """Rules that name the only folders that may do something."""
    for kind, name in INCLUDE.findall(text):
        if kind == '"' and not name.startswith(TOP_FOLDERS):
            checks_by_name["includes are written from the repository root"].problem(
                f'{path}: "{name}"')
        if name.startswith("rte_") and not path.startswith(DPDK_FOLDERS):
            checks_by_name["DPDK only in gate and engine"].problem(f"{path}: <{name}>")
        if re.match(r"isa-l|crc\.h|intel-ipsec-mb", name) and not path.startswith(CIPHER_FOLDERS):
            checks_by_name["ISA-L and IPsec-MB only in crypto, gate, engine"].problem(
                f"{path}: <{name}>")
    if not path.startswith(DPDK_FOLDERS):
        check_words(checks_by_name["DPDK only in gate and engine"], path, code, [DPDK])


def run(root, files):
    """All checks for `files` (relative paths) below `root`."""
    by_name = {name: checks.Check(name) for name in (
        "includes are written from the repository root", "DPDK only in gate and engine",
        "ISA-L and IPsec-MB only in crypto, gate, engine")}
    by_folder = {folder: checks.Check(f"{folder}/ keeps its rules") for folder in RULES}
    for path in map(str, files):
        text = (root / path).read_text()
        code = code_only(text)
        check_everywhere(by_name, path, text, code)
        folder = rule_of(path)
        if folder:
            check_includes(by_folder[folder], path, text, folder)
            check_words(by_folder[folder], path, code, RULES[folder][2])
    return [*by_name.values(), *by_folder.values()]


def main():
    if len(sys.argv) > 1:
        root = pathlib.Path(sys.argv[1])
        files = sorted(p.relative_to(root) for p in root.rglob("*") if p.suffix in (".c", ".h"))
    else:
        root, files = shell.ROOT, shell.source_files(".c", ".h")
    return checks.tell_all(run(root, files))


if __name__ == "__main__":
    sys.exit(main())
