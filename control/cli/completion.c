/* SPDX-License-Identifier: BSD-3-Clause */
/* The bash completion script, written from the command table. */
#include "control/cli/cli.h"

#include <string.h>

#define GLOBAL_OPTIONS "--socket --config --json --help"

static void print_groups(void)
{
    const char *previous = "";
    for (size_t i = 0; i < tw_cli_command_count; i++) {
        const char *group = tw_cli_commands[i].group; /* rows of a group stand together */
        if (strcmp(group, previous) != 0)
            printf("%s ", group);
        previous = group;
    }
}

static void print_verbs(const char *group)
{
    for (size_t i = 0; i < tw_cli_command_count; i++) {
        const struct tw_cli_command *command = &tw_cli_commands[i];
        if (strcmp(command->group, group) == 0 && command->verb)
            printf("%s%s", command->verb, i + 1 < tw_cli_command_count ? " " : "");
    }
}

static void print_cases(void)
{
    const char *previous = "";
    for (size_t i = 0; i < tw_cli_command_count; i++) {
        const struct tw_cli_command *command = &tw_cli_commands[i];
        if (command->verb && strcmp(command->group, previous) != 0) {
            printf("    \" %s\") choices=\"", command->group);
            print_verbs(command->group);
            puts("\" ;;");
        }
        previous = command->group;
        if (!command->options[0].name)
            continue;
        printf("    \" %s%s%s\"*) choices=\"", command->group, command->verb ? " " : "",
               command->verb ? command->verb : "");
        for (const struct tw_cli_option *option = command->options; option->name; option++)
            printf("%s%s", option == command->options ? "" : " ", option->name);
        puts("\" ;;");
    }
}

enum tw_exit tw_cli_completion(struct tw_cli *cli)
{
    (void)cli;
    puts("# bash completion for tickwire\n"
         "_tickwire()\n"
         "{\n"
         "    local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" choices=\"\" i\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        case \"${COMP_WORDS[i]}\" in\n"
         "        --socket|--config) ((i++)) ;;\n"
         "        -*) ;;\n"
         "        *) path+=\" ${COMP_WORDS[i]}\" ;;\n"
         "        esac\n"
         "    done\n"
         "    case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
         "    --socket|--config)\n"
         "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "        return ;;\n"
         "    esac\n"
         "    case \"$path\" in");
    fputs("    \"\") choices=\"", stdout);
    print_groups();
    puts(GLOBAL_OPTIONS "\" ;;");
    print_cases();
    puts("    \" config check\"*)\n"
         "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "        return ;;\n"
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$choices\" -- \"$current\"))\n"
         "}\n"
         "complete -F _tickwire tickwire");
    return TW_EXIT_OK;
}
