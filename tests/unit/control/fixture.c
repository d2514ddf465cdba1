/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/control/fixture.h"

#include "dataplane/wire/cookie.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_MS   20000 /* sanitizers on a busy machine */
#define START_TRIES 2000  /* 10 ms each */
#define SILENT_MS   150

static int connect_to(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return descriptor;
    (void)close(descriptor);
    return -1;
}

void fixture_configure(const struct fixture *fixture)
{
    FILE *file = fopen(fixture->config, "we");
    assert_non_null(file);
    fprintf(file,
            "engine: {name: e1, address: 198.18.0.1, udp_port: %u, lab: %s}\n"
            "control:\n"
            "  agent_socket: %s\n  cli_socket: %s\n  database: %s/db\n  key_file: %s\n"
            "  token_history_max: 64\n",
            FIXTURE_PORT, fixture->lab ? "true" : "false", fixture->agent_socket,
            fixture->cli_socket, fixture->directory, fixture->keys);
    assert_int_equal(fclose(file), 0);
}

void fixture_start(struct fixture *fixture)
{
    const char *program = getenv("TICKWIRE_CONTROL");
    assert_non_null(program);
    fixture->daemon = fork();
    assert_true(fixture->daemon >= 0);
    if (fixture->daemon == 0) {
        char log[96];
        snprintf(log, sizeof(log), "%s/log", fixture->directory);
        int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        /* A test that fails half way takes its daemon along, and leaves no pipe open. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(file, STDOUT_FILENO);
        (void)dup2(file, STDERR_FILENO);
        execl(program, program, "--config", fixture->config, NULL);
        _exit(99);
    }
    for (int i = 0; i < START_TRIES; i++) {
        int probe = connect_to(fixture->cli_socket, SOCK_STREAM);
        if (probe >= 0) {
            (void)close(probe);
            return;
        }
        assert_int_equal(waitpid(fixture->daemon, NULL, WNOHANG), 0);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("tickwire-control does not listen");
}

int fixture_stop(struct fixture *fixture, int signal_number)
{
    int status = -1;
    if (fixture->daemon > 0) {
        (void)kill(fixture->daemon, signal_number);
        (void)waitpid(fixture->daemon, &status, 0);
    }
    fixture->daemon = 0;
    return status;
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    fixture->engine = -1;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/tickwire-control-XXXXXX");
    if (sodium_init() < 0 || !mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->config, sizeof(fixture->config), "%s/config", fixture->directory);
    snprintf(fixture->agent_socket, sizeof(fixture->agent_socket), "%s/agent", fixture->directory);
    snprintf(fixture->cli_socket, sizeof(fixture->cli_socket), "%s/cli", fixture->directory);
    snprintf(fixture->keys, sizeof(fixture->keys), "%s/keys", fixture->directory);
    fixture_configure(fixture);
    fixture_start(fixture);
    return 0;
}

int fixture_teardown(void **state)
{
    static const char *const names[] = {"config", "agent",  "cli",    "keys",
                                        "db",     "db-wal", "db-shm", "log"};
    struct fixture *fixture = *state;
    if (fixture->engine >= 0)
        (void)close(fixture->engine);
    (void)fixture_stop(fixture, SIGTERM);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[112];
        snprintf(path, sizeof(path), "%s/%s", fixture->directory, names[i]);
        (void)unlink(path);
    }
    int left = rmdir(fixture->directory);
    free(fixture);
    return left;
}

static bool readable(int descriptor, int timeout_ms)
{
    struct pollfd one = {.fd = descriptor, .events = POLLIN};
    return poll(&one, 1, timeout_ms) == 1;
}

json_t *fixture_ask(struct fixture *fixture, const char *command, json_t *arguments)
{
    int descriptor = connect_to(fixture->cli_socket, SOCK_STREAM);
    assert_true(descriptor >= 0);
    json_t *request = json_pack("{s:s, s:o}", "command", command, "arguments",
                                arguments ? arguments : json_object());
    assert_non_null(request);
    char *line = json_dumps(request, JSON_COMPACT);
    assert_non_null(line);
    /* A daemon that refuses answers and closes before it has read everything. */
    (void)send(descriptor, line, strlen(line), MSG_NOSIGNAL);
    (void)send(descriptor, "\n", 1, MSG_NOSIGNAL);
    free(line);
    json_decref(request);
    json_error_t error;
    FILE *stream = fdopen(descriptor, "r");
    assert_true(readable(descriptor, ANSWER_MS));
    json_t *answer = json_loadf(stream, JSON_DISABLE_EOF_CHECK, &error);
    (void)fclose(stream);
    assert_non_null(answer);
    return answer;
}

json_t *fixture_result(struct fixture *fixture, const char *command, json_t *arguments)
{
    json_t *answer = fixture_ask(fixture, command, arguments);
    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s: %s", command,
                 json_string_value(json_object_get(json_object_get(answer, "error"), "message")));
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

/* ---- the fake engine ------------------------------------------------------------------------ */

int fixture_engine_connect(const struct fixture *fixture)
{
    int engine = connect_to(fixture->agent_socket, SOCK_SEQPACKET);
    assert_true(engine >= 0);
    return engine;
}

void fixture_send(int engine, union tw_agent_message *message, enum tw_agent_type type, size_t size)
{
    message->header = (struct tw_agent_header){
        .type = (uint16_t)type, .version = TW_AGENT_VERSION, .length = (uint32_t)size};
    assert_int_equal(send(engine, message, size, MSG_NOSIGNAL), size);
}

union tw_agent_message fixture_receive(int engine, enum tw_agent_type type)
{
    union tw_agent_message message;
    memset(&message, 0, sizeof(message));
    assert_true(readable(engine, ANSWER_MS));
    ssize_t length = recv(engine, &message, sizeof(message), 0);
    assert_true(length >= (ssize_t)sizeof(message.header));
    assert_int_equal(message.header.length, length);
    assert_int_equal(message.header.version, TW_AGENT_VERSION);
    assert_int_equal(message.header.type, type);
    return message;
}

bool fixture_is_closed(int engine)
{
    char byte;
    ssize_t length = readable(engine, ANSWER_MS) ? recv(engine, &byte, 1, 0) : 1;
    return length == 0 || (length < 0 && errno == ECONNRESET);
}

bool fixture_is_silent(int engine)
{
    return !readable(engine, SILENT_MS);
}

struct tw_filter_rule fixture_rules[TW_FILTER_RULES_MAX];
uint32_t fixture_rule_count;

/* The whole set that follows a hello. */
static void take_rules(int engine)
{
    struct tw_agent_filter_change change;
    fixture_rule_count = 0;
    do {
        change = fixture_receive(engine, TW_AGENT_FILTER_CHANGE).filter_change;
        assert_int_equal(change.first, fixture_rule_count == 0);
        assert_true(change.count <= TW_AGENT_FILTER_RULES && change.removed == 0);
        for (uint32_t i = 0; i < change.count; i++) {
            assert_true(tw_filter_rule_valid(&change.rules[i]));
            fixture_rules[fixture_rule_count++] = change.rules[i];
        }
    } while (!change.last);
    assert_int_equal(change.total, fixture_rule_count);
}

union tw_agent_message fixture_hello(int engine, const char *name)
{
    return fixture_hello_as(engine, name, false);
}

union tw_agent_message fixture_hello_as(int engine, const char *name, bool lab)
{
    union tw_agent_message hello = {0};
    snprintf(hello.engine_hello.name, sizeof(hello.engine_hello.name), "%s", name);
    hello.engine_hello.address = tw_address_from_ipv4(FIXTURE_ADDRESS, FIXTURE_PORT);
    hello.engine_hello.pid = (uint32_t)getpid();
    hello.engine_hello.world = 1;
    hello.engine_hello.lab = lab;
    fixture_send(engine, &hello, TW_AGENT_ENGINE_HELLO, sizeof(hello.engine_hello));
    union tw_agent_message answer = fixture_receive(engine, TW_AGENT_CONTROL_HELLO);
    if (answer.control_hello.accepted)
        take_rules(engine);
    return answer;
}

void fixture_link(struct fixture *fixture, const struct tw_agent_session *sessions, uint32_t count)
{
    fixture->engine = fixture_engine_connect(fixture);
    assert_int_equal(fixture_hello_as(fixture->engine, "e1", fixture->lab).control_hello.accepted,
                     1);
    for (uint32_t i = 0; i < count; i++) {
        union tw_agent_message message = {.session = sessions[i]};
        message.session.event = 0;
        fixture_send(fixture->engine, &message, TW_AGENT_SESSION, sizeof(message.session));
    }
    union tw_agent_message end = {.resync_end.sessions = count};
    fixture_send(fixture->engine, &end, TW_AGENT_RESYNC_END, sizeof(end.resync_end));
}

void fixture_event(struct fixture *fixture, enum tw_agent_type type,
                   const struct tw_agent_session *session)
{
    union tw_agent_message message = {.session = *session};
    fixture_send(fixture->engine, &message, type, sizeof(message.session));
    message = fixture_receive(fixture->engine, TW_AGENT_EVENT_ACK);
    assert_true(message.event_ack.event == session->event);
}

/* ---- clients -------------------------------------------------------------------------------- */

struct tw_connect_token fixture_token(struct fixture *fixture, const char *account)
{
    struct tw_connect_token token;
    uint8_t bytes[TW_CONNECT_SIZE];
    size_t length = 0;
    json_t *result = fixture_result(fixture, "token.issue",
                                    json_pack("{s:s, s:b}", "account", account, "create", 1));
    const char *text = json_string_value(json_array_get(json_object_get(result, "tokens"), 0));
    assert_non_null(text);
    assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), text, strlen(text), NULL, &length,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_true(tw_connect_token_read(&token, bytes, length));
    json_decref(result);
    return token;
}

struct tw_connect_token fixture_forge(struct fixture *fixture,
                                      void (*change)(struct tw_token *token))
{
    char error[TW_KEYS_ERROR_SIZE];
    struct tw_keys keys;
    uint8_t nonce[TW_TOKEN_NONCE_SIZE];
    uint64_t now = (uint64_t)time(NULL);
    struct tw_token token = {
        .account = 77,
        .world = 1,
        .version = TW_PROTOCOL_VERSION,
        .suites = TW_SUITES_KNOWN,
        .address_count = 1,
        .expires_unix_s = now + 60,
        .issued_unix_s = now,
        .addresses = {tw_address_from_ipv4(FIXTURE_ADDRESS, FIXTURE_PORT)},
    };
    assert_true(tw_keys_open(fixture->keys, &keys, error));
    randombytes_buf(token.id, sizeof(token.id));
    randombytes_buf(token.psk, sizeof(token.psk));
    randombytes_buf(nonce, sizeof(nonce));
    tw_token_audience(token.audience, "e1");
    if (change)
        change(&token);
    struct tw_connect_token connect = {.version = TW_PROTOCOL_VERSION,
                                       .suites = TW_SUITES_KNOWN,
                                       .address_count = 1,
                                       .expires_unix_s = token.expires_unix_s};
    connect.addresses[0] = token.addresses[0];
    memcpy(connect.server_key, keys.statics[0].public, TW_KEY_SIZE);
    memcpy(connect.psk, token.psk, TW_KEY_SIZE);
    tw_token_seal(connect.token, &token, keys.token_keys[0].id, keys.token_keys[0].key, nonce);
    return connect;
}

struct tw_handshake_client fixture_client(const struct tw_connect_token *token)
{
    struct tw_handshake_client client;
    uint8_t secret[TW_KEY_SIZE];
    uint8_t cookie[TW_COOKIE_SIZE];
    uint8_t packet[TW_COOKIE_PACKET];
    randombytes_buf(secret, sizeof(secret));
    randombytes_buf(cookie, sizeof(cookie)); /* the worker's business */
    assert_true(
        tw_handshake_client_init(&client, token, TW_SUITES_KNOWN, secret, tw_crc32c_portable));
    tw_cookie_packet_write(packet, client.ephemeral, cookie, tw_crc32c_portable);
    assert_int_equal(tw_handshake_client_receive(&client, packet, sizeof(packet)), TW_NEWS_COOKIE);
    return client;
}

/* What a worker makes of the reply. */
static void answer_client(struct tw_handshake_client *client,
                          const struct tw_agent_handshake_reply *reply)
{
    struct tw_session_secrets secrets = {0};
    struct tw_welcome welcome = {.connection_id = 0x00100001,
                                 .world = reply->world,
                                 .mtu = TW_DATAGRAM_BASE,
                                 .suite = reply->suite,
                                 .tick_hz = 60,
                                 .snapshot_hz = 20};
    uint8_t packet[TW_WELCOME_SIZE];
    if (reply->verdict != TW_VERDICT_WELCOMED) {
        if (reply->refused_size)
            assert_int_equal(
                tw_handshake_client_receive(client, reply->refused, reply->refused_size),
                TW_NEWS_REFUSED);
        return;
    }
    memcpy(secrets.client_to_server, reply->secret_client_to_server, TW_KEY_SIZE);
    memcpy(secrets.server_to_client, reply->secret_server_to_client, TW_KEY_SIZE);
    memcpy(secrets.confirm_key, reply->confirm_key, TW_KEY_SIZE);
    memcpy(secrets.confirm_iv, reply->confirm_iv, TW_IV_SIZE);
    memcpy(secrets.transcript, reply->transcript, TW_HASH_SIZE);
    struct tw_ephemerals ephemerals = {client->ephemeral, reply->server_ephemeral};
    tw_welcome_write(packet, &welcome, &ephemerals, &secrets, tw_crc32c_portable);
    assert_int_equal(tw_handshake_client_receive(client, packet, sizeof(packet)), TW_NEWS_WELCOME);
    assert_memory_equal(client->secrets.client_to_server, secrets.client_to_server, TW_KEY_SIZE);
    assert_memory_equal(client->secrets.server_to_client, secrets.server_to_client, TW_KEY_SIZE);
}

struct tw_agent_handshake_reply fixture_shake(struct fixture *fixture,
                                              struct tw_handshake_client *client)
{
    union tw_agent_message message = {0};
    uint8_t packet[TW_DATAGRAM_MAX];
    assert_int_equal(tw_handshake_client_packet(client, packet), TW_HELLO2_SIZE);
    message.handshake_request.request = ++fixture->request_newest;
    message.handshake_request.source = tw_address_from_ipv4(0xc6120002u, 5555);
    message.handshake_request.destination = tw_address_from_ipv4(FIXTURE_ADDRESS, FIXTURE_PORT);
    memcpy(message.handshake_request.hello2, packet, TW_HELLO2_SIZE);
    fixture_send(fixture->engine, &message, TW_AGENT_HANDSHAKE_REQUEST,
                 sizeof(message.handshake_request));
    message = fixture_receive(fixture->engine, TW_AGENT_HANDSHAKE_REPLY);
    assert_true(message.handshake_reply.request == fixture->request_newest);
    answer_client(client, &message.handshake_reply);
    return message.handshake_reply;
}

struct tw_agent_handshake_reply fixture_shake_patiently(struct fixture *fixture,
                                                        struct tw_handshake_client *client)
{
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, client);
    for (int i = 0; i < 8 && reply.verdict == TW_VERDICT_TOKEN_PENDING; i++) {
        (void)poll(NULL, 0, 250);
        reply = fixture_shake(fixture, client);
    }
    return reply;
}

struct tw_agent_session fixture_session(const struct tw_agent_handshake_reply *reply,
                                        uint32_t connection_id, uint64_t event)
{
    struct tw_agent_session session = {
        .connection_id = connection_id,
        .first_id = connection_id,
        .world = reply->world,
        .account = reply->account,
        .event = event,
        .installed_ns = event,
        .address = tw_address_from_ipv4(0xc6120002u, 5555),
    };
    memcpy(session.token_id, reply->token_id, TW_TOKEN_ID_SIZE);
    return session;
}
