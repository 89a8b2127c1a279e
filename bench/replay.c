/* SPDX-License-Identifier: MIT */
/*
 * The replay row: a campaign of the default mixture over the TCP echo driver and its variants, a
 * process for each. Every run that found something and every tenth of the others becomes a case, as
 * the database would hold it; when the campaign is over, each case is run again from its bytes
 * alone. It counts as replayed if fingerprint, verdict and rule are those of the first run and it
 * never left the recording.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "replay/portfolio.h"
#include "replay/session.h"

enum { CASES_MAX = 20000, KEEP_ONE_IN = 10 };

static const char *const modules[] = {BENCH_REPLAY_MODULES};

struct score {
    uint64_t runs, cases, findings, same;
    bool is_open;
};

static struct {
    struct replay_session session;
    struct choice_log log;
    struct replay_case cases[CASES_MAX];
} replay;

static void collect(struct score *score, double seconds)
{
    const struct replay_plan plan = {.strategy = REPLAY_PORTFOLIO, .seed = 7, .has_access = true,
                                     .typical_steps = {500, 2500}};
    const struct replay_options base = {0};
    double start = bench_now();
    for (uint64_t n = 0; score->cases < CASES_MAX && bench_now() - start < seconds; n++) {
        struct replay_options options;
        struct choice_source source;
        struct replay_result result;
        replay_portfolio(&plan, n, &base, &source, &options);
        replay_session_run(&replay.session, &options, &source, &replay.log, &result);
        score->runs++;
        bool found = result.verdict == SIM_VERDICT_VIOLATION;
        score->findings += found;
        if ((found || n % KEEP_ONE_IN == 0) && replay.log.overflow == 0) {
            replay.cases[score->cases++] =
                replay_case_of(&replay.session, &options, &replay.log, &result);
        }
    }
}

static void repeat(struct score *score)
{
    for (uint64_t i = 0; i < score->cases; i++) {
        const struct replay_case *c = &replay.cases[i];
        struct replay_result result;
        replay_session_case(&replay.session, c, false, 0, &replay.log, &result);
        uint32_t rule = result.verdict == SIM_VERDICT_VIOLATION ? result.violation.rule : 0;
        score->same += result.fingerprint == c->fingerprint && result.verdict == c->verdict &&
                       rule == c->rule && !result.diverged;
    }
}

static void run_module(struct score *score, const char *path, double seconds)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    if (!replay_session_open(&replay.session, path, message, sizeof message)) {
        fprintf(stderr, "wsksim_bench: %s\n", message);
        return;
    }
    score->is_open = true;
    collect(score, seconds);
    repeat(score);
}

void bench_row_replay(struct bench_report *r, const struct bench_settings *settings)
{
    struct score *scores = mmap(NULL, sizeof *scores * SIM_COUNT(modules), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct score all = {0};
    SIM_ASSERT(scores != MAP_FAILED);
    for (size_t i = 0; i < SIM_COUNT(modules); i++) {
        pid_t child = fork();
        if (child == 0) {
            run_module(&scores[i], modules[i], settings->seconds / SIM_COUNT(modules));
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (status != 0 || !scores[i].is_open) {
            bench_error(r, "%.100s: did not come to its end", modules[i]);
            return;
        }
        all.runs += scores[i].runs;
        all.cases += scores[i].cases;
        all.findings += scores[i].findings;
        all.same += scores[i].same;
    }
    bench_add(r, "replay", (double)all.same / (double)all.cases, "100 %, same fingerprint",
              "%llu of %llu cases", (unsigned long long)all.same, (unsigned long long)all.cases);
    bench_note(r, "  %zu drivers, %llu runs, %llu of them with a finding, all of those kept\n",
               SIM_COUNT(modules), (unsigned long long)all.runs, (unsigned long long)all.findings);
}
