/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of a simulation: 64-aligned, zeroed, freed by free(). None: the test ends. */
#ifndef TICKWIRE_TESTS_SIM_MEMORY_H
#define TICKWIRE_TESTS_SIM_MEMORY_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static inline void *sim_take(size_t size)
{
    size_t rounded = (size + 63u) / 64u * 64u;
    void *memory = aligned_alloc(64, rounded);
    if (!memory)
        abort();
    memset(memory, 0, rounded);
    return memory;
}

#endif
