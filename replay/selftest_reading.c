/* SPDX-License-Identifier: MIT */
/*
 * Does a reading that a case says it shows make a difference? The case is run again with the other
 * values of the knob; if nothing changes under any of them, the knob does nothing that this case
 * sees, and the claim is void.
 *
 * Limit: chance may make a rare witness stay away under another value, and so hide an idle knob.
 * The runs given to the other values are a multiple of what the own value needed.
 */
#include "replay/selftest_internal.h"

#include <stdio.h>
#include <string.h>

/* What came out of a number of runs. */
struct outcome {
    bool is_found;      /* a mistake: as a finding (lint counts) */
    bool is_error;      /* a mistake: as a finding although lint does not count */
    bool has_finding;   /* without the mistake */
    bool is_witnessed;
};

static bool is_same(const struct outcome *a, const struct outcome *b)
{
    return a->is_found == b->is_found && a->is_error == b->is_error &&
           a->has_finding == b->has_finding && a->is_witnessed == b->is_witnessed;
}

/* The first run that witnesses, or has a finding; `runs` if there is none. */
static uint64_t see(struct selftest *t, struct selftest_trial *trial, uint64_t runs,
                    struct outcome *outcome)
{
    for (uint64_t n = 0; n < runs; n++) {
        struct replay_options options;
        struct replay_result result;
        selftest_run(t, trial, n, &options, &result);
        outcome->has_finding = result.verdict == SIM_VERDICT_VIOLATION;
        outcome->is_witnessed = *t->cases->witnessed > 0;
        if (outcome->has_finding || outcome->is_witnessed) {
            return n;
        }
    }
    return runs;
}

/* Returns the runs that were needed. */
static uint64_t observe(struct selftest *t, struct selftest_trial *trial, uint64_t runs,
                        struct outcome *outcome)
{
    const struct wsksim_case *c = trial->selection.selected;
    uint64_t needed, strictly;

    memset(outcome, 0, sizeof *outcome);
    trial->selection.is_mistaken = false;
    if (c->kind != WSKSIM_CASE_MISTAKE) {
        return see(t, trial, runs, outcome);
    }
    outcome->has_finding =
        selftest_find(t, trial, MODEL_RULE_COUNT, SELFTEST_READING_RUNS, NULL) <
        SELFTEST_READING_RUNS;
    trial->selection.is_mistaken = true;
    needed = selftest_find(t, trial, selftest_rule_of(c), runs, NULL);
    outcome->is_found = needed < runs;
    uint16_t lint = trial->base.strict_lint;
    trial->base.strict_lint = 0;
    strictly = selftest_find(t, trial, selftest_rule_of(c), runs, NULL);
    outcome->is_error = strictly < runs;
    trial->base.strict_lint = lint;
    return outcome->is_error && strictly > needed ? strictly : needed;
}

/* True if another value than the pinned one changes what comes out. */
static bool matters(struct selftest *t, const struct wsksim_case *c, unsigned pin)
{
    struct selftest_trial trial = selftest_trial_of(t, c, c->kind == WSKSIM_CASE_MISTAKE);
    unsigned own = trial.base.knob[pin].value;
    struct outcome before, after;
    bool is_duty = c->kind == WSKSIM_CASE_DUTY;
    uint64_t needed =
        observe(t, &trial, is_duty ? SELFTEST_READING_RUNS : SELFTEST_FIND_RUNS, &before);
    uint64_t runs = is_duty ? SELFTEST_SILENT_RUNS : 8 * (needed + 1) + SELFTEST_READING_RUNS;

    for (unsigned value = 0; value < model_knobs[trial.base.knob[pin].knob].values; value++) {
        trial.base.knob[pin].value = (uint16_t)value;
        if (value != own) {
            (void)observe(t, &trial, runs, &after);
            if (!is_same(&before, &after)) {
                return true;
            }
        }
    }
    return false;
}

const char *selftest_idle_reading(struct selftest *t, const struct wsksim_case *c)
{
    static char text[96];
    struct selftest_trial trial = selftest_trial_of(t, c, false);

    for (unsigned pin = 0; pin < trial.base.knob_count; pin++) {
        const char *name = model_knobs[trial.base.knob[pin].knob].name;
        if (selftest_proves(c->proves, name) && !matters(t, c, pin)) {
            snprintf(text, sizeof text, "FAILED: the same under every value of %s", name);
            return text;
        }
    }
    return NULL;
}
