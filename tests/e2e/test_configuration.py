# SPDX-License-Identifier: BSD-3-Clause
"""A wrong configuration: one clear message, exit status 2, nothing started."""
import scene
from tools import shell
from tools.host import stack

WRONG = {
    "unknown key": ({"engine.udp_prot": 1}, "udp_prot"),
    "wrong type": ({"engine.workers": "many"}, "workers"),
    "out of range": ({"engine.udp_port": 70000}, "udp_port"),
    "combination": ({"world.snapshot_hz": 23}, "snapshot_hz"),
    "no such device": ({"engine.device": "net_nosuch0"}, "net_nosuch0"),
}


def test_wrong_configuration_exits_2_with_one_message(options):
    for name, (settings, mentioned) in WRONG.items():
        with stack.Stack(options.build, settings=settings, huge=False) as host:
            host.prepare()
            daemons = ["engine"] if name == "no such device" else ["engine", "control"]
            for daemon in daemons:
                _expect_refusal(host, name, daemon, mentioned)


def _expect_refusal(host, name, daemon, mentioned):
    command = host.port.engine.command(host.executable(daemon), "--config", host.config_path)
    status, output = shell.run(command, timeout_s=15)
    lines = [line for line in output.splitlines() if line.strip()]
    # A device that is not there is found out by starting: status 1.
    scene.expect_equal(f"{daemon}, {name}: exit status ({output.strip()})", status,
                       1 if name == "no such device" else 2)
    scene.expect_equal(f"{daemon}, {name}: lines of message ({output.strip()})", len(lines), 1)
    scene.expect(mentioned in output, f"{daemon}, {name}: '{output.strip()}' misses '{mentioned}'")
    left = [path.name for path in host.directory.iterdir()
            if path.suffix in (".sock", ".db") or path.name == "keys"]
    scene.expect(not left, f"{daemon}, {name}: left {left}")


def test_more_workers_than_queues_exits_1_with_what_the_port_can(options):
    settings = {"engine.workers": 5, "engine.sessions_max": 256, "engine.memory_mb": 768}
    with stack.Stack(options.build, settings=settings, huge=False, port="tap") as host:
        host.prepare()
        command = host.port.engine.command(host.executable("engine"), "--config", host.config_path)
        status, output = shell.run(command, timeout_s=30)
        scene.expect_equal(f"exit status ({output.strip()})", status, 1)
        lines = [line for line in output.splitlines() if line.strip()]
        scene.expect_equal("message", lines, [
            "tickwire-engine: port net_tap0 (net_tap) can do 4 queue pairs, but engine.workers is "
            "5: each worker needs one"])


def test_missing_configuration_file(options):
    with stack.Stack(options.build, huge=False) as host:
        host.prepare()
        for daemon in ("engine", "control"):
            status, output = shell.run([host.executable(daemon), "--config", "/nonexistent.yaml"],
                                       timeout_s=10)
            scene.expect_equal(f"{daemon}: exit status ({output.strip()})", status, 2)
            scene.expect("/nonexistent.yaml" in output, f"{daemon}: '{output.strip()}'")
