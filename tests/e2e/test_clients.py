# SPDX-License-Identifier: BSD-3-Clause
"""Two hundred kernel-UDP clients, a control plane killed meanwhile, every packet accounted for."""
import signal

import scene
from tools.host import ledger, port

CLIENTS = 200


def _expect_good(summary, clients):
    scene.expect_equal("connected", summary["connected"], clients)
    scene.expect(summary["inputs_applied"] > 0, f"no input was applied: {summary}")
    scene.expect(summary["hashes_checked"] >= clients, f"hashes checked: {summary}")
    scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)


def expect_reconciled(host, *summaries, other_sent=0):
    """Ledger, port, interface, kernel and bots agree to the packet."""
    stats = host.settled_stats()
    totals = {name: sum(summary[name] for summary in summaries)
              for name in ("packets_sent", "packets_received")}
    problems = ledger.reconcile(stats, host.port.bots.interface(port.BOTS_INTERFACE),
                                host.port.bots.kernel_counters(), totals, other_sent)
    scene.expect(not problems, "\n".join(problems) + f"\n{stats}\n{totals}")


def test_200_clients_with_the_control_plane_killed(options):
    seconds = 60 if options.long else 20
    with scene.start(options) as host:
        bots = host.bots(host.tokens(CLIENTS), seconds)
        spare = host.token("latecomer")
        scene.expect(bots.wait_for(lambda line: line.get("connected") == CLIENTS, 15),
                     "not all clients connected")
        bots.wait_for(lambda line: True, 3)
        host.kill_control()
        applied = [line["inputs_applied"] for line in
                   (bots.wait_for(lambda line: True, 5) for _ in range(4)) if line]
        scene.expect(len(applied) == 4 and applied[3] - applied[1] > CLIENTS * 60,
                     f"inputs applied while the control plane was dead: {applied}")
        late = host.bots([spare], 12, "--connect-timeout", "30")
        told = late.wait_for(lambda line: line.get("try_again", 0) > 0, 5)
        scene.expect(told, f"a joining client was not told to try again: {late.lines}")
        scene.expect(late.lines[-1]["connected"] == 0, "somebody joined without a control plane")
        host.start_control()
        status, joined = late.finish(40)
        scene.expect_equal(f"latecomer's exit status {joined}", status, 0)
        scene.expect_equal("latecomer connected", joined["connected"], 1)
        status, summary = bots.finish(seconds + 20)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        _expect_good(summary, CLIENTS)
        expect_reconciled(host, summary, joined)
        scene.expect(host.engine.alive(), "the engine died\n" + host.engine.log())


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
        _expect_good(summary, 50)
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


def test_tap_port(options):
    with scene.start(options, port="tap") as host:
        bots = host.bots(host.tokens(50), 6)
        status, summary = bots.finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        _expect_good(summary, 50)
        expect_reconciled(host, summary)


def test_without_hugepages(options):
    with scene.start(options, huge=False) as host:
        scene.expect_equal("hugepages in use", bool(host.stats()["hugepages"]), False)
        status, summary = host.bots(host.tokens(20), 5).finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        _expect_good(summary, 20)


def test_with_hugepages(options):
    with scene.start(options, huge=True) as host:
        if not host.hugepages.granted:
            raise scene.Skipped("this machine has no hugepages to give")
        scene.expect_equal("hugepages in use", bool(host.stats()["hugepages"]), True)
        status, summary = host.bots(host.tokens(20), 5).finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        _expect_good(summary, 20)
