# SPDX-License-Identifier: BSD-3-Clause
"""What the engine adds to a round trip: one client's sealed pings against bare datagrams of the
same size with a kernel echo, over the same veth.

usage: bench_latency.py BUILD [--quick] [--check]     needs root

The echo sits where the engine will: at the veth's other end, on the address and port that become
the engine's. An interface has one owner at a time, so the echo's runs come first; percentiles are
those of all samples of a run, figures the median of the runs. Where there are fewer than four cores
an engine that polls shares them with the client, and its p99 then tells of the scheduler. One JSON
object per line.
"""
import json
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from tools.host import port, process, stack  # noqa: E402

RUNS = 5
TARGET_US = 1000.0


def probe(host, count, *arguments):
    """Percentiles of one run, as `tickwire-load latency` prints them."""
    run = host.spawn("load", "latency", "--count", count, *arguments, namespace=host.port.bots,
                     pipe=True)
    output = run.popen.stdout.read()
    if run.wait(30) != 0:
        raise stack.Failure(f"tickwire-load latency failed\n{run.log()}")
    return json.loads(output)


def measure_echo(host, count):
    address = f"{port.ENGINE_ADDRESS}/{port.PREFIX_LENGTH}"
    inside = host.port.engine
    inside.run("ip", "address", "add", address, "dev", port.ENGINE_INTERFACE)
    inside.run("ethtool", "-K", port.ENGINE_INTERFACE, "tx", "off")
    end = f"{port.ENGINE_ADDRESS}:{stack.UDP_PORT}"
    echo = host.spawn("load", "latency", "--serve", end, namespace=inside)
    if not process.wait_until(lambda: "ready" in echo.log(), 5):
        raise stack.Failure(f"the echo did not start\n{echo.log()}")
    runs = [probe(host, count, "--echo", end) for _ in range(RUNS)]
    echo.stop()
    inside.run("ip", "address", "del", address, "dev", port.ENGINE_INTERFACE)
    return runs


def measure_engine(host, count):
    host.start_control()
    host.start_engine()
    runs = []
    for token in host.tokens(RUNS):
        path = host.directory / "probe-token"
        path.write_text(token + "\n")
        runs.append(probe(host, count, "--tokens", path))
    return runs


def row(metric, value, setup, target=None):
    line = {"metric": metric, "value": round(value, 1), "unit": "us"}
    if target is not None:
        line |= {"target": target, "pass": value < target}
    print(json.dumps(line | {"setup": setup}, separators=(",", ":")), flush=True)
    return target is None or value < target


def measure(build, idle, count):
    """Rows for an engine that idles so; whether the target was met."""
    with stack.Stack(build, settings={"engine.idle": idle}) as host:
        host.prepare()
        bare, engine = measure_echo(host, count), measure_engine(host, count)
    setup = (f"one client, {count} pings 5 ms apart, median of {RUNS} runs; engine.idle: {idle}; "
             f"{os.cpu_count()} cores; veth, AF_XDP; against a kernel echo on the same veth")
    met = True
    for name in ("p50", "p99"):
        of_echo = statistics.median(run[f"{name}_us"] for run in bare)
        of_engine = statistics.median(run[f"{name}_us"] for run in engine)
        best = min(run[f"{name}_us"] for run in engine) - min(run[f"{name}_us"] for run in bare)
        row(f"latency.{idle}.echo_{name}", of_echo, setup)
        row(f"latency.{idle}.engine_{name}", of_engine, setup)
        row(f"latency.{idle}.added_best_{name}", best, setup)
        met &= row(f"latency.{idle}.added_{name}", of_engine - of_echo, setup,
                   TARGET_US if name == "p99" else None)
    return met


def main():
    build, *options = sys.argv[1:]
    count = 300 if "--quick" in options else 2000
    met = [measure(pathlib.Path(build), idle, count) for idle in ("poll", "backoff")]
    return 0 if all(met) or "--check" not in options else 1


if __name__ == "__main__":
    sys.exit(main())
