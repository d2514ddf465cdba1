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
