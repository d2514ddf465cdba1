/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every way a received packet can end, in one list. A packet ends in exactly one outcome, and
 * the sum of all outcomes equals what the port received.
 *
 * The list yields the enum, the metric name, the text of `tickwire drops` and the table in
 * docs/operations.md (a test compares it). Columns: enum suffix, metric name, kind, meaning.
 * Kind: ACCEPTED (reached a session), HANDLED (answered or relayed, no session), DROPPED.
 * The order is the order of the checks: cheapest first.
 */
#ifndef TICKWIRE_DROP_REASONS_H
#define TICKWIRE_DROP_REASONS_H

enum tw_outcome_kind {
    TW_KIND_ACCEPTED,
    TW_KIND_HANDLED,
    TW_KIND_DROPPED,
};

/* clang-format off */
#define TW_OUTCOMES(X)                                                                                               \
    X(ACCEPTED,            "accepted",            ACCEPTED, "authenticated, decoded and routed")                     \
    X(ARP_HANDLED,         "arp_handled",         HANDLED,  "ARP request answered or reply learnt")                  \
    X(ND_HANDLED,          "nd_handled",          HANDLED,  "neighbour solicitation answered or answer learnt")      \
    X(ICMP_ANSWERED,       "icmp_answered",       HANDLED,  "ICMP or ICMPv6 echo answered")                          \
    X(COOKIE_SENT,         "cookie_sent",         HANDLED,  "hello answered with a cookie")                          \
    X(VERSION_TOLD,        "version_told",        HANDLED,  "hello of another protocol version answered")            \
    X(TRY_AGAIN_SENT,      "try_again_sent",      HANDLED,  "hello 2 while the control plane is away or behind")     \
    X(WELCOME_RESENT,      "welcome_resent",      HANDLED,  "identical hello 2 answered with the identical welcome") \
    X(HANDSHAKE_RELAYED,   "handshake_relayed",   HANDLED,  "hello 2 handed to the control plane")                   \
    X(ETHERNET_TRUNCATED,  "ethernet_truncated",  DROPPED,  "frame shorter than its Ethernet or VLAN header")        \
    X(ETHERNET_FOREIGN,    "ethernet_foreign",    DROPPED,  "destination MAC is neither ours nor broadcast")         \
    X(VLAN_FOREIGN,        "vlan_foreign",        DROPPED,  "tagged for a VLAN: we are on none")                     \
    X(ETHERTYPE_UNKNOWN,   "ethertype_unknown",   DROPPED,  "neither IPv4, IPv6 nor ARP, or nested VLAN tags")       \
    X(ARP_MALFORMED,       "arp_malformed",       DROPPED,  "ARP of another shape than Ethernet / IPv4")             \
    X(ARP_FOREIGN,         "arp_foreign",         DROPPED,  "ARP about another host")                                \
    X(ARP_BUDGET,          "arp_budget",          DROPPED,  "ARP above its rate limit")                              \
    X(IPV6_UNSERVED,       "ipv6_unserved",       DROPPED,  "IPv6, but the port has no IPv6 address")                \
    X(IPV6_TRUNCATED,      "ipv6_truncated",      DROPPED,  "frame shorter than its IPv6 packet")                    \
    X(IPV6_VERSION,        "ipv6_version",        DROPPED,  "IPv6 by its Ethernet type, but of another version")     \
    X(IPV6_JUMBO,          "ipv6_jumbo",          DROPPED,  "IPv6 without a payload length: a jumbogram, or empty")  \
    X(IPV6_FOREIGN,        "ipv6_foreign",        DROPPED,  "IPv6 destination is not ours, or UDP to a group")       \
    X(IPV6_EXTENSION,      "ipv6_extension",      DROPPED,  "IPv6 extension header: never walked")                   \
    X(IPV6_FRAGMENT,       "ipv6_fragment",       DROPPED,  "IPv6 fragment: never reassembled")                      \
    X(IPV6_PROTOCOL,       "ipv6_protocol",       DROPPED,  "neither UDP nor ICMPv6")                                \
    X(IPV6_SOURCE,         "ipv6_source",         DROPPED,  "IPv6 source is ours, group, zero, loopback, mapped")    \
    X(ROUTER_IGNORED,      "router_ignored",      DROPPED,  "IPv6 router message or redirect: never believed")       \
    X(ND_MALFORMED,        "nd_malformed",        DROPPED,  "neighbour discovery of wrong hops, size or option")     \
    X(ND_FOREIGN,          "nd_foreign",          DROPPED,  "neighbour discovery about another host")                \
    X(ND_BUDGET,           "nd_budget",           DROPPED,  "neighbour discovery above its rate limit")              \
    X(ICMPV6_IGNORED,      "icmpv6_ignored",      DROPPED,  "ICMPv6 other than an echo request of up to 1,228 bytes")    \
    X(IPV4_TRUNCATED,      "ipv4_truncated",      DROPPED,  "frame shorter than its IPv4 packet")                    \
    X(IPV4_HEADER,         "ipv4_header",         DROPPED,  "bad version, header length or options")                 \
    X(IPV4_CHECKSUM,       "ipv4_checksum",       DROPPED,  "bad IPv4 header checksum")                              \
    X(IPV4_FRAGMENT,       "ipv4_fragment",       DROPPED,  "IP fragment: never reassembled")                        \
    X(IPV4_FOREIGN,        "ipv4_foreign",        DROPPED,  "IPv4 destination is not ours")                          \
    X(IPV4_SOURCE,         "ipv4_source",         DROPPED,  "IPv4 source is ours, broadcast, multicast or zero")     \
    X(IPV4_PROTOCOL,       "ipv4_protocol",       DROPPED,  "neither UDP nor ICMP")                                  \
    X(ICMP_IGNORED,        "icmp_ignored",        DROPPED,  "ICMP other than a well-formed echo request of up to 1,228 bytes")            \
    X(ICMP_BUDGET,         "icmp_budget",         DROPPED,  "ICMP or ICMPv6 above its rate limit")                   \
    X(UDP_TRUNCATED,       "udp_truncated",       DROPPED,  "UDP length does not fit the IP packet")                 \
    X(UDP_PORT,            "udp_port",            DROPPED,  "UDP port is not served, or source port 0")              \
    X(PAYLOAD_SMALL,       "payload_small",       DROPPED,  "payload shorter than header and tag")                   \
    X(PAYLOAD_OVERSIZED,   "payload_oversized",   DROPPED,  "payload above 1,440 bytes")                             \
    X(OVERLOAD_SHED,       "overload_shed",       DROPPED,  "stranger's, while more comes than the worker takes")    \
    X(UDP_CHECKSUM,        "udp_checksum",        DROPPED,  "bad UDP checksum, or none over IPv6")                   \
    X(FILTER_DENIED,       "filter_denied",       DROPPED, "a filter rule denies the source's prefix")               \
    X(FILTER_OFFENDER,     "filter_offender",     DROPPED, "source or prefix denied for a while, see malformed rules")\
    X(FILTER_HARD,         "filter_hard",         DROPPED, "above the hard limit of a filter rule")                  \
    X(FILTER_SOFT,         "filter_soft",         DROPPED, "stranger's packet above a filter rule's soft limit")     \
    X(HANDSHAKE_TYPE,      "handshake_type",      DROPPED,  "connection id 0 with a type no client sends")           \
    X(HANDSHAKE_MALFORMED, "handshake_malformed", DROPPED,  "handshake packet of wrong size or with nonzero padding")\
    X(STRANGER_BUDGET,     "stranger_budget",     DROPPED,  "hello or hello 2 above the budget for strangers")       \
    X(HANDSHAKE_CRC,       "handshake_crc",       DROPPED,  "handshake packet with a wrong CRC32C")                  \
    X(HELLO2_VERSION,      "hello2_version",      DROPPED,  "hello 2 of another protocol version or without a suite")\
    X(COOKIE_WRONG,        "cookie_wrong",        DROPPED,  "cookie forged, too old, or from another address")       \
    X(SOURCE_BUDGET,       "source_budget",       DROPPED,  "hello 2 above the budget of its source")                \
    X(HANDSHAKE_PENDING,   "handshake_pending",   DROPPED,  "identical hello 2: being answered, or about to expire") \
    X(CONNECTION_UNKNOWN,  "connection_unknown",  DROPPED,  "connection id names no live session")                   \
    X(GENERATION_STALE,    "generation_stale",    DROPPED,  "connection id of an earlier session in this slot")      \
    X(PATH_UNKNOWN,        "path_unknown",        DROPPED,  "known session, other source address, not worth opening")\
    X(PATH_BUDGET,         "path_budget",         DROPPED,  "silent session, other source address, not drawn of too many")\
    X(SESSION_BUDGET,      "session_budget",      DROPPED,  "session above its packet rate")                         \
    X(HEADER_FLAGS,        "header_flags",        DROPPED,  "unknown flag or unknown channel")      \
    X(SEQUENCE_INVALID,    "sequence_invalid",    DROPPED,  "packet number 0 or beyond the life of a key")           \
    X(REPLAY_OLD,          "replay_old",          DROPPED,  "packet number older than the replay window")            \
    X(REPLAY_DUPLICATE,    "replay_duplicate",    DROPPED,  "packet number seen before")                             \
    X(PHASE_UNKNOWN,       "phase_unknown",       DROPPED,  "key phase that there is no key of: over, or not begun") \
    X(TAG_WRONG,           "tag_wrong",           DROPPED,  "authentication failed")                                 \
    X(FRAME_MALFORMED,     "frame_malformed",     DROPPED,  "authenticated, but a frame does not parse")             \
    X(FRAME_RANGE,         "frame_range",         DROPPED,  "authenticated, but a field is out of range")            \
    X(SESSION_CLOSING,     "session_closing",     DROPPED,  "session is closing, or has lapsed")                     \
    X(WORKER_FOREIGN,      "worker_foreign",      DROPPED,  "packet of another worker's session, hand-over full")     \
    X(WORKER_BUDGET,       "worker_budget",       DROPPED,  "packet of another worker's session above what is passed on")
/* clang-format on */

enum tw_outcome {
#define TW_X(suffix, name, kind, meaning) TW_OUTCOME_##suffix,
    TW_OUTCOMES(TW_X)
#undef TW_X
        TW_OUTCOME_COUNT
};

struct tw_outcome_info {
    const char *name;
    const char *meaning;
    enum tw_outcome_kind kind;
};

/* Indexed by enum tw_outcome. */
static const struct tw_outcome_info tw_outcome_info[TW_OUTCOME_COUNT] __attribute__((unused)) = {
#define TW_X(suffix, name, kind, meaning) {name, meaning, TW_KIND_##kind},
    TW_OUTCOMES(TW_X)
#undef TW_X
};

/* The second ledger: every input record a packet carried ends in exactly one of these. */
/* clang-format off */
#define TW_INPUT_OUTCOMES(X)                                                                \
    X(ROUTED,    "routed",    "reached the shard's ring")                                   \
    X(DUPLICATE, "duplicate", "a repeat of an input routed before")                         \
    X(OLD,       "old",       "older than the deduplication window")                        \
    X(AHEAD,     "ahead",     "tick too far in the future")                                 \
    X(RATE,      "rate",      "above one input per tick plus tolerance")                    \
    X(RING_FULL, "ring_full", "the shard's ring was full")                                  \
    X(CONDUCT,   "conduct",   "of a packet too many, a throttled session, or one that resumes nothing")
/* What the shard did with a routed input. */
#define TW_SHARD_INPUT_OUTCOMES(X)                                                          \
    X(APPLIED,   "applied",   "consumed by the tick it was meant for")                      \
    X(LATE,      "late",      "arrived after its tick; applied to the next one or skipped") \
    X(SKIPPED,   "skipped",   "too late, too early or doubled: not applied")                \
    X(STALE,     "stale",     "of an earlier session in the slot")
/* The third ledger: every hello 2 that was relayed ends in exactly one verdict. */
#define TW_VERDICTS(X)                                                                      \
    X(WELCOMED,         "welcomed",         "session installed, welcome sent")              \
    X(TOKEN_INVALID,    "token_invalid",    "token does not open")                          \
    X(TOKEN_MISMATCH,   "token_mismatch",   "token of another protocol version")            \
    X(BINDER_WRONG,     "binder_wrong",     "sender does not hold the token's psk")         \
    X(TOKEN_EXPIRED,    "token_expired",    "token too old")                                \
    X(TOKEN_USED,       "token_used",       "token pending or consumed with another key")   \
    X(TOKEN_PENDING,    "token_pending",    "token answered within the last second: silence")   \
    X(TOKEN_AUDIENCE,   "token_audience",   "token of another engine")                      \
    X(TOKEN_ADDRESS,    "token_address",    "token of another server address")              \
    X(SUITE_NONE,       "suite_none",       "no common cipher suite")                       \
    X(ACCOUNT_BANNED,   "account_banned",   "account is banned")                            \
    X(WORLD_UNKNOWN,    "world_unknown",    "no such world")                                \
    X(KEY_LOW_ORDER,    "key_low_order",    "Diffie-Hellman result is all zero")            \
    X(SESSIONS_FULL,    "sessions_full",    "no free session slot")                         \
    X(HISTORY_FULL,     "history_full",     "token history full: refused, never evicted")   \
    X(CONTROL_GONE,     "control_gone",     "the control plane left before it answered")    \
    X(REPLY_LATE,       "reply_late",       "the answer came after the request had expired")   \
    X(LAB,              "lab",              "a lab takes imported sessions only")          \
    X(RESUME_GONE,      "resume_gone",      "the session to be resumed is not live, or another account's")
/* Every packet the shards or the worker wanted to send ends in exactly one of these. */
#define TW_SEND_OUTCOMES(X)                                                                 \
    X(SENT,          "sent",          "accepted by the port")                               \
    X(NO_BUFFER,     "no_buffer",     "no empty packet buffer")                             \
    X(NO_NEIGHBOUR,  "no_neighbour",  "next hop's MAC address not known yet")               \
    X(PORT_FULL,     "port_full",     "the port's queue did not take it")                   \
    X(LINK_DOWN,     "link_down",     "the port had no link")                               \
    X(PORT_AWAY,     "port_away",     "the port was being reset, is mismatched or given up") \
    X(SESSION_GONE,  "session_gone",  "session ended while the packet was on its way")
/* What clients did that ours never do, and what became of it: no ledger, each counts on its own. */
#define TW_CONDUCT_EVENTS(X)                                                                \
    X(INPUT_PACKETS, "input_packets", "packets with inputs beyond conduct.input_rate_percent of the ticks") \
    X(INPUT_AHEAD,   "input_ahead",   "packets with inputs beyond conduct.input_ahead_ticks from now") \
    X(TIME_BACK,     "time_back",     "newer packets of an earlier time than older ones")   \
    X(ACTIONS,       "actions",       "presses above the rate of actions: they do nothing") \
    X(WARNED,        "warned",        "sessions that were warned")                          \
    X(THROTTLED,     "throttled",     "sessions that were throttled")                       \
    X(DISCONNECTED,  "disconnected",  "sessions that were closed for it")              \
    X(CARRIED,       "carried",       "sessions held to what their player's earlier ones came to") \
    X(RESET,         "reset",         "sessions whose score an operator reset")
/* What happened to sessions whose packets came from elsewhere: no ledger, each counts on its own. */
#define TW_ROAMING(X)                                                                       \
    X(OPENED,        "opened",        "a candidate path was opened")                        \
    X(CHALLENGED,    "challenged",    "a challenge was sent to a candidate path")           \
    X(VALIDATED,     "validated",     "a candidate answered: the session's new address")    \
    X(ASKED,         "asked",         "a session's packets land at another worker: asked for a slot there") \
    X(REFUSED,       "refused",       "that worker had no slot: the session stayed")        \
    X(CANCELLED,     "cancelled",     "the session ended before it could be given away")    \
    X(GIVEN,         "given",         "a session was given to another worker")              \
    X(GIVEN_TALKING, "given_talking", "of those given: with messages under way, for want of a pause") \
    X(TAKEN,         "taken",         "a session was taken from another worker")            \
    X(RENAMED,       "renamed",       "a client used its new connection id")
/* Key phases of sessions: no ledger, each counts on its own. */
#define TW_REKEYS(X)                                                                        \
    X(STARTED,       "started",       "a session's next key phase was started")             \
    X(FOLLOWED,      "followed",      "its client followed")                                \
    X(FORCED,        "forced",        "of those started: early, for many packets failed to open") \
    X(FORGOTTEN,     "forgotten",     "the old key was wiped, 5 s after that")              \
    X(IGNORED,       "ignored",       "a client never followed: the session was closed")    \
    X(EXHAUSTED,     "exhausted",     "too many packets failed to open, and no other key could be used: the session was closed")
/* What became of sessions from which nothing was heard: no ledger, each counts on its own. */
#define TW_LIFE_EVENTS(X)                                                                   \
    X(SILENT,        "silent",        "nothing was heard of a session for life.degraded_ms") \
    X(PAUSED,        "paused",        "nor for life.pause_ms: its entity stands, nothing is sent") \
    X(PARKED,        "parked",        "nor for life.park_ms: its entity left the world")    \
    X(RETURNED,      "returned",      "a paused session was heard again, with its keys")    \
    X(UNPARKED,      "unparked",      "a parked session was heard again, with its keys")    \
    X(LAPSED,        "lapsed",        "too much waited for a silent session: it is lost, its entity is not") \
    X(LAPSED_TOLD,   "lapsed_told",   "the client of one that had lapsed was heard, and told so") \
    X(EXPIRED,       "expired",       "nothing was heard for life.grace_ms: closed")        \
    X(TOKEN_SENT,    "token_sent",    "a resume token was sent to a client that asked")     \
    X(RESUMED,       "resumed",       "a new process went on with a session; the old one was fenced") \
    X(RESUME_GONE,   "resume_gone",   "a session ended between the welcome and its resumption") \
    X(RESUME_FULL,   "resume_full",   "no room to resume a session just then: the client tries again")
/* Bytes of messages, without any header, compressed ones as they travel; in and out by channel, in
 * the order of enum tw_channel. */
#define TW_MESSAGE_BYTES(X)                                                                 \
    X(IN_STATE,      "in_state",      "from clients, whole messages handed to a shard: unreliable ones") \
    X(IN_ORDERED,    "in_ordered",    "the same: reliable, in order")                       \
    X(IN_UNORDERED,  "in_unordered",  "the same: reliable, each as soon as it is there")    \
    X(IN_BULK,       "in_bulk",       "the same: bulk")                                     \
    X(OUT_STATE,     "out_state",     "written into packets to clients: unreliable ones")   \
    X(OUT_ORDERED,   "out_ordered",   "the same: reliable, in order")                       \
    X(OUT_UNORDERED, "out_unordered", "the same: reliable, each as soon as it is there")    \
    X(OUT_BULK,      "out_bulk",      "the same: bulk")                                     \
    X(AGAIN,         "again",         "of those out: had been written before, and were taken for lost")
/* clang-format on */

#define TW_X(suffix, name, meaning) TW_INPUT_##suffix,
enum tw_input_outcome { TW_INPUT_OUTCOMES(TW_X) TW_INPUT_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_SHARD_INPUT_##suffix,
enum tw_shard_input_outcome { TW_SHARD_INPUT_OUTCOMES(TW_X) TW_SHARD_INPUT_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_VERDICT_##suffix,
enum tw_verdict { TW_VERDICTS(TW_X) TW_VERDICT_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_SEND_##suffix,
enum tw_send_outcome { TW_SEND_OUTCOMES(TW_X) TW_SEND_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_CONDUCT_##suffix,
enum tw_conduct_event { TW_CONDUCT_EVENTS(TW_X) TW_CONDUCT_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_ROAMING_##suffix,
enum tw_roaming { TW_ROAMING(TW_X) TW_ROAMING_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_REKEY_##suffix,
enum tw_rekey { TW_REKEYS(TW_X) TW_REKEY_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_LIFE_EVENT_##suffix,
enum tw_life_event { TW_LIFE_EVENTS(TW_X) TW_LIFE_EVENT_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_BYTES_##suffix,
enum tw_message_bytes { TW_MESSAGE_BYTES(TW_X) TW_BYTES_COUNT };
#undef TW_X

#define TW_X(suffix, name, meaning) name,
static const char *const tw_input_outcome_name[]
    __attribute__((unused)) = {TW_INPUT_OUTCOMES(TW_X)};
static const char *const tw_shard_input_outcome_name[]
    __attribute__((unused)) = {TW_SHARD_INPUT_OUTCOMES(TW_X)};
static const char *const tw_verdict_name[] __attribute__((unused)) = {TW_VERDICTS(TW_X)};
static const char *const tw_send_outcome_name[] __attribute__((unused)) = {TW_SEND_OUTCOMES(TW_X)};
static const char *const tw_conduct_event_name[]
    __attribute__((unused)) = {TW_CONDUCT_EVENTS(TW_X)};
static const char *const tw_roaming_name[] __attribute__((unused)) = {TW_ROAMING(TW_X)};
static const char *const tw_rekey_name[] __attribute__((unused)) = {TW_REKEYS(TW_X)};
static const char *const tw_life_event_name[] __attribute__((unused)) = {TW_LIFE_EVENTS(TW_X)};
static const char *const tw_message_bytes_name[] __attribute__((unused)) = {TW_MESSAGE_BYTES(TW_X)};
#undef TW_X

#endif
