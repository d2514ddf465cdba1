# SPDX-License-Identifier: BSD-3-Clause
"""Real bots play through `tickwire-load impair`, over networks that misbehave."""
import contextlib
import json
import pathlib
import select
import tempfile

import scene
from tools import shell
from tools.host import process, stack

CLIENTS = 8
RELAY_PORT = 41000


class Relay:
    """The relay between bots and engine, in the bots' namespace. Use it as a context manager."""

    def __init__(self, host, *options, listen="127.0.0.1", engine=None, port=RELAY_PORT):
        self.via = f"{listen}:{port}"
        to = f"{engine or stack.port_module.ENGINE_ADDRESS}:{stack.UDP_PORT}"
        self.process = host.spawn("load", "impair", "--listen", self.via, "--to", to, "--json",
                                  *options, namespace=host.port.bots, pipe=True)
        scene.wait_for("the relay", lambda: "ready" in self.process.log())

    def report(self):
        """What became of the packets; ends the relay."""
        self.process.signal(15)
        stdout = self.process.popen.stdout
        scene.expect(select.select([stdout], [], [], 5)[0], "the relay reported nothing")
        report = json.loads(stdout.readline())
        scene.expect_equal("the relay's exit status", self.process.wait(5), 0)
        return report


def test_bots_play_over_a_bad_network(options):
    # Some goodbyes are lost: their sessions are not to be waited for.
    with scene.start(options, settings=scene.IMPATIENT) as host:
        relay = Relay(host, "--up", "fiber,loss=6%,duplicate=5%,corrupt=1%,reorder", "--down",
                      "dsl,latency=15ms,loss=8%,bursts=0", "--seed", "7", "--outage", "2:0.7")
        status, summary = host.bots(host.tokens(CLIENTS), 6, "--talk", "--via",
                                    relay.via).finish(40)
        report = relay.report()
        # The last large messages may still be under way at the end; nothing else may be amiss.
        scene.expect(status is not None and
                     set(summary["failures"]) <= {"own messages did not all come back"},
                     f"bots' exit status {status}: {summary}")
        scene.expect(summary["bulks_back"] >= CLIENTS and summary["messages_wrong"] == 0,
                     f"messages: {summary}")
        scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)
        scene.expect(summary["hashes_checked"] > CLIENTS, f"hashes checked: {summary}")
        scene.expect_equal("clients of the relay", report["clients"], CLIENTS)
        up, down = report["up"], report["down"]
        for name, way in (("up", up), ("down", down)):
            scene.expect(way["lost_random"] > 0 and way["lost_outage"] > 0,
                         f"{name}: too good: {way}")
        scene.expect(up["duplicated"] > 0 and up["corrupted"] > 0, f"up: too good: {up}")
        scene.expect_equal("duplicated on the way down", down["duplicated"], 0)
        stats = host.settled_stats()
        scene.expect_ledger(stats)
        # UDP's checksum is made anew behind the relay: only the tag tells.
        outcomes = stats["outcomes"]
        scene.expect(outcomes["tag_wrong"] > 0, "no corrupted packet was noticed")
        scene.expect(outcomes["replay_duplicate"] > 0, "no duplicate was noticed")
        scene.expect_equal("what the engine received", stats["rx_packets"] -
                           outcomes["arp_handled"] - outcomes["nd_handled"] -
                           outcomes["router_ignored"] - outcomes["icmpv6_ignored"],
                           up["delivered"])


def test_relay_takes_no_more_clients_than_it_may(options):
    with scene.start(options) as host:
        relay = Relay(host, "--clients", "2", "--both", "lan")
        bots = host.bots(host.tokens(3), 2, "--via", relay.via, "--connect-timeout", "2")
        status, _ = bots.finish(20)
        report = relay.report()
        scene.expect_equal("bots' exit status, one of them not connected", status, 1)
        scene.expect_equal("clients of the relay", report["clients"], 2)
        scene.expect(report["clients_refused"] > 0, f"nobody was refused: {report}")


def test_relay_and_echo_speak_both_families(options):
    """No engine: the loopback of this machine."""
    load = pathlib.Path(options.build) / stack.EXECUTABLES["load"]
    with tempfile.TemporaryDirectory(prefix="tickwire-") as directory, \
            contextlib.ExitStack() as ended:
        def spawn(name, *words):
            log = pathlib.Path(directory) / name
            child = process.Process([load, *words], log)
            ended.callback(child.stop)
            scene.wait_for(name, lambda: "ready" in child.log())

        spawn("echo", "latency", "--serve", f"[::1]:{RELAY_PORT + 1}")
        spawn("relay", "impair", "--listen", f"[::]:{RELAY_PORT}", "--to",
              f"[::1]:{RELAY_PORT + 1}", "--up", "latency=15ms", "--down", "latency=25ms,every=10")
        for address in ("127.0.0.1", "[::1]"):
            output = shell.check([load, "latency", "--echo", f"{address}:{RELAY_PORT}", "--count",
                                  30, "--every", 1000], timeout_s=30)
            found = json.loads(output)
            scene.expect(found["min_us"] >= 40000 and found["p50_us"] < 60000,
                         f"40 ms were asked for: {found}")
            scene.expect_equal(f"one in ten lost: {found}", found["lost"], 3)
