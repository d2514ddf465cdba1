/* SPDX-License-Identifier: BSD-3-Clause */
/* tickwire-load-replay, which `tickwire-load replay` runs: files in, port up, play, report. */
#include "dataplane/crypto/aead_select.h"
#include "tests/load/lab/replay_report.h"
#include "tests/load/stop.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define PROGRAM "tickwire-load replay: "

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* The whole file, or NULL and a message. */
static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    struct stat facts;
    uint8_t *bytes = NULL;
    if (file && fstat(fileno(file), &facts) == 0 && S_ISREG(facts.st_mode)) {
        *length = (size_t)facts.st_size;
        bytes = malloc(*length + 1u);
        if (bytes && fread(bytes, 1, *length, file) != *length) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (!bytes)
        fprintf(stderr, PROGRAM "%s: %s\n", path, errno ? strerror(errno) : "not a regular file");
    if (file)
        (void)fclose(file);
    return bytes;
}

static uint32_t longest_frame(const struct tw_replay_options *options, const struct tw_plan *plan)
{
    uint32_t longest = options->flood_kinds != 0 ? TW_FLOOD_FRAME_MAX : 0;
    for (uint64_t i = 0; i < plan->packet_count; i++)
        longest = plan->packets[i].length > longest ? plan->packets[i].length : longest;
    return longest;
}

static bool play(struct tw_player *player)
{
    const struct tw_replay_options *options = player->options;
    struct tw_engine_counters before;
    struct tw_engine_counters after;
    bool asked = options->control_socket != NULL;
    if (asked && !tw_engine_counters_read(options->control_socket, &before)) {
        fprintf(stderr, PROGRAM "%s: no engine tells its counters there\n",
                options->control_socket);
        return false;
    }
    if (!tw_player_init(player))
        return false;
    bool good = tw_player_run(player, &stop_requested);
    if (!good)
        fputs(PROGRAM "stopped before the last packet was sent\n", stderr);
    if (asked && !tw_engine_counters_read(options->control_socket, &after)) {
        fputs(PROGRAM "the engine does not tell its counters any more\n", stderr);
        asked = false;
        good = false;
    }
    tw_replay_report(player, asked ? &before : NULL, asked ? &after : NULL);
    tw_player_fini(player);
    return good;
}

static bool open_and_play(const struct tw_replay_options *options, const struct tw_plan *plan,
                          const struct tw_aead_backend *aead)
{
    static struct tw_replay_port port;
    static struct tw_replies replies;
    static struct tw_player player;
    static struct tw_flooder flooder;
    struct tw_replay_port_error error;
    if (!tw_replies_init(&replies, plan->session_count)) {
        fputs(PROGRAM "no memory\n", stderr);
        return false;
    }
    bool good = tw_replay_port_open(&port, options, longest_frame(options, plan), &error);
    if (good) {
        if (plan->session_count > 0)
            memcpy(port.client_mac, tw_lab_datagram_ends(plan->packets[0].frame).from_mac, 6);
        player = (struct tw_player){
            .options = options, .aead = aead, .plan = plan, .port = &port, .replies = &replies};
        if (options->flood_kinds != 0) {
            tw_flooder_init(&flooder, options, plan, &replies, &port);
            player.flooder = &flooder;
        }
        good = play(&player);
    } else {
        fprintf(stderr, PROGRAM "%s\n", error.message);
    }
    tw_replay_port_close(&port);
    tw_replies_free(&replies);
    return good;
}

static bool load_and_play(const struct tw_replay_options *options,
                          const struct tw_aead_backend *aead)
{
    struct tw_plan_files files = {0};
    struct tw_plan plan = {0};
    struct tw_plan_error error;
    uint8_t *sessions = NULL;
    files.capture = read_file(options->capture_path, &files.capture_length);
    if (files.capture && options->sessions_path)
        sessions = read_file(options->sessions_path, &files.sessions_length);
    files.sessions = sessions;
    bool good = files.capture && (sessions || !options->sessions_path);
    if (good && !tw_plan_load(&plan, &files, aead, &error)) {
        fprintf(stderr, PROGRAM "%s\n", error.message);
        good = false;
    }
    if (good && options->first_loop + options->loops > tw_plan_loops_max(&plan)) {
        fputs(PROGRAM "so many loops need more packet numbers than a key has\n", stderr);
        good = false;
    }
    good = good && open_and_play(options, &plan, aead);
    tw_plan_free(&plan);
    free(files.capture);
    free(sessions);
    return good;
}

int main(int argc, char **argv)
{
    struct tw_replay_options options;
    struct tw_aead_report report;
    if (!tw_replay_options_parse(&options, argc, argv))
        return EXIT_USAGE;
    if (options.help)
        return EXIT_OK;
    stop_catch_signals();
    const struct tw_aead_backend *aead =
        sodium_init() >= 0 ? tw_aead_select(TW_AEAD_AUTO, &report) : NULL;
    if (!aead || !tw_aead_thread_start(aead)) {
        fputs(PROGRAM "no cipher starts\n", stderr);
        return EXIT_FAILED;
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    bool good = load_and_play(&options, aead);
    tw_aead_thread_end(aead);
    return good ? EXIT_OK : EXIT_FAILED;
}
