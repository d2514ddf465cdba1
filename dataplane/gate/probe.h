/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Points at which a profiler can look into a running engine: a nop each, and a note in the program
 * that tells perf, bpftrace and gdb where it stands and where its argument is (user-space static
 * probes). docs/operations.md lists them and what they tell.
 *
 * An argument is a number that is at hand anyway: it is computed whether anybody looks or not.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PROBE_H
#define TICKWIRE_DATAPLANE_GATE_PROBE_H

#ifdef TW_PROBES
#include <sys/sdt.h>
#define TW_PROBE(name, argument) DTRACE_PROBE1(tickwire, name, argument)
#else
#define TW_PROBE(name, argument) ((void)(argument))
#endif

#endif
