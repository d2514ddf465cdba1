/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marks what was computed from secrets and may be known to everybody, such as whether a tag was
 * right: from here on a branch may depend on it.
 *
 * Nothing happens but in the test of constant time, which makes keys undefined for valgrind: every
 * branch and every address that depends on such bytes is reported, until they are disclosed.
 */
#ifndef TICKWIRE_DISCLOSE_H
#define TICKWIRE_DISCLOSE_H

#include <stddef.h>

#ifdef TW_CHECK_CONSTANT_TIME
/* The test's. */
void tw_disclose(const void *value, size_t size);
#else
static inline void tw_disclose(const void *value, size_t size)
{
    (void)value;
    (void)size;
}
#endif

#endif
