/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config/value.h"

#include "tickwire/address.h"
#include "tickwire/assert.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint8_t *field_of(const struct tw_schema_key *key, struct tw_config *config)
{
    return (uint8_t *)config + key->offset;
}

/* Decimal or 0x hexadecimal without sign; saturates at UINT64_MAX + 1 = "overflow". */
static enum tw_value_result parse_u64(const char *text, size_t length, uint64_t *out)
{
    unsigned base = 10;
    size_t at = 0;
    if (length > 2 && text[0] == '0' && text[1] == 'x') {
        base = 16;
        at = 2;
    }
    if (at == length)
        return TW_VALUE_TYPE;
    uint64_t value = 0;
    bool overflow = false;
    for (; at < length; at++) {
        char c = text[at];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (base == 16 && c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10u;
        else
            return TW_VALUE_TYPE;
        overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)digit, &value);
    }
    *out = value;
    return overflow ? TW_VALUE_RANGE : TW_VALUE_OK;
}

static enum tw_value_result parse_in_range(const struct tw_schema_key *key, const char *text,
                                           size_t length, uint64_t *out)
{
    /* A negative integer has the right type and no range that would hold it. */
    bool negative = length > 1 && text[0] == '-';
    enum tw_value_result result =
        parse_u64(negative ? text + 1 : text, negative ? length - 1 : length, out);
    if (result != TW_VALUE_OK)
        return result;
    if (negative && *out != 0)
        return TW_VALUE_RANGE;
    return *out < key->min || *out > key->max ? TW_VALUE_RANGE : TW_VALUE_OK;
}

static enum tw_value_result set_integer(const struct tw_schema_key *key, struct tw_config *config,
                                        const char *text, size_t length)
{
    uint64_t value = 0;
    enum tw_value_result result = parse_in_range(key, text, length, &value);
    if (result == TW_VALUE_OK) /* little-endian machines only, see tickwire/bytes.h */
        memcpy(field_of(key, config), &value, key->size);
    return result;
}

static enum tw_value_result set_size(const struct tw_schema_key *key, struct tw_config *config,
                                     const char *text, size_t length)
{
    uint64_t factor = 1;
    if (length > 1 && (text[length - 1] == 'M' || text[length - 1] == 'G')) {
        factor = text[length - 1] == 'G' ? 1024 : 1;
        length--;
    }
    uint64_t value = 0;
    enum tw_value_result result = parse_u64(text, length, &value);
    if (result != TW_VALUE_OK)
        return result;
    if (value > key->max / factor || value * factor < key->min)
        return TW_VALUE_RANGE;
    uint32_t megabytes = (uint32_t)(value * factor);
    memcpy(field_of(key, config), &megabytes, sizeof(megabytes));
    return TW_VALUE_OK;
}

static enum tw_value_result set_string(const struct tw_schema_key *key, struct tw_config *config,
                                       const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            return TW_VALUE_TYPE;
    }
    if (length < key->min || length > key->max)
        return TW_VALUE_RANGE;
    uint8_t *field = field_of(key, config);
    memset(field, 0, key->size);
    memcpy(field, text, length);
    return TW_VALUE_OK;
}

static enum tw_value_result set_ipv4(const struct tw_schema_key *key, struct tw_config *config,
                                     const char *text, size_t length)
{
    uint32_t address = 0;
    if (!(key->min == 0 && length == 4 && memcmp(text, "none", 4) == 0)) {
        size_t at = 0;
        for (unsigned part = 0; part < 4; part++) {
            size_t start = at;
            unsigned value = 0;
            while (at < length && at - start < 3 && text[at] >= '0' && text[at] <= '9')
                value = value * 10u + (unsigned)(text[at++] - '0');
            bool ends_well = part == 3 ? at == length : at < length && text[at] == '.';
            if (at == start || value > 255 || !ends_well)
                return TW_VALUE_TYPE;
            address = address << 8 | value;
            at++;
        }
        if (address == 0 && key->min != 0)
            return TW_VALUE_RANGE;
    }
    memcpy(field_of(key, config), &address, sizeof(address));
    return TW_VALUE_OK;
}

static enum tw_value_result set_ipv6(const struct tw_schema_key *key, struct tw_config *config,
                                     const char *text, size_t length)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t address[16] = {0};
    if (!(length == 4 && memcmp(text, "none", 4) == 0)) {
        if (length >= sizeof(copy))
            return TW_VALUE_TYPE;
        memcpy(copy, text, length);
        copy[length] = '\0';
        if (strlen(copy) != length || inet_pton(AF_INET6, copy, address) != 1)
            return TW_VALUE_TYPE;
        if (tw_ip_is_zero(address))
            return TW_VALUE_RANGE;
    }
    memcpy(field_of(key, config), address, sizeof(address));
    return TW_VALUE_OK;
}

static const struct tw_schema_choice *find_choice(const struct tw_schema_key *key, const char *text,
                                                  size_t length)
{
    for (const struct tw_schema_choice *choice = key->choices; choice->name; choice++) {
        if (strlen(choice->name) == length && memcmp(choice->name, text, length) == 0)
            return choice;
    }
    return NULL;
}

static enum tw_value_result set_enum(const struct tw_schema_key *key, struct tw_config *config,
                                     const char *text, size_t length)
{
    const struct tw_schema_choice *choice = find_choice(key, text, length);
    if (!choice)
        return TW_VALUE_TYPE;
    memcpy(field_of(key, config), &choice->value, sizeof(choice->value));
    return TW_VALUE_OK;
}

bool tw_value_is_list(const struct tw_schema_key *key)
{
    return key->type == TW_SCHEMA_CORES || key->type == TW_SCHEMA_FLAGS;
}

void tw_value_clear(const struct tw_schema_key *key, struct tw_config *config)
{
    TW_ASSERT(tw_value_is_list(key));
    memset(field_of(key, config), 0, key->size);
    if (key->type == TW_SCHEMA_CORES)
        memset((uint8_t *)config + key->count_offset, 0, sizeof(uint32_t));
}

static enum tw_value_result add_core(const struct tw_schema_key *key, struct tw_config *config,
                                     const char *text, size_t length)
{
    uint64_t core = 0;
    enum tw_value_result result = parse_in_range(key, text, length, &core);
    if (result != TW_VALUE_OK)
        return result;
    uint32_t *cores = (uint32_t *)(void *)field_of(key, config);
    uint32_t *count = (uint32_t *)(void *)((uint8_t *)config + key->count_offset);
    if (*count == TW_CONFIG_CORES_MAX)
        return TW_VALUE_RANGE;
    for (uint32_t i = 0; i < *count; i++) {
        if (cores[i] == core)
            return TW_VALUE_RANGE;
    }
    cores[(*count)++] = (uint32_t)core;
    return TW_VALUE_OK;
}

enum tw_value_result tw_value_add(const struct tw_schema_key *key, struct tw_config *config,
                                  const char *text, size_t length)
{
    TW_ASSERT(tw_value_is_list(key));
    if (key->type == TW_SCHEMA_CORES)
        return add_core(key, config, text, length);
    const struct tw_schema_choice *choice = find_choice(key, text, length);
    if (!choice)
        return TW_VALUE_TYPE;
    uint8_t *flags = field_of(key, config);
    if (*flags & choice->value)
        return TW_VALUE_RANGE;
    *flags = (uint8_t)(*flags | choice->value);
    return TW_VALUE_OK;
}

bool tw_value_list_complete(const struct tw_schema_key *key, const struct tw_config *config)
{
    return key->type != TW_SCHEMA_FLAGS || *((const uint8_t *)config + key->offset) != 0;
}

enum tw_value_result tw_value_set(const struct tw_schema_key *key, struct tw_config *config,
                                  const char *text, size_t length, bool quoted)
{
    if (quoted && key->type != TW_SCHEMA_STRING && key->type != TW_SCHEMA_IPV4 &&
        key->type != TW_SCHEMA_IPV6)
        return TW_VALUE_TYPE;
    switch (key->type) {
    case TW_SCHEMA_STRING:
        return set_string(key, config, text, length);
    case TW_SCHEMA_INTEGER:
        return set_integer(key, config, text, length);
    case TW_SCHEMA_SIZE:
        return set_size(key, config, text, length);
    case TW_SCHEMA_ENUM:
        return set_enum(key, config, text, length);
    case TW_SCHEMA_IPV4:
        return set_ipv4(key, config, text, length);
    case TW_SCHEMA_IPV6:
        return set_ipv6(key, config, text, length);
    case TW_SCHEMA_FLAGS:
    case TW_SCHEMA_CORES:
        break;
    }
    return TW_VALUE_TYPE;
}

void tw_value_set_default(const struct tw_schema_key *key, struct tw_config *config)
{
    const char *text = key->default_text;
    if (!tw_value_is_list(key)) {
        TW_ASSERT(tw_value_set(key, config, text, strlen(text), false) == TW_VALUE_OK);
        return;
    }
    tw_value_clear(key, config);
    while (*text) {
        size_t length = strcspn(text, ",");
        TW_ASSERT(tw_value_add(key, config, text, length) == TW_VALUE_OK);
        text += length;
        text += strspn(text, ", ");
    }
}

static void format_string(const char *text, char *out, size_t size)
{
    size_t used = 0;
    out[used++] = '"';
    for (; *text && used + 4 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[used++] = '\\';
        out[used++] = *text;
    }
    out[used++] = '"';
    out[used] = '\0';
}

/* Quoted: YAML reads a colon at the end as the end of a key. */
static void format_ipv6(const uint8_t *field, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN];
    if (tw_ip_is_zero(field))
        snprintf(out, size, "none");
    else
        snprintf(out, size, "\"%s\"", inet_ntop(AF_INET6, field, text, sizeof(text)));
}

static void format_list(const struct tw_schema_key *key, const uint8_t *field, uint32_t count,
                        char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");
    const char *comma = "";
    if (key->type == TW_SCHEMA_CORES) {
        const uint32_t *cores = (const uint32_t *)(const void *)field;
        for (uint32_t i = 0; i < count && used < size; i++, comma = ", ")
            used += (size_t)snprintf(out + used, size - used, "%s%u", comma, cores[i]);
    } else {
        for (const struct tw_schema_choice *choice = key->choices; choice->name; choice++) {
            if ((*field & choice->value) && used < size) {
                used += (size_t)snprintf(out + used, size - used, "%s%s", comma, choice->name);
                comma = ", ";
            }
        }
    }
    if (used < size)
        snprintf(out + used, size - used, "]");
}

void tw_value_format(const struct tw_schema_key *key, const struct tw_config *config, char *out,
                     size_t size)
{
    const uint8_t *field = (const uint8_t *)config + key->offset;
    uint64_t number = 0;
    uint32_t word = 0;
    uint32_t count = 0;
    switch (key->type) {
    case TW_SCHEMA_STRING:
        format_string((const char *)field, out, size);
        break;
    case TW_SCHEMA_INTEGER:
    case TW_SCHEMA_SIZE:
        memcpy(&number, field, key->size);
        snprintf(out, size, "%" PRIu64, number);
        break;
    case TW_SCHEMA_ENUM:
        memcpy(&word, field, sizeof(word));
        for (const struct tw_schema_choice *choice = key->choices; choice->name; choice++) {
            if (choice->value == word)
                snprintf(out, size, "%s", choice->name);
        }
        break;
    case TW_SCHEMA_IPV4:
        memcpy(&word, field, sizeof(word));
        if (word == 0 && key->min == 0)
            snprintf(out, size, "none");
        else
            snprintf(out, size, "%u.%u.%u.%u", word >> 24, word >> 16 & 255u, word >> 8 & 255u,
                     word & 255u);
        break;
    case TW_SCHEMA_IPV6:
        format_ipv6(field, out, size);
        break;
    case TW_SCHEMA_FLAGS:
    case TW_SCHEMA_CORES:
        if (key->type == TW_SCHEMA_CORES)
            memcpy(&count, (const uint8_t *)config + key->count_offset, sizeof(count));
        format_list(key, field, count, out, size);
        break;
    }
}
