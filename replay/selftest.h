/* SPDX-License-Identifier: MIT */
/*
 * The cases of the rules (include/wsksim/cases.h, tests/rules): run, judged, and run again with
 * their monitor switched off or the system broken. What makes a rule more than a sentence.
 *
 *   case --(runs of the portfolio, seeds 1, 2, ...)--> fires? silent? witnessed?
 *        --(model_rule_off)--> must not fire any more, though the breach happens
 *        --(model_mutant_on)--> must fire
 */
#ifndef REPLAY_SELFTEST_H
#define REPLAY_SELFTEST_H

#include "replay/session.h"

#include "include/wsksim/cases.h"

enum {
    SELFTEST_FIND_RUNS = 4000,   /* a mistake, a witness or a mutant must show up in so many */
    SELFTEST_SILENT_RUNS = 400,  /* a twin without the mistake, and a duty, stays silent so long */
    SELFTEST_READING_RUNS = 40,  /* at least so many with another reading than the one shown */
};

struct selftest {
    struct replay_session session;
    const struct wsksim_cases *cases;
    struct choice_log *log;
    uint64_t silent_runs;
    uint64_t checked; /* checks that all runs so far have reached */
};

/* Opens the module with the cases. False: message says why, in one line. */
SIM_MUST_USE bool selftest_open(struct selftest *t, const char *path, char *message, size_t size);

/*
 * Runs all cases one of whose ids begins with prefix ("" = all) and prints a row each, and what
 * went wrong. A twin without its mistake, and a duty, must be silent for so many runs; a reading
 * that a case names and pins must make a difference to it. Returns the number of cases that
 * failed; *count is how many there were.
 */
unsigned selftest_cases(struct selftest *t, const char *prefix, uint64_t silent_runs,
                        unsigned *count);

/*
 * Runs the twin of each such mistake, silent for so many runs under the default readings and as
 * many under drawn ones; prints a line each. Returns the number of twins that were not silent.
 */
unsigned selftest_twins(struct selftest *t, const char *prefix, uint64_t runs, unsigned *count);

/*
 * Switches each mutant on whose name or one of whose ids begins with prefix, and runs first the
 * cases that share an id with it, then all others; prints mutant, killer and runs needed. Returns
 * the number of survivors.
 */
unsigned selftest_mutants(struct selftest *t, const char *prefix, unsigned *count);

/* True if the ids (separated by blanks) hold this one. */
bool selftest_proves(const char *ids, const char *id);

#endif
