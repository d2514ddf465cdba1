/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/cli/cli.h"

#include <sodium.h>
#include <string.h>

/* Global options may stand anywhere before a "--"; they are taken out of argv. */
static bool take_global(struct tw_cli *cli, int *argc, char **argv)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        const char **value = strcmp(argv[i], "--socket") == 0   ? &cli->socket_path
                             : strcmp(argv[i], "--config") == 0 ? &cli->config_path
                                                                : NULL;
        if (value && i + 1 == *argc) {
            fprintf(stderr, "tickwire: %s: expected a path\n", argv[i]);
            return false;
        }
        if (value)
            *value = argv[++i];
        else if (strncmp(argv[i], "--socket=", 9) == 0)
            cli->socket_path = argv[i] + 9;
        else if (strncmp(argv[i], "--config=", 9) == 0)
            cli->config_path = argv[i] + 9;
        else if (strcmp(argv[i], "--json") == 0)
            cli->json = true;
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return true;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return argc > 0 && strcmp(argv[0], "help") == 0;
}

static enum tw_exit run(struct tw_cli *cli, const struct tw_cli_command *command)
{
    if (command->run)
        return command->run(cli);
    /* --all is about printing; the control plane does not know it. */
    cli->all = json_is_true(json_object_get(cli->arguments, "all"));
    (void)json_object_del(cli->arguments, "all");
    json_t *result = NULL;
    enum tw_exit outcome = tw_cli_request(cli, command->request, cli->arguments, &result);
    if (outcome == TW_EXIT_OK && cli->json)
        tw_json_print(result);
    else if (outcome == TW_EXIT_OK)
        command->print(cli, result);
    json_decref(result);
    return outcome;
}

int main(int argc, char **argv)
{
    struct tw_cli cli = {0};
    int words = 0;
    argc--;
    argv++;
    if (wants_help(argc, argv)) {
        tw_cli_help(stdout);
        return TW_EXIT_OK;
    }
    if (!take_global(&cli, &argc, argv))
        return TW_EXIT_USAGE;
    const struct tw_cli_command *command = tw_cli_find(argc, argv, &words);
    if (!command)
        return TW_EXIT_USAGE;
    enum tw_exit outcome = TW_EXIT_USAGE;
    if (sodium_init() >= 0 && tw_cli_parse(&cli, command, argc - words, argv + words))
        outcome = run(&cli, command);
    json_decref(cli.arguments);
    /* Output that went nowhere (a full disk) is no success. */
    if (fflush(stdout) != 0 && outcome == TW_EXIT_OK)
        outcome = TW_EXIT_REFUSED;
    return (int)outcome;
}
