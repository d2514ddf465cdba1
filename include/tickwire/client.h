/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libtickwire-client: connects a game to a Tickwire engine, sends inputs, keeps the replicated
 * world.
 *
 * Single-threaded by design: one thread at a time per client, no threads of its own, no global
 * state but libsodium's. All memory is taken in tw_client_create and freed in
 * tw_client_destroy. Time is handed in: any monotonic clock in microseconds, of any origin; a time
 * before one handed in since tw_client_connect is taken for that one.
 *
 *   struct tw_client_config config = tw_client_config_default();
 *   struct tw_client *client = tw_client_create(&config);
 *   tw_client_connect(client, token, token_size, now_us);
 *   each frame: tw_client_update(client, now_us); poll events; set input; read entities
 *   tw_client_close(client, now_us); while tw_client_is_leaving(client): tw_client_update
 *   tw_client_destroy(client);
 */
#ifndef TICKWIRE_CLIENT_H
#define TICKWIRE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TW_CLIENT_API __attribute__((visibility("default")))
#else
#define TW_CLIENT_API
#endif

struct tw_client;

enum tw_client_state {
    TW_CLIENT_IDLE = 0,
    TW_CLIENT_CONNECTING = 1,
    TW_CLIENT_CONNECTED = 2,
    TW_CLIENT_CLOSED = 3,
};

/* How a connection does. The session and its entity are kept while it is not DISCONNECTED: the
 * library goes on by itself as soon as packets get through again, with the keys it has; an address
 * that changed is no matter. A game shows it, and may call tw_client_rebind. */
enum tw_client_health {
    TW_CLIENT_HEALTH_CONNECTED = 0,
    TW_CLIENT_HEALTH_DEGRADED = 1,     /* nothing heard for degraded_ms, or a bad path */
    TW_CLIENT_HEALTH_RECONNECTING = 2, /* nothing heard for reconnecting_ms */
    TW_CLIENT_HEALTH_DISCONNECTED = 3, /* not in state CONNECTED */
};

/* Results of calls: 0 is success, negative is a reason. */
enum tw_client_result {
    TW_CLIENT_OK = 0,
    TW_CLIENT_ERROR_ARGUMENT = -1, /* NULL, wrong size, out of range */
    TW_CLIENT_ERROR_STATE = -2,    /* not allowed in this state */
    TW_CLIENT_ERROR_TOKEN = -3,    /* connect token does not parse, or offers no common suite */
    TW_CLIENT_ERROR_SOCKET = -4,   /* socket could not be opened; errno tells */
    TW_CLIENT_ERROR_FULL = -5,     /* of this channel as much waits as may; see tw_client_send */
};

/* Why a connection ended; carried by TW_CLIENT_EVENT_CLOSED. */
enum tw_client_end {
    TW_CLIENT_END_LOCAL = 0,         /* tw_client_close */
    TW_CLIENT_END_REMOTE = 1,        /* server said close; code = enum tw_close_reason */
    TW_CLIENT_END_TIMEOUT = 2,       /* nothing heard for timeout_ms */
    TW_CLIENT_END_REFUSED = 3,       /* handshake refused; code = enum tw_refusal */
    TW_CLIENT_END_WRONG_VERSION = 4, /* server speaks other versions and stayed silent else */
    TW_CLIENT_END_NO_ANSWER = 5,     /* handshake timed out: the token may be good still */
    TW_CLIENT_END_TOKEN_EXPIRED = 6, /* token ran out while retrying */
    TW_CLIENT_END_EXHAUSTED = 7,     /* packet numbers used up */
};

enum tw_client_event_type {
    TW_CLIENT_EVENT_NONE = 0,
    TW_CLIENT_EVENT_CONNECTED = 1,
    TW_CLIENT_EVENT_TRY_AGAIN = 2, /* server busy; the library retries; code = after ms */
    TW_CLIENT_EVENT_CLOSED = 3,
    TW_CLIENT_EVENT_ENTER = 4,      /* entity became visible */
    TW_CLIENT_EVENT_EXIT = 5,       /* entity left the view */
    TW_CLIENT_EVENT_DESYNC = 6,     /* view differs from what the server says it should be */
    TW_CLIENT_EVENT_LOST = 7,       /* events were dropped: queue full; code = how many */
    TW_CLIENT_EVENT_HEALTH = 8,     /* while connected; code = enum tw_client_health */
    TW_CLIENT_EVENT_REPAIRED = 9,   /* after DESYNC: EXIT of all there was came before, all that is
                                       enters anew */
    TW_CLIENT_EVENT_RESUMABLE = 10, /* tw_client_get_resume has something to keep */
    TW_CLIENT_EVENT_WARNED = 11,    /* the server takes what we send for misbehaviour; code = enum
                                       tw_client_conduct, with enum tw_client_charge in bits
                                       8..15 */
    TW_CLIENT_EVENT_STALLED = 12,   /* the server left a message half sent: of that channel (code)
                                       nothing new came for 5 s although packets did. Other channels
                                       go on; told again only if that channel went on meanwhile */
};

/* How the server takes what a client sends; a client that is ours and runs by its clock is never
 * warned. Going on ends in a close, code 6. */
enum tw_client_conduct {
    TW_CLIENT_CONDUCT_GOOD = 0,      /* forgiven */
    TW_CLIENT_CONDUCT_WARNED = 1,    /* nothing changes yet */
    TW_CLIENT_CONDUCT_THROTTLED = 2, /* part of the inputs counts, and no buttons */
};

/* What was charged last. */
enum tw_client_charge {
    TW_CLIENT_CHARGE_PACKETS = 0,   /* more packets with inputs than ticks */
    TW_CLIENT_CHARGE_AHEAD = 1,     /* inputs for ticks too far ahead */
    TW_CLIENT_CHARGE_TIME_BACK = 2, /* ticks of inputs, or times of pings, that went back */
    TW_CLIENT_CHARGE_ACTIONS = 3,   /* a button was pressed more often than it may be */
};

struct tw_client_event {
    enum tw_client_event_type type;
    enum tw_client_end end;
    uint32_t code;
    uint32_t entity; /* handle */
};

/* Caller-supplied transport. Return the count of bytes sent or received, 0 for "nothing now",
 * negative for an error (treated as loss). Must not call back into the client. */
struct tw_client_transport {
    void *context;
    /* One datagram to the server; ip is 16 bytes, IPv6 or v4-mapped. */
    int (*send)(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                uint16_t port);
    /* One datagram from the server into bytes[capacity]. May be NULL: then the caller pushes
     * datagrams with tw_client_receive. */
    int (*receive)(void *context, uint8_t *bytes, size_t capacity);
};

struct tw_client_config {
    uint32_t version;         /* set by tw_client_config_default; a later library checks it */
    uint32_t entities_max;    /* replicated at once; 1..4096. One and a half times the server's
                                 view_max and 16 always suffice; what finds no room is missing from the
                                 view, and DESYNC tells */
    uint32_t events_max;      /* queued between polls; 16..65536 */
    uint32_t timeout_ms;      /* silence that ends a connection; as long as the server keeps it */
    uint32_t degraded_ms;     /* silence that shows as degraded … */
    uint32_t reconnecting_ms; /* … and as reconnecting; longer ones than timeout_ms never show */
    uint32_t connect_ms; /* time for the whole handshake, and for what is heard first after it */
    uint8_t suites;      /* enum tw_suite bits to offer; 0 = all this machine supports */
    struct tw_client_transport transport; /* send == NULL: the library opens a UDP socket */
    /* Gets one line of text for each connection, which a debugger can read its packets with, and
     * anybody else, too. Never set it for players. May be NULL. */
    void (*key_log)(void *context, const char *line);
    void *key_log_context;
};

/* One input; the library stamps and repeats it. */
struct tw_client_input {
    int8_t move_x; /* -127..127 */
    int8_t move_y;
    uint16_t facing;  /* full turn = 65,536, 0 = +x */
    uint16_t buttons; /* bits 0..7 */
};

/* How a message travels. None waits for a message of another channel. */
enum tw_client_channel {
    TW_CLIENT_LATEST = 0,    /* may be lost; an older one never follows a newer; up to 996 bytes */
    TW_CLIENT_ORDERED = 1,   /* arrives, in order; a few small ones never wait */
    TW_CLIENT_UNORDERED = 2, /* arrives, as soon as it can */
    TW_CLIENT_BULK = 3,      /* arrives, in any order, after everything else; compressed */
};
/* A server passes on what a client says with 4 bytes in front, its speaker's handle: what is taken
 * has up to 65,536 bytes, what is sent 65,532, on channel LATEST 996. */
#define TW_CLIENT_MESSAGE_MAX     65536u
#define TW_CLIENT_SEND_MAX        65532u
#define TW_CLIENT_SEND_LATEST_MAX 996u

struct tw_client_message {
    enum tw_client_channel channel;
    uint32_t size;
};

/* How well the path to the server does; the server thins what it sends by its own view of it. */
enum tw_client_link_state {
    TW_CLIENT_LINK_NORMAL = 0,
    TW_CLIENT_LINK_CONSERVATIVE = 1, /* loss above 2 %, or round trips grow, or swing */
    TW_CLIENT_LINK_EMERGENCY = 2,    /* loss above 5 %, or a queue of 100 ms stands */
};

/* One replicated entity. Positions are 1/1024 m; exact as of `tick`. */
struct tw_client_entity {
    uint32_t handle;
    int32_t x, y;
    uint8_t heading; /* full turn = 256; the nearest */
    uint8_t speed;   /* 1/16 m/s */
    uint8_t action;
    uint8_t type;
    uint8_t team;
    uint16_t appearance;
    uint16_t health, health_max;
    uint32_t tick; /* of the newest change received */
};

/* The client's own entity at full precision. */
struct tw_client_self {
    uint32_t handle;                /* 0: not told yet */
    int32_t x, y;                   /* 1/1024 m */
    int32_t velocity_x, velocity_y; /* 1/1024 m/s */
    uint16_t heading;
    uint32_t tick;            /* snapshot tick of these values */
    uint32_t last_input_tick; /* newest own input the server has applied */
};

/* The world as the server told with its welcome. Without edges it goes round: x and y are counted
 * modulo `width`, and two who stand beside each other may have coordinates that lie far apart. So
 * never subtract coordinates, nor mix them: tw_client_difference and tw_client_between know. */
struct tw_client_world {
    uint32_t id;
    int32_t width; /* 1/1024 m, on both axes; 0: the world has edges */
};

struct tw_client_statistics {
    uint64_t packets_sent, packets_received; /* datagrams, handshake included */
    uint64_t bytes_sent, bytes_received;
    uint64_t packets_rejected; /* wrong tag, replay, malformed, foreign */
    uint64_t snapshots;
    uint64_t snapshots_incomplete;
    uint64_t inputs_sent;                  /* distinct inputs */
    uint64_t hashes_checked, hashes_wrong; /* of the view, or of a class of its entities */
    uint64_t checks_reported;              /* to the server, which compares as well */
    uint64_t views_repaired;               /* told anew by the server */
    uint64_t rtt_us;                       /* newest sample; 0: none */
    uint64_t rtt_min_us;                   /* since the connect or the newest rebind; 0: none */
    uint64_t rtt_samples;    /* how many so far: tells a new sample from the same again */
    uint32_t snapshots_lost; /* gaps in snapshot numbers */
    uint8_t suite;
    uint32_t key_phase; /* of the newest connection: times that its keys were changed */
    /* of the present connection */
    uint8_t link_state; /* enum tw_client_link_state */
    uint32_t rtt_smoothed_us, jitter_us;
    uint32_t loss_permille;               /* of what we send, smoothed */
    uint32_t datagram_bytes;              /* so large may a packet to the server be */
    uint64_t packets_acked, packets_lost; /* of what we sent */
    uint64_t packets_missed;              /* of what the server sent */
    uint64_t messages_sent, messages_received;
    uint64_t message_bytes_sent, message_bytes_again;  /* again: sent more than once */
    uint64_t messages_compressed, message_bytes_saved; /* by that; of this client's whole life */
    uint64_t messages_decompressed;
    uint64_t messages_damaged; /* by the server, before it sent them; left out */
    uint64_t silent_us;        /* since a packet of the server authenticated */
    uint32_t pings_missed;     /* pings in a row that no pong has answered */
};

/* Time as the client knows it. The server's clock counts from its tick 0; tick n is due at
 * n * 1,000,000 / tick_hz. It never runs backwards, and jumps only within the first second and when
 * it was wrong by half a second: after a sleep of the device, say. */
struct tw_client_timing {
    uint64_t server_time_us; /* smoothed */
    uint64_t server_tick;
    uint64_t snapshot_tick;          /* of the newest snapshot applied */
    uint32_t interpolation_delay_us; /* show the world as it was so long before server_time_us */
    uint32_t lead_us;      /* an input made now is for the tick due so long after server_time_us */
    uint32_t lead_goal_us; /* what the lead is on its way to */
    int32_t margin_us; /* by which our inputs arrive early, on average; as the server measured */
    int32_t margin_lowest_us; /* the least of these; negative: late */
    uint64_t inputs_measured, inputs_late;
    int32_t drift_ppb;       /* how much faster the server's clock runs than ours, in 10^-9 */
    uint32_t clock_error_us; /* how far the clock can be off: half a round trip, and aging */
};

TW_CLIENT_API struct tw_client_config tw_client_config_default(void);

/* NULL if the configuration is out of range or memory is short. */
TW_CLIENT_API struct tw_client *tw_client_create(const struct tw_client_config *config);
/* Wipes keys and frees everything; sends nothing (see tw_client_close). NULL is allowed. */
TW_CLIENT_API void tw_client_destroy(struct tw_client *client);

/* Starts the handshake. `connect_token` is the 388-byte binary form. Allowed when idle or closed.
 */
TW_CLIENT_API int tw_client_connect(struct tw_client *client, const uint8_t *connect_token,
                                    size_t size, uint64_t now_us);
/* Decodes the text form (base64) of a connect token into out[388]. */
TW_CLIENT_API int tw_client_token_decode(const char *text, uint8_t *out, size_t out_size);

/* Receives, decodes, sends what is due. Call at least once per tick (16 ms). */
TW_CLIENT_API void tw_client_update(struct tw_client *client, uint64_t now_us);
/* Hands in one datagram, for transports without a receive callback. */
TW_CLIENT_API void tw_client_receive(struct tw_client *client, const uint8_t *bytes, size_t length,
                                     uint64_t now_us);

/* The input of the coming ticks, until set again. */
TW_CLIENT_API int tw_client_set_input(struct tw_client *client,
                                      const struct tw_client_input *input);

/* Queues a message of 1 to TW_CLIENT_SEND_MAX bytes, copied; it leaves with the next updates. After
 * `deadline_ms` it is not sent any more, if it has not arrived (0: never give up). That is the way
 * to the server alone: what has arrived in time is passed on to others however long their ways take
 * it, for the deadline is not told to the server. What is worth nothing later says so in its own
 * bytes, or goes by LATEST. ERROR_FULL: as much waits as may, since the server takes it too slowly:
 * try again later. All channels share 260 KB, of which bulk leaves 32 KB to the others, and
 * UNORDERED 16 KB of these to ORDERED and LATEST: when bulk is told so, a command still has room.
 * ERROR_STATE: not connected; what was under way when a connection ends is gone. */
TW_CLIENT_API int tw_client_send(struct tw_client *client, enum tw_client_channel channel,
                                 const uint8_t *bytes, size_t size, uint32_t deadline_ms);
/* Takes the next message that has arrived into bytes[capacity]: 1. 0: there is none.
 * ERROR_ARGUMENT: it is larger than capacity; message->size tells, and it stays. A game that does
 * not take its messages is closed by the server (reason 10) once more waits for it than may, and
 * it has taken next to nothing for five seconds, or too little for as long in all. */
TW_CLIENT_API int tw_client_take_message(struct tw_client *client,
                                         struct tw_client_message *message, uint8_t *bytes,
                                         size_t capacity);

/* After the device's network changed: opens a new socket, from whatever address the system gives it
 * now, and goes on with the same session. The server moves it there once it has checked the way
 * (about two round trips), without a new handshake; an attempt that still connects starts over.
 * What was measured of the old path is forgotten: round trips, losses, link state, the size of
 * datagrams. With a caller's transport, which has its own sockets to change, all but the socket.
 * The descriptor changes. ERROR_SOCKET: the old socket stays. ERROR_STATE: neither connecting nor
 * connected. */
TW_CLIENT_API int tw_client_rebind(struct tw_client *client, uint64_t now_us);

#define TW_CLIENT_RESUME_SIZE 388u
/* What another process needs to go on with this session: secret, good for one use, worthless once
 * the session has ended. A game that wants to survive its own crash writes it to a file of its
 * player's own at each RESUMABLE, and after a start hands it to tw_client_connect in place of a
 * connect token: the same entity, and the messages that had not arrived. The process that had the
 * session is out then. Refused with reason 11 (no such session any more) or 2 (used): log in anew.
 * ERROR_STATE: nothing was told yet. */
TW_CLIENT_API int tw_client_get_resume(const struct tw_client *client, uint8_t *out,
                                       size_t out_size);

/* Closes, and says goodbye to the server: three datagrams now, and four more in the updates of the
 * next 750 ms, for a burst of loss takes what leaves together. So a game that can wait goes on
 * calling tw_client_update while tw_client_is_leaving; until then socket, or the caller's
 * transport, is in use. A server that hears none of it keeps the player in the world until its own
 * patience is over. tw_client_connect and tw_client_destroy end it. */
TW_CLIENT_API void tw_client_close(struct tw_client *client, uint64_t now_us);
/* Closed, by whichever side's time it was, and goodbye is not said to the end. */
TW_CLIENT_API bool tw_client_is_leaving(const struct tw_client *client);

TW_CLIENT_API enum tw_client_state tw_client_get_state(const struct tw_client *client);
TW_CLIENT_API enum tw_client_health tw_client_get_health(const struct tw_client *client);
/* Next event; false when there is none. */
TW_CLIENT_API bool tw_client_poll_event(struct tw_client *client, struct tw_client_event *event);
/* Connection id (0 before the welcome). A shared socket routes datagrams by it. It may change
 * during a session; datagrams with the one before it still arrive for a while. */
TW_CLIENT_API uint32_t tw_client_get_connection_id(const struct tw_client *client);
/* The 32-byte ephemeral key of the current handshake: routes handshake answers on a shared socket.
 */
TW_CLIENT_API const uint8_t *tw_client_get_ephemeral(const struct tw_client *client);
/* File descriptor of the library's own socket, for poll(); -1 with a caller's transport. */
TW_CLIENT_API int tw_client_get_descriptor(const struct tw_client *client);

/* Server's tick now, by the synchronised clock; 0 before the welcome. */
TW_CLIENT_API uint64_t tw_client_get_server_tick(const struct tw_client *client, uint64_t now_us);
/* All zero before the welcome. */
TW_CLIENT_API void tw_client_get_timing(const struct tw_client *client, uint64_t now_us,
                                        struct tw_client_timing *timing);
/* Entities seen now: copies up to `capacity`, returns how many are known. */
TW_CLIENT_API size_t tw_client_get_entities(const struct tw_client *client,
                                            struct tw_client_entity *entities, size_t capacity);
TW_CLIENT_API bool tw_client_get_entity(const struct tw_client *client, uint32_t handle,
                                        struct tw_client_entity *entity);
TW_CLIENT_API void tw_client_get_self(const struct tw_client *client, struct tw_client_self *self);
/* Of the present or newest connection; all zero before the first welcome. */
TW_CLIENT_API void tw_client_get_world(const struct tw_client *client,
                                       struct tw_client_world *world);
/* From one place to another along an axis, the shorter way round. */
TW_CLIENT_API int32_t tw_client_difference(const struct tw_client_world *world, int32_t from,
                                           int32_t to);
/* The same in metres, for engines that draw with floats: exact within 16 km of `origin`, while an
 * absolute coordinate is exact for the first 16 km of a world alone. A game picks an origin near
 * what it shows, and another one once that is far away. */
TW_CLIENT_API float tw_client_offset_m(const struct tw_client_world *world, int32_t origin,
                                       int32_t at);
/* The coordinate at `part` of the way from one to another, in 1/65,536: what to show between two
 * snapshots, and with more than 65,536 after the second (or before the first, below 0). */
TW_CLIENT_API int32_t tw_client_between(const struct tw_client_world *world, int32_t from,
                                        int32_t to, int32_t part);
TW_CLIENT_API void tw_client_get_statistics(const struct tw_client *client,
                                            struct tw_client_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
