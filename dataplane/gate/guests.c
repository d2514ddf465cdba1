/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/guests.h"

#include "tickwire/ids.h"

/* Generations are random: no hash is better. */
static struct tw_guest *set_of(struct tw_guests *guests, uint32_t id)
{
    return guests->sets[tw_connection_generation(id) % TW_GUEST_SETS];
}

static struct tw_guest *find(struct tw_guest *set, uint32_t id)
{
    for (uint32_t way = 0; way < TW_GUEST_WAYS; way++) {
        if (set[way].id == id)
            return &set[way];
    }
    return NULL;
}

void tw_guests_note(struct tw_guests *guests, uint32_t id, uint64_t now_ns)
{
    struct tw_guest *set = set_of(guests, id);
    struct tw_guest *guest = find(set, id);
    if (!guest) {
        guest = &set[0];
        for (uint32_t way = 1; way < TW_GUEST_WAYS && guest->id != 0; way++) {
            if (set[way].id == 0 || set[way].told < guest->told)
                guest = &set[way];
        }
        *guest = (struct tw_guest){.id = id};
    }
    guest->told = tw_guest_unit(now_ns);
}

struct tw_budget *tw_guests_budget(struct tw_guests *guests, uint32_t id, uint64_t now_ns)
{
    struct tw_guest *guest = find(set_of(guests, id), id);
    return guest && tw_guest_unit(now_ns) - guest->told <= TW_GUEST_STAYS ? &guest->budget : NULL;
}
