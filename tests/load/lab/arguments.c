/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/arguments.h"

#include "tickwire/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tw_arguments_result tw_arguments_parse(const struct tw_command *command, void *context,
                                            int argc, char **argv)
{
    int option = 0, index = 0;
    while ((option = getopt_long(argc, argv, "", command->options, &index)) != -1) {
        struct tw_argument argument = {command->program, command->options[index].name, optarg};
        if (option == '?') {
            fprintf(stderr, "%s: see --help\n", command->program);
            return TW_ARGUMENTS_WRONG;
        }
        if (strcmp(argument.name, "help") == 0) {
            fputs(command->help, stdout);
            return TW_ARGUMENTS_HELP;
        }
        if (!command->apply(context, option, &argument))
            return TW_ARGUMENTS_WRONG;
    }
    if (optind == argc)
        return TW_ARGUMENTS_TAKEN;
    fprintf(stderr, "%s: %s: unexpected argument; see --help\n", command->program, argv[optind]);
    return TW_ARGUMENTS_WRONG;
}

static bool complain(const struct tw_argument *argument, const char *wanted)
{
    fprintf(stderr, "%s: --%s wants %s, not '%s'\n", argument->program, argument->name, wanted,
            argument->text);
    return false;
}

static bool parse_digits(const char *text, size_t length, uint64_t *out)
{
    uint64_t value = 0;
    bool overflow = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        overflow |= __builtin_mul_overflow(value, UINT64_C(10), &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
    }
    *out = value;
    return length > 0 && !overflow;
}

bool tw_argument_number(const struct tw_argument *argument, uint64_t least, uint64_t most,
                        uint64_t *out)
{
    char wanted[96];
    if (parse_digits(argument->text, strlen(argument->text), out) && *out >= least && *out <= most)
        return true;
    snprintf(wanted, sizeof(wanted), "a number from %" PRIu64 " to %" PRIu64, least, most);
    return complain(argument, wanted);
}

bool tw_argument_number32(const struct tw_argument *argument, uint32_t least, uint32_t most,
                          uint32_t *out)
{
    uint64_t value = 0;
    if (!tw_argument_number(argument, least, most, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool tw_argument_permille(const struct tw_argument *argument, uint64_t least, uint64_t most,
                          uint64_t *out)
{
    char wanted[96];
    size_t whole_length = strcspn(argument->text, ".");
    const char *fraction = argument->text + whole_length;
    uint64_t whole = 0;
    uint64_t parts = 0;
    bool good = parse_digits(argument->text, whole_length, &whole) && whole <= most / 1000u;
    if (good && *fraction == '.') {
        size_t places = strlen(++fraction);
        good = places <= 3 && parse_digits(fraction, places, &parts);
        for (; places < 3; places++)
            parts *= 10u;
    }
    *out = whole * 1000u + parts;
    if (good && *out >= least && *out <= most)
        return true;
    snprintf(wanted, sizeof(wanted), "a number from %" PRIu64 ".%03" PRIu64 " to %" PRIu64,
             least / 1000u, least % 1000u, most / 1000u);
    return complain(argument, wanted);
}

bool tw_argument_ip(const struct tw_argument *argument, uint8_t out[16])
{
    struct in_addr ipv4;
    if (inet_pton(AF_INET, argument->text, &ipv4) == 1) {
        struct tw_address address = tw_address_from_ipv4(ntohl(ipv4.s_addr), 0);
        memcpy(out, address.ip, sizeof(address.ip));
        return true;
    }
    return inet_pton(AF_INET6, argument->text, out) == 1 ||
           complain(argument, "an IPv4 or IPv6 address");
}

static int hexadecimal(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool tw_argument_mac(const struct tw_argument *argument, uint8_t out[6])
{
    const char *text = argument->text;
    bool good = strlen(text) == 17;
    for (size_t i = 0; good && i < 6; i++) {
        int high = hexadecimal(text[i * 3]);
        int low = hexadecimal(text[i * 3 + 1]);
        good = high >= 0 && low >= 0 && text[i * 3 + 2] == (i < 5 ? ':' : '\0');
        out[i] = (uint8_t)(high * 16 + low);
    }
    return good || complain(argument, "a MAC address like 02:00:00:00:00:01");
}
