# SPDX-License-Identifier: BSD-3-Clause
"""Sessions whose keys change about every second, in C and in Python."""
import json
import sys

import scene
from tools import shell

import tickwire_client as python_client

CLIENTS = 10
SECONDS = 6
SHORT_PHASES = {"limits.rekey_packets": 64}  # a second of inputs
CLIENT = scene.ROOT / "tests" / "e2e" / "python_client" / "tickwire_client.py"


def test_keys_change_under_load_and_loss(options):
    with scene.start(options, settings=SHORT_PHASES) as host:
        bots = host.bots(host.tokens(CLIENTS), SECONDS, "--loss", "5")
        path = host.directory / "token"
        path.write_text(host.token("python") + "\n")
        python_status, output = shell.run(host.port.bots.command(
            sys.executable, "-B", CLIENT, "--token", path, "--seconds", SECONDS - 1),
            timeout_s=40)
        status, summary = bots.finish(20)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
        scene.expect(summary["key_phase_min"] >= 2, f"key phases of the bots: {summary}")
        scene.expect_equal(f"python client {output}", python_status, 0)
        python = json.loads(output.splitlines()[-1])
        scene.expect(python["key_phase"] >= 2, f"key phases of the python client: {python}")
        stats = host.settled_stats()
        rekeys = stats["rekeys"]
        scene.expect(rekeys["followed"] >= 2 * (CLIENTS + 1), f"{rekeys}")
        scene.expect(rekeys["started"] - rekeys["followed"] <= CLIENTS + 1, f"{rekeys}")
        scene.expect_equal("ignored", rekeys["ignored"], 0)
        # The link does not reorder, and what the bots lose never arrives: nothing fails to open.
        scene.expect_equal("wrong tags", stats["outcomes"]["tag_wrong"], 0)
        scene.expect_equal("unknown phases", stats["outcomes"]["phase_unknown"], 0)
        scene.expect_ledger(stats)


def test_a_client_that_keeps_its_keys_is_closed(options):
    with scene.start(options, settings=SHORT_PHASES) as host:
        player = scene.Player(host, host.token("stays"))
        try:
            player.join()
            player.session.keys.follows = False
            player.session.run(20)
            scene.expect(False, "it was not closed")
        except python_client.Failed as failure:
            scene.expect_equal("end", str(failure), "closed by the server: 8")
        finally:
            player.leave()
        rekeys = host.settled_stats()["rekeys"]
        scene.expect_equal("ignored, started, followed",
                           (rekeys["ignored"], rekeys["started"], rekeys["followed"]), (1, 1, 0))
