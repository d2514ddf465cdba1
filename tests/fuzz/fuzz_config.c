/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration text. Input: u8 mode, then
 *   0  YAML, raw
 *   1  up to 8 x (u16 place, u8 byte): the printed defaults with bytes replaced
 * What loads must pass its own checks and survive being printed and loaded again; what does not
 * must say where.
 */
#include "control/config/check.h"
#include "control/config/load.h"
#include "control/config/print.h"
#include "tests/fuzz/fuzzing.h"

#include <stdlib.h>

#define REPLACEMENTS 8u

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static char *print(const struct tw_config *config, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    TW_ASSERT(out);
    tw_config_print(out, config);
    (void)fclose(out);
    return text;
}

static void load(const char *text, size_t length)
{
    struct tw_config config, again;
    struct tw_config_error error = {{0}};
    if (!tw_config_parse("f.yaml", text, length, &config, &error)) {
        TW_ASSERT(strncmp(error.message, "f.yaml:", 7) == 0);
        TW_ASSERT(strnlen(error.message, sizeof(error.message)) < sizeof(error.message));
        return;
    }
    struct tw_check_fault fault;
    TW_ASSERT(tw_config_check(&config, &fault));
    size_t printed_length = 0;
    char *printed = print(&config, &printed_length);
    TW_ASSERT(tw_config_parse("f.yaml", printed, printed_length, &again, &error));
    TW_ASSERT(memcmp(&config, &again, sizeof(config)) == 0);
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    if (fuzz_u8(&reader) % 2 == 0) {
        load((const char *)reader.next, tw_reader_left(&reader));
        return 0;
    }
    struct tw_config config;
    size_t length = 0;
    tw_config_defaults(&config);
    char *text = print(&config, &length);
    for (unsigned i = 0; i < REPLACEMENTS && tw_reader_left(&reader) > 0; i++) {
        uint16_t at = fuzz_u16(&reader);
        text[at % length] = (char)fuzz_u8(&reader);
    }
    load(text, length);
    free(text);
    return 0;
}
