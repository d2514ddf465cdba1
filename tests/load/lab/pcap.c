/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/pcap.h"

#include "tickwire/bytes.h"

#define MAGIC_MICRO     0xa1b2c3d4u
#define MAGIC_NANO      0xa1b23c4du
#define LINK_ETHERNET   1u
#define NANOSECONDS     UINT64_C(1000000000)
#define IN_MAGIC        0u
#define IN_MAJOR        4u
#define IN_MINOR        6u
#define IN_SNAP_LENGTH  16u
#define IN_LINK         20u
#define RECORD_SECONDS  0u
#define RECORD_FRACTION 4u
#define RECORD_CAPTURED 8u
#define RECORD_ORIGINAL 12u

const char *tw_pcap_result_text(enum tw_pcap_result result)
{
    switch (result) {
    case TW_PCAP_OK:
        return "fine";
    case TW_PCAP_END:
        return "no more frames";
    case TW_PCAP_FOREIGN:
        return "not a pcap file (pcapng is not read: convert it with editcap -F nsecpcap)";
    case TW_PCAP_OTHER:
        return "a pcap file of another version, or of frames other than Ethernet";
    case TW_PCAP_DAMAGED:
        return "a frame's header makes no sense: damaged";
    case TW_PCAP_CUT:
        return "ends inside a frame: cut off";
    }
    return "unknown";
}

void tw_pcap_header_write(uint8_t out[TW_PCAP_HEADER_SIZE], bool nanoseconds)
{
    memset(out, 0, TW_PCAP_HEADER_SIZE);
    tw_store_u32(out + IN_MAGIC, nanoseconds ? MAGIC_NANO : MAGIC_MICRO);
    tw_store_u16(out + IN_MAJOR, 2);
    tw_store_u16(out + IN_MINOR, 4);
    tw_store_u32(out + IN_SNAP_LENGTH, TW_PCAP_FRAME_MAX);
    tw_store_u32(out + IN_LINK, LINK_ETHERNET);
}

void tw_pcap_record_write(uint8_t out[TW_PCAP_RECORD_SIZE], uint64_t at_ns, uint32_t length,
                          bool nanoseconds)
{
    uint64_t fraction_ns = at_ns % NANOSECONDS;
    tw_store_u32(out + RECORD_SECONDS, (uint32_t)(at_ns / NANOSECONDS));
    tw_store_u32(out + RECORD_FRACTION,
                 (uint32_t)(nanoseconds ? fraction_ns : fraction_ns / 1000u));
    tw_store_u32(out + RECORD_CAPTURED, length);
    tw_store_u32(out + RECORD_ORIGINAL, length);
}

static uint32_t load_u32(const struct tw_pcap *pcap, const uint8_t *bytes)
{
    uint32_t value = tw_load_u32(bytes);
    return pcap->swapped ? __builtin_bswap32(value) : value;
}

static uint16_t load_u16(const struct tw_pcap *pcap, const uint8_t *bytes)
{
    uint16_t value = tw_load_u16(bytes);
    return pcap->swapped ? __builtin_bswap16(value) : value;
}

enum tw_pcap_result tw_pcap_open(struct tw_pcap *pcap, const uint8_t *bytes, size_t length)
{
    *pcap = (struct tw_pcap){.bytes = bytes, .length = length};
    if (length < TW_PCAP_HEADER_SIZE)
        return TW_PCAP_FOREIGN;
    uint32_t magic = tw_load_u32(bytes + IN_MAGIC);
    pcap->swapped =
        magic == __builtin_bswap32(MAGIC_MICRO) || magic == __builtin_bswap32(MAGIC_NANO);
    magic = load_u32(pcap, bytes + IN_MAGIC);
    if (magic != MAGIC_MICRO && magic != MAGIC_NANO)
        return TW_PCAP_FOREIGN;
    pcap->nanoseconds = magic == MAGIC_NANO;
    /* The upper bits of the link type tell about frame check sequences; here there are none. */
    if (load_u16(pcap, bytes + IN_MAJOR) != 2 || load_u16(pcap, bytes + IN_MINOR) != 4 ||
        load_u32(pcap, bytes + IN_LINK) != LINK_ETHERNET)
        return TW_PCAP_OTHER;
    pcap->at = TW_PCAP_HEADER_SIZE;
    return TW_PCAP_OK;
}

enum tw_pcap_result tw_pcap_next(struct tw_pcap *pcap, struct tw_pcap_frame *frame)
{
    size_t left = pcap->length - pcap->at;
    const uint8_t *record = pcap->bytes + pcap->at;
    if (left == 0)
        return TW_PCAP_END;
    if (left < TW_PCAP_RECORD_SIZE)
        return TW_PCAP_CUT;
    uint64_t seconds = load_u32(pcap, record + RECORD_SECONDS);
    uint64_t fraction = load_u32(pcap, record + RECORD_FRACTION);
    uint32_t captured = load_u32(pcap, record + RECORD_CAPTURED);
    uint64_t unit_ns = pcap->nanoseconds ? 1u : 1000u;
    if (fraction * unit_ns >= NANOSECONDS || captured > TW_PCAP_FRAME_MAX ||
        load_u32(pcap, record + RECORD_ORIGINAL) < captured)
        return TW_PCAP_DAMAGED;
    if (left - TW_PCAP_RECORD_SIZE < captured)
        return TW_PCAP_CUT;
    *frame = (struct tw_pcap_frame){
        .at_ns = seconds * NANOSECONDS + fraction * unit_ns,
        .bytes = record + TW_PCAP_RECORD_SIZE,
        .length = captured,
    };
    pcap->at += TW_PCAP_RECORD_SIZE + captured;
    return TW_PCAP_OK;
}
