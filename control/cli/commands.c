/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct tw_cli_command tw_cli_commands[] = {
    {.group = "status",
     .request = "status",
     .print = tw_print_status,
     .help = "control plane, engine and its newest statistics"},
    {.group = "port",
     .verb = "reset",
     .request = "port.reset",
     .print = tw_print_object,
     .positional = "name",
     .help = "reset a port of the engine; its players stay"},
    {.group = "session",
     .verb = "list",
     .request = "session.list",
     .print = tw_print_sessions,
     .help = "live sessions"},
    {.group = "session",
     .verb = "show",
     .request = "session.show",
     .print = tw_print_object,
     .positional = "connection",
     .help = "one session, live or ended"},
    {.group = "session",
     .verb = "kick",
     .request = "session.kick",
     .print = tw_print_object,
     .positional = "connection",
     .options = {{"--reason", "reason", TW_CLI_TEXT, false, "TEXT"}},
     .help = "end a session; the reason goes to the log"},
    {.group = "account",
     .verb = "add",
     .request = "account.add",
     .print = tw_print_object,
     .positional = "name",
     .help = "make an account"},
    {.group = "account",
     .verb = "list",
     .request = "account.list",
     .print = tw_print_accounts,
     .help = "all accounts"},
    {.group = "account",
     .verb = "ban",
     .request = "account.ban",
     .print = tw_print_object,
     .positional = "name",
     .options = {{"--for", "seconds", TW_CLI_DURATION, false, "90s|5m|1h|7d"},
                 {"--reason", "reason", TW_CLI_TEXT, false, "TEXT"}},
     .help = "refuse an account, end its sessions; for good without --for"},
    {.group = "account",
     .verb = "unban",
     .request = "account.unban",
     .print = tw_print_object,
     .positional = "name",
     .help = "lift a ban"},
    {.group = "conduct",
     .verb = "list",
     .request = "conduct.list",
     .print = tw_print_conduct,
     .help = "players whose conduct is on record: the score that their next session begins with"},
    {.group = "conduct",
     .verb = "reset",
     .request = "conduct.reset",
     .print = tw_print_object,
     .positional = "name",
     .help = "nothing is held against a player any more, in this session or the next; NAME or\n"
             "      id:NUMBER"},
    {.group = "filter",
     .verb = "add",
     .request = "filter.add",
     .print = tw_print_object,
     .positional = "rule",
     .positional_rest = true,
     .help =
         "add a packet filter rule: allow|deny PREFIX, limit PREFIX [source] pps|bps SOFT/HARD\n"
         "      ..., malformed PREFIX [source] above N for T"},
    {.group = "filter",
     .verb = "list",
     .request = "filter.list",
     .print = tw_print_filters,
     .help = "all filter rules and what they did"},
    {.group = "filter",
     .verb = "remove",
     .request = "filter.remove",
     .print = tw_print_object,
     .positional = "id",
     .help = "remove a filter rule by its number"},
    {.group = "token",
     .verb = "issue",
     .run = tw_cli_token_issue,
     .options = {{"--account", "account", TW_CLI_TEXT, true, "NAME"},
                 {"--world", "world", TW_CLI_NUMBER, false, "N"},
                 {"--validity", "validity_s", TW_CLI_DURATION, false, "S"},
                 {"--count", "count", TW_CLI_NUMBER, false, "N"},
                 {"--create", "create", TW_CLI_FLAG, false, NULL}},
     .help = "print connect tokens (base64, one per line); --count N: for NAME-1 to NAME-N"},
    {.group = "drops",
     .request = "drops",
     .print = tw_print_drops,
     .options = {{"--all", "all", TW_CLI_FLAG, false, NULL}},
     .help = "the ledgers: how every packet, input, handshake and send ended"},
    {.group = "debug",
     .verb = "space",
     .request = "debug.space",
     .print = tw_print_debug_space,
     .help = "the world's spatial index: what its validator found, its cells, what queries cost"},
    {.group = "keys",
     .verb = "rotate",
     .request = "keys.rotate",
     .print = tw_print_object,
     .options = {{"--static", "static", TW_CLI_FLAG, false, NULL},
                 {"--revoke", "revoke", TW_CLI_FLAG, false, NULL}},
     .help = "new token key; tokens of the old one stay good until they expire; --static: and a "
             "new server key; --revoke: at once, for keys that may be known"},
    {.group = "lab",
     .verb = "import",
     .run = tw_cli_lab_import,
     .positional = "file",
     .help = "install a capture's sessions into a lab (engine.lab: true): all or none"},
    {.group = "config",
     .verb = "show",
     .run = tw_cli_config_show,
     .help = "the effective configuration, with comments"},
    {.group = "config",
     .verb = "check",
     .run = tw_cli_config_check,
     .positional = "file",
     .positional_optional = true,
     .help = "check a configuration file"},
    {.group = "config",
     .verb = "reference",
     .run = tw_cli_config_reference,
     .help = "every key as a Markdown table"},
    {.group = "completion",
     .verb = "bash",
     .run = tw_cli_completion,
     .help = "completion script: source <(tickwire completion bash)"},
};
const size_t tw_cli_command_count = sizeof(tw_cli_commands) / sizeof(tw_cli_commands[0]);

static const char *placeholder(const char *positional)
{
    static const struct {
        const char *key;
        const char *text;
    } texts[] = {{"connection", "ID"}, {"id", "ID"}, {"file", "FILE"}, {"rule", "RULE"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(positional, texts[i].key) == 0)
            return texts[i].text;
    }
    return "NAME";
}

void tw_cli_help(FILE *out)
{
    fputs("usage: tickwire [--socket PATH] [--config FILE] [--json] COMMAND\n\n"
          "Asks and tells the control plane of a Tickwire host.\n\n"
          "commands:\n",
          out);
    for (size_t i = 0; i < tw_cli_command_count; i++) {
        const struct tw_cli_command *command = &tw_cli_commands[i];
        fprintf(out, "  %s%s%s", command->group, command->verb ? " " : "",
                command->verb ? command->verb : "");
        if (command->positional)
            fprintf(out, command->positional_optional ? " [%s]" : " %s",
                    placeholder(command->positional));
        for (const struct tw_cli_option *option = command->options; option->name; option++)
            fprintf(out, "%s%s%s%s%s", option->required ? " " : " [", option->name,
                    option->value ? " " : "", option->value ? option->value : "",
                    option->required ? "" : "]");
        fprintf(out, "\n      %s\n", command->help);
    }
    fputs("\noptions:\n"
          "  --socket PATH  the control plane's CLI socket (default: from the configuration)\n"
          "  --config FILE  configuration (default " TW_CLI_CONFIG_DEFAULT ")\n"
          "  --json         machine-readable output, errors included\n"
          "  --help         this text\n"
          "\n"
          "exit codes: 0 done, 1 the control plane refused, 2 usage or configuration error,\n"
          "3 the control plane cannot be reached\n",
          out);
}

const struct tw_cli_command *tw_cli_find(int argc, char **argv, int *words)
{
    bool group_known = false;
    for (size_t i = 0; i < tw_cli_command_count && argc > 0; i++) {
        const struct tw_cli_command *command = &tw_cli_commands[i];
        if (strcmp(command->group, argv[0]) != 0)
            continue;
        group_known = true;
        *words = command->verb ? 2 : 1;
        if (!command->verb || (argc > 1 && strcmp(command->verb, argv[1]) == 0))
            return command;
    }
    if (argc == 0)
        fputs("tickwire: a command is missing; see tickwire --help\n", stderr);
    else if (!group_known)
        fprintf(stderr, "tickwire: no command %s; see tickwire --help\n", argv[0]);
    else
        fprintf(stderr, "tickwire: %s: expected one of its commands; see tickwire --help\n",
                argv[0]);
    return NULL;
}

static bool parse_number(const char *text, json_int_t *value, const char **rest)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || errno != 0 || number < 0 || text[0] == '+' || text[0] == ' ')
        return false;
    *value = number;
    *rest = end;
    return true;
}

static json_t *parse_duration(const char *text)
{
    static const char units[] = "smhd";
    static const json_int_t seconds[] = {1, 60, 3600, 86400};
    json_int_t value = 0;
    const char *rest = NULL;
    if (!parse_number(text, &value, &rest) || value == 0 || value > 1000000000)
        return NULL;
    if (*rest == '\0')
        return json_integer(value);
    const char *unit = strchr(units, *rest);
    return unit && rest[1] == '\0' ? json_integer(value * seconds[unit - units]) : NULL;
}

static json_t *parse_value(enum tw_cli_kind kind, const char *text)
{
    json_int_t value = 0;
    const char *rest = NULL;
    if (kind == TW_CLI_TEXT)
        return json_string(text);
    if (kind == TW_CLI_DURATION)
        return parse_duration(text);
    return parse_number(text, &value, &rest) && *rest == '\0' ? json_integer(value) : NULL;
}

static const struct tw_cli_option *find_option(const struct tw_cli_command *command,
                                               const char *name, size_t length)
{
    for (const struct tw_cli_option *option = command->options; option->name; option++) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

/* One option at argv[*at], "--name value" or "--name=value"; advances *at. */
static bool parse_option(json_t *arguments, const struct tw_cli_command *command, int argc,
                         char **argv, int *at)
{
    const char *word = argv[(*at)++];
    size_t length = strcspn(word, "=");
    const char *text = word[length] ? word + length + 1 : NULL;
    const struct tw_cli_option *option = find_option(command, word, length);
    if (!option) {
        fprintf(stderr, "tickwire: %s: no such option; see tickwire --help\n", word);
        return false;
    }
    if (option->kind == TW_CLI_FLAG)
        return !text && json_object_set_new(arguments, option->key, json_true()) == 0;
    if (!text && *at < argc)
        text = argv[(*at)++];
    json_t *value = text ? parse_value(option->kind, text) : NULL;
    if (value)
        return json_object_set_new(arguments, option->key, value) == 0;
    fprintf(stderr, "tickwire: %s: expected %s\n", option->name, option->value);
    return false;
}

static bool is_complete(const struct tw_cli_command *command, const json_t *arguments)
{
    if (command->positional && !command->positional_optional &&
        !json_object_get(arguments, command->positional)) {
        fprintf(stderr, "tickwire: %s %s: an argument is missing: %s\n", command->group,
                command->verb, command->positional);
        return false;
    }
    for (const struct tw_cli_option *option = command->options; option->name; option++) {
        if (option->required && !json_object_get(arguments, option->key)) {
            fprintf(stderr, "tickwire: %s is missing\n", option->name);
            return false;
        }
    }
    return true;
}

/* Behind what stands there already, with a blank in between. */
static bool add_positional(json_t *arguments, const char *key, const char *word)
{
    const char *before = json_string_value(json_object_get(arguments, key));
    json_t *value = before ? json_sprintf("%s %s", before, word) : json_string(word);
    if (!value) {
        fputs("tickwire: an argument is not UTF-8\n", stderr);
        return false;
    }
    return json_object_set_new(arguments, key, value) == 0;
}

bool tw_cli_parse(struct tw_cli *cli, const struct tw_cli_command *command, int argc, char **argv)
{
    cli->arguments = json_object();
    for (int at = 0; at < argc;) {
        if (argv[at][0] == '-' && argv[at][1] != '\0') {
            if (!parse_option(cli->arguments, command, argc, argv, &at))
                return false;
        } else if (command->positional && (command->positional_rest ||
                                           !json_object_get(cli->arguments, command->positional))) {
            if (!add_positional(cli->arguments, command->positional, argv[at++]))
                return false;
        } else {
            fprintf(stderr, "tickwire: %s: one argument too many\n", argv[at]);
            return false;
        }
    }
    return is_complete(command, cli->arguments);
}
