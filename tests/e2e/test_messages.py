# SPDX-License-Identifier: BSD-3-Clause
"""Messages between real clients: in order where promised, whole, once, at 5 % loss both ways."""
import time
from random import Random

import messages
import protocol
import scene
import tickwire_client

CLIENTS = 10
SECONDS = 14
NEAR = {"world.spawn_radius_m": 10}


def test_messages_reach_all_who_are_near_at_5_percent_loss(options):
    with scene.start(options, settings=NEAR) as host:
        status, summary = host.bots(host.tokens(CLIENTS), SECONDS, "--talk", "--loss", "5",
                                    "--behaviour", "stand").finish(40)
        scene.expect_equal(f"bots' exit status {summary}", status, 0)
        scene.expect_equal("wrong messages", summary["messages_wrong"], 0)
        scene.expect(summary["commands_sent"] >= CLIENTS * 30, f"few commands: {summary}")
        scene.expect_equal("commands back", summary["commands_back"], summary["commands_sent"])
        scene.expect(summary["bulks_sent"] >= CLIENTS * 3, f"few large messages: {summary}")
        scene.expect_equal("large ones back", summary["bulks_back"], summary["bulks_sent"])
        # The others hear them too; those who connected later missed the first.
        sent = summary["commands_sent"] + summary["bulks_sent"]
        scene.expect(summary["messages_heard"] > sent * (CLIENTS - 1) * 0.8, f"heard: {summary}")
        stats = host.settled_stats()
        scene.expect_equal("messages taken", stats["messages_in"], sent)
        bytes_of = stats["message_bytes"]
        for name in ("in_ordered", "in_bulk", "out_ordered", "out_bulk"):
            scene.expect(bytes_of[name] > 0, f"no bytes {name}: {bytes_of}")
        out = sum(bytes_of[name] for name in ("out_ordered", "out_unordered", "out_bulk"))
        scene.expect(out / 100 < bytes_of["again"] < out, f"5 % are lost: {bytes_of}")
        scene.expect_equal("messages relayed", stats["messages_relayed"], sent)
        for counter in ("messages_dropped", "messages_backlog", "messages_stalled",
                        "messages_damaged"):
            scene.expect_equal(counter, stats[counter], 0)
        # All large ones come compressed, and go on compressed to all who hear them.
        scene.expect_equal("messages decompressed", stats["messages_decompressed"],
                           summary["bulks_sent"])
        scene.expect(stats["messages_compressed"] > summary["bulks_sent"], f"compressed: {stats}")
        scene.expect(stats["compressed_to_bytes"] * 4 < stats["compressed_from_bytes"],
                     f"bytes: {stats}")
        scene.expect_ledger(stats)


def test_compressed_messages_both_ways(options):
    """A block that Python made is read by the server, and one that the server made by Python. One
    that is damaged ends its sender's session, and nobody hears it."""
    with scene.start(options, settings=NEAR) as host:
        speaker = scene.Player(host, host.token("speaker")).join(1)
        listener = scene.Player(host, host.token("listener")).join(1)
        large = b"".join(b"item %d of the world, " % i for i in range(1500))
        block = messages.compress(large)
        scene.expect(len(block) > 4 * messages.RUN_BYTES, f"hardly cut: {len(block)}")
        speaker.session.outgoing.send_compressed(block)
        for _ in range(40):
            speaker.session.run(0.1)
            listener.session.run(0.1)
            if speaker.session.incoming.ready and listener.session.incoming.ready:
                break
        for player in (speaker, listener):
            heard = [message[4:] for _, message in player.session.incoming.ready]
            scene.expect(heard == [large], f"heard: {[len(one) for one in heard]}")
            scene.expect_equal("compressed", player.session.incoming.compressed, 1)
            scene.expect_equal("rejected packets", player.session.rejected, 0)
        stats = host.settled_stats()
        scene.expect_equal("decompressed", stats["messages_decompressed"], 1)
        scene.expect_equal("compressed", stats["messages_compressed"], 2)
        scene.expect(stats["compressed_to_bytes"] < len(large), f"bytes: {stats}")

        speaker.session.outgoing.send_compressed(block[:-1] + bytes([block[-1] ^ 1]) + b"!")
        try:
            speaker.session.run(3)
            raise AssertionError("a damaged message was taken")
        except tickwire_client.Failed as failed:
            scene.expect_equal("end", str(failed), "closed by the server: 6")
        listener.session.run(0.5)
        scene.expect_equal("heard", len(listener.session.incoming.ready), 1)
        stats = host.settled_stats()
        scene.expect_equal("damaged", stats["messages_damaged"], 1)
        scene.expect_ledger(stats)
        listener.leave()


def test_python_client_talks(options):
    """Both implementations: a bulk message and commands go out, come back, and are heard."""
    with scene.start(options, settings=NEAR) as host:
        speaker = scene.Player(host, host.token("speaker")).join(1)
        listener = scene.Player(host, host.token("listener")).join(1)
        large = bytes(i * 7 & 0xFF for i in range(10240))
        said = [f"command {i}".encode() for i in range(5)]
        speaker.session.outgoing.send(messages.BULK, large)
        for command in said:
            speaker.session.outgoing.send(messages.ORDERED, command)
        for _ in range(40):
            speaker.session.run(0.1)
            listener.session.run(0.1)
            if speaker.session.outgoing.is_empty() and len(listener.session.incoming.ready) >= 6:
                break
        for player in (speaker, listener):
            ready = player.session.incoming.ready
            commands = [message[4:] for channel, message in ready if channel == messages.ORDERED]
            scene.expect_equal("commands", commands, said)
            bulk = [message[4:] for channel, message in ready if channel == messages.BULK]
            scene.expect(bulk == [large], f"large messages: {[len(one) for one in bulk]}")
            scene.expect_equal("rejected packets", player.session.rejected, 0)
            player.leave()


def _run_until_closed(players, timeout_s):
    """{name: end}, of those that the server closed."""
    ends = {}
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and len(ends) < 2:
        for name, player in players.items():
            if name in ends:
                continue
            try:
                player.session.run(0.05)
            except tickwire_client.Failed as failed:
                ends[name] = str(failed)
    return ends


def test_who_does_not_keep_up_with_messages_is_closed(options):
    """One acknowledges nothing and plays on; one begins a message and leaves it. Both are told why,
    operators as well; whoever talks to them does not suffer."""
    with scene.start(options, settings=NEAR | {"limits.message_backlog_kb": 80}) as host:
        players = {name: scene.Player(host, host.token(name)).join(0.3)
                   for name in ("speaker", "deaf", "slow")}
        speaker, deaf, slow = players.values()
        ids = {name: f"{player.session.connection_id:08x}" for name, player in players.items()}
        deaf.session.acknowledges = False
        slow.session.send(protocol.frame_messages(messages.entry_part(
            messages.BULK, 0, 60000, 0, bytes(messages.RUN_BYTES))))
        said = [Random(i).randbytes(60000) for i in range(3)]
        for large in said:
            speaker.session.outgoing.send(messages.BULK, large)
        ends = _run_until_closed(players, 20)
        scene.expect_equal("ends", ends, {"deaf": "closed by the server: 10",
                                          "slow": "closed by the server: 11"})
        for name, reason in (("deaf", "backlog"), ("slow", "stalled")):
            shown = host.cli("session", "show", ids[name])
            scene.expect_equal(f"{name} in {shown}", (shown["state"], shown["reason"]),
                               ("ended", reason))
        for _ in range(40):
            speaker.session.run(0.1)
            if len(speaker.session.incoming.ready) == len(said):
                break
        heard = [message[4:] for _, message in speaker.session.incoming.ready]
        scene.expect(heard == said, f"heard: {[len(one) for one in heard]}")
        stats = host.settled_stats()
        scene.expect_equal("closed for a backlog", stats["messages_backlog"], 1)
        scene.expect_equal("closed for a message left", stats["messages_stalled"], 1)
        scene.expect_equal("dropped", stats["messages_dropped"], 0)
        scene.expect_ledger(stats)
        speaker.leave()


def test_packets_grow_to_what_the_path_takes(options):
    """The server tries; what then comes back in parts comes in fewer packets. A client that would
    not answer larger packets than it can read gets none."""
    with scene.start(options, settings=NEAR) as host:
        player = scene.Player(host, host.token("reader")).join(1)
        scene.expect_equal("MTU of the welcome", player.welcome.mtu, protocol.DATAGRAM_MAX)
        player.session.run(3)
        scene.expect_equal("largest datagram", player.session.endpoint.largest,
                           protocol.DATAGRAM_MAX)
        large = Random(1).randbytes(20000)  # nothing makes it smaller
        player.session.outgoing.send(messages.BULK, large)
        before = player.session.endpoint.received
        player.session.endpoint.largest = 0
        for _ in range(40):
            player.session.run(0.1)
            if player.session.incoming.ready:
                break
        ready = [message[4:] for _, message in player.session.incoming.ready]
        scene.expect(ready == [large], f"messages back: {[len(one) for one in ready]}")
        scene.expect(player.session.endpoint.largest > protocol.DATAGRAM_BASE,
                     f"largest of {player.session.endpoint.received - before} datagrams: "
                     f"{player.session.endpoint.largest}")
        scene.expect_equal("rejected packets", player.session.rejected, 0)
        scene.expect_ledger(host.settled_stats())
        player.leave()
