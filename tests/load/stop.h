/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGINT and SIGTERM of a program of one thread: set by the handler, read by its loop. */
#ifndef TICKWIRE_TESTS_LOAD_STOP_H
#define TICKWIRE_TESTS_LOAD_STOP_H

#include <signal.h>

static volatile sig_atomic_t stop_requested;

static inline void stop_request(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

static inline void stop_catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop_request};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A reader that went away must not keep the program from its end. */
    signal(SIGPIPE, SIG_IGN);
}

#endif
