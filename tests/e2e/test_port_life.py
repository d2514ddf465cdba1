# SPDX-License-Identifier: BSD-3-Clause
"""A link that goes away and comes back, a port that is reset, under 50 players who stay; and what
was agreed with a port is told."""
import scene
from tools.host.port import BOTS_INTERFACE
from tools.host.telemetry import Telemetry

CLIENTS = 50
UNSENT = ("link_down", "port_away")


def _port(host):
    return host.stats()["ports"][0]


def _wait_for_port(host, what, condition, timeout_s=5):
    return scene.wait_for(what, lambda: condition(_port(host)), timeout_s)


def _start_bots(host, seconds):
    bots = host.bots(host.tokens(CLIENTS), seconds)
    scene.wait_for("all live", lambda: host.stats()["sessions_live"] == CLIENTS, 10)
    return bots


def _expect_all_stayed(host, bots):
    status, summary = bots.finish(30)
    scene.expect_equal(f"bots' exit status {summary}", status, 0)
    scene.expect_equal("connected", summary["connected"], CLIENTS)
    scene.expect_equal("closed by the server", summary["close_reasons"], {})
    scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
    scene.expect_equal("own entities that became others", summary["entity_changes"], 0)
    stats = scene.wait_for("settled figures", lambda: host.settled_stats(4), 20)
    scene.expect_equal("handshakes", stats["verdicts"]["welcomed"], CLIENTS)
    scene.expect_ledger(stats)
    scene.expect_equal("sent packets", stats["sends"]["sent"], stats["port_tx_packets"])
    return summary, stats


def _lines(host, word):
    return [line for line in host.engine.log().splitlines()
            if line.startswith("tickwire-engine: port ") and word in line]


def _link_goes_and_comes(options, kind):
    with scene.start(options, port=kind, huge=False) as host:
        bots = _start_bots(host, 8)  # on a busy machine the link is away for seconds
        host.port.bots.run("ip", "link", "set", BOTS_INTERFACE, "down")
        _wait_for_port(host, "a port without a link", lambda port: port["state"] == "no_link")
        with Telemetry(host.engine.pid) as telemetry:
            told = telemetry.ask("/tickwire/ports")["port0"]
            scene.expect_equal("/tickwire/ports", told["state"], "no_link")
        unsent = scene.wait_for("unsent packets", lambda: host.stats()["sends"]["link_down"], 5)
        scene.expect_equal("live sessions", host.stats()["sessions_live"], CLIENTS)
        host.port.bots.run("ip", "link", "set", BOTS_INTERFACE, "up")
        port = _wait_for_port(host, "a link", lambda port: port["state"] == "up" and port)
        scene.expect_equal("links lost", port["link_downs"], 1)
        summary, stats = _expect_all_stayed(host, bots)
        scene.expect(stats["sends"]["link_down"] >= unsent > 0, f"{stats['sends']}")
        scene.expect_equal("away", stats["sends"]["port_away"], 0)
        scene.expect(summary["inputs_applied_min"] > 100, f"inputs applied: {summary}")
        for word in ("no link", "the link is up"):
            scene.expect_equal(f"lines of \"{word}\"", len(_lines(host, word)), 1)


def test_link_of_af_xdp_goes_down_and_comes_back(options):
    _link_goes_and_comes(options, "af_xdp")


def test_link_of_tap_goes_down_and_comes_back(options):
    _link_goes_and_comes(options, "tap")


def _reset(options, kind):
    with scene.start(options, port=kind, huge=False) as host:
        bots = _start_bots(host, 4)
        name = _port(host)["name"]
        for count in (1, 2):
            scene.expect_equal("asked", host.cli("port", "reset", name)["port"], name)
            _wait_for_port(host, "a port that was reset",
                           lambda port, count=count: port["resets"] == count
                           and port["state"] == "up")
        scene.expect_equal("live sessions", host.stats()["sessions_live"], CLIENTS)
        status, output = host.cli_status("port", "reset", "net_none")
        scene.expect(status == 1 and "PORT_NOT_FOUND" in output, output)
        _, stats = _expect_all_stayed(host, bots)
        scene.expect_equal("failures", stats["ports"][0]["reset_failures"], 0)
        scene.expect_equal("links lost", stats["ports"][0]["link_downs"], 0)
        scene.expect_equal("lines", len(_lines(host, "reset, in")), 2)


def test_af_xdp_is_reset_under_50_players(options):
    _reset(options, "af_xdp")


def test_tap_is_reset_under_50_players(options):
    _reset(options, "tap")


def test_what_was_agreed_with_a_port_is_told(options):
    wanted = {
        "af_xdp": {"driver": "net_af_xdp", "queues": 1, "queues_max": 1, "features": []},
        "tap": {"driver": "net_tap", "queues": 2, "queues_max": 16,
                "features": ["rx_checksum", "tx_checksum"]},
    }
    for kind, rows in wanted.items():
        settings = {"engine.workers": rows["queues"], "engine.memory_mb": 512}
        with scene.start(options, port=kind, huge=False, settings=settings) as host:
            port = _port(host)
            rows |= {"state": "up", "mtu": 1500, "link_mbps": 10000, "link_downs": 0, "resets": 0,
                     "rx_descriptors": 1024, "tx_descriptors": 1024}
            scene.expect_equal(f"port of {kind}", {name: port[name] for name in rows}, rows)
            hashed = "ipv4_udp" in port["hashes"]
            scene.expect(hashed == (kind == "tap"), f"{port['hashes']}")
            with Telemetry(host.engine.pid) as telemetry:
                told = telemetry.ask("/tickwire/ports")["port0"]
            scene.expect_equal("/tickwire/ports", {name: told[name] for name in rows}, rows)
            scene.expect_equal("hashes", told["hashes"], port["hashes"])
            table = scene.shell.check([host.executable("cli"), "--socket",
                                       host.directory / "control.sock", "status"])
            for word in rows["features"] + ["STATE", "QUEUES"]:
                scene.expect(word in table, f"{word} is not in {table}")
