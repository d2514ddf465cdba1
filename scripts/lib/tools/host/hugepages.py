# SPDX-License-Identifier: BSD-3-Clause
"""Borrows 2 MB hugepages from the kernel and gives them back."""
import pathlib

from .process import wait_until

PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PAGE_MB = 2


def _read(name):
    return int((PAGES / name).read_text())


class Hugepages:
    """Adds pages to what the machine has; `granted` is 0 when they could not be had. What was
    added is taken away again in close(), so that several runs do not disturb each other."""

    def __init__(self, memory_mb, log=lambda text: None):
        self.granted = 0
        self.added = 0
        pages = (memory_mb + PAGE_MB - 1) // PAGE_MB
        try:
            before = _read("nr_hugepages")
            missing = max(0, pages - _read("free_hugepages"))
            if missing:
                (PAGES / "nr_hugepages").write_text(str(before + missing))
                self.added = _read("nr_hugepages") - before
            if _read("free_hugepages") >= pages:
                self.granted = pages
            else:
                log(f"only {_read('free_hugepages')} of {pages} hugepages could be had")
                self.close()
        except OSError as error:
            log(f"no hugepages: {error}")
            self.close()

    def close(self):
        if self.added > 0:
            wanted = max(0, _read("nr_hugepages") - self.added)
            # The kernel lets go of an AF_XDP socket's pages a moment after its process ended; until
            # then they cannot be taken away and count as surplus.
            wait_until(lambda: self._shrink(wanted), 5, 0.1)
        self.added = self.granted = 0

    @staticmethod
    def _shrink(wanted):
        (PAGES / "nr_hugepages").write_text(str(wanted))
        return _read("nr_hugepages") <= wanted
