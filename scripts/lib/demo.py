# SPDX-License-Identifier: BSD-3-Clause
"""The demo: one engine, one control plane, N players through the kernel's UDP stack, a line a
second, and at the end an account of every packet."""
import argparse
import json
import pathlib
import signal
import sys
import time

from tools.host import ledger, port, process
from tools.host.stack import Failure, Stack
from tools.shell import CommandFailed

CONNECT_TIMEOUT_S = 20
COLUMNS = (("players", 7), ("inputs/s", 8), ("snaps/s", 7), ("pps in", 7), ("pps out", 7),
           ("tick p50", 9), ("p99 us", 6), ("rtt p50", 8), ("p99 ms", 6), ("drops", 0))


class Interrupted(Exception):
    """Ctrl-C or SIGTERM."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def rate(now, before, name, elapsed_s):
    return (now[name] - before[name]) / elapsed_s if before else 0.0


def drops_of(stats, before, kinds):
    """Drops by reason since `before` (None: since start)."""
    return {name: count - (before["outcomes"][name] if before else 0)
            for name, count in stats["outcomes"].items()
            if kinds[name] == "dropped" and count > (before["outcomes"][name] if before else 0)}


class Demo:
    def __init__(self, options):
        self.options = options
        self.kinds = outcome_kinds()
        self.rows = []

    def run(self):
        """Exit status."""
        failures = []
        for kind in (["af_xdp", "tap"] if self.options.port == "auto" else [self.options.port]):
            try:
                return self._on_port(kind)
            except (Failure, CommandFailed, RuntimeError) as problem:
                detail = getattr(problem, "log", "")
                failures.append(f"{port.PORTS[kind].title}: {problem} {detail}".strip())
                say(f"demo: {failures[-1]}")
        return self._finish({"port": None}, failures)

    def _on_port(self, kind):
        options = self.options
        settings = {"world.players_max": max(1000, options.players)}
        with Stack(options.build, port=kind, huge=not options.no_huge, settings=settings,
                   log=lambda text: say(f"demo: {text}")) as host:
            host.start()
            host.keep_neighbour()
            huge = host.hugepages is not None and host.hugepages.granted
            say(f"demo: port {host.port.title}, {'hugepages' if huge else 'no hugepages'}, engine "
                f"at {port.ENGINE_ADDRESS}, {options.players} players at {port.BOTS_ADDRESS} in a "
                "namespace of their own")
            tokens = host.cli("token", "issue", "--account", "bot", "--count", options.players,
                              "--create")["tokens"]
            bots = host.bots(tokens, options.seconds)
            self._watch(host, bots)
            status, summary = bots.finish(CONNECT_TIMEOUT_S)
            return self._conclude(host, kind, huge, status, summary)

    def _watch(self, host, bots):
        """A line a second until the bots have ended."""
        if not self.options.json:
            print("  ".join(f"{name:>{width}}" for name, width in COLUMNS), flush=True)
        before = host.stats()
        end = time.monotonic() + self.options.seconds + CONNECT_TIMEOUT_S
        newest = {}
        while not bots.ended and time.monotonic() < end:
            for line in bots.poll(0.2):
                newest = line
            if not host.engine.alive() or not host.control.alive():
                dead = host.control if host.engine.alive() else host.engine
                raise Failure(f"{dead.name} ended while players were in\n{dead.log()}")
            now = host.stats()
            if now is not None and now["uptime_ns"] != before["uptime_ns"]:
                self._row(now, before, newest)
                before = now

    def _row(self, now, before, line):
        elapsed_s = (now["uptime_ns"] - before["uptime_ns"]) / 1e9
        inputs = sum(now["shard_inputs"].values()) - sum(before["shard_inputs"].values())
        row = {"players": now["players"], "inputs_per_s": round(inputs / elapsed_s),
               "snapshots_per_s": round(rate(now, before, "snapshots", elapsed_s)),
               "packets_in_per_s": round(rate(now, before, "rx_packets", elapsed_s)),
               "packets_out_per_s": round(rate(now, before, "port_tx_packets", elapsed_s)),
               "tick_p50_us": now["tick_p50_ns"] // 1000, "tick_p99_us": now["tick_p99_ns"] // 1000,
               "rtt_p50_ms": line.get("rtt_p50_us", 0) / 1000,
               "rtt_p99_ms": line.get("rtt_p99_us", 0) / 1000,
               "drops": drops_of(now, before, self.kinds)}
        self.rows.append(row)
        if self.options.json:
            print(json.dumps(row), flush=True)
            return
        drops = " ".join(f"{name}={count}" for name, count in row["drops"].items()) or "none"
        print(f"{row['players']:7}  {row['inputs_per_s']:8}  {row['snapshots_per_s']:7}  "
              f"{row['packets_in_per_s']:7}  {row['packets_out_per_s']:7}  "
              f"{row['tick_p50_us']:9}  {row['tick_p99_us']:6}  {row['rtt_p50_ms']:8.2f}  "
              f"{row['rtt_p99_ms']:6.2f}  {drops}", flush=True)

    def _conclude(self, host, kind, huge, status, summary):
        """Stops nothing yet: first every counter is read and compared."""
        failures = []
        stats = host.settled_stats()
        if stats is None:
            raise Failure("the engine's figures cannot be read any more")
        if summary.get("connected") != self.options.players:
            failures.append(f"{summary.get('connected')} of {self.options.players} players "
                            "connected")
        if status != 0:
            failures.append(f"the bots' exit status is {status}: {summary.get('failures', '')} "
                            f"{host.extras[-1].log(5)}")
        if summary.get("hashes_wrong") != 0 or not summary.get("hashes_checked"):
            failures.append(f"world views: {summary.get('hashes_checked')} compared, "
                            f"{summary.get('hashes_wrong')} differ from the server's")
        interface = host.port.bots.interface(port.BOTS_INTERFACE)
        failures += ledger.reconcile(
            stats, interface, host.port.bots.kernel_counters(),
            {name: summary.get(name, 0) for name in ledger.BOTS_COUNT})
        failures += ledger.lost_too_many(stats, interface)
        result = {"port": kind, "hugepages": bool(huge), "players": summary.get("connected"),
                  "inputs_applied": summary.get("inputs_applied"),
                  "packets_in": stats["rx_packets"], "packets_out": stats["port_tx_packets"],
                  "drops": drops_of(stats, None, self.kinds),
                  "lost_before_the_engine": ledger.losses(stats, interface),
                  "hashes_checked": summary.get("hashes_checked"),
                  "hashes_wrong": summary.get("hashes_wrong"),
                  "bots_never_compared": summary.get("bots_never_compared"),
                  "ticks": stats["ticks"],
                  "ticks_late": stats["ticks_late"], "ticks_skipped": stats["ticks_skipped"],
                  "rtt_p50_us": summary.get("rtt_p50_us"), "rtt_p99_us": summary.get("rtt_p99_us"),
                  "cpu_seconds_engine": round(process.cpu_seconds(host.engine.pid), 1)}
        if host.engine.stop() != 0:
            failures.append("the engine did not end in order\n" + host.engine.log())
        return self._finish(result, failures)

    def _finish(self, result, failures):
        result["ok"] = not failures
        result["failures"] = failures
        if self.options.json:
            print(json.dumps(result), flush=True)
        elif failures:
            for failure in failures:
                print(f"demo failed: {failure}", flush=True)
        else:
            drops = " ".join(f"{name}={count}" for name, count in result["drops"].items())
            if list(result["drops"]) == ["session_closing"]:
                drops += " (goodbyes: each player says it three times)"
            print(f"\n{result['players']} players, {result['inputs_applied']} inputs applied, "
                  f"{result['packets_in']} packets in, {result['packets_out']} out, "
                  f"dropped: {drops or 'none'}\n"
                  f"{result['ticks']} ticks, {result['ticks_late']} late, "
                  f"{result['ticks_skipped']} skipped; engine used "
                  f"{result['cpu_seconds_engine']} CPU-seconds\n"
                  "every packet is accounted for: bots = kernel = interface = port = ledger\n"
                  f"every world compared agrees: {result['hashes_checked']} view hashes, 0 differ",
                  flush=True)
            if result["lost_before_the_engine"]:
                print("this machine was busy: of these packets some did not reach the engine, "
                      f"{result['lost_before_the_engine']}", flush=True)
            if result["bots_never_compared"]:
                print(f"{result['bots_never_compared']} players had nothing to compare: in this "
                      "crowd no snapshot of theirs held all they see", flush=True)
        return 1 if failures else 0


def outcome_kinds():
    from tools import docs
    return {name: kind.lower() for name, kind, _ in docs.list_rows("TW_OUTCOMES")}


def parse():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--players", type=int, default=200, metavar="N", help="default 200")
    parser.add_argument("--seconds", type=int, default=30, metavar="S", help="default 30")
    parser.add_argument("--port", choices=("auto", "af_xdp", "tap"), default="auto",
                        help="default: AF_XDP on a veth pair, else TAP")
    parser.add_argument("--no-huge", action="store_true", help="ordinary pages only")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--build", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 1 <= options.players <= 1000:
        parser.error("--players is 1 to 1000")
    if not 1 <= options.seconds <= 86400:
        parser.error("--seconds is 1 to 86400")
    return options


def main():
    options = parse()
    if options.build is None:
        return 0  # asked before the build, whether the arguments are good

    def interrupt(_number, _frame):
        # Only once: what follows is the clean-up, which must not be cut short.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        return Demo(options).run()
    except Interrupted:
        say("demo: interrupted; everything was taken down")
        return 130


if __name__ == "__main__":
    sys.exit(main())
