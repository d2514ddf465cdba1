# SPDX-License-Identifier: BSD-3-Clause
"""Every header compiles alone, with gcc and with clang; the simulation compiles without any
floating-point register (gcc -mgeneral-regs-only, which clang accepts but does not enforce)."""
import concurrent.futures
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from tools import checks, shell  # noqa: E402

WARNINGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion", "-Wshadow",
            "-Werror", "-I.", "-Iinclude"]


def flags(*packages):
    words = shell.check(["pkg-config", "--cflags", *packages]).split()
    return [word.replace("-I", "-isystem", 1) if word.startswith("-I") else word for word in words]


def compile_header(compiler, header, extra):
    name = str(header).removeprefix("include/")
    return shell.run([compiler, *WARNINGS, *extra, "-fsyntax-only", "-x", "c", "-"],
                     text_input=f'#include "{name}"\nextern int tw_not_empty;\n')


def headers_alone(compiler, pool):
    check = checks.Check(f"every header compiles alone with {compiler}")
    extra = flags("libdpdk", "libsodium", "cmocka", "sqlite3", "jansson", "yaml-0.1")
    jobs = {header: pool.submit(compile_header, compiler, header, extra)
            for header in shell.source_files(".h")}
    for header, job in jobs.items():
        status, output = job.result()
        if status:
            check.problem(f"{header}: " + " / ".join(output.splitlines()[:3]))
    return check


def no_float_registers(pool):
    check = checks.Check("simulation/ compiles with -mgeneral-regs-only")
    # Vector kernels have no floats either, but need the registers they would be in.
    sources = [path for path in shell.source_files(".c") if str(path).startswith("simulation/")
               and not str(path).startswith("simulation/space/simd/kernels_")]
    command = ["gcc", *WARNINGS, "-mgeneral-regs-only", "-O1", "-c", "-o", "/dev/null"]
    jobs = {path: pool.submit(shell.run, [*command, path]) for path in sources}
    for path, job in jobs.items():
        status, output = job.result()
        if status:
            check.problem(f"{path}: " + " / ".join(output.splitlines()[:3]))
    if not sources:
        check.problem("no source found")
    return check


def main():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return checks.tell_all([headers_alone("gcc", pool), headers_alone("clang", pool),
                                no_float_registers(pool)])


if __name__ == "__main__":
    sys.exit(main())
