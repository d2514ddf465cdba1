# SPDX-License-Identifier: BSD-3-Clause
"""The first command on a machine that has nothing but git and a shell: a debootstrap of Debian 12,
with the demo run inside. Minutes long: only with --long."""
import os
import pathlib
import shutil
import tempfile

import scene
from tools import shell

MOUNTS = ("proc", "sys", "dev")
# Half a minute and a few minutes on an idle machine; thirteen minutes for the first where two dozen
# compilers run.
DEBOOTSTRAP_S, DEMO_S = 1800, 3600


def test_demo_on_a_fresh_debian(options):
    if not options.long:
        raise scene.Skipped("takes minutes; run with --long")
    root = pathlib.Path(tempfile.mkdtemp(prefix="fresh-debian-", dir="/var/tmp"))
    mounted = []
    try:
        shell.check(["debootstrap", "--variant=minbase", "--include=git", "bookworm", root],
                    timeout_s=DEBOOTSTRAP_S)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        shell.check(["git", "-c", f"safe.directory={scene.ROOT}", "clone", "-q", scene.ROOT,
                     root / "tickwire"])
        for name in MOUNTS:
            shell.check(["mount", "--rbind", "--make-rslave", f"/{name}", root / name])
            mounted.append(root / name)
        status, output = shell.run(
            ["chroot", root, "/tickwire/scripts/demo", "--players", "50", "--seconds", "10"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}, timeout_s=DEMO_S)
        scene.expect(status == 0, output[-3000:])
    finally:
        for path in reversed(mounted):
            shell.run(["umount", "-R", "-l", path])
        if not any(os.path.ismount(root / name) for name in MOUNTS):
            shutil.rmtree(root, ignore_errors=True)
