# SPDX-License-Identifier: BSD-3-Clause
"""scripts/host-setup on made-up machines: what it finds, what it would do, what it refuses, and
that it puts everything back.

usage: test_host_setup.py [TICKWIRE]    with the built CLI, the whole command is run, too
"""
import dataclasses
import os
import pathlib
import stat
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts" / "lib"))
sys.path.insert(0, str(HERE))
import host_setup  # noqa: E402
from made_up import CARD, SETTINGS, Host, with_settings  # noqa: E402
from tools import checks, shell  # noqa: E402
from tools.setup import changes, findings, machine, settings  # noqa: E402
from tools.setup import device as module  # noqa: E402
from tools.setup.settings import Device  # noqa: E402

THERE = "00000000", "00000000"  # the default route
LAN = "0000A8C0", "0000FFFF"    # 192.168.0.0/16


def equal(what, found, wanted):
    assert found == wanted, f"{what}: {found!r}, expected {wanted!r}"


def examine(host, wanted=SETTINGS, **options):
    named = {f"--{key.replace('_', '-')}": value for key, value in options.items()}
    return {finding.name: finding for finding in host_setup.examine(host.machine, wanted, named)}


def state(host, name, wanted=SETTINGS, **options):
    return examine(host, wanted, **options)[name].state


def commands_of(finding):
    return [action.command for action in finding.actions if isinstance(action, findings.Run)]


# ---- cores ---------------------------------------------------------------------------------------


def test_cpu_lists():
    equal("parsed", machine.parse_cpus("0-2,8\n"), {0, 1, 2, 8})
    equal("nothing", machine.parse_cpus(" (null)"), set())
    equal("formatted", machine.format_cpus({8, 2, 0, 1}), "0-2,8")
    equal("none", machine.format_cpus(set()), "")


def test_card_on_the_other_socket():
    with Host() as host:
        host.card(node=1)
        found = examine(host)["NUMA placement"]
        equal("state", found.state, findings.ADVICE)
        assert "2-4" in found.found and "8-15" in found.wanted, found
        good = with_settings(worker_cores=(8, 9), shard_cores=(10,))
        equal("cores beside the card", state(host, "NUMA placement", good), findings.OK)


def test_card_without_a_node():
    with Host(nodes=("0-7",)) as host:
        host.card(node=-1)
        equal("state", state(host, "NUMA placement"), findings.NOTE)


def test_isolation_is_told_and_written_only_when_asked():
    line = "isolcpus=managed_irq,domain,2-4 nohz_full=2-4 rcu_nocbs=2-4"
    with Host() as host:
        host.card()
        found = examine(host)["core isolation"]
        equal("state", found.state, findings.ADVICE)
        assert line in found.advice and not found.actions, found
        asked = examine(host, bootloader=True)["core isolation"]
        assert line in asked.actions[1].text, asked
        equal("commands", commands_of(asked), [(), ("update-grub",)])
        host.write("/sys/devices/system/cpu/isolated", "2-5")
        equal("tickless still missing", state(host, "core isolation"), findings.ADVICE)
        host.write("/sys/devices/system/cpu/nohz_full", "2-5")
        equal("both", state(host, "core isolation"), findings.OK)


def test_isolation_of_a_second_engine_keeps_that_of_the_first():
    with Host() as host:
        host.card()
        second = dataclasses.replace(SETTINGS, worker_cores=(6,), shard_cores=(7,))
        work = changes.Changes(host.machine, lambda text: None, lambda command: (0, ""))
        for wanted in (SETTINGS, second, SETTINGS):
            work.apply([examine(host, wanted, bootloader=True)["core isolation"]])
        written = host.read("/etc/default/grub.d/60-tickwire.cfg")
        assert "isolcpus=managed_irq,domain,2-4,6-7 nohz_full=2-4,6-7 " in written, written
        host.write("/sys/devices/system/cpu/isolated", "1")
        found = examine(host, second)["core isolation"]
        assert "isolcpus=managed_irq,domain,1-4,6-7 " in found.advice, found


def test_cores_that_are_not_there_or_not_named():
    with Host(nodes=("0-3",)) as host:
        host.card()
        found = examine(host)["cores"]
        assert found.state == findings.ADVICE and "core 4 is not there" in found.found, found
        none = examine(host, with_settings(worker_cores=(), shard_cores=()))
        equal("unnamed", none["cores"].state, findings.NOTE)
        assert "core isolation" not in none, "nothing is isolated without names"


def test_main_thread_on_a_polled_core():
    with Host() as host:
        host.card()
        equal("apart", state(host, "cores"), findings.OK)
        equal("together", state(host, "cores", with_settings(main_core=3)), findings.ADVICE)
        equal("backoff", state(host, "cores", with_settings(idle="backoff")), findings.NOTE)


def test_hyper_threads():
    with Host() as host:
        host.card()
        for cpu, pair in ((2, "2-3"), (3, "2-3"), (4, "4,12")):
            host.write(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", pair)
        found = examine(host)["hyper-threads"]
        assert found.state == findings.ADVICE and "2-3 share" in found.found, found
        assert "leave 12 idle" in found.advice, found
        apart = with_settings(worker_cores=(2, 4), shard_cores=(5,))
        equal("apart", state(host, "hyper-threads", apart), findings.OK)


def test_interrupts_move_away_and_come_back():
    with Host() as host:
        host.card()
        host.write("/proc/irq/24/smp_affinity_list", "0-15")
        host.write("/proc/irq/25/smp_affinity_list", "0-1")
        host.write("/proc/irq/26/smp_affinity_list", "3")
        host.write("/proc/irq/default_smp_affinity", "ffff")
        before = {n: host.read(f"/proc/irq/{n}/smp_affinity_list") for n in (24, 25, 26)}
        work = changes.Changes(host.machine, lambda text: None)
        work.apply([examine(host)["interrupts"]])
        equal("24", host.read("/proc/irq/24/smp_affinity_list"), "0-1,5-15")
        equal("25 is left", host.read("/proc/irq/25/smp_affinity_list"), "0-1")
        equal("26 had no other", host.read("/proc/irq/26/smp_affinity_list"), "0-1,5-15")
        equal("new ones", host.read("/proc/irq/default_smp_affinity"), "ffe3")
        equal("then", state(host, "interrupts"), findings.OK)
        work.undo()
        equal("undone", {n: host.read(f"/proc/irq/{n}/smp_affinity_list") for n in before}, before)
        equal("mask undone", host.read("/proc/irq/default_smp_affinity"), "ffff")
        equal("record", work.record(), [])


def test_interrupts_beyond_32_cores():
    with Host(nodes=("0-63",)) as host:
        host.card()
        host.write("/proc/irq/default_smp_affinity", "ffffffff,ffffffff")
        action = examine(host)["interrupts"].actions[0]
        equal("mask", action.text, "ffffffff,ffffffe3")


def test_irqbalance():
    with Host() as host:
        host.card()
        equal("absent", state(host, "irqbalance"), findings.OK)
        host.process(77, "irqbalance")
        found = examine(host)["irqbalance"]
        equal("running", commands_of(found), [("systemctl", "stop", "irqbalance")])
        host.write("/sys/devices/system/cpu/isolated", "2-4")
        equal("isolated cores are left alone", state(host, "irqbalance"), findings.OK)


def test_governor_and_clock():
    with Host() as host:
        host.card()
        equal("no control", state(host, "CPU governor"), findings.NOTE)
        path = "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
        for cpu in range(16):
            host.write(path.format(cpu), "schedutil")
        found = examine(host)["CPU governor"]
        equal("only ours", [action.path for action in found.actions],
              [path.format(cpu) for cpu in (2, 3, 4)])
        clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
        equal("tsc", state(host, "clock source"), findings.OK)
        host.write(clock, "hpet")
        equal("hpet", examine(host)["clock source"].actions[0].text, "tsc")
        host.write(clock.replace("current", "available"), "hpet acpi_pm")
        equal("no tsc", state(host, "clock source"), findings.ADVICE)


# ---- memory --------------------------------------------------------------------------------------


def test_hugepages_follow_the_cores():
    with Host() as host:
        host.card(node=1)
        split = with_settings(worker_cores=(2, 8), shard_cores=(9,))
        found = examine(host, split)
        assert "2048 MB" in found["hugepages of node 0"].wanted, found["hugepages of node 0"]
        assert "2048 MB" in found["hugepages of node 1"].wanted, found["hugepages of node 1"]
        together = examine(host)
        assert "hugepages of node 1" not in together, "no thread runs there"
        action = together["hugepages of node 0"].actions[0]
        equal("pages", (action.text, action.old), ("2048", "0"))
        assert "hugepagesz=1G hugepages=4" in together["hugepages of node 0"].advice


def test_hugepages_that_are_there():
    with Host() as host:
        host.card()
        host.pages(0, 2048, 2047)
        equal("one too few", examine(host)["hugepages of node 0"].actions[0].text, "2048")
        host.pages(0, 1048576, 4)
        equal("big ones", state(host, "hugepages of node 0"), findings.OK)
        equal("off", state(host, "hugepages", with_settings(hugepages="off")), findings.NOTE)


def test_hugepages_of_a_running_engine():
    with Host() as host:
        host.card()
        host.pages(0, 2048, 2048)
        free = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages"
        host.write(free, "0")
        equal("all taken", state(host, "hugepages of node 0"), findings.CHANGE)
        host.process(90, "tickwire-engine")
        equal("by whom is not told", state(host, "hugepages of node 0"), findings.OK)
        segment = "1180{} prefer:0 file=/memfd:seg_2-0\\040(deleted) huge dirty=1 {} " \
                  "kernelpagesize_kB=2048"
        small = "7ffc00000 default stack anon=4000 dirty=4000 N0=4000 kernelpagesize_kB=4"
        host.write("/proc/90/numa_maps", "\n".join(
            [segment.format(0, "N0=2000"), segment.format(1, "N0=8 N1=40"), small]))
        found = examine(host)["hugepages of node 0"]
        equal("the engine's, without others'", found.found,
              "0 MB in pages of 1 GB, 4016 MB in pages of 2 MB")
        equal("added to what others hold", found.actions[0].text, str(2048 + 40))
        host.write(free, "40")
        equal("by the engine, and free", state(host, "hugepages of node 0"), findings.OK)
        host.process(91, "postgres")
        host.write("/proc/91/numa_maps", segment.format(0, "N0=40"))
        host.write(free, "39")
        equal("by another", state(host, "hugepages of node 0"), findings.CHANGE)


def test_pages_that_the_kernel_does_not_give():
    with Host() as host:
        host.card()
        told = []
        work = changes.Changes(host.machine, told.append)
        real = work._write

        def stingy(path, text, optional=False):
            real(path, text, optional)
            return real(path, "17") if path.endswith("nr_hugepages") and text != "0" else True
        work._write = stingy
        work.apply([examine(host)["hugepages of node 0"]])
        assert work.failures == 1 and "only 17 of 2048" in told[0], told
        work.undo()
        path = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
        equal("given back", host.read(path), "0")


def test_swap():
    with Host() as host:
        host.card()
        equal("none", state(host, "swap"), findings.OK)
        rows = "Filename Type Size Used Priority\n/dev/sda2 partition 8000000 {} -2"
        host.write("/proc/swaps", rows.format(1000))
        found = examine(host)["swap"]
        equal("commands", commands_of(found), [("swapoff", "/dev/sda2")])
        equal("undo", found.actions[0].undo, ("swapon", "/dev/sda2"))
        host.write("/proc/swaps", rows.format(60000000))
        full = examine(host)["swap"]
        assert full.state == findings.ADVICE and not full.actions, full


def test_transparent_hugepages():
    with Host() as host:
        host.card()
        equal("madvise", state(host, "transparent hugepages"), findings.OK)
        host.write("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        action = examine(host)["transparent hugepages"].actions[0]
        equal("written", (action.text, action.old), ("madvise", "always"))


# ---- cards ---------------------------------------------------------------------------------------


def test_binding_a_free_card():
    with Host() as host:
        host.card()
        host.routes(("eth0", *THERE), ("eth0", *LAN))
        found = examine(host)["binding"]
        equal("bind", commands_of(found), [("dpdk-devbind.py", "--bind=vfio-pci", CARD)])
        forced = examine(host, force=True)["binding"]
        equal("forced", "--force" in commands_of(forced)[0], True)
        equal("undo", found.actions[0].undo, ("dpdk-devbind.py", "--bind=ice", CARD))
        equal("module", commands_of(examine(host)["vfio-pci"]), [("modprobe", "vfio-pci")])
        equal("short address", with_settings(device="3b:00.0,a=1").devices[0].pci, CARD)


def test_bound_cards():
    for driver, wanted in (("vfio-pci", findings.OK), ("uio_pci_generic", findings.CHANGE),
                           (None, findings.CHANGE)):
        with Host() as host:
            host.card(driver=driver, interface=None)
            equal(str(driver), state(host, "binding"), wanted)


def test_the_default_route_is_not_bound():
    for virtio in (False, True):
        with Host() as host:
            host.card(driver="virtio-pci" if virtio else "ice", virtio=virtio)
            host.routes(("eth1", *THERE))
            found = examine(host)["binding"]
            equal("state", found.state, findings.REFUSED)
            assert "eth1 carries the default route" in found.advice, found
            assert not found.actions, found
            equal("status", host_setup.status_of([found]), 3)
            equal("forced", state(host, "binding", force=True), findings.CHANGE)


def test_a_default_route_over_a_bond():
    with Host() as host:
        host.card().interface("bond0").interface("vlan7")
        host.link("/sys/class/net/eth1/master", "../bond0")
        host.link("/sys/class/net/bond0/upper_vlan7", "../vlan7")
        host.routes(("vlan7", *THERE))
        assert "vlan7 carries the default route" in examine(host)["binding"].advice


def test_an_ipv6_default_route():
    row = "{} 00 " + "0" * 32 + " 00 {} 00000400 00000001 00000000 {} {}"
    with Host() as host:
        host.card()
        host.routes(("eth0", *THERE))
        host.write("/proc/net/ipv6_route", row.format("0" * 32, "0" * 32, "00200200", "eth1"))
        equal("a reject route is none", state(host, "binding"), findings.CHANGE)
        host.write("/proc/net/ipv6_route", row.format("0" * 32, "0" * 32, "00000003", "eth1"))
        equal("a real one is", state(host, "binding"), findings.REFUSED)


def test_an_interface_with_any_route_is_not_bound():
    with Host() as host:
        host.card()
        host.routes(("eth0", *THERE), ("eth1", *LAN))
        found = examine(host)["binding"]
        assert found.state == findings.REFUSED and "eth1 has a route" in found.advice, found


def test_the_interface_of_an_ssh_session_is_not_bound():
    def advice(host):
        host.card()
        host.routes(("eth0", *THERE), ("eth1", *LAN))
        return examine(host)["binding"].advice
    session = "ssh session (192.168.7.9)"
    with Host(environment={"SSH_CONNECTION": "192.168.7.9 50000 192.168.0.1 22"}) as host:
        assert session in advice(host), "longest prefix"
    with Host(environment={"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22"}) as host:
        assert "ssh" not in advice(host), "over the other card"
    row = "sl local remote st\n  0: 0100A8C0:0016 0907A8C0:C350 {} 00000000:00000000"
    with Host() as host:  # sudo drops the variable: the kernel's table of connections remains
        host.write("/proc/net/tcp", row.format("0A"))
        assert "ssh" not in advice(host), "listening only"
    with Host() as host:
        host.write("/proc/net/tcp", row.format("01"))
        assert session in advice(host), "connected"
    row = row.replace("0100A8C0", "0000000000000000FFFF00000100A8C0").replace(
        "0907A8C0", "0000000000000000FFFF00000907A8C0")
    with Host() as host:
        host.write("/proc/net/tcp6", row.format("01"))
        assert "ssh session (::ffff:192.168.7.9)" in advice(host), "over a dual-stack socket"


def test_mellanox_keeps_its_driver():
    with Host() as host:
        host.card(driver="mlx5_core", grouped=False)
        host.routes(("eth1", *THERE))
        found = examine(host)
        equal("device", found["device"].state, findings.OK)
        assert "binding" not in found and "IOMMU" not in found, sorted(found)


def test_without_an_iommu():
    with Host() as host:
        host.card(grouped=False)
        host.write("/proc/cpuinfo", "vendor_id : GenuineIntel")
        found = examine(host)
        assert "intel_iommu=on" in found["IOMMU"].advice, found["IOMMU"]
        equal("binding waits", (found["binding"].state, found["binding"].actions),
              (findings.ADVICE, ()))
        allowed = examine(host, allow_noiommu=True)
        equal("unsafe mode", allowed["IOMMU"].state, findings.CHANGE)
        equal("binding", allowed["binding"].state, findings.CHANGE)
        host.write("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
        equal("unsafe already", state(host, "binding"), findings.CHANGE)


def test_a_card_that_is_not_there():
    with Host() as host:
        host.card()
        found = examine(host, with_settings(device="0000:af:00.1"))["device"]
        assert found.state == findings.ADVICE and CARD in found.advice, found


def test_the_unit_gets_the_rights_of_the_port():
    drop_in = "/etc/systemd/system/tickwire-engine.service.d/port.conf"
    xdp = with_settings(device="net_af_xdp0,iface=eth1")
    with Host() as host:
        host.card().routes(("eth0", *THERE))
        assert "systemd unit" not in examine(host), "not installed"
        host.write("/usr/lib/systemd/system/tickwire-engine.service", "[Service]")
        equal("vfio", state(host, "systemd unit"), findings.OK)
        order = []

        def commands(command):
            order.append((command[0], host.machine.exists(drop_in)))
            return 0, ""
        work = changes.Changes(host.machine, lambda text: None, commands)
        work.apply([examine(host, xdp)["systemd unit"]])
        assert "CAP_NET_ADMIN" in host.read(drop_in), host.read(drop_in)
        equal("done", state(host, "systemd unit", xdp), findings.OK)
        equal("too much for vfio", state(host, "systemd unit"), findings.CHANGE)
        work.undo()
        equal("order", order, [("systemctl", True), ("systemctl", False)])
        work.apply([examine(host, xdp)["systemd unit"]])
        work.apply([examine(host)["systemd unit"]])
        assert not host.machine.exists(drop_in), "taken away"
    for device, driver, wanted in ((CARD, "mlx5_core", "mlx5.conf"), (CARD, "ice", None),
                                   ("net_tap0,iface=a", "ice", "tap.conf"),
                                   ("net_memif0", "ice", None)):
        with Host() as host:
            host.card(driver=driver)
            equal(device, module.privileges(host.machine, Device(device)), wanted)
    with Host() as host:
        host.card(grouped=False)
        equal("unsafe", module.privileges(host.machine, Device(CARD), True), "no-iommu.conf")


def test_each_engine_has_a_unit_of_its_own():
    """A second configuration takes nothing away from the first one's engine."""
    for path, names in (("/etc/tickwire/tickwire.yaml", ("tickwire-engine", "tickwire-engine")),
                        ("/etc/tickwire/two.yaml", ("tickwire-engine@two", "tickwire-engine@"))):
        equal(path, settings.units_of(path), names)
    for path in ("/etc/tickwire/two three.yaml", "a/ü.yaml"):
        try:
            settings.units_of(path)
        except settings.Unusable as problem:
            assert "tickwire-engine@NAME" in str(problem), problem
            continue
        raise AssertionError(f"{path} was taken")
    first = with_settings(device="net_af_xdp0,iface=eth1")
    second = dataclasses.replace(with_settings(device="net_memif0"), unit="tickwire-engine@two",
                                 unit_file="tickwire-engine@")
    third = dataclasses.replace(first, unit="tickwire-engine@three", unit_file="tickwire-engine@")
    drop_in = "/etc/systemd/system/{}.service.d/port.conf"
    with Host() as host:
        host.write("/usr/lib/systemd/system/tickwire-engine.service", "[Service]")
        assert "systemd unit" not in examine(host, second), "not installed"
        host.write("/usr/lib/systemd/system/tickwire-engine@.service", "[Service]")
        work = changes.Changes(host.machine, lambda text: None, lambda command: (0, ""))
        for wanted in (first, second, third):
            work.apply([examine(host, wanted)["systemd unit"]])
        for name in ("tickwire-engine", "tickwire-engine@three"):
            assert "CAP_NET_ADMIN" in host.read(drop_in.format(name)), name
        assert not host.machine.exists(drop_in.format("tickwire-engine@two")), "memif needs none"
        for wanted in (first, second, third):
            equal(wanted.unit, state(host, "systemd unit", wanted), findings.OK)


# ---- AF_XDP --------------------------------------------------------------------------------------


def test_af_xdp():
    wanted = with_settings(device="net_af_xdp0,iface=eth1,queue_count=2")
    with Host() as host:
        assert "is not there" in examine(host, wanted)["device"].found
        host.interface("eth1", queues=1, state="down", mtu=9000, physical=True)
        host.write("/proc/sys/net/core/bpf_jit_enable", "0")
        found = examine(host, wanted)
        equal("up", commands_of(found["device"]), [("ip", "link", "set", "eth1", "up")])
        assert "ethtool -L eth1 combined 2" in found["queues"].advice, found["queues"]
        equal("jumbo", found["MTU"].actions[0].text, "1500")
        for size, wanted_state in ((1247, findings.CHANGE), (1248, findings.OK)):
            host.interface("eth1", queues=1, mtu=size)
            equal(f"MTU {size}", state(host, "MTU", wanted), wanted_state)
        equal("compiler", found["BPF compiler"].actions[0].text, "1")
        equal("busy polling", len(found["busy polling"].actions), 2)
        assert "locked memory" not in found, "6.1 does not count it"
        host.write("/proc/sys/kernel/osrelease", "5.10.0")
        equal("old kernel", state(host, "locked memory", wanted), findings.NOTE)
        host.interface("eth1", queues=2)
        equal("queues", state(host, "queues", wanted), findings.OK)


def test_several_ports():
    wanted = with_settings(device=f"{CARD} net_af_xdp0,iface=eth5 net_tap0,iface=t")
    with Host() as host:
        host.card()
        host.write("/usr/lib/systemd/system/tickwire-engine.service", "[Service]")
        found = examine(host, wanted)
        for name in (f"binding of {CARD}", "device of net_af_xdp0", "device of net_tap0"):
            assert name in found, sorted(found)
        equal("rights of both", found["systemd unit"].wanted, "af-xdp.conf + tap.conf")


# ---- the command ---------------------------------------------------------------------------------


def test_apply_keeps_the_first_value():
    with Host() as host:
        host.card()
        host.write("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        work = changes.Changes(host.machine, lambda text: None)
        path = "/sys/kernel/mm/transparent_hugepage/enabled"
        work.apply([examine(host)["transparent hugepages"]])
        work.apply([findings.judge("x", False, "", "", "",
                                   [findings.Write(path, "never", "madvise")])])
        work.undo()
        equal("back to the first", host.read(path), "always")


def test_undo_keeps_what_it_could_not_take_back():
    with Host() as host:
        results = [(0, ""), (1, "busy"), (0, "")]
        work = changes.Changes(host.machine, lambda text: None,
                               commands=lambda command: results.pop(0))
        work.apply([findings.judge("x", False, "", "", "",
                                   [findings.Run(("do",), ("undo",))])])
        work.undo()
        equal("kept", work.record(), [{"run": ["undo"]}])
        work.undo()
        equal("second try", work.record(), [])


def test_a_failed_step_stops_its_own_finding_only():
    with Host() as host:
        ran = []

        def commands(command):
            ran.append(command[0])
            return (1, "no") if command[0] == "a" else (0, "")
        work = changes.Changes(host.machine, lambda text: None, commands)
        work.apply([findings.judge("x", False, "", "", "",
                                   [findings.Run(("a",)), findings.Run(("b",))]),
                    findings.judge("y", False, "", "", "", [findings.Run(("c",))])])
        equal("ran", ran, ["a", "c"])
        equal("failures", work.failures, 1)


def test_the_bootloader_file_is_taken_away_before_grub_reads_again():
    with Host() as host:
        host.card()
        order = []

        def commands(command):
            order.append((command[0], host.machine.exists("/etc/default/grub.d/60-tickwire.cfg")))
            return 0, ""
        work = changes.Changes(host.machine, lambda text: None, commands)
        work.apply([examine(host, bootloader=True)["core isolation"]])
        work.undo()
        equal("order", order, [("update-grub", True), ("update-grub", False)])


def test_command_lines():
    for words in (["--frob"], ["--config"], ["--apply", "--undo"], ["--undo", "--bootloader"]):
        try:
            host_setup.parse(words)
        except host_setup.Usage:
            continue
        raise AssertionError(f"{words} was taken")
    for states, wanted in (([findings.OK, findings.NOTE], 0), ([findings.CHANGE], 1),
                           ([findings.ADVICE], 1), ([findings.REFUSED, findings.CHANGE], 3)):
        equal(str(states), host_setup.status_of(
            [findings.Finding("x", s, "", "", "") for s in states]), wanted)


def whole_command(tickwire):
    """The script itself, from a configuration file, on a made-up machine."""
    with Host() as host, tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        host.card()
        config.write(f"engine:\n  device: \"{CARD}\"\n  workers: 2\n  worker_cores: [2, 3]\n"
                     "  shard_cores: [4]\n  idle: poll\n  memory_mb: 1G\n")
        config.flush()
        base = [sys.executable, "-B", shell.LIBRARY / "host_setup.py", "--config", config.name,
                "--root", host.root, "--tickwire", tickwire]
        before = _files(host.root)
        status, output = shell.run(base)
        equal("dry run", status, 1)
        assert "would: run dpdk-devbind.py" in output and "2-4" in output, output
        equal("nothing written", _files(host.root), before)
        status, output = shell.run([*base, "--apply", "--only", "hugepages,binding"])
        assert status == 1 and "not run below another root" in output, output
        path = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
        equal("pages", host.read(path), "512")
        status, output = shell.run([*base, "--undo"])
        equal(f"undo ({output})", (status, host.read(path)), (0, "0"))
        status, output = shell.run([*base[:-4], "--config", "/nonexistent", *base[-4:]])
        equal("no configuration", status, 2)
        config.write("  wrokers: 2\n")
        config.flush()
        status, output = shell.run(base)
        assert status == 2 and "wrokers" in output, output


def _files(root):
    return {path: path.read_text() for path in pathlib.Path(root).rglob("*")
            if stat.S_ISREG(os.lstat(path).st_mode)}


def run_one(name, function, *arguments):
    check = checks.Check(name.replace("_", " "))
    try:
        function(*arguments)
    except AssertionError as problem:
        check.problem(problem)
    except Exception:  # pylint: disable=broad-except
        check.problem(traceback.format_exc())
    return check


def main():
    found = [run_one(name.removeprefix("test_"), function) for name, function in globals().items()
             if name.startswith("test_")]
    if len(sys.argv) > 1:
        found.append(run_one("whole_command", whole_command, sys.argv[1]))
    return checks.tell_all(found)


if __name__ == "__main__":
    sys.exit(main())
