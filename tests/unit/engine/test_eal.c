/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/eal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct tw_config config;
static struct tw_topology table;
static struct tw_eal_arguments arguments;

static int setup(void **state)
{
    (void)state;
    tw_config_defaults(&config);
    config.engine.memory_mb = 300;
    memset(&table, 0, sizeof(table));
    table.thread_count = 3;
    table.threads[0] = (struct tw_topology_thread){.lcore = 0, .core = 0};
    table.threads[1] = (struct tw_topology_thread){.lcore = 1, .core = 0};
    table.threads[2] = (struct tw_topology_thread){.lcore = 2, .core = 1};
    return 0;
}

static void set_device(const char *device)
{
    snprintf(config.ports[0].device, sizeof(config.ports[0].device), "%s", device);
}

static bool has(const char *argument)
{
    for (int i = 0; i < arguments.count; i++)
        if (strcmp(arguments.list[i], argument) == 0)
            return true;
    return false;
}

static void test_virtual_device(void **state)
{
    (void)state;
    set_device("net_af_xdp0,iface=tw0");
    tw_eal_arguments_build(&arguments, &config, &table, false, "tickwire-1");
    assert_true(has("--no-pci"));
    assert_true(has("--vdev=net_af_xdp0,iface=tw0"));
    assert_true(has("--no-huge"));
    assert_false(has("--in-memory"));
    assert_true(has("300"));
    assert_true(has("--lcores=0@0,1@0,2@1"));
    assert_true(has("--main-lcore=0"));
    assert_true(has("--file-prefix=tickwire-1"));
    assert_string_equal(arguments.list[0], "tickwire-engine");
    assert_null(arguments.list[arguments.count]);
}

static void test_hugepages(void **state)
{
    (void)state;
    set_device("net_tap0,iface=tw0");
    tw_eal_arguments_build(&arguments, &config, &table, true, "p");
    assert_true(has("--in-memory"));
    assert_false(has("--no-huge"));
}

static void test_pci_device(void **state)
{
    (void)state;
    set_device("0000:3b:00.1");
    tw_eal_arguments_build(&arguments, &config, &table, true, "p");
    assert_false(has("--no-pci"));
    assert_true(has("-a"));
    assert_true(has("0000:3b:00.1"));
    assert_true(tw_eal_device_is_pci("3b:00.1"));
    assert_true(tw_eal_device_is_pci("0000:3b:00.1,foo=1"));
    assert_false(tw_eal_device_is_pci(""));
    assert_false(tw_eal_device_is_pci("net_tap0"));
    assert_false(tw_eal_device_is_pci("0000:3b:00"));
    assert_false(tw_eal_device_is_pci("0000:3b:00.1x"));
    assert_false(tw_eal_device_is_pci("0000;3b:00.1"));
}

/* All are created; with one of PCI among them, DPDK may look at PCI, at that one alone. */
static void test_several_devices(void **state)
{
    (void)state;
    set_device("net_tap0,iface=tw0");
    strcpy(config.ports[1].device, "net_af_xdp1,iface=tw1");
    tw_eal_arguments_build(&arguments, &config, &table, true, "p");
    assert_true(has("--no-pci"));
    assert_true(has("--vdev=net_tap0,iface=tw0"));
    assert_true(has("--vdev=net_af_xdp1,iface=tw1"));
    strcpy(config.ports[2].device, "0000:3b:00.1");
    tw_eal_arguments_build(&arguments, &config, &table, true, "p");
    assert_false(has("--no-pci"));
    assert_true(has("--vdev=net_af_xdp1,iface=tw1"));
    assert_true(has("0000:3b:00.1"));
}

static void test_device_name(void **state)
{
    (void)state;
    char name[TW_CONFIG_NAME_SIZE];
    tw_eal_device_name(name, "net_af_xdp0,iface=tw0");
    assert_string_equal(name, "net_af_xdp0");
    tw_eal_device_name(name, "0000:3b:00.1");
    assert_string_equal(name, "0000:3b:00.1");
    char longest[TW_CONFIG_TEXT_SIZE];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    tw_eal_device_name(name, longest);
    assert_int_equal(strlen(name), TW_CONFIG_NAME_SIZE - 1);
}

static void test_largest_configuration_fits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TW_PORTS_MAX; i++) {
        memset(config.ports[i].device, 'd', sizeof(config.ports[i].device) - 1);
        config.ports[i].device[sizeof(config.ports[i].device) - 1] = '\0';
    }
    table.thread_count = TW_TOPOLOGY_THREADS_MAX;
    for (uint32_t i = 0; i < table.thread_count; i++)
        table.threads[i] = (struct tw_topology_thread){.lcore = i, .core = 127};
    tw_eal_arguments_build(&arguments, &config, &table, false, "tickwire-4194304");
    assert_true(arguments.count <= (int)TW_EAL_ARGUMENTS_MAX);
}

static void test_choice_of_hugepages(void **state)
{
    (void)state;
    struct tw_eal_error error;
    bool used;
    assert_true(tw_eal_choose_hugepages(TW_HUGEPAGES_AUTO, 0, 256, &used, &error));
    assert_false(used);
    assert_true(tw_eal_choose_hugepages(TW_HUGEPAGES_AUTO, 255, 256, &used, &error));
    assert_false(used);
    assert_true(tw_eal_choose_hugepages(TW_HUGEPAGES_AUTO, 256, 256, &used, &error));
    assert_true(used);
    assert_true(tw_eal_choose_hugepages(TW_HUGEPAGES_OFF, 999, 256, &used, &error));
    assert_false(used);
    assert_true(tw_eal_choose_hugepages(TW_HUGEPAGES_ON, 256, 256, &used, &error));
    assert_true(used);
    assert_false(tw_eal_choose_hugepages(TW_HUGEPAGES_ON, 100, 256, &used, &error));
    assert_non_null(strstr(error.message, "100 MB"));
    assert_non_null(strstr(error.message, "256"));
}

static void write_pages(const char *root, const char *size, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/hugepages-%s", root, size);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/hugepages-%s/free_hugepages", root, size);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_probe_of_free_hugepages(void **state)
{
    (void)state;
    char root[] = "/tmp/tickwire-hugepages-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(tw_eal_free_hugepages_mb(root), 0);
    write_pages(root, "2048kB", "150\n");
    assert_int_equal(tw_eal_free_hugepages_mb(root), 300);
    write_pages(root, "1048576kB", "1\n");
    assert_int_equal(tw_eal_free_hugepages_mb(root), 1024);
    write_pages(root, "64kB", "not a number\n");
    assert_int_equal(tw_eal_free_hugepages_mb(root), 1024);
    assert_int_equal(tw_eal_free_hugepages_mb("/nonexistent"), 0);
    const char *const sizes[] = {"2048kB", "1048576kB", "64kB"};
    for (size_t i = 0; i < 3; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/hugepages-%s/free_hugepages", root, sizes[i]);
        unlink(path);
        snprintf(path, sizeof(path), "%s/hugepages-%s", root, sizes[i]);
        rmdir(path);
    }
    rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_virtual_device, setup),
        cmocka_unit_test_setup(test_hugepages, setup),
        cmocka_unit_test_setup(test_pci_device, setup),
        cmocka_unit_test_setup(test_several_devices, setup),
        cmocka_unit_test_setup(test_device_name, setup),
        cmocka_unit_test_setup(test_largest_configuration_fits, setup),
        cmocka_unit_test(test_choice_of_hugepages),
        cmocka_unit_test(test_probe_of_free_hugepages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
