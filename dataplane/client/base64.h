/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard base64 with padding (RFC 4648 section 4), strict: no line breaks, no blanks, unused bits
 * zero. Decodes secrets, so it has no table lookups that depend on them. Pure, any thread. */
#ifndef TICKWIRE_DATAPLANE_CLIENT_BASE64_H
#define TICKWIRE_DATAPLANE_CLIENT_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if text[length] is base64 of exactly out[size]. */
bool tw_client_base64_decode(uint8_t *out, size_t size, const char *text, size_t length)
    __attribute__((warn_unused_result));

#endif
