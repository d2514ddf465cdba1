/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The `tickwire` command: words → one row of the command table → one request → a table or JSON.
 *
 * A command that only asks the control plane is a row: its request, arguments and printer. Others
 * (config, completion, token issue) have a function of their own. Single-threaded, one request.
 */
#ifndef TICKWIRE_CONTROL_CLI_CLI_H
#define TICKWIRE_CONTROL_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum tw_exit {
    TW_EXIT_OK = 0,
    TW_EXIT_REFUSED = 1,     /* the control plane said no */
    TW_EXIT_USAGE = 2,       /* usage or configuration error */
    TW_EXIT_UNREACHABLE = 3, /* no control plane answers at the socket */
};

#define TW_CLI_CONFIG_DEFAULT "/etc/tickwire/tickwire.yaml"

struct tw_cli {
    const char *socket_path; /* NULL: from the configuration */
    const char *config_path; /* NULL: TW_CLI_CONFIG_DEFAULT, may be missing */
    bool json;
    bool all;          /* drops --all */
    json_t *arguments; /* of the request, from the command line */
};

enum tw_cli_kind {
    TW_CLI_TEXT,
    TW_CLI_NUMBER,
    TW_CLI_DURATION, /* 90, 90s, 5m, 2h, 7d → seconds */
    TW_CLI_FLAG,
};

struct tw_cli_option {
    const char *name; /* "--reason" */
    const char *key;  /* in the request's arguments */
    enum tw_cli_kind kind;
    bool required;
    const char *value; /* "TEXT", for help */
};

#define TW_CLI_OPTIONS_MAX 6u

struct tw_cli_command {
    const char *group; /* "session" */
    const char *verb;  /* "kick", or NULL */
    const char *request;
    void (*print)(const struct tw_cli *cli, const json_t *result);
    enum tw_exit (*run)(struct tw_cli *cli); /* instead of request and print */
    const char *positional;                  /* key of the one argument without a name, or NULL */
    bool positional_optional;
    bool positional_rest; /* all words that are no options, joined by blanks */
    struct tw_cli_option options[TW_CLI_OPTIONS_MAX]; /* ends with name NULL */
    const char *help;
};

extern const struct tw_cli_command tw_cli_commands[];
extern const size_t tw_cli_command_count;

/* Sends one request. On TW_EXIT_OK *result is the caller's; else the error was reported. */
enum tw_exit tw_cli_request(const struct tw_cli *cli, const char *command, json_t *arguments,
                            json_t **result);
/* An error that is not reported. */
struct tw_cli_silence {
    const char *code; /* NULL: none */
    bool met;         /* that was the answer */
};
/* The same, but for this error. */
enum tw_exit tw_cli_request_unless(const struct tw_cli *cli, const char *command, json_t *arguments,
                                   struct tw_cli_silence *silence, json_t **result);
/* Reports an error as text on stderr, or as JSON on stdout. `details` is taken over, may be NULL.
 */
void tw_cli_report(const struct tw_cli *cli, const char *code, const char *message,
                   json_t *details);

/* Rows: an array of arrays of strings, the first one holds the column names. Taken over. */
void tw_table_print(FILE *out, json_t *rows);
/* A value as a person reads it; a new JSON string. */
json_t *tw_table_cell(const json_t *value);
void tw_json_print(const json_t *value);

void tw_print_object(const struct tw_cli *cli, const json_t *result);
void tw_print_status(const struct tw_cli *cli, const json_t *result);
void tw_print_debug_space(const struct tw_cli *cli, const json_t *result);
void tw_print_drops(const struct tw_cli *cli, const json_t *result);
void tw_print_sessions(const struct tw_cli *cli, const json_t *result);
void tw_print_accounts(const struct tw_cli *cli, const json_t *result);
void tw_print_conduct(const struct tw_cli *cli, const json_t *result);
void tw_print_filters(const struct tw_cli *cli, const json_t *result);

enum tw_exit tw_cli_token_issue(struct tw_cli *cli);
enum tw_exit tw_cli_config_show(struct tw_cli *cli);
enum tw_exit tw_cli_config_check(struct tw_cli *cli);
enum tw_exit tw_cli_config_reference(struct tw_cli *cli);
enum tw_exit tw_cli_lab_import(struct tw_cli *cli);
enum tw_exit tw_cli_completion(struct tw_cli *cli);

/* False: not a command; what stands in argv was told on stderr. */
const struct tw_cli_command *tw_cli_find(int argc, char **argv, int *words);
/* Fills cli->arguments from what follows the command's words. */
bool tw_cli_parse(struct tw_cli *cli, const struct tw_cli_command *command, int argc, char **argv);
void tw_cli_help(FILE *out);

#endif
