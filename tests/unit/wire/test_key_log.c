/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a key log, as docs/operations.md tells them. */
#include "tests/unit/wire/testing.h"

#include "dataplane/wire/key_log.h"

static void lines_have_the_form_that_is_told(void **state)
{
    (void)state;
    uint8_t bytes[5][TW_KEY_SIZE];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i / TW_KEY_SIZE][i % TW_KEY_SIZE] = (uint8_t)i;
    struct tw_key_log_entry entry = {.connection_id = 0x0a0b0c0d,
                                     .suite = TW_SUITE_CHACHA20_POLY1305,
                                     .client_to_server = bytes[0],
                                     .server_to_client = bytes[1]};
    char line[TW_KEY_LOG_LINE];
    tw_key_log_write(line, &entry);
    assert_string_equal(line, "TICKWIRE1 0a0b0c0d chacha20_poly1305 "
                              "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
                              "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f "
                              "- -");
    entry.suite = TW_SUITE_AES256_GCM;
    entry.client_ephemeral = bytes[2];
    entry.confirm_key = bytes[3];
    entry.confirm_iv = bytes[4];
    tw_key_log_write(line, &entry);
    assert_string_equal(line, "TICKWIRE1 0a0b0c0d aes256_gcm "
                              "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
                              "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f "
                              "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f "
                              "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
                              "808182838485868788898a8b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_have_the_form_that_is_told)};
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
