# SPDX-License-Identifier: BSD-3-Clause
"""Clients that are told how early their inputs arrive keep the buffers at the server one tick
deep; views are compared by both sides."""
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


CROWD = {"world.npcs": 600, "world.npcs_moving_percent": 100, "world.size_m": 120,
         "world.spawn_radius_m": 10, "world.view_max": 256}


def test_view_checks_go_both_ways(options):
    """In a crowd no snapshot tells all, and no hash of everything comes."""
    with scene.start(options, settings=CROWD) as host:
        bots = host.bots(host.tokens(10), 5, "--loss", "5")
        player = scene.Player(host, host.token("careful")).join(3.0)
        view = player.session.view
        scene.expect(view.incomplete > view.newest // 2, f"{view.incomplete} of {view.newest}")
        scene.expect(view.hashes_checked >= 10, f"{view.hashes_checked} checks in 3 s")
        scene.expect_equal("wrong checks", view.hashes_wrong, 0)
        status, summary = bots.finish(20)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        stats = host.stats()
        scene.expect(stats["checks_agreed"] >= 20, f"reports that agree: {stats['checks_agreed']}")
        scene.expect_equal("reports that differ", stats["checks_differed"], 0)
        # A report that is wrong, and the view comes anew.
        player.session.next_check_us = 1 << 62
        player.session.run(0.5)
        view.check = None
        for _ in range(40):
            if view.check is not None:
                number, bits, group, total = view.check
                player.endpoint.send(player.sealed(scene.python_client.protocol.frame_check(
                    number, bits, group, total ^ 1)))
                break
            player.session.run(0.05)
        player.session.run(1.0)
        scene.expect_equal("baselines that came", view.baselines, 1)
        scene.expect_equal("wrong checks", view.hashes_wrong, 0)
        scene.expect(len(view.entities) > 50, f"{len(view.entities)} entities after it")
        stats = host.settled_stats()
        scene.expect_equal("baselines", stats["baselines"], 1)
        player.leave()
