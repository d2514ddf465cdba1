# SPDX-License-Identifier: BSD-3-Clause
"""Two hundred kernel-UDP clients, a control plane killed meanwhile, every packet accounted for."""
import copy
import signal

import scene
from tools.host import ledger, port

CLIENTS = 200


def expect_good(summary, clients):
    scene.expect_equal("connected", summary["connected"], clients)
    scene.expect(summary["inputs_applied"] > 0, f"no input was applied: {summary}")
    scene.expect(summary["hashes_checked"] >= clients, f"hashes checked: {summary}")
    scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)


def expect_reconciled(host, *summaries, other_sent=0, stood_still=False):
    """Ledger, port, interface, kernel and bots agree to the packet, and unless the engine stood
    still nearly all reached it; its figures."""
    stats = host.settled_stats()
    interface = host.port.bots.interface(port.BOTS_INTERFACE)
    kernel = host.port.bots.kernel_counters()
    totals = {name: sum(summary[name] for summary in summaries) for name in ledger.BOTS_COUNT}
    problems = ledger.reconcile(stats, interface, kernel, totals, other_sent)
    problems += [] if stood_still else ledger.lost_too_many(stats, interface)
    scene.expect(not problems, "\n".join(problems) + f"\n{stats}\n{interface}\n{kernel}\n"
                 f"{totals}")
    lost = ledger.losses(stats, interface)
    if lost:
        print(f"note: this machine was busy: {lost}")
    return stats


def test_200_clients_with_the_control_plane_killed(options):
    seconds = 60 if options.long else 20
    with scene.start(options) as host:
        host.keep_neighbour()
        bots = host.bots(host.tokens(CLIENTS), seconds)
        spare = host.token("latecomer")
        scene.expect(bots.wait_for(lambda line: line.get("connected") == CLIENTS, 15),
                     "not all clients connected")
        bots.wait_for(lambda line: True, 3)
        host.kill_control()
        applied = [line["inputs_applied"] for line in
                   (bots.wait_for(lambda line: True, 5) for _ in range(4)) if line]
        scene.expect(len(applied) == 4 and applied[3] - applied[1] > CLIENTS * 60,
                     f"inputs applied while the control plane was dead: {applied}")
        late = host.bots([spare], 12, "--connect-timeout", "30")
        told = late.wait_for(lambda line: line.get("try_again", 0) > 0, 5)
        scene.expect(told, f"a joining client was not told to try again: {late.lines}")
        scene.expect(late.lines[-1]["connected"] == 0, "somebody joined without a control plane")
        host.start_control()
        status, joined = late.finish(40)
        scene.expect_equal(f"latecomer's exit status {joined}", status, 0)
        scene.expect_equal("latecomer connected", joined["connected"], 1)
        status, summary = bots.finish(seconds + 20)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        expect_good(summary, CLIENTS)
        expect_reconciled(host, summary, joined)
        scene.expect(host.engine.alive(), "the engine died\n" + host.engine.log())


def test_what_an_engine_misses_is_counted(options):
    """It stands still for a moment, as on a machine that is too busy: what its port has no room for
    is lost, and each packet of it stands in the ledger."""
    with scene.start(options) as host:
        host.keep_neighbour()
        bots = host.bots(host.tokens(100), 6)
        scene.expect(bots.wait_for(lambda line: line.get("connected") == 100, 15),
                     "not all clients connected")

        def sent():
            return host.port.bots.interface(port.BOTS_INTERFACE)["tx_packets"]
        host.engine.signal(signal.SIGSTOP)
        try:
            before = sent()
            scene.wait_for("more packets than there are buffers", lambda: sent() > before + 3000)
        finally:
            host.engine.signal(signal.SIGCONT)
        status, summary = bots.finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        stats = expect_reconciled(host, summary, stood_still=True)
        scene.expect(stats["port_missed"] > 0, "the port missed nothing")


def _figures(driver, missed, dropped, refused):
    """Of a run that is settled: bots sent 1,000, of which some were lost on the way."""
    tap = driver == "net_tap"
    arrived = 1000 + 3 - missed - (0 if tap else dropped)
    outcomes = dict.fromkeys(ledger.LINK_OUTCOMES, 0) | {"arp_handled": 3, "inputs": arrived - 3}
    return {
        "stats": {"outcomes": outcomes, "rx_packets": arrived, "port_rx_packets": arrived,
                  "port_missed": missed, "port_errors": 0, "port_tx_packets": 403,
                  "sends": {"sent": 403}, "ports": [{"driver": driver}]},
        "interface": {"tx_packets": arrived + (0 if tap else missed), "tx_dropped": dropped,
                      "rx_packets": 403},
        "kernel": {"Udp": {"OutDatagrams": 1000 - refused, "SndbufErrors": refused,
                           "InDatagrams": 390, "NoPorts": 6, "InErrors": 4},
                   "Icmp": {"InMsgs": 0}, "Ip": {"InReceives": 400}},
        "bots": {"packets_sent": 1000, "send_errors": 0, "packets_received": 390}}


def test_ledger_finds_each_packet(_options):
    """Figures of an idle machine, and of busy ones; then one counter after the other is wrong."""
    for name, case, allowed in (
            ("idle", _figures("net_af_xdp", 0, 0, 0), 0),
            ("no buffers", _figures("net_af_xdp", 46, 0, 0), ledger.LINK_LOST_MAX),
            ("not emptied", _figures("net_af_xdp", 0, 46, 0), ledger.LINK_LOST_MAX),
            ("not emptied, Linux 6.18", _figures("net_af_xdp", 5, 46, 46), ledger.LINK_LOST_MAX),
            ("TAP", _figures("net_tap", 46, 46, 0), ledger.LINK_LOST_MAX)):
        scene.expect_equal(name, ledger.reconcile(**case), [])
        for part, *keys in (("stats", "rx_packets"), ("stats", "port_rx_packets"),
                            ("stats", "port_missed"), ("stats", "outcomes", "inputs"),
                            ("stats", "port_tx_packets"), ("stats", "sends", "sent"),
                            ("interface", "tx_packets"), ("interface", "tx_dropped"),
                            ("kernel", "Udp", "OutDatagrams"), ("kernel", "Udp", "SndbufErrors"),
                            ("kernel", "Udp", "InDatagrams"), ("kernel", "Udp", "InErrors"),
                            ("kernel", "Ip", "InReceives"), ("bots", "packets_sent"),
                            ("bots", "packets_received")):
            # What the interface dropped may always have been the kernel's own.
            least = 1 + (ledger.LINK_LOST_MAX if keys[0] == "tx_dropped" else allowed)
            for by in (-least, least):
                wrong = copy.deepcopy(case)
                place = wrong[part]
                for key in keys[:-1]:
                    place = place[key]
                place[keys[-1]] += by
                scene.expect(ledger.reconcile(**wrong), f"{name}: {keys} {by:+} was not found")


def test_ledger_finds_an_engine_that_falls_behind(_options):
    for driver, missed, dropped in (("net_af_xdp", 10, 0), ("net_af_xdp", 0, 10),
                                    ("net_af_xdp", 5, 5), ("net_tap", 10, 10)):
        for more in (False, True):
            case = _figures(driver, missed + more * (missed > 0), dropped + more * (dropped > 0), 0)
            found = ledger.lost_too_many(case["stats"], case["interface"])
            scene.expect_equal(f"{driver}, {missed}, {dropped}, {more}", bool(found), more)


def test_tap_port(options):
    with scene.start(options, port="tap") as host:
        host.keep_neighbour()
        bots = host.bots(host.tokens(50), 6)
        status, summary = bots.finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        expect_good(summary, 50)
        expect_reconciled(host, summary)


def test_with_hugepages(options):
    with scene.start(options, huge=True) as host:
        if not host.hugepages.granted:
            raise scene.Skipped("this machine has no hugepages to give")
        scene.expect_equal("hugepages in use", bool(host.stats()["hugepages"]), True)
        status, summary = host.bots(host.tokens(20), 5).finish(30)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        expect_good(summary, 20)
