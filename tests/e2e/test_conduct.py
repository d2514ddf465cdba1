# SPDX-License-Identifier: BSD-3-Clause
"""A client that cheats is warned, throttled and closed; who plays beside it notices nothing."""
import time

import scene

RULES = {"conduct.warn_score": 20, "conduct.throttle_score": 40, "conduct.disconnect_score": 80,
         "conduct.decay_per_s": 5}


def too_many_inputs(player):
    """Each tick's packet ten times."""
    session = player.session
    session.tick(0.0, False)
    frame = scene.python_client.protocol.frame_inputs(session.newest_tick, session.inputs[:1])
    for _ in range(9):
        session.send(frame)


def time_jumps(player):
    """Inputs of an hour from now, of an hour ago."""
    session = player.session
    session.tick(0.0, False)
    for tick in (session.newest_tick + 216000, session.newest_tick - 40):
        session.send(scene.python_client.protocol.frame_inputs(tick, [(0, 0, 0, 0)]))


def action_spam(player):
    """A press every other tick."""
    session = player.session
    advance = type(session)._advance
    session._advance = lambda one: advance(session, (*one[:3], session.newest_tick % 2))
    session.tick(0.0, False)


CHEATS = [("too many inputs", too_many_inputs, 0, "input_packets"),
          ("time jumps", time_jumps, None, "input_ahead"),
          ("action spam", action_spam, 3, "actions")]


def cheat(player, act, seconds):
    """Until the server closes it: the reason."""
    end = time.monotonic() + seconds
    session = player.session
    next_tick = time.monotonic()
    while time.monotonic() < end:
        act(player)
        next_tick += 1 / session.clock.tick_hz
        while (left := next_tick - time.monotonic()) > 0:
            packet = player.endpoint.receive(left)
            if packet is not None:
                session.receive(packet)
        if session.close_reason is not None:
            return session.close_reason
    return None


def test_cheaters_are_warned_throttled_and_closed(options):
    with scene.start(options, settings=RULES) as host:
        neighbours = host.bots(host.tokens(5), 10)
        for number, (name, act, kind, _) in enumerate(CHEATS):
            player = scene.Player(host, host.token(f"cheat{number}")).join(0.5)
            reason = cheat(player, act, 10)
            scene.expect_equal(f"{name}: closed for", reason, 6)
            stages = [notice[0] for notice in player.session.notices]
            scene.expect(1 in stages and 2 in stages and stages == sorted(stages),
                         f"{name}: told {player.session.notices}")
            if kind is not None:
                scene.expect(all(notice[1] == kind for notice in player.session.notices),
                             f"{name}: told {player.session.notices}")
            player.leave()
        _expect_counted(host)
        _shown_to_operators(host)
        status, summary = neighbours.finish(20)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect_equal("neighbours warned", summary["warnings"], 0)
        scene.expect_equal("neighbours' wrong views", summary["hashes_wrong"], 0)
        late = summary["inputs_late"] / max(1, summary["inputs_measured"])
        scene.expect(late < 0.03, f"{late:.1%} of the neighbours' inputs came late")
        scene.expect_ledger(host.settled_stats())


def _expect_counted(host):
    conduct = scene.wait_for("three closed", lambda: (
        lambda now: now if now["disconnected"] == len(CHEATS) else None)(host.stats()["conduct"]))
    for step in ("warned", "throttled"):
        scene.expect_equal(f"sessions {step}", conduct[step], len(CHEATS))
    for name, _, _, counter in CHEATS:
        scene.expect(conduct[counter] > 0, f"{name}: {conduct}")


def _shown_to_operators(host):
    """Warned, not more: `session show` tells, and forgives with time."""
    player = scene.Player(host, host.token("hasty")).join(0.5)
    connection = f"{player.session.connection_id:08x}"
    for _ in range(11):
        player.session.send(scene.python_client.protocol.frame_inputs(
            player.session.newest_tick + 100000, [(0, 0, 0, 0)]))
    player.session.run(0.2)
    shown = host.request("session.show", connection=connection)
    scene.expect_equal(f"conduct in {shown}", shown["conduct"], "warned")
    scene.expect(10 < shown["conduct_score"] <= 22, f"score in {shown}")
    player.session.run(3.0)
    shown = host.request("session.show", connection=connection)
    scene.expect_equal(f"conduct in {shown}", shown["conduct"], "good")
    scene.expect_equal("the last notice", player.session.notices[-1][0], 0)
    player.leave()


# The past of a player: at 80 points closed, at 10 a second forgotten after 8 s.
PAST = {**RULES, "conduct.decay_per_s": 10}
POINTS = 2  # of a packet too far ahead


def _ahead(player, packets):
    """So many packets too far ahead, and what the server says of them."""
    for _ in range(packets):
        player.session.send(scene.python_client.protocol.frame_inputs(
            player.session.newest_tick + 100000, [(0, 0, 0, 0)]))
    try:
        player.session.run(0.2)
    except scene.python_client.Failed:
        scene.expect(player.session.close_reason is not None, "failed, and not by a close")


def _until_closed(player):
    """Packets too far ahead until the server closes it, ten at a time."""
    for packets in range(10, 1000, 10):
        _ahead(player, 10)
        if player.session.close_reason is not None:
            scene.expect_equal("closed for", player.session.close_reason, 6)
            return packets
    raise AssertionError("never closed")


def _on_record(host, name):
    players = host.cli("conduct", "list")["players"]
    return next((player for player in players if player["account"] == name), None)


def _come_back(host, name, seconds=0.5):
    return scene.Player(host, host.token(name)).join(seconds)


def _expect_as_newcomer(host, name, what):
    """No notice, nothing held against it, and not warned before it has done as much as anybody."""
    player = _come_back(host, name)
    scene.expect_equal(f"{what}: notices", player.session.notices, [])
    _ahead(player, 80 // POINTS // 8)
    scene.expect_equal(f"{what}: notices after 10 points", player.session.notices, [])
    player.leave()


def test_conduct_follows_the_player(options):
    with scene.start(options, settings=PAST) as host:
        player = _come_back(host, "cheat")
        newcomer = _until_closed(player)
        player.endpoint.socket.close()
        noted = scene.wait_for("it is on record", lambda: _on_record(host, "cheat"), 5)
        scene.expect(noted["stage"] == "throttled" and noted["charge"] == "input_ahead",
                     f"on record: {noted}")
        # At once again: throttled before it has done anything, and closed sooner.
        player = _come_back(host, "cheat")
        scene.expect_equal("stages told at the beginning",
                           [notice[0] for notice in player.session.notices], [2])
        again = _until_closed(player)
        scene.expect(again <= newcomer // 2, f"closed after {newcomer} packets, then {again}")
        player.endpoint.socket.close()
        scene.expect(host.stats()["conduct"]["carried"] >= 1, f"{host.stats()['conduct']}")
        # Who leaves before it is closed.
        player = _come_back(host, "leaver")
        _ahead(player, 30)
        player.leave()
        scene.wait_for("it is on record", lambda: _on_record(host, "leaver"), 5)
        player = _come_back(host, "leaver")
        scene.expect(player.session.notices and player.session.notices[0][0] > 0,
                     f"told: {player.session.notices}")
        player.leave()
        scene.wait_for("all is forgotten", lambda: host.cli("conduct", "list")["players"] == [], 20)
        for name in ("cheat", "leaver"):
            _expect_as_newcomer(host, name, name)


def test_conduct_outlives_the_control_plane(options):
    """It is closed while nobody is there to be told: the engine keeps it."""
    settings = {**RULES, "conduct.decay_per_s": 1}
    with scene.start(options, settings=settings) as host:
        player = _come_back(host, "cheat")
        host.kill_control()
        _until_closed(player)
        player.endpoint.socket.close()
        host.start_control()
        scene.wait_for("it is on record", lambda: _on_record(host, "cheat"), 20)
        player = _come_back(host, "cheat")
        scene.expect_equal("stages told at the beginning",
                           [notice[0] for notice in player.session.notices], [2])
        player.leave()


def test_an_operator_resets_conduct(options):
    """In the session that lives, and for the next one."""
    with scene.start(options, settings={**RULES, "conduct.decay_per_s": 1}) as host:
        player = _come_back(host, "clumsy")
        connection = f"{player.session.connection_id:08x}"
        _ahead(player, 12)
        listed = host.cli("session", "list")["sessions"]
        scene.expect_equal(f"conduct in {listed}", listed[0]["conduct"], "warned")
        result = host.cli("conduct", "reset", "clumsy")
        scene.expect(result["sessions_reset"] == 1 and result["score"] > 15, f"reset: {result}")
        player.session.run(0.3)
        shown = host.cli("session", "show", connection)
        scene.expect(shown["conduct"] == "good" and shown["conduct_score"] == 0, f"shown: {shown}")
        scene.expect_equal("told last", player.session.notices[-1][0], 0)
        _ahead(player, 12)
        scene.expect_equal("told last", player.session.notices[-1][0], 1)
        player.leave()
        scene.wait_for("it is on record", lambda: _on_record(host, "clumsy"), 5)
        scene.expect_equal("reset", host.cli("conduct", "reset", "clumsy")["sessions_reset"], 0)
        _expect_as_newcomer(host, "clumsy", "after a reset")
