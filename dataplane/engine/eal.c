/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/eal.h"

#include "dataplane/engine/runtime_directory.h"
#include "tickwire/assert.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUGEPAGES_DIRECTORY "/sys/kernel/mm/hugepages"

static char log_text[8192];
static FILE *log_stream;

static void add(struct tw_eal_arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct tw_eal_arguments *arguments, const char *format, ...)
{
    TW_ASSERT(arguments->count < (int)TW_EAL_ARGUMENTS_MAX);
    char *text = arguments->text[arguments->count];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, TW_EAL_ARGUMENT_SIZE, format, values);
    va_end(values);
    TW_ASSERT(length >= 0 && length < (int)TW_EAL_ARGUMENT_SIZE);
    arguments->list[arguments->count++] = text;
    arguments->list[arguments->count] = NULL;
}

/* [dddd:]bb:dd.f */
bool tw_eal_device_is_pci(const char *device)
{
    static const char *const shapes[] = {"xxxx:xx:xx.x", "xx:xx.x"};
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
        const char *shape = shapes[s];
        size_t i = 0;
        while (shape[i] != '\0' &&
               (shape[i] == 'x' ? isxdigit((unsigned char)device[i]) : device[i] == shape[i]))
            i++;
        if (shape[i] == '\0' && (device[i] == '\0' || device[i] == ','))
            return true;
    }
    return false;
}

void tw_eal_device_name(char name[TW_CONFIG_NAME_SIZE], const char *device)
{
    size_t length = strcspn(device, ",");
    if (length >= TW_CONFIG_NAME_SIZE)
        length = TW_CONFIG_NAME_SIZE - 1;
    memcpy(name, device, length);
    name[length] = '\0';
}

bool tw_eal_choose_hugepages(enum tw_hugepages mode, uint64_t free_mb, uint32_t needed_mb,
                             bool *hugepages, struct tw_eal_error *error)
{
    *hugepages = mode != TW_HUGEPAGES_OFF && free_mb >= needed_mb;
    if (mode == TW_HUGEPAGES_ON && !*hugepages) {
        snprintf(error->message, sizeof(error->message),
                 "engine.hugepages is \"on\", but %" PRIu64
                 " MB are free in hugepages and engine.memory_mb is %u",
                 free_mb, needed_mb);
        return false;
    }
    return true;
}

static uint64_t read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    uint64_t value = 0;
    if (fscanf(file, "%" SCNu64, &value) != 1)
        value = 0;
    fclose(file);
    return value;
}

uint64_t tw_eal_free_hugepages_mb(const char *directory)
{
    DIR *sizes = opendir(directory);
    if (sizes == NULL)
        return 0;
    uint64_t best_mb = 0;
    for (struct dirent *entry = readdir(sizes); entry != NULL; entry = readdir(sizes)) {
        uint64_t size_kb = 0;
        if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &size_kb) != 1)
            continue;
        char path[512];
        snprintf(path, sizeof(path), "%s/%.200s/free_hugepages", directory, entry->d_name);
        uint64_t free_mb = read_number(path) * (size_kb >> 10);
        /* One size has to hold all of it: mixed sizes cannot be counted on. */
        if (free_mb > best_mb)
            best_mb = free_mb;
    }
    closedir(sizes);
    return best_mb;
}

static void add_lcores(struct tw_eal_arguments *arguments, const struct tw_topology *topology)
{
    char lcores[TW_EAL_ARGUMENT_SIZE - 16];
    size_t length = 0;
    for (uint32_t i = 0; i < topology->thread_count; i++) {
        const struct tw_topology_thread *thread = &topology->threads[i];
        length += (size_t)snprintf(lcores + length, sizeof(lcores) - length, "%s%u@%u",
                                   i == 0 ? "" : ",", thread->lcore, thread->core);
        TW_ASSERT(length < sizeof(lcores));
    }
    add(arguments, "--lcores=%s", lcores);
    add(arguments, "--main-lcore=0");
}

/* With one device of PCI, DPDK takes those and no others; without, it must not look for any. */
static void add_devices(struct tw_eal_arguments *arguments, const struct tw_config *config)
{
    uint32_t pci_count = 0;
    for (uint32_t i = 0; i < tw_config_port_count(config); i++) {
        const char *device = config->ports[i].device;
        if (tw_eal_device_is_pci(device)) {
            add(arguments, "-a");
            add(arguments, "%s", device);
            pci_count++;
        } else if (device[0] != '\0') {
            add(arguments, "--vdev=%s", device);
        }
    }
    if (pci_count == 0)
        add(arguments, "--no-pci");
}

void tw_eal_arguments_build(struct tw_eal_arguments *arguments, const struct tw_config *config,
                            const struct tw_topology *topology, bool hugepages,
                            const char *file_prefix)
{
    arguments->count = 0;
    add(arguments, "tickwire-engine");
    add_lcores(arguments, topology);
    add_devices(arguments, config);
    /* The two exclude each other: no hugepages means no files to begin with. */
    if (hugepages)
        add(arguments, "--in-memory");
    else
        add(arguments, "--no-huge");
    add(arguments, "-m");
    add(arguments, "%u", config->engine.memory_mb);
    add(arguments, "--file-prefix=%s", file_prefix);
    add(arguments, "--no-shconf");
    add(arguments, "--log-level=error");
}

/* Lines joined by "; ": the cause comes first, what followed from it behind. */
void tw_eal_last_words(char *out, size_t size)
{
    if (log_stream != NULL)
        fflush(log_stream);
    size_t length = 0;
    bool gap = false;
    for (size_t i = 0; i < sizeof(log_text) && log_text[i] != '\0' && length + 3 < size; i++) {
        if (log_text[i] == '\n') {
            gap = length > 0;
            continue;
        }
        if (gap) {
            out[length++] = ';';
            out[length++] = ' ';
            gap = false;
        }
        out[length++] = log_text[i];
    }
    out[length] = '\0';
}

bool tw_eal_start(const struct tw_config *config, const struct tw_topology *topology,
                  bool *hugepages, struct tw_eal_error *error)
{
    uint64_t free_mb = tw_eal_free_hugepages_mb(HUGEPAGES_DIRECTORY);
    if (!tw_eal_choose_hugepages(config->engine.hugepages, free_mb, config->engine.memory_mb,
                                 hugepages, error))
        return false;

    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    log_stream = fmemopen(log_text, sizeof(log_text), "w");
    if (log_stream != NULL)
        rte_openlog_stream(log_stream);

    char prefix[TW_RUNTIME_PREFIX_SIZE];
    tw_runtime_prefix(prefix);
    static struct tw_eal_arguments arguments;
    tw_eal_arguments_build(&arguments, config, topology, *hugepages, prefix);
    if (rte_eal_init(arguments.count, arguments.list) < 0) {
        char words[256];
        tw_eal_last_words(words, sizeof(words));
        snprintf(error->message, sizeof(error->message),
                 "DPDK did not start on \"%.128s\": %s (%s)", config->ports[0].device,
                 rte_strerror(rte_errno), words[0] ? words : "it logged nothing");
        tw_runtime_directory_remember(rte_eal_get_runtime_dir());
        tw_runtime_directory_remove();
        return false;
    }
    tw_runtime_directory_remember(rte_eal_get_runtime_dir());
    tw_runtime_directory_sweep(rte_eal_get_runtime_dir());
    return true;
}

void tw_eal_abandon(void)
{
    tw_runtime_directory_abandon();
}

void tw_eal_stop(void)
{
    rte_eal_cleanup();
    rte_openlog_stream(NULL);
    if (log_stream != NULL)
        fclose(log_stream);
    log_stream = NULL;
    tw_runtime_directory_remove();
}
