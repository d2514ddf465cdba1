# SPDX-License-Identifier: BSD-3-Clause
"""Borrows 2 MB hugepages from the kernel and gives them back."""
import fcntl
import pathlib

PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PAGE_MB = 2


def _read(name):
    return int((PAGES / name).read_text())


def persistent():
    """Pages the machine keeps. `nr_hugepages` also counts surplus ones: pages taken away while
    somebody still held them, which go by themselves. They must not be mistaken for the machine's
    own: the kernel lets go of an AF_XDP socket's pages some seconds after its process ended."""
    return _read("nr_hugepages") - _read("surplus_hugepages")


class Hugepages:
    """Adds pages to what the machine has; `granted` is 0 when they could not be had. What was
    added is taken away again in close(). Several hosts may come and go at once."""

    def __init__(self, memory_mb, log=lambda text: None):
        self.granted = 0
        self.added = 0
        pages = (memory_mb + PAGE_MB - 1) // PAGE_MB
        try:
            # As many more as are wanted: free ones may be what another host is about to take.
            self.added = max(0, self._change(pages))
            if self.added == pages:
                self.granted = pages
            else:
                log(f"only {self.added} of {pages} hugepages could be had")
                self.close()
        except OSError as error:
            log(f"no hugepages: {error}")
            self.close()

    def close(self):
        if self.added > 0:
            self._change(-self.added)
        self.added = self.granted = 0

    @staticmethod
    def _change(pages):
        """How many more there are afterwards."""
        with open(PAGES / "nr_hugepages", "r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = persistent()
            file.write(str(max(0, before + pages)))
            file.flush()
            return persistent() - before
