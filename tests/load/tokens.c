/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/tokens.h"

#include "tickwire/bytes.h"
#include "tickwire/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A token has 520 characters; a longer line is no token. */
#define LINE_SIZE 1024

static int read_lines(FILE *file, const char *path, uint8_t (*tokens)[TW_CONNECT_SIZE],
                      uint32_t most)
{
    char line[LINE_SIZE];
    uint32_t count = 0;
    for (uint32_t number = 1; count < most && fgets(line, sizeof(line), file); number++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0')
            continue;
        if (tw_client_token_decode(line, tokens[count], TW_CONNECT_SIZE) != TW_CLIENT_OK) {
            fprintf(stderr, "tickwire-load: %s:%u: not a connect token\n", path, number);
            return -1;
        }
        count++;
    }
    return (int)count;
}

int tw_load_tokens_read(const char *path, uint8_t (*tokens)[TW_CONNECT_SIZE], uint32_t most)
{
    if (strcmp(path, "-") == 0)
        return read_lines(stdin, "standard input", tokens, most);
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "tickwire-load: %s: %s\n", path, strerror(errno));
        return -1;
    }
    int count = read_lines(file, path, tokens, most);
    fclose(file);
    return count;
}

void tw_load_token_set_address(uint8_t token[TW_CONNECT_SIZE], const struct tw_address *address)
{
    uint8_t *first = token + TW_CONNECT_ADDRESS_LIST;
    memset(first, 0, token[TW_CONNECT_ADDRESS_COUNT] * TW_ADDRESS_SIZE);
    token[TW_CONNECT_ADDRESS_COUNT] = 1;
    memcpy(first, address->ip, sizeof(address->ip));
    tw_store_u16(first + sizeof(address->ip), address->port);
}
