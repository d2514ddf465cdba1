# SPDX-License-Identifier: BSD-3-Clause
"""The port's device: IOMMU, vfio-pci, binding of a card; interface and queues for AF_XDP; what the
engine's systemd unit must be allowed for it."""
import dataclasses

from .. import shell
from .cores import placement
from .findings import NOTE, OK, REFUSED, Finding, Remove, Run, Write, judge

PCI = "/sys/bus/pci/devices"
NOIOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
VFIO = "/sys/bus/pci/drivers/vfio-pci"
# Cards that DPDK drives through their kernel driver, which keeps the interface: never rebound.
BIFURCATED = {"mlx5_core", "mlx4_core", "mana"}
UNIT_DIRECTORIES = ("/usr/lib/systemd/system", "/usr/local/lib/systemd/system",
                    "/etc/systemd/system")
UNITS = "/etc/systemd/system"
PRIVILEGES = shell.ROOT / "packaging" / "systemd" / "engine"
USER_DRIVERS = {"vfio-pci", "igb_uio", "uio_pci_generic"}
# What the engine starts with at least: dataplane/engine/port_plan.h.
LEAST_MTU = 1248
# net_af_xdp's busy polling wants the interrupt put off this long.
DEFER_IRQS, FLUSH_TIMEOUT_NS = "2", "200000"


def check(machine, settings, force=False, allow_noiommu=False):
    for device in settings.devices:
        for finding in one(machine, settings, device, force, allow_noiommu):
            if len(settings.devices) > 1:
                finding = dataclasses.replace(finding, name=f"{finding.name} of {device.name}")
            yield finding
    if any(machine.exists(f"{place}/{settings.unit_file}.service") for place in UNIT_DIRECTORIES):
        yield unit(machine, settings, allow_noiommu)


def one(machine, settings, device, force, allow_noiommu):
    if device.pci:
        yield from card(machine, settings, device.pci, force, allow_noiommu)
    elif device.kind == "net_af_xdp":
        yield from af_xdp(machine, settings, device.interface)
    else:
        yield Finding("device", NOTE, f"{device.text}: a virtual device", "",
                      "nothing to bind; no IOMMU is needed")


# ---- rights --------------------------------------------------------------------------------------


def privileges(machine, device, allow_noiommu=False):
    """The drop-in of packaging/systemd/engine that a port needs; None if it needs nothing."""
    if device.pci:
        base = f"{PCI}/{device.pci}"
        if machine.link(f"{base}/driver") in BIFURCATED:
            return "mlx5.conf"
        without = machine.link(f"{base}/iommu_group") is None
        return "no-iommu.conf" if without and (allow_noiommu or machine.text(NOIOMMU) == "Y") \
            else None
    return {"net_af_xdp": "af-xdp.conf", "net_tap": "tap.conf"}.get(device.kind)


def unit(machine, settings, allow_noiommu):
    names = sorted({name for device in settings.devices
                    if (name := privileges(machine, device, allow_noiommu))})
    wanted = "\n".join((PRIVILEGES / name).read_text() for name in names).rstrip("\n") or None
    drop_in = f"{UNITS}/{settings.unit}.service.d/port.conf"
    there = machine.text(drop_in)
    reload = ("systemctl", "daemon-reload")
    # In this order the reload comes last both ways.
    actions = [Run((), reload), Write(drop_in, wanted + "\n", there) if wanted else
               Remove(drop_in, there), Run(reload)]
    told = " + ".join(names) or "no rights"
    found = told if there == wanted else "other rights" if there else "no rights"
    return judge("systemd unit", there == wanted, f"{settings.unit}: {found}", told,
                 "the unit gives the engine what a card behind vfio needs: nothing; other ports "
                 "need a drop-in", actions)


# ---- cards ---------------------------------------------------------------------------------------


def card(machine, settings, address, force, allow_noiommu):
    base = f"{PCI}/{address}"
    if not machine.exists(base):
        present = [name for name in machine.names(PCI)
                   if (machine.text(f"{PCI}/{name}/class") or "").startswith("0x02")]
        yield judge("device", False, f"no device {address}", "a network card", "engine.device",
                    advice="network devices here: " + (", ".join(present) or "none"))
        return
    yield placement(machine, settings.hot_cores, machine.number(f"{base}/numa_node"), address)
    driver = machine.link(f"{base}/driver")
    if driver in BIFURCATED:
        yield Finding("device", OK, f"{address} is driven by {driver}", f"{driver}, left in place",
                      "DPDK uses this card beside its kernel driver: no binding, no vfio, and "
                      "the kernel keeps what is not ours")
        return
    grouped = machine.link(f"{base}/iommu_group") is not None
    yield iommu(machine, grouped, allow_noiommu)
    yield vfio_module(machine)
    usable = grouped or allow_noiommu or machine.text(NOIOMMU) == "Y"
    yield binding(machine, address, driver, usable, force)


def iommu(machine, grouped, allow_noiommu):
    why = "the card may reach the engine's memory only: a wrong descriptor harms nobody else"
    if grouped:
        return judge("IOMMU", True, "on", "on", why)
    if machine.text(NOIOMMU) == "Y":
        return Finding("IOMMU", NOTE, "off, vfio is in its unsafe mode", "on", why)
    intel = "GenuineIntel" in (machine.text("/proc/cpuinfo") or "")
    advice = "switch it on in the firmware, and put " + \
        ("intel_iommu=on iommu=pt" if intel else "iommu=pt") + " on the kernel command line"
    actions = [Run(("modprobe", "vfio", "enable_unsafe_noiommu_mode=1")),
               Write(NOIOMMU, "Y", "N")] if allow_noiommu else []
    return judge("IOMMU", False, "off", "on", why, actions, advice + "; a virtual machine may have "
                 "none: --allow-noiommu takes vfio's unsafe mode, where the card can write to any "
                 "memory")


def vfio_module(machine):
    return judge("vfio-pci", machine.exists(VFIO), "loaded" if machine.exists(VFIO) else
                 "not loaded", "loaded", "the driver that hands a card to a program",
                 [Run(("modprobe", "vfio-pci"), ("modprobe", "-r", "vfio-pci"))],
                 "to have it at every start: echo vfio-pci > /etc/modules-load.d/tickwire.conf")


def interfaces_of(machine, address):
    """Kernel interfaces of a PCI device; virtio has one level more."""
    base = f"{PCI}/{address}"
    found = machine.names(f"{base}/net")
    for name in machine.names(base):
        if name.startswith("virtio"):
            found += machine.names(f"{base}/{name}/net")
    return found


def lifelines(machine, interfaces):
    """What this host would lose with these interfaces."""
    reasons = []
    defaults = machine.default_interfaces()
    routed = {route[0] for route in machine.routes()} - defaults
    for interface in interfaces:
        stacked = machine.uppers(interface)
        reasons += [f"{name} carries the default route" for name in sorted(stacked & defaults)]
        reasons += [f"{name} has a route" for name in sorted(stacked & routed)]
        for peer in sorted(machine.ssh_peers()):
            name = machine.interface_towards(peer)
            if name in stacked:
                reasons.append(f"{name} carries an ssh session ({peer})")
    return reasons


def binding(machine, address, driver, usable, force):
    interfaces = interfaces_of(machine, address)
    found = f"{address} is driven by {driver or 'nothing'}" + \
        (f" as {', '.join(interfaces)}" if interfaces else "")
    wanted = "vfio-pci"
    why = "DPDK drives the card itself; the kernel's interface disappears"
    if driver in USER_DRIVERS:
        return judge("binding", driver == "vfio-pci", found, wanted, why,
                     _bind(address, driver, force))
    reasons = lifelines(machine, interfaces)
    if reasons and not force:
        return Finding("binding", REFUSED, found, wanted, why,
                       advice="; ".join(reasons) + ". Use another card, take the address off "
                              "its interface, or --force on a console")
    if not usable:
        return judge("binding", False, found, wanted, why,
                     advice="after the IOMMU is on (see above)")
    return judge("binding", False, found, wanted, why, _bind(address, driver, force))


def _bind(address, driver, force):
    undo = ("dpdk-devbind.py", f"--bind={driver}", address) if driver else \
        ("dpdk-devbind.py", "--unbind", address)
    forced = ("--force",) if force else ()
    return [Run(("dpdk-devbind.py", *forced, "--bind=vfio-pci", address), undo)]


# ---- AF_XDP --------------------------------------------------------------------------------------


def af_xdp(machine, settings, interface):
    base = f"/sys/class/net/{interface}"
    if interface is None or not machine.exists(base):
        yield judge("device", False, f"interface {interface or '(none named)'} is not there",
                    "an interface that is up", "AF_XDP takes packets from a kernel interface",
                    advice="make it, or correct iface= in engine.device")
        return
    state = machine.text(f"{base}/operstate") or "unknown"
    yield judge("device", state in ("up", "unknown"), f"{interface} is {state}", "up",
                "AF_XDP takes packets from a kernel interface",
                [Run(("ip", "link", "set", interface, "up"),
                     ("ip", "link", "set", interface, "down"))])
    yield queues(machine, settings, interface)
    yield mtu(machine, base)
    yield from kernel_limits(machine)
    if machine.exists(f"{base}/device"):
        yield placement(machine, settings.hot_cores, machine.number(f"{base}/device/numa_node"),
                        interface)
        yield busy_polling(machine, base)


def queues(machine, settings, interface):
    base = f"/sys/class/net/{interface}/queues"
    count = sum(name.startswith("rx-") for name in machine.names(base))
    return judge("queues", count >= settings.workers, f"{count} receive queues",
                 f"{settings.workers}, one per worker",
                 "packets of a queue that no worker serves go to the kernel",
                 advice=f"ethtool -L {interface} combined {settings.workers}, or fewer "
                        "engine.workers; a veth has one queue here")


def mtu(machine, base):
    size = machine.number(f"{base}/mtu") or 0
    return judge("MTU", LEAST_MTU <= size <= 1500, f"{size}", f"{LEAST_MTU} to 1500",
                 "a packet has to fit one buffer: jumbo frames are not taken, and one of 1,248 "
                 "bytes has to pass",
                 [Write(f"{base}/mtu", "1500", str(size))])


def kernel_limits(machine):
    jit = "/proc/sys/net/core/bpf_jit_enable"
    if machine.text(jit) is not None:
        yield judge("BPF compiler", machine.text(jit) != "0", machine.text(jit), "1",
                    "the XDP program runs for every packet: compiled, not interpreted",
                    [Write(jit, "1", machine.text(jit))])
    kernel = machine.kernel()
    if kernel < (5, 11):
        yield Finding("locked memory", NOTE, f"kernel {kernel[0]}.{kernel[1]}", "5.11 or later",
                      "older kernels charge AF_XDP's buffers to the limit of locked memory",
                      advice="start the engine with ulimit -l unlimited (the systemd unit does)")


def busy_polling(machine, base):
    actions, found = [], []
    for name, wanted in (("napi_defer_hard_irqs", DEFER_IRQS),
                         ("gro_flush_timeout", FLUSH_TIMEOUT_NS)):
        value = machine.text(f"{base}/{name}")
        found.append(f"{name} {value}")
        if value == "0":
            actions.append(Write(f"{base}/{name}", wanted, value))
    return judge("busy polling", not actions, ", ".join(found), "both above 0",
                 "the worker's own system call drives the card, instead of an interrupt on "
                 "some other core", actions)
