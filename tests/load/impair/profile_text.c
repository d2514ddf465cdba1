/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/impair/profile_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64u

const char tw_profile_help[] =
    "A PROFILE is a name (none, lan, fiber, dsl, mobile_4g, satellite, congested_wifi), words "
    "that\n"
    "change it, or both, with commas between: mobile_4g,loss=10%,reorder\n"
    "  latency=MS jitter=MS      one way; jitter is a deviation, added as its absolute value\n"
    "  loss=P%                   at random\n"
    "  bursts=P% burst=MS        chance in each second that everything is lost for so long\n"
    "  bad=P% good=P% bad-loss=P%  Gilbert-Elliott: chance, at each packet, to turn bad, to turn\n"
    "                            good again, and loss while bad\n"
    "  mtu=BYTES                 larger IPv4 packets vanish, headers included; 0: none does\n"
    "  every=N above=BYTES       patterns: each Nth packet, all larger ones\n"
    "  duplicate=P% corrupt=P%   twice; with one bit flipped\n"
    "  rate=KBIT queue=BYTES     bandwidth, and what may wait in front of it\n"
    "  reorder                   jitter lets packets overtake each other\n";

enum unit { UNIT_MS, UNIT_PERCENT, UNIT_COUNT, UNIT_KBIT };

struct key {
    const char *name;
    enum unit unit;
    size_t offset;
};

#define KEY(name, unit, field)                                                                     \
    {                                                                                              \
        name, unit, offsetof(struct impair_profile, field)                                         \
    }
static const struct key keys[] = {
    KEY("latency", UNIT_MS, latency_us),
    KEY("jitter", UNIT_MS, jitter_us),
    KEY("loss", UNIT_PERCENT, loss_ppm),
    KEY("bursts", UNIT_PERCENT, burst_ppm),
    KEY("burst", UNIT_MS, burst_us),
    KEY("bad", UNIT_PERCENT, bad_enter_ppm),
    KEY("good", UNIT_PERCENT, bad_leave_ppm),
    KEY("bad-loss", UNIT_PERCENT, bad_loss_ppm),
    KEY("mtu", UNIT_COUNT, mtu),
    KEY("every", UNIT_COUNT, drop_every),
    KEY("above", UNIT_COUNT, drop_above_bytes),
    KEY("duplicate", UNIT_PERCENT, duplicate_ppm),
    KEY("corrupt", UNIT_PERCENT, corrupt_ppm),
    KEY("rate", UNIT_KBIT, bits_per_s),
    KEY("queue", UNIT_COUNT, queue_bytes),
};

/* What a number may have behind it, how many of the field's it is, and the most there may be. */
static const struct {
    const char *suffix;
    double factor, most;
} units[] = {
    [UNIT_MS] = {"ms", 1000.0, 60000.0},
    [UNIT_PERCENT] = {"%", 10000.0, 100.0},
    [UNIT_COUNT] = {"", 1.0, 1e9},
    [UNIT_KBIT] = {"kbit", 1000.0, 1e8},
};

static bool set_number(struct impair_profile *profile, const struct key *key, const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);
    bool known = *end == '\0' || strcmp(end, units[key->unit].suffix) == 0;
    if (end == text || !known || !(value >= 0 && value <= units[key->unit].most))
        return false;
    uint64_t scaled = (uint64_t)(value * units[key->unit].factor + 0.5);
    uint8_t *field = (uint8_t *)profile + key->offset;
    if (key->unit == UNIT_KBIT)
        memcpy(field, &scaled, sizeof(scaled));
    else
        memcpy(field, &(uint32_t){(uint32_t)scaled}, sizeof(uint32_t));
    return true;
}

static bool set_word(struct impair_profile *profile, char *word, bool first)
{
    const struct impair_profile *named = impair_profile_find(word);
    if (first && (named || strcmp(word, "none") == 0)) {
        *profile = named ? *named : (struct impair_profile){.name = "none"};
        return true;
    }
    if (strcmp(word, "reorder") == 0) {
        profile->reorders = true;
        return true;
    }
    char *value = strchr(word, '=');
    if (!value)
        return false;
    *value++ = '\0';
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, word) == 0)
            return set_number(profile, &keys[i], value);
    }
    return false;
}

bool tw_profile_parse(const char *text, struct impair_profile *profile, char *error,
                      size_t error_size)
{
    *profile = (struct impair_profile){.name = text};
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[WORD_MAX], copy[WORD_MAX];
        size_t length = strcspn(at, ",");
        snprintf(word, sizeof(word), "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX), at);
        memcpy(copy, word, sizeof(copy));
        if (!set_word(profile, word, at == text)) {
            snprintf(error, error_size, "'%s' is no profile's name or word", copy);
            return false;
        }
    }
    profile->name = text;
    if (profile->bits_per_s > 0 && profile->queue_bytes == 0) {
        snprintf(error, error_size, "a rate needs a queue: queue=BYTES");
        return false;
    }
    return true;
}
