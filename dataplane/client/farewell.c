/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/farewell.h"

#include <sodium.h>

void tw_client_farewell_begin(struct tw_client_farewell *farewell,
                              const struct tw_client_link *link, enum tw_close_reason reason,
                              uint64_t now_us)
{
    farewell->link = *link; /* no copy of its keys anywhere else */
    farewell->reason = (uint16_t)reason;
    farewell->left = TW_CLIENT_FAREWELL_FIRST + TW_CLIENT_FAREWELL_LATER;
    farewell->next_us = now_us;
    farewell->wait_us = TW_CLIENT_FAREWELL_LATER_US;
}

size_t tw_client_farewell_write(struct tw_client_farewell *farewell, uint8_t *out, uint64_t now_us)
{
    if (farewell->left == 0 || now_us < farewell->next_us)
        return 0;
    if (tw_client_link_left(&farewell->link) == 0) {
        tw_client_farewell_end(farewell);
        return 0;
    }
    struct tw_writer writer = tw_writer_make(out + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    tw_frame_write_close(&writer, farewell->reason);
    size_t size = tw_client_link_seal(&farewell->link, out, TW_FRAME_HEADER_SIZE + TW_CLOSE_SIZE);
    farewell->left--;
    if (farewell->left <= TW_CLIENT_FAREWELL_LATER) {
        farewell->next_us = now_us + farewell->wait_us;
        farewell->wait_us *= 2u;
    }
    if (farewell->left == 0)
        tw_client_farewell_end(farewell);
    return size;
}

void tw_client_farewell_end(struct tw_client_farewell *farewell)
{
    sodium_memzero(farewell, sizeof(*farewell));
}
