/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands with a way of their own: token issue (several requests), config (no request). */
#include "control/cli/cli.h"

#include "control/config/print.h"

#include <unistd.h>

/* What the daemon gives at once; see TW_TOKENS_PER_REQUEST there. */
#define TOKENS_PER_REQUEST 1000
#define TOKENS_MAX         1000000

static json_t *chunk_arguments(const json_t *arguments, json_int_t first, json_int_t count)
{
    json_t *chunk = json_copy((json_t *)(uintptr_t)arguments);
    (void)json_object_set_new(chunk, "first", json_integer(first));
    (void)json_object_set_new(chunk, "count", json_integer(count));
    return chunk;
}

static void print_tokens(const json_t *tokens)
{
    size_t index;
    json_t *token;
    json_array_foreach((json_t *)(uintptr_t)tokens, index, token) puts(json_string_value(token));
}

static enum tw_exit issue_chunks(const struct tw_cli *cli, json_int_t count, json_t *all)
{
    for (json_int_t first = 1; first <= count; first += TOKENS_PER_REQUEST) {
        json_int_t left = count - first + 1;
        json_t *arguments = chunk_arguments(cli->arguments, first,
                                            left < TOKENS_PER_REQUEST ? left : TOKENS_PER_REQUEST);
        json_t *result = NULL;
        enum tw_exit outcome = tw_cli_request(cli, "token.issue", arguments, &result);
        json_decref(arguments);
        if (outcome != TW_EXIT_OK)
            return outcome;
        (void)json_array_extend(all, json_object_get(result, "tokens"));
        json_decref(result);
    }
    return TW_EXIT_OK;
}

enum tw_exit tw_cli_token_issue(struct tw_cli *cli)
{
    const json_t *wanted = json_object_get(cli->arguments, "count");
    json_int_t count = json_integer_value(wanted);
    if (wanted && (count < 1 || count > TOKENS_MAX)) {
        tw_cli_report(cli, "USAGE", "--count: expected 1 to 1000000", NULL);
        return TW_EXIT_USAGE;
    }
    json_t *all = json_array();
    enum tw_exit outcome;
    if (wanted) {
        outcome = issue_chunks(cli, count, all);
    } else {
        json_t *result = NULL;
        outcome = tw_cli_request(cli, "token.issue", cli->arguments, &result);
        (void)json_array_extend(all, json_object_get(result, "tokens"));
        json_decref(result);
    }
    if (outcome == TW_EXIT_OK && cli->json) {
        json_t *object = json_pack("{s:O}", "tokens", all);
        tw_json_print(object);
        json_decref(object);
    } else if (outcome == TW_EXIT_OK) {
        print_tokens(all);
    }
    json_decref(all);
    return outcome;
}

static enum tw_exit load(const struct tw_cli *cli, const char *path, struct tw_config *config)
{
    struct tw_config_error error;
    if (tw_config_load(path, config, &error))
        return TW_EXIT_OK;
    tw_cli_report(cli, "CONFIGURATION", error.message, NULL);
    return TW_EXIT_USAGE;
}

enum tw_exit tw_cli_config_show(struct tw_cli *cli)
{
    struct tw_config config;
    const char *path = cli->config_path ? cli->config_path : TW_CLI_CONFIG_DEFAULT;
    /* Without a file everything has its default: worth showing, too. */
    if (!cli->config_path && access(path, F_OK) != 0)
        tw_config_defaults(&config);
    else if (load(cli, path, &config) != TW_EXIT_OK)
        return TW_EXIT_USAGE;
    if (cli->json)
        tw_config_print_json(stdout, &config);
    else
        tw_config_print(stdout, &config);
    return TW_EXIT_OK;
}

enum tw_exit tw_cli_config_check(struct tw_cli *cli)
{
    struct tw_config config;
    const char *path = json_string_value(json_object_get(cli->arguments, "file"));
    if (!path)
        path = cli->config_path ? cli->config_path : TW_CLI_CONFIG_DEFAULT;
    if (load(cli, path, &config) != TW_EXIT_OK)
        return TW_EXIT_USAGE;
    if (cli->json) {
        json_t *object = json_pack("{s:s, s:b}", "file", path, "ok", 1);
        tw_json_print(object);
        json_decref(object);
    } else {
        printf("%s: ok\n", path);
    }
    return TW_EXIT_OK;
}

enum tw_exit tw_cli_config_reference(struct tw_cli *cli)
{
    (void)cli;
    tw_config_print_reference(stdout);
    return TW_EXIT_OK;
}
