# SPDX-License-Identifier: BSD-3-Clause
"""tshark with packaging/wireshark/tickwire.lua: captures and a key log in, fields out."""
import collections
import re
import shutil
import struct

from tools import shell

SCRIPT = shell.ROOT / "packaging" / "wireshark" / "tickwire.lua"
# Of each packet, in this order; a field that occurs more than once is a list.
FIELDS = ("tickwire.handshake", "tickwire.from_client", "tickwire.phase", "tickwire.sequence",
          "tickwire.frame.type", "tickwire.inputs.count", "tickwire.message.kind",
          "tickwire.unread", "tickwire.malformed", "tickwire.crc.wrong",
          "tickwire.message.damaged", "_ws.malformed", "_ws.lua.error")
FAULTS = FIELDS[-6:]
# Of the table in section 4: type, name, who sends it.
TABLE = re.compile(r"^\| (\d+) \| ([a-z ]+) \| (c → s|s → c|both) \|", re.MULTILINE)
FRAMES = {int(kind): (name, sides) for kind, name, sides in TABLE.findall(
    (shell.ROOT / "docs" / "protocol.md").read_text())}


def missing():
    """What is not installed, or None."""
    return None if shutil.which("tshark") else "tshark is not installed"


def write_pcap(path, frames):
    """frames: Ethernet, bytes each."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", 1 + number // 1000, number % 1000 * 1000, len(frame),
                                   len(frame)) + frame)


def key_log_line(connection_id, suite, keys, ephemeral):
    """As docs/operations.md tells it; keys: those of the Python client."""
    name = {1: "chacha20_poly1305", 2: "aes256_gcm"}[suite]
    return " ".join(("TICKWIRE1", f"{connection_id:08x}", name, keys.client_to_server.hex(),
                     keys.server_to_client.hex(), ephemeral.hex(),
                     (keys.confirm_key + keys.confirm_nonce).hex()))


def read(capture, key_log, fields=FIELDS, ports=40000, timeout_s=120, twice=False):
    """One {field: [text]} for each Tickwire packet of the capture; looked at twice: of the second
    time."""
    command = ["tshark", "-n", "-X", f"lua_script:{SCRIPT}", "-r", capture, "-Y", "tickwire",
               "-o", f"tickwire.key_log:{key_log}", "-o", f"tickwire.ports:{ports}",
               "-T", "fields", "-E", "separator=/t", "-E", "aggregator=,"]
    command += ["-2"] if twice else []
    for field in fields:
        command += ["-e", field]
    output = shell.check(command, timeout_s=timeout_s)
    rows = []
    for line in output.splitlines():
        cells = line.split("\t")
        if len(cells) == len(fields):
            rows.append({name: cell.split(",") if cell else [] for name, cell in
                         zip(fields, cells)})
    return rows


def faults(rows):
    """What no packet should have, with how many have it."""
    found = collections.Counter()
    for row in rows:
        found.update(name for name in FAULTS if row[name])
    return dict(found)


def frames_by_side(rows):
    """({frame: count} of the clients, of the server)."""
    sides = {"1": collections.Counter(), "0": collections.Counter()}
    for row in rows:
        for side in row["tickwire.from_client"]:
            sides[_bit(side)].update(FRAMES[int(kind)][0] for kind in row["tickwire.frame.type"])
    return sides["1"], sides["0"]


def _bit(text):
    return "1" if text in ("1", "True") else "0"
