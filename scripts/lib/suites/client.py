# SPDX-License-Identifier: BSD-3-Clause
"""The client library as a game would get it: built alone, installed, found by pkg-config, linked
static and shared, run; and built for aarch64."""
import os
import pathlib
import re
import shutil
import tempfile

from tools import cross, meson, shell

# For aarch64. The spatial index takes a minute under emulation, and is no part of the library; its
# use is compared there by the golden hashes.
SUITES, WITHOUT = ("unit",), ("space",)
CONSUMER = shell.ROOT / "tests" / "e2e" / "consumer.c"


def run(report, _long_run):
    directory = meson.build(report, "library alone", "client",
                            ("-Dserver=false", "-Dtests=false", "-Dbuildtype=release",
                             "--prefix=/usr", "--libdir=lib"), {"CC": "gcc"})
    if directory:
        _consume(report, directory)
    try:
        options = cross.prepare()
    except cross.Unavailable as reason:
        report.add_skip("client for aarch64", str(reason))
        return
    directory = meson.build(report, "client for aarch64", "aarch64",
                            ("-Dserver=false", *options), targets=("client-library",),
                            suites=SUITES, without=WITHOUT)
    if directory:
        meson.test(report, "client for aarch64 (qemu)", directory, SUITES, timeout_s=240,
                   without=WITHOUT)


def _consume(report, directory):
    stage = pathlib.Path(tempfile.mkdtemp(prefix="tickwire-install-"))
    try:
        shell.check(["meson", "install", "-C", directory, "--no-rebuild", "--quiet"],
                    env={"DESTDIR": str(stage)})
        prefix = stage / "usr"
        for kind in ("shared", "static"):
            _link_and_run(report, prefix, kind)
        _readme_example(report, prefix)
        _no_dpdk(report, prefix)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _pkg_config(prefix, *words):
    return shell.check(["pkg-config", f"--define-variable=prefix={prefix}", *words,
                        "tickwire-client"],
                       env={"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}).split()


def _link_and_run(report, prefix, kind):
    """Compiles tests/e2e/consumer.c with nothing but what pkg-config says."""
    name = f"pkg-config consumer, {kind}"
    binary = prefix / f"consumer-{kind}"
    try:
        flags = _pkg_config(prefix, "--cflags", "--libs", *(
            ["--static"] if kind == "static" else []))
        if kind == "static":
            flags = [str(prefix / "lib" / "libtickwire-client.a")
                     if word == "-ltickwire-client" else word for word in flags]
        shell.check(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", CONSUMER, "-o", binary,
                     *flags])
        environment = {"LD_LIBRARY_PATH": str(prefix / "lib")} if kind == "shared" else {}
        shell.check([binary], env=environment)
        needed = shell.check(["readelf", "-d", binary])
        if (kind == "shared") != ("libtickwire-client.so" in needed):
            report.add_failure(name, "linked the other kind of library\n" + needed)
            return
        report.add_pass(name)
    except shell.CommandFailed as failure:
        report.add_failure(name, failure.log)


def _readme_example(report, prefix):
    """What README.md shows a game's programmer is C that compiles."""
    name = "example in README.md compiles"
    source = prefix / "example.c"
    example = re.search(r"```c\n(.*?)```", (shell.ROOT / "README.md").read_text(), re.DOTALL)
    if example is None:
        report.add_failure(name, "there is none")
        return
    source.write_text(example.group(1))
    try:
        shell.check(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-c", source, "-o",
                     prefix / "example.o", *_pkg_config(prefix, "--cflags")])
        report.add_pass(name)
    except shell.CommandFailed as failure:
        report.add_failure(name, failure.log)


def _no_dpdk(report, prefix):
    """Only our symbols are exported, and nothing of DPDK is needed."""
    library = next((path for path in (prefix / "lib").glob("libtickwire-client.so*")
                    if not os.path.islink(path)), None)
    if library is None:
        report.add_failure("shared library", "libtickwire-client.so was not installed")
        return
    needed = shell.check(["readelf", "-d", library])
    symbols = [line.split()[-1] for line in
               shell.check(["nm", "-D", "--defined-only", library]).splitlines()]
    foreign = [name for name in symbols if not name.startswith("tw_client_")]
    if "librte" in needed or foreign:
        report.add_failure("shared library exports its API only", needed + "\n".join(foreign))
    else:
        report.add_pass(f"shared library exports its API only ({len(symbols)} functions)")
