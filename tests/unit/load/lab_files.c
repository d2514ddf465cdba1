/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/load/lab_files.h"

#include "tests/load/lab/pcap.h"
#include "tickwire/assert.h"

#include <string.h>

struct tw_capture_config lab_files_config(bool ipv6)
{
    struct tw_capture_config config = {
        .clients = LAB_FILES_CLIENTS,
        .duration_ns = 1000000000u,
        .seed = 5,
        .suites = TW_SUITE_CHACHA20_POLY1305,
        .tick_hz = 60,
        .snapshot_hz = 20,
        .world = 1,
        .workers = 1,
        .engine_ip = {[10] = 0xff, 0xff, 198, 18, 0, 1},
        .engine_port = 40000,
        .engine_mac = {2, 0, 0, 0, 0, 1},
        .client_ip = {[10] = 0xff, 0xff, 198, 18, 0, 16},
        .client_hosts = 3,
        .client_mac = {2, 0, 0, 0, 0, 2},
    };
    static const uint8_t engine_ip[16] = {0xfd, 0x12, [15] = 1};
    static const uint8_t client_ip[16] = {0xfd, 0x12, [15] = 16};
    if (ipv6) {
        memcpy(config.engine_ip, engine_ip, sizeof(engine_ip));
        memcpy(config.client_ip, client_ip, sizeof(client_ip));
    }
    return config;
}

void lab_files_make(struct lab_files *files, const struct tw_capture_config *config)
{
    struct tw_capture *capture = tw_capture_create(config);
    struct tw_capture_frame frame;
    size_t at = TW_PCAP_HEADER_SIZE;
    TW_ASSERT(capture && config->clients <= LAB_FILES_CLIENTS);
    tw_pcap_header_write(files->capture, true);
    while (tw_capture_next(capture, &frame)) {
        /* Tests put a frame more behind the last one. */
        TW_ASSERT(at + 2u * (TW_PCAP_RECORD_SIZE + frame.length) <= sizeof(files->capture));
        tw_pcap_record_write(files->capture + at, frame.at_ns, frame.length, true);
        memcpy(files->capture + at + TW_PCAP_RECORD_SIZE, frame.bytes, frame.length);
        at += TW_PCAP_RECORD_SIZE + frame.length;
    }
    files->capture_length = at;
    struct tw_lab_header header = tw_capture_header(capture);
    tw_lab_header_write(files->sessions, &header, tw_crc32c_portable);
    for (uint32_t i = 0; i < config->clients; i++) {
        struct tw_lab_session session = tw_capture_session(capture, i);
        tw_lab_session_write(files->sessions + TW_LAB_HEADER_SIZE + i * TW_LAB_RECORD_SIZE,
                             &session, tw_crc32c_portable);
    }
    files->sessions_length = TW_LAB_HEADER_SIZE + config->clients * TW_LAB_RECORD_SIZE;
    tw_capture_destroy(capture);
}
