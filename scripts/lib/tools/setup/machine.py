# SPDX-License-Identifier: BSD-3-Clause
"""What a machine is: read from /sys, /proc and /etc below a root, which may be a made-up one."""
import collections
import pathlib
import socket
import struct


def parse_cpus(text):
    """{0, 1, 2, 8} from "0-2,8"."""
    cpus = set()
    for part in (text or "").strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def format_cpus(cpus):
    """"0-2,8" from {0, 1, 2, 8}."""
    parts = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][1] + 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


class Machine:
    def __init__(self, root="/", environment=None):
        self.root = pathlib.Path(root)
        self.environment = environment or {}

    @property
    def is_real(self):
        return self.root == pathlib.Path("/")

    # ---- files -----------------------------------------------------------------------------------

    def path(self, name):
        return self.root / name.lstrip("/")

    def text(self, name):
        """Contents without the last line break; None if there is no such file."""
        try:
            return self.path(name).read_text(errors="replace").rstrip("\n")
        except OSError:
            return None

    def number(self, name):
        text = (self.text(name) or "").strip()
        return int(text) if text.lstrip("-").isdigit() else None

    def names(self, directory):
        try:
            return sorted(entry.name for entry in self.path(directory).iterdir())
        except OSError:
            return []

    def exists(self, name):
        return self.path(name).exists()

    def link(self, name):
        """Last part of a symbolic link's target; None if it is none."""
        try:
            return pathlib.PurePath(self.path(name).readlink()).name
        except OSError:
            return None

    def running(self, command):
        """Its process numbers."""
        return [pid for pid in self.names("/proc")
                if pid.isdigit() and self.text(f"/proc/{pid}/comm") == command]

    def hugepages_of(self, pid):
        """{(node, size in KB): pages}; None where the kernel or its owner does not tell."""
        text = self.text(f"/proc/{pid}/numa_maps")
        if not text:
            return None
        pages = collections.Counter()
        for words in (line.split() for line in text.splitlines()):
            values = dict(word.split("=", 1) for word in words if "=" in word)
            if "huge" in words:
                for name, count in values.items():
                    if name[:1] == "N" and name[1:].isdigit():
                        pages[int(name[1:]), int(values["kernelpagesize_kB"])] += int(count)
        return pages

    def kernel(self):
        """(6, 1) of "6.1.0-13-amd64"; (0, 0) if unknown."""
        parts = (self.text("/proc/sys/kernel/osrelease") or "").split(".")
        digits = [part for part in parts[:2] if part.isdigit()]
        return (int(digits[0]), int(digits[1])) if len(digits) == 2 else (0, 0)

    # ---- cores -----------------------------------------------------------------------------------

    def cpus(self):
        return parse_cpus(self.text("/sys/devices/system/cpu/online"))

    def nodes(self):
        """{node: cpus}; one node 0 where the kernel names none."""
        base = "/sys/devices/system/node"
        nodes = {int(name[4:]): parse_cpus(self.text(f"{base}/{name}/cpulist"))
                 for name in self.names(base) if name.startswith("node") and name[4:].isdigit()}
        return nodes or {0: self.cpus()}

    def node_of(self, cpu):
        return next((node for node, cpus in self.nodes().items() if cpu in cpus), None)

    def siblings(self, cpu):
        """The cpus of the same physical core, itself included."""
        base = f"/sys/devices/system/cpu/cpu{cpu}/topology"
        return parse_cpus(self.text(f"{base}/thread_siblings_list")) | {cpu}

    # ---- network ---------------------------------------------------------------------------------

    def uppers(self, interface):
        """The interface and everything stacked on it: bonds, bridges, VLANs."""
        found, todo = set(), [interface]
        while todo:
            name = todo.pop()
            if name in found:
                continue
            found.add(name)
            base = f"/sys/class/net/{name}"
            todo += [entry.removeprefix("upper_") for entry in self.names(base)
                     if entry.startswith("upper_")]
            master = self.link(f"{base}/master")
            todo += [master] if master else []
        return found

    def routes(self):
        """[(interface, network as integer, prefix length, family)], IPv4 and IPv6."""
        found = []
        for line in (self.text("/proc/net/route") or "").splitlines()[1:]:
            words = line.split()
            if len(words) >= 8:
                network = struct.unpack(">I", struct.pack("<I", int(words[1], 16)))[0]
                found.append((words[0], network, int(words[7], 16).bit_count(), 4))
        for line in (self.text("/proc/net/ipv6_route") or "").splitlines():
            words = line.split()
            # Reject routes (flag 0x200) lead nowhere.
            if len(words) == 10 and words[9] != "lo" and not int(words[8], 16) & 0x200:
                found.append((words[9], int(words[0], 16), int(words[1], 16), 6))
        return found

    def default_interfaces(self):
        return {interface for interface, _, length, _ in self.routes() if length == 0}

    def interface_towards(self, address):
        """The interface of the longest matching prefix; None if there is no route."""
        value, family = _number_of(address)
        bits = 32 if family == 4 else 128
        matching = [(length, interface) for interface, network, length, kind in self.routes()
                    if kind == family and value >> (bits - length) == network >> (bits - length)]
        return max(matching)[1] if matching else None

    def ssh_peers(self):
        """Addresses of everyone connected to TCP port 22 here, and of this very session."""
        peers = set(self.environment.get("SSH_CONNECTION", "").split()[:1])
        for name in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in (self.text(name) or "").splitlines()[1:]:
                words = line.split()
                if len(words) > 3 and words[1].endswith(":0016") and words[3] == "01":
                    peers.add(_address_of(words[2].split(":")[0]))
        return peers


def _number_of(address):
    mapped = address.rsplit(":", 1)[-1] if address.lower().startswith("::ffff:") else address
    family = socket.AF_INET6 if ":" in mapped else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, mapped), "big"), 4 if "." in mapped else 6


def _address_of(digits):
    """An address as /proc/net/tcp writes it: 32-bit words in the host's (little-endian) order."""
    raw = b"".join(struct.pack("<I", int(digits[i:i + 8], 16)) for i in range(0, len(digits), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
