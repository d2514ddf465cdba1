/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration: every class of error with its message and line, defaults, the example file. */
#include "control/config/load.h"
#include "control/config/print.h"
#include "control/config/schema.h"
#include "dataplane/wire/congestion.h"
#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fault_case {
    const char *text;
    const char *message;
};

static const struct fault_case fault_cases[] = {
    /* 1 unknown section */
    {"\nenginee:\n  name: a\n", "f.yaml:2: key `enginee`: unknown section, expected one of engine, "
                                "port2, port3, port4, limits, life, congestion, "
                                "conduct, world, control"},
    /* 2 unknown key: lists what there is */
    {"limits:\n  arp_pps: 5\n  arp_ppm: 5\n",
     "f.yaml:3: key `limits.arp_ppm`: unknown key, expected one of stranger_pps, source_pps, "
     "session_pps, arp_pps, icmp_pps, pending_max, malformed_max, messages_per_s, "
     "message_backlog_kb, "
     "starved_s, message_memory_kb, compress_above_bytes, rekey_s, rekey_packets"},
    /* 3 text for a number */
    {"engine:\n  udp_port: many\n",
     "f.yaml:2: key `engine.udp_port`: found many, expected an integer from 1 to 65535"},
    /* 4 a quoted number is text */
    {"engine:\n  udp_port: \"40000\"\n",
     "f.yaml:2: key `engine.udp_port`: found \"40000\", expected an integer from 1 to 65535"},
    /* 5 above, 6 below, 7 negative, 8 overflowing range */
    {"engine:\n\n  udp_port: 65536\n",
     "f.yaml:3: key `engine.udp_port`: found 65536, expected an integer from 1 to 65535"},
    {"engine: {workers: 0}\n",
     "f.yaml:1: key `engine.workers`: found 0, expected an integer from 1 to 16"},
    {"engine: {workers: -1}\n",
     "f.yaml:1: key `engine.workers`: found -1, expected an integer from 1 to 16"},
    {"world:\n  seed: 18446744073709551616\n",
     "f.yaml:2: key `world.seed`: found 18446744073709551616, expected an integer from 0 to "
     "18446744073709551615"},
    {"limits: {message_memory_kb: 1023}\n",
     "f.yaml:1: key `limits.message_memory_kb`: found 1023, expected an integer from 1024 to "
     "65535"},
    /* 9 a fraction is no integer */
    {"world:\n  tick_hz: 60.0\n",
     "f.yaml:2: key `world.tick_hz`: found 60.0, expected an integer from 10 to 240"},
    /* 10 repeated key, 11 repeated section */
    {"world:\n  tick_hz: 60\n  tick_hz: 30\n",
     "f.yaml:3: key `world.tick_hz`: given twice, expected once (first on line 2)"},
    {"world:\n  tick_hz: 60\nengine:\nworld:\n",
     "f.yaml:4: key `world`: given twice, expected once (first on line 1)"},
    /* 12-14 shapes */
    {"engine: fast\n", "f.yaml:1: key `engine`: found fast, expected a section of keys"},
    {"- engine\n", "f.yaml:1: expected a mapping of the sections engine, limits, world, control"},
    {"engine:\n  name: [a]\n",
     "f.yaml:2: key `engine.name`: found a list, expected text of 1 to 63 "
     "printable ASCII characters"},
    /* 15 enum */
    {"engine:\n  idle: lazy\n",
     "f.yaml:2: key `engine.idle`: found lazy, expected one of backoff, poll"},
    {"engine:\n  aead: openssl\n", "f.yaml:2: key `engine.aead`: found openssl, expected one of "
                                   "auto, libsodium, ipsec-mb, chacha-lanes"},
    /* 16-18 IPv4 */
    {"engine:\n  address: 1.2.3\n",
     "f.yaml:2: key `engine.address`: found 1.2.3, expected an IPv4 address like 192.0.2.1"},
    {"engine:\n  address: 1.2.3.256\n",
     "f.yaml:2: key `engine.address`: found 1.2.3.256, expected an IPv4 address like 192.0.2.1"},
    {"engine:\n  gateway: nobody\n", "f.yaml:2: key `engine.gateway`: found nobody, expected an "
                                     "IPv4 address like 192.0.2.1, or none"},
    /* 19-22 lists */
    {"engine:\n  worker_cores: 3\n",
     "f.yaml:2: key `engine.worker_cores`: found 3, expected a list of at most 16 different "
     "integers from 0 to 1023"},
    {"engine:\n  worker_cores:\n    - 3\n    - 3\n",
     "f.yaml:4: key `engine.worker_cores`: found 3, expected a list of at most 16 different "
     "integers from 0 to 1023"},
    {"control:\n  suites: [rot13]\n", "f.yaml:2: key `control.suites`: found rot13, expected a "
                                      "list of one or more of chacha20_poly1305, aes256_gcm"},
    {"control:\n  suites: []\n", "f.yaml:2: key `control.suites`: found an empty list, expected a "
                                 "list of one or more of chacha20_poly1305, aes256_gcm"},
    /* 23-24 size */
    {"engine:\n  memory_mb: 1T\n", "f.yaml:2: key `engine.memory_mb`: found 1T, expected a size "
                                   "from 64 to 1048576 MB, like 512, 512M or 2G"},
    {"engine:\n  memory_mb: 2000G\n",
     "f.yaml:2: key `engine.memory_mb`: found 2000G, expected a size from 64 to 1048576 MB, like "
     "512, 512M or 2G"},
    /* 25 empty and 26 missing text */
    {"engine:\n  name: \"\"\n", "f.yaml:2: key `engine.name`: found nothing, expected text of 1 to "
                                "63 printable ASCII characters"},
    {"engine:\n  name: \"a\\tb\"\n", "f.yaml:2: key `engine.name`: found \"a?b\", expected text of "
                                     "1 to 63 printable ASCII characters"},
    /* 27-28 what YAML can do and this file must not */
    {"engine: &a {workers: 1}\nlimits: *a\n",
     "f.yaml:1: found an alias, anchor or tag, expected plain values"},
    {"engine:\n  workers: !!int 1\n",
     "f.yaml:2: found an alias, anchor or tag, expected plain values"},
    /* 29 two documents */
    {"engine: {}\n---\nengine: {}\n", "f.yaml:2: expected one document, found another"},
    /* 30 not YAML at all */
    {"engine:\n\tname: a\n", "f.yaml:2: not YAML: found character that cannot start any token"},
    /* 31-39 combinations; the line is that of the key that stands in the file */
    {"world:\n  aoi_enter_m: 100\n  aoi_exit_m: 99\n",
     "f.yaml:3: key `world.aoi_exit_m`: 99 is below aoi_enter_m, expected at least 100"},
    {"world:\n  aoi_enter_m: 100\n",
     "f.yaml:2: key `world.aoi_exit_m`: 72 is below aoi_enter_m, expected at least 100"},
    {"congestion:\n  calm_loss_percent: 2\n",
     "f.yaml:2: key `congestion.calm_loss_percent`: 2 is not below conservative_loss_percent, "
     "expected at most 1"},
    {"congestion:\n  conservative_delay_ms: 30\n  calm_delay_ms: 30\n",
     "f.yaml:3: key `congestion.calm_delay_ms`: 30 is not below conservative_delay_ms, expected at "
     "most 29"},
    {"congestion:\n  conservative_loss_percent: 6\n",
     "f.yaml:2: key `congestion.emergency_loss_percent`: 5 is below conservative_loss_percent, "
     "expected at least 6"},
    {"congestion:\n  emergency_queue_ms: 19\n",
     "f.yaml:2: key `congestion.emergency_queue_ms`: 19 is below conservative_delay_ms, expected "
     "at least 20"},
    {"congestion:\n  conservative_loss_percent: 1\n",
     "f.yaml:2: key `congestion.conservative_loss_percent`: found 1, expected an integer from 2 to "
     "100"},
    {"congestion:\n  conservative_delay_ms: 15\n",
     "f.yaml:2: key `congestion.conservative_delay_ms`: found 15, expected an integer from 16 to "
     "10000"},
    {"congestion:\n  calm_ms: 99\n",
     "f.yaml:2: key `congestion.calm_ms`: found 99, expected an integer from 100 to 60000"},
    {"conduct:\n  throttle_score: 100\n",
     "f.yaml:2: key `conduct.throttle_score`: is not above warn_score, 100, expected more"},
    {"conduct:\n  disconnect_score: 150\n",
     "f.yaml:2: key `conduct.disconnect_score`: is not above throttle_score, 200, expected more"},
    {"conduct:\n  time_back_points: 400\n",
     "f.yaml:2: key `conduct.time_back_points`: 400 is not below disconnect_score, expected at "
     "most 399"},
    {"conduct:\n  disconnect_score: 300\n  actions_points: 300\n",
     "f.yaml:3: key `conduct.actions_points`: 300 is not below disconnect_score, expected at most "
     "299"},
    {"conduct:\n  input_ahead_ticks: 61\n",
     "f.yaml:2: key `conduct.input_ahead_ticks`: found 61, expected an integer from 1 to 60"},
    {"conduct:\n  actions_per_s: 0\n",
     "f.yaml:2: key `conduct.actions_per_s`: found 0, expected an integer from 1 to 1000"},
    {"life:\n  pause_ms: 999\n",
     "f.yaml:2: key `life.pause_ms`: 999 is below degraded_ms, expected at least 1000"},
    {"life:\n  pause_ms: 6000\n  park_ms: 5999\n",
     "f.yaml:3: key `life.park_ms`: 5999 is below pause_ms, expected at least 6000"},
    {"life:\n  grace_ms: 29999\n",
     "f.yaml:2: key `life.grace_ms`: 29999 is below park_ms, expected at least 30000"},
    {"world:\n  snapshot_hz: 25\n",
     "f.yaml:2: key `world.snapshot_hz`: 25 does not divide tick_hz, expected a divisor of 60"},
    {"world:\n  players_max: 500\n  npcs: 0\n  obstacles: 0\n  entities_max: 400\n",
     "f.yaml:2: key `world.players_max`: 500 is above entities_max, expected at most 400"},
    {"world:\n  npcs: 16000\n",
     "f.yaml:2: key `world.entities_max`: 16384 is too small, expected at least npcs + obstacles + "
     "players_max = 17100"},
    {"world:\n  spawn_radius_m: 600\n",
     "f.yaml:2: key `world.spawn_radius_m`: 600 reaches beyond the world, expected at most half "
     "of size_m = 512"},
    {"world:\n  edges: wrap\n  size_m: 1000\n",
     "f.yaml:3: key `world.size_m`: 1000 is not a multiple of 64, expected one with edges: wrap, "
     "960 or 1024"},
    {"world:\n  aoi_exit_m: 96\n  size_m: 192\n  edges: wrap\n",
     "f.yaml:3: key `world.size_m`: 192 lets players see round the world, expected more than twice "
     "aoi_exit_m = 192 with edges: wrap"},
    {"world:\n  aoi_exit_m: 512\n  edges: wrap\n",
     "f.yaml:3: key `world.size_m`: 1024 lets players see round the world, expected more than "
     "twice aoi_exit_m = 1024 with edges: wrap"},
    {"world:\n  edges: round\n",
     "f.yaml:2: key `world.edges`: found round, expected one of clamp, wrap"},
    {"world:\n  merge_below: 17\n",
     "f.yaml:2: key `world.merge_below`: 17 is too near to split_above, expected at most half of "
     "it = 16"},
    {"world:\n  split_above: 15\n",
     "f.yaml:2: key `world.merge_below`: 8 is too near to split_above, expected at most half of "
     "it = 7"},
    {"world:\n  split_above: 1\n",
     "f.yaml:2: key `world.split_above`: found 1, expected an integer from 2 to 4096"},
    {"engine:\n  workers: 2\n  worker_cores: [1]\n",
     "f.yaml:3: key `engine.worker_cores`: 1 cores for 2 workers, expected one core per worker, or "
     "an empty list"},
    {"engine:\n  idle: poll\n  worker_cores: [1]\n  shard_cores: [1]\n",
     "f.yaml:4: key `engine.shard_cores`: core 1 is a worker's too, expected different cores with "
     "idle: poll"},
    {"engine:\n  gateway: 10.0.0.1\n", "f.yaml:2: key `engine.gateway`: not on the link, expected "
                                       "an address in the /24 of address"},
    {"port2:\n  address: 10.0.0.1\n", "f.yaml:2: key `port2.device`: not given, expected the "
                                      "device that has this address"},
    {"port2:\n  device: net_tap1\n", "f.yaml:2: key `port2.address`: not an address of a host, "
                                     "expected a unicast IPv4 address"},
    {"port3:\n  address: 10.0.0.1\n  device: net_tap1\n",
     "f.yaml:3: key `port3.device`: names a port, but port2 does not, expected no gap"},
    {"engine:\n  device: net_tap0,iface=a\nport2:\n  device: net_tap0,iface=b\n"
     "  address: 10.0.0.1\n",
     "f.yaml:4: key `port2.device`: is the device of engine too, expected one of its own"},
    {"port2:\n  device: net_tap1\n  address: 198.18.0.1\n",
     "f.yaml:3: key `port2.address`: is the address of engine too, expected one of its own"},
    {"port2:\n  device: net_tap1\n  address: 10.0.0.1\n  gateway: 10.0.1.1\n",
     "f.yaml:4: key `port2.gateway`: not on the link, expected an address in the /24 of address"},
    {"engine:\n  address6: 10.0.0.1\n", "f.yaml:2: key `engine.address6`: found 10.0.0.1, expected "
                                        "an IPv6 address like \"2001:db8::1\", or none"},
    {"engine:\n  address6: \"::\"\n", "f.yaml:2: key `engine.address6`: found \"::\", expected an "
                                      "IPv6 address like \"2001:db8::1\", or none"},
    {"engine:\n  address6: \"fe80::1\"\n",
     "f.yaml:2: key `engine.address6`: not an address of a host that others can reach, expected a "
     "unicast IPv6 address that is not link-local"},
    {"engine:\n  address6: \"::ffff:10.0.0.1\"\n",
     "f.yaml:2: key `engine.address6`: not an address of a host that others can reach, expected a "
     "unicast IPv6 address that is not link-local"},
    {"engine:\n  gateway6: \"fe80::1\"\n",
     "f.yaml:2: key `engine.gateway6`: given without an address6"},
    {"engine:\n  address6: \"fd00::1\"\n  gateway6: \"fd00:0:0:1::2\"\n",
     "f.yaml:3: key `engine.gateway6`: not on the link, expected a link-local address or one in "
     "the /64 of address6"},
    {"engine:\n  address6: \"fd00::1\"\n  gateway6: \"fd00::1\"\n",
     "f.yaml:3: key `engine.gateway6`: is the engine's own address, expected another host's"},
    {"engine:\n  address6: \"fd00::1\"\n  prefix_length6: 63\n",
     "f.yaml:3: key `engine.prefix_length6`: found 63, expected an integer from 64 to 128"},
    {"engine:\n  address6: \"fd00::1\"\nport2:\n  device: net_tap1\n  address: 10.0.0.1\n"
     "  address6: \"fd00::1\"\n",
     "f.yaml:6: key `port2.address6`: is the address of engine too, expected one of its own"},
    {"engine:\n  address6: \"fd00::1\"\nport2: {device: net_tap1, address: 10.0.0.1, "
     "address6: \"fd01::1\"}\nport3:\n  device: net_tap2\n  address: 10.0.1.1\n",
     "f.yaml:6: key `port3.address6`: the ports have more than 4 addresses, expected no more than "
     "a token can list"},
    {"engine:\n  key_log: /x\n",
     "f.yaml:2: key `engine.key_log`: given without lab: true, expected none: players' keys are "
     "never written"},
    {"engine:\n  address: 224.0.0.1\n", "f.yaml:2: key `engine.address`: not an address of a host, "
                                        "expected a unicast IPv4 address"},
    {"control:\n  agent_socket: /x\n  cli_socket: /x\n",
     "f.yaml:3: key `control.cli_socket`: same path as agent_socket, expected a path of its own"},
    {"engine:\n  sessions_max: 65537\n",
     "f.yaml:2: key `engine.sessions_max`: found 65537, expected an integer from 1 to 65536"},
    {"world:\n  size_m: 65537\n",
     "f.yaml:2: key `world.size_m`: found 65537, expected an integer from 64 to 65536"},
    {"world:\n  aoi_enter_m: 1001\n",
     "f.yaml:2: key `world.aoi_enter_m`: found 1001, expected an integer from 1 to 1000"},
    {"world:\n  aoi_exit_m: 1001\n",
     "f.yaml:2: key `world.aoi_exit_m`: found 1001, expected an integer from 1 to 1000"},
    {"world:\n  tick_hz: 9\n  snapshot_hz: 9\n",
     "f.yaml:2: key `world.tick_hz`: found 9, expected an integer from 10 to 240"},
    {"world:\n  entities_max: 16777216\n",
     "f.yaml:2: key `world.entities_max`: found 16777216, expected an integer from 1 to 16777215"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
        struct tw_config config;
        struct tw_config_error error;
        const char *text = fault_cases[i].text;
        bool ok = tw_config_parse("f.yaml", text, strlen(text), &config, &error);
        if (ok || strcmp(error.message, fault_cases[i].message) != 0)
            print_message("case %zu:\n%s", i + 1, text);
        assert_false(ok);
        assert_string_equal(error.message, fault_cases[i].message);
    }
}

static bool load_text(const char *text, struct tw_config *config)
{
    struct tw_config_error error;
    bool ok = tw_config_parse("f.yaml", text, strlen(text), config, &error);
    if (!ok)
        print_message("%s\n", error.message);
    return ok;
}

static void test_values(void **state)
{
    (void)state;
    struct tw_config config;
    assert_true(load_text("engine:\n"
                          "  name: 'alpha one'\n"
                          "  address: 10.1.2.3\n  prefix_length: 16\n  gateway: 10.1.255.254\n"
                          "  workers: 2\n  worker_cores: [4, 5]\n"
                          "  memory_mb: 2G\n  hugepages: off\n"
                          "world: {seed: 0xdeadbeefcafe, tick_hz: 30, snapshot_hz: 15}\n"
                          "control:\n  suites:\n    - aes256_gcm\n",
                          &config));
    assert_string_equal(config.engine.name, "alpha one");
    assert_int_equal(config.ports[0].address, 0x0a010203);
    assert_int_equal(config.ports[0].gateway, 0x0a01fffe);
    assert_int_equal(config.ports[0].prefix_length, 16);
    assert_int_equal(config.engine.worker_core_count, 2);
    assert_int_equal(config.engine.worker_cores[1], 5);
    assert_int_equal(config.engine.memory_mb, 2048);
    assert_int_equal(config.engine.hugepages, TW_HUGEPAGES_OFF);
    assert_true(config.world.seed == UINT64_C(0xdeadbeefcafe));
    assert_int_equal(config.control.suites, TW_SUITE_AES256_GCM);
    /* untouched ones keep their defaults */
    assert_int_equal(config.ports[0].udp_port, 40000);
    assert_int_equal(config.world.players_max, 1000);
}

static void test_further_ports(void **state)
{
    (void)state;
    struct tw_config config;
    assert_true(load_text("port2:\n  device: net_tap1\n  address: 10.1.2.3\n  udp_port: 9\n"
                          "port3: {device: '0000:3b:00.1', address: 10.1.3.3}\n",
                          &config));
    assert_int_equal(tw_config_port_count(&config), 3);
    assert_string_equal(config.ports[1].device, "net_tap1");
    assert_int_equal(config.ports[1].address, 0x0a010203);
    assert_int_equal(config.ports[1].udp_port, 9);
    assert_int_equal(config.ports[2].udp_port, 40000);
    assert_string_equal(config.ports[0].device, "net_af_xdp0,iface=tw0");
    assert_string_equal(config.ports[3].device, "");
}

static void test_ipv6_addresses(void **state)
{
    (void)state;
    struct tw_config config;
    static const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    static const uint8_t gateway[16] = {0xfe, 0x80, [15] = 0xfe};
    assert_true(load_text("engine:\n  address6: 2001:db8::1\n  gateway6: \"fe80::fe\"\n"
                          "  prefix_length6: 128\n",
                          &config));
    assert_memory_equal(config.ports[0].address6, address, 16);
    assert_memory_equal(config.ports[0].gateway6, gateway, 16);
    assert_int_equal(config.ports[0].prefix_length6, 128);
    assert_true(load_text("engine:\n  address6: none\n", &config));
    assert_true(tw_ip_is_zero(config.ports[0].address6));
    assert_int_equal(config.ports[0].prefix_length6, 64);
}

static void test_empty_documents_are_the_defaults(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "engine:\nworld:\n  # tick_hz: 1\n"};
    struct tw_config defaults;
    tw_config_defaults(&defaults);
    for (size_t i = 0; i < 3; i++) {
        struct tw_config config;
        assert_true(load_text(texts[i], &config));
        assert_memory_equal(&config, &defaults, sizeof(config));
    }
}

/* Engine and client library judge a link alike unless somebody decides otherwise. */
static void test_congestion_defaults_are_the_librarys(void **state)
{
    (void)state;
    struct tw_config config;
    tw_config_defaults(&config);
    const struct tw_config_congestion *ours = &config.congestion;
    const struct tw_congestion_thresholds *theirs = &tw_congestion_defaults;
    assert_int_equal(TW_LOSS_PERCENT(ours->calm_loss_percent), theirs->calm_loss_q16);
    assert_int_equal(ours->calm_delay_ms * 1000, theirs->calm_delay_us);
    assert_int_equal(ours->calm_ms * 1000, theirs->calm_us);
    assert_int_equal(TW_LOSS_PERCENT(ours->conservative_loss_percent),
                     theirs->conservative_loss_q16);
    assert_int_equal(ours->conservative_delay_ms * 1000, theirs->conservative_delay_us);
    assert_int_equal(ours->conservative_jitter_percent, theirs->conservative_jitter_percent);
    assert_int_equal(ours->conservative_jitter_ms * 1000, theirs->conservative_jitter_us);
    assert_int_equal(TW_LOSS_PERCENT(ours->emergency_loss_percent), theirs->emergency_loss_q16);
    assert_int_equal(ours->emergency_queue_ms * 1000, theirs->emergency_queue_us);
}

static void test_example_file_holds_every_key_with_its_default(void **state)
{
    (void)state;
    struct tw_config config;
    struct tw_config defaults;
    struct tw_config_error error;
    const char *path = getenv("TICKWIRE_EXAMPLE");
    assert_non_null(path);
    tw_config_defaults(&defaults);
    assert_true(tw_config_load(path, &config, &error));
    assert_memory_equal(&config, &defaults, sizeof(config));

    char text[TW_CONFIG_FILE_MAX];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    for (size_t i = 0; i < tw_schema_key_count; i++) {
        char line[80];
        snprintf(line, sizeof(line), "\n  %s: ", tw_schema_keys[i].name);
        assert_non_null(strstr(text, line));
        assert_non_null(strstr(text, tw_schema_keys[i].meaning));
    }
}

static void test_printed_configuration_loads_back(void **state)
{
    (void)state;
    struct tw_config config;
    struct tw_config again;
    assert_true(load_text("engine: {name: 'q\"\\q', worker_cores: [7], gateway: 198.18.0.9}\n"
                          "control: {suites: [chacha20_poly1305]}\nworld: {seed: 99}\n",
                          &config));
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    tw_config_print(out, &config);
    (void)fclose(out);
    assert_true(load_text(text, &again));
    assert_memory_equal(&config, &again, sizeof(config));
    free(text);
}

static void test_oversized_and_missing_files(void **state)
{
    (void)state;
    struct tw_config config;
    struct tw_config_error error;
    char *text = malloc(TW_CONFIG_FILE_MAX + 1u);
    assert_non_null(text);
    memset(text, '#', TW_CONFIG_FILE_MAX + 1u);
    assert_false(tw_config_parse("f.yaml", text, TW_CONFIG_FILE_MAX + 1u, &config, &error));
    assert_string_equal(error.message,
                        "f.yaml: larger than 262144 bytes, expected a configuration");
    free(text);
    assert_false(tw_config_load("/nonexistent/x.yaml", &config, &error));
    assert_string_equal(error.message,
                        "/nonexistent/x.yaml: cannot be read: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_further_ports),
        cmocka_unit_test(test_ipv6_addresses),
        cmocka_unit_test(test_empty_documents_are_the_defaults),
        cmocka_unit_test(test_congestion_defaults_are_the_librarys),
        cmocka_unit_test(test_example_file_holds_every_key_with_its_default),
        cmocka_unit_test(test_printed_configuration_loads_back),
        cmocka_unit_test(test_oversized_and_missing_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
