# SPDX-License-Identifier: BSD-3-Clause
"""Made-up machines: a directory that looks like /sys and /proc of a host."""
import dataclasses
import pathlib
import shutil
import tempfile

from tools.setup import machine, settings

CARD = "0000:3b:00.0"
SETTINGS = settings.Settings(
    devices=(settings.Device(CARD),), main_core=0, worker_cores=(2, 3), shard_cores=(4,),
    workers=2, shards=1, memory_mb=4096, hugepages="auto", idle="poll")


def with_settings(device=None, **changes):
    if device:
        changes["devices"] = tuple(settings.Device(text) for text in device.split())
    return dataclasses.replace(SETTINGS, **changes)


class Host:
    """Use as a context manager. Two sockets of 8 cores (0-7, 8-15) unless told otherwise."""

    def __init__(self, nodes=("0-7", "8-15"), environment=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tickwire-host-"))
        self.machine = machine.Machine(self.root, environment or {})
        last = max(cpu for node in nodes for cpu in machine.parse_cpus(node))
        self.write("/sys/devices/system/cpu/online", f"0-{last}")
        self.write("/sys/devices/system/cpu/isolated", "")
        self.write("/sys/devices/system/cpu/nohz_full", " (null)")
        for number, cpus in enumerate(nodes):
            node = f"/sys/devices/system/node/node{number}"
            self.write(f"{node}/cpulist", cpus)
            for size in (2048, 1048576):
                self.pages(number, size, 0)
        self.write("/proc/swaps", "Filename Type Size Used Priority")
        self.write("/proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 60000000 kB")
        self.write("/proc/sys/kernel/osrelease", "6.1.0-13-amd64")
        self.write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never")
        clock = "/sys/devices/system/clocksource/clocksource0"
        self.write(f"{clock}/current_clocksource", "tsc")
        self.write(f"{clock}/available_clocksource", "tsc hpet acpi_pm")

    def write(self, name, text):
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def read(self, name):
        return self.machine.text(name)

    def link(self, name, target):
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def pages(self, node, size_kb, count):
        base = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{size_kb}kB"
        self.write(f"{base}/nr_hugepages", str(count))
        self.write(f"{base}/free_hugepages", str(count))

    def process(self, pid, command):
        self.write(f"/proc/{pid}/comm", command)

    def card(self, *, driver="ice", interface="eth1", node=0, grouped=True, virtio=False):
        base = f"/sys/bus/pci/devices/{CARD}"
        self.write(f"{base}/class", "0x020000")
        self.write(f"{base}/numa_node", str(node))
        if driver:
            self.link(f"{base}/driver", f"../../../bus/pci/drivers/{driver}")
        if grouped:
            self.link(f"{base}/iommu_group", "../../../kernel/iommu_groups/7")
        if interface:
            self.write(f"{base}/{'virtio0/' if virtio else ''}net/{interface}/mtu", "1500")
            self.interface(interface)
        return self

    def interface(self, name, *, queues=1, state="up", mtu=1500, physical=False):
        base = f"/sys/class/net/{name}"
        self.write(f"{base}/operstate", state)
        self.write(f"{base}/mtu", str(mtu))
        for queue in range(queues):
            self.write(f"{base}/queues/rx-{queue}/rps_cpus", "0")
        if physical:
            self.write(f"{base}/device/numa_node", "0")
            self.write(f"{base}/napi_defer_hard_irqs", "0")
            self.write(f"{base}/gro_flush_timeout", "0")
        return self

    def routes(self, *rows):
        """Rows (interface, destination and mask as the kernel prints them)."""
        head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT"
        lines = [f"{interface} {destination} 00000000 0003 0 0 0 {mask} 0 0 0"
                 for interface, destination, mask in rows]
        self.write("/proc/net/route", "\n".join([head, *lines]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)
