/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/aead_select.h"

#include "dataplane/crypto/aead_ipsec_mb.h"
#include "dataplane/crypto/aead_self_test.h"
#include "dataplane/crypto/chacha_lanes.h"
#include "tickwire/assert.h"

#include <string.h>

#define LIBSODIUM "libsodium"

/* Fastest first, each for the suites it has (docs/performance.md says how fast). Lanes are there
 * for packets side by side; of one alone the whole width is run for a part of it. */
static const struct tw_aead_candidate known[] = {
    {"chacha-lanes", tw_aead_chacha_lanes, .lone_to_next = true},
    {"ipsec-mb", tw_aead_ipsec_mb, .lone_to_next = false},
    {LIBSODIUM, tw_aead_sodium, .lone_to_next = false},
};

/* ---- a back end made of two ---------------------------------------------------------------- */

/* Jobs regrouped at once; a burst of the gate. */
#define GROUP_MAX 64u

static struct {
    const struct tw_aead_backend *aes, *chacha;
    const struct tw_aead_backend *lone; /* a ChaCha20 packet alone; may be chacha */
    struct tw_aead_backend both;
} chosen;

typedef void (*run_function)(struct tw_aead_job *jobs, size_t count);

static const struct tw_aead_backend *part_for(enum tw_suite suite)
{
    return suite == TW_SUITE_AES256_GCM ? chosen.aes : chosen.chacha;
}

static void both_expand(struct tw_aead_key *key, enum tw_suite suite,
                        const uint8_t raw_key[TW_KEY_SIZE], const uint8_t iv[TW_IV_SIZE])
{
    part_for(suite)->expand(key, suite, raw_key, iv);
}

/* Jobs of one suite keep their order: packet numbers of a key must not be sealed backwards. */
static void run_group(struct tw_aead_job *jobs, uint32_t count, run_function aes,
                      run_function chacha)
{
    uint32_t aes_count = 0;
    for (uint32_t i = 0; i < count; i++)
        aes_count += jobs[i].key->suite == TW_SUITE_AES256_GCM;
    if (aes_count == count) {
        aes(jobs, count);
        return;
    }
    if (aes_count == 0) {
        chacha(jobs, count);
        return;
    }
    struct tw_aead_job grouped[GROUP_MAX];
    uint32_t next_aes = 0, next_chacha = aes_count, place[GROUP_MAX];
    for (uint32_t i = 0; i < count; i++) {
        place[i] = jobs[i].key->suite == TW_SUITE_AES256_GCM ? next_aes++ : next_chacha++;
        grouped[place[i]] = jobs[i];
    }
    aes(grouped, aes_count);
    chacha(grouped + aes_count, count - aes_count);
    for (uint32_t i = 0; i < count; i++)
        jobs[i] = grouped[place[i]];
}

static void both_run(struct tw_aead_job *jobs, size_t count, run_function aes, run_function chacha)
{
    while (count > 0) {
        uint32_t part = count < GROUP_MAX ? (uint32_t)count : GROUP_MAX;
        run_group(jobs, part, aes, chacha);
        jobs += part;
        count -= part;
    }
}

/* Keys of ChaCha20-Poly1305 are the same for both. */
static void chacha_open(struct tw_aead_job *jobs, size_t count)
{
    (count == 1 ? chosen.lone : chosen.chacha)->open(jobs, count);
}

static void chacha_seal(struct tw_aead_job *jobs, size_t count)
{
    (count == 1 ? chosen.lone : chosen.chacha)->seal(jobs, count);
}

static void both_open(struct tw_aead_job *jobs, size_t count)
{
    both_run(jobs, count, chosen.aes->open, chacha_open);
}

static void both_seal(struct tw_aead_job *jobs, size_t count)
{
    both_run(jobs, count, chosen.aes->seal, chacha_seal);
}

static void both_prefetch(const struct tw_aead_key *key, uint32_t length)
{
    tw_aead_prefetch(part_for((enum tw_suite)key->suite), key, length);
}

static bool both_thread_start(void)
{
    const struct tw_aead_backend *parts[] = {chosen.aes, chosen.chacha, chosen.lone};
    for (uint32_t i = 0; i < 3; i++) {
        if (tw_aead_thread_start(parts[i]))
            continue;
        while (i > 0)
            tw_aead_thread_end(parts[--i]);
        return false;
    }
    return true;
}

static void both_thread_end(void)
{
    tw_aead_thread_end(chosen.lone);
    tw_aead_thread_end(chosen.chacha);
    tw_aead_thread_end(chosen.aes);
}

/* libsodium always has ChaCha20-Poly1305, so one part is there. */
static const struct tw_aead_backend *join(const struct tw_aead_backend *aes,
                                          const struct tw_aead_backend *chacha,
                                          const struct tw_aead_backend *lone)
{
    if (aes == NULL || (aes == chacha && lone == chacha))
        return chacha;
    chosen.aes = aes;
    chosen.chacha = chacha;
    chosen.lone = lone;
    chosen.both = (struct tw_aead_backend){
        .name = "both",
        .suites = TW_SUITE_AES256_GCM | TW_SUITE_CHACHA20_POLY1305,
        .expand = both_expand,
        .open = both_open,
        .seal = both_seal,
        .prefetch = both_prefetch,
        .thread_start = both_thread_start,
        .thread_end = both_thread_end,
    };
    return &chosen.both;
}

/* ---- the choice ------------------------------------------------------------------------------ */

static void refuse(struct tw_aead_report *report, const char *backend, const char *suite,
                   const char *reason)
{
    TW_ASSERT(report->refused_count < TW_AEAD_REFUSALS_MAX);
    report->refused[report->refused_count++] =
        (struct tw_aead_refusal){.backend = backend, .suite = suite, .reason = reason};
}

static const char *suite_name(enum tw_suite suite)
{
    return suite == TW_SUITE_AES256_GCM ? "aes256_gcm" : "chacha20_poly1305";
}

/* Suites the candidate may serve. */
static uint8_t examine(const struct tw_aead_candidate *candidate,
                       const struct tw_aead_backend *backend, struct tw_aead_report *report)
{
    const struct tw_aead_backend *reference = tw_aead_sodium();
    if (backend == reference)
        return reference->suites;
    if (!tw_aead_thread_start(backend)) {
        refuse(report, candidate->name, NULL, "no memory for its state");
        return 0;
    }
    uint8_t passed = 0;
    for (uint32_t suite = 1; suite <= TW_SUITES_KNOWN; suite <<= 1) {
        /* Without the reference nothing could be said: the suite goes unused. */
        if (!(backend->suites & reference->suites & suite))
            continue;
        const char *fault = tw_aead_self_test(backend, (enum tw_suite)suite);
        if (fault == NULL)
            passed |= (uint8_t)suite;
        else
            refuse(report, candidate->name, suite_name((enum tw_suite)suite), fault);
    }
    tw_aead_thread_end(backend);
    return passed;
}

static bool is_known(const struct tw_aead_candidate *candidates, size_t count, const char *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(candidates[i].name, wanted) == 0)
            return true;
    return strcmp(wanted, TW_AEAD_AUTO) == 0;
}

const struct tw_aead_backend *tw_aead_select_from(const struct tw_aead_candidate *candidates,
                                                  size_t count, const char *wanted,
                                                  struct tw_aead_report *report)
{
    TW_ASSERT(count > 0 && count <= TW_AEAD_CANDIDATES_MAX);
    TW_ASSERT(candidates[count - 1].get == tw_aead_sodium);
    memset(report, 0, sizeof(*report));
    if (!is_known(candidates, count, wanted))
        return NULL;
    bool any = strcmp(wanted, TW_AEAD_AUTO) == 0;
    const struct tw_aead_backend *aes = NULL, *chacha = NULL, *lone = NULL;
    for (size_t i = 0; i < count && (aes == NULL || lone == NULL); i++) {
        const struct tw_aead_candidate *candidate = &candidates[i];
        if (!any && strcmp(candidate->name, wanted) != 0 && i + 1 < count)
            continue;
        const struct tw_aead_backend *backend = candidate->get();
        if (backend == NULL) {
            refuse(report, candidate->name, NULL, "this CPU cannot run it");
            continue;
        }
        uint8_t suites = examine(candidate, backend, report);
        if (aes == NULL && suites & TW_SUITE_AES256_GCM)
            aes = backend;
        if (!(suites & TW_SUITE_CHACHA20_POLY1305))
            continue;
        bool leaves_lone = chacha == NULL && candidate->lone_to_next;
        if (chacha == NULL)
            chacha = backend;
        if (lone == NULL && !leaves_lone)
            lone = backend == tw_aead_sodium() ? chacha : backend;
    }
    report->aes256_gcm = aes != NULL ? aes->name : NULL;
    report->chacha20_poly1305 = chacha->name;
    return join(aes, chacha, lone);
}

const struct tw_aead_backend *tw_aead_select(const char *wanted, struct tw_aead_report *report)
{
    return tw_aead_select_from(known, sizeof(known) / sizeof(known[0]), wanted, report);
}
