# SPDX-License-Identifier: BSD-3-Clause
"""Clients that fall silent: killed and resumed by another process, or back with their keys."""
import signal
import sys

import messages
import scene
import test_python_client
from tools.host import process

QUICK = {"life.degraded_ms": 300, "life.pause_ms": 800, "life.park_ms": 2500,
         "life.grace_ms": 30000, "world.spawn_radius_m": 10}
PLAYER = 1


def _life_of(host, account):
    sessions = host.request("session.list")["sessions"]
    return [one["life"] for one in sessions if one["account"] == account]


def _others(player):
    """Handles of the players that this one sees."""
    view = player.session.view
    return {entity.handle for entity in view.entities.values()
            if entity.cold["type"] == PLAYER and entity.handle != view.own.handle}


def _run_until(player, condition, seconds=5):
    for _ in range(int(seconds * 10)):
        player.session.run(0.1)
        if condition():
            return
    raise AssertionError(f"not within {seconds} s")


def test_a_killed_client_resumes_in_a_new_process(options):
    with scene.start(options, settings=QUICK) as host:
        other = scene.Player(host, host.token("other")).join(0.3)
        kept, token = host.directory / "resume", host.directory / "token"
        token.write_text(host.token("victim") + "\n")
        client = process.Process(host.port.bots.command(
            sys.executable, "-B", test_python_client.CLIENT, "--token", token, "--seconds", "60",
            "--stand", "--resume", kept), host.directory / "victim.log")
        _run_until(other, lambda: kept.exists() and len(_others(other)) == 1)
        handle, = _others(other)
        client.signal(signal.SIGKILL)
        _run_until(other, lambda: _life_of(host, "victim") == ["reconnecting"])
        said = [f"while you were away {i}".encode() for i in range(5)]
        for text in said:
            other.session.outgoing.send(messages.ORDERED, text)
        _run_until(other, lambda: not _others(other))
        scene.expect_equal("parked", host.settled_stats()["players_parked"], 1)
        other.session.run(0.2)
        back = scene.Player(host, kept.read_text()).join(1.5)
        other.session.run(0.5)
        scene.expect_equal("own entity", back.session.view.own.handle, handle)
        scene.expect_equal("seen by others", _others(other), {handle})
        ready = [text[4:] for channel, text in back.session.incoming.ready
                 if channel == messages.ORDERED]
        scene.expect_equal("messages", ready, said)
        scene.expect_equal("hashes wrong", back.session.view.hashes_wrong, 0)
        _run_until(back, lambda: _life_of(host, "victim") == ["connected"])
        # Once is all that it is good for; the new session has one of its own.
        scene.expect_equal("the same again", scene.join_fails(host, kept.read_text()),
                           "refused: 2")
        back.session.run(0.5)
        again = back.session.resume_text(back.handshake.connect)
        third = scene.Player(host, again).join(0.5)
        scene.expect_equal("own entity", third.session.view.own.handle, handle)
        # The second process still lived: it is told, and out.
        try:
            back.session.run(1)
            raise AssertionError("two processes play one player")
        except scene.python_client.Failed as failure:
            scene.expect_equal("told", str(failure), "closed by the server: 12")
        stats = host.settled_stats()
        scene.expect_equal("resumed", stats["life"]["resumed"], 2)
        scene.expect_equal("sessions", stats["sessions_live"], 2)
        scene.expect_ledger(stats)
        third.leave()
        other.leave()


def test_back_with_its_keys_while_the_control_plane_is_dead(options):
    with scene.start(options, settings=QUICK) as host:
        player = scene.Player(host, host.token("rover")).join(1.0)
        view = player.session.view
        handle, bytes_before = view.own.handle, view.hashes_wrong
        host.kill_control()
        scene.pause(3.0)
        player.endpoint.rebind()
        applied = view.last_input
        player.session.run(2.0)
        scene.expect_equal("own entity", view.own.handle, handle)
        scene.expect(view.last_input > applied + 60, "inputs were not applied")
        scene.expect_equal("hashes wrong", view.hashes_wrong, bytes_before)
        host.start_control()
        _run_until(player, lambda: _life_of(host, "rover") == ["connected"])
        stats = host.settled_stats()
        scene.expect_equal("parked and back", stats["life"]["unparked"], 1)
        scene.expect_equal("proven address", stats["roaming"]["validated"], 1)
        scene.expect_equal("handshakes", stats["verdicts"]["welcomed"], 1)
        player.leave()
