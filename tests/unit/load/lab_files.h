/* SPDX-License-Identifier: BSD-3-Clause */
/* A small capture and its sessions as they would lie in files, over either family; for tests and
 * fuzzers. One thread. */
#ifndef TICKWIRE_TESTS_UNIT_LOAD_LAB_FILES_H
#define TICKWIRE_TESTS_UNIT_LOAD_LAB_FILES_H

#include "tests/load/lab/capture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAB_FILES_CLIENTS     4u
#define LAB_FILES_CAPTURE_MAX (1u << 16)
#define LAB_FILES_SESSIONS    (TW_LAB_HEADER_SIZE + LAB_FILES_CLIENTS * TW_LAB_RECORD_SIZE)

struct lab_files {
    uint8_t capture[LAB_FILES_CAPTURE_MAX];
    size_t capture_length;
    uint8_t sessions[LAB_FILES_SESSIONS];
    size_t sessions_length;
};

/* 198.18.0.1 and three hosts from 198.18.0.16 on, or fd12::1 and three from fd12::10 on. */
struct tw_capture_config lab_files_config(bool ipv6);

/* `config` has LAB_FILES_CLIENTS clients or fewer, and a capture that fits. */
void lab_files_make(struct lab_files *files, const struct tw_capture_config *config);

#endif
