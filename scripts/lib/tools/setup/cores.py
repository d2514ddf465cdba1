# SPDX-License-Identifier: BSD-3-Clause
"""Cores for the engine alone: isolation, interrupts, clock rate, placement, clock source."""
from .findings import NOTE, Finding, Run, Write, judge
from .machine import format_cpus, parse_cpus

GRUB_FILE = "/etc/default/grub.d/60-tickwire.cfg"
CLOCK = "/sys/devices/system/clocksource/clocksource0"
# Read as fast as a register, and good enough to keep time by.
FAST_CLOCKS = ("tsc", "arch_sys_counter")
# A hypervisor's own: no system call either, a little dearer.
GUEST_CLOCKS = ("kvm-clock", "hyperv_clocksource_tsc_page", "xen")


def check(machine, settings, bootloader=False):
    hot = settings.hot_cores
    yield named(machine, settings)
    yield clock_source(machine)
    if not hot:
        return
    yield siblings(machine, settings)
    yield isolation(machine, hot, bootloader)
    yield interrupts(machine, hot)
    yield irqbalance(machine, hot)
    yield governor(machine, hot)


def named(machine, settings):
    """The other checks need to know which cores are the engine's."""
    given = len(settings.worker_cores) + len(settings.shard_cores)
    wanted = settings.workers + settings.shards
    why = "a core that the engine has to itself loses no packet to another program"
    missing = settings.hot_cores - machine.cpus()
    if missing:
        return judge("cores", False, f"core {format_cpus(missing)} is not there",
                     f"cores among {format_cpus(machine.cpus())}", why,
                     advice="correct engine.worker_cores and engine.shard_cores")
    if given < wanted:
        return Finding("cores", NOTE, f"{given} of {wanted} named",
                       "engine.worker_cores and engine.shard_cores name one each", why,
                       advice="without names the engine shares cores and sleeps when idle "
                              "(engine.idle: backoff); nothing is isolated")
    found = f"{format_cpus(settings.hot_cores)} for workers and shards, engine.idle {settings.idle}"
    if settings.idle != "poll":
        return Finding("cores", NOTE, found, "engine.idle: poll", why,
                       advice="on cores of its own the engine need not sleep: poll saves 50 us "
                              "of delay now and then, and costs nothing else")
    return judge("cores", settings.main_core not in settings.hot_cores, found,
                 "the main thread elsewhere", why, advice=f"move engine.main_core away from core "
                 f"{settings.main_core}, which a worker or shard polls")


def siblings(machine, settings):
    hot = sorted(settings.hot_cores)
    shared = [cpu for cpu in hot
              if any(other != cpu for other in machine.siblings(cpu) & set(hot))]
    idle = sorted(set().union(*(machine.siblings(cpu) for cpu in hot)) - set(hot))
    why = "two threads of one physical core share its execution units and first caches"
    found = f"{format_cpus(shared)} share physical cores" if shared else "one per physical core"
    return judge("hyper-threads", not shared, found, "one per physical core", why,
                 advice="choose cores by /sys/devices/system/cpu/cpu*/topology/"
                        "thread_siblings_list" +
                        (f"; leave {format_cpus(idle)} idle" if idle else ""))


def isolation(machine, hot, bootloader):
    base = "/sys/devices/system/cpu"
    isolated = parse_cpus(machine.text(f"{base}/isolated"))
    tickless = parse_cpus(machine.text(f"{base}/nohz_full"))
    cpus = format_cpus(hot)
    # The kernel takes one list: those of other engines, and whatever else is isolated, stay in it.
    of_file = parse_cpus(_listed(machine.text(GRUB_FILE)))
    all_cpus = format_cpus(hot | isolated | of_file)
    line = f"isolcpus=managed_irq,domain,{all_cpus} nohz_full={all_cpus} rcu_nocbs={all_cpus}"
    found = f"isolated {format_cpus(isolated) or 'none'}, " \
            f"tickless {format_cpus(tickless) or 'none'}"
    why = "no other program, no managed interrupt, no scheduler tick and no RCU callback there"
    actions = []
    if bootloader:
        text = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {line}"\n'
        # Undone in reverse: the file goes first, then GRUB reads its directory again.
        actions = [Run((), ("update-grub",)), Write(GRUB_FILE, text, machine.text(GRUB_FILE)),
                   Run(("update-grub",))]
    return judge("core isolation", hot <= isolated and hot <= tickless, found,
                 f"both {cpus}", why, actions,
                 f"kernel command line: {line}\nthen restart the machine" +
                 ("" if bootloader else f" (--bootloader writes {GRUB_FILE})"))


def _listed(text):
    """The cores of a line that stands in GRUB_FILE."""
    return (text or "").partition("isolcpus=managed_irq,domain,")[2].partition(" ")[0]


def interrupts(machine, hot):
    """Interrupts that may be delivered to the engine's cores."""
    actions, numbers = [], []
    others = machine.cpus() - hot
    for number in sorted((name for name in machine.names("/proc/irq") if name.isdigit()), key=int):
        path = f"/proc/irq/{number}/smp_affinity_list"
        allowed = parse_cpus(machine.text(path))
        if allowed & hot:
            numbers.append(number)
            target = (allowed - hot) or others
            # Per-CPU and managed interrupts cannot be moved: the kernel says so.
            actions.append(Write(path, format_cpus(target), format_cpus(allowed), optional=True))
    mask_path = "/proc/irq/default_smp_affinity"
    mask = machine.text(mask_path)
    if mask and _cpus_of_mask(mask) & hot:
        actions.append(Write(mask_path, _mask_of_cpus(_cpus_of_mask(mask) - hot or others), mask))
    found = f"{len(numbers)} may come to {format_cpus(hot)}" if numbers else "none there" if \
        not actions else "new ones may come there"
    return judge("interrupts", not actions, found, f"none on {format_cpus(hot)}",
                 "an interrupt takes 2 to 20 us from a worker and spoils its caches",
                 actions if others else (), "no core is left for them" if not others else "")


def _cpus_of_mask(mask):
    bits = int(mask.replace(",", ""), 16)
    return {cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1}


def _mask_of_cpus(cpus):
    digits = f"{sum(1 << cpu for cpu in cpus):x}"
    groups = []
    while digits:
        groups.insert(0, digits[-8:])
        digits = digits[:-8]
    return ",".join(groups)


def irqbalance(machine, hot):
    running = machine.running("irqbalance")
    banned = parse_cpus(machine.text("/sys/devices/system/cpu/isolated"))
    good = not running or hot <= banned
    found = "not running" if not running else \
        "running, leaves isolated cores alone" if good else "running"
    return judge("irqbalance", good, found, "not running, or the cores isolated",
                 "it moves interrupts back to the engine's cores",
                 [Run(("systemctl", "stop", "irqbalance"), ("systemctl", "start", "irqbalance"))],
                 "to keep it off: systemctl disable irqbalance")


def governor(machine, hot):
    found, actions = set(), []
    for cpu in sorted(hot):
        path = f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"
        name = machine.text(path)
        if name is None:
            continue
        found.add(name)
        if name != "performance":
            actions.append(Write(path, "performance", name))
    why = "a core that slept slowly is slow for the first packets of a burst"
    if not found:
        return Finding("CPU governor", NOTE, "not controlled by this kernel", "", why)
    return judge("CPU governor", not actions, ", ".join(sorted(found)), "performance", why, actions)


def placement(machine, hot, node, what):
    """Every worker and shard beside the card: packets must not cross the sockets' link."""
    if node is None or node < 0 or not hot:
        return Finding("NUMA placement", NOTE, f"{what} names no node" if hot else
                       "no cores named", "", "")
    far = {cpu for cpu in hot if machine.node_of(cpu) != node}
    cpus = machine.nodes().get(node, set())
    found = f"{what} is on node {node}" + \
        (f", core {format_cpus(far)} is not" if far else ", all cores are too")
    return judge("NUMA placement", not far, found, f"cores among {format_cpus(cpus)}",
                 "memory of the other socket costs twice the time for every packet",
                 advice="correct engine.worker_cores and engine.shard_cores, or put the card "
                        "into a slot of the other socket")


def clock_source(machine):
    current = machine.text(f"{CLOCK}/current_clocksource")
    available = (machine.text(f"{CLOCK}/available_clocksource") or "").split()
    why = "workers ask for the time once per burst: by a register, not by a device"
    if current is None:
        return Finding("clock source", NOTE, "not told by this kernel", "", why)
    better = next((name for name in (*FAST_CLOCKS, *GUEST_CLOCKS) if name in available), None)
    path = f"{CLOCK}/current_clocksource"
    return judge("clock source", current in (*FAST_CLOCKS, *GUEST_CLOCKS), current,
                 " or ".join((*FAST_CLOCKS, *GUEST_CLOCKS)), why,
                 [Write(path, better, current)] if better else (),
                 "" if better else "the kernel found the time stamp counter unusable: see its log")
