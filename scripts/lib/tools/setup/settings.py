# SPDX-License-Identifier: BSD-3-Clause
"""What host setup needs of tickwire.yaml; the tickwire command reads the file, so that there is
one reader of configurations."""
import dataclasses
import json
import pathlib
import re
import shutil

from .. import shell

# What systemd takes in a unit's name as it is.
INSTANCE = re.compile(r"[A-Za-z0-9:_.-]+")
PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.IGNORECASE)


class Unusable(Exception):
    """No configuration, or a wrong one; the text is for people."""


@dataclasses.dataclass(frozen=True)
class Device:
    """What DPDK is told of one port: a PCI address or a virtual device, with arguments."""
    text: str

    @property
    def name(self):
        return self.text.split(",")[0]

    @property
    def pci(self):
        """0000:3b:00.0, or None for a virtual device."""
        match = PCI.fullmatch(self.name)
        return f"{match[1] or '0000'}:{match[2]}".lower() if match else None

    @property
    def kind(self):
        """net_af_xdp of "net_af_xdp0,iface=eth1"."""
        return self.name.rstrip("0123456789")

    @property
    def interface(self):
        """The kernel interface a virtual device names; None if it names none."""
        match = re.search(r",iface=([^,]+)", self.text)
        return match[1] if match else None


@dataclasses.dataclass(frozen=True)
class Settings:
    devices: tuple
    main_core: int
    worker_cores: tuple
    shard_cores: tuple
    workers: int
    shards: int
    memory_mb: int
    hugepages: str
    idle: str
    # The unit that runs the engine, and the one that is installed for it.
    unit: str = "tickwire-engine"
    unit_file: str = "tickwire-engine"

    @property
    def hot_cores(self):
        """Cores that workers and shards were given by name."""
        return set(self.worker_cores) | set(self.shard_cores)


def from_json(text):
    config = json.loads(text)
    engine = config["engine"]
    texts = [config[section]["device"] for section in ("engine", "port2", "port3", "port4")]
    return Settings(
        devices=tuple(Device(text) for text in texts if text), main_core=engine["main_core"],
        worker_cores=tuple(engine["worker_cores"]), shard_cores=tuple(engine["shard_cores"]),
        workers=engine["workers"], shards=engine["shards"], memory_mb=engine["memory_mb"],
        hugepages=engine["hugepages"], idle=engine["idle"])


def units_of(path):
    """(unit, its installed file): tickwire.yaml is that of a host's only or first engine, NAME.yaml
    that of tickwire-engine@NAME."""
    name = pathlib.PurePath(path).stem
    if name == "tickwire":
        return "tickwire-engine", "tickwire-engine"
    if not INSTANCE.fullmatch(name):
        raise Unusable(f"{path}: no unit tickwire-engine@NAME can have that name: letters, digits "
                       "and : _ . - only")
    return f"tickwire-engine@{name}", "tickwire-engine@"


def find_command():
    """An installed or a built `tickwire`; None if there is neither."""
    built = shell.ROOT / "build-release" / "control" / "tickwire"
    return shutil.which("tickwire") or (str(built) if built.exists() else None)


def load(path, command=None):
    command = command or find_command()
    if command is None:
        raise Unusable("no tickwire command: install Tickwire, or build it (scripts/demo does), or "
                       "name it with --tickwire")
    status, output = shell.run([command, "--config", path, "--json", "config", "show"])
    if status != 0:
        try:
            output = json.loads(output)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            pass
        raise Unusable(output.strip())
    unit, unit_file = units_of(path)
    return dataclasses.replace(from_json(output), unit=unit, unit_file=unit_file)
