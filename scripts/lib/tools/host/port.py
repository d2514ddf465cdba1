# SPDX-License-Identifier: BSD-3-Clause
"""The virtual ports: veth with AF_XDP, or a TAP interface. Engine 198.18.0.1, bots 198.18.0.2
(addresses set aside for benchmarks), all inside namespaces of our own."""
from .namespace import Namespace
from .process import wait_until

ENGINE_ADDRESS = "198.18.0.1"
BOTS_ADDRESS = "198.18.0.2"
PREFIX_LENGTH = 24
ENGINE_INTERFACE = "twengine"
BOTS_INTERFACE = "twbots"


class AfXdpPort:
    """veth pair: the engine's end is driven by net_af_xdp, the other end is the bots' kernel."""

    kind = "af_xdp"
    settings = {}  # of the configuration, beside the first port's
    title = "veth + AF_XDP"

    def __init__(self, directory):
        self.namespaces = []
        try:
            self.engine = self._namespace(directory)
            self.bots = self._namespace(directory)
            self._join(ENGINE_INTERFACE, BOTS_INTERFACE, BOTS_ADDRESS)
        except Exception:
            self.close()
            raise

    def _namespace(self, directory):
        namespace = Namespace(f"{directory}/namespace.log")
        self.namespaces.append(namespace)
        return namespace

    def _join(self, engine_end, bots_end, bots_address):
        self.engine.run("ip", "link", "add", engine_end, "type", "veth", "peer", "name", bots_end)
        self.engine.run("ip", "link", "set", bots_end, "netns", self.bots.pid)
        self.engine.run("ip", "link", "set", engine_end, "up")
        # veth hands packets over with unfinished checksums unless told to finish them.
        self.bots.run("ethtool", "-K", bots_end, "tx", "off")
        self.bots.run("ip", "address", "add", f"{bots_address}/{PREFIX_LENGTH}", "dev", bots_end)
        self.bots.run("ip", "link", "set", bots_end, "up")

    @property
    def device(self):
        return f"net_af_xdp0,iface={ENGINE_INTERFACE}"

    def engine_started(self, _engine):
        """Nothing to do once the engine runs."""

    def close(self):
        for namespace in reversed(self.namespaces):
            namespace.close()
        self.namespaces = []


class TwoPorts(AfXdpPort):
    """A second veth pair beside the first: engine 198.18.1.1, bots 198.18.1.2."""

    title = "two veth + AF_XDP"
    engine_address = "198.18.1.1"
    bots_address = "198.18.1.2"
    bots_interface = BOTS_INTERFACE + "2"

    def __init__(self, directory):
        super().__init__(directory)
        try:
            self._join(ENGINE_INTERFACE + "2", self.bots_interface, self.bots_address)
        except Exception:
            self.close()
            raise

    @property
    def settings(self):
        return {"port2.device": f"net_af_xdp1,iface={ENGINE_INTERFACE}2",
                "port2.address": self.engine_address, "port2.prefix_length": PREFIX_LENGTH,
                "port2.udp_port": 40000}


class TapPort:
    """TAP: the engine makes the interface; bots and engine share one namespace."""

    kind = "tap"
    settings = {}
    title = "TAP"

    def __init__(self, directory):
        self.engine = self.bots = Namespace(f"{directory}/namespace.log")

    @property
    def device(self):
        return f"net_tap0,iface={BOTS_INTERFACE}"

    def engine_started(self, engine):
        """Gives the kernel's end its address, as soon as the engine has made it."""
        def configured():
            if not engine.alive():
                return True  # the caller tells what it said
            try:
                self.bots.run("ip", "link", "set", BOTS_INTERFACE, "up")
                self.bots.run("ip", "address", "replace", f"{BOTS_ADDRESS}/{PREFIX_LENGTH}",
                              "dev", BOTS_INTERFACE)
                return True
            except Exception:  # pylint: disable=broad-except
                return False
        if not wait_until(configured, 10, 0.1):
            raise RuntimeError("the engine made no TAP interface within 10 s")

    def close(self):
        self.bots.close()


class MemifPort:
    """Shared memory with another DPDK process: no interface, no kernel, nobody but a replay."""

    kind = "memif"
    settings = {}
    title = "memif"
    engine = bots = None  # no namespaces: nothing leaves the two processes

    def __init__(self, directory):
        self.socket = f"{directory}/memif.sock"

    def _device(self, role, more="", number=0):
        # The other end is a process of its own, whose first port it is.
        name = f"net_memif{number if role == 'server' else 0}"
        return f"{name},role={role},id={number},socket={self.socket},socket-abstract=no{more}"

    @property
    def device(self):
        return self._device("server", ",mac=02:74:77:00:00:01")

    @property
    def other_end(self):
        return self._device("client")

    def engine_started(self, _engine):
        """Nothing to do once the engine runs."""

    def close(self):
        """The socket goes with its directory."""


class TwoMemifPorts(MemifPort):
    """A second one beside the first: engine 198.18.1.1."""

    title = "two memif"
    engine_address = "198.18.1.1"

    @property
    def settings(self):
        return {"port2.device": self._device("server", ",mac=02:74:77:00:00:03", 1),
                "port2.address": self.engine_address, "port2.prefix_length": PREFIX_LENGTH,
                "port2.udp_port": 40000}

    @property
    def other_end2(self):
        return self._device("client", number=1)


PORTS = {"memif": MemifPort, "two_memif": TwoMemifPorts, "af_xdp": AfXdpPort, "tap": TapPort,
         "two": TwoPorts}
