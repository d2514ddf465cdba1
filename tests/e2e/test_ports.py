# SPDX-License-Identifier: BSD-3-Clause
"""One engine, two ports: players on each, and a client that comes by the other when one is dead."""
import scene
from tools.host import port


def _by_name(stats):
    return {row["name"]: row for row in stats["ports"]}


def test_two_ports_serve_players_at_once(options):
    with scene.start(options, port="two") as host:
        first = scene.Player(host, host.token("first")).join(0.5)
        second = scene.Player(host, host.token("second"), address=1).join(0.5)
        for player in (first, second, first):
            player.session.run(0.3)
            scene.expect(player.session.view.last_input > 0, "no input was applied")
            scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        addresses = sorted(session["address"].rsplit(":", 1)[0]
                           for session in host.cli("session", "list")["sessions"])
        scene.expect_equal("players' addresses", addresses,
                           [port.BOTS_ADDRESS, host.port.bots_address])
        first.leave()
        second.leave()
        stats = host.settled_stats()
        scene.expect_ledger(stats)
        ports = _by_name(stats)
        scene.expect_equal("ports", sorted(ports), ["net_af_xdp0", "net_af_xdp1"])
        scene.expect_equal("sum over the ports",
                           sum(row["rx_packets"] for row in ports.values()),
                           stats["port_rx_packets"])
        for name, interface in (("net_af_xdp0", port.BOTS_INTERFACE),
                                ("net_af_xdp1", host.port.bots_interface)):
            counters = host.port.bots.interface(interface)
            scene.expect_equal(f"{name} received", ports[name]["rx_packets"],
                               counters["tx_packets"])
            scene.expect_equal(f"{name} sent", ports[name]["tx_packets"], counters["rx_packets"])
        told = host.cli("status")["stats"]["ports"]
        scene.expect_equal("tickwire status", [(row["name"], row["address"]) for row in told],
                           [("net_af_xdp0", f"{port.ENGINE_ADDRESS}:40000"),
                            ("net_af_xdp1", f"{host.port.engine_address}:40000")])


def test_client_comes_by_the_second_port_when_the_first_is_dead(options):
    with scene.start(options, port="two") as host:
        host.port.bots.run("ip", "link", "set", port.BOTS_INTERFACE, "down")
        bots = host.bots(host.tokens(5), 6)
        status, summary = bots.finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect_equal("connected", summary["connected"], 5)
        scene.expect(summary["inputs_applied"] > 0, f"no input was applied: {summary}")
        ports = _by_name(host.settled_stats())
        scene.expect(ports["net_af_xdp1"]["rx_packets"] > 100, f"not by the second port: {ports}")
