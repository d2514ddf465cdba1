#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end tests: real daemons, kernel UDP clients, a virtual port. Needs root.

usage: run.py --build DIR [--long] [--sanitized DIR] [--waiting | --alone] [NAME...]
NAME: part of a test's name

DIR after --sanitized: a build under AddressSanitizer, for the one test that wants it.

Everything lives in network namespaces and a temporary directory of the test's own; only processes
it started are ended. Prints `ok NAME`, `skip NAME: WHY` or `not ok NAME` with reasons.

Most tests wait more than they compute, so those run three at a time; then, one after the other,
those which measure or which load the machine. --waiting and --alone run only these or those.
"""
import argparse
import concurrent.futures
import contextlib
import io
import multiprocessing
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts" / "lib"))
sys.path.insert(0, str(HERE / "python_client"))
sys.path.insert(0, str(HERE))
import scene  # noqa: E402
import test_bots  # noqa: E402
import test_budgets  # noqa: E402
import test_captures  # noqa: E402
import test_cli  # noqa: E402
import test_clients  # noqa: E402
import test_conduct  # noqa: E402
import test_configuration  # noqa: E402
import test_filters  # noqa: E402
import test_floods  # noqa: E402
import test_fresh_machine  # noqa: E402
import test_handover  # noqa: E402
import test_handshake  # noqa: E402
import test_hostile  # noqa: E402
import test_impair  # noqa: E402
import test_ipv6  # noqa: E402
import test_killed_engine  # noqa: E402
import test_lab  # noqa: E402
import test_life  # noqa: E402
import test_loss  # noqa: E402
import test_messages  # noqa: E402
import test_path_mtu  # noqa: E402
import test_port_life  # noqa: E402
import test_ports  # noqa: E402
import test_privileges  # noqa: E402
import test_python_client  # noqa: E402
import test_rekey  # noqa: E402
import test_roaming  # noqa: E402
import test_telemetry  # noqa: E402
import test_thresholds  # noqa: E402
import test_timing  # noqa: E402
import test_tokens  # noqa: E402
import test_wireshark  # noqa: E402

AT_ONCE = 3
# Those that take longest come first, so that none of them is left to the end.
WAITING = [test_path_mtu, test_thresholds, test_life, test_wireshark, test_filters, test_messages,
           test_ipv6, test_hostile, test_roaming, test_rekey, test_handover, test_port_life,
           test_bots, test_lab, test_telemetry, test_python_client, test_impair, test_ports,
           test_handshake, test_tokens, test_captures, test_privileges, test_cli,
           test_configuration]
ALONE = [test_killed_engine, test_budgets, test_floods, test_loss, test_timing, test_conduct,
         test_clients, test_fresh_machine]


def tests(modules, names):
    """{name: function}, in the order in which they stand in their modules."""
    found = {}
    for module in modules:
        for key, function in vars(module).items():
            name = key.removeprefix("test_").replace("_", " ")
            if key.startswith("test_") and callable(function):
                if not names or any(part in name for part in names):
                    found[name] = function
    return found


def run_one(name, function, options):
    start = time.monotonic()
    try:
        function(options)
    except scene.Skipped as reason:
        print(f"skip {name}: {reason}", flush=True)
        return True
    except BaseException as problem:  # pylint: disable=broad-except
        print(f"not ok {name}")
        text = str(problem) if isinstance(problem, scene.EXPECTED) else traceback.format_exc()
        for line in text.splitlines():
            print(f"  {line}")
        sys.stdout.flush()
        if isinstance(problem, KeyboardInterrupt):
            raise
        return False
    print(f"ok {name}  ({time.monotonic() - start:.1f} s)", flush=True)
    return True


def run_apart(name, options):
    """In a process of its own: (good, what it printed)."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        good = run_one(name, tests(WAITING, None)[name], options)
        good = tell_left(scene.left_behind(), f"{name} left nothing behind") and good
    return good, said.getvalue()


def run_waiting(options):
    good = True
    chosen = tests(WAITING, options.names)
    # A process for each test: what a test leaves in its process no other test sees.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(AT_ONCE, mp_context=spawn,
                                                max_tasks_per_child=1) as pool:
        for name, future in [(name, pool.submit(run_apart, name, options)) for name in chosen]:
            fine, said = future.result()
            print(said, end="", flush=True)
            good = good and fine
    return good


def tell_left(left, what):
    if left:
        print(f"not ok {what}")
        for line in left:
            print(f"  {line}")
    return not left


def main():
    parser = argparse.ArgumentParser(description="end-to-end tests")
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--waiting", action="store_true")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--sanitized", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.sanitized = options.sanitized.resolve() if options.sanitized else None
    before = scene.footprint()
    good = options.alone or run_waiting(options)
    for name, function in tests([] if options.waiting else ALONE, options.names).items():
        good = run_one(name, function, options) and good
    if tell_left(scene.left_behind() + scene.grown(before), "nothing is left behind"):
        print("ok nothing is left behind")
    else:
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
