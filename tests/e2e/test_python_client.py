# SPDX-License-Identifier: BSD-3-Clause
"""The client in another language, written from docs/protocol.md alone."""
import json
import sys

import scene
from tools import shell

CLIENT = scene.ROOT / "tests" / "e2e" / "python_client" / "tickwire_client.py"


def test_protocol_vectors_in_python(_options):
    shell.check([sys.executable, "-B", CLIENT, "--vectors", scene.ROOT / "docs" / "protocol.md"])


def test_python_client_joins_walks_and_sees(options):
    with scene.start(options) as host:
        path = host.directory / "token"
        path.write_text(host.token("python") + "\n")
        status, output = shell.run(host.port.bots.command(
            sys.executable, "-B", CLIENT, "--token", path, "--seconds", "5"), timeout_s=40)
        scene.expect(status == 0, output)
        summary = json.loads(output.splitlines()[-1])
        scene.expect(summary["hashes_checked"] >= 3, f"hashes checked: {summary}")
        scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
        scene.expect(summary["inputs_applied"] > 200, f"inputs applied: {summary}")
        scene.expect_ledger(host.settled_stats())
