# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's telemetry socket tells what `tickwire status` and `tickwire drops` tell; what idle workers
do is told."""
import os

import scene
from tools.host.telemetry import Telemetry


def _of_one_second(host, telemetry):
    """Answers of both ways that were published in the same second."""
    def same():
        status = host.stats()
        told = {name: telemetry.ask(f"/tickwire/{name}")
                for name in ("status", "drops", "ports", "workers")}
        again = telemetry.ask("/tickwire/status")["uptime_ns"]
        moments = {status["uptime_ns"], told["status"]["uptime_ns"], again}
        return (status, told) if len(moments) == 1 else None
    return scene.wait_for("both of one second", same)


def _expect_agreement(status, told):
    numbers = {name: value for name, value in told["status"].items() if isinstance(value, int)}
    scene.expect(len(numbers) > 30, f"few numbers: {numbers}")
    for name, value in numbers.items():
        scene.expect_equal(f"/tickwire/status {name}", value, status[name])
    for name in ("state_hash", "idle"):
        scene.expect_equal(f"/tickwire/status {name}", told["status"][name], status[name])
    for name in ("outcomes", "inputs", "shard_inputs", "sends", "roaming", "rekeys", "verdicts",
                 "conduct", "life"):
        scene.expect_equal(f"/tickwire/drops {name}", told["drops"][name], status[name])
    scene.expect_equal("ledger", sum(told["drops"]["outcomes"].values()),
                       told["drops"]["rx_packets"])
    for i, row in enumerate(status["ports"]):
        answer = told["ports"][f"port{i}"]
        scene.expect_equal(f"port{i}", answer, {name: row[name] for name in answer})
    for i, row in enumerate(status["worker"]):
        answer = told["workers"][f"worker{i}"]
        scene.expect_equal(f"worker{i}", answer, {name: row[name] for name in answer})


def test_telemetry_tells_what_status_tells(options):
    for huge in (True, False):  # --in-memory, --no-huge
        with scene.start(options, huge=huge) as host:
            player = scene.Player(host, host.token("watched")).join(1.0)
            with Telemetry(host.engine.pid) as telemetry:
                commands = telemetry.ask("/tickwire/help")
                listed = telemetry.ask("/")
                scene.expect(set(commands) <= set(listed) and len(commands) == 5, str(commands))
                _expect_agreement(*_of_one_second(host, telemetry))
                player.leave()
                host.settled_stats()
                status, told = _of_one_second(host, telemetry)
                _expect_agreement(status, told)
                scene.expect(told["drops"]["outcomes"]["accepted"] > 0, "nothing was accepted")


def test_idle_workers_sleep_as_configured(options):
    slept = {}
    for name, settings in (("long", {"engine.idle_quiet_us": 5000}),
                           ("short", {"engine.idle_quiet_us": 50}),
                           ("poll", {"engine.idle": "poll"})):
        if name == "poll" and len(os.sched_getaffinity(0)) < 2:
            continue  # worker and shard may not share a core
        with scene.start(options, huge=False, settings=settings) as host:
            first = host.stats()["worker"][0]
            last = scene.wait_for("two reports", lambda: _later(host, first), 10)
            row = {key: last[key] - first[key] for key in ("polls_empty", "slept_ns")}
            slept[name] = row["slept_ns"] / max(1, row["polls_empty"])
            scene.expect_equal("mode", last["mode"], "poll" if name == "poll" else "backoff")
            status, output = host.cli_status("status")
            scene.expect(status == 0 and "slept_percent" in output, output)
    # A sleep may last longer on a busy machine, never shorter than asked.
    scene.expect(slept["long"] > 4_000_000 > 50_000 <= slept["short"], f"ns per poll: {slept}")
    scene.expect_equal("polling: ns slept", slept.get("poll", 0), 0)


def _later(host, first):
    row = host.stats()["worker"][0]
    return row if row["polls_empty"] > first["polls_empty"] else None
