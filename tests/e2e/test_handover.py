# SPDX-License-Identifier: BSD-3-Clause
"""A session goes to the worker where its packets arrive: on a real port of two queues, whose kernel
deals packets out by their source port, as a card's hash would."""
import messages
import scene
from tools.host import steering

CLIENTS = 20
SETTINGS = {"engine.workers": 2, "engine.memory_mb": 512, "world.spawn_radius_m": 10}


def _host(options):
    host = scene.start(options, port="tap", huge=False, settings=SETTINGS)
    steering.by_source_port(host.engine.pid)
    return host


def _rebind(player, parity):
    """Goes on from a port whose packets come by that queue."""
    while True:
        player.endpoint.rebind()
        if player.local_port % 2 == parity:
            return


def _sessions(stats):
    return [row["sessions_live"] for row in stats["worker"]]


def _expect_moved(host, player, times, sessions):
    """Each event was counted so often, and the session is where it should be."""
    def told():
        stats = host.stats()
        return stats if stats["roaming"]["renamed"] >= times else player.session.run(0.1)
    stats = scene.wait_for("a renamed session", told, 5)
    moved = {name: stats["roaming"][name]
             for name in ("validated", "asked", "given", "taken", "renamed")}
    scene.expect_equal("events", moved, dict.fromkeys(moved, times))
    scene.expect_equal("sessions", _sessions(stats), sessions)


def _talk(player, said, seconds):
    """A command every tenth of a second; each comes back to who said it."""
    for _ in range(round(seconds * 10)):
        said.append(f"command {len(said)}".encode())
        player.session.outgoing.send(messages.ORDERED, said[-1])
        player.session.run(0.1)


def _settle(player, said):
    for _ in range(20):
        player.session.run(0.1)
        if player.session.outgoing.is_empty() and len(player.session.incoming.ready) == len(said):
            return


def test_session_follows_its_packets_to_another_worker(options):
    with _host(options) as host:
        player = scene.Player(host, host.token("mover"))
        _rebind(player, 0)
        player.join(1.0)
        own, said, ids = player.session.view.own.handle, [], {player.session.connection_id}
        home = scene.wait_for("one session", lambda: _sessions(host.stats()), 5)
        scene.expect_equal("sessions", sorted(home), [0, 1])
        for turn in (1, 2):
            _rebind(player, turn % 2)
            applied = player.session.view.last_input
            _talk(player, said, 1.0)
            _settle(player, said)
            scene.expect(player.session.view.last_input > applied + 60, "inputs were not applied")
            scene.expect(player.session.connection_id not in ids, "the connection id stayed")
            ids.add(player.session.connection_id)
            _expect_moved(host, player, turn, home if turn == 2 else home[::-1])
        heard = [text[4:] for _, text in player.session.incoming.ready]
        scene.expect_equal("own commands came back", heard, said)
        scene.expect_equal("own entity", player.session.view.own.handle, own)
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        listed = host.cli("session", "list")["sessions"]
        scene.expect_equal("listed", [row["connection"] for row in listed],
                           [f"{player.session.connection_id:08x}"])
        player.leave()
        stats = host.settled_stats()
        scene.expect_equal("handshakes", stats["verdicts"]["welcomed"], 1)
        scene.expect_ledger(stats)


def test_crowd_changes_ports_and_workers(options):
    with _host(options) as host:
        # They leave a second after the last change: what comes from a path that is not validated
        # yet is taken at a rate of its own, and last inputs are not repeated.
        status, summary = host.bots(host.tokens(CLIENTS), 5, "--rebind", "2",
                                    "--talk").finish(40)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect_equal("connected", summary["connected"], CLIENTS)
        scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
        scene.expect_equal("own entities that became others", summary["entity_changes"], 0)
        scene.expect_equal("wrong messages", summary["messages_wrong"], 0)
        scene.expect_equal("commands back", summary["commands_back"], summary["commands_sent"])
        scene.expect_equal("large ones back", summary["bulks_back"], summary["bulks_sent"])
        stats = scene.wait_for("settled figures", host.settled_stats, 20)
        roaming = stats["roaming"]
        # Every second change of ports is one of queues; too little time to move after all of them.
        scene.expect(roaming["given"] >= CLIENTS // 2, f"few moves: {roaming}")
        scene.expect_equal("taken", roaming["taken"], roaming["given"])
        scene.expect_equal("handshakes", stats["verdicts"]["welcomed"], CLIENTS)
        scene.expect_equal("inputs that reached the world", stats["inputs"]["routed"],
                           summary["inputs_sent"])
        scene.expect_ledger(stats)
