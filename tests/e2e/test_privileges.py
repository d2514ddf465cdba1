# SPDX-License-Identifier: BSD-3-Clause
"""The daemons with the rights their systemd units give them, and none besides: players come and go.

PID 1 need not be systemd here, so the kernel is asked for the same by other means: capabilities and
no-new-privileges by setpriv, memory that is never both writable and executable by prctl. System
calls and devices are not confined."""
import ctypes
import re
import sys

import scene
from tools.host import stack

DROP_INS = scene.ROOT / "packaging" / "systemd" / "engine"
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
PR_GET_MDWE = 66
DENY_WRITE_EXECUTE = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def _capabilities(name):
    text = (DROP_INS / name).read_text()
    words = re.search(r"^CapabilityBoundingSet=(.*)$", text, re.MULTILINE)[1].split()
    return [word.removeprefix("CAP_").lower() for word in words]


def _confined(capabilities):
    held = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    words = ["setpriv", "--bounding-set", held, "--inh-caps", held, "--no-new-privs"]
    # Kernels before 6.3 do not know it.
    if ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) >= 0:
        words += [sys.executable, "-B", "-c", DENY_WRITE_EXECUTE]
    return words


def _effective(pid):
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.rstrip("\n").split(":\t") for line in file if ":\t" in line)
    return int(fields["CapEff"], 16), fields["NoNewPrivs"].strip()


def _serves_players(options, port, capabilities):
    # A control group of the unit lifts the limit of locked memory; here a capability stands for it.
    wrappers = {"engine": _confined([*capabilities, "ipc_lock"]), "control": _confined([])}
    with scene.start(options, port=port, wrappers=wrappers) as host:
        held, fixed = _effective(host.engine.pid)
        scene.expect_equal("engine: capabilities held", held.bit_count(), len(capabilities) + 1)
        scene.expect_equal("engine: no new privileges", fixed, "1")
        scene.expect_equal("control: capabilities held", _effective(host.control.pid)[0], 0)
        player = scene.Player(host, host.token("guest")).join(1.0)
        scene.expect(player.session.view.last_input > 0, "no input was applied")
        player.leave()
        scene.expect_ledger(host.settled_stats())


def test_af_xdp_with_the_rights_of_its_unit(options):
    _serves_players(options, "af_xdp", _capabilities("af-xdp.conf"))


def test_tap_with_the_rights_of_its_unit(options):
    _serves_players(options, "tap", _capabilities("tap.conf"))


def test_no_right_of_the_af_xdp_unit_is_idle(options):
    """Without any one of them the port does not open."""
    capabilities = _capabilities("af-xdp.conf")
    for missing in capabilities:
        held = [name for name in capabilities if name != missing]
        wrappers = {"engine": _confined([*held, "ipc_lock"])}
        with stack.Stack(options.build, huge=False, wrappers=wrappers) as host:
            host.prepare()
            process = host.spawn("engine", "--config", host.config_path,
                                 namespace=host.port.engine)
            scene.expect_equal(f"without {missing}: exit status", process.wait(20), 1)
