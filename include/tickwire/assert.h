/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TW_ASSERT: our own mistakes, checked in every build. Never for what came from outside:
 * packets, files and operators get a counter or a message.
 */
#ifndef TICKWIRE_ASSERT_H
#define TICKWIRE_ASSERT_H

#include <stdio.h>
#include <stdlib.h>

#define TW_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition);      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
