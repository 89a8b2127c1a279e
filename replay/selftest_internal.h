/* SPDX-License-Identifier: MIT */
/*
 * Inside the self-test: runs of one case under chosen conditions. selftest.c judges cases and
 * mutants by them, selftest_reading.c the readings that cases say they show, selftest_twins.c
 * mistakes that are not made.
 */
#ifndef REPLAY_SELFTEST_INTERNAL_H
#define REPLAY_SELFTEST_INTERNAL_H

#include "replay/selftest.h"

struct selftest_selection {
    const struct wsksim_cases *cases;
    const struct wsksim_case *selected;
    bool is_mistaken;
};

/* Which readings of the contract a trial takes where the case pins none. */
enum selftest_readings {
    SELFTEST_READINGS_MIXED,   /* as a campaign: in some runs the default ones, in some drawn */
    SELFTEST_READINGS_DEFAULT, /* never another one */
    SELFTEST_READINGS_DRAWN,   /* drawn in every run */
};

struct selftest_trial {
    struct selftest_selection selection;
    struct replay_options base;
    bool is_hostile; /* faults are drawn too */
    uint16_t off;    /* a rule + 1 whose monitor is off; 0 = none */
    enum selftest_readings readings;
};

/* The rule a case is about: its first id. */
enum model_rule selftest_rule_of(const struct wsksim_case *c);

struct selftest_trial selftest_trial_of(const struct selftest *t, const struct wsksim_case *c,
                                        bool mistaken);

/* Run n of a trial; *options is what it ran with. */
void selftest_run(struct selftest *t, struct selftest_trial *trial, uint64_t n,
                  struct replay_options *options, struct replay_result *result);

/*
 * The first run that breaks the rule (any, if rule is MODEL_RULE_COUNT), from 0; `runs` if none
 * does. A run that breaks a rule that the case does not name is printed and is *wrong.
 */
uint64_t selftest_find(struct selftest *t, struct selftest_trial *trial, enum model_rule rule,
                       uint64_t runs, bool *wrong);

/* True if no run of so many has a finding or meets a limit; else it is printed. */
bool selftest_is_silent(struct selftest *t, struct selftest_trial *trial, uint64_t runs);

/*
 * NULL if each reading that the case names among its ids and pins in .knobs matters to it: with
 * another value of that knob something else comes out. Otherwise what to print.
 */
const char *selftest_idle_reading(struct selftest *t, const struct wsksim_case *c);

#endif
