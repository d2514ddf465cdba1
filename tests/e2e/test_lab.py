# SPDX-License-Identifier: BSD-3-Clause
"""A lab: captures out of a seed, imported and replayed over memif. Every count is exact: what the
replay sent is what the engine took, packet by packet."""
import concurrent.futures
import hashlib
import json
import pathlib
import struct
import tempfile
import time

import scene
from tools import shell
from tools.host import dual_port

ENGINE_MAC = "02:74:77:00:00:01"
CLIENTS = 20
SECONDS = 1
SPEED = 2  # of the replays into a file and into a ring
RING_FRAMES = 1024  # of net_ring, which holds one less
# By a file's first four bytes: byte order, and what a second is counted in.
PCAP_FORMATS = {b"\xd4\xc3\xb2\xa1": ("<", 1e6), b"\x4d\x3c\xb2\xa1": ("<", 1e9),
                b"\xa1\xb2\xc3\xd4": (">", 1e6), b"\xa1\xb2\x3c\x4d": (">", 1e9)}
CLOCKS_DIFFER_S = 0.002  # the driver's and the replay's, within a second
WITHIN = 1.04  # of what it is: percentiles as they are told, and what rounding adds
RANKS_DIFFER = 0.005  # a pause between the two clocks moves one gap of a thousand, or two
BURST_NS = 20000  # the replay's clock is read when all of a burst have gone
# Less than this does no packet take to another process and back, opened and sealed there.
PONG_LEAST_NS = 200
# Whatever a capture's speed and a machine's load: no client is cut off.
PATIENT = {"limits.session_pps": 100000, "conduct.warn_score": 999998,
           "conduct.throttle_score": 999999, "conduct.disconnect_score": 1000000, **scene.PATIENT}


# A lab over IPv6: what the engine is told, and what its capture is made with.
SETTINGS6 = {"engine.lab": "true", **dual_port.SETTINGS}
CLIENTS6 = "fd12::10"
WORDS6 = ("--engine-address", dual_port.ENGINE_ADDRESS6, "--client-address", CLIENTS6)


def start_lab(options, port="memif", settings=None):
    return scene.start(options, port=port, huge=False,
                       settings={"engine.lab": "true", **PATIENT, **(settings or {})})


def capture_of(host, name, *words, clients=CLIENTS, seed=7):
    """Paths of a capture and its sessions."""
    capture, sessions = host.directory / f"{name}.pcap", host.directory / f"{name}.sessions"
    status, output = shell.run([host.executable("load"), "capture", "--out", capture, "--sessions",
                                sessions, "--clients", clients, "--seconds", SECONDS, "--seed",
                                seed, *words], timeout_s=60)
    scene.expect_equal(f"capture\n{output}\nstatus", status, 0)
    return capture, sessions, json.loads(output)["frames"]


def replay(host, capture, *words, device=None):
    """The report of a replay that went well."""
    command = [host.executable("load"), "replay", "--capture", capture, "--device",
               device or host.port.other_end, "--json", "--nap", *words]
    status, output = shell.run(command, timeout_s=120)
    scene.expect_equal(f"replay\n{output}\nstatus", status, 0)
    return json.loads(output.strip().splitlines()[-1])


def import_sessions(host, sessions, count=CLIENTS, total=None):
    result = host.cli("lab", "import", sessions)
    scene.expect_equal("sessions installed", result["installed"], count)
    scene.wait_for("they are live", lambda: host.stats()["sessions_live"] == (total or count))


def _outcomes(host, before):
    after = host.settled_stats()
    scene.expect_equal("sum of all outcomes", sum(after["outcomes"].values()),
                       after["rx_packets"])
    # net_memif forgets its own counters when the other end leaves: they are not compared here.
    return scene.outcome_delta(before, after), after["rx_packets"] - before["rx_packets"]


def _sha256(*paths):
    return [hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() for path in paths]


def test_one_seed_makes_one_capture(options):
    with start_lab(options) as host:
        example = scene.ROOT / "config" / "lab.yaml"
        scene.expect_equal("the example", host.cli("config", "check", example)["ok"], True)
        first = _sha256(*capture_of(host, "first")[:2])
        scene.expect_equal("again", _sha256(*capture_of(host, "again")[:2]), first)
        other = _sha256(*capture_of(host, "other", seed=8)[:2])
        scene.expect(other[0] != first[0] and other[1] != first[1], "another seed, the same bytes")


def _check_percentiles(name, told, most_ns):
    """They are there, in their order, and above 0; the largest is what it may be."""
    in_order = [told[part] for part in ("p50", "p99", "p99_9")]
    scene.expect(0 < in_order[0] and in_order == sorted(in_order)
                 and in_order[-1] <= WITHIN * told.get("max", most_ns), f"{name}: {told}")
    scene.expect(told.get("max", 0) <= most_ns, f"{name}: {told}, {most_ns} ns at most")


def _check_times(report, seconds):
    """What a replay that was over within `seconds` tells of its times."""
    _check_percentiles("late_ns", report["late_ns"], 1e9 * report["sent"]["seconds"])
    # None was early: two packets that follow each other differ by no more than the latest was late.
    _check_percentiles("gap_error_ns", report["gap_error_ns"], report["late_ns"]["max"])
    _check_percentiles("pong_ns", report["pong_ns"], 1e9 * seconds)
    scene.expect(report["pong_ns"]["p50"] >= PONG_LEAST_NS, f"too fast: {report['pong_ns']}")


def _replay_balances(options, settings, words, neighbours):
    """Three loops, each sealed afresh: no packet number twice, none lost, none refused."""
    loops = 3
    with start_lab(options, settings=settings) as host:
        capture, sessions, frames = capture_of(host, "timed", *words)
        import_sessions(host, sessions)
        before = host.settled_stats()
        begun_s = time.monotonic()
        report = replay(host, capture, "--sessions", sessions, "--loops", loops)
        _check_times(report, time.monotonic() - begun_s)
        moved, received = _outcomes(host, before)
        scene.expect_equal("packets sent", report["sent"]["packets"], frames * loops)
        scene.expect_equal("frames received", received,
                           frames * loops + report["sent"]["neighbour"])
        scene.expect_equal("outcomes", moved, {"accepted": frames * loops,
                                               neighbours: report["sent"]["neighbour"]})
        # By its own timestamps: three loops cannot take less time than three captures.
        scene.expect(report["sent"]["seconds"] > loops * SECONDS * 0.95, f"too fast: {report}")
        scene.expect_equal("packets before their time", report["early"], 0)
        scene.expect(report["received"]["pongs"] > 0, f"no pong came back: {report}")
        scene.expect_equal("replies that did not open", [report["received"][name] for name in (
            "foreign", "forged", "repeated", "malformed")], [0, 0, 0, 0])
        after = host.stats()
        scene.expect(after["shard_inputs"]["applied"] > 0, "no input was applied")
        scene.expect_equal("sessions live", after["sessions_live"], CLIENTS)


def test_replay_keeps_times_and_the_ledger_balances(options):
    _replay_balances(options, {}, (), "arp_handled")


def test_replay_over_ipv6_keeps_times_and_the_ledger_balances(options):
    _replay_balances(options, SETTINGS6, WORDS6, "nd_handled")


def test_a_replay_of_fewer_queues_than_workers_is_not_served(options):
    """net_memif has the surplus queues read the first one's frames again. Whoever comes with enough
    of them is served."""
    settings = {"engine.workers": 2, "engine.memory_mb": 512}
    with start_lab(options, settings=settings) as host:
        capture, sessions, frames = capture_of(host, "few")
        import_sessions(host, sessions)
        _, output = shell.run(
            [host.executable("load"), "replay", "--capture", capture, "--sessions", sessions,
             "--device", host.port.other_end, "--nap", "--overflow", "--json"], timeout_s=60)
        report = json.loads(output.strip().splitlines()[-1])
        scene.expect(report["sent"]["lost"] > 0, f"all was taken: {report}")
        scene.wait_for("that end has left",
                       lambda: host.stats()["ports"][0]["state"] == "no_link")
        lines = [line for line in host.engine.log().splitlines() if "queue pair" in line]
        scene.expect_equal("told", lines, [
            "tickwire-engine: port net_memif0: its other end has fewer queue pairs than "
            "engine.workers, 2, and would be read twice: nothing goes by it until that end leaves. "
            "Give it as many, or set engine.workers to less"])
        before = host.settled_stats()
        report = replay(host, capture, "--sessions", sessions, "--queues", 2, "--first-loop", 1)
        moved, _ = _outcomes(host, before)
        scene.expect_equal("packets sent", report["sent"]["packets"], frames)
        scene.expect_equal("accepted", moved["accepted"], frames)


def test_replays_by_two_ports_at_once(options):
    """Two captures, each with the sessions and the address of its port."""
    with start_lab(options, port="two_memif") as host:
        first = capture_of(host, "first")
        second = capture_of(host, "second", "--port", 2, "--first-slot", CLIENTS,
                            "--engine-address", host.port.engine_address, "--engine-mac",
                            "02:74:77:00:00:03", "--client-address", "198.18.1.16", seed=8)
        import_sessions(host, first[1])
        import_sessions(host, second[1], total=2 * CLIENTS)
        before = host.settled_stats()
        devices = (host.port.other_end, host.port.other_end2)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(
                lambda capture, device: replay(host, capture[0], "--sessions", capture[1],
                                               device=device), (first, second), devices))
        moved, _ = _outcomes(host, before)
        sent = [report["sent"]["packets"] for report in reports]
        scene.expect_equal("packets sent", sent, [first[2], second[2]])
        scene.expect_equal("accepted", moved.pop("accepted"), sum(sent))
        scene.expect_equal("other outcomes", set(moved), {"arp_handled"})
        for report in reports:
            scene.expect(report["received"]["pongs"] > 0, f"no pong came back: {report}")
        third = capture_of(host, "third", "--port", 3, "--first-slot", 2 * CLIENTS)
        status, output = host.cli_status("lab", "import", third[1])
        scene.expect(status == 1 and "port 3 of 2" in output, output)


def test_replay_goes_on_and_flat_out(options):
    """A second run after the first, by --first-loop; then as fast as the port takes them."""
    with start_lab(options) as host:
        capture, sessions, frames = capture_of(host, "flat", "--suite", "chacha20_poly1305")
        import_sessions(host, sessions)
        before = host.settled_stats()
        words = ("--sessions", sessions, "--control", host.directory / "control.sock")
        first = replay(host, capture, *words, "--speed", "4")
        scene.expect_equal("lost, by the engine's counters", first["loss"]["lost"], 0)
        scene.expect(first["sent"]["seconds"] > SECONDS / 4 * 0.95, f"too fast: {first}")
        flat = replay(host, capture, *words, "--flat-out", "--ahead", "--loops", 2,
                       "--first-loop", 1)
        scene.expect_equal("packets sent flat out", flat["sent"]["packets"], 2 * frames)
        moved, received = _outcomes(host, before)
        arp = first["sent"]["neighbour"] + flat["sent"]["neighbour"]
        scene.expect_equal("frames received", received, 3 * frames + arp)
        scene.expect_equal("outcomes", moved, {"accepted": 3 * frames, "arp_handled": arp})


def test_replay_into_a_file_writes_what_it_read_when_it_was_due(options):
    """Any DPDK port will do: here net_pcap, whose file holds the capture's frames again, each with
    the time at which the driver took it. However busy the machine is, no packet is there before its
    time: the recorded one, as long after the first packet's as that was not late itself."""
    with start_lab(options) as host:
        capture, _, frames = capture_of(host, "frames", "--client-hosts", 1)
        copy = host.directory / "copy.pcap"
        status, output = shell.run(
            [host.executable("load"), "replay", "--capture", capture, "--device",
             f"net_pcap0,tx_pcap={copy}", "--speed", SPEED, "--json", "--nap", "--drain", 0],
            timeout_s=60)
        scene.expect_equal(f"replay\n{output}\nstatus", status, 0)
        recorded, played = list(packets_of(capture)), list(packets_of(copy))
        scene.expect_equal("frames", [frame for _, frame in played],
                           [frame for _, frame in recorded])
        scene.expect_equal("their number", len(played), frames)
        scene.expect(recorded[-1][0] - recorded[0][0] > 0.9 * SECONDS, "the capture is too short")
        report = json.loads(output.strip().splitlines()[-1])
        scene.expect_equal("packets before their time", report["early"], 0)
        _check_gaps(report["gap_error_ns"], [time_s for time_s, _ in recorded],
                    [time_s for time_s, _ in played])
        most_s = report["late_ns"]["max"] / 1e9 + CLOCKS_DIFFER_S
        for number, ((due, _), (sent, _)) in enumerate(zip(recorded, played)):
            early_s = (due - recorded[0][0]) / SPEED - (sent - played[0][0])
            scene.expect(early_s <= most_s, f"packet {number} left {early_s:.6f} s before its time,"
                         f" counted from the first, which was {most_s:.6f} s late at most")


def _replay_into_itself(options, capture, *words):
    """The report of a replay by net_ring: a port that receives what it sends, and no engine."""
    status, output = shell.run(
        [pathlib.Path(options.build) / "tests/load/tickwire-load", "replay", "--capture", capture,
         "--device", "net_ring0", "--json", "--nap", *words], timeout_s=60)
    scene.expect_equal(f"replay\n{output}\nstatus", status, 0)
    report = json.loads(output.strip().splitlines()[-1])
    scene.expect_equal("driver", report["driver"], "net_ring")
    scene.expect_equal("frames that came back", report["received"]["frames"],
                       report["sent"]["packets"] + report["sent"]["neighbour"])
    return report


def test_replay_over_a_ring_comes_back_whole(options):
    """As it is, by its own times; flat out, more frames than the ring holds; and sealed afresh,
    under keys by which only a server opens it."""
    with tempfile.TemporaryDirectory() as directory:
        capture, sessions = (pathlib.Path(directory) / f"ring.{name}" for name in (
            "pcap", "sessions"))
        status, output = shell.run(
            [pathlib.Path(options.build) / "tests/load/tickwire-load", "capture", "--out", capture,
             "--sessions", sessions, "--clients", CLIENTS, "--seconds", 2 * SECONDS], timeout_s=60)
        scene.expect_equal(f"capture\n{output}\nstatus", status, 0)
        frames = [frame for _, frame in packets_of(capture)]
        scene.expect(len(frames) > RING_FRAMES, f"{len(frames)} frames fit into the ring")
        timed = _replay_into_itself(options, capture, "--speed", SPEED)
        flat = _replay_into_itself(options, capture, "--flat-out")
        for report in (timed, flat):
            scene.expect_equal("packets sent", report["sent"]["packets"], len(frames))
            scene.expect_equal("their bytes, no session's",
                               report["received"]["foreign_bytes"], sum(map(len, frames)))
        scene.expect(timed["sent"]["seconds"] > 2 * SECONDS / SPEED * 0.95, f"too fast: {timed}")
        scene.expect_equal("packets before their time", timed["early"], 0)
        _check_percentiles("gap_error_ns", timed["gap_error_ns"], timed["late_ns"]["max"])
        sealed = _replay_into_itself(options, capture, "--sessions", sessions, "--flat-out",
                                     "--loops", 2)
        scene.expect_equal("packets sent", sealed["sent"]["packets"], 2 * len(frames))
        scene.expect_equal("that a client cannot open", sealed["received"]["forged"],
                           2 * len(frames))


def _check_gaps(told, recorded, played):
    """By how much gaps differed: what the replay tells is what the driver's times tell."""
    errors_ns = sorted(1e9 * abs((played[i] - played[i - 1])
                                 - (recorded[i] - recorded[i - 1]) / SPEED)
                       for i in range(1, len(played)))
    for name, rank in (("p50", 0.5), ("p99", 0.99)):
        least, most = (errors_ns[round((rank + way * RANKS_DIFFER) * (len(errors_ns) - 1))]
                       for way in (-1, 1))
        scene.expect(least / WITHIN - BURST_NS <= told[name] <= most * WITHIN + BURST_NS,
                     f"{name} of gap_error_ns: {told}; by the driver {least:.0f} to {most:.0f}")


def packets_of(path):
    """(seconds, frame) of a capture file, of either byte order and unit."""
    content, at = path.read_bytes(), 24
    scene.expect(content[:4] in PCAP_FORMATS, f"{path} is no pcap file")
    order, unit = PCAP_FORMATS[content[:4]]
    while at + 16 <= len(content):
        seconds, fraction, length, _ = struct.unpack_from(f"{order}IIII", content, at)
        yield seconds + fraction / unit, content[at + 16:at + 16 + length]
        at += 16 + length


def test_replayed_numbers_are_repeats(options):
    """Without sessions a capture is played as it is: the second time the engine knows it all."""
    with start_lab(options) as host:
        capture, sessions, frames = capture_of(host, "same")
        import_sessions(host, sessions)
        before = host.settled_stats()
        for _ in range(2):
            replay(host, capture, "--flat-out")
        moved, received = _outcomes(host, before)
        scene.expect_equal("frames received", received, 2 * frames)
        scene.expect_equal("accepted", moved["accepted"], frames)
        scene.expect_equal("repeats", moved.get("replay_duplicate", 0)
                           + moved.get("replay_old", 0), frames)


def _refusal(host, *words):
    status, output = host.cli_status("lab", "import", *words)
    return status, json.loads(output)["error"]


def test_import_is_all_or_nothing(options):
    with start_lab(options) as host:
        _, sessions, _ = capture_of(host, "small")
        _, larger, _ = capture_of(host, "larger", clients=CLIENTS + 10, seed=9)
        import_sessions(host, sessions)
        status, error = _refusal(host, larger)
        scene.expect_equal("status, code", (status, error["code"]), (1, "IMPORT_REFUSED"))
        scene.expect("record 0 (connection " in error["message"]
                     and f"{CLIENTS} such records" in error["message"], error["message"])
        scene.expect_equal("sessions live", host.settled_stats()["sessions_live"], CLIENTS)


def test_damaged_sessions_file_is_named(options):
    with start_lab(options) as host:
        _, sessions, _ = capture_of(host, "whole")
        whole = sessions.read_bytes()
        damaged = host.directory / "damaged.sessions"
        at = 64 + 3 * 64 + 8  # the world of record 3
        for content, words in (
                (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:], "record 3 (byte 256)"),
                (whole[:-1], "cut off"), (whole[:40], "shorter than a header"),
                (b"\x89PNG" + whole[4:], "not a sessions file")):
            damaged.write_bytes(content)
            status, error = _refusal(host, damaged)
            scene.expect_equal("status, code", (status, error["code"]), (2, "SESSIONS_FILE"))
            scene.expect(words in error["message"] and str(damaged) in error["message"],
                         f"{error['message']!r} does not say {words!r}")
        status, error = _refusal(host, host.directory / "missing.sessions")
        scene.expect_equal("status", status, 2)
        scene.expect("No such file" in error["message"], error["message"])
        scene.expect_equal("sessions live", host.settled_stats()["sessions_live"], 0)


def test_no_lab_refuses_an_import(options):
    with scene.start(options, port="memif", huge=False) as host:
        _, sessions, _ = capture_of(host, "plain")
        status, error = _refusal(host, sessions)
        scene.expect_equal("status, code", (status, error["code"]), (1, "NO_LAB"))
        scene.expect("engine.lab: true" in error["message"], error["message"])
        scene.expect_equal("lab", host.request("status")["engine"]["lab"], False)


def test_lab_refuses_a_real_token(options):
    with scene.start(options, settings={"engine.lab": "true"}) as host:
        scene.expect("LAB MODE" in host.engine.log(), "the engine does not say that it is a lab")
        scene.expect_equal("lab", host.request("status")["engine"]["lab"], True)
        scene.expect_equal("a player", scene.join_fails(host, host.token("anna")), "refused: 10")
        stats = host.settled_stats()
        scene.expect(stats["verdicts"]["lab"] >= 1, f"verdicts: {stats['verdicts']}")
        scene.expect_equal("welcomed", stats["verdicts"]["welcomed"], 0)
        scene.expect_ledger(stats)
