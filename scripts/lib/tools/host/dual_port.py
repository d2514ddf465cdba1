# SPDX-License-Identifier: BSD-3-Clause
"""Ports whose ends have addresses of both families: engine fd12::1, bots fd12::2."""
from .port import BOTS_INTERFACE, AfXdpPort, TapPort
from .process import wait_until

ENGINE_ADDRESS6 = "fd12::1"
BOTS_ADDRESS6 = "fd12::2"
PREFIX_LENGTH6 = 64
# The bots' kernel says nothing of its own accord but listener reports, which cannot be turned off:
# no probes for its address, no questions for routers, no link-local address.
QUIET = {"disable_ipv6": 0, "accept_dad": 0, "dad_transmits": 0, "router_solicitations": 0,
         "accept_ra": 0, "autoconf": 0, "addr_gen_mode": 1}


SETTINGS = {"engine.address6": ENGINE_ADDRESS6, "engine.prefix_length6": PREFIX_LENGTH6}


def _give_address(bots, engine):
    """The address comes up once the engine sees every frame: the kernel greets with reports."""
    if not wait_until(lambda: '"ready"' in engine.log() or not engine.alive(), 10, 0.05):
        raise RuntimeError("the engine is not ready within 10 s")
    for name, value in QUIET.items():
        bots.run("sh", "-c", f"echo {value} > /proc/sys/net/ipv6/conf/{BOTS_INTERFACE}/{name}")
    bots.run("ip", "address", "replace", f"{BOTS_ADDRESS6}/{PREFIX_LENGTH6}", "dev",
             BOTS_INTERFACE, "nodad")


class DualPort(AfXdpPort):
    title = "veth + AF_XDP, IPv4 and IPv6"
    settings = SETTINGS

    def engine_started(self, engine):
        _give_address(self.bots, engine)


class DualTapPort(TapPort):
    title = "TAP, IPv4 and IPv6"
    settings = SETTINGS

    def engine_started(self, engine):
        super().engine_started(engine)
        _give_address(self.bots, engine)
