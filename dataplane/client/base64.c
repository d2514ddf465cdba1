/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/base64.h"

#include <sodium.h>
#include <string.h>

bool tw_client_base64_decode(uint8_t *out, size_t size, const char *text, size_t length)
{
    size_t decoded = 0;
    const char *end = NULL;
    if (length != (size + 2u) / 3u * 4u)
        return false;
    if (sodium_base642bin(out, size, text, length, NULL, &decoded, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        decoded != size || end != text + length) {
        sodium_memzero(out, size);
        return false;
    }
    return true;
}
