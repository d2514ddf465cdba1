/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wire protocol version 1: every number both ends must agree on, on one page.
 *
 * The byte-exact text is docs/protocol.md. All integers on the wire are little-endian. Offsets
 * are counted from the first byte of the UDP payload unless a name says otherwise.
 * Constants only: no state, usable from any thread, kernel of both client and engine.
 */
#ifndef TICKWIRE_WIRE_H
#define TICKWIRE_WIRE_H

#include <assert.h>
#include <stdint.h>

#define TW_PROTOCOL_VERSION 1u
/* Fed to CRC32C before the packet, so that other protocols' packets never pass by chance. */
#define TW_PROTOCOL_ID      "TICKWIRE"
#define TW_PROTOCOL_ID_SIZE 8u

/* 1,200 bytes fit every path that can carry IPv6 (1,280) with room for tunnels. More only where it
 * was tried; never more than fits 1,492 bytes (Ethernet behind PPPoE) with IPv6. */
#define TW_DATAGRAM_BASE 1200u
#define TW_DATAGRAM_MAX  1440u

/* ---- header, 14 bytes, in front of every packet, authenticated ---------------------------- */
#define TW_HEADER_SIZE          14u
#define TW_HEADER_CONNECTION_ID 0u /* u32; 0 = handshake */
#define TW_HEADER_CHANNEL       4u /* u8; handshake: enum tw_handshake_type */
#define TW_HEADER_FLAGS         5u /* u8 */
#define TW_HEADER_SEQUENCE      6u /* u64; handshake: 0 */
static_assert(TW_HEADER_SEQUENCE + 8 == TW_HEADER_SIZE, "header layout");

#define TW_FLAG_KEY_PHASE 0x01u
#define TW_FLAGS_KNOWN    0x01u

#define TW_TAG_SIZE       16u
#define TW_PACKET_MIN     (TW_HEADER_SIZE + TW_TAG_SIZE)
#define TW_PLAINTEXT_BASE (TW_DATAGRAM_BASE - TW_PACKET_MIN)
#define TW_PLAINTEXT_MAX  (TW_DATAGRAM_MAX - TW_PACKET_MIN)
#define TW_SEQUENCE_FIRST 1u /* 0 is never sent: "nothing received yet" */
/* Positions that may arrive out of order: 1/8 s of the fastest legal sender, with room. */
#define TW_REPLAY_WINDOW 1024u
/* A session closes before a direction seals more. Even if no phase but the first were ever used,
 * AES-256-GCM would be within its limit for packets below 2^11 bytes (RFC 9001, appendix B.1). */
#define TW_SEALED_MAX (UINT64_C(1) << 28)
/* Ticks are u32 on the wire and do not wrap: a world ends with this one, 828 days old at 60 Hz. */
#define TW_TICK_LAST (UINT32_MAX - 1u)
/* Packets of one phase in one direction, before the server starts the next one: a sixteenth of that
 * limit; an attacker's advantage grows with the square of it. */
#define TW_PHASE_PACKETS_MAX (UINT64_C(1) << 24)
/* Packets that failed to open with one key, before it is not used any more: the integrity limit of
 * ChaCha20-Poly1305, AES-256-GCM has 2^52 (RFC 9147, section 4.5.3). With half of them a server
 * starts the next phase: at 15 million a second there is most of an hour left to follow. */
#define TW_FORGED_MAX   (UINT64_C(1) << 36)
#define TW_FORGED_REKEY (TW_FORGED_MAX / 2u)
/* How long the key of a phase is kept for what is on its way still: longer than any queue. */
#define TW_PHASE_OLD_US 5000000u
/* Packets that a client may seal in the old phase after a new one started, or as many as a phase
 * has, if that is less: a minute of inputs, while the server sends a thousand packets and more. */
#define TW_PHASE_PATIENCE 4096u

enum tw_channel {
    TW_CHANNEL_STATE = 0,     /* inputs, snapshots, messages: unreliable, latest wins */
    TW_CHANNEL_ORDERED = 1,   /* reliable, in order; a few whole ones never wait */
    TW_CHANNEL_UNORDERED = 2, /* reliable, each as soon as it is there */
    TW_CHANNEL_BULK = 3,      /* reliable, unordered, after everything else */
    TW_CHANNEL_COUNT = 4,
};

enum tw_suite {
    TW_SUITE_CHACHA20_POLY1305 = 0x01,
    TW_SUITE_AES256_GCM = 0x02,
};
#define TW_SUITES_KNOWN 0x03u

/* ---- keys ---------------------------------------------------------------------------------- */
#define TW_KEY_SIZE    32u /* X25519 keys, secrets, AEAD keys, psk */
#define TW_IV_SIZE     12u
#define TW_HASH_SIZE   32u /* SHA-256, HMAC-SHA256 */
#define TW_COOKIE_SIZE 16u

#define TW_LABEL_CLIENT_TO_SERVER "tickwire v1 c2s"
#define TW_LABEL_SERVER_TO_CLIENT "tickwire v1 s2c"
#define TW_LABEL_CONFIRM          "tickwire v1 confirm"
#define TW_LABEL_KEY              "key"
#define TW_LABEL_IV               "iv"
#define TW_LABEL_NEXT_PHASE       "phase"
#define TW_LABEL_RESUME           "tickwire v1 resume"
#define TW_LABEL_RESUME_KEY       "tickwire v1 resume key" /* the control plane's own */

/* ---- handshake packets --------------------------------------------------------------------- */
enum tw_handshake_type {
    TW_HANDSHAKE_HELLO = 1,         /* c→s */
    TW_HANDSHAKE_COOKIE = 2,        /* s→c */
    TW_HANDSHAKE_HELLO2 = 3,        /* c→s */
    TW_HANDSHAKE_WELCOME = 4,       /* s→c */
    TW_HANDSHAKE_TRY_AGAIN = 5,     /* s→c, unauthenticated: delays a retry, nothing else */
    TW_HANDSHAKE_WRONG_VERSION = 6, /* s→c, unauthenticated: informs, changes nothing */
    TW_HANDSHAKE_REFUSED = 7,       /* s→c, authenticated by the psk */
};
#define TW_CRC_SIZE 4u

/* hello: version, suites, zero byte, client ephemeral key, zeros, CRC */
#define TW_HELLO_VERSION   14u /* u16 */
#define TW_HELLO_SUITES    16u /* u8, enum tw_suite */
#define TW_HELLO_RESERVED  17u /* u8, 0 */
#define TW_HELLO_EPHEMERAL 18u /* 32 bytes */
#define TW_HELLO_PADDING   50u
#define TW_HELLO_SIZE      TW_DATAGRAM_BASE

/* Every answer carries the client's ephemeral key at this offset: proof of having seen the
 * request, and how clients that share a socket tell whose answer it is. */
#define TW_ANSWER_EPHEMERAL 14u

#define TW_COOKIE_COOKIE 46u
#define TW_COOKIE_PACKET 66u

/* hello 2 repeats bytes 14..49 of the hello */
#define TW_HELLO2_COOKIE 50u
#define TW_HELLO2_TOKEN  66u
#define TW_HELLO2_BINDER 302u
#define TW_HELLO2_SIZE   338u
/* The part that is hashed into the transcript: all but the CRC. */
#define TW_HELLO2_SIGNED (TW_HELLO2_SIZE - TW_CRC_SIZE)

#define TW_WELCOME_SERVER_EPHEMERAL 46u
#define TW_WELCOME_SEALED           78u /* 32 bytes + tag */
#define TW_WELCOME_SIZE             130u
/* Clear part of the welcome, hashed into the transcript after hello 2. */
#define TW_WELCOME_CLEAR TW_WELCOME_SEALED
/* offsets inside the sealed part */
#define TW_WELCOME_IN_CONNECTION_ID 0u  /* u32 */
#define TW_WELCOME_IN_WORLD         4u  /* u32 */
#define TW_WELCOME_IN_SERVER_TIME   8u  /* u64, µs since tick 0 */
#define TW_WELCOME_IN_TICK          16u /* u64 */
#define TW_WELCOME_IN_MTU           24u /* u16, UDP payload bytes */
#define TW_WELCOME_IN_SUITE         26u /* u8, exactly one enum tw_suite */
#define TW_WELCOME_IN_TICK_HZ       27u /* u8 */
#define TW_WELCOME_IN_SNAPSHOT_HZ   28u /* u8 */
#define TW_WELCOME_IN_WIDTH_CELLS   29u /* u16, of a world without edges; 0: it has edges */
#define TW_WELCOME_IN_RESERVED      31u /* 0 */
#define TW_WELCOME_IN_SIZE          32u

#define TW_TRY_AGAIN_AFTER_MS 46u /* u32 */
#define TW_TRY_AGAIN_SIZE     54u

#define TW_WRONG_VERSION_MIN  46u /* u16 */
#define TW_WRONG_VERSION_MAX  48u /* u16 */
#define TW_WRONG_VERSION_SIZE 54u

#define TW_REFUSED_REASON 46u /* u16, enum tw_refusal */
#define TW_REFUSED_ZERO   48u /* u16, 0 */
#define TW_REFUSED_MAC    50u /* HMAC(psk, bytes 0..49 ‖ SHA-256(hello 2 without CRC)) */
#define TW_REFUSED_SIZE   86u

static_assert(TW_HELLO_EPHEMERAL + TW_KEY_SIZE == TW_HELLO_PADDING, "hello layout");
static_assert(TW_HELLO_PADDING == TW_HELLO2_COOKIE, "hello 2 repeats the hello's fields");
static_assert(TW_ANSWER_EPHEMERAL + TW_KEY_SIZE == TW_COOKIE_COOKIE, "cookie layout");
static_assert(TW_COOKIE_COOKIE + TW_COOKIE_SIZE + TW_CRC_SIZE == TW_COOKIE_PACKET, "cookie layout");
static_assert(TW_HELLO2_COOKIE + TW_COOKIE_SIZE == TW_HELLO2_TOKEN, "hello 2 layout");
static_assert(TW_HELLO2_BINDER + TW_HASH_SIZE + TW_CRC_SIZE == TW_HELLO2_SIZE, "hello 2 layout");
static_assert(TW_WELCOME_SERVER_EPHEMERAL + TW_KEY_SIZE == TW_WELCOME_SEALED, "welcome layout");
static_assert(TW_WELCOME_SEALED + TW_WELCOME_IN_SIZE + TW_TAG_SIZE + TW_CRC_SIZE == TW_WELCOME_SIZE,
              "welcome layout");
static_assert(TW_TRY_AGAIN_AFTER_MS + 4 + TW_CRC_SIZE == TW_TRY_AGAIN_SIZE, "try again layout");
static_assert(TW_WRONG_VERSION_MAX + 2 + TW_CRC_SIZE == TW_WRONG_VERSION_SIZE, "version layout");
static_assert(TW_REFUSED_MAC + TW_HASH_SIZE + TW_CRC_SIZE == TW_REFUSED_SIZE, "refused layout");
static_assert(TW_WELCOME_SIZE < TW_HELLO2_SIZE && TW_REFUSED_SIZE < TW_HELLO2_SIZE &&
                  TW_TRY_AGAIN_SIZE < TW_HELLO2_SIZE && TW_COOKIE_PACKET < TW_HELLO_SIZE,
              "no answer is larger than its request");

/* Why a handshake was refused; sent authenticated, so a client may trust it and stop. */
enum tw_refusal {
    TW_REFUSAL_NONE = 0,
    TW_REFUSAL_EXPIRED = 1,   /* token too old */
    TW_REFUSAL_USED = 2,      /* token pending or consumed with another key */
    TW_REFUSAL_AUDIENCE = 3,  /* token is for another engine */
    TW_REFUSAL_ADDRESS = 4,   /* token does not name the address it arrived at */
    TW_REFUSAL_SUITE = 5,     /* no common suite */
    TW_REFUSAL_BANNED = 6,    /* account is banned */
    TW_REFUSAL_WORLD = 7,     /* no such world here */
    TW_REFUSAL_FULL = 8,      /* no free session */
    TW_REFUSAL_LOW_ORDER = 9, /* Diffie-Hellman result is all zero */
    TW_REFUSAL_LAB = 10,      /* a lab: takes imported sessions only */
    TW_REFUSAL_RESUME = 11,   /* the session to be resumed is gone */
    TW_REFUSAL_COUNT = 12,
};

/* ---- token --------------------------------------------------------------------------------- */
#define TW_TOKEN_KEY_ID     0u /* u32, clear: which token key sealed it */
#define TW_TOKEN_NONCE      4u /* 24 bytes */
#define TW_TOKEN_SEALED     28u
#define TW_TOKEN_NONCE_SIZE 24u
#define TW_TOKEN_IN_SIZE    192u
#define TW_TOKEN_SIZE       236u
#define TW_TOKEN_ID_SIZE    16u
#define TW_TOKEN_ADDRESSES  4u  /* at most; one per path a host may be reached by */
#define TW_ADDRESS_SIZE     18u /* 16 bytes IPv6 or v4-mapped, u16 port */
#define TW_AUDIENCE_SIZE    16u /* first 16 bytes of SHA-256(engine name) */
/* offsets inside the sealed part */
#define TW_TOKEN_IN_ID            0u
#define TW_TOKEN_IN_PSK           16u
#define TW_TOKEN_IN_ACCOUNT       48u /* u64 */
#define TW_TOKEN_IN_AUDIENCE      56u
#define TW_TOKEN_IN_WORLD         72u  /* u32 */
#define TW_TOKEN_IN_VERSION       76u  /* u16 */
#define TW_TOKEN_IN_SUITES        78u  /* u8 */
#define TW_TOKEN_IN_ADDRESS_COUNT 79u  /* u8, 1..4 */
#define TW_TOKEN_IN_EXPIRES       80u  /* u64, Unix seconds */
#define TW_TOKEN_IN_ISSUED        88u  /* u64, Unix seconds */
#define TW_TOKEN_IN_ADDRESS_LIST  96u  /* 4 x 18; unused ones zero */
#define TW_TOKEN_IN_RESUMES       168u /* 16: token id of the session to be resumed; zero: none */
#define TW_TOKEN_IN_PADDING       184u
static_assert(TW_TOKEN_SEALED + TW_TOKEN_IN_SIZE + TW_TAG_SIZE == TW_TOKEN_SIZE, "token layout");
static_assert(TW_HELLO2_TOKEN + TW_TOKEN_SIZE == TW_HELLO2_BINDER, "token fits hello 2");
static_assert(TW_TOKEN_IN_ADDRESS_LIST + TW_TOKEN_ADDRESSES * TW_ADDRESS_SIZE ==
                  TW_TOKEN_IN_RESUMES,
              "token layout");
static_assert(TW_TOKEN_IN_RESUMES + TW_TOKEN_ID_SIZE == TW_TOKEN_IN_PADDING, "token layout");
/* Resume tokens have a key of their own, under this id. */
#define TW_TOKEN_KEY_RESUME UINT32_MAX
/* A resume token is worth something while its session lives; for that long at most. */
#define TW_RESUME_VALIDITY_S 604800u

/* Connect token: what an issuer hands to a client over a trusted channel. */
#define TW_CONNECT_MAGIC         0x31435754u /* "TWC1" */
#define TW_CONNECT_VERSION       4u          /* u16 */
#define TW_CONNECT_SUITES        6u          /* u8 */
#define TW_CONNECT_ADDRESS_COUNT 7u          /* u8 */
#define TW_CONNECT_EXPIRES       8u          /* u64 */
#define TW_CONNECT_ADDRESS_LIST  16u         /* 4 x 18 */
#define TW_CONNECT_TOKEN         88u         /* 236 */
#define TW_CONNECT_SERVER_KEY    324u        /* 32, static X25519 */
#define TW_CONNECT_PSK           356u        /* 32, secret */
#define TW_CONNECT_SIZE          388u
static_assert(TW_CONNECT_TOKEN + TW_TOKEN_SIZE == TW_CONNECT_SERVER_KEY, "connect token layout");
static_assert(TW_CONNECT_PSK + TW_KEY_SIZE == TW_CONNECT_SIZE, "connect token layout");

/* ---- frames: u8 type, u16 length, body ------------------------------------------------------- */
#define TW_FRAME_HEADER_SIZE 3u
enum tw_frame_type {
    TW_FRAME_INPUTS = 1,         /* c→s */
    TW_FRAME_SNAPSHOT_ACK = 2,   /* c→s */
    TW_FRAME_PING = 3,           /* c→s */
    TW_FRAME_PONG = 4,           /* s→c */
    TW_FRAME_CLOSE = 5,          /* both */
    TW_FRAME_ACK = 6,            /* both */
    TW_FRAME_SNAPSHOT = 7,       /* s→c */
    TW_FRAME_CHALLENGE = 8,      /* s→c, to a candidate path and nowhere else */
    TW_FRAME_RESPONSE = 9,       /* c→s, over the path on which the challenge came */
    TW_FRAME_RENAME = 10,        /* s→c, another connection id from now on */
    TW_FRAME_MESSAGES = 11,      /* both */
    TW_FRAME_ARRIVALS = 12,      /* s→c, how early inputs arrive */
    TW_FRAME_CHECK = 13,         /* c→s, what the client's view comes to */
    TW_FRAME_PADDING = 14,       /* both: what it holds means nothing */
    TW_FRAME_RESUME_WANTED = 15, /* c→s, empty: until a resume token has come */
    TW_FRAME_RESUME = 16,        /* s→c */
    TW_FRAME_NOTICE = 17,        /* s→c, the client misbehaves, or is forgiven */
    TW_FRAME_TYPE_END = 18,
};

/* inputs: u32 newest tick, u8 count, count x input, newest first, ticks descending by 1 */
#define TW_INPUTS_NEWEST_TICK 0u
#define TW_INPUTS_COUNT       4u
#define TW_INPUTS_LIST        5u
#define TW_INPUTS_MAX         8u /* 5 % loss: eight losses in a row are 4e-11 */
#define TW_INPUT_SIZE         6u
#define TW_INPUT_MOVE_X       0u /* i8 -127..127 */
#define TW_INPUT_MOVE_Y       1u /* i8 -127..127 */
#define TW_INPUT_FACING       2u /* u16, full turn = 65,536, 0 = +x, counter-clockwise */
#define TW_INPUT_BUTTONS      4u /* u16, unknown bits 0 */
#define TW_BUTTONS_KNOWN      0x00ffu

/* No input for a later tick than so many from now is taken: of the protocol, for clients are built
 * to it, and the server keeps those of 64 ticks. One second at 60 Hz: beyond is a broken clock. */
#define TW_INPUT_AHEAD_MAX 60u

#define TW_SNAPSHOT_ACK_NEWEST 0u /* u32 snapshot number */
#define TW_SNAPSHOT_ACK_BITMAP 4u /* u32, bit i = number newest-1-i arrived */
#define TW_SNAPSHOT_ACK_SIZE   8u

#define TW_PING_TIME 0u /* u64 sender's µs */
#define TW_PING_SIZE 8u

#define TW_PONG_ECHO     0u  /* u64 */
#define TW_PONG_RECEIVED 8u  /* u64, µs since tick 0 */
#define TW_PONG_SENT     16u /* u64, µs since tick 0 */
#define TW_PONG_SIZE     24u

#define TW_RESUME_EXPIRES 0u /* u64, Unix seconds */
#define TW_RESUME_TOKEN   8u /* 236 */
#define TW_RESUME_SIZE    244u
static_assert(TW_RESUME_TOKEN + TW_TOKEN_SIZE == TW_RESUME_SIZE, "frame layout");

#define TW_CLOSE_REASON 0u /* u16 */
#define TW_CLOSE_SIZE   2u

#define TW_ACK_LARGEST  0u  /* u64 packet sequence */
#define TW_ACK_BITMAP   8u  /* u64, bit i = largest-1-i arrived */
#define TW_ACK_DELAY_US 16u /* u16, saturating */
#define TW_ACK_SIZE     18u

/* challenge and response: as many random bytes as nobody guesses within a candidate's life */
#define TW_CHALLENGE_SIZE 8u

#define TW_RENAME_CONNECTION_ID 0u /* u32, not 0 */
#define TW_RENAME_SIZE          4u

/* arrivals: margins of inputs that reached the shard since the last such frame, in 100 µs before
 * their tick was due; negative: after it */
#define TW_ARRIVALS_NEWEST    0u /* u32 newest input tick among them, not 0 */
#define TW_ARRIVALS_MEAN      4u /* i16 -10,000..10,000 */
#define TW_ARRIVALS_LOWEST    6u /* i16 -10,000..mean */
#define TW_ARRIVALS_COUNT     8u /* u8 1..255 */
#define TW_ARRIVALS_LATE      9u /* u8 0..count: too late for their tick */
#define TW_ARRIVALS_SIZE      10u
#define TW_ARRIVALS_UNIT_US   100u
#define TW_ARRIVALS_UNITS_MAX 10000 /* 1 s: more is no different to whoever steers */
/* An input that came with this many newer ones in its packet was lost before that: no way of
 * sending earlier that is worth its delay would have helped. Not measured. */
#define TW_ARRIVALS_NEWER_MAX 2u

/* notice: how the server takes what the client does */
#define TW_NOTICE_STAGE 0u /* u8, enum tw_conduct_stage */
#define TW_NOTICE_KIND                                                                             \
    1u /* u8, what was charged last: 0 packets, 1 ticks ahead, 2 time, 3 actions */
#define TW_NOTICE_SCORE 2u /* u16 points, saturating */
#define TW_NOTICE_SIZE  4u
enum tw_conduct_stage {
    TW_CONDUCT_GOOD = 0,
    TW_CONDUCT_WARNED_STAGE = 1,
    TW_CONDUCT_THROTTLED_STAGE = 2, /* part of the inputs counts, and no actions */
    TW_CONDUCT_STAGES = 3,
};
#define TW_NOTICE_KINDS 4u

/* check: after which snapshot, which class of entities, and the low half of their hashes' sum */
#define TW_CHECK_NUMBER   0u /* u32, not 0 */
#define TW_CHECK_BITS     4u /* u8, classes are indexes modulo 2^bits; 0: all entities */
#define TW_CHECK_CLASS    5u /* u8, below 2^bits */
#define TW_CHECK_SUM      6u /* u32 */
#define TW_CHECK_SIZE     10u
#define TW_CHECK_BITS_MAX 8u

/* messages: entries that fill the body, each of one message, none of the same message twice
 * (which is noticed of messages that were not here before):
 * u8 head (bits 0-1 channel, bits 2-3 kind, bit 4 compressed, others 0), u16 message number, then
 *   whole:     varint size, size bytes
 *   part:      varint message size, varint first granule, varint count of bytes, bytes
 *   abandoned: nothing
 * A compressed message, of the bulk channel alone, is varint size before it was compressed (more
 * than it takes, at most TW_MESSAGE_MAX), LZ4 block. */
#define TW_ENTRY_CHANNEL     0x03u
#define TW_ENTRY_KIND_SHIFT  2u
#define TW_ENTRY_COMPRESSED  0x10u
#define TW_ENTRY_KNOWN       0x1fu
#define TW_ENTRY_HEADER_SIZE 3u
enum tw_entry_kind {
    TW_ENTRY_WHOLE = 0,
    TW_ENTRY_PART = 1,
    TW_ENTRY_ABANDONED = 2, /* the sender gave this number up */
};
/* The unit of what is acknowledged and sent again. */
#define TW_GRANULE_BYTES 128u
#define TW_MESSAGE_MAX   65536u
/* What a client sends is passed on with its handle in front, so it is four bytes less; the same of
 * channel 0. */
#define TW_SAID_MAX            (TW_MESSAGE_MAX - 4u)
#define TW_SAID_UNRELIABLE_MAX (TW_UNRELIABLE_MAX - 4u)
/* Bulk messages of more bytes are compressed where that helps: fewer are one packet anyway. */
#define TW_COMPRESS_ABOVE 1024u
/* On channel 0 one message is one packet; with every other frame beside it there is room. */
#define TW_UNRELIABLE_MAX 1000u
/* Numbers of a channel under way at once, and blocks of 1 KB held by all but the oldest. */
#define TW_MESSAGE_WINDOW 64u
#define TW_MESSAGE_SPARE  64u
/* So long may a message stand still whose sender goes on sending; and one whose sender hears
 * nothing, as long as any session may. */
#define TW_MESSAGE_STALLED_US         5000000u
#define TW_MESSAGE_STALLED_UNHEARD_US 60000000u

enum tw_close_reason {
    TW_CLOSE_NONE = 0,
    TW_CLOSE_BY_CLIENT = 1,
    TW_CLOSE_SHUTDOWN = 2,   /* engine stops */
    TW_CLOSE_KICKED = 3,     /* operator */
    TW_CLOSE_BANNED = 4,     /* operator */
    TW_CLOSE_TIMEOUT = 5,    /* nothing heard */
    TW_CLOSE_MISBEHAVED = 6, /* authenticated malformed packets or input rate */
    TW_CLOSE_REFUSED = 7,    /* the world refused the join */
    TW_CLOSE_EXHAUSTED = 8,  /* packet numbers or key use at their limit */
    TW_CLOSE_REPLACED = 9,   /* same account joined again */
    TW_CLOSE_BACKLOG = 10,   /* messages wait for it faster than it takes them */
    TW_CLOSE_STALLED = 11,   /* it began a message and did not go on with it */
    TW_CLOSE_RESUMED = 12,   /* a newer process of the same player went on with it */
    TW_CLOSE_GONE = 13,      /* what was to be resumed ended meanwhile */
    TW_CLOSE_STARVED = 14,   /* it sends inputs, and snapshots do not reach it */
    TW_CLOSE_COUNT = 15,
};

/* ---- snapshot frame body -------------------------------------------------------------------- */
#define TW_SNAPSHOT_NUMBER     0u  /* u32, starts at 1, +1 per snapshot of the session */
#define TW_SNAPSHOT_TICK       4u  /* u32 */
#define TW_SNAPSHOT_LAST_INPUT 8u  /* u32 tick of the newest input applied, 0 = none */
#define TW_SNAPSHOT_FLAGS      12u /* u8 */
#define TW_SNAPSHOT_FIXED_SIZE 13u

#define TW_SNAPSHOT_HAS_SELF    0x01u
#define TW_SNAPSHOT_HAS_HASH    0x02u /* only in snapshots that leave nothing out */
#define TW_SNAPSHOT_INCOMPLETE  0x04u /* the budget left something for the next one */
#define TW_SNAPSHOT_HAS_CHECK   0x08u /* never with HAS_HASH */
#define TW_SNAPSHOT_BASELINE    0x10u
#define TW_SNAPSHOT_FLAGS_KNOWN 0x1fu

/* self: u32 handle, i32 x, i32 y, i32 velocity x, i32 velocity y, u16 heading */
#define TW_SELF_SIZE      22u
#define TW_VIEW_HASH_SIZE 8u
/* check: u8 bits, u8 class, u32 sum, as in the frame of that name */
#define TW_VIEW_CHECK_SIZE 6u
/* baseline: u32 number of the snapshot it begins with */
#define TW_BASELINE_SIZE 4u
/* What the hot field says that an entity does. */
enum tw_action {
    TW_ACTION_NONE = 0,
    TW_ACTION_MAIN = 1, /* the game's main action, a moment ago */
    TW_ACTION_AWAY = 2, /* nothing was heard of its player for a while */
};
/* hot: u16 x in cell, u16 y in cell, u8 heading, u8 speed, u8 action */
#define TW_HOT_SIZE    7u
#define TW_HOT_X       0u
#define TW_HOT_Y       2u
#define TW_HOT_HEADING 4u
#define TW_HOT_SPEED   5u
#define TW_HOT_ACTION  6u
/* entity index on the wire: u24; handle: u24 index | u8 generation in bits 24..31 */
#define TW_INDEX_SIZE            3u
#define TW_HANDLE_SIZE           4u
#define TW_HOT_RECORD_SIZE       (TW_INDEX_SIZE + TW_HOT_SIZE)
#define TW_HOT_GROUP_HEADER_SIZE 5u /* u16 cell x, u16 cell y, u8 count */
/* cold fields, in the order of their mask bits; see the schema table in docs/protocol.md */
#define TW_COLD_TYPE       0x01u /* u8 */
#define TW_COLD_TEAM       0x02u /* u8 */
#define TW_COLD_APPEARANCE 0x04u /* u16 */
#define TW_COLD_HEALTH     0x08u /* u16 */
#define TW_COLD_HEALTH_MAX 0x10u /* u16 */
#define TW_COLD_KNOWN      0x1fu
#define TW_COLD_SIZE_MAX   8u
/* enter: u32 handle, u16 cell x, u16 cell y, hot, u8 cold mask (= all), cold fields */
#define TW_ENTER_SIZE (TW_HANDLE_SIZE + 4u + TW_HOT_SIZE + 1u + TW_COLD_SIZE_MAX)

/* ---- world units ---------------------------------------------------------------------------- */
#define TW_UNITS_PER_METRE 1024 /* position unit 1/1024 m: under a millimetre, ±2,097 km in i32 */
#define TW_CELL_SHIFT      16 /* replication cell = 2^16 units = 64 m: 16 bits place a point exactly */
#define TW_CELL_M          64u
static_assert(TW_CELL_M * TW_UNITS_PER_METRE == 1u << TW_CELL_SHIFT, "a cell is 64 m");
#define TW_WORLD_CELLS_MAX 1024u /* along an axis: 65,536 m */
#define TW_SPEED_STEP      64 /* hot speed unit: 64 units/s = 1/16 m/s, up to 15.9 m/s, saturating */

#endif
