# SPDX-License-Identifier: BSD-3-Clause
"""Clients that are told how early their inputs arrive keep the buffers at the server one tick
deep."""
import scene

CLIENTS = 20


def test_inputs_arrive_one_tick_early(options):
    with scene.start(options) as host:
        bots = host.bots(host.tokens(CLIENTS), 7)
        scene.expect(bots.wait_for(lambda line: line.get("connected") == CLIENTS, 10),
                     "not all clients connected")
        scene.pause(2)
        first = host.stats()
        scene.pause(3)
        second = host.stats()
        looks = second["input_depths"] - first["input_depths"]
        depth = (second["input_depth_sum"] - first["input_depth_sum"]) / max(1, looks)
        applied, late = (second["shard_inputs"][name] - first["shard_inputs"][name]
                         for name in ("applied", "late"))
        status, summary = bots.finish(20)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect(looks > CLIENTS * 20, f"{looks} looks at buffers")
        scene.expect(0.2 <= depth <= 2.0, f"buffers are {depth:.2f} ticks deep")
        # What a shared machine adds in hiccups is not the clients' to foresee.
        scene.expect(applied >= 97 * late, f"{late} inputs late, {applied} in time")
        scene.expect(summary["inputs_measured"] > CLIENTS * 60, f"measured: {summary}")
        scene.expect(0 < summary["margin_us"] < 50000, f"margin at the end: {summary}")
        scene.expect(0.2 <= second["input_depth"] <= 3.0,
                     "the depth that tickwire status shows")
