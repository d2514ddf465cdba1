/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions of a lab: keys that anyone can derive from a seed, and the file that names them.
 *
 * A recorded capture can only be played to an engine that has the sessions it was recorded for.
 * Such an engine runs in lab mode, takes them from a sessions file and refuses every real client.
 * The keys have labels of their own in the key schedule, so no lab key is ever a real session's
 * key.
 *
 * The file is a header of 64 bytes and records of 64 bytes, little-endian, each closed by the
 * CRC32C of its first 60 bytes; records stand in ascending order of worker and slot, so no two name
 * the same slot. Files are checked as hostile input. Pure; any thread. docs/benchmarks.md.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_LAB_H
#define TICKWIRE_DATAPLANE_WIRE_LAB_H

#include "dataplane/wire/crc32c.h"
#include "tickwire/address.h"
#include "tickwire/config.h"
#include "tickwire/ids.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_LAB_LABEL                  "tickwire v1 lab"
#define TW_LAB_LABEL_CLIENT_TO_SERVER "tickwire v1 lab c2s"
#define TW_LAB_LABEL_SERVER_TO_CLIENT "tickwire v1 lab s2c"

#define TW_LAB_MAGIC     UINT64_C(0x53455342414c5754) /* "TWLABSES" */
#define TW_LAB_VERSION   1u
#define TW_LAB_SEED_SIZE 32u
/* The server's time when a capture begins: its ticks are behind the clock of any engine that has
 * run for a second more than the capture lasts. */
#define TW_LAB_START_S     1u
#define TW_LAB_HEADER_SIZE 64u
#define TW_LAB_RECORD_SIZE 64u
/* One per slot that a connection id can name. */
#define TW_LAB_SESSIONS_MAX (TW_WORKERS_MAX * TW_SESSIONS_PER_WORKER)

/* header */
#define TW_LAB_IN_MAGIC       0u  /* u64 */
#define TW_LAB_IN_VERSION     8u  /* u16 */
#define TW_LAB_IN_RECORD_SIZE 10u /* u16 */
#define TW_LAB_IN_COUNT       12u /* u32, at least 1 */
#define TW_LAB_IN_SEED        16u /* 32 bytes */
#define TW_LAB_IN_DURATION_NS 48u /* u64, of the capture: one loop; not 0 */
#define TW_LAB_IN_TICK_HZ     56u /* u16, not 0 */
#define TW_LAB_IN_RESERVED    58u /* u16, 0 */
#define TW_LAB_IN_CRC         60u /* u32, header and record alike */
static_assert(TW_LAB_IN_SEED + TW_LAB_SEED_SIZE == TW_LAB_IN_DURATION_NS, "header layout");
static_assert(TW_LAB_IN_CRC + TW_CRC_SIZE == TW_LAB_HEADER_SIZE, "header layout");

/* record */
#define TW_LAB_RECORD_CONNECTION_ID  0u  /* u32, generation not 0 */
#define TW_LAB_RECORD_INDEX          4u  /* u32, into the key derivation */
#define TW_LAB_RECORD_WORLD          8u  /* u32, not 0 */
#define TW_LAB_RECORD_SUITE          12u /* u8, exactly one enum tw_suite */
#define TW_LAB_RECORD_PORT           13u /* u8, of the engine's, from 0 */
#define TW_LAB_RECORD_RESERVED       14u /* 2 bytes, 0 */
#define TW_LAB_RECORD_ACCOUNT        16u /* u64, not 0 */
#define TW_LAB_RECORD_ADDRESS        24u /* 16 bytes IPv6 or v4-mapped, u16 port, not 0 */
#define TW_LAB_RECORD_RESERVED_2     42u /* 6 bytes, 0 */
#define TW_LAB_RECORD_FIRST_SEQUENCE 48u /* u64, of the capture's first packet */
#define TW_LAB_RECORD_PACKETS        56u /* u32, in the capture, numbered without a gap */
static_assert(TW_LAB_RECORD_ADDRESS + TW_ADDRESS_SIZE == TW_LAB_RECORD_RESERVED_2, "layout");
static_assert(TW_LAB_RECORD_PACKETS + 4u == TW_LAB_IN_CRC, "record layout");

struct tw_lab_header {
    uint32_t count;
    uint16_t tick_hz;
    uint64_t duration_ns;
    uint8_t seed[TW_LAB_SEED_SIZE];
};

struct tw_lab_session {
    uint32_t connection_id;
    uint32_t index;
    uint32_t world;
    uint8_t suite;
    uint8_t port; /* by which its packets come */
    uint64_t account;
    struct tw_address address;
    uint64_t first_sequence;
    uint32_t packets;
};

enum tw_lab_result {
    TW_LAB_OK,
    TW_LAB_SHORT,       /* shorter than a header */
    TW_LAB_FOREIGN,     /* not a sessions file */
    TW_LAB_OTHER,       /* of another version */
    TW_LAB_CHECKSUM,    /* the CRC is wrong: damaged */
    TW_LAB_LENGTH,      /* size of the file and number of records disagree */
    TW_LAB_RANGE,       /* a field is outside its range */
    TW_LAB_OUT_OF_ORDER /* not after the record before it, or of the same slot */
};

/* What is wrong, for people. */
const char *tw_lab_result_text(enum tw_lab_result result);

/* Both directions' secrets of one session, as a handshake would have made them. */
void tw_lab_secrets_derive(const uint8_t seed[TW_LAB_SEED_SIZE], uint32_t index,
                           uint8_t client_to_server[TW_KEY_SIZE],
                           uint8_t server_to_client[TW_KEY_SIZE]);

void tw_lab_header_write(uint8_t out[TW_LAB_HEADER_SIZE], const struct tw_lab_header *header,
                         tw_crc32c_function crc);
void tw_lab_session_write(uint8_t out[TW_LAB_RECORD_SIZE], const struct tw_lab_session *session,
                          tw_crc32c_function crc);

/* Header of a whole file of `length` bytes. */
enum tw_lab_result tw_lab_header_read(struct tw_lab_header *header, const uint8_t *file,
                                      size_t length, tw_crc32c_function crc)
    __attribute__((warn_unused_result));
enum tw_lab_result tw_lab_session_read(struct tw_lab_session *session,
                                       const uint8_t record[TW_LAB_RECORD_SIZE],
                                       tw_crc32c_function crc) __attribute__((warn_unused_result));
/* Its place among the records: ascending. */
static inline uint32_t tw_lab_place(uint32_t connection_id)
{
    return connection_id & (TW_LAB_SESSIONS_MAX - 1u);
}
static_assert(TW_LAB_SESSIONS_MAX == 1u << (TW_WORKER_BITS + TW_SLOT_BITS), "worker and slot");

/* The whole file; on failure behind the header *record is the number of the bad one, from 0, else
 * UINT32_MAX. */
enum tw_lab_result tw_lab_file_check(struct tw_lab_header *header, const uint8_t *file,
                                     size_t length, tw_crc32c_function crc, uint32_t *record)
    __attribute__((warn_unused_result));

#endif
