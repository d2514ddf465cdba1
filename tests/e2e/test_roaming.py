# SPDX-License-Identifier: BSD-3-Clause
"""Clients that change their address: same session, same entity, no handshake; nobody is flooded."""
import time

import scene

CLIENTS = 20
CHALLENGES_PER_S = 5  # to one candidate, however much comes from it


def _expect_stayed(summary, clients):
    scene.expect_equal("connected", summary["connected"], clients)
    scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
    scene.expect_equal("own entities that became others", summary["entity_changes"], 0)
    scene.expect(summary["inputs_applied_min"] > 300, f"inputs applied: {summary}")


def _drain(sock):
    sock.setblocking(False)
    got = []
    while True:
        try:
            got.append(sock.recv(2048))
        except BlockingIOError:
            return got


def test_bots_change_ports_in_the_middle_of_a_game(options):
    with scene.start(options) as host:
        bots = host.bots(host.tokens(CLIENTS), 9, "--rebind", "2")
        status, summary = bots.finish(40)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        _expect_stayed(summary, CLIENTS)
        scene.expect(summary["rebinds"] >= 3 * CLIENTS, f"ports changed: {summary}")
        stats = host.settled_stats()
        scene.expect(stats["roaming"]["validated"] >= 3 * CLIENTS, f"{stats['roaming']}")
        scene.expect_equal("handshakes", stats["verdicts"]["welcomed"], CLIENTS)
        scene.expect_ledger(stats)


def test_python_client_changes_its_port(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("rover")).join(1.0)
        own, wrong = player.session.view.own.handle, player.session.view.hashes_wrong
        for _ in range(3):
            ports = player.local_port
            player.endpoint.rebind()
            scene.expect(player.local_port != ports, "the port is the same")
            applied = player.session.view.last_input
            player.session.run(1.5)
            scene.expect(player.session.view.last_input > applied + 60, "inputs were not applied")
        scene.expect(player.session.challenges >= 3, f"{player.session.challenges} challenges")
        scene.expect_equal("own entity", player.session.view.own.handle, own)
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, wrong)
        scene.expect_equal("sessions validated", host.settled_stats()["roaming"]["validated"], 3)
        player.leave()


def test_a_victim_gets_three_times_at_most(options):
    """A client writes another source port: who listens there gets little, and only challenges: at
    most three times what was sent, and never more than a few a second, which is far less."""
    with scene.start(options) as host:
        player = scene.Player(host, host.token("liar")).join(1.0)
        wire = scene.wire(host)  # sends from a port of its own, and its sink listens there
        sent = sent_bytes = 0
        begun = time.monotonic()
        for _ in range(200):
            packet = player.sealed(scene.python_client.protocol.frame_ping(1))
            wire.send_udp(packet)
            sent, sent_bytes = sent + 1, sent_bytes + len(packet)
            scene.pause(0.01)
        got = _drain(wire.sink)
        scene.expect(1 <= len(got) <= 3 * sent, f"{len(got)} packets for {sent}")
        scene.expect(sum(map(len, got)) <= 3 * sent_bytes, f"{got}")
        scene.expect_equal("sizes", {len(packet) for packet in got}, {41})
        roaming = host.settled_stats()["roaming"]
        seconds = time.monotonic() - begun
        most = CHALLENGES_PER_S * seconds + roaming["opened"]
        scene.expect(roaming["opened"] <= seconds + 1, f"a candidate a second: {roaming}")
        scene.expect(len(got) <= roaming["challenged"] <= most,
                     f"{len(got)} challenges came; in {seconds:.1f} s {most:.1f} may be sent at "
                     f"most, whatever came from there ({sent} packets): {roaming}")
        scene.expect_equal("moved", roaming["validated"], 0)
        player.session.run(1.0)
        player.leave()
        wire.close()


def test_two_workers_keep_players_who_change_ports(options):
    """The kernel teaches a TAP port's queues which flow was answered where, so a flow that moved is
    with its owner again after the challenge; test_handover.py steers them elsewhere."""
    settings = {"engine.workers": 2, "engine.memory_mb": 512}
    with scene.start(options, port="tap", huge=False, settings=settings) as host:
        status, summary = host.bots(host.tokens(CLIENTS), 9, "--rebind", "2").finish(40)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        _expect_stayed(summary, CLIENTS)
        stats = host.settled_stats()
        scene.expect(stats["roaming"]["validated"] >= 3 * CLIENTS, f"{stats['roaming']}")
        scene.expect_equal("sessions given", stats["roaming"]["given"], stats["roaming"]["taken"])
        scene.expect_ledger(stats)
