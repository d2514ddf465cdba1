# SPDX-License-Identifier: BSD-3-Clause
"""Hugepages on the right nodes, swap, transparent hugepages."""
from .findings import NOTE, Finding, Run, Write, judge

NODES = "/sys/devices/system/node"
THP = "/sys/kernel/mm/transparent_hugepage/enabled"


def check(machine, settings):
    yield from hugepages(machine, settings)
    yield swap(machine)
    yield transparent(machine)


def memory_by_node(machine, settings):
    """{node: MB}: DPDK deals its memory out by the threads that run on each node."""
    cores = [settings.main_core, *settings.worker_cores, *settings.shard_cores]
    nodes = [machine.node_of(core) for core in cores]
    nodes = [node for node in nodes if node is not None] or [0]
    return {node: -(-settings.memory_mb * nodes.count(node) // len(nodes))
            for node in sorted(set(nodes))}


def hugepages(machine, settings):
    if settings.hugepages == "off":
        yield Finding("hugepages", NOTE, "engine.hugepages is off", "", "nothing to reserve")
        return
    held = [machine.hugepages_of(pid) for pid in machine.running("tickwire-engine")]
    for node, needed_mb in memory_by_node(machine, settings).items():
        yield _hugepages_on(machine, node, needed_mb, held)


def _usable(machine, node, size_kb, held):
    """What is free, and what a running engine holds, which is there again for the next one. Pages
    of others are neither; but whose they are is not told to everybody."""
    base = f"{NODES}/node{node}/hugepages/hugepages-{size_kb}kB"
    if any(pages is None for pages in held):
        return machine.number(f"{base}/nr_hugepages") or 0
    free = machine.number(f"{base}/free_hugepages") or 0
    return free + sum(pages[node, size_kb] for pages in held)


def _hugepages_on(machine, node, needed_mb, held):
    base = f"{NODES}/node{node}/hugepages"
    sizes_kb = sorted((int(name[10:-2]) for name in machine.names(base)
                       if name.startswith("hugepages-") and name.endswith("kB")), reverse=True)
    have = {size: _usable(machine, node, size, held) * size // 1024 for size in sizes_kb}
    name = f"hugepages of node {node}"
    why = "one page table entry for 2 MB or 1 GB instead of 4 KB: no TLB miss per packet buffer; " \
          "all of the engine's memory has to fit pages of one size"
    found = ", ".join(f"{have[size]} MB in pages of {_size(size)}" for size in sizes_kb) or \
        "none: the kernel has no hugepages"
    wanted = f"{needed_mb} MB in pages of one size"
    if any(megabytes >= needed_mb for megabytes in have.values()):
        return judge(name, True, found, wanted, why)
    actions = []
    if 2048 in have:
        path = f"{base}/hugepages-2048kB/nr_hugepages"
        now = machine.number(path) or 0
        missing = -(-(needed_mb - have[2048]) // 2)
        actions.append(Write(path, str(now + missing), str(now)))
    big = 1048576 in have and needed_mb >= 1024
    advice = "until the next start; for good, on the kernel command line: " + \
        (f"hugepagesz=1G hugepages={-(-needed_mb // 1024)}" if big else
         f"hugepages={-(-needed_mb // 2)}") + " (dealt out evenly over the nodes)"
    return judge(name, False, found, wanted, why, actions, advice)


def _size(kilobytes):
    return f"{kilobytes >> 20} GB" if kilobytes >= 1 << 20 else f"{kilobytes >> 10} MB"


def swap(machine):
    lines = (machine.text("/proc/swaps") or "").splitlines()[1:]
    areas = [line.split()[0] for line in lines if line.strip()]
    used_kb = sum(int(line.split()[3]) for line in lines if len(line.split()) > 3)
    free_kb = _meminfo_kb(machine, "MemAvailable")
    why = "a page of the engine or the control plane that comes back from a disk takes longer " \
          "than a tick"
    if areas and used_kb >= free_kb:
        return judge("swap", False, f"{used_kb >> 10} MB in use on {', '.join(areas)}", "none", why,
                     advice=f"only {free_kb >> 10} MB of memory are available: free memory first")
    actions = [Run(("swapoff", area), ("swapon", area)) for area in areas]
    return judge("swap", not areas, ", ".join(areas) or "none", "none", why, actions,
                 "until the next start; to keep it, take the line out of /etc/fstab")


def _meminfo_kb(machine, key):
    for line in (machine.text("/proc/meminfo") or "").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def transparent(machine):
    text = machine.text(THP)
    why = "the kernel stops a process while it gathers a hugepage for it; whoever wants that " \
          "(madvise) may still have it"
    if text is None:
        return Finding("transparent hugepages", NOTE, "not in this kernel", "", why)
    mode = text.partition("[")[2].partition("]")[0]
    return judge("transparent hugepages", mode in ("madvise", "never"), mode, "madvise or never",
                 why, [Write(THP, "madvise", mode)])
