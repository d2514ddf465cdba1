# SPDX-License-Identifier: BSD-3-Clause
"""Unnamed network namespaces: one lives as long as the process that holds it, and takes every
interface in it along when it goes."""
import ctypes
import json
import os
import socket

from .. import shell
from .process import Process, wait_until

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Held by a sleeping child. `command()` wraps a command so that it runs inside."""

    def __init__(self, log_path):
        ours = os.readlink("/proc/self/ns/net")
        self.holder = Process(["unshare", "--net", "sleep", "infinity"], log_path)
        self.path = f"/proc/{self.holder.pid}/ns/net"
        if not wait_until(lambda: self._differs(ours), 5):
            self.holder.kill()
            raise shell.CommandFailed(["unshare", "--net"], self.holder.log(), 1)
        self.run("ip", "link", "set", "lo", "up")
        # The kernel's own IPv6 chatter would stand in every counter we compare.
        for scope in ("all", "default"):
            self.run("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{scope}/disable_ipv6 || true")

    def _differs(self, ours):
        try:
            return os.readlink(self.path) != ours or not self.holder.alive()
        except OSError:
            return False

    @property
    def pid(self):
        return self.holder.pid

    def command(self, *words):
        return ["nsenter", f"--net={self.path}", "--", *map(str, words)]

    def run(self, *words, timeout_s=20):
        return shell.check(self.command(*words), timeout_s=timeout_s)

    def socket(self, *arguments):
        """A Python socket that lives inside."""
        with open("/proc/self/ns/net") as home, open(self.path) as there:
            _enter(there.fileno())
            try:
                return socket.socket(*arguments)
            finally:
                _enter(home.fileno())

    def interface(self, name):
        """What `ip` knows about an interface: counters of the kernel's end among it."""
        listing = json.loads(self.run("ip", "-j", "-s", "link", "show", "dev", name))[0]
        counters = listing["stats64"]
        return {"mac": listing["address"], "index": listing["ifindex"],
                "tx_packets": counters["tx"]["packets"], "tx_bytes": counters["tx"]["bytes"],
                "tx_dropped": counters["tx"]["dropped"], "tx_errors": counters["tx"]["errors"],
                "rx_packets": counters["rx"]["packets"], "rx_bytes": counters["rx"]["bytes"],
                "rx_dropped": counters["rx"]["dropped"]}

    def kernel_counters(self):
        """The kernel's counters inside, by protocol: ["Udp"]["InDatagrams"], ["Ip"] …"""
        result = {}
        for line in self.run("cat", "/proc/net/snmp").splitlines():
            protocol, *words = line.replace(":", "").split()
            if protocol in result:
                result[protocol] = dict(zip(result[protocol], map(int, words)))
            else:
                result[protocol] = words
        return result

    def kernel_counters6(self):
        """The same for IPv6: ["Udp6InDatagrams"], ["Ip6InReceives"] …"""
        return {name: int(value) for name, value in
                (line.split() for line in self.run("cat", "/proc/net/snmp6").splitlines())}

    def close(self):
        self.holder.kill()


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
