/* SPDX-License-Identifier: BSD-3-Clause */
/* A game as far as linking goes: the installed header and library alone, no token, no network. */
#include <tickwire/client.h>

static int refuse_to_send(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                          uint16_t port)
{
    (void)context, (void)bytes, (void)length, (void)ip, (void)port;
    return -1;
}

int main(void)
{
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
