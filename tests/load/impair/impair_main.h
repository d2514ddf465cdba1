/* SPDX-License-Identifier: BSD-3-Clause */
/* `tickwire-load impair`: command line and life of the relay. */
#ifndef TICKWIRE_TESTS_LOAD_IMPAIR_IMPAIR_MAIN_H
#define TICKWIRE_TESTS_LOAD_IMPAIR_IMPAIR_MAIN_H

#include <signal.h>

/* Runs until *stop is not 0; the exit status. */
int tw_impair_main(int argc, char **argv, const volatile sig_atomic_t *stop);

#endif
