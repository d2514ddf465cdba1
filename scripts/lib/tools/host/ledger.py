# SPDX-License-Identifier: BSD-3-Clause
"""Where every packet went: the engine's ledgers, the port's counters, the interface's, the
kernel's and the bots' own, compared exactly.

On a busy machine some are lost between the bots' sockets and the engine. The kernel counts each of
them: where the engine's end of a veth was not emptied in time (dropped by the interface that sends,
and, since Linux 6.16, an error of UDP's send buffers that the sender is not told of), and where
AF_XDP had no buffer left because the worker did not run (missed by the port). A TAP interface drops
what its reader does not take, which is what its port missed. What waits for ARP it counts for all
namespaces together: see Stack.keep_neighbour."""

LINK_OUTCOMES = ("arp_handled", "arp_malformed", "arp_foreign", "arp_budget", "icmp_answered",
                 "icmp_ignored", "icmp_budget")
ARP_REQUESTS_MAX = 8  # the engine's own, for the one neighbour it has
LINK_LOST_MAX = 8  # ARP and the like of the kernel's, among what was lost
LOST_PER_MILLE = 10  # what a busy machine may lose; an engine that falls behind loses more
BOTS_COUNT = ("packets_sent", "send_errors", "packets_received")  # what is summed of their totals


def _is_tap(stats):
    return stats["ports"][0]["driver"] == "net_tap"


def _lost(stats, interface):
    """Packets, on the way to the engine. What a TAP interface drops its port missed."""
    return interface["tx_dropped"] + (0 if _is_tap(stats) else stats["port_missed"])


def losses(stats, interface):
    """What was lost on the way to the engine and is counted, as text; empty when nothing was."""
    found = {"dropped by the interface": interface["tx_dropped"],
             "missed by the port": stats["port_missed"]}
    return ", ".join(f"{count} {what}" for what, count in found.items() if count > 0)


def lost_too_many(stats, interface):
    """A problem, in a list, or none."""
    handed = interface["tx_packets"] + interface["tx_dropped"]
    lost = _lost(stats, interface)
    if lost * 1000 <= handed * LOST_PER_MILLE:
        return []
    return [f"{lost} of {handed} packets did not reach the engine: {losses(stats, interface)}"]


class _Books:
    """Collects disagreements."""

    def __init__(self):
        self.problems = []

    def equal(self, what, left, right):
        self.between(what, left, right, right)

    def between(self, what, found, least, most):
        if not least <= found <= most:
            wanted = f"{least}" if least == most else f"from {least} to {most}"
            self.problems.append(f"{what}: {found} is not {wanted} (difference {found - least})")

    def port(self, stats, interface):
        """Between the engine and the bots' end of its port."""
        self.equal("sum of all outcomes = packets taken from the port",
                   sum(stats["outcomes"].values()), stats["rx_packets"])
        self.equal("packets taken from the port = packets the port received", stats["rx_packets"],
                   stats["port_rx_packets"])
        self.equal("packets the port could not read", stats["port_errors"], 0)
        if _is_tap(stats):
            self.equal("interface sent = port received", interface["tx_packets"],
                       stats["port_rx_packets"])
            self.equal("interface dropped = port missed", interface["tx_dropped"],
                       stats["port_missed"])
        else:
            self.equal("interface sent = port received + port missed", interface["tx_packets"],
                       stats["port_rx_packets"] + stats["port_missed"])
        self.equal("port sent = interface received", stats["port_tx_packets"],
                   interface["rx_packets"])
        self.equal("engine sent = port sent", stats["sends"]["sent"], stats["port_tx_packets"])

    def sent(self, stats, interface, bots, udp, other):
        """Between the bots' sockets and the interface. `udp`: datagrams that left UDP, and those
        that found no room; `other`: frames that are not theirs and that the engine knows of."""
        self.between("bots sent = kernel's UDP sent, or found no room for", sum(udp),
                     bots["packets_sent"], bots["packets_sent"] + bots["send_errors"])
        handed = interface["tx_packets"] + interface["tx_dropped"]
        lost = _lost(stats, interface)
        known = bots["packets_sent"] + other
        # Of what was lost, a few may have been the kernel's own.
        self.between("interface sent and dropped = bots sent + ARP, ICMP and raw frames", handed,
                     known, known + min(lost, LINK_LOST_MAX))


def reconcile(stats, interface, kernel, bots, other_sent=0):
    """List of disagreements, empty when every packet is accounted for.

    stats: the engine's figures; interface: bots' end of the port; kernel: the kernel's counters in
    the bots' namespace; bots: summed totals of all bots; other_sent: frames sent past the kernel's
    UDP."""
    books = _Books()
    outcomes = stats["outcomes"]
    udp, icmp, ip = kernel["Udp"], kernel["Icmp"], kernel["Ip"]
    books.port(stats, interface)
    books.sent(stats, interface, bots, (udp["OutDatagrams"], udp["SndbufErrors"]),
               sum(outcomes[name] for name in LINK_OUTCOMES) + other_sent)
    books.equal("bots received = kernel's UDP delivered", bots["packets_received"],
                udp["InDatagrams"])
    books.equal("UDP and ICMP arrived = IP arrived", udp["InDatagrams"] + udp["NoPorts"]
                + udp["InErrors"] + icmp["InMsgs"], ip["InReceives"])
    books.between("interface received = IP arrived + ARP answers", interface["rx_packets"],
                  ip["InReceives"],
                  ip["InReceives"] + outcomes["arp_handled"] + ARP_REQUESTS_MAX)
    return books.problems


# What a kernel's IPv6 says of its own accord, and the engine's answer to it.
LINK6_OUTCOMES = ("nd_handled", "nd_malformed", "nd_foreign", "nd_budget", "icmpv6_ignored",
                  "ethernet_foreign")


def reconcile_dual(stats, interface, kernel, kernel6, bots):
    """The same for a port of both families, whose ICMP is pings that were all answered."""
    books = _Books()
    udp = kernel["Udp"]
    books.port(stats, interface)
    books.sent(stats, interface, bots,
               (udp["OutDatagrams"], kernel6["Udp6OutDatagrams"], udp["SndbufErrors"],
                kernel6["Udp6SndbufErrors"]),
               sum(stats["outcomes"][name] for name in LINK_OUTCOMES + LINK6_OUTCOMES))
    books.equal("bots received = kernel's UDP delivered", bots["packets_received"],
                udp["InDatagrams"] + kernel6["Udp6InDatagrams"])
    books.equal("UDP and ICMP over IPv6 arrived = IPv6 arrived", kernel6["Udp6InDatagrams"]
                + kernel6["Udp6NoPorts"] + kernel6["Udp6InErrors"] + kernel6["Icmp6InMsgs"],
                kernel6["Ip6InReceives"])
    return books.problems
