# SPDX-License-Identifier: BSD-3-Clause
"""A token is good for one client, one engine, one time; operators can end what it opened."""
import base64

import scene


def test_used_token_is_refused_even_after_control_was_killed(options):
    with scene.start(options) as host:
        token = host.token("once")
        owner = scene.Player(host, token).join(1.0)
        scene.expect_equal("another key", scene.join_fails(host, token), "refused: 2")
        scene.wait_for("the use is stored", lambda: host.stats()["sessions_live"] == 1)
        owner.session.run(0.5)
        owner.leave()
        host.kill_control()
        host.start_control()
        scene.wait_for("engine and control plane linked", host.stats)
        scene.expect_equal("reuse after the kill", scene.join_fails(host, token), "refused: 2")


def test_copied_token_does_not_lock_its_owner_out(options):
    """A thief who copied token and psk but comes second is refused; the owner stays in."""
    with scene.start(options) as host:
        token = host.token("owner")
        owner = scene.Player(host, token).join(0.5)
        scene.expect_equal("thief", scene.join_fails(host, token), "refused: 2")
        before = owner.session.view.last_input
        owner.session.run(1.0)
        scene.expect(owner.session.view.last_input > before, "the owner was disturbed")
        owner.leave()


def test_expired_token_is_refused(options):
    with scene.start(options, settings={"control.token_validity_s": 1}) as host:
        token = host.token("late")
        scene.pause(2.5)
        scene.expect_equal("expired", scene.join_fails(host, token), "refused: 1")


def test_token_of_another_engine_is_refused(options):
    with scene.start(options) as host:
        token = host.token("stray")
        host.engine.stop()
        host.control.stop()
        host.write_config({"engine.name": "other"})
        host.start_control()
        host.start_engine()
        scene.expect_equal("other engine", scene.join_fails(host, token), "refused: 3")


def test_tampered_token_gets_no_answer(options):
    with scene.start(options) as host:
        connect = bytearray(scene.python_client.protocol.base64.b64decode(
            host.token("forger")))
        connect[120] ^= 1  # inside the sealed token
        text = scene.python_client.protocol.base64.b64encode(bytes(connect)).decode()
        scene.expect_equal("tampered", scene.join_fails(host, text, 2), "handshake: no answer")
        verdicts = host.settled_stats()["verdicts"]
        scene.expect(verdicts["token_invalid"] >= 1, f"verdicts: {verdicts}")


def test_static_key_is_replaced_while_players_play(options):
    """Old tokens and new ones get in, by keys that differ; a revocation voids the old ones."""
    with scene.start(options) as host:
        early, late = host.token("early"), host.token("late")
        player = scene.Player(host, host.token("playing")).join(0.5)
        first = host.cli("keys", "rotate", "--static")
        scene.expect_equal("static keys", first["accepted_static_keys"], 2)
        old = scene.Player(host, early).join(0.5)
        new = scene.Player(host, host.token("new")).join(0.5)
        keys = [scene.python_client.protocol.ConnectToken(base64.b64decode(text)).server_key.hex()
                for text in (early, host.token("newer"))]
        scene.expect(keys[0] != keys[1], "the token names the old key")
        scene.expect_equal("key of new tokens", keys[1], first["static_key"])
        host.kill_control()
        host.start_control()
        scene.wait_for("engine and control plane linked", host.stats)
        second = host.cli("keys", "rotate", "--static", "--revoke")
        scene.expect_equal("static keys", second["accepted_static_keys"], 1)
        scene.expect_equal("revoked", scene.join_fails(host, late, 2), "handshake: no answer")
        before = player.session.view.last_input
        player.session.run(1.0)
        scene.expect(player.session.view.last_input > before, "a player was disturbed")
        for each in (player, old, new, scene.Player(host, host.token("last")).join(0.5)):
            each.leave()


def _expect_closed(player, reason, seconds=3):
    try:
        player.session.run(seconds)
    except scene.python_client.Failed as closed:
        scene.expect_equal("closed", str(closed), f"closed by the server: {reason}")
        return
    raise AssertionError("the session was not closed")


def test_kick_and_ban(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("rude")).join(1.0)
        listed = [session["connection"] for session in host.request("session.list")["sessions"]]
        ours = f"{player.session.connection_id:08x}"
        scene.expect_equal("sessions listed", listed, [ours])
        host.request("session.kick", connection=ours)
        _expect_closed(player, 3)
        player.leave()
        again = scene.Player(host, host.token("rude")).join(1.0)
        unused = host.token("rude")
        host.request("account.ban", name="rude")
        _expect_closed(again, 4)
        again.leave()
        scene.expect_equal("banned", scene.join_fails(host, unused), "refused: 6")
