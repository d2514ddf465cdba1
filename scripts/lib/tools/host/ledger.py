# SPDX-License-Identifier: BSD-3-Clause
"""Where every packet went: the engine's ledgers, the port's counters, the interface's, the
kernel's and the bots' own, compared exactly."""

LINK_OUTCOMES = ("arp_handled", "arp_malformed", "arp_foreign", "arp_budget", "icmp_answered",
                 "icmp_ignored", "icmp_budget")
ARP_REQUESTS_MAX = 8  # the engine's own, for the one neighbour it has


def reconcile(stats, interface, kernel, bots, other_sent=0):
    """List of disagreements, empty when every packet is accounted for.

    stats: the engine's figures; interface: bots' end of the port; kernel: the kernel's counters in
    the bots' namespace; bots: summed totals of all bots; other_sent: frames sent past the kernel's
    UDP."""
    problems = []

    def equal(what, left, right):
        if left != right:
            problems.append(f"{what}: {left} is not {right} (difference {left - right})")

    outcomes = stats["outcomes"]
    equal("sum of all outcomes = packets taken from the port", sum(outcomes.values()),
          stats["rx_packets"])
    equal("packets taken from the port = packets the port received", stats["rx_packets"],
          stats["port_rx_packets"])
    equal("packets the port missed", stats["port_missed"], 0)
    equal("packets the port could not read", stats["port_errors"], 0)
    equal("interface sent = port received", interface["tx_packets"], stats["port_rx_packets"])
    equal("port sent = interface received", stats["port_tx_packets"], interface["rx_packets"])
    udp, icmp, ip = kernel["Udp"], kernel["Icmp"], kernel["Ip"]
    link = sum(outcomes[name] for name in LINK_OUTCOMES)
    equal("bots sent = kernel's UDP sent", bots["packets_sent"], udp["OutDatagrams"])
    equal("bots sent + ARP and ICMP + raw frames = interface sent",
          bots["packets_sent"] + link + other_sent, interface["tx_packets"])
    equal("bots received = kernel's UDP delivered", bots["packets_received"], udp["InDatagrams"])
    equal("UDP and ICMP arrived = IP arrived", udp["InDatagrams"] + udp["NoPorts"]
          + udp["InErrors"] + icmp["InMsgs"], ip["InReceives"])
    equal("engine sent = port sent", stats["sends"]["sent"], stats["port_tx_packets"])
    arp_arrived = interface["rx_packets"] - ip["InReceives"]
    if not 0 <= arp_arrived <= outcomes["arp_handled"] + ARP_REQUESTS_MAX:
        problems.append(f"interface received {interface['rx_packets']}, IP {ip['InReceives']}: "
                        f"the difference is more than the ARP answers")
    return problems


# What a kernel's IPv6 says of its own accord, and the engine's answer to it.
LINK6_OUTCOMES = ("nd_handled", "nd_malformed", "nd_foreign", "nd_budget", "icmpv6_ignored",
                  "ethernet_foreign")


def reconcile_dual(stats, interface, kernel, kernel6, bots):
    """The same for a port of both families, whose ICMP is pings that were all answered."""
    problems = []

    def equal(what, left, right):
        if left != right:
            problems.append(f"{what}: {left} is not {right} (difference {left - right})")

    outcomes = stats["outcomes"]
    equal("sum of all outcomes = packets taken from the port", sum(outcomes.values()),
          stats["rx_packets"])
    equal("packets taken from the port = packets the port received", stats["rx_packets"],
          stats["port_rx_packets"])
    equal("packets the port missed", stats["port_missed"], 0)
    equal("interface sent = port received", interface["tx_packets"], stats["port_rx_packets"])
    equal("port sent = interface received", stats["port_tx_packets"], interface["rx_packets"])
    equal("engine sent = port sent", stats["sends"]["sent"], stats["port_tx_packets"])
    link = sum(outcomes[name] for name in LINK_OUTCOMES + LINK6_OUTCOMES)
    equal("bots sent = kernel's UDP sent", bots["packets_sent"],
          kernel["Udp"]["OutDatagrams"] + kernel6["Udp6OutDatagrams"])
    equal("bots sent + ARP, ICMP, neighbour discovery and reports = interface sent",
          bots["packets_sent"] + link, interface["tx_packets"])
    equal("bots received = kernel's UDP delivered", bots["packets_received"],
          kernel["Udp"]["InDatagrams"] + kernel6["Udp6InDatagrams"])
    equal("UDP and ICMP over IPv6 arrived = IPv6 arrived", kernel6["Udp6InDatagrams"]
          + kernel6["Udp6NoPorts"] + kernel6["Icmp6InMsgs"], kernel6["Ip6InReceives"])
    return problems
