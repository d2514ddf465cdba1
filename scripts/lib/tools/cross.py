# SPDX-License-Identifier: BSD-3-Clause
"""What a build for aarch64 needs: a cross compiler, qemu, and arm64 libraries in a sysroot of our
own. The machine's package lists and architectures are left as they are: apt works on private
directories and only downloads."""
import os
import shutil

from . import shell

SYSROOT = shell.ROOT / "build-aarch64-sysroot"
LIBRARIES = ["libsodium23", "libsodium-dev", "liblz4-1", "liblz4-dev", "libcmocka0",
             "libcmocka-dev"]
TRIPLE = "aarch64-linux-gnu"


class Unavailable(Exception):
    """The aarch64 build cannot be had here; the text says why."""


def _apt(*words):
    state = SYSROOT / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    options = ["APT::Architecture=amd64", "APT::Architectures::=amd64",
               "APT::Architectures::=arm64", f"Dir::State::lists={state}/lists",
               f"Dir::Cache={state}/cache",
               "APT::Sandbox::User=root", "Acquire::Languages=none"]
    command = ["apt-get", "-q", *[part for option in options for part in ("-o", option)], *words]
    status, output = shell.run(command, cwd=state, timeout_s=180)
    if status:
        raise Unavailable("apt-get " + words[0] + ": " + " ".join(output.splitlines()[-2:]))


def _fetch_libraries():
    done = SYSROOT / "complete"
    if done.is_file() and done.read_text() == " ".join(LIBRARIES):
        return
    shutil.rmtree(SYSROOT, ignore_errors=True)
    _apt("update")
    _apt("download", *[f"{name}:arm64" for name in LIBRARIES])
    for package in (SYSROOT / "apt").glob("*.deb"):
        shell.check(["dpkg-deb", "-x", package, SYSROOT / "root"])
    done.write_text(" ".join(LIBRARIES))


def _write_cross_file():
    root = SYSROOT / "root"
    # The cross compiler's own libc and our libraries, seen by qemu as one tree.
    loader = root / "lib" / "ld-linux-aarch64.so.1"
    if not loader.exists():
        loader.parent.mkdir(parents=True, exist_ok=True)
        for library in os.listdir(f"/usr/{TRIPLE}/lib"):
            target = root / "lib" / library
            if not target.exists():
                target.symlink_to(f"/usr/{TRIPLE}/lib/{library}")
    include, libraries = root / "usr/include", root / f"usr/lib/{TRIPLE}"
    text = f"""# written by scripts/lib/tools/cross.py
[binaries]
c = '{TRIPLE}-gcc'
ar = '{TRIPLE}-gcc-ar'
strip = '{TRIPLE}-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '{root}', '-E', 'LD_LIBRARY_PATH={libraries}']
[properties]
pkg_config_libdir = '{libraries}/pkgconfig'
sys_root = '{root}'
[built-in options]
c_args = ['-isystem', '{include}']
c_link_args = ['-L{libraries}', '-Wl,-rpath-link,{libraries}']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
"""
    path = SYSROOT / "cross.ini"
    path.write_text(text)
    return path


def prepare():
    """Meson options of an aarch64 build; raises Unavailable with the reason."""
    if os.uname().machine != "x86_64":
        raise Unavailable("cross build is set up for x86-64 machines")
    try:
        shell.packages("aarch64")
        _fetch_libraries()
        return ("--cross-file", str(_write_cross_file()))
    except shell.CommandFailed as failure:
        raise Unavailable(str(failure)) from failure
