/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/pending.h"

#include "tickwire/assert.h"
#include "tickwire/bytes.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static uint32_t index_size(uint32_t entries)
{
    uint32_t size = 16;
    while (size < entries * 2u)
        size *= 2;
    return size;
}

static uint32_t entry_count(uint32_t relayed_max, uint32_t sessions)
{
    return relayed_max * 2u + sessions;
}

size_t tw_pending_footprint(uint32_t relayed_max, uint32_t sessions)
{
    uint32_t entries = entry_count(relayed_max, sessions);
    return entries * sizeof(struct tw_pending_entry) + index_size(entries) * sizeof(uint32_t);
}

void tw_pending_init(struct tw_pending *pending, void *memory, uint32_t relayed_max,
                     uint32_t sessions, const uint8_t key[16])
{
    memset(pending, 0, sizeof(*pending));
    pending->capacity = entry_count(relayed_max, sessions);
    pending->entries = memory;
    pending->index = (uint32_t *)(void *)(pending->entries + pending->capacity);
    pending->index_mask = index_size(pending->capacity) - 1u;
    pending->relayed_max = relayed_max;
    pending->relayed = (struct tw_pending_list){TW_PENDING_NONE, TW_PENDING_NONE, 0};
    pending->expired = pending->relayed;
    memcpy(pending->key, key, sizeof(pending->key));
    memset(pending->index, 0xff, (pending->index_mask + 1u) * sizeof(uint32_t));
    for (uint32_t i = 0; i < pending->capacity; i++)
        pending->entries[i].next_free = i + 1u < pending->capacity ? i + 1u : TW_PENDING_NONE;
}

/* ---- index by fingerprint ------------------------------------------------------------------- */

void tw_pending_fingerprint(const struct tw_pending *pending, const uint8_t hello2[TW_HELLO2_SIZE],
                            uint8_t fingerprint[TW_FINGERPRINT_SIZE])
{
    static_assert(sizeof(pending->key) == crypto_shorthash_siphashx24_KEYBYTES, "SipHash key");
    static_assert(TW_FINGERPRINT_SIZE == crypto_shorthash_siphashx24_BYTES, "SipHash-2-4-128");
    crypto_shorthash_siphashx24(fingerprint, hello2, TW_HELLO2_SIZE, pending->key);
}

/* A keyed hash already: nobody can aim at a cell. */
static uint32_t home_of(const struct tw_pending *pending, const uint8_t *fingerprint)
{
    return tw_load_u32(fingerprint) & pending->index_mask;
}

/* The cell that holds the fingerprint, or the empty one where it belongs. */
static uint32_t cell_of(const struct tw_pending *pending, const uint8_t *fingerprint)
{
    uint32_t cell = home_of(pending, fingerprint);
    while (pending->index[cell] != TW_PENDING_NONE &&
           memcmp(pending->entries[pending->index[cell]].fingerprint, fingerprint,
                  TW_FINGERPRINT_SIZE) != 0)
        cell = (cell + 1u) & pending->index_mask;
    return cell;
}

/* Closes the gap behind a removed cell, so that no probe sequence is cut. */
static void index_remove(struct tw_pending *pending, const uint8_t *fingerprint)
{
    uint32_t hole = cell_of(pending, fingerprint);
    TW_ASSERT(pending->index[hole] != TW_PENDING_NONE);
    uint32_t cell = hole;
    for (;;) {
        cell = (cell + 1u) & pending->index_mask;
        uint32_t entry = pending->index[cell];
        if (entry == TW_PENDING_NONE)
            break;
        uint32_t home = home_of(pending, pending->entries[entry].fingerprint);
        if (((cell - home) & pending->index_mask) >= ((cell - hole) & pending->index_mask)) {
            pending->index[hole] = entry;
            hole = cell;
        }
    }
    pending->index[hole] = TW_PENDING_NONE;
}

uint32_t tw_pending_find(const struct tw_pending *pending,
                         const uint8_t fingerprint[TW_FINGERPRINT_SIZE])
{
    return pending->index[cell_of(pending, fingerprint)];
}

/* ---- lists in order of time ----------------------------------------------------------------- */

static void list_append(struct tw_pending *pending, struct tw_pending_list *list, uint32_t entry)
{
    pending->entries[entry].older = list->newest;
    pending->entries[entry].newer = TW_PENDING_NONE;
    if (list->newest != TW_PENDING_NONE)
        pending->entries[list->newest].newer = entry;
    else
        list->oldest = entry;
    list->newest = entry;
    list->count++;
}

static void list_remove(struct tw_pending *pending, struct tw_pending_list *list, uint32_t entry)
{
    const struct tw_pending_entry *removed = &pending->entries[entry];
    if (removed->older != TW_PENDING_NONE)
        pending->entries[removed->older].newer = removed->newer;
    else
        list->oldest = removed->newer;
    if (removed->newer != TW_PENDING_NONE)
        pending->entries[removed->newer].older = removed->older;
    else
        list->newest = removed->older;
    list->count--;
}

/* ---- life of an entry ----------------------------------------------------------------------- */

uint32_t tw_pending_begin(struct tw_pending *pending,
                          const uint8_t fingerprint[TW_FINGERPRINT_SIZE], uint64_t now_ns)
{
    if (pending->relayed.count >= pending->relayed_max || pending->first_free == TW_PENDING_NONE)
        return TW_PENDING_NONE;
    uint32_t cell = cell_of(pending, fingerprint);
    TW_ASSERT(pending->index[cell] == TW_PENDING_NONE);
    uint32_t number = pending->first_free;
    struct tw_pending_entry *entry = &pending->entries[number];
    pending->first_free = entry->next_free;
    pending->index[cell] = number;
    memcpy(entry->fingerprint, fingerprint, TW_FINGERPRINT_SIZE);
    entry->state = TW_PENDING_RELAYED;
    entry->serial++;
    entry->timer_ns = now_ns + TW_PENDING_ANSWER_NS;
    list_append(pending, &pending->relayed, number);
    return number;
}

uint64_t tw_pending_request(const struct tw_pending *pending, uint32_t entry)
{
    return (uint64_t)pending->entries[entry].serial << 32 | entry;
}

uint32_t tw_pending_of_request(const struct tw_pending *pending, uint64_t request)
{
    uint32_t number = (uint32_t)request;
    if (number >= pending->capacity)
        return TW_PENDING_NONE;
    const struct tw_pending_entry *entry = &pending->entries[number];
    bool waits = entry->state == TW_PENDING_RELAYED || entry->state == TW_PENDING_EXPIRED;
    return waits && entry->serial == request >> 32 ? number : TW_PENDING_NONE;
}

void tw_pending_install(struct tw_pending *pending, uint32_t entry, uint32_t slot)
{
    TW_ASSERT(pending->entries[entry].state == TW_PENDING_RELAYED);
    list_remove(pending, &pending->relayed, entry);
    pending->entries[entry].state = TW_PENDING_INSTALLED;
    pending->entries[entry].slot = slot;
}

void tw_pending_end(struct tw_pending *pending, uint32_t number)
{
    struct tw_pending_entry *entry = &pending->entries[number];
    TW_ASSERT(entry->state != TW_PENDING_FREE);
    if (entry->state == TW_PENDING_RELAYED)
        list_remove(pending, &pending->relayed, number);
    if (entry->state == TW_PENDING_EXPIRED)
        list_remove(pending, &pending->expired, number);
    else
        index_remove(pending, entry->fingerprint);
    entry->state = TW_PENDING_FREE;
    entry->next_free = pending->first_free;
    pending->first_free = number;
}

bool tw_pending_expire(struct tw_pending *pending, uint64_t now_ns, bool control_left, bool *gone)
{
    *gone = false;
    uint32_t expired = pending->expired.oldest;
    if (expired != TW_PENDING_NONE &&
        (control_left || pending->entries[expired].timer_ns <= now_ns ||
         pending->expired.count > pending->relayed_max)) {
        tw_pending_end(pending, expired);
        *gone = true;
        return true;
    }
    uint32_t relayed = pending->relayed.oldest;
    if (relayed == TW_PENDING_NONE ||
        (!control_left && pending->entries[relayed].timer_ns > now_ns))
        return false;
    if (control_left) {
        tw_pending_end(pending, relayed);
        *gone = true;
        return true;
    }
    list_remove(pending, &pending->relayed, relayed);
    index_remove(pending, pending->entries[relayed].fingerprint);
    pending->entries[relayed].state = TW_PENDING_EXPIRED;
    pending->entries[relayed].timer_ns = now_ns + TW_PENDING_LATE_NS;
    list_append(pending, &pending->expired, relayed);
    return true;
}
