# SPDX-License-Identifier: BSD-3-Clause
"""Messages between real clients: in order where promised, whole, once, at 5 % loss both ways."""
import messages
import scene

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
        scene.expect_equal("messages relayed", stats["messages_relayed"], sent)
        for counter in ("messages_dropped", "messages_backlog", "messages_stalled"):
            scene.expect_equal(counter, stats[counter], 0)
        scene.expect_ledger(stats)


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
