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
        _expect_index(host, stats["entities"])
        _expect_tables(host, ours)
        _expect_statuses(host)
        player.leave()


def _plain(host, *words):
    return shell.run([host.executable("cli"), "--socket", host.directory / "control.sock", *words])


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
                             (["drops"], "accepted"),
                             (["debug", "space"], "fullest_leaf"), (["--help"], "session kick"),
                             (["completion", "bash"], "tickwire")):
        status, output = _plain(host, *words)
        scene.expect(status == 0 and mentioned in output,
                     f"tickwire {' '.join(words)}: status {status}\n{output}")


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
