# SPDX-License-Identifier: BSD-3-Clause
"""Each rule of rules.py must find its planted violation, and must pass the innocent twin of it."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rules  # noqa: E402
from tools import checks  # noqa: E402

PLANTED = {
    "DPDK in the simulation": ("simulation/shard/x.c", "int f(void) { return rte_lcore_id(); }"),
    "DPDK header in control": ("control/x.c", "#include <rte_ring.h>\n"),
    "DPDK in the client": ("dataplane/client/x.c", "struct rte_mbuf *m;"),
    "simulation knows the wire": ("simulation/core/x.h", '#include "dataplane/wire/frames.h"\n'),
    "simulation allocates": ("simulation/core/x.c", "void *f(void) { return malloc(1); }"),
    "simulation reads a clock": ("simulation/core/x.c", "int f(void) { return time(0); }"),
    "simulation uses float": ("simulation/core/x.c", "double speed;"),
    "simulation uses a float constant": ("simulation/core/x.c", "int x = (int)(y * 0.5);"),
    "simulation opens a socket": ("simulation/core/x.c", "int f(void) { return socket(1,2,3); }"),
    "simulation uses threads": ("simulation/core/x.c", "pthread_t thread;"),
    "vector code beside its folder": ("simulation/space/x.c", "__m256i f(void);"),
    "vector code asks more of the simulation": ("simulation/space/simd/x.c",
                                                '#include "simulation/shard/shard.h"\n'),
    "client simulation knows the shard": ("simulation/client/x.c",
                                          '#include "simulation/shard/shard.h"\n'),
    "wire uses DPDK": ("dataplane/wire/x.c", "void f(void) { rte_prefetch0(0); }"),
    "wire includes a foreign library": ("dataplane/wire/x.c", "#include <openssl/evp.h>\n"),
    "wire is x86 only": ("dataplane/wire/x.c", "void f(void) { _mm_pause(); }"),
    "gate knows the simulation": ("dataplane/gate/x.c", '#include "simulation/shard/shard.h"\n'),
    "control knows the gate": ("control/x.c", '#include "dataplane/gate/worker.h"\n'),
    "include knows others": ("include/tickwire/x.h", '#include "dataplane/wire/aead.h"\n'),
    "ISA-L in control": ("control/x.c", "#include <isa-l.h>\n"),
    "relative include": ("dataplane/gate/x.c", '#include "worker.h"\n'),
}
INNOCENT = {
    "simulation/core/x.c": '#include "simulation/core/y.h"\n/* not a float, no malloc() */\n',
    "simulation/space/simd/x.c": "#include <immintrin.h>\n__m256i f(void);",
    "dataplane/gate/x.c": '#include <rte_mbuf.h>\n#include "dataplane/wire/header.h"\n',
    "dataplane/wire/x.c": '#include <sodium.h>\n#include "tickwire/wire.h"\n',
    "control/x.c": 'const char *text = "rte_eal_init(malloc(1))";\n',
}


def problems_of(path, text):
    with tempfile.TemporaryDirectory(prefix="tickwire-layers-") as scratch:
        root = pathlib.Path(scratch)
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
        return [problem for check in rules.run(root, [path]) for problem in check.problems]


def main():
    planted = checks.Check(f"{len(PLANTED)} planted violations are found")
    for name, (path, text) in PLANTED.items():
        if not problems_of(path, text):
            planted.problem(f"not found: {name}")
    innocent = checks.Check("innocent files pass")
    for path, text in INNOCENT.items():
        for problem in problems_of(path, text):
            innocent.problem(problem)
    return checks.tell_all([planted, innocent])


if __name__ == "__main__":
    sys.exit(main())
