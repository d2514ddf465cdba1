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


def _frame(ticks):
    """One input of nothing, for this tick."""
    return scene.python_client.protocol.frame_inputs(ticks, [(0, 0, 0, 0)])


def _shown(host, player):
    player.session.run(0.2)
    return host.request("session.show", connection=f"{player.session.connection_id:08x}")


def _expect_more_rate(options):
    """Ten packets a tick are what the operator permits; or ten for a few seconds."""
    for rate, burst in ((1000, 1), (150, 60)):
        settings = {"limits.session_pps": 10000, "conduct.input_rate_percent": rate,
                    "conduct.input_burst_s": burst}
        with scene.start(options, settings=settings) as host:
            player = scene.Player(host, host.token("hasty")).join(0.5)
            scene.expect_equal("closed", test_conduct.cheat(
                player, test_conduct.too_many_inputs, 3), None)
            scene.expect_equal(f"at {rate} % with {burst} s of tolerance",
                               host.stats()["conduct"]["input_packets"], 0)
            player.leave()


def _expect_other_times_and_points(options):
    """A third of a second back is forgiven, a second is not, nor two thirds ahead: each costs what
    the operator says."""
    settings = {"conduct.input_ahead_ticks": 30, "conduct.time_back_ms": 500,
                "conduct.input_ahead_points": 70, "conduct.time_back_points": 90,
                "conduct.decay_per_s": 1}
    with scene.start(options, settings=settings) as host:
        player = scene.Player(host, host.token("traveller")).join(1.5)
        session = player.session
        session.send(_frame(session.newest_tick - 20))
        score = _shown(host, player)["conduct_score"]
        scene.expect_equal("score after 20 ticks back", score, 0)
        session.send(_frame(session.newest_tick + 40))
        score = _shown(host, player)["conduct_score"]
        scene.expect(68 <= score <= 70, f"score after 40 ticks ahead: {score}")
        session.send(_frame(session.newest_tick - 60))
        score = _shown(host, player)["conduct_score"]
        scene.expect(156 <= score <= 160, f"score after 60 ticks back: {score}")
        player.leave()


def _throttled(options, percent):
    """The part of a throttled session's inputs that is dropped; the stage when its score is at 80 %
    of the warning."""
    settings = {"conduct.input_ahead_points": 90, "conduct.warn_score": 100,
                "conduct.throttle_score": 150, "conduct.throttled_percent": percent,
                "conduct.forgive_percent": percent, "conduct.decay_per_s": 20}
    with scene.start(options, settings=settings) as host:
        player = scene.Player(host, host.token("slow")).join(0.5)
        for _ in range(2):
            player.session.send(_frame(player.session.newest_tick + 100000))
        player.session.run(1.2)  # figures come once a second
        before = host.stats()["inputs"]
        player.session.run(2.2)
        after = host.stats()["inputs"]
        dropped, routed = (after[name] - before[name] for name in ("conduct", "routed"))
        player.session.run(1.0)
        stage = _shown(host, player)["conduct"]
        player.leave()
        return dropped / max(1, dropped + routed), stage


def _expect_other_throttle(options):
    # What is dropped with one packet does not come with another that repeats it.
    many, forgiven = _throttled(options, 100)
    few, kept = _throttled(options, 10)
    scene.expect(many < 0.1 and few > 0.7, f"dropped: {many:.0%} at 100 %, {few:.0%} at 10 %")
    scene.expect_equal("stages with 80 to 110 points", (forgiven, kept), ("good", "throttled"))


def test_thresholds_of_conduct_are_configuration(options):
    _expect_forgiven(options)
    _expect_throttled_for_ever(options)
    _expect_more_rate(options)
    _expect_other_times_and_points(options)
    _expect_other_throttle(options)
