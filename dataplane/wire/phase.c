/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/phase.h"

#include "dataplane/wire/keys.h"

#include <sodium.h>
#include <string.h>

void tw_phase_secret_advance(uint8_t secret[TW_KEY_SIZE])
{
    uint8_t next[TW_KEY_SIZE];
    tw_hkdf_expand(next, sizeof(next), secret, TW_LABEL_NEXT_PHASE);
    memcpy(secret, next, sizeof(next));
    sodium_memzero(next, sizeof(next));
}
