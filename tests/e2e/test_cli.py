# SPDX-License-Identifier: BSD-3-Clause
"""The operators' command line against running daemons: tables, JSON and exit statuses."""
import json

import scene
from tools import shell


def test_command_line(options):
    with scene.start(options) as host:
        token = host.cli("token", "issue", "--account", "cli", "--create")["tokens"][0]
        player = scene.Player(host, token).join(1.0)
        ours = f"{player.session.connection_id:08x}"
        listed = host.cli("session", "list")["sessions"]
        scene.expect_equal("sessions", [entry["connection"] for entry in listed], [ours])
        scene.expect_equal("shown account", host.cli("session", "show", ours)["account"], "cli")
        stats = host.cli("status")["stats"]
        scene.expect_equal("live sessions", stats["sessions_live"], 1)
        drops = host.cli("drops")
        scene.expect_equal("sum of the packet ledger", drops["ledgers"]["packets"]["sum"],
                           drops["rx_packets"])
        _expect_crypto(host, stats["crypto"])
        _expect_index(host, stats["entities"])
        _expect_tables(host, ours)
        _expect_statuses(host)
        _expect_rotation(host)
        player.leave()


def _plain(host, *words):
    return shell.run([host.executable("cli"), "--socket", host.directory / "control.sock", *words])


def _expect_crypto(host, crypto):
    """As the engine said at its start."""
    lines = (json.loads(line) for line in host.engine.log().splitlines() if line[:1] == "{")
    ready = next(line for line in lines if line["event"] == "ready")
    told = {name: crypto[name] or "none" for name in ready["aead"]}
    scene.expect_equal("ciphers", told, ready["aead"])
    scene.expect_equal("the cookies' hash", crypto["cookie"], ready["cookie"])
    refused = [part for part in crypto["refused"].split("; ") if part]
    scene.expect_equal("refused", len(refused), host.engine.log().count(" is not used"))


def _expect_rotation(host):
    """A token of the key before still opens; three keys before are too many."""
    old, player = host.token("before"), None
    status, output = _plain(host, "keys", "rotate")
    scene.expect(status == 0 and "accepted_keys" in output, f"keys rotate: {status}\n{output}")
    for token in (old, host.token("after")):
        player = scene.Player(host, token).join(0.3)
        player.leave()
    for accepted in (3, 4):
        scene.expect_equal("keys", host.cli("keys", "rotate")["accepted_keys"], accepted)
    status, output = host.cli_status("keys", "rotate")
    scene.expect(status == 1 and "ROTATION_REFUSED" in output, f"one too many: {status} {output}")
    player = scene.Player(host, host.token("then")).join(0.3)
    player.leave()


def _expect_index(host, entities):
    space = host.cli("debug", "space")
    figures = {row["name"]: row["value"] for row in space["figures"]}
    scene.expect(space["verdict"] != "faulty" and figures["faults"] == 0, f"index: {space}")
    # The two answers may be a second apart.
    scene.expect(abs(figures["entities"] - entities) <= 1, f"index: {space}, entities {entities}")
    scene.expect(figures["wraps"] == 0 and figures["split_above"] == 32, f"index: {space}")
    scene.expect(figures["queries"] > 0 and figures["inserts"] >= entities, f"index: {space}")


def _expect_tables(host, connection):
    for words, mentioned in ((["status"], "tick"), (["session", "list"], connection),
                             (["drops"], "accepted"), (["drops", "--all"], "resume_full"),
                             (["debug", "space"], "fullest_leaf"), (["--help"], "session kick"),
                             (["completion", "bash"], "tickwire")):
        status, output = _plain(host, *words)
        scene.expect(status == 0 and mentioned in output,
                     f"tickwire {' '.join(words)}: status {status}\n{output}")


    # Rows of nothing only when asked for.
    scene.expect("ethertype_unknown" not in _plain(host, "drops")[1], "drops: rows of 0")
    scene.expect("ethertype_unknown" in _plain(host, "drops", "--all")[1], "drops --all: no row")


def _expect_statuses(host):
    status, output = host.cli_status("session", "kick", "0badf00d")
    scene.expect_equal("unknown session: exit status", status, 1)
    scene.expect("error" in json.loads(output), output)
    scene.expect_equal("unknown command", _plain(host, "frobnicate")[0], 2)
    scene.expect_equal("no control plane", shell.run(
        [host.executable("cli"), "--socket", "/nonexistent", "status"])[0], 3)
    scene.expect_equal("good configuration", _plain(host, "config", "check",
                                                    host.config_path)[0], 0)
    bad = host.directory / "bad.yaml"
    bad.write_text("engine:\n  wrokers: 2\n")
    status, output = _plain(host, "config", "check", bad)
    scene.expect(status == 2 and "bad.yaml:2" in output and "wrokers" in output,
                 f"bad configuration: status {status}: {output}")
