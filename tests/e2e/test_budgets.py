# SPDX-License-Identifier: BSD-3-Clause
"""Floods are counted and dropped by their own budgets; a player beside them keeps playing."""
import os

import scene
from tools.host import packets

FLOOD = 2000


def _flood(wire, make):
    for _ in range(FLOOD):
        wire.send(make())


def test_floods_stay_inside_their_budgets(options):
    limits = {"limits.stranger_pps": 200, "limits.arp_pps": 50, "limits.icmp_pps": 50}
    with scene.start(options, settings=limits) as host:
        player = scene.Player(host, host.token("beside")).join(1.0)
        wire = scene.wire(host)
        kinds = {
            "stranger_budget": ("cookie_sent", lambda: _udp(wire, packets.hello())),
            "arp_budget": ("arp_handled", lambda: _arp(wire)),
            "icmp_budget": ("icmp_answered", lambda: _echo(wire)),
        }
        for counter, (served, make) in kinds.items():
            before = host.settled_stats()
            frame = make()
            _flood(wire, lambda: frame)
            after = host.settled_stats()
            moved = scene.outcome_delta(before, after)
            counted = (moved.get(counter, 0) + moved.get(served, 0)
                       - _own_arp(served, moved))
            # On a machine that is busy with other things the kernel drops part of a flood.
            missed = after["port_missed"] - before["port_missed"]
            scene.expect(moved.get(counter, 0) > (FLOOD - missed) / 2,
                         f"{counter}: {moved}, the port missed {missed}")
            scene.expect(FLOOD - missed <= counted <= FLOOD,
                         f"{counter} + {served}: {counted} of {FLOOD}, the port missed {missed}")
            scene.expect_ledger(after)
        applied = player.session.view.last_input
        player.session.run(1.0)
        scene.expect(player.session.view.last_input >= applied + 30, "inputs were not applied")
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        player.leave()
        wire.close()


def _own_arp(served, moved):
    """The kernel's own ARP between the two readings: what exceeds the flood."""
    if served != "arp_handled":
        return 0
    return max(0, moved.get("arp_handled", 0) + moved.get("arp_budget", 0) - FLOOD)


def _udp(wire, payload):
    return packets.ethernet(packets.ipv4(packets.udp(payload)), wire.engine_mac, wire.mac)


def _arp(wire):
    body = packets.struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, packets.mac_bytes(wire.mac),
                               bytes([198, 18, 0, 2]), bytes(6), bytes([198, 18, 0, 1]))
    return packets.ethernet(body, wire.engine_mac, wire.mac, packets.ETH_P_ARP)


def _echo(wire):
    echo = packets.struct.pack("!BBHHH", 8, 0, 0, 7, 7) + os.urandom(32)
    echo = echo[:2] + packets.struct.pack("!H", packets.checksum(echo)) + echo[4:]
    return packets.ethernet(packets.ipv4(echo, protocol=1), wire.engine_mac, wire.mac)


def test_tenfold_input_rate_is_refused(options):
    with scene.start(options) as host:
        player = scene.Player(host, host.token("fast")).join(1.0)
        session = player.session
        before = host.settled_stats()
        for _ in range(600):  # as fast as Python goes: within a second on any machine
            session.tick(0.0, False)
        after = host.settled_stats()
        over = scene.outcome_delta(before, after).get("session_budget", 0)
        scene.expect(over > 0, "no packet was above the session's rate")
        applied = sum(after["shard_inputs"][name] - before["shard_inputs"][name]
                      for name in ("applied", "late"))
        scene.expect(applied <= 150, f"{applied} inputs were applied in about a second")
        scene.expect_ledger(after)
        player.leave()
