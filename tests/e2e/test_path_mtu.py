# SPDX-License-Identifier: BSD-3-Clause
"""Paths that carry less than Ethernet: the size of packets settles at what fits, and comes down
when the path does, by itself. The clients' end of the wire takes no frame above its MTU."""
import time
from random import Random

import messages
import scene
from tools.host.port import BOTS_INTERFACE

BOTS = 4
NEAR = {"world.spawn_radius_m": 10}
HEADERS = 28
LARGEST = 1440
# MTU of the interface, and what of 1,200, 1,280, 1,392 and 1,440 fits it.
PATHS = ((1320, 1280), (1300, 1200))
LARGE = Random(1).randbytes(20000)  # nothing makes it smaller


def _set_mtu(host, mtu):
    host.port.bots.run("ip", "link", "set", BOTS_INTERFACE, "mtu", mtu)


def _echo(player, limit_s):
    """A large message there and back; the seconds that took."""
    before = len(player.session.incoming.ready)
    start = time.monotonic()
    player.session.outgoing.send(messages.BULK, LARGE)
    while time.monotonic() < start + limit_s:
        player.session.run(0.05)
        if len(player.session.incoming.ready) > before:
            break
    ready = [text[4:] for _, text in player.session.incoming.ready[before:]]
    scene.expect(ready == [LARGE], f"back within {limit_s} s: {[len(one) for one in ready]}")
    return time.monotonic() - start


def _expect_all_heard(bots):
    status, summary = bots.finish(60)
    scene.expect_equal(f"exit status {summary}", status, 0)
    scene.expect(summary["bulks_sent"] >= BOTS * 3, f"few large messages: {summary}")
    scene.expect_equal("large ones back", summary["bulks_back"], summary["bulks_sent"])
    scene.expect_equal("commands back", summary["commands_back"], summary["commands_sent"])
    scene.expect_equal("messages wrong", summary["messages_wrong"], 0)
    return summary


def _talkers(host, seconds):
    return host.bots(host.tokens(BOTS), seconds, "--talk", "--behaviour", "stand")


def test_packets_settle_at_what_a_smaller_path_takes(options):
    for mtu, size in PATHS:
        with scene.start(options, settings=NEAR) as host:
            _set_mtu(host, mtu)
            summary = _expect_all_heard(_talkers(host, 12))
            scene.expect_equal("size of packets", [summary["datagram_bytes_min"],
                                                   summary["datagram_bytes_max"]], [size, size])
            player = scene.Player(host, host.token("reader")).join(4)
            _echo(player, 5)
            scene.expect(1000 < player.session.endpoint.largest <= size, f"largest datagram at "
                         f"{mtu}: {player.session.endpoint.largest}")
            player.leave()
            stats = host.settled_stats()
            scene.expect_equal("dropped messages", stats["messages_dropped"], 0)
            scene.expect_ledger(stats)


def test_a_path_that_shrinks_is_noticed(options):
    """A black hole for large packets, while people play: nothing is lost for good, nobody is
    thrown out, and it takes no longer than seconds."""
    with scene.start(options, settings=NEAR) as host:
        player = scene.Player(host, host.token("reader")).join(4)
        scene.expect_equal("largest datagram", player.session.endpoint.largest, LARGEST)
        usual_s = _echo(player, 5)
        _set_mtu(host, 1300)
        player.session.run(0.3)  # what had arrived before
        player.session.endpoint.largest = 0
        took_s = _echo(player, 5)
        scene.expect(player.session.endpoint.largest <= 1300 - HEADERS, "too large to arrive")
        print(f"# a large message and its echo: {usual_s:.2f} s, {took_s:.2f} s across the change")
        scene.expect(_echo(player, 5) < 2, "still slow")
        scene.expect_equal("hashes wrong", player.session.view.hashes_wrong, 0)
        player.leave()
        _set_mtu(host, 1500)
        bots = _talkers(host, 12)
        scene.pause(5)
        _set_mtu(host, 1300)
        _expect_all_heard(bots)
        scene.expect_ledger(host.settled_stats())
