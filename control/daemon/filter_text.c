/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/filter_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS_SIZE INET6_ADDRSTRLEN

/* The word at hand; empty at the end of the text. */
struct scanner {
    const char *text;
    const char *word;
    size_t length;
    struct tw_filter_text_error *error;
};

/* ---- words ----------------------------------------------------------------------------------- */

static void next_word(struct scanner *scanner)
{
    const char *at = scanner->word + scanner->length;
    scanner->word = at + strspn(at, " ");
    scanner->length = strcspn(scanner->word, " ");
}

static bool is_word(const struct scanner *scanner, const char *word)
{
    return scanner->length == strlen(word) && memcmp(scanner->word, word, scanner->length) == 0;
}

static bool take(struct scanner *scanner, const char *word)
{
    if (!is_word(scanner, word))
        return false;
    next_word(scanner);
    return true;
}

__attribute__((format(printf, 3, 4))) static bool fail_at(struct scanner *scanner,
                                                          const char *place, const char *format,
                                                          ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(scanner->error->message, sizeof(scanner->error->message), format, arguments);
    va_end(arguments);
    scanner->error->column = (uint32_t)(place - scanner->text) + 1u;
    return false;
}

/* "expected …" and what stands there instead. */
static bool fail_expected(struct scanner *scanner, const char *expected)
{
    if (scanner->length == 0)
        return fail_at(scanner, scanner->word, "expected %s", expected);
    return fail_at(scanner, scanner->word, "expected %s, found %.*s", expected,
                   scanner->length < 40 ? (int)scanner->length : 40, scanner->word);
}

static bool fail_end(struct scanner *scanner)
{
    return fail_at(scanner, scanner->word, "expected the end of the rule, found %.*s",
                   scanner->length < 40 ? (int)scanner->length : 40, scanner->word);
}

/* ---- prefixes -------------------------------------------------------------------------------- */

static void write_prefix(const uint8_t ip[16], uint32_t length, char *text, size_t size)
{
    char address[ADDRESS_SIZE] = "";
    bool is_ipv4 = tw_filter_is_ipv4(ip) && length >= TW_FILTER_IPV4_BITS;
    (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, ip + (is_ipv4 ? 12 : 0), address,
                    sizeof(address));
    snprintf(text, size, "%s/%u", address, length - (is_ipv4 ? TW_FILTER_IPV4_BITS : 0u));
}

static bool parse_address(const char *text, size_t length, uint8_t ip[16], bool *is_ipv4)
{
    char address[ADDRESS_SIZE];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (length == 0 || length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    *is_ipv4 = inet_pton(AF_INET, address, ip + 12) == 1;
    if (*is_ipv4)
        memcpy(ip, mapped, sizeof(mapped));
    return *is_ipv4 || inet_pton(AF_INET6, address, ip) == 1;
}

/* 0..max, at most three digits, no leading zero: 010 is eight to some programs. */
static bool parse_length(const char *text, size_t length, uint32_t max, uint32_t *value)
{
    *value = 0;
    if (length == 0 || length > 3 || (text[0] == '0' && length > 1))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10u + (uint32_t)(text[i] - '0');
    }
    return *value <= max;
}

static bool check_host_bits(struct scanner *scanner, struct tw_filter_rule *rule)
{
    char network[64], host[64];
    if (tw_filter_prefix_valid(rule->ip, rule->prefix_length))
        return true;
    write_prefix(rule->ip, 128, host, sizeof(host));
    for (uint32_t bit = rule->prefix_length; bit < 128; bit++)
        rule->ip[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    write_prefix(rule->ip, rule->prefix_length, network, sizeof(network));
    return fail_at(scanner, scanner->word,
                   "bits beyond the prefix are set: write %s for the network, %s for the host",
                   network, host);
}

static bool parse_prefix(struct scanner *scanner, struct tw_filter_rule *rule)
{
    const char *slash = memchr(scanner->word, '/', scanner->length);
    size_t address_length = slash ? (size_t)(slash - scanner->word) : scanner->length;
    bool is_ipv4 = false;
    uint32_t length = 0;
    if (!parse_address(scanner->word, address_length, rule->ip, &is_ipv4))
        return fail_expected(scanner, "a prefix like 203.0.113.0/24 or 2001:db8::/32");
    uint32_t max = is_ipv4 ? 32u : 128u;
    if (!slash)
        length = max;
    else if (!parse_length(slash + 1, scanner->length - address_length - 1u, max, &length))
        return fail_at(scanner, slash + 1, "expected a prefix length from 0 to %u", max);
    if (!is_ipv4 && tw_filter_is_ipv4(rule->ip))
        return fail_at(scanner, scanner->word, "write IPv4 addresses as such, not mapped to IPv6");
    rule->prefix_length = (uint8_t)(length + (is_ipv4 ? TW_FILTER_IPV4_BITS : 0u));
    if (!check_host_bits(scanner, rule))
        return false;
    next_word(scanner);
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* One number of text[*length] with a unit out of `units`; *length becomes what it took. */
static bool parse_number(const char *text, size_t *length, const char *units,
                         const uint64_t *factors, uint64_t *value)
{
    size_t at = 0;
    *value = 0;
    for (; at < *length && at < 12 && text[at] >= '0' && text[at] <= '9'; at++)
        *value = *value * 10u + (uint64_t)(text[at] - '0');
    if (at == 0)
        return false;
    const char *unit = at < *length ? strchr(units, text[at]) : NULL;
    if (unit && *unit) {
        *value *= factors[unit - units]; /* 10^12 x 10^9 would not fit, 10^12 x 86400 does */
        at++;
    }
    *length = at;
    return true;
}

static bool parse_rate(const char *text, size_t *length, uint64_t *value)
{
    static const uint64_t factors[] = {1000u, 1000000u, 1000000000u};
    /* More than nine digits with a unit are beyond every limit; kept from wrapping around. */
    if (!parse_number(text, length, "kMG", factors, value))
        return false;
    bool has_unit = text[*length - 1u] > '9';
    return !has_unit || *length <= 10u;
}

static bool parse_level(struct scanner *scanner, struct tw_filter_level *level, const char *unit,
                        uint64_t min, uint64_t max)
{
    size_t first = scanner->length;
    bool ok = parse_rate(scanner->word, &first, &level->soft);
    size_t rest = scanner->length - first;
    level->hard = level->soft;
    if (ok && rest > 0) {
        const char *second = scanner->word + first + 1u;
        size_t length = rest - 1u;
        ok = scanner->word[first] == '/' && parse_rate(second, &length, &level->hard) &&
             length == rest - 1u;
    }
    if (!ok || level->soft < min || level->hard < min || level->soft > max || level->hard > max)
        return fail_at(scanner, scanner->word,
                       "expected %s as SOFT/HARD or one number, each from %" PRIu64 " to %" PRIu64
                       " (500, 20k, 1M, 10G)",
                       unit, min, max);
    if (level->soft > level->hard)
        return fail_at(scanner, scanner->word, "the soft level is above the hard one");
    next_word(scanner);
    return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static bool parse_one_limit(struct scanner *scanner, struct tw_filter_rule *rule)
{
    const char *start = scanner->word;
    bool source = take(scanner, "source");
    bool is_pps = is_word(scanner, "pps");
    if (!is_pps && !is_word(scanner, "bps"))
        return fail_expected(scanner, source ? "pps or bps" : "source, pps or bps");
    struct tw_filter_level *level = is_pps ? (source ? &rule->source_pps : &rule->pps)
                                           : (source ? &rule->source_bps : &rule->bps);
    if (level->hard != 0)
        return fail_at(scanner, start, "%s%s is given twice", source ? "source " : "",
                       is_pps ? "pps" : "bps");
    next_word(scanner);
    return is_pps
               ? parse_level(scanner, level, "packets a second", 1, TW_FILTER_PPS_MAX)
               : parse_level(scanner, level, "bits a second", TW_FILTER_BPS_MIN, TW_FILTER_BPS_MAX);
}

static bool parse_limit(struct scanner *scanner, struct tw_filter_rule *rule)
{
    do {
        if (!parse_one_limit(scanner, rule))
            return false;
    } while (scanner->length > 0);
    return true;
}

static bool parse_malformed(struct scanner *scanner, struct tw_filter_rule *rule)
{
    static const uint64_t seconds[] = {1, 60, 3600, 86400};
    static const uint64_t none[] = {0};
    uint64_t value = 0;
    rule->per_source = take(scanner, "source");
    if (!take(scanner, "above"))
        return fail_expected(scanner, rule->per_source ? "above" : "source or above");
    size_t length = scanner->length;
    if (!parse_number(scanner->word, &length, "", none, &value) || length != scanner->length ||
        value < 1 || value > TW_FILTER_ABOVE_MAX)
        return fail_at(scanner, scanner->word, "expected packets a second, from 1 to %u",
                       TW_FILTER_ABOVE_MAX);
    rule->above_pps = (uint32_t)value;
    next_word(scanner);
    if (!take(scanner, "for"))
        return fail_expected(scanner, "for");
    length = scanner->length;
    if (!parse_number(scanner->word, &length, "smhd", seconds, &value) ||
        length != scanner->length || value < 1 || value > TW_FILTER_FOR_MAX_S)
        return fail_at(scanner, scanner->word, "expected a time from 1s to 1d (30s, 5m, 1h)");
    rule->for_s = (uint32_t)value;
    next_word(scanner);
    return scanner->length == 0 || fail_end(scanner);
}

static bool parse_kind(struct scanner *scanner, struct tw_filter_rule *rule)
{
    static const char *const kinds[] = {[TW_FILTER_ALLOW] = "allow",
                                        [TW_FILTER_DENY] = "deny",
                                        [TW_FILTER_LIMIT] = "limit",
                                        [TW_FILTER_MALFORMED] = "malformed"};
    for (uint8_t kind = TW_FILTER_ALLOW; kind <= TW_FILTER_MALFORMED; kind++) {
        if (take(scanner, kinds[kind])) {
            rule->kind = kind;
            return true;
        }
    }
    return fail_expected(scanner, "allow, deny, limit or malformed");
}

/* Texts go to logs, tables and JSON. */
static bool check_characters(struct scanner *scanner)
{
    size_t length = strlen(scanner->text);
    for (size_t i = 0; i < length; i++) {
        if (scanner->text[i] < 0x20 || scanner->text[i] > 0x7e)
            return fail_at(scanner, scanner->text + i, "only printable ASCII can be in a rule");
    }
    if (length >= TW_FILTER_TEXT_SIZE)
        return fail_at(scanner, scanner->text + TW_FILTER_TEXT_SIZE - 1u,
                       "a rule is at most %u bytes long", TW_FILTER_TEXT_SIZE - 1u);
    return true;
}

bool tw_filter_text_parse(const char *text, struct tw_filter_rule *rule,
                          struct tw_filter_text_error *error)
{
    struct scanner scanner = {.text = text, .word = text, .error = error};
    memset(rule, 0, sizeof(*rule));
    if (!check_characters(&scanner))
        return false;
    next_word(&scanner);
    if (!parse_kind(&scanner, rule) || !parse_prefix(&scanner, rule))
        return false;
    if (rule->kind == TW_FILTER_LIMIT)
        return parse_limit(&scanner, rule);
    if (rule->kind == TW_FILTER_MALFORMED)
        return parse_malformed(&scanner, rule);
    return scanner.length == 0 || fail_end(&scanner);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void append(char text[TW_FILTER_TEXT_SIZE], const char *name, struct tw_filter_level level)
{
    size_t used = strlen(text);
    if (level.hard == 0)
        return;
    if (level.soft == level.hard)
        snprintf(text + used, TW_FILTER_TEXT_SIZE - used, " %s %" PRIu64, name, level.hard);
    else
        snprintf(text + used, TW_FILTER_TEXT_SIZE - used, " %s %" PRIu64 "/%" PRIu64, name,
                 level.soft, level.hard);
}

void tw_filter_text_write(const struct tw_filter_rule *rule, char text[TW_FILTER_TEXT_SIZE])
{
    char prefix[64];
    write_prefix(rule->ip, rule->prefix_length, prefix, sizeof(prefix));
    switch ((enum tw_filter_kind)rule->kind) {
    case TW_FILTER_ALLOW:
        snprintf(text, TW_FILTER_TEXT_SIZE, "allow %s", prefix);
        break;
    case TW_FILTER_DENY:
        snprintf(text, TW_FILTER_TEXT_SIZE, "deny %s", prefix);
        break;
    case TW_FILTER_LIMIT:
        snprintf(text, TW_FILTER_TEXT_SIZE, "limit %s", prefix);
        append(text, "pps", rule->pps);
        append(text, "bps", rule->bps);
        append(text, "source pps", rule->source_pps);
        append(text, "source bps", rule->source_bps);
        break;
    case TW_FILTER_MALFORMED:
        snprintf(text, TW_FILTER_TEXT_SIZE, "malformed %s%s above %u for %us", prefix,
                 rule->per_source ? " source" : "", rule->above_pps, rule->for_s);
        break;
    }
}
