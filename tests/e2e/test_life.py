# SPDX-License-Identifier: BSD-3-Clause
"""Clients that fall silent: killed and resumed by another process, or back with their keys. And one
that never says that it sees anything."""
import signal
import sys
import time

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


def _is_heard(host, account):
    """One session, and it is heard: degraded is what its path may be on a busy machine."""
    lives = _life_of(host, account)
    return len(lives) == 1 and lives[0] in ("connected", "degraded")


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
        _run_until(back, lambda: _is_heard(host, "victim"))
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
        _run_until(player, lambda: _is_heard(host, "rover"))
        stats = host.settled_stats()
        scene.expect_equal("parked and back", stats["life"]["unparked"], 1)
        scene.expect_equal("proven address", stats["roaming"]["validated"], 1)
        scene.expect_equal("handshakes", stats["verdicts"]["welcomed"], 1)
        player.leave()


SAID = 3


def _large(number):
    """As a bot that talks says it, by one that does not exist: bots look whether it is whole."""
    head = (77).to_bytes(4, "little") + number.to_bytes(4, "little") + bytes(8)
    return head + bytes(77 * 13 + number * 31 + at * 7 + (at >> 8) & 0xFF
                        for at in range(16, 10240))


def test_a_bot_killed_goes_on_by_what_it_kept(options):
    """The C library: a process killed with -9, another one with what the first one wrote down."""
    with scene.start(options, settings=QUICK) as host:
        other = scene.Player(host, host.token("other")).join(0.3)
        kept = host.directory / "kept"
        kept.mkdir(mode=0o700)
        file, token = kept / "bot-0", host.token("victim")

        def bots(seconds, token=token):
            return host.bots([token], seconds, "--behaviour", "stand", "--listen",
                             "--resume", kept)

        first = bots(60)
        _run_until(other, lambda: file.exists() and len(_others(other)) == 1)
        scene.expect_equal("mode", file.stat().st_mode & 0o777, 0o600)
        handle, = _others(other)
        used = file.read_bytes()
        first.process.kill()
        _run_until(other, lambda: _life_of(host, "victim") == ["reconnecting"])
        for number in range(SAID):
            other.session.outgoing.send(messages.BULK, _large(number))
        _run_until(other, other.session.outgoing.is_empty)
        _run_until(other, lambda: not _others(other), 10)
        # The connect token is used up: without the other one nobody would get in.
        second = bots(60)
        _run_until(other, lambda: _others(other) == {handle})
        _run_until(other, lambda: file.read_bytes() != used)
        scene.expect_equal("mode", file.stat().st_mode & 0o777, 0o600)
        # A process that stands still is not dead: it is out when it goes on.
        second.process.signal(signal.SIGSTOP)
        third = bots(5)
        _run_until(other, lambda: host.stats()["life"]["resumed"] == 2)
        second.process.signal(signal.SIGCONT)
        status, summary = second.finish(15)
        scene.expect_equal("exit status", status, 1)
        scene.expect_equal("told", summary["close_reasons"], {"resumed": 1})
        scene.expect_equal("resumed", summary["resumed"], 1)
        scene.expect_equal("heard, sent while it was dead", summary["messages_heard"], SAID)
        scene.expect_equal("messages wrong", summary["messages_wrong"], 0)
        scene.expect(file.exists(), "it took the third one's file along")
        other.session.run(0.3)
        scene.expect_equal("seen by others", _others(other), {handle})
        status, summary = third.finish(20)
        scene.expect_equal(f"exit status {summary}", status, 0)
        scene.expect_equal("resumed", summary["resumed"], 1)
        scene.expect_equal("heard twice", summary["messages_heard"], 0)
        scene.expect(not file.exists(), "the session is over, what resumed it is still there")
        # What is good for nothing any more keeps nobody out.
        file.touch(mode=0o600)
        file.write_bytes(used)
        status, summary = bots(2, host.token("victim")).finish(20)
        scene.expect_equal(f"exit status {summary}", status, 0)
        scene.expect_equal("resumed", summary["resumed"], 0)
        scene.expect_ledger(host.settled_stats())
        other.leave()


def test_a_login_takes_the_place_of_an_older_session(options):
    """The same entity, whether its client was killed just now, long ago, or is alive."""
    with scene.start(options, settings=QUICK) as host:
        other = scene.Player(host, host.token("other")).join(0.3)
        first = host.bots([host.token("victim")], 60, "--behaviour", "stand")
        _run_until(other, lambda: len(_others(other)) == 1)
        handle, = _others(other)
        first.process.kill()
        second = scene.Player(host, host.token("victim")).join(1.0)
        scene.expect_equal("own entity", second.session.view.own.handle, handle)
        scene.expect_equal("hashes wrong", second.session.view.hashes_wrong, 0)
        other.session.run(0.3)
        scene.expect_equal("seen by others", _others(other), {handle})
        # It stood still meanwhile, and plays on.
        _run_until(second, lambda: _is_heard(host, "victim"))
        # It falls silent, and leaves the world.
        _run_until(other, lambda: host.stats()["players_parked"] == 1)
        third = host.bots([host.token("victim")], 6, "--behaviour", "stand")
        _run_until(other, lambda: _others(other) == {handle})
        try:
            second.session.run(1)
            raise AssertionError("two clients play one player")
        except scene.python_client.Failed as failure:
            scene.expect_equal("told", str(failure), "closed by the server: 9")
        status, summary = third.finish(20)
        scene.expect_equal(f"exit status {summary}", status, 0)
        stats = host.settled_stats()
        scene.expect_equal("replaced", stats["joins_replacing"], 2)
        scene.expect_equal("sessions", stats["sessions_live"], 1)
        scene.expect_ledger(stats)
        other.leave()


STARVED_S = 18  # more than by default: a busy machine makes it later, never earlier


def test_who_plays_without_seeing_is_closed(options):
    """Inputs, and never a snapshot acknowledged: it is told, counted, and shown with the reason."""
    with scene.start(options, settings={"limits.starved_s": STARVED_S}) as host:
        neighbour = host.bots([host.token("neighbour")], STARVED_S + 8)
        blind = scene.Player(host, host.token("blind")).join(0)
        session, hears, start = blind.session, blind.session.apply, time.monotonic()
        session.apply = lambda frames, sequence: hears(
            {kind: body for kind, body in frames.items()
             if kind != scene.python_client.protocol.SNAPSHOT}, sequence)
        try:
            session.run(STARVED_S + 6)
            raise AssertionError("it plays on")
        except scene.python_client.Failed as failure:
            scene.expect_equal("told", str(failure), "closed by the server: 14")
        lasted = time.monotonic() - start
        scene.expect(lasted > STARVED_S - 0.5, f"closed after {lasted:.1f} s already")
        scene.wait_for("it is out of the world", lambda: host.stats()["players"] == 1)
        connection = f"{session.connection_id:08x}"
        scene.wait_for("its session is over", lambda: host.request(
            "session.show", connection=connection)["state"] == "ended")
        scene.expect_equal("reason", host.request("session.show", connection=connection)["reason"],
                           "starved")
        status, summary = neighbour.finish(STARVED_S + 15)
        scene.expect_equal(f"the neighbour's exit status {summary}", status, 0)
        scene.expect_equal("the neighbour's wrong views", summary["hashes_wrong"], 0)
        stats = host.settled_stats()
        scene.expect_equal("starved", stats["players_starved"], 1)
        scene.expect_ledger(stats)
