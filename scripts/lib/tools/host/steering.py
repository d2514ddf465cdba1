# SPDX-License-Identifier: BSD-3-Clause
"""Decides which queue of a TAP port a packet comes by, as the hash of a network card would: by its
UDP source port alone. Left to itself the kernel learns which queue answered a flow, and brings its
packets there, so that no session ever changes its worker.

The interface takes a program for it by a descriptor of its own alone: ours is a copy of the
engine's, which the kernel gives to root (pidfd_getfd). The engine does not know."""
import ctypes
import fcntl
import os
import platform
import struct

SYSCALLS = {"x86_64": {"bpf": 321, "pidfd_open": 434, "pidfd_getfd": 438},
            "aarch64": {"bpf": 280, "pidfd_open": 434, "pidfd_getfd": 438}}
BPF_PROG_LOAD = 5
BPF_PROG_TYPE_SOCKET_FILTER = 1
TUNSETSTEERINGEBPF = 0x800454E0
UDP_SOURCE_PORT = 14 + 20  # behind Ethernet and an IPv4 header without options
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    result = _libc.syscall(ctypes.c_long(SYSCALLS[platform.machine()][name]), *arguments)
    if result < 0:
        problem = ctypes.get_errno()
        raise OSError(problem, f"{name}: {os.strerror(problem)}")
    return result


def _instruction(code, registers=0, offset=0, constant=0):
    return struct.pack("<BBhi", code, registers, offset, constant)


def _program():
    """r0 = lowest bit of the source port; the kernel takes it modulo the number of queues."""
    code = b"".join((_instruction(0xBF, 0x16),  # r6 = r1, the packet
                     _instruction(0x28, constant=UDP_SOURCE_PORT),  # r0 = 16 bits of it
                     _instruction(0x57, constant=1),  # r0 &= 1
                     _instruction(0x95)))  # exit
    text = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"BSD")
    attributes = struct.pack("<IIQQ", BPF_PROG_TYPE_SOCKET_FILTER, len(code) // 8,
                             ctypes.addressof(text), ctypes.addressof(licence)).ljust(128, b"\0")
    given = ctypes.create_string_buffer(attributes, len(attributes))
    return _call("bpf", ctypes.c_long(BPF_PROG_LOAD), given, ctypes.c_long(len(attributes)))


def _queue_descriptor(pid):
    """Number, in the engine, of one of its TAP port's attached queues."""
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}") as file:
            if any(line.startswith("iff:\t") for line in file):
                return int(name)
    raise RuntimeError(f"process {pid} has no TAP interface")


def by_source_port(pid):
    """From now on packets to the TAP port of engine `pid` come by the queue of their source port:
    even ones by the first of two, odd ones by the second."""
    process = _call("pidfd_open", ctypes.c_long(pid), ctypes.c_long(0))
    program = _program()
    try:
        queue = _call("pidfd_getfd", ctypes.c_long(process),
                      ctypes.c_long(_queue_descriptor(pid)), ctypes.c_long(0))
        try:
            fcntl.ioctl(queue, TUNSETSTEERINGEBPF, struct.pack("i", program))
        finally:
            os.close(queue)
    finally:
        os.close(program)
        os.close(process)
