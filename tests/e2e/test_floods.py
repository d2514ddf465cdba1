# SPDX-License-Identifier: BSD-3-Clause
"""Floods of every kind over memif while honest clients of a lab play beside them: the ledger is
balanced to the packet, each flood packet ends where its kind must, and no client loses a packet.

Floods go as fast as the engine takes them, so they fill its core while they last; they are bounded
in count and in time. The port between the two loses nothing (what it has no room for is offered
again, honest and hostile alike), so all that is not accepted was refused by the engine. Over IPv6
strangers come from tens of thousands of networks."""
import json
import re

import scene
import test_lab
from tools import shell

CLIENTS = 200
SECONDS = 1.0
FLOOD_FROM_MS = 300
COUNT, LONG_COUNT = 1000000, 20000000
DRAIN_S = 0.3
STRANGER_PPS = 20000  # limits.stranger_pps as it comes
COOKIE_FRAME = 62 + 66  # the larger headers of the two families

# Where the packets of a kind may end.
ENDS = {
    "unknown": {"connection_unknown", "generation_stale"},
    "forged": {"tag_wrong"},
    "offpath": {"path_unknown", "tag_wrong"},
    "hello": {"cookie_sent", "stranger_budget"},
    "hello_small": {"handshake_malformed"},
    "replay": {"replay_duplicate", "replay_old"},
    "oversized": {"payload_oversized"},
    "tiny": {"payload_small", "ipv4_truncated", "ipv6_truncated"},
}
KINDS = [*ENDS, "mixed"]


def _start(options, settings):
    # Limits as they come: nobody is made patient for the flood's sake. Sessions only outlive the
    # pauses between two kinds.
    return scene.start(options, port="memif", huge=False,
                       settings={"engine.lab": "true", **scene.PATIENT, **settings})


def _replay(host, files, loop, loops, *words):
    capture, sessions = files
    command = [host.executable("load"), "replay", "--capture", capture, "--sessions", sessions,
               "--device", host.port.other_end, "--json", "--nap", "--loops", loops,
               "--first-loop", loop, *words]
    status, output = shell.run(command, timeout_s=120)
    scene.expect_equal(f"replay\n{output}\nstatus", status, 0)
    return json.loads(output.strip().splitlines()[-1])


def _check_ends(kind, report, moved, honest):
    """Every flood packet in one of its kind's outcomes, every honest one accepted."""
    flood = report["flood"]
    scene.expect(flood["packets"] > 0, f"{kind}: no flood: {report}")
    scene.expect_equal(f"{kind}: honest packets lost", honest - moved["accepted"], 0)
    others = {name: count for name, count in moved.items()
              if name not in ("accepted", "arp_handled", "arp_budget", "nd_handled",
                              "nd_budget")}
    kinds = ENDS if kind == "mixed" else {kind: ENDS[kind]}
    for name, ends in kinds.items():
        if name == "forged" or name == "offpath":
            continue  # share an outcome: below
        scene.expect_equal(f"{kind}: {name} in {ends}", sum(others.pop(end, 0) for end in ends),
                           flood["kinds"][name])
    shared = sum(flood["kinds"].get(name, 0) for name in ("forged", "offpath"))
    found = {end: others.pop(end, 0) for end in ("tag_wrong", "path_unknown")}
    scene.expect_equal(f"{kind}: forged, here or elsewhere: {found}", sum(found.values()), shared)
    scene.expect(found["tag_wrong"] >= flood["kinds"].get("forged", 0), f"{kind}: {found}")
    scene.expect_equal(f"{kind}: other outcomes", others, {})


def _check_answers(kind, report, moved, seconds):
    """Strangers get what their budget allows, and never more than they sent."""
    received, flood = report["received"], report["flood"]
    answered = moved.get("cookie_sent", 0)
    # A whole second's worth at once, and the rate from then on until the engine took the last one.
    scene.expect(answered <= STRANGER_PPS * (1 + seconds) + 1, f"{kind}: {answered} answers")
    scene.expect(received["foreign"] <= answered, f"{kind}: {received}, answers {answered}")
    scene.expect(received["foreign_bytes"] <= answered * COOKIE_FRAME, f"{kind}: {received}")
    scene.expect(received["foreign_bytes"] <= flood["bytes"], f"{kind}: amplified: {received}")


def _one(host, files, before, kind, loop, loops, count):
    """Figures after a replay with this kind."""
    report = _replay(host, files, loop, loops, "--flood", kind, "--flood-count", count,
                     "--flood-from", FLOOD_FROM_MS, "--flood-seed", loop + 1)
    after = host.settled_stats()
    scene.expect(host.engine.alive(), f"{kind}: the engine died\n" + host.engine.log())
    scene.expect_equal(f"{kind}: sum of all outcomes", sum(after["outcomes"].values()),
                       after["rx_packets"])
    sent, flood = report["sent"], report["flood"]
    scene.expect_equal(f"{kind}: frames received", after["rx_packets"] - before["rx_packets"],
                       sent["packets"] + sent["neighbour"] + flood["packets"])
    moved = scene.outcome_delta(before, after)
    _check_ends(kind, report, moved, sent["packets"])
    _check_answers(kind, report, moved, sent["seconds"] + DRAIN_S)
    scene.expect_equal(f"{kind}: sessions live", after["sessions_live"], CLIENTS)
    scene.expect_equal(f"{kind}: replies that did not open", [report["received"][name] for name in (
        "forged", "repeated", "malformed")], [0, 0, 0])
    scene.expect(report["received"]["pongs"] > 0, f"{kind}: no pong came back")
    _print_figures(kind, report, moved)
    return after


def _print_figures(kind, report, moved):
    """For people: nothing here is asserted, machines differ."""
    flood = report["flood"]

    def trip(part):
        return "/".join(f"{flood[part]['pong_ns'][name] / 1e6:.2f}" for name in ("p50", "p99"))
    rate = flood["packets_per_s"]
    print(f"  {kind}: flood {flood['packets']} at {rate:.0f}/s "
          f"({1e9 / rate if rate else 0:.0f} ns each, honest ones included), "
          f"honest {report['sent']['packets']}, "
          f"lost {report['sent']['packets'] - moved['accepted']}"
          f", pong p50/p99 ms before {trip('before')}, during {trip('during')}, "
          f"port full {flood['port_full']}", flush=True)


def _floods(options, kinds, settings, words):
    long = getattr(options, "long", False)
    loops, count = (10, LONG_COUNT) if long else (1, COUNT)
    with _start(options, settings) as host:
        capture, sessions = host.directory / "honest.pcap", host.directory / "honest.sessions"
        status, output = shell.run([host.executable("load"), "capture", "--out", capture,
                                    "--sessions", sessions, "--clients", CLIENTS, "--seconds",
                                    int(SECONDS), "--seed", 11, *words], timeout_s=60)
        scene.expect_equal(f"capture\n{output}\nstatus", status, 0)
        test_lab.import_sessions(host, sessions, CLIENTS)
        stats = host.settled_stats()
        for number, kind in enumerate(kinds):
            stats = _one(host, (capture, sessions), stats, kind, number * loops, loops, count)
        return stats


def test_floods_beside_honest_clients(options):
    _floods(options, KINDS, {}, ())


def test_floods_from_many_networks_over_ipv6(options):
    """Each hello from a network of its own; answers go by a gateway, which is a client's host."""
    stats = _floods(options, ["hello", "offpath", "mixed"],
                    {**test_lab.SETTINGS6, "engine.gateway6": test_lab.CLIENTS6}, test_lab.WORDS6)
    scene.expect(stats["outcomes"]["nd_handled"] > 0, f"no neighbour was told: {stats}")
    scene.expect_equal("ARP", stats["outcomes"]["arp_handled"], 0)


def test_flood_options_are_checked(options):
    load = test_lab.pathlib.Path(options.build) / "tests/load/tickwire-load"
    base = [load, "replay", "--capture", "a", "--device", "net_null0"]
    for words, pattern in ((["--flood", "hullo"], "hullo: unknown kind"),
                           (["--flood", "hello"], "belong together"),
                           (["--sessions", "b", "--flood-count", "5"], "belong together"),
                           (["--flood", "hello", "--flood-count", "0"], "flood-count")):
        status, output = shell.run([*base, *words], timeout_s=30)
        scene.expect_equal(f"{words}: {output}\nstatus", status, 2)
        scene.expect(re.search(pattern, output), f"{words}: {output}")
