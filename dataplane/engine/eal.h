/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's environment: arguments from configuration and topology, start and end.
 *
 * The argument builder is pure. tw_eal_start runs once, on the main thread, with every signal
 * blocked, so that no DPDK thread or lcore takes any: the TAP driver signals the process for every
 * packet, and each sleep would end early (workers unblock what their driver needs). What DPDK logs
 * is kept in memory: a failed start gives one message with its last words. Signals stay blocked in
 * the caller after tw_eal_start; the engine reads SIGTERM and SIGINT from a descriptor.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_EAL_H
#define TICKWIRE_DATAPLANE_ENGINE_EAL_H

#include "dataplane/engine/topology.h"

/* 12 of our own, two for each port. */
#define TW_EAL_ARGUMENTS_MAX 20u
#define TW_EAL_ARGUMENT_SIZE 1024u

struct tw_eal_arguments {
    int count;
    char *list[TW_EAL_ARGUMENTS_MAX + 1]; /* NULL-terminated, pointing into text */
    char text[TW_EAL_ARGUMENTS_MAX][TW_EAL_ARGUMENT_SIZE];
};

struct tw_eal_error {
    char message[512];
};

/* True for "0000:3b:00.0" and "3b:00.0", with or without ",key=value" behind. */
bool tw_eal_device_is_pci(const char *device);

/* The device's name: everything up to the first comma. */
void tw_eal_device_name(char name[TW_CONFIG_NAME_SIZE], const char *device);

/* Decides by mode and free memory in hugepages. False: hugepages are demanded but too few. */
bool tw_eal_choose_hugepages(enum tw_hugepages mode, uint64_t free_mb, uint32_t needed_mb,
                             bool *hugepages, struct tw_eal_error *error)
    __attribute__((warn_unused_result));

/* MB in free hugepages below `directory` (normally /sys/kernel/mm/hugepages); 0 if there is none.
 */
uint64_t tw_eal_free_hugepages_mb(const char *directory);

void tw_eal_arguments_build(struct tw_eal_arguments *arguments, const struct tw_config *config,
                            const struct tw_topology *topology, bool hugepages,
                            const char *file_prefix);

/* Starts DPDK. On success *hugepages tells what is in use. */
bool tw_eal_start(const struct tw_config *config, const struct tw_topology *topology,
                  bool *hugepages, struct tw_eal_error *error) __attribute__((warn_unused_result));

/* Ends DPDK and removes its run-time directory. */
void tw_eal_stop(void);

/* Removes the run-time directory only: for an exit that does not wait. Async-signal-safe. */
void tw_eal_abandon(void);

/* What DPDK logged so far, "" if nothing, cut to `size`: the cause of a failure. */
void tw_eal_last_words(char *out, size_t size);

#endif
