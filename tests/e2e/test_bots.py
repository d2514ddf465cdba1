# SPDX-License-Identifier: BSD-3-Clause
"""Some dozen kernel-UDP clients: in a world without edges, at an orderly stop, on small pages."""
import signal

import scene
from test_clients import expect_good


def test_world_without_edges(options):
    small = {"world.edges": "wrap", "world.size_m": 64, "world.aoi_enter_m": 27,
             "world.aoi_exit_m": 30, "world.spawn_radius_m": 0, "world.npcs": 100,
             "world.obstacles": 10, "world.split_above": 24, "world.merge_below": 6}
    with scene.start(options, settings=small) as host:
        bots = host.bots(host.tokens(50), 15)
        scene.expect(bots.wait_for(lambda line: line.get("connected") == 50, 15),
                     "not all clients connected")
        other = scene.Player(host, host.token("python")).join(8)
        view = other.session.view
        scene.expect_equal("width the Python client was told", other.welcome.width, 64 * 1024)
        scene.expect(view.hashes_checked > 0 and view.hashes_wrong == 0,
                     f"Python client: {view.hashes_checked} views, {view.hashes_wrong} wrong")
        apart = [max(abs(other.welcome.difference(own, at)) for own, at in
                     zip((view.own.x, view.own.y), entity.position()))
                 for entity in view.entities.values()]
        scene.expect(apart and max(apart) <= 32 * 1024, f"seen at a distance of {max(apart)}")
        other.leave()
        status, summary = bots.finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        expect_good(summary, 50)
        scene.expect(summary["seam_crossings"] > 0, f"nobody crossed the seam: {summary}")
        scene.expect_ledger(host.settled_stats())
        space = host.cli("debug", "space")
        scene.expect(space["verdict"] == "consistent", f"index: {space}")
        figures = {row["name"]: row["value"] for row in space["figures"]}
        told = {name: figures[name] for name in ("wraps", "size_m", "split_above", "merge_below")}
        scene.expect_equal("the index is made of", told, {"wraps": 1, "size_m": 64,
                                                          "split_above": 24, "merge_below": 6})


def test_orderly_stop_tells_every_client(options):
    with scene.start(options) as host:
        bots = host.bots(host.tokens(50), 20, "--expect-close")
        scene.expect(bots.wait_for(lambda line: line.get("connected") == 50, 15),
                     "not all clients connected")
        host.engine.signal(signal.SIGTERM)
        scene.expect_equal("engine's exit status", host.engine.wait(10), 0)
        status, summary = bots.finish(15)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect_equal("clients told that the server stops",
                           summary["close_reasons"].get("shutdown", 0), 50)


def test_without_hugepages(options):
    with scene.start(options, huge=False) as host:
        scene.expect_equal("hugepages in use", bool(host.stats()["hugepages"]), False)
        status, summary = host.bots(host.tokens(20), 5).finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        expect_good(summary, 20)
