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

#include <signal.h>

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
    volatile sig_atomic_t has_failed; /* so far; for who is interrupted */
};

/* Opens the module with the cases. False: message says why, in one line. */
SIM_MUST_USE bool selftest_open(struct selftest *t, const char *path, char *message, size_t size);

/*
 * Runs all cases that the prefix selects ("" = all) and prints a row each, and what went wrong. A
 * twin without its mistake, and a duty, must be silent for so many runs; a reading that a case
 * names and pins must make a difference to it. Returns the number of cases that failed; *count is
 * how many there were.
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

/* True if the prefix begins one of the ids ("" = all), or a silence that one of them answers. */
bool selftest_names(const char *ids, const char *prefix);

/* True if the prefix selects the case: by its ids, or it is the case's name. */
bool selftest_is_chosen(const struct wsksim_case *c, const char *prefix);

#endif
