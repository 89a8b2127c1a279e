/* SPDX-License-Identifier: MIT */
/*
 * False alarms: the twin of each mistake, the same lines without it, must be silent. It is run
 * twice as often as anybody asks for: under the default reading of every silence of the contract,
 * and with readings drawn in every run. What a case pins for its mistake does not count here: who
 * is correct is correct under every reading.
 */
#include "replay/selftest_internal.h"

#include <stdio.h>
#include <string.h>

static bool is_twin(const struct wsksim_case *c, const char *prefix)
{
    return c->kind == WSKSIM_CASE_MISTAKE && selftest_is_chosen(c, prefix);
}

static bool is_silent_under(struct selftest *t, const struct wsksim_case *c,
                            enum selftest_readings readings, uint64_t runs)
{
    struct selftest_trial trial = selftest_trial_of(t, c, false);
    trial.base.knob_count = 0;
    trial.readings = readings;
    return selftest_is_silent(t, &trial, runs);
}

unsigned selftest_twins(struct selftest *t, const char *prefix, uint64_t runs, unsigned *count)
{
    unsigned failed = 0, total = 0;
    *count = 0;
    for (const struct wsksim_case *c = t->cases->begin; c < t->cases->end; c++) {
        total += is_twin(c, prefix);
    }
    for (const struct wsksim_case *c = t->cases->begin; c < t->cases->end; c++) {
        if (!is_twin(c, prefix)) {
            continue;
        }
        bool by_default = is_silent_under(t, c, SELFTEST_READINGS_DEFAULT, runs);
        bool drawn = is_silent_under(t, c, SELFTEST_READINGS_DRAWN, runs);
        printf("[%u/%u] %s: %s at the default readings, %s at drawn ones\n", ++*count, total,
               c->name, by_default ? "silent" : "FAILED", drawn ? "silent" : "FAILED");
        failed += !by_default || !drawn;
        fflush(stdout);
        t->has_failed = failed > 0;
    }
    return failed;
}
