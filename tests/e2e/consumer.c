/* SPDX-License-Identifier: BSD-3-Clause */
/* A game as far as linking goes: the installed headers and library alone, no token, no network. */
#include <tickwire/bits_real.h>
#include <tickwire/client.h>

static int refuse_to_send(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                          uint16_t port)
{
    (void)context, (void)bytes, (void)length, (void)ip, (void)port;
    return -1;
}

static int pack(void)
{
    uint8_t bytes[8];
    struct tw_bit_writer writer = tw_bit_writer_make(bytes, sizeof(bytes));
    tw_bit_write_range(&writer, 73, 0, 100);
    tw_bit_write_real(&writer, 0.25, -1, 1, 8);
    struct tw_bit_reader reader = tw_bit_reader_make(bytes, tw_bit_writer_finish(&writer));
    return tw_bit_read_range(&reader, 0, 100) == 73 &&
           tw_bit_read_real(&reader, -1, 1, 8) == 0.25 && tw_bit_reader_finish(&reader);
}

int main(void)
{
    if (!pack())
        return 4;
    struct tw_client_config config = tw_client_config_default();
    config.transport.send = refuse_to_send;
    struct tw_client *client = tw_client_create(&config);
    if (!client || tw_client_get_state(client) != TW_CLIENT_IDLE)
        return 1;
    const uint8_t no_token[4] = {0};
    if (tw_client_connect(client, no_token, sizeof(no_token), 1) == TW_CLIENT_OK)
        return 2;
    tw_client_update(client, 2);
    struct tw_client_event event;
    if (tw_client_poll_event(client, &event))
        return 3;
    tw_client_destroy(client);
    return 0;
}
