# SPDX-License-Identifier: BSD-3-Clause
"""Two hundred kernel-UDP clients, a control plane killed meanwhile, every packet accounted for."""
import scene
from tools.host import ledger, port

CLIENTS = 200


def expect_good(summary, clients):
    scene.expect_equal("connected", summary["connected"], clients)
    scene.expect(summary["inputs_applied"] > 0, f"no input was applied: {summary}")
    scene.expect(summary["hashes_checked"] >= clients, f"hashes checked: {summary}")
    scene.expect_equal("hashes wrong", summary["hashes_wrong"], 0)


def expect_reconciled(host, *summaries, other_sent=0):
    """Ledger, port, interface, kernel and bots agree to the packet."""
    stats = host.settled_stats()
    totals = {name: sum(summary[name] for summary in summaries)
              for name in ("packets_sent", "packets_received")}
    problems = ledger.reconcile(stats, host.port.bots.interface(port.BOTS_INTERFACE),
                                host.port.bots.kernel_counters(), totals, other_sent)
    scene.expect(not problems, "\n".join(problems) + f"\n{stats}\n{totals}")


def test_200_clients_with_the_control_plane_killed(options):
    seconds = 60 if options.long else 20
    with scene.start(options) as host:
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


def test_tap_port(options):
    with scene.start(options, port="tap") as host:
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
