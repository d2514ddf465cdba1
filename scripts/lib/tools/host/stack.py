# SPDX-License-Identifier: BSD-3-Clause
"""One Tickwire host: port, hugepages, control plane and engine in a temporary directory."""
import json
import pathlib
import shutil
import signal
import socket
import tempfile
import time

from .. import shell
from . import port as port_module
from .bots import Bots
from .dual_port import DualPort, DualTapPort
from .hugepages import Hugepages
from .process import Process, wait_until

UDP_PORT = 40000
PORTS = {**port_module.PORTS, "dual": DualPort, "dual_tap": DualTapPort}
MEMORY_MB = 288  # two ports need 268
EXECUTABLES = {"engine": "dataplane/engine/tickwire-engine", "control": "control/tickwire-control",
               "cli": "control/tickwire", "load": "tests/load/tickwire-load"}
START_TIMEOUT_S = 60  # a busy machine; whoever ended is noticed at once
STOP_TIMEOUT_S = 10
DPDK_DIRECTORY = pathlib.Path("/var/run/dpdk")


class Failure(Exception):
    """Something did not start, or did not do what it has to; the text is for people."""


class Stack:
    """Made with start(); close() undoes everything, from whatever state."""

    made_directories = []  # of all stacks of this process: a test looks that all are gone
    made_processes = []

    def __init__(self, build, *, port="af_xdp", huge=True, settings=None, wrappers=None,
                 log=lambda text: None):
        self.build = pathlib.Path(build)
        self.port_kind = port
        self.want_huge = huge
        self.settings = settings or {}
        self.wrappers = wrappers or {}  # words to put before the command of "engine" or "control"
        self.log = log
        self.directory = self.port = self.hugepages = self.engine = self.control = None
        self.extras = []

    # ---- life ----------------------------------------------------------------------------------

    def prepare(self):
        """Directory, port, hugepages and configuration; no daemon yet."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tickwire-"))
        Stack.made_directories.append(self.directory)
        self.port = PORTS[self.port_kind](self.directory)
        if self.want_huge:
            self.hugepages = Hugepages(MEMORY_MB + 64, self.log)
        self.write_config(self.settings)
        return self

    def start(self):
        self.prepare()
        self.start_control()
        self.start_engine()
        return self

    def start_control(self):
        self.control = self.spawn("control", "--config", self.config_path)
        if not wait_until(lambda: self._answers() or not self.control.alive(), START_TIMEOUT_S):
            raise Failure("tickwire-control does not answer\n" + self.control.log())
        if not self.control.alive():
            raise Failure("tickwire-control ended at start\n" + self.control.log())

    def start_engine(self):
        self.engine = self.spawn("engine", "--config", self.config_path,
                                 namespace=self.port.engine)
        self.port.engine_started(self.engine)

        def linked():
            return not self.engine.alive() or self.stats()
        if not wait_until(linked, START_TIMEOUT_S, 0.1):
            raise Failure("tickwire-engine did not come up\n" + self.engine.log())
        if not self.engine.alive():
            raise Failure("tickwire-engine ended at start\n" + self.engine.log())

    def spawn(self, what, *arguments, namespace=None, **options):
        command = [*self.wrappers.get(what, []), self.executable(what), *arguments]
        if namespace is not None:
            command = namespace.command(*command)
        process = Process(command, self.directory / f"{what}.log", **options)
        process.name = f"tickwire-{what}"
        self.extras.append(process)
        Stack.made_processes.append(process.pid)
        return process

    def executable(self, what):
        path = self.build / EXECUTABLES[what]
        if path.exists():
            return path
        raise Failure(f"{path} was not built")

    def close(self):
        """Ends every process, removes interfaces, pages and files."""
        for process in reversed(self.extras):
            process.stop(STOP_TIMEOUT_S)
            # DPDK's run-time directory outlives an engine that was killed.
            shutil.rmtree(DPDK_DIRECTORY / f"tickwire-{process.pid}", ignore_errors=True)
        self.extras = []
        if self.port is not None:
            self.port.close()
        if self.hugepages is not None:
            self.hugepages.close()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.port = self.hugepages = self.directory = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- configuration --------------------------------------------------------------------------

    @property
    def config_path(self):
        return self.directory / "tickwire.yaml"

    def write_config(self, settings):
        """Defaults for a small machine, overridden by {"section.key": value}."""
        directory = self.directory
        huge = self.hugepages is not None and self.hugepages.granted
        values = {
            "engine.name": "demo", "engine.device": self.port.device,
            "engine.address": port_module.ENGINE_ADDRESS,
            "engine.prefix_length": port_module.PREFIX_LENGTH, "engine.udp_port": UDP_PORT,
            "engine.hugepages": "on" if huge else "off", "engine.memory_mb": MEMORY_MB,
            "world.spawn_radius_m": 100,
            "control.agent_socket": directory / "agent.sock",
            "control.cli_socket": directory / "control.sock",
            "control.database": directory / "control.db", "control.key_file": directory / "keys",
            **self.port.settings, **settings}
        sections = {}
        for name, value in values.items():
            section, key = name.split(".")
            sections.setdefault(section, {})[key] = value
        lines = []
        for section, keys in sections.items():
            lines.append(f"{section}:")
            lines += [f"  {key}: {self._scalar(value)}" for key, value in keys.items()]
        self.config_path.write_text("\n".join(lines) + "\n")

    @staticmethod
    def _scalar(value):
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(str, value)) + "]"
        return str(value)  # plain: nothing we write needs quotes

    # ---- the control plane -----------------------------------------------------------------------

    def request(self, command, **arguments):
        """Result of one command over the control socket: one line of JSON each way."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.directory / "control.sock"))
            line = json.dumps({"command": command, "arguments": arguments}) + "\n"
            connection.sendall(line.encode())
            answer = json.loads(connection.makefile().readline())
        if not answer["ok"]:
            raise Failure(f"{command}: {answer['error']['message']}")
        return answer["result"]

    def _answers(self):
        try:
            return self.request("status")
        except (OSError, ValueError):
            return None

    def stats(self):
        """The engine's newest figures; None while it is not linked or has not reported."""
        status = self._answers()
        linked = status is not None and status["engine"]["linked"]
        return status["stats"] if linked else None

    def cli(self, *words):
        """Parsed JSON of a `tickwire` command."""
        status, output = self.cli_status(*words)
        if status != 0:
            raise Failure(f"tickwire {' '.join(map(str, words))}: {output.strip()}")
        return json.loads(output)

    def cli_status(self, *words):
        """(exit status, output) of a `tickwire` command."""
        return shell.run([self.executable("cli"), "--socket", self.directory / "control.sock",
                          "--json", *words], timeout_s=30)

    def settled_stats(self, timeout_s=8):
        """Figures that have stopped moving: what was received before this call is in them."""
        last = [None]

        def same():
            now = self.stats()
            done = now is not None and last[0] is not None and \
                now["rx_packets"] == last[0]["rx_packets"] and \
                now["uptime_ns"] != last[0]["uptime_ns"]
            if last[0] is None or now is None or now["uptime_ns"] != last[0]["uptime_ns"]:
                last[0] = now
            return now if done else None
        return wait_until(same, timeout_s, 0.25)

    def keep_neighbour(self, *addresses):
        """The bots' kernel knows the engine at these addresses for good. It drops what waits for an
        answer to ARP, which an engine that does not run gives late, and counts it for all
        namespaces in one. For whoever compares every counter."""
        mac = self.stats()["ports"][0]["mac"]
        for address in addresses or (port_module.ENGINE_ADDRESS,):
            self.port.bots.run("ip", "neighbour", "replace", address, "lladdr", mac, "nud",
                               "permanent", "dev", port_module.BOTS_INTERFACE)

    # ---- tokens and bots ------------------------------------------------------------------------

    def tokens(self, count, account="bot"):
        """Connect tokens (text), each for an account of its own, which is made."""
        return self.request("token.issue", account=account, count=count, create=True)["tokens"]

    def token(self, account):
        """One connect token for exactly this account."""
        return self.request("token.issue", account=account, create=True)["tokens"][0]

    def bots(self, tokens, seconds, *options):
        """Bots with these tokens, in the bots' namespace."""
        path = self.directory / f"tokens-{time.monotonic_ns()}"
        path.write_text("\n".join(tokens) + "\n")
        path.chmod(0o600)
        return Bots(self.spawn("load", "bots", "--tokens", path, "--seconds", seconds, "--json",
                               *options, namespace=self.port.bots, pipe=True))

    def kill_control(self):
        self.control.signal(signal.SIGKILL)
        self.control.wait(5)
