/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake service end to end: a real daemon, a fake engine, real client handshakes. */
#include "tests/unit/control/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_1 0x00100001u
#define ID_2 0x00100002u

static void test_welcome_and_reuse(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    struct tw_agent_handshake_reply first = fixture_shake(fixture, &client);
    assert_int_equal(first.verdict, TW_VERDICT_WELCOMED);
    assert_int_equal(client.step, TW_STEP_WELCOMED);
    assert_int_equal(first.suite, TW_SUITE_AES256_GCM);
    struct tw_agent_session session = fixture_session(&first, ID_1, 1);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    /* the token is consumed: neither a fresh key nor a replay of the same hello 2 */
    struct tw_handshake_client other = fixture_client(&token);
    struct tw_agent_handshake_reply again = fixture_shake(fixture, &other);
    assert_int_equal(again.verdict, TW_VERDICT_TOKEN_USED);
    assert_int_equal(other.step, TW_STEP_REFUSED);
    assert_int_equal(other.reason, TW_REFUSAL_USED);
    client.step = TW_STEP_HELLO2;
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_TOKEN_USED);
}

static void test_repeated_hello_gets_fresh_keys(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    struct tw_agent_handshake_reply first = fixture_shake(fixture, &client);
    client.step = TW_STEP_HELLO2;
    struct tw_agent_handshake_reply second = fixture_shake_patiently(fixture, &client);
    assert_int_equal(first.verdict, TW_VERDICT_WELCOMED);
    assert_int_equal(second.verdict, TW_VERDICT_WELCOMED);
    assert_memory_not_equal(first.server_ephemeral, second.server_ephemeral, TW_KEY_SIZE);
    assert_memory_not_equal(first.secret_client_to_server, second.secret_client_to_server,
                            TW_KEY_SIZE);
}

/* What a client does after "try again": hello with the same key, another cookie. */
static void start_over(struct tw_handshake_client *client, uint8_t cookie_byte)
{
    uint8_t packet[TW_COOKIE_PACKET];
    uint8_t cookie[TW_COOKIE_SIZE] = {cookie_byte};
    tw_handshake_client_restart(client);
    tw_cookie_packet_write(packet, client->ephemeral, cookie, tw_crc32c_portable);
    assert_int_equal(tw_handshake_client_receive(client, packet, sizeof(packet)), TW_NEWS_COOKIE);
}

static void test_a_new_cookie_is_the_same_attempt(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
    start_over(&client, 1);
    assert_int_equal(fixture_shake_patiently(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

/* From each of its ports a client gets another cookie: it may not have a session for each. */
static void test_one_token_is_answered_once_a_second(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    uint32_t welcomed = 0;
    for (uint8_t port = 0; port < 50; port++) {
        static const uint8_t zero[TW_KEY_SIZE];
        start_over(&client, port);
        struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
        if (reply.verdict == TW_VERDICT_WELCOMED) {
            welcomed++;
            continue;
        }
        assert_int_equal(reply.verdict, TW_VERDICT_TOKEN_PENDING);
        assert_int_equal(reply.refused_size, 0);
        assert_memory_equal(reply.secret_client_to_server, zero, TW_KEY_SIZE);
    }
    assert_in_range(welcomed, 1, 3); /* a loaded machine may take a second or two */
    start_over(&client, 99);
    assert_int_equal(fixture_shake_patiently(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

/* Refused for its key: nothing was claimed, so the token is as good as before. */
static void test_low_order_key_claims_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    memset(client.ephemeral, 0, sizeof(client.ephemeral));
    start_over(&client, 1);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_KEY_LOW_ORDER);
    assert_int_equal(client.reason, TW_REFUSAL_LOW_ORDER);
    client = fixture_client(&token);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

static void test_copied_token_is_refused_and_the_owner_joins(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client owner = fixture_client(&token);
    struct tw_handshake_client thief = fixture_client(&token);
    assert_int_equal(fixture_shake(fixture, &owner).verdict, TW_VERDICT_WELCOMED);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_TOKEN_USED);
    assert_int_equal(thief.reason, TW_REFUSAL_USED);
    owner.step = TW_STEP_HELLO2; /* its welcome was lost */
    struct tw_agent_handshake_reply reply = fixture_shake_patiently(fixture, &owner);
    assert_int_equal(reply.verdict, TW_VERDICT_WELCOMED);
    struct tw_agent_session session = fixture_session(&reply, ID_1, 1);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    json_t *list = fixture_result(fixture, "session.list", NULL);
    assert_int_equal(json_array_size(json_object_get(list, "sessions")), 1);
    json_decref(list);
}

/* What a client keeps of its session to go on with it in another process. */
static struct tw_connect_token resume_of(const struct tw_handshake_client *client,
                                         const struct tw_agent_handshake_reply *reply)
{
    struct tw_connect_token resume = client->connect;
    assert_int_equal(tw_token_key_id(reply->resume_token), TW_TOKEN_KEY_RESUME);
    resume.expires_unix_s = reply->resume_expires_unix_s;
    memcpy(resume.token, reply->resume_token, TW_TOKEN_SIZE);
    memcpy(resume.psk, client->secrets.resume, TW_KEY_SIZE);
    return resume;
}

/* A session of that account that the engine has; *resume goes on with it. */
static struct tw_agent_session begin(struct fixture *fixture, const char *account, uint32_t id,
                                     struct tw_connect_token *resume)
{
    static uint64_t event;
    struct tw_connect_token token = fixture_token(fixture, account);
    struct tw_handshake_client client = fixture_client(&token);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_WELCOMED);
    assert_int_equal(reply.resumes_id, 0);
    struct tw_agent_session session = fixture_session(&reply, id, ++event);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    *resume = resume_of(&client, &reply);
    return session;
}

static void test_a_resume_token_finds_its_session_once(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume;
    fixture_link(fixture, NULL, 0);
    struct tw_agent_session session = begin(fixture, "anna", ID_1, &resume);
    struct tw_handshake_client client = fixture_client(&resume);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_WELCOMED);
    assert_int_equal(reply.resumes_id, ID_1);
    assert_true(reply.account == session.account);
    /* Another key with the same token: somebody copied both its halves, and came second. */
    struct tw_handshake_client thief = fixture_client(&resume);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_TOKEN_USED);
    assert_int_equal(thief.reason, TW_REFUSAL_USED);
    /* The engine: the old one was fenced, the new one is live. */
    struct tw_agent_session resumed = fixture_session(&reply, ID_2, 100);
    session.reason = TW_CLOSE_RESUMED;
    session.event = 99;
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &session);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &resumed);
    json_t *list = fixture_result(fixture, "session.list", NULL);
    assert_int_equal(json_array_size(json_object_get(list, "sessions")), 1);
    json_decref(list);
    assert_true(fixture_is_silent(fixture->engine)); /* nobody is kicked */
    /* Played again, it is used; so is its hello 2. */
    thief = fixture_client(&resume);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_TOKEN_USED);
    client.step = TW_STEP_HELLO2;
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_TOKEN_USED);
    /* The new session has a token of its own. */
    client.step = TW_STEP_WELCOMED;
    struct tw_connect_token next = resume_of(&client, &reply);
    struct tw_handshake_client third = fixture_client(&next);
    reply = fixture_shake(fixture, &third);
    assert_int_equal(reply.verdict, TW_VERDICT_WELCOMED);
    assert_int_equal(reply.resumes_id, ID_2);
}

/* The token alone is worth nothing, nor with the psk of another session of the thief's own. */
static void test_a_stolen_resume_token_gets_silence(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume, other;
    fixture_link(fixture, NULL, 0);
    begin(fixture, "anna", ID_1, &resume);
    begin(fixture, "bert", ID_2, &other);
    struct tw_connect_token stolen = resume;
    memset(stolen.psk, 0, sizeof(stolen.psk));
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_handshake_client thief = fixture_client(&stolen);
        struct tw_agent_handshake_reply reply = fixture_shake(fixture, &thief);
        assert_int_equal(reply.verdict, TW_VERDICT_BINDER_WRONG);
        assert_int_equal(reply.refused_size, 0);
        memcpy(stolen.psk, other.psk, sizeof(stolen.psk));
    }
    struct tw_handshake_client owner = fixture_client(&resume);
    assert_int_equal(fixture_shake(fixture, &owner).resumes_id, ID_1);
}

static void test_a_session_that_ended_is_not_resumed(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume;
    fixture_link(fixture, NULL, 0);
    struct tw_agent_session session = begin(fixture, "anna", ID_1, &resume);
    session.reason = TW_CLOSE_TIMEOUT;
    session.event = 200;
    fixture_event(fixture, TW_AGENT_SESSION_CLOSED, &session);
    struct tw_handshake_client client = fixture_client(&resume);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_RESUME_GONE);
    assert_int_equal(reply.resumes_id, 0);
    assert_int_equal(client.reason, TW_REFUSAL_RESUME);
}

static void test_banned_accounts_resume_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume;
    fixture_link(fixture, NULL, 0);
    begin(fixture, "anna", ID_1, &resume);
    json_decref(fixture_result(fixture, "account.ban", json_pack("{s:s}", "name", "anna")));
    (void)fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK);
    struct tw_handshake_client client = fixture_client(&resume);
    enum tw_verdict verdict = fixture_shake(fixture, &client).verdict;
    assert_true(verdict == TW_VERDICT_ACCOUNT_BANNED || verdict == TW_VERDICT_RESUME_GONE);
}

static uint8_t session_to_steal[TW_TOKEN_ID_SIZE];
static uint64_t account_of_thief;

static void resume_anothers(struct tw_token *token)
{
    memcpy(token->resumes, session_to_steal, TW_TOKEN_ID_SIZE);
    token->account = account_of_thief;
}

/* Whoever has a token key (an issuer) can make tokens, but none that resumes: those have a key of
 * their own. And with that one, only what names a session of its own account. */
static void test_tokens_made_to_steal_a_session(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume;
    fixture_link(fixture, NULL, 0);
    struct tw_agent_session session = begin(fixture, "anna", ID_1, &resume);
    memcpy(session_to_steal, session.token_id, TW_TOKEN_ID_SIZE);
    account_of_thief = session.account;
    struct tw_connect_token forged = fixture_forge(fixture, resume_anothers);
    struct tw_handshake_client thief = fixture_client(&forged);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_TOKEN_INVALID);

    struct tw_keys keys;
    struct tw_token_key all[TW_KEYS_TOKEN_MAX + 1u];
    struct tw_token token;
    char error[TW_KEYS_ERROR_SIZE];
    uint8_t nonce[TW_TOKEN_NONCE_SIZE] = {7};
    assert_true(tw_keys_open(fixture->keys, &keys, error));
    struct tw_token_key key = all[tw_keys_of_static(&keys, 0, all) - 1u];
    assert_int_equal(key.id, TW_TOKEN_KEY_RESUME);
    assert_true(tw_token_open(&token, resume.token, key.key));
    assert_memory_equal(token.resumes, session.token_id, TW_TOKEN_ID_SIZE);
    assert_true(token.account == session.account);
    token.account++;
    token.id[0] ^= 1;
    tw_token_seal(forged.token, &token, key.id, key.key, nonce);
    memcpy(forged.psk, token.psk, TW_KEY_SIZE);
    thief = fixture_client(&forged);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_RESUME_GONE);
    /* Under that key, but for no session at all. */
    memset(token.resumes, 0, sizeof(token.resumes));
    token.id[0] ^= 2;
    tw_token_seal(forged.token, &token, key.id, key.key, nonce);
    thief = fixture_client(&forged);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_TOKEN_INVALID);
    tw_keys_wipe(&keys);
}

/* Rotating token keys leaves players who are in with what they have. */
static void test_resume_tokens_outlive_rotations(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume;
    fixture_link(fixture, NULL, 0);
    begin(fixture, "anna", ID_1, &resume);
    json_decref(fixture_result(fixture, "keys.rotate", NULL));
    struct tw_handshake_client client = fixture_client(&resume);
    assert_int_equal(fixture_shake(fixture, &client).resumes_id, ID_1);
}

static void expire(struct tw_token *token)
{
    token->expires_unix_s -= 120;
    token->issued_unix_s -= 120;
}

static void rename_engine(struct tw_token *token)
{
    tw_token_audience(token->audience, "e2");
}

static void move_address(struct tw_token *token)
{
    token->addresses[0].port++;
}

static void move_world(struct tw_token *token)
{
    token->world = 2;
}

static void test_refusals(void **state)
{
    static const struct {
        void (*change)(struct tw_token *token);
        enum tw_verdict verdict;
        enum tw_refusal refusal;
    } cases[] = {
        {NULL, TW_VERDICT_WELCOMED, TW_REFUSAL_NONE},
        {expire, TW_VERDICT_TOKEN_EXPIRED, TW_REFUSAL_EXPIRED},
        {rename_engine, TW_VERDICT_TOKEN_AUDIENCE, TW_REFUSAL_AUDIENCE},
        {move_address, TW_VERDICT_TOKEN_ADDRESS, TW_REFUSAL_ADDRESS},
        {move_world, TW_VERDICT_WORLD_UNKNOWN, TW_REFUSAL_WORLD},
    };
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tw_connect_token token = fixture_forge(fixture, cases[i].change);
        struct tw_handshake_client client = fixture_client(&token);
        struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
        assert_int_equal(reply.verdict, cases[i].verdict);
        assert_int_equal(client.reason, cases[i].refusal);
        if (reply.verdict != TW_VERDICT_WELCOMED) { /* and no secret */
            static const uint8_t zero[TW_KEY_SIZE];
            assert_memory_equal(reply.secret_client_to_server, zero, TW_KEY_SIZE);
            assert_memory_equal(reply.confirm_key, zero, TW_KEY_SIZE);
        }
    }
}

static void test_forged_tokens_get_silence(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_connect_token broken = token;
    broken.token[100] ^= 1;
    struct tw_handshake_client client = fixture_client(&broken);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_TOKEN_INVALID);
    assert_int_equal(reply.refused_size, 0);
    /* the token without its psk */
    broken = token;
    broken.psk[0] ^= 1;
    client = fixture_client(&broken);
    reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_BINDER_WRONG);
    assert_int_equal(reply.refused_size, 0);
    /* and neither harmed its owner */
    client = fixture_client(&token);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

static void test_banned_account(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    json_decref(fixture_result(fixture, "account.ban", json_pack("{s:s}", "name", "anna")));
    struct tw_handshake_client client = fixture_client(&token);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_ACCOUNT_BANNED);
    assert_int_equal(client.reason, TW_REFUSAL_BANNED);
    json_decref(fixture_result(fixture, "account.unban", json_pack("{s:s}", "name", "anna")));
    client = fixture_client(&token); /* the refusal claimed nothing */
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

static void test_rotated_keys_accept_older_tokens(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token before = fixture_token(fixture, "anna");
    json_decref(fixture_result(fixture, "keys.rotate", NULL));
    struct tw_connect_token after = fixture_token(fixture, "bela");
    assert_true(tw_token_key_id(before.token) != tw_token_key_id(after.token));
    struct tw_handshake_client client = fixture_client(&before);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
    client = fixture_client(&after);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

/* Whoever was given the old static key gets in with it, and back in; new tokens name the new one,
 * and a revocation ends the old one at once. */
static void test_a_static_key_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct tw_connect_token resume;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token before = fixture_token(fixture, "bela");
    struct tw_connect_token late = fixture_token(fixture, "cili");
    begin(fixture, "anna", ID_1, &resume);
    json_decref(fixture_result(fixture, "keys.rotate", json_pack("{s:b}", "static", 1)));
    struct tw_connect_token after = fixture_token(fixture, "dani");
    assert_memory_not_equal(after.server_key, before.server_key, TW_KEY_SIZE);
    assert_memory_equal(resume.server_key, before.server_key, TW_KEY_SIZE);
    /* fixture_shake fails unless both ends come to the same keys */
    struct tw_handshake_client client = fixture_client(&before);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
    client = fixture_client(&after);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
    client = fixture_client(&resume);
    assert_int_equal(fixture_shake(fixture, &client).resumes_id, ID_1);

    json_t *revoke = json_pack("{s:b, s:b}", "static", 1, "revoke", 1);
    json_decref(fixture_result(fixture, "keys.rotate", revoke));
    client = fixture_client(&late);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_TOKEN_INVALID);
    late = fixture_token(fixture, "cili");
    client = fixture_client(&late);
    assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
}

static void test_full_history(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_handshake_reply reply = {0};
    fixture_link(fixture, NULL, 0);
    for (int i = 0; i < 64; i++) { /* token_history_max of the fixture */
        struct tw_connect_token token = fixture_forge(fixture, NULL);
        struct tw_handshake_client client = fixture_client(&token);
        assert_int_equal(fixture_shake(fixture, &client).verdict, TW_VERDICT_WELCOMED);
    }
    struct tw_connect_token token = fixture_forge(fixture, NULL);
    struct tw_handshake_client client = fixture_client(&token);
    reply = fixture_shake(fixture, &client);
    assert_int_equal(reply.verdict, TW_VERDICT_HISTORY_FULL);
}

static void test_kill_9_between_use_and_reuse(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token used = fixture_token(fixture, "anna");
    struct tw_connect_token pending = fixture_token(fixture, "bela");
    struct tw_handshake_client client = fixture_client(&used);
    struct tw_handshake_client waiting = fixture_client(&pending);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    struct tw_agent_session session = fixture_session(&reply, ID_1, 1);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &session);
    assert_int_equal(fixture_shake(fixture, &waiting).verdict, TW_VERDICT_WELCOMED);

    assert_int_equal(WTERMSIG(fixture_stop(fixture, SIGKILL)), SIGKILL);
    assert_true(fixture_is_closed(fixture->engine));
    (void)close(fixture->engine);
    fixture_start(fixture); /* over the socket files the dead one left */
    fixture_link(fixture, &session, 1);

    struct tw_handshake_client again = fixture_client(&used);
    assert_int_equal(fixture_shake(fixture, &again).verdict, TW_VERDICT_TOKEN_USED);
    struct tw_handshake_client thief = fixture_client(&pending);
    assert_int_equal(fixture_shake(fixture, &thief).verdict, TW_VERDICT_TOKEN_USED);
    waiting.step = TW_STEP_HELLO2;
    assert_int_equal(fixture_shake_patiently(fixture, &waiting).verdict, TW_VERDICT_WELCOMED);
}

static void test_two_confirmations_of_one_token(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    struct tw_agent_session first = fixture_session(&reply, ID_1, 1);
    struct tw_agent_session second = fixture_session(&reply, ID_2, 2);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    union tw_agent_message message = {.session = second};
    fixture_send(fixture->engine, &message, TW_AGENT_SESSION_CONFIRMED, sizeof(message.session));
    message = fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK);
    assert_int_equal(message.session_kick.connection_id, ID_2);
    (void)fixture_receive(fixture->engine, TW_AGENT_EVENT_ACK);
    /* said again after a reconnect: no kick, only the acknowledgement */
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &first);
    assert_true(fixture_is_silent(fixture->engine));
}

static void test_newer_login_replaces_the_older(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session sessions[2];
    fixture_link(fixture, NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_connect_token token = fixture_token(fixture, "anna");
        struct tw_handshake_client client = fixture_client(&token);
        struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
        sessions[i] = fixture_session(&reply, ID_1 + i, i + 1);
    }
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &sessions[0]);
    union tw_agent_message message = {.session = sessions[1]};
    fixture_send(fixture->engine, &message, TW_AGENT_SESSION_CONFIRMED, sizeof(message.session));
    message = fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK);
    assert_int_equal(message.session_kick.connection_id, ID_1);
    assert_int_equal(message.session_kick.reason, TW_CLOSE_REPLACED);
}

static void expect_kick(const struct fixture *fixture, uint32_t connection_id,
                        enum tw_close_reason reason)
{
    union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_SESSION_KICK);
    assert_int_equal(message.session_kick.connection_id, connection_id);
    assert_int_equal(message.session_kick.reason, reason);
}

static void confirm(const struct fixture *fixture, const struct tw_agent_session *session)
{
    union tw_agent_message message = {.session = *session};
    fixture_send(fixture->engine, &message, TW_AGENT_SESSION_CONFIRMED, sizeof(message.session));
}

/* The newer one was welcomed, the control plane died, and the resync told of it before the event.
 */
static void test_newer_login_wins_across_kill_9(void **state)
{
    struct fixture *fixture = *state;
    struct tw_agent_session older, newer;
    fixture_link(fixture, NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_connect_token token = fixture_token(fixture, "anna");
        struct tw_handshake_client client = fixture_client(&token);
        struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
        *(i == 0 ? &older : &newer) = fixture_session(&reply, i == 0 ? ID_2 : ID_1, i + 1);
    }
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &older);
    (void)fixture_stop(fixture, SIGKILL);
    (void)close(fixture->engine);
    fixture_start(fixture);
    struct tw_agent_session both[2] = {newer, older}; /* in the order of their slots */
    fixture_link(fixture, both, 2);
    expect_kick(fixture, older.connection_id, TW_CLOSE_REPLACED);
    fixture_event(fixture, TW_AGENT_SESSION_CONFIRMED, &newer);
    assert_true(fixture_is_silent(fixture->engine));
    /* an event of the older one that was kept till now does not turn that round */
    older.event = 3;
    confirm(fixture, &older);
    expect_kick(fixture, older.connection_id, TW_CLOSE_REPLACED);
    (void)fixture_receive(fixture->engine, TW_AGENT_EVENT_ACK);
}

static void test_ban_between_welcome_and_first_packet(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    struct tw_connect_token token = fixture_token(fixture, "anna");
    struct tw_handshake_client client = fixture_client(&token);
    struct tw_agent_handshake_reply reply = fixture_shake(fixture, &client);
    json_decref(fixture_result(fixture, "account.ban", json_pack("{s:s}", "name", "anna")));
    struct tw_agent_session session = fixture_session(&reply, ID_1, 1);
    confirm(fixture, &session);
    expect_kick(fixture, ID_1, TW_CLOSE_BANNED);
    (void)fixture_receive(fixture->engine, TW_AGENT_EVENT_ACK);
    /* and if that kick is lost, too: */
    (void)close(fixture->engine);
    fixture_link(fixture, &session, 1);
    expect_kick(fixture, ID_1, TW_CLOSE_BANNED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_welcome_and_reuse),
        TEST(test_repeated_hello_gets_fresh_keys),
        TEST(test_a_new_cookie_is_the_same_attempt),
        TEST(test_one_token_is_answered_once_a_second),
        TEST(test_low_order_key_claims_nothing),
        TEST(test_copied_token_is_refused_and_the_owner_joins),
        TEST(test_refusals),
        TEST(test_forged_tokens_get_silence),
        TEST(test_banned_account),
        TEST(test_rotated_keys_accept_older_tokens),
        TEST(test_a_static_key_is_replaced),
        TEST(test_a_resume_token_finds_its_session_once),
        TEST(test_a_stolen_resume_token_gets_silence),
        TEST(test_a_session_that_ended_is_not_resumed),
        TEST(test_banned_accounts_resume_nothing),
        TEST(test_tokens_made_to_steal_a_session),
        TEST(test_resume_tokens_outlive_rotations),
        TEST(test_full_history),
        TEST(test_kill_9_between_use_and_reuse),
        TEST(test_two_confirmations_of_one_token),
        TEST(test_newer_login_replaces_the_older),
        TEST(test_newer_login_wins_across_kill_9),
        TEST(test_ban_between_welcome_and_first_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
