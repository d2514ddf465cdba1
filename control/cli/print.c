/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers as people read them. */
#include "control/cli/cli.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

static json_t *header(const char *a, const char *b, const char *c)
{
    return c ? json_pack("[[s, s, s]]", a, b, c) : json_pack("[[s, s]]", a, b);
}

/* Members of an object, nested ones left out. */
static void append_members(json_t *rows, const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!json_is_object(value) && !json_is_array(value))
            (void)json_array_append_new(rows, json_pack("[s, o]", name, tw_table_cell(value)));
    }
}

void tw_print_object(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    json_t *rows = json_array();
    append_members(rows, result);
    tw_table_print(stdout, rows);
}

static void print_section(const char *title, const json_t *object)
{
    json_t *rows = header(title, "", NULL);
    append_members(rows, object);
    tw_table_print(stdout, rows);
}

/* A list becomes its words. */
static json_t *member_cell(const json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);
    if (!json_is_array(member))
        return tw_table_cell(member);
    char text[256] = "";
    size_t length = 0, index;
    json_t *word;
    json_array_foreach(member, index, word)
    {
        int more = snprintf(text + length, sizeof(text) - length, "%s%s", index == 0 ? "" : " ",
                            json_string_value(word));
        if (more > 0 && (size_t)more < sizeof(text) - length)
            length += (size_t)more;
    }
    return json_string(text);
}

static void print_workers(const json_t *workers)
{
    json_t *rows = json_pack("[[s, s, s, s, s, s, s]]", "WORKER", "CORE", "MODE", "RECEIVED",
                             "SESSIONS", "BUSY %", "SLEPT %");
    size_t index;
    json_t *worker;
    json_array_foreach((json_t *)(uintptr_t)workers, index, worker)
    {
        static const char *const columns[] = {"core",          "mode",         "rx_packets",
                                              "sessions_live", "busy_percent", "slept_percent"};
        char number[24];
        snprintf(number, sizeof(number), "%zu", index);
        json_t *row = json_pack("[s]", number);
        for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
            (void)json_array_append_new(row, tw_table_cell(json_object_get(worker, columns[i])));
        (void)json_array_append_new(rows, row);
    }
    tw_table_print(stdout, rows);
    fputc('\n', stdout);
}

/* One row for each of a list of objects: the titles, then these members. */
static void print_rows(const json_t *list, const char *const *titles, const char *const *members)
{
    json_t *rows = json_array();
    json_t *row = json_array();
    for (size_t i = 0; titles[i]; i++)
        (void)json_array_append_new(row, json_string(titles[i]));
    (void)json_array_append_new(rows, row);
    size_t index;
    json_t *object;
    json_array_foreach((json_t *)(uintptr_t)list, index, object)
    {
        row = json_array();
        for (size_t i = 0; members[i]; i++)
            (void)json_array_append_new(row, member_cell(object, members[i]));
        (void)json_array_append_new(rows, row);
    }
    tw_table_print(stdout, rows);
    fputc('\n', stdout);
}

static void print_ports(const json_t *ports)
{
    static const char *const titles[] = {"PORT",     "DRIVER", "MAC",    "ADDRESS", "IPV6",
                                         "RECEIVED", "SENT",   "MISSED", NULL};
    static const char *const members[] = {
        "name", "driver", "mac", "address", "address6", "rx_packets", "tx_packets", "missed", NULL};
    static const char *const life_titles[] = {
        "PORT", "STATE",  "MBIT/S", "LINK DOWNS", "RESETS",           "FAILED",
        "MTU",  "QUEUES", "OF",     "HASHED BY",  "DONE BY THE PORT", NULL};
    static const char *const life[] = {"name",       "state",          "link_mbps", "link_downs",
                                       "resets",     "reset_failures", "mtu",       "queues",
                                       "queues_max", "hashes",         "features",  NULL};
    print_rows(ports, titles, members);
    print_rows(ports, life_titles, life);
}

static void print_statistics(const json_t *stats)
{
    print_ports(json_object_get(stats, "ports"));
    print_workers(json_object_get(stats, "worker"));
    print_section("CRYPTO", json_object_get(stats, "crypto"));
    fputc('\n', stdout);
    print_section("STATISTICS", stats);
}

void tw_print_status(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    print_section("CONTROL", json_object_get(result, "control"));
    fputc('\n', stdout);
    print_section("ENGINE", json_object_get(result, "engine"));
    fputc('\n', stdout);
    if (json_is_object(json_object_get(result, "stats")))
        print_statistics(json_object_get(result, "stats"));
    else
        puts("no statistics: no engine has reported yet");
}

static void print_ledger(const struct tw_cli *cli, const char *title, const json_t *ledger)
{
    json_t *rows = header(title, "COUNT", "MEANING");
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(ledger, "rows"), index, row)
    {
        if (!cli->all && json_integer_value(json_object_get(row, "count")) == 0)
            continue;
        (void)json_array_append_new(rows, json_pack("[O, o, O]", json_object_get(row, "name"),
                                                    tw_table_cell(json_object_get(row, "count")),
                                                    json_object_get(row, "meaning")));
    }
    const json_t *sum = json_object_get(ledger, "sum");
    if (sum)
        (void)json_array_append_new(rows, json_pack("[s, o, s]", "(sum)", tw_table_cell(sum), ""));
    tw_table_print(stdout, rows);
    fputc('\n', stdout);
}

void tw_print_drops(const struct tw_cli *cli, const json_t *result)
{
    const json_t *ledgers = json_object_get(result, "ledgers");
    print_ledger(cli, "RECEIVED PACKETS", json_object_get(ledgers, "packets"));
    print_ledger(cli, "INPUTS AT THE WORKER", json_object_get(ledgers, "inputs"));
    print_ledger(cli, "INPUTS AT THE SHARD", json_object_get(ledgers, "shard_inputs"));
    print_ledger(cli, "HANDSHAKES", json_object_get(ledgers, "handshakes"));
    print_ledger(cli, "SENT PACKETS", json_object_get(ledgers, "sends"));
    print_ledger(cli, "ROAMING", json_object_get(ledgers, "roaming"));
    print_ledger(cli, "KEY PHASES", json_object_get(ledgers, "rekeys"));
    print_ledger(cli, "CONDUCT", json_object_get(ledgers, "conduct"));
    print_ledger(cli, "SILENCE", json_object_get(ledgers, "life"));
    print_section("PORT", result);
}

void tw_print_debug_space(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    print_section("SPATIAL INDEX", result);
    fputc('\n', stdout);
    json_t *rows = header("FIGURE", "VALUE", "MEANING");
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(result, "figures"), index, row)
    {
        (void)json_array_append_new(rows, json_pack("[O, o, O]", json_object_get(row, "name"),
                                                    tw_table_cell(json_object_get(row, "value")),
                                                    json_object_get(row, "meaning")));
    }
    tw_table_print(stdout, rows);
}

static json_t *date_cell(const json_t *value)
{
    char text[32];
    struct tm parts;
    time_t seconds = (time_t)json_integer_value(value);
    if (!json_is_integer(value))
        return json_string("-");
    (void)gmtime_r(&seconds, &parts);
    (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
    return json_string(text);
}

void tw_print_sessions(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    json_t *rows = json_pack("[[s, s, s, s, s, s, s]]", "CONNECTION", "ACCOUNT", "WORLD", "ADDRESS",
                             "AGE (S)", "LIFE", "CONDUCT");
    size_t index;
    json_t *session;
    json_array_foreach(json_object_get(result, "sessions"), index, session)
    {
        (void)json_array_append_new(
            rows, json_pack("[O, o, o, O, o, o, o]", json_object_get(session, "connection"),
                            tw_table_cell(json_object_get(session, "account")),
                            tw_table_cell(json_object_get(session, "world")),
                            json_object_get(session, "address"),
                            tw_table_cell(json_object_get(session, "age_s")),
                            tw_table_cell(json_object_get(session, "life")),
                            tw_table_cell(json_object_get(session, "conduct"))));
    }
    tw_table_print(stdout, rows);
    if (json_is_false(json_object_get(result, "engine_linked")))
        fputs("tickwire: no engine is linked; this is what it told last\n", stderr);
}

static json_t *ban_cell(const json_t *account)
{
    if (!json_is_true(json_object_get(account, "banned")))
        return json_string("");
    const json_t *until = json_object_get(account, "banned_until_unix_s");
    return json_is_integer(until) ? date_cell(until) : json_string("for good");
}

void tw_print_accounts(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    json_t *rows = json_pack("[[s, s, s, s, s]]", "ID", "ACCOUNT", "CREATED (UTC)",
                             "BANNED UNTIL (UTC)", "REASON");
    size_t index;
    json_t *account;
    json_array_foreach(json_object_get(result, "accounts"), index, account)
    {
        const char *reason = json_string_value(json_object_get(account, "ban_reason"));
        (void)json_array_append_new(
            rows, json_pack("[o, O, o, o, s]", tw_table_cell(json_object_get(account, "id")),
                            json_object_get(account, "account"),
                            date_cell(json_object_get(account, "created_unix_s")),
                            ban_cell(account), reason ? reason : ""));
    }
    tw_table_print(stdout, rows);
}

void tw_print_conduct(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    json_t *rows = json_pack("[[s, s, s, s, s, s]]", "ID", "ACCOUNT", "SCORE", "STAGE", "CHARGE",
                             "NOTED (UTC)");
    size_t index;
    json_t *player;
    json_array_foreach(json_object_get(result, "players"), index, player)
    {
        (void)json_array_append_new(
            rows, json_pack("[o, o, o, O, O, o]", tw_table_cell(json_object_get(player, "id")),
                            tw_table_cell(json_object_get(player, "account")),
                            tw_table_cell(json_object_get(player, "score")),
                            json_object_get(player, "stage"), json_object_get(player, "charge"),
                            date_cell(json_object_get(player, "noted_unix_s"))));
    }
    tw_table_print(stdout, rows);
}

static const char *filter_state(const json_t *result, const json_t *rule)
{
    if (!json_is_true(json_object_get(result, "engine_linked")))
        return "no engine";
    return json_is_true(json_object_get(rule, "active")) ? "active" : "on its way";
}

void tw_print_filters(const struct tw_cli *cli, const json_t *result)
{
    (void)cli;
    json_t *rows = json_pack("[[s, s, s, s, s, s, s]]", "ID", "STATE", "PACKETS", "DROPPED",
                             "BYTES", "DENIALS", "RULE");
    size_t index;
    json_t *rule;
    json_array_foreach(json_object_get(result, "rules"), index, rule)
    {
        (void)json_array_append_new(rows, json_pack("[o, s, o, o, o, o, O]",
                                                    tw_table_cell(json_object_get(rule, "id")),
                                                    filter_state(result, rule),
                                                    tw_table_cell(json_object_get(rule, "packets")),
                                                    tw_table_cell(json_object_get(rule, "dropped")),
                                                    tw_table_cell(json_object_get(rule, "bytes")),
                                                    tw_table_cell(json_object_get(rule, "denials")),
                                                    json_object_get(rule, "rule")));
    }
    tw_table_print(stdout, rows);
}
