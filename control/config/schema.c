/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config/schema.h"

#include "tickwire/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct tw_schema_choice hugepages_choices[] = {
    {"auto", TW_HUGEPAGES_AUTO}, {"on", TW_HUGEPAGES_ON}, {"off", TW_HUGEPAGES_OFF}, {NULL, 0}};
static const struct tw_schema_choice idle_choices[] = {
    {"backoff", TW_IDLE_BACKOFF}, {"poll", TW_IDLE_POLL}, {NULL, 0}};
static const struct tw_schema_choice aead_choices[] = {
    {"auto", TW_AEAD_CHOICE_AUTO},
    {"libsodium", TW_AEAD_CHOICE_LIBSODIUM},
    {"ipsec-mb", TW_AEAD_CHOICE_IPSEC_MB},
    {"chacha-lanes", TW_AEAD_CHOICE_CHACHA_LANES},
    {NULL, 0}};
static const struct tw_schema_choice simd_choices[] = {{"auto", TW_SIMD_CHOICE_AUTO},
                                                       {"scalar", TW_SIMD_CHOICE_SCALAR},
                                                       {"avx2", TW_SIMD_CHOICE_AVX2},
                                                       {"avx512", TW_SIMD_CHOICE_AVX512},
                                                       {NULL, 0}};
static const struct tw_schema_choice index_choices[] = {
    {"grid", TW_INDEX_CHOICE_GRID}, {"octree", TW_INDEX_CHOICE_OCTREE}, {NULL, 0}};
static const struct tw_schema_choice edges_choices[] = {
    {"clamp", TW_EDGES_CHOICE_CLAMP}, {"wrap", TW_EDGES_CHOICE_WRAP}, {NULL, 0}};
static const struct tw_schema_choice lab_choices[] = {
    {"false", TW_LAB_MODE_OFF}, {"true", TW_LAB_MODE_ON}, {NULL, 0}};
static const struct tw_schema_choice suite_choices[] = {
    {"chacha20_poly1305", TW_SUITE_CHACHA20_POLY1305},
    {"aes256_gcm", TW_SUITE_AES256_GCM},
    {NULL, 0}};

const struct tw_schema_section tw_schema_sections[] = {
    {"engine", "the engine process: its first port, cores, memory"},
    {"port2", "a second port, with an address of its own"},
    {"port3", "a third port"},
    {"port4", "a fourth port"},
    {"limits", "budgets of the packet path; packets per second, burst of the same size"},
    {"life", "what becomes of a session from which nothing is heard, by the length of the silence"},
    {"congestion", "what makes a link conservative or failing (emergency), and what ends that"},
    {"conduct", "what clients may do, and what becomes of those who do more; scores in points"},
    {"world", "the one world this engine simulates"},
    {"control", "the control plane: sockets, store, keys, tokens"},
};
const size_t tw_schema_section_count = sizeof(tw_schema_sections) / sizeof(tw_schema_sections[0]);

#define FIELD(part, member)                                                                        \
    .section = #part, .name = #member, .offset = offsetof(struct tw_config, part.member),          \
    .size = sizeof(((struct tw_config *)0)->part.member)
#define TEXT(part, member, least, text, about)                                                     \
    {                                                                                              \
        FIELD(part, member), .type = TW_SCHEMA_STRING, .min = (least),                             \
                             .max = sizeof(((struct tw_config *)0)->part.member) - 1,              \
                             .default_text = (text), .unit = "", .meaning = (about)                \
    }
#define NUMBER(part, member, least, most, text, in, about)                                         \
    {                                                                                              \
        FIELD(part, member), .type = TW_SCHEMA_INTEGER, .min = (least), .max = (most),             \
                             .default_text = (text), .unit = (in), .meaning = (about)              \
    }
#define CHOICE(part, member, list, text, about)                                                    \
    {                                                                                              \
        FIELD(part, member), .type = TW_SCHEMA_ENUM, .choices = (list), .default_text = (text),    \
                             .unit = "", .meaning = (about)                                        \
    }
#define PORT_FIELD(in, number, member)                                                             \
    .section = (in), .name = #member, .offset = offsetof(struct tw_config, ports[number].member),  \
    .size = sizeof(((struct tw_config *)0)->ports[number].member)
/* The keys of one port. `least` 0: the port may be left out. */
#define PORT(in, number, least, device_text, address_text)                                         \
    {PORT_FIELD(in, number, device),                                                               \
     .type = TW_SCHEMA_STRING,                                                                     \
     .min = (least),                                                                               \
     .max = TW_CONFIG_TEXT_SIZE - 1,                                                               \
     .default_text = (device_text),                                                                \
     .unit = "",                                                                                   \
     .meaning = "DPDK device: a PCI address or a virtual device with its arguments"},              \
        {PORT_FIELD(in, number, address),                                                          \
         .type = TW_SCHEMA_IPV4,                                                                   \
         .min = (least),                                                                           \
         .default_text = (address_text),                                                           \
         .unit = "",                                                                               \
         .meaning = "address clients send to"},                                                    \
        {PORT_FIELD(in, number, prefix_length),                                                    \
         .type = TW_SCHEMA_INTEGER,                                                                \
         .min = 1,                                                                                 \
         .max = 32,                                                                                \
         .default_text = "24",                                                                     \
         .unit = "bits",                                                                           \
         .meaning = "on-link prefix; everything else goes to the gateway"},                        \
        {PORT_FIELD(in, number, gateway),                                                          \
         .type = TW_SCHEMA_IPV4,                                                                   \
         .min = 0,                                                                                 \
         .default_text = "none",                                                                   \
         .unit = "",                                                                               \
         .meaning = "next hop for addresses off the link, or none"},                               \
        {PORT_FIELD(in, number, udp_port),                                                         \
         .type = TW_SCHEMA_INTEGER,                                                                \
         .min = 1,                                                                                 \
         .max = 65535,                                                                             \
         .default_text = "40000",                                                                  \
         .unit = "",                                                                               \
         .meaning = "UDP port clients send to"},                                                   \
        {PORT_FIELD(in, number, address6), .type = TW_SCHEMA_IPV6, .default_text = "none",         \
         .unit = "", .meaning = "IPv6 address clients send to as well, or none"},                  \
        {PORT_FIELD(in, number, prefix_length6),                                                   \
         .type = TW_SCHEMA_INTEGER,                                                                \
         .min = 64,                                                                                \
         .max = 128,                                                                               \
         .default_text = "64",                                                                     \
         .unit = "bits",                                                                           \
         .meaning = "on-link prefix of IPv6; everything else goes to gateway6"},                   \
    {                                                                                              \
        PORT_FIELD(in, number, gateway6), .type = TW_SCHEMA_IPV6, .default_text = "none",          \
                                          .unit = "",                                              \
                                          .meaning = "next hop of IPv6, on the link or "           \
                                                     "link-local, or none"                         \
    }
/* Core numbers stay below 1,024: what DPDK and cpu_set_t can name. */
#define CORES(part, member, count, about)                                                          \
    {                                                                                              \
        FIELD(part, member), .type = TW_SCHEMA_CORES,                                              \
                             .count_offset = offsetof(struct tw_config, part.count), .min = 0,     \
                             .max = 1023, .default_text = "", .unit = "", .meaning = (about)       \
    }

const struct tw_schema_key tw_schema_keys[] = {
    TEXT(engine, name, 1, "tickwire", "name of this engine; tokens are issued for exactly one"),
    PORT("engine", 0, 1, "net_af_xdp0,iface=tw0", "198.18.0.1"),
    NUMBER(engine, workers, 1, TW_WORKERS_MAX, "1", "threads",
           "packet workers, one queue pair of each port"),
    NUMBER(engine, shards, 1, TW_SHARDS_MAX, "1", "threads", "simulation shards"),
    NUMBER(engine, main_core, 0, 1023, "0", "", "core of the engine's main thread"),
    CORES(engine, worker_cores, worker_core_count,
          "one core per worker; empty = chosen by the engine"),
    CORES(engine, shard_cores, shard_core_count,
          "one core per shard; empty = chosen by the engine"),
    CHOICE(engine, hugepages, hugepages_choices, "auto",
           "auto takes hugepages when free ones are found"),
    {FIELD(engine, memory_mb), .type = TW_SCHEMA_SIZE, .min = 64, .max = 1048576,
     .default_text = "512", .unit = "MB", .meaning = "memory for DPDK; 512, 512M or 2G"},
    NUMBER(engine, sessions_max, 1, TW_SESSIONS_PER_WORKER, "4096", "sessions",
           "session slots of each worker"),
    CHOICE(engine, idle, idle_choices, "backoff",
           "backoff: workers that find nothing sleep, for shared cores; poll: never"),
    NUMBER(engine, idle_polls, 1, 1000000, "64", "polls",
           "empty polls in a row before a worker sleeps"),
    /* At 1 ms and 1,024 descriptors a port overflows above a million packets a second. */
    NUMBER(engine, idle_sleep_us, 1, 1000, "50", "us", "how long it sleeps"),
    NUMBER(engine, idle_quiet_us, 1, 10000, "500", "us",
           "how long it sleeps while there is no session"),
    /* What of a tick is not used is how much sooner than the last one's its snapshots may come. */
    NUMBER(engine, spread_percent, 0, 90, "50", "%",
           "of a tick: its snapshots leave spread out, all of them within; 0 = in one burst"),
    NUMBER(engine, spread_per_ms, 32, 1000000, "500", "packets/ms",
           "as many snapshots leave in groups of 32; more, where a tick's would take longer"),
    CHOICE(engine, aead, aead_choices, "auto",
           "packet cipher; auto takes the fastest that passes its self-test at start"),
    CHOICE(engine, simd, simd_choices, "auto",
           "vector instructions of the spatial index; auto takes the best this CPU has"),
    CHOICE(engine, lab, lab_choices, "false",
           "true: a lab for replayed traffic, which takes imported sessions and refuses players"),
    TEXT(engine, key_log, 0, "",
         "file for the keys of a lab's sessions, for a debugger; empty = none; needs lab: true"),

    PORT("port2", 1, 0, "", "none"),
    PORT("port3", 2, 0, "", "none"),
    PORT("port4", 3, 0, "", "none"),

    NUMBER(limits, stranger_pps, 1, 100000000, "20000", "packets/s",
           "per worker: hellos, before any cryptography"),
    NUMBER(limits, source_pps, 1, 1000000, "2000", "packets/s",
           "per source (an IPv4 address, an IPv6 /64): hello 2 with a valid cookie"),
    NUMBER(limits, session_pps, 1, 100000, "250", "packets/s", "per session"),
    NUMBER(limits, arp_pps, 1, 1000000, "200", "packets/s",
           "ARP packets looked at, and as many of neighbour discovery"),
    NUMBER(limits, icmp_pps, 1, 1000000, "200", "packets/s",
           "ICMP and ICMPv6 echo requests answered"),
    NUMBER(limits, pending_max, 1, 65536, "1024", "handshakes",
           "handshakes under way on each worker"),
    NUMBER(limits, malformed_max, 1, 1000000, "16", "packets",
           "authenticated malformed packets before a session is closed"),
    NUMBER(limits, messages_per_s, 1, 10000, "60", "messages/s",
           "taken from one session; what comes faster waits at the client. While what waits for "
           "somebody is half of the next row, down to a twelfth, and each KB counts"),
    /* One of the largest fits into what bulk may have of it: seven eighths. */
    NUMBER(limits, message_backlog_kb, 80, 8192, "192", "KB",
           "messages that wait for one session, an eighth of it for what is no bulk; with more it "
           "is behind, and closed when it has been so for 5 s in all (reason 10)"),
    /* A client that hears nothing at all stops playing after 5 s, and is silent then. */
    NUMBER(limits, starved_s, 10, 3600, "15", "s",
           "a session that sends inputs and acknowledges no snapshot for so long is closed (reason "
           "14)"),
    /* Of the quarter one of the largest can always be begun, beside an eighth for small ones and
     * more for what waits; with less there is no room for all three. Indexes have 16 bits. */
    NUMBER(
        limits, message_memory_kb, 1024, 65535, "16384", "KB",
        "of each worker for messages: a quarter for those coming in, where a message that is begun "
        "has room to its end and others wait in line, half for equal shares of all its sessions, "
        "the rest for those going out in general"),
    /* What one packet holds gains nothing; 65536 switches it off. */
    NUMBER(limits, compress_above_bytes, TW_COMPRESS_ABOVE, TW_MESSAGE_MAX, "1024", "bytes",
           "bulk messages to clients that are larger are sent compressed, if that makes them an "
           "eighth smaller; 65536 = never"),
    /* An hour bounds what a key that leaked tells. Fewer packets than 64 would start phases faster
     * than some clients' round trips. */
    NUMBER(limits, rekey_s, 10, 3600, "600", "s", "a session's keys are changed after so long"),
    NUMBER(limits, rekey_packets, 64, TW_PHASE_PACKETS_MAX, "16777216", "packets",
           "or after so many packets in one direction"),

    /* A client is heard 60 times a second: 100 ms are some packets lost in a row. Beyond an hour
     * nobody comes back, and its slot is better used. */
    NUMBER(life, degraded_ms, 100, 3600000, "1000", "ms", "it is shown as degraded"),
    NUMBER(life, pause_ms, 200, 3600000, "5000", "ms",
           "its entity stands still in the world and can be hit; nothing is sent to it"),
    NUMBER(life, park_ms, 200, 3600000, "30000", "ms",
           "its entity leaves the world and is kept beside it"),
    NUMBER(life, grace_ms, 1000, 3600000, "60000", "ms",
           "it is closed; until then it goes on with the first packet that comes"),

    NUMBER(congestion, calm_loss_percent, 1, 99, "1", "%",
           "a link is calm if it loses less; below conservative_loss_percent"),
    /* Up to 10 s: nobody plays at a round trip that long. */
    NUMBER(congestion, calm_delay_ms, 1, 10000, "10", "ms",
           "and its round trip is less than so much above its baseline; below "
           "conservative_delay_ms"),
    /* Less is a few packets, which tell nothing; more than a minute, and a match is over. */
    NUMBER(congestion, calm_ms, 100, 60000, "1000", "ms",
           "so long calm, and it is normal again; so long no longer failing, conservative"),
    /* One packet lost is 1.6 % of the 64 that count: alone it makes no state. */
    NUMBER(congestion, conservative_loss_percent, 2, 100, "2", "%",
           "a link that loses more is conservative; 100 = none is for its losses"),
    /* Messages themselves make a queue of 15 ms. */
    NUMBER(congestion, conservative_delay_ms, 16, 10000, "20", "ms",
           "or whose round trip is more than so much above its baseline"),
    /* What a path had from the beginning is no change for the worse. */
    NUMBER(congestion, conservative_jitter_percent, 100, 1000, "200", "%",
           "or whose jitter is more than so much of its baseline's"),
    NUMBER(congestion, conservative_jitter_ms, 1, 10000, "10", "ms", "and so much more"),
    NUMBER(congestion, emergency_loss_percent, 2, 100, "5", "%",
           "a link that loses more is failing; at least conservative_loss_percent"),
    NUMBER(congestion, emergency_queue_ms, 16, 10000, "100", "ms",
           "or on which so long a queue stands; at least conservative_delay_ms"),

    /* One a tick is what every client sends: less is charged for playing. At ten times as many the
     * session's packet budget comes first. */
    NUMBER(conduct, input_rate_percent, 100, 1000, "150", "%",
           "packets with inputs a session may send, of one a tick; each more is charged"),
    /* A minute: no queue is longer. */
    NUMBER(conduct, input_burst_s, 1, 60, "4", "s",
           "of one a tick, the packets of so long may come at once: they waited in a queue"),
    /* Those of later ticks are not taken at all, whatever they cost. */
    NUMBER(conduct, input_ahead_ticks, 1, TW_INPUT_AHEAD_MAX, "60", "ticks",
           "inputs for a tick further ahead are charged; the client library steers to 56 at most, "
           "on the longest paths"),
    /* Packet numbers order time: a client of ours never goes back. */
    NUMBER(conduct, time_back_ms, 0, 10000, "0", "ms",
           "a newer packet's inputs or ping of a time further back are charged"),
    /* Five within less than a second are refused: the fifth is. Above 1,000 there is a press in
     * every tick. */
    NUMBER(conduct, actions_per_s, 1, 1000, "4", "1/s",
           "presses of one button that do something, in any second"),
    /* 0: counted, and not held against anybody. */
    NUMBER(conduct, input_packets_points, 0, 1000000, "1", "points",
           "what a packet too many costs; below disconnect_score, as are the next three"),
    NUMBER(conduct, input_ahead_points, 0, 1000000, "2", "points",
           "what a packet too far ahead costs"),
    NUMBER(conduct, time_back_points, 0, 1000000, "5", "points",
           "what a packet of an earlier time costs"),
    NUMBER(conduct, actions_points, 0, 1000000, "2", "points", "what a press too many costs"),
    NUMBER(conduct, warn_score, 1, 1000000, "100", "points", "a session at this score is warned"),
    NUMBER(conduct, throttle_score, 1, 1000000, "200", "points",
           "part of its inputs counts and no action; above warn_score"),
    NUMBER(conduct, throttled_percent, 1, 100, "50", "%", "that part: inputs, of one a tick"),
    NUMBER(conduct, disconnect_score, 1, 1000000, "400", "points",
           "it is closed; above throttle_score"),
    NUMBER(conduct, forgive_percent, 1, 100, "50", "%",
           "of warn_score: below that it is neither warned nor throttled any more"),
    NUMBER(conduct, decay_per_s, 1, 100000, "10", "points/s", "what a score loses"),

    NUMBER(world, id, 1, UINT32_MAX, "1", "", "world number; stands in tokens"),
    NUMBER(world, seed, 0, UINT64_MAX, "1", "", "seed of everything random in the world"),
    /* The simulation's own limits: 16 bits of cells on the wire, squared distances of interest
     * fit 40 bits up to 1,000 m, and at 10 ticks/s a step stays shorter than a body. */
    NUMBER(world, size_m, 64, 65536, "1024", "m", "side of the square world"),
    CHOICE(world, edges, edges_choices, "clamp",
           "clamp: walls; wrap: none, x and y go round; then size_m is a multiple of 64 and above "
           "twice aoi_exit_m"),
    NUMBER(world, players_max, 1, 65536, "1000", "players", "players at once"),
    NUMBER(world, entities_max, 1, (1u << TW_ENTITY_INDEX_BITS) - 1u, "16384", "entities",
           "entities at once, players included"),
    NUMBER(world, npcs, 0, (1u << TW_ENTITY_INDEX_BITS) - 1u, "1000", "entities",
           "wandering entities at start"),
    NUMBER(world, npcs_moving_percent, 0, 100, "50", "%", "share of them that moves"),
    NUMBER(world, obstacles, 0, (1u << TW_ENTITY_INDEX_BITS) - 1u, "100", "entities",
           "static circles at start"),
    NUMBER(world, aoi_enter_m, 1, 1000, "64", "m", "an entity nearer than this becomes visible"),
    NUMBER(world, aoi_exit_m, 1, 1000, "72", "m",
           "a visible entity farther than this is no longer; at least aoi_enter_m"),
    NUMBER(world, view_max, 1, 4096, "256", "entities", "entities a client can see at once"),
    NUMBER(world, tick_hz, 10, 240, "60", "1/s", "simulation ticks per second"),
    NUMBER(world, snapshot_hz, 1, 240, "20", "1/s",
           "snapshots per client and second; divides tick_hz"),
    CHOICE(world, index, index_choices, "grid",
           "how places are found; octree for worlds that are high and mostly empty"),
    /* One entity is never worth a split; a search looks through a whole cell, and beyond 4,096 that
     * is the crowd that cells are there to divide. */
    NUMBER(world, split_above, 2, 4096, "32", "entities",
           "a cell of the index that holds more is split in eight"),
    NUMBER(world, merge_below, 1, 2048, "8", "entities",
           "one that was split and holds fewer is merged again; at most half of split_above"),
    NUMBER(world, spawn_radius_m, 0, 32768, "0", "m",
           "players appear this near to the centre; 0 = anywhere"),
    NUMBER(world, parking_max, 0, 65536, "1000", "players",
           "players whose sessions are silent and who left the world; more stay in it"),

    TEXT(control, agent_socket, 2, "/run/tickwire/agent.sock",
         "engine and control plane meet here"),
    TEXT(control, cli_socket, 2, "/run/tickwire/control.sock",
         "the tickwire command reaches the control plane here"),
    TEXT(control, database, 1, "/var/lib/tickwire/control.db",
         "SQLite file: accounts, sessions, token history"),
    TEXT(control, key_file, 1, "/var/lib/tickwire/keys",
         "static key and token keys; created with mode 0600"),
    NUMBER(control, token_validity_s, 1, 3600, "60", "s",
           "time a client has to start a handshake with a new token"),
    NUMBER(control, token_history_max, 1, 100000000, "1000000", "tokens",
           "tokens remembered until they expire; handshakes are refused when full"),
    {FIELD(control, suites), .type = TW_SCHEMA_FLAGS, .choices = suite_choices,
     .default_text = "chacha20_poly1305, aes256_gcm", .unit = "",
     .meaning = "cipher suites allowed on this host"},
};
const size_t tw_schema_key_count = sizeof(tw_schema_keys) / sizeof(tw_schema_keys[0]);
static_assert(sizeof(tw_schema_keys) / sizeof(tw_schema_keys[0]) <= TW_SCHEMA_KEYS_MAX,
              "the loader keeps one line number per key");
static_assert(sizeof(tw_schema_sections) / sizeof(tw_schema_sections[0]) <= TW_SCHEMA_SECTIONS_MAX,
              "the loader keeps one line number per section");
static_assert(sizeof(enum tw_idle) == sizeof(int) && sizeof(enum tw_hugepages) == sizeof(int),
              "enums are stored as int");

static bool name_equals(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

int tw_schema_find_section(const char *name, size_t length)
{
    for (size_t i = 0; i < tw_schema_section_count; i++) {
        if (name_equals(tw_schema_sections[i].name, name, length))
            return (int)i;
    }
    return -1;
}

int tw_schema_find_key(const char *section, const char *name, size_t length)
{
    for (size_t i = 0; i < tw_schema_key_count; i++) {
        if (strcmp(tw_schema_keys[i].section, section) == 0 &&
            name_equals(tw_schema_keys[i].name, name, length))
            return (int)i;
    }
    return -1;
}

static void list_choices(const struct tw_schema_key *key, const char *lead, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", lead);
    for (const struct tw_schema_choice *choice = key->choices; choice->name; choice++) {
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     choice == key->choices ? "" : ", ", choice->name);
    }
}

void tw_schema_expectation(const struct tw_schema_key *key, char *out, size_t size)
{
    switch (key->type) {
    case TW_SCHEMA_STRING:
        snprintf(out, size, "text of %" PRIu64 " to %" PRIu64 " printable ASCII characters",
                 key->min, key->max);
        break;
    case TW_SCHEMA_INTEGER:
        snprintf(out, size, "an integer from %" PRIu64 " to %" PRIu64, key->min, key->max);
        break;
    case TW_SCHEMA_SIZE:
        snprintf(out, size, "a size from %" PRIu64 " to %" PRIu64 " MB, like 512, 512M or 2G",
                 key->min, key->max);
        break;
    case TW_SCHEMA_ENUM:
        list_choices(key, "one of ", out, size);
        break;
    case TW_SCHEMA_FLAGS:
        list_choices(key, "a list of one or more of ", out, size);
        break;
    case TW_SCHEMA_IPV4:
        snprintf(out, size, "an IPv4 address like 192.0.2.1%s", key->min == 0 ? ", or none" : "");
        break;
    case TW_SCHEMA_IPV6:
        snprintf(out, size, "an IPv6 address like \"2001:db8::1\", or none");
        break;
    case TW_SCHEMA_CORES:
        snprintf(out, size, "a list of at most %u different integers from %" PRIu64 " to %" PRIu64,
                 TW_CONFIG_CORES_MAX, key->min, key->max);
        break;
    }
}
