# SPDX-License-Identifier: BSD-3-Clause
"""Thresholds of the configuration, others than the defaults: the same network, the same client, and
another end."""
import collections
import time

import scene
import test_conduct
import test_impair

PLAYERS = 2  # behind each relay
CALM, WORSE, WORST = STATES = ("normal", "conservative", "emergency")
NO_DELAY = {"congestion.conservative_delay_ms": 10000, "congestion.emergency_queue_ms": 10000,
            "congestion.conservative_jitter_ms": 10000,
            "congestion.conservative_jitter_percent": 1000}
NO_LOSS = {"congestion.conservative_loss_percent": 100, "congestion.emergency_loss_percent": 100}
NETWORKS = {"lossy": ["--down", "loss=20%"],
            "narrow": ["--down", "rate=48,queue=16000"],
            "outage": ["--outage", "3:0.6"]}
# Settings, and of networks: the worst state that a link comes to, and whether it is calm after that
# (None: it may be). What a busy machine does to round trips changes none of it.
CASES = [
    ({**NO_DELAY, "congestion.calm_ms": 100}, {"lossy": (WORST, None), "outage": (WORST, True)}),
    ({**NO_DELAY, "congestion.emergency_loss_percent": 100, "congestion.calm_ms": 60000},
     {"lossy": (WORSE, False), "outage": (WORSE, False)}),
    ({**NO_LOSS, "congestion.emergency_queue_ms": 10000}, {"narrow": (WORSE, None)}),
    ({**NO_LOSS, **NO_DELAY}, {"lossy": (CALM, None), "narrow": (CALM, None),
                               "outage": (CALM, None)}),
]
SECONDS = 9  # in which the networks do what they do
PATIENCE_S = 25


class _Links:
    """States of all sessions' links, in the order in which they were seen, by network."""

    def __init__(self, host):
        self.host = host
        self.seen = collections.defaultdict(list)

    def look(self):
        for session in self.host.request("session.list")["sessions"]:
            shown = self.host.request("session.show", connection=session["connection"])
            if "link" in shown:
                states = self.seen[session["account"]]
                states += [] if states[-1:] == [shown["link"]] else [shown["link"]]

    def of(self, network):
        return [states for account, states in self.seen.items() if account.startswith(network)]

    def are(self, network, worst, recovers):
        """True of all its sessions; none is above the worst."""
        found = self.of(network)
        for states in found:
            if worst not in states or any(STATES.index(state) > STATES.index(worst)
                                          for state in states):
                return False
            if recovers is not None and recovers != (CALM in states[states.index(worst):]):
                return False
        return len(found) == PLAYERS


def _play(options, settings, networks):
    with scene.start(options, settings={"world.npcs": 300, **settings}) as host:
        relays, all_bots = {}, []
        for number, network in enumerate(networks):
            relay = test_impair.Relay(host, *NETWORKS[network],
                                      port=test_impair.RELAY_PORT + number)
            relays[network] = relay
            all_bots.append(host.bots(host.tokens(PLAYERS, network), PATIENCE_S + 10, "--via",
                                      relay.via))
        links, start = _Links(host), time.monotonic()

        def done():
            links.look()
            return time.monotonic() - start > SECONDS and all(
                links.are(network, *ends) for network, ends in networks.items())
        scene.process.wait_until(done, PATIENCE_S, 0.3)
        for network, ends in networks.items():
            scene.expect(links.are(network, *ends), f"{settings}, {network}: {links.of(network)}")
            report = relays[network].report()["down"]
            lost = report["lost_random"] + report["lost_outage"]
            scene.expect(lost > 10 or network == "narrow", f"{network}: too good: {report}")
        for bots in all_bots:
            bots.process.stop()


def test_thresholds_of_links_are_configuration(options):
    for settings, networks in CASES:
        _play(options, settings, networks)


def _expect_forgiven(options):
    """As many presses as it likes; all else is forgiven as quickly as it comes."""
    forgiving = {"conduct.actions_per_s": 100, "conduct.decay_per_s": 100000,
                 "conduct.warn_score": 1000, "conduct.throttle_score": 2000,
                 "conduct.disconnect_score": 4000}
    with scene.start(options, settings=forgiving) as host:
        player = scene.Player(host, host.token("hasty")).join(0.5)
        scene.expect_equal("closed", test_conduct.cheat(player, test_conduct.action_spam, 3), None)
        scene.expect_equal("presses too many", host.stats()["conduct"]["actions"], 0)
        points = 0
        for _ in range(20):
            scene.expect_equal("closed", test_conduct.cheat(player, test_conduct.time_jumps, 1),
                               None)
            conduct = host.stats()["conduct"]
            points = 2 * conduct["input_ahead"] + 5 * conduct["time_back"]
            if points > 2 * forgiving["conduct.disconnect_score"] // 3:
                break
        scene.expect(points > 2 * forgiving["conduct.warn_score"], f"charged: {conduct}")
        scene.expect_equal(f"warned: {conduct}", conduct["warned"], 0)
        scene.expect_equal("notices", player.session.notices, [])
        player.leave()


def _expect_throttled_for_ever(options):
    """The defaults would close it at 400 points."""
    patient = {"conduct.warn_score": 20, "conduct.throttle_score": 40,
               "conduct.disconnect_score": 1000000, "conduct.decay_per_s": 1}
    with scene.start(options, settings=patient) as host:
        player = scene.Player(host, host.token("stubborn")).join(0.5)
        connection = f"{player.session.connection_id:08x}"
        for _ in range(20):
            scene.expect_equal("closed", test_conduct.cheat(
                player, test_conduct.too_many_inputs, 1), None)
            shown = host.request("session.show", connection=connection)
            if shown["conduct_score"] > 500:
                break
        scene.expect(shown["conduct_score"] > 500 and shown["conduct"] == "throttled",
                     f"shown: {shown}")
        conduct = host.stats()["conduct"]
        scene.expect(conduct["throttled"] == 1 and conduct["disconnected"] == 0,
                     f"counted: {conduct}")
        player.leave()


def test_thresholds_of_conduct_are_configuration(options):
    _expect_forgiven(options)
    _expect_throttled_for_ever(options)
