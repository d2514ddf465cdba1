# SPDX-License-Identifier: BSD-3-Clause
"""Packet filters with real processes: rules by the CLI, counters to the packet, restarts of either
side, and players that no flood and no forger can cut off."""
import os

import scene
from tools.host import dual_port, packets

BOTS = 6
QUICK = scene.IMPATIENT
SPOOFED = "198.18.0.77"  # on the link, and nobody's
PACKETS = 300


def _add(host, rule):
    """The rule's number; it is in force when this returns."""
    number = host.cli("filter", "add", *rule.split())["id"]
    scene.wait_for(f"rule {number} active", lambda: _rule(host, number)["active"])
    return number


def _rule(host, number):
    rules = host.cli("filter", "list")["rules"]
    return next(rule for rule in rules if rule["id"] == number)


def _settled_rule(host, number, dropped):
    """The rule once its figures say so; they come once a second."""
    scene.wait_for(f"rule {number} dropped {dropped}: {_rule(host, number)}",
                   lambda: _rule(host, number)["dropped"] == dropped)
    return _rule(host, number)


def _send(wire, payload, count=PACKETS, source=SPOOFED):
    for _ in range(count):
        wire.send_udp(payload, source=source)


def test_denied_prefix_loses_its_players(options):
    with scene.start(options, settings=QUICK) as host:
        bots = host.bots(host.tokens(BOTS), 8)
        scene.expect(bots.wait_for(lambda line: line.get("connected") == BOTS, 10),
                     "not all bots connected")
        inside = _add(host, f"deny {scene.BOTS}/31")
        scene.wait_for("all bots' sessions to end", lambda: not host.stats()["sessions_live"])
        status, summary = bots.finish(20)
        scene.expect(status != 0, f"the bots did not notice: {summary}")
        stats = host.settled_stats()
        denied = stats["outcomes"]["filter_denied"]
        scene.expect(denied > 0, "no packet was denied")
        scene.expect_ledger(stats)
        rule = _settled_rule(host, inside, denied)
        scene.expect_equal("packets of a deny rule", rule["packets"], denied)
        scene.expect(scene.join_fails(host, host.token("late")) is not None,
                     "somebody got in from a denied prefix")
        # The longest prefix counts: one host of the denied network plays.
        allowed = _add(host, f"allow {scene.BOTS}")
        player = scene.Player(host, host.token("allowed")).join(1.0)
        scene.expect(player.session.view.last_input > 0, "no input was applied")
        scene.expect(_rule(host, allowed)["dropped"] == 0, "an allow rule dropped")
        player.leave()
        for number in (inside, allowed):
            host.cli("filter", "remove", number)
        scene.expect_equal("rules left", host.cli("filter", "list")["rules"], [])


def test_filter_counters_match_to_the_packet(options):
    with scene.start(options) as host:
        wire = scene.wire(host)
        hello = packets.hello()
        deny = _add(host, f"deny {SPOOFED}/32")
        limit = _add(host, "limit 198.18.0.0/24 pps 10/20")
        before = host.settled_stats()
        _send(wire, hello)
        moved = scene.outcome_delta(before, host.settled_stats())
        scene.expect_equal("outcomes", moved, {"filter_denied": PACKETS})
        rule = _settled_rule(host, deny, PACKETS)
        frame = packets.ethernet(packets.ipv4(packets.udp(hello)), wire.engine_mac, wire.mac)
        scene.expect_equal("bytes", rule["bytes"], PACKETS * len(frame))
        scene.expect_equal("another rule's packets", _rule(host, limit)["packets"], 0)
        host.cli("filter", "remove", deny)
        scene.wait_for("the limit to count", lambda: wire.send_udp(hello, source=SPOOFED) or
                       _rule(host, limit)["packets"] > 0, step_s=0.3)
        scene.expect_ledger(host.settled_stats())
        wire.close()


def test_filters_outlive_restarts_of_either_side(options):
    with scene.start(options) as host:
        wire = scene.wire(host)
        hello = packets.hello()
        number = _add(host, f"deny {SPOOFED}")
        _send(wire, hello)
        _settled_rule(host, number, PACKETS)
        host.kill_control()
        _send(wire, hello)  # nobody there to ask: the engine knows
        host.start_control()
        rule = _settled_rule(host, number, 2 * PACKETS)
        scene.expect(rule["active"] and rule["rule"] == f"deny {SPOOFED}/32", f"{rule}")
        # Another engine knows nothing, and is told before it relays a handshake.
        host.engine.stop(10)
        host.start_engine()
        scene.wait_for("the rule in force again", lambda: _rule(host, number)["active"])
        wire.find_engine()
        _send(wire, hello)
        _settled_rule(host, number, PACKETS)
        scene.expect_ledger(host.settled_stats())
        wire.close()


def test_bad_filter_rules_change_nothing(options):
    with scene.start(options) as host:
        _add(host, "deny 203.0.113.0/24")
        before = host.cli("filter", "list")["rules"]
        for rule, code in (("deny 198.18.0.1/24", "BAD_RULE"), ("deny nobody", "BAD_RULE"),
                           ("limit 198.18.0.0/24 pps 9/8", "BAD_RULE"),
                           ("deny 203.0.113.0/24", "RULE_EXISTS"),
                           ("allow 203.0.113.0/24", "RULE_CONTRADICTS")):
            status, output = host.cli_status("filter", "add", *rule.split())
            scene.expect(status == 1 and code in output, f"{rule}: {status} {output}")
        scene.expect('"column": 6' in host.cli_status("filter", "add", "deny", "nobody")[1],
                     "the place is not told")
        after = host.cli("filter", "list")["rules"]
        scene.expect_equal("rules", after, before)
        player = scene.Player(host, host.token("calm")).join(0.5)
        scene.expect(player.session.view.last_input > 0, "no input was applied")
        player.leave()


def test_flood_above_soft_leaves_players_alone(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("inside")).join(1.0)
        wire = scene.wire(host)
        _add(host, "limit 198.18.0.0/24 pps 100/1000")
        hello = packets.hello()
        applied = player.session.view.last_input
        before = host.settled_stats()
        for _ in range(10):
            _send(wire, hello, source=scene.BOTS)
            player.session.run(0.1)
        moved = scene.outcome_delta(before, host.settled_stats())
        scene.expect(moved.get("filter_soft", 0) > 10 * PACKETS / 2, f"{moved}")
        scene.expect_equal("above the hard limit", moved.get("filter_hard", 0), 0)
        player.session.run(0.5)
        scene.expect(player.session.view.last_input >= applied + 30, "inputs were not applied")
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        player.leave()
        wire.close()


def _received(host, player):
    shown = host.cli("session", "show", f"{player.session.connection_id:08x}")
    return shown["received_packets"]


def _lost(host, player, run_s, disturb=lambda: None):
    """Packets of this player's that the engine did not take while it played and was disturbed."""
    sent, received = player.endpoint.sent, _received(host, player)
    for _ in range(10):
        disturb()
        player.session.run(run_s / 10)
    host.settled_stats()
    return player.endpoint.sent - sent - (_received(host, player) - received)


def test_forger_of_one_player_takes_nothing_from_another(options):
    """Both have one address, and the limit holds for the network and for each address."""
    with scene.start(options, settings=scene.PATIENT) as host:
        victim = scene.Player(host, host.token("victim")).join(0.5)
        other = scene.Player(host, host.token("other")).join(0.5)
        wire = scene.wire(host)
        number = _add(host, "limit 198.18.0.0/24 pps 100/120 source pps 100/120")
        forged = packets.header(victim.session.connection_id, 0, 0, 1 << 20) + os.urandom(60)

        def forge():
            for _ in range(PACKETS):
                wire.send_udp(forged, source=scene.BOTS, source_port=victim.local_port)

        before = host.settled_stats()
        scene.expect_equal("packets lost", _lost(host, other, 1.0, forge), 0)
        stats = host.settled_stats()
        moved = scene.outcome_delta(before, stats)
        scene.expect(moved.get("tag_wrong", 0) > 100, f"{moved}")
        scene.expect(moved.get("filter_hard", 0) > 100, f"{moved}")
        scene.expect_equal("forged packets", moved["tag_wrong"] + moved["filter_hard"],
                           10 * PACKETS)
        _settled_rule(host, number, moved["filter_hard"])
        scene.expect_ledger(stats)
        other.leave()
        victim.leave()
        wire.close()


def test_ipv6_rules_hold_for_ipv6_alone(options):
    with scene.start(options, port="dual", settings=scene.PATIENT) as host:
        four = scene.Player(host, host.token("four")).join(0.5)
        six = scene.Player(host, host.token("six"), address=1).join(0.5)
        limit = _add(host, "limit fd12::/16 source bps 16k/16k")  # 2,000 bytes a second
        before = host.settled_stats()
        lost = _lost(host, six, 2.0)
        scene.expect(lost > 20, f"{lost} packets lost")
        scene.expect_equal("lost over IPv4", _lost(host, four, 0.5), 0)
        moved = scene.outcome_delta(before, host.settled_stats())
        scene.expect_equal("above the hard limit", moved["filter_hard"], lost)
        _settled_rule(host, limit, lost)
        deny = _add(host, f"deny {dual_port.BOTS_ADDRESS6}")
        scene.expect(_lost(host, six, 0.5) > 10, "packets came from a denied address")
        scene.expect_equal("lost over IPv4", _lost(host, four, 0.5), 0)
        stats = host.settled_stats()
        _settled_rule(host, deny, stats["outcomes"]["filter_denied"])
        scene.expect_ledger(stats)
        four.leave()
        six.leave()


def test_forger_denies_no_session(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("victim")).join(1.0)
        wire = scene.wire(host)
        number = _add(host, "malformed 0.0.0.0/0 source above 20 for 1h")
        applied = player.session.view.last_input
        _send(wire, os.urandom(20), source=scene.BOTS)  # too short for any packet
        scene.wait_for("the denial", lambda: _rule(host, number)["denials"] == 1)
        before = host.settled_stats()
        _send(wire, packets.hello(), source=scene.BOTS)
        moved = scene.outcome_delta(before, host.settled_stats())
        scene.expect_equal("strangers of that address", moved.get("filter_offender"), PACKETS)
        player.session.run(1.0)
        scene.expect(player.session.view.last_input >= applied + 30, "the victim was cut off")
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        scene.expect_ledger(host.settled_stats())
        player.leave()
        wire.close()
