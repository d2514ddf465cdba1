# SPDX-License-Identifier: BSD-3-Clause
"""A whole Tickwire host on one machine without a NIC: namespaces, a virtual port, hugepages, both
daemons, bots. The end-to-end tests and the demo are made of it. Everything is undone in reverse."""
