/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classic pcap files of Ethernet frames: written with nanoseconds, or microseconds for programs
 * that know no others; read with either, in either byte order. What is read is hostile: every
 * length is checked, nothing is believed.
 *
 * Over bytes in memory; the caller reads and writes files. Pure, any thread. Source: the pcap file
 * format (draft-ietf-opsawg-pcap).
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_PCAP_H
#define TICKWIRE_TESTS_LOAD_LAB_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_PCAP_HEADER_SIZE 24u
#define TW_PCAP_RECORD_SIZE 16u
/* What libpcap itself accepts for Ethernet. */
#define TW_PCAP_FRAME_MAX 262144u

enum tw_pcap_result {
    TW_PCAP_OK,
    TW_PCAP_END,     /* no more frames */
    TW_PCAP_FOREIGN, /* not a classic pcap file */
    TW_PCAP_OTHER,   /* version other than 2.4, or frames other than Ethernet */
    TW_PCAP_DAMAGED, /* a frame's header makes no sense */
    TW_PCAP_CUT,     /* ends inside a frame */
};

struct tw_pcap {
    const uint8_t *bytes;
    size_t length;
    size_t at; /* of the next frame's header; where reading stopped when it failed */
    bool swapped;
    bool nanoseconds;
};

struct tw_pcap_frame {
    uint64_t at_ns; /* as in the file */
    const uint8_t *bytes;
    uint32_t length;
};

const char *tw_pcap_result_text(enum tw_pcap_result result);

void tw_pcap_header_write(uint8_t out[TW_PCAP_HEADER_SIZE], bool nanoseconds);
void tw_pcap_record_write(uint8_t out[TW_PCAP_RECORD_SIZE], uint64_t at_ns, uint32_t length,
                          bool nanoseconds);

/* bytes[length] outlive the reader. */
enum tw_pcap_result tw_pcap_open(struct tw_pcap *pcap, const uint8_t *bytes, size_t length)
    __attribute__((warn_unused_result));
/* The next frame, in place. */
enum tw_pcap_result tw_pcap_next(struct tw_pcap *pcap, struct tw_pcap_frame *frame)
    __attribute__((warn_unused_result));

#endif
