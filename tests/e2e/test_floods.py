# SPDX-License-Identifier: BSD-3-Clause
"""Floods of every kind over memif while honest clients of a lab play beside them: the ledger is
balanced to the packet, each flood packet ends where its kind must, and no client loses a packet.

Floods go as fast as the engine takes them, so they fill its core while they last; they are bounded
in count and in time. The port between the two loses nothing (what it has no room for is offered
again, honest and hostile alike), so all that is not accepted was refused by the engine; but for one
test, whose port loses what it has no room for. Over IPv6 strangers come from tens of thousands of
networks."""
import json
import os
import re

import scene
import test_lab
from tools import shell

CLIENTS = 200
SECONDS = 1.0
FLOOD_FROM_MS = 300
COUNT, LONG_COUNT = 1000000, 20000000
HITS_MAX = 4  # about 100 sessions move, of 2^29 ids of two workers: 0.2 hits in a million
OVERFLOW_PPS = 20000000  # more than one core takes of any kind
# Of players' packets on the way to another worker, beside those of garbage; and what they may lose
# where even that comes through.
LOST_BESIDE, LOST_ANYWAY = 1 / 20, 1 / 100
# They are known by then to the worker where their packets arrive, and have not moved there yet.
KNOWN_MS = 100
ATTEMPTS = 3
DRAIN_S = 0.3
STRANGER_PPS = 20000  # limits.stranger_pps as it comes
COOKIE_FRAME = 62 + 66  # the larger headers of the two families
PATH_TRIES_PER_S, PATH_TRIES_BURST = 1000, 64  # packets from elsewhere that are opened
# The engine's threads on one core, generator and clients on the other, as in config/lab.yaml.
PINNED = {"engine.main_core": 0, "engine.worker_cores": "[0]", "engine.shard_cores": "[0]"}

SPREAD = {"engine.worker_cores": "[0, 1]"} if {0, 1} <= os.sched_getaffinity(0) else {}

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
# Or is shed unseen, once the queue was full for long: not what is known to the engine by its
# source, nor what is malformed.
SHED = {"unknown", "offpath", "hello", "hello_small"}
KINDS = [*ENDS, "mixed"]
# Those of which one process makes more than the engine takes.
FULL = {"unknown", "forged", "offpath", "hello", "hello_small", "replay"}
# Those that are over soonest: so many times as many, that players ask while they last.
CHEAP, CHEAP_TIMES = {"unknown", "offpath", "replay", "tiny"}, 4


def _start(options, settings):
    # Limits as they come: nobody is made patient for the flood's sake. Sessions only outlive the
    # pauses between two kinds.
    pinned = PINNED if {0, 1} <= os.sched_getaffinity(0) else {}
    return scene.start(options, port="memif", huge=False,
                       settings={"engine.lab": "true", **pinned, **scene.PATIENT, **settings})


def _replay(host, files, loop, loops, *words):
    capture, sessions = files
    command = [host.executable("load"), "replay", "--capture", capture, "--sessions", sessions,
               "--device", host.port.other_end, "--json", "--nap", "--loops", loops,
               "--first-loop", loop, *words]
    status, output = shell.run(command, timeout_s=120)
    scene.expect_equal(f"replay\n{output}\nstatus", status, 0)
    return json.loads(output.strip().splitlines()[-1])


def _check_ends(kind, report, moved, seconds):
    """Every flood packet in one of its kind's outcomes, every honest one accepted."""
    flood, honest = report["flood"], report["sent"]["packets"]
    scene.expect_equal(f"{kind}: honest packets lost", honest - moved["accepted"], 0)
    others = {name: count for name, count in moved.items()
              if name not in ("accepted", "arp_handled", "arp_budget", "nd_handled",
                              "nd_budget")}
    shed = others.pop("overload_shed", 0)
    for name, ends in (ENDS if kind == "mixed" else {kind: ENDS[kind]}).items():
        if name == "forged" or name == "offpath":
            continue  # share an outcome: below
        found = sum(others.pop(end, 0) for end in ends)
        shed -= flood["kinds"][name] - found if name in SHED else 0
        scene.expect(found == flood["kinds"][name] or name in SHED and
                     found < flood["kinds"][name], f"{kind}: {name} in {ends}: {found}: {flood}")
    forged, offpath = (flood["kinds"].get(name, 0) for name in ("forged", "offpath"))
    opened = others.pop("tag_wrong", 0) - forged
    shed -= offpath - opened - others.pop("path_unknown", 0)
    # From elsewhere only so many are opened, whatever comes.
    scene.expect(0 <= opened <= PATH_TRIES_PER_S * seconds + PATH_TRIES_BURST + 1,
                 f"{kind}: {opened} packets from elsewhere were opened in {seconds:.1f} s: {moved}")
    scene.expect_equal(f"{kind}: shed, but none of this flood", shed, 0)
    scene.expect_equal(f"{kind}: other outcomes", others, {})


def _check_flood(kind, report):
    """It was one: more hostile packets than honest ones, and a core that had more than it took."""
    flood, honest = report["flood"], report["sent"]["packets"]
    scene.expect(flood["packets"] > honest, f"{kind}: hardly a flood: {report}")
    if kind in FULL:
        scene.expect(flood["port_full"] > 0, f"{kind}: the core was never full: {flood}")


def _check_players(kind, report, before, after):
    """They played on while it lasted."""
    scene.expect(report["flood"]["during"]["pong_ns"]["samples"] > 0,
                 f"{kind}: no pong came back while it lasted: {report}")
    scene.expect_equal(f"{kind}: inputs that found the shard's ring full",
                       after["inputs"]["ring_full"] - before["inputs"]["ring_full"], 0)
    applied = after["shard_inputs"]["applied"] - before["shard_inputs"]["applied"]
    scene.expect(applied > 0, f"{kind}: no input was applied")
    scene.expect_equal(f"{kind}: sessions live", after["sessions_live"], CLIENTS)
    scene.expect_equal(f"{kind}: replies that did not open", [report["received"][name] for name in (
        "forged", "repeated", "malformed")], [0, 0, 0])


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
    after = _settle(host, kind, before, report)
    moved = scene.outcome_delta(before, after)
    _check_flood(kind, report)
    _check_ends(kind, report, moved, report["sent"]["seconds"] + DRAIN_S)
    _check_answers(kind, report, moved, report["sent"]["seconds"] + DRAIN_S)
    _check_players(kind, report, before, after)
    _print_figures(kind, report, moved)
    return after


def _settle(host, kind, before, report):
    """Figures when all that the port took has ended."""
    after = host.settled_stats()
    scene.expect(host.engine.alive(), f"{kind}: the engine died\n" + host.engine.log())
    scene.expect_equal(f"{kind}: sum of all outcomes", sum(after["outcomes"].values()),
                       after["rx_packets"])
    sent, flood = report["sent"], report["flood"]
    scene.expect_equal(f"{kind}: frames received", after["rx_packets"] - before["rx_packets"],
                       sent["packets"] + sent["neighbour"] + flood["packets"])
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
          f", shed {moved.get('overload_shed', 0)}"
          f", pong p50/p99 ms before {trip('before')}, during {trip('during')} "
          f"({flood['during']['pong_ns']['samples']}), port full {flood['port_full']}", flush=True)


def _capture(host, words):
    capture, sessions = host.directory / "honest.pcap", host.directory / "honest.sessions"
    status, output = shell.run([host.executable("load"), "capture", "--out", capture,
                                "--sessions", sessions, "--clients", CLIENTS, "--seconds",
                                int(SECONDS), "--seed", 11, *words], timeout_s=60)
    scene.expect_equal(f"capture\n{output}\nstatus", status, 0)
    test_lab.import_sessions(host, sessions, CLIENTS)
    return capture, sessions


def _floods(options, kinds, settings, words):
    long = getattr(options, "long", False)
    loops, count = (10, LONG_COUNT) if long else (1, COUNT)
    with _start(options, settings) as host:
        files = _capture(host, words)
        stats = host.settled_stats()
        for number, kind in enumerate(kinds):
            times = CHEAP_TIMES if kind in CHEAP and not long else 1
            stats = _one(host, files, stats, kind, number * loops, loops, count * times)
        return stats


def test_floods_beside_honest_clients(options):
    _floods(options, KINDS, {}, ())


def test_floods_from_many_networks_over_ipv6(options):
    """Each hello from a network of its own; answers go by a gateway, which is a client's host. All
    kinds are in the mixture; with --long each comes by itself, too."""
    kinds = KINDS if getattr(options, "long", False) else ["hello", "offpath", "mixed"]
    stats = _floods(options, kinds,
                    {**test_lab.SETTINGS6, "engine.gateway6": test_lab.CLIENTS6}, test_lab.WORDS6)
    scene.expect(stats["outcomes"]["nd_handled"] > 0, f"no neighbour was told: {stats}")
    scene.expect_equal("ARP", stats["outcomes"]["arp_handled"], 0)


def test_a_port_that_overflows_refuses_no_player(options):
    """What is lost is lost before the engine sees it, whoever sent it; what the port takes of the
    players' packets is accepted, every one."""
    kinds = ("hello", "forged")  # told from players' by their first bytes, and by nothing but tags
    with _start(options, {}) as host:
        files = _capture(host, ())
        before = host.settled_stats()
        for number, kind in enumerate(kinds):
            report = _replay(host, files, number, 1, "--flood", kind, "--flood-count", LONG_COUNT,
                             "--flood-pps", OVERFLOW_PPS, "--flood-from", 0, "--overflow",
                             "--flood-seed", number + 1)
            after = _settle(host, kind, before, report)
            moved = scene.outcome_delta(before, after)
            sent, flood = report["sent"], report["flood"]
            scene.expect(flood["lost"] > 0, f"{kind}: nothing was lost: {report}")
            scene.expect_equal(f"{kind}: honest packets refused",
                               sent["packets"] - moved["accepted"], 0)
            flood_lost = flood["lost"] / (flood["packets"] + flood["lost"])
            honest = sent["packets"] + sent["lost"]
            honest_lost = sent["lost"] / honest
            print(f"  {kind}: offered {flood['offered_per_s']:.0f}/s, lost of it "
                  f"{100 * flood_lost:.1f} %, of players' packets "
                  f"{100 * honest_lost:.1f} % of {honest}, shed "
                  f"{moved.get('overload_shed', 0)}", flush=True)
            # One queue, offered to by turns: whoever finds room for a packet of a burst of 32 would
            # have found room for one alone.
            scene.expect(honest_lost <= flood_lost, f"{kind}: the port lost more of the players' "
                         f"packets than of the flood's: {report}")
            _check_players(kind, report, before, after)
            before = after


def _of_another_worker(options):
    """All comes by the first worker's queue; half of the players are the second's, and half of the
    flood names that one. Shares that get lost on the way there: of those players' packets, of what
    names nobody."""
    with _start(options, {"engine.workers": 2, "engine.memory_mb": 512, **SPREAD}) as host:
        files = _capture(host, ("--workers", 2))
        before = host.settled_stats()
        report = _replay(host, files, 0, 1, "--queues", 2, "--flood", "unknown", "--flood-count",
                         COUNT, "--flood-from", KNOWN_MS, "--flood-seed", 1)
        after = _settle(host, "unknown", before, report)
        moved = scene.outcome_delta(before, after)
        sent, flood = report["sent"]["packets"], report["flood"]["packets"]
        odd = set(moved) - {"accepted", "arp_handled", "arp_budget", "overload_shed",
                            "connection_unknown", "generation_stale", "worker_foreign",
                            "worker_budget"}
        # A session that moves has another id, which the flood does not know to leave out.
        hit = moved.get("tag_wrong", 0) + moved.get("path_unknown", 0)
        scene.expect(hit <= HITS_MAX, f"{hit} packets of the flood named a session: {moved}")
        scene.expect_equal("other outcomes", odd - {"tag_wrong", "path_unknown"}, set())
        scene.expect(after["roaming"]["given"] > 0, f"nobody moved: {after['roaming']}")
        scene.expect_equal("taken", after["roaming"]["taken"], after["roaming"]["given"])
        scene.expect_equal("sessions live", after["sessions_live"], CLIENTS)
        lost = sent - moved["accepted"]
        refused = moved.get("worker_budget", 0) + moved.get("worker_foreign", 0) - lost
        print(f"  of {flood} of a flood {refused} not passed on; of {sent} of players {lost}",
              flush=True)
        return lost / (sent / 2), refused / (flood / 2)


def test_players_of_another_worker_beside_a_flood(options):
    """Players go to where their packets arrive, and what comes from them until then has a share of
    its own of the way to their worker: hardly any of it is lost, however much is of what names
    nobody. Without that share it is one in eight and more. But a worker that does not run takes
    nothing of anybody once its ring is full; then it is tried again."""
    for _ in range(ATTEMPTS):
        players, flood = _of_another_worker(options)
        if players <= LOST_BESIDE * flood + LOST_ANYWAY:
            return
    scene.expect(False, f"{ATTEMPTS} times too many of the players' packets got lost: at last "
                 f"{100 * players:.1f} %, and {100 * flood:.1f} % of what names nobody")


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
