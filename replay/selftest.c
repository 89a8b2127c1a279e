/* SPDX-License-Identifier: MIT */
/* See selftest.h. */
#include "replay/selftest.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/explain.h"
#include "replay/portfolio.h"
#include "replay/selftest_internal.h"

enum { DRAWN_ONE_IN = 4 }; /* readings, in runs that would take the default ones */

/* ---- the module ---- */

bool selftest_open(struct selftest *t, const char *path, char *message, size_t size)
{
    memset(t, 0, sizeof *t);
    if (!replay_session_open(&t->session, path, message, size)) {
        return false;
    }
    t->cases = dlsym(t->session.module.handle, "WskSimCases");
    if (t->cases == NULL || t->cases->version != WSKSIM_CASES_VERSION ||
        t->cases->size != sizeof(struct wsksim_case)) {
        snprintf(message, size, "%s: not a module with cases of this version of wsksim", path);
        return false;
    }
    t->log = malloc(sizeof *t->log);
    if (t->log == NULL) {
        snprintf(message, size, "out of memory");
    }
    return t->log != NULL;
}

static void prepare(void *argument)
{
    const struct selftest_selection *selection = argument;
    *selection->cases->selected = selection->selected;
    *selection->cases->is_mistaken = selection->is_mistaken;
}

/* ---- ids ---- */

/* Calls visit for each id; stops when it says so. */
static bool each_id(const char *ids, bool (*visit)(const char *id, size_t length, const char *with),
                    const char *with)
{
    for (const char *at = ids; *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length > 0 && visit(at, length, with)) {
            return true;
        }
        at += length + (at[length] != '\0');
    }
    return false;
}

static bool is_equal(const char *id, size_t length, const char *with)
{
    return strlen(with) == length && strncmp(id, with, length) == 0;
}

static bool is_begun(const char *id, size_t length, const char *with)
{
    return strlen(with) <= length && strncmp(id, with, strlen(with)) == 0;
}

bool selftest_proves(const char *ids, const char *id)
{
    return each_id(ids, is_equal, id);
}

static bool shares(const char *id, size_t length, const char *with)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%.*s", (int)length, id);
    return selftest_proves(with, copy);
}

/* A knob that answers an entry of the documents' lists of silences ("AMBIGUOUS-23"). */
static bool is_answer(const char *id, size_t length, const char *with)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, id);
    enum model_knob knob = model_knob_find(name);
    return knob != MODEL_KNOB_COUNT && each_id(model_knob_silences(knob), is_begun, with);
}

bool selftest_names(const char *ids, const char *prefix)
{
    return each_id(ids, is_begun, prefix) || each_id(ids, is_answer, prefix);
}

bool selftest_is_chosen(const struct wsksim_case *c, const char *prefix)
{
    return selftest_names(c->proves, prefix) || strcmp(c->name, prefix) == 0;
}

enum model_rule selftest_rule_of(const struct wsksim_case *c)
{
    char id[64];
    snprintf(id, sizeof id, "%.*s", (int)strcspn(c->proves, " "), c->proves);
    return model_rule_find(id);
}

/* ---- runs ---- */

/* "name=value name=value" of a case: readings forced in all its runs. False: one is unknown. */
static bool force_knobs(struct replay_options *options, const char *knobs)
{
    for (const char *at = knobs; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        char name[64];
        int length = (int)strcspn(at, " ");
        snprintf(name, sizeof name, "%.*s", length, at);
        at += length;
        char *value = strchr(name, '=');
        if (value == NULL || options->knob_count == REPLAY_FORCED_KNOBS_MAX) {
            return false;
        }
        *value++ = '\0';
        enum model_knob knob = model_knob_find(name);
        int number = knob < MODEL_KNOB_COUNT ? model_knob_value_find(knob, value) : -1;
        if (number < 0) {
            return false;
        }
        options->knob[options->knob_count].knob = (uint16_t)knob;
        options->knob[options->knob_count++].value = (uint16_t)number;
    }
    return true;
}

static bool is_warning(enum model_rule rule)
{
    return rule < MODEL_RULE_COUNT && model_rules[rule].severity == MODEL_SEVERITY_WARNING;
}

struct selftest_trial selftest_trial_of(const struct selftest *t, const struct wsksim_case *c,
                                       bool mistaken)
{
    struct selftest_trial trial = {.selection = {t->cases, c, mistaken}, .is_hostile = true};
    enum model_rule rule = selftest_rule_of(c);
    /* Not under a reading that makes an error of it: that it does is what such a case shows. */
    bool is_error = c->knobs != NULL && strstr(c->knobs, "=error") != NULL;
    bool is_strict = c->kind != WSKSIM_CASE_MISTAKE ? c->is_lint != 0
                     : mistaken && (c->is_lint || (is_warning(rule) && !is_error));
    if (rule < MODEL_RULE_COUNT && is_strict) {
        trial.base.strict_lint = (uint16_t)(rule + 1);
    }
    (void)force_knobs(&trial.base, c->knobs); /* test_case has looked */
    trial.off = c->off != NULL ? (uint16_t)(model_rule_find(c->off) + 1) : 0;
    return trial;
}

void selftest_run(struct selftest *t, struct selftest_trial *trial, uint64_t n,
                  struct replay_options *options, struct replay_result *result)
{
    const struct replay_plan plan = {.strategy = REPLAY_PORTFOLIO,
                                     .seed = 1,
                                     .no_faults = !trial->is_hostile,
                                     .no_races = true,
                                     .no_knobs = trial->readings == SELFTEST_READINGS_DEFAULT,
                                     .has_access =
                                         (t->session.module.flavour & SIM_MODULE_ACCESS) != 0};
    struct choice_source source;
    replay_portfolio(&plan, n, &trial->base, &source, options);
    if (trial->readings == SELFTEST_READINGS_DRAWN && source.knob_one_in == 0) {
        source.knob_one_in = DRAWN_ONE_IN;
    }
    options->sim.races =
        plan.has_access && selftest_proves(trial->selection.selected->proves, "SYS-RACE");
    t->session.prepare = prepare;
    t->session.prepare_argument = &trial->selection;
    model_rule_off = trial->off;
    model_rule_off_hits = 0;
    replay_session_run(&t->session, options, &source, t->log, result);
    model_rule_off = 0;
    t->checked += *t->cases->checked;
}

/* What a finding was, with the steps that led to it. */
static void print_finding(struct selftest *t, const struct replay_options *options,
                          const struct replay_result *found)
{
    const struct explain_style style = {0};
    struct replay_case c = replay_case_of(&t->session, options, t->log, found);
    struct replay_result result;
    replay_session_case(&t->session, &c, true, 0, t->log, &result);
    uint64_t prior = replay_capture_of(&result.violation);
    replay_session_case(&t->session, &c, true, prior, t->log, &result);
    struct symbols *symbols = symbols_open(t->session.module.path);
    char *title = explain_title(symbols, &result.violation);
    char *report = explain_report(&t->session, symbols, &result);
    char *table = render_table(&t->session, symbols, &result, &style);
    printf("    %s\n%s\n%s\n", title, report, table);
    free(title);
    free(report);
    free(table);
    symbols_close(symbols);
    replay_case_free(&c);
}

uint64_t selftest_find(struct selftest *t, struct selftest_trial *trial, enum model_rule rule,
                       uint64_t runs, bool *wrong)
{
    for (uint64_t n = 0; n < runs; n++) {
        struct replay_options options;
        struct replay_result result;
        selftest_run(t, trial, n, &options, &result);
        if (result.verdict != SIM_VERDICT_VIOLATION) {
            continue;
        }
        if (rule == MODEL_RULE_COUNT || result.violation.rule == rule) {
            return n;
        }
        if (wrong != NULL && !selftest_proves(trial->selection.selected->proves,
                                              model_rules[result.violation.rule].id)) {
            print_finding(t, &options, &result);
            *wrong = true;
            return runs;
        }
    }
    return runs;
}

bool selftest_is_silent(struct selftest *t, struct selftest_trial *trial, uint64_t runs)
{
    for (uint64_t n = 0; n < runs; n++) {
        struct replay_options options;
        struct replay_result result;
        selftest_run(t, trial, n, &options, &result);
        if (result.verdict == SIM_VERDICT_VIOLATION) {
            print_finding(t, &options, &result);
            return false;
        }
        if (result.verdict == SIM_VERDICT_LIMIT) {
            printf("    run %llu: %s\n", (unsigned long long)n, result.limit);
            return false;
        }
    }
    return true;
}

/* ---- cases ---- */

static bool row(const struct wsksim_case *c, const char *result)
{
    printf("%-12.*s %-36s %s\n", (int)strcspn(c->proves, " "), c->proves, c->name, result);
    return false;
}

/*
 * The run that found the rule, with its monitor off: what comes of the breach, or NULL if it is
 * found all the same, or does not happen at all (then the switch switches nothing).
 */
static const char *what_if_off(struct selftest *t, struct selftest_trial *mistaken, uint64_t n)
{
    static char text[64];
    struct replay_options options;
    struct replay_result result;
    enum model_rule rule = selftest_rule_of(mistaken->selection.selected);
    mistaken->off = (uint16_t)(rule + 1);
    selftest_run(t, mistaken, n, &options, &result);
    if (result.verdict != SIM_VERDICT_VIOLATION) {
        bool is_harmless = result.verdict == SIM_VERDICT_OK;
        return model_rule_off_hits == 0 ? NULL : is_harmless ? "harmless" : "the run ends there";
    }
    snprintf(text, sizeof text, "found as %s", model_rules[result.violation.rule].id);
    return result.violation.rule != (uint32_t)rule ? text : NULL;
}

static bool test_mistake(struct selftest *t, const struct wsksim_case *c)
{
    char text[160];
    bool wrong = false;
    enum model_rule rule = selftest_rule_of(c);
    struct selftest_trial mistaken = selftest_trial_of(t, c, true);
    struct selftest_trial twin = selftest_trial_of(t, c, false);
    uint64_t n = selftest_find(t, &mistaken, rule, SELFTEST_FIND_RUNS, &wrong);
    if (n == SELFTEST_FIND_RUNS) {
        return row(c, wrong ? "FAILED: another rule was found" : "FAILED: not found");
    }
    const char *off = what_if_off(t, &mistaken, n);
    if (off == NULL) {
        return row(c, "FAILED: its monitor off, it is found all the same, or does not happen");
    }
    if (!selftest_is_silent(t, &twin, t->silent_runs)) {
        return row(c, "FAILED: the twin without the mistake is not silent");
    }
    snprintf(text, sizeof text, "found at run %llu, monitor off: %s, twin: silent",
             (unsigned long long)n, off);
    row(c, text);
    return true;
}

/* Rarely, perhaps: with more runs than silence is asked for. */
static bool is_reached(struct selftest *t, struct selftest_trial *trial)
{
    uint64_t before = t->checked;
    for (uint64_t n = 0; n < SELFTEST_FIND_RUNS && t->checked == before; n++) {
        struct replay_options options;
        struct replay_result result;
        selftest_run(t, trial, n, &options, &result);
    }
    return t->checked != before;
}

static bool test_duty(struct selftest *t, const struct wsksim_case *c)
{
    char text[64];
    struct selftest_trial trial = selftest_trial_of(t, c, false);
    uint64_t before = t->checked;
    if (!selftest_is_silent(t, &trial, t->silent_runs)) {
        return row(c, "FAILED: the system does not keep it");
    }
    uint64_t checks = t->checked - before;
    if (c->is_silent) {
        return checks > 0 ? row(c, "FAILED: it checks something, and says that it does not")
                          : !row(c, "kept: no monitor speaks");
    }
    if (checks == 0 && !is_reached(t, &trial)) {
        return row(c, "FAILED: none of its checks is ever reached");
    }
    snprintf(text, sizeof text, "kept: %llu checks", (unsigned long long)checks);
    return !row(c, text);
}

static bool test_freedom(struct selftest *t, const struct wsksim_case *c)
{
    char text[64];
    struct selftest_trial trial = selftest_trial_of(t, c, false);
    for (uint64_t n = 0; n < SELFTEST_FIND_RUNS; n++) {
        struct replay_options options;
        struct replay_result result;
        selftest_run(t, &trial, n, &options, &result);
        if (result.verdict == SIM_VERDICT_VIOLATION) {
            print_finding(t, &options, &result);
            return row(c, "FAILED: a finding");
        }
        if (*t->cases->witnessed > 0) {
            snprintf(text, sizeof text, "seen at run %llu", (unsigned long long)n);
            row(c, text);
            return true;
        }
    }
    return row(c, "FAILED: never seen");
}

static bool test_case(struct selftest *t, const struct wsksim_case *c)
{
    if (selftest_rule_of(c) == MODEL_RULE_COUNT && c->kind == WSKSIM_CASE_MISTAKE) {
        return row(c, "FAILED: its first id is no rule");
    }
    struct replay_options options = {0};
    if (c->off != NULL && model_rule_find(c->off) == MODEL_RULE_COUNT) {
        return row(c, "FAILED: it switches off a rule that does not exist");
    }
    if (!force_knobs(&options, c->knobs)) {
        return row(c, "FAILED: it asks for a knob or value that does not exist");
    }
    switch ((enum wsksim_case_kind)c->kind) {
    case WSKSIM_CASE_MISTAKE:
        return test_mistake(t, c);
    case WSKSIM_CASE_DUTY:
        return test_duty(t, c);
    case WSKSIM_CASE_FREEDOM:
        return test_freedom(t, c);
    }
    return row(c, "FAILED: no such kind of case");
}

static bool test_readings(struct selftest *t, const struct wsksim_case *c)
{
    const char *idle = selftest_idle_reading(t, c);
    return idle == NULL || row(c, idle);
}

unsigned selftest_cases(struct selftest *t, const char *prefix, uint64_t silent_runs,
                        unsigned *count)
{
    unsigned failed = 0;
    t->silent_runs = silent_runs;
    *count = 0;
    for (const struct wsksim_case *c = t->cases->begin; c < t->cases->end; c++) {
        if (selftest_is_chosen(c, prefix)) {
            failed += !test_case(t, c) || !test_readings(t, c);
            fflush(stdout);
            t->has_failed = failed > 0;
            ++*count;
        }
    }
    return failed;
}

/* ---- mutants ---- */

/* A freedom that no run sees any more; `runs` if one does. */
static uint64_t unseen(struct selftest *t, struct selftest_trial *trial, uint64_t runs)
{
    for (uint64_t n = 0; n < runs; n++) {
        struct replay_options options;
        struct replay_result result;
        selftest_run(t, trial, n, &options, &result);
        if (*t->cases->witnessed > 0) {
            return runs;
        }
    }
    return runs - 1;
}

/* True if no run up to this one has a finding when nothing is wrong with the system. */
static bool is_silent_without(struct selftest *t, struct selftest_trial *trial, uint64_t n)
{
    uint16_t mutant = model_mutant_on;
    SIM_ASSERT(mutant != 0);
    model_mutant_on = 0;
    uint64_t first = selftest_find(t, trial, MODEL_RULE_COUNT, n + 1, NULL);
    model_mutant_on = mutant;
    return first == n + 1;
}

/*
 * The first run in which the case notices; `runs` if none does. A mistake that is no longer found
 * does not count: a mutant is killed by what goes wrong, not by what does not. Nor does a case
 * count that has a finding without the mutant too, in as many runs. A freedom that is gone counts
 * if the case is about what the mutant breaks.
 */
static uint64_t notices(struct selftest *t, const struct wsksim_case *c, bool related,
                        uint64_t runs)
{
    struct selftest_trial trial = selftest_trial_of(t, c, false);
    uint64_t n = selftest_find(t, &trial, MODEL_RULE_COUNT, runs, NULL);
    if (n < runs && !is_silent_without(t, &trial, n)) {
        return runs;
    }
    return n == runs && related && c->kind == WSKSIM_CASE_FREEDOM ? unseen(t, &trial, runs) : n;
}

static const struct wsksim_case *killer_within(struct selftest *t, const char *proves, bool related,
                                               uint64_t runs, uint64_t *needed)
{
    for (const struct wsksim_case *c = t->cases->begin; c < t->cases->end; c++) {
        if (each_id(c->proves, shares, proves) != related) {
            continue;
        }
        if (runs < SELFTEST_SILENT_RUNS && c->kind == WSKSIM_CASE_FREEDOM) {
            continue; /* not seen in so few runs says nothing */
        }
        uint64_t n = notices(t, c, related, runs);
        if (n < runs) {
            *needed = n + 1;
            return c;
        }
    }
    return NULL;
}

/* Most are noticed at once: a few runs of each case first. */
static const struct wsksim_case *killer_of(struct selftest *t, const char *proves, bool related,
                                           uint64_t runs, uint64_t *needed)
{
    static const uint64_t few[] = {20, SELFTEST_SILENT_RUNS - 1};
    for (size_t i = 0; i < SIM_COUNT(few); i++) {
        const struct wsksim_case *killer = killer_within(t, proves, related, few[i], needed);
        if (killer != NULL) {
            return killer;
        }
    }
    return killer_within(t, proves, related, runs, needed);
}

static bool is_killed(struct selftest *t, const struct model_mutant_info *mutant)
{
    uint64_t needed = 0;
    const struct wsksim_case *killer =
        killer_of(t, mutant->proves, true, SELFTEST_FIND_RUNS, &needed);
    const char *whose = killer != NULL ? "" : "NOT ITS OWN CASE: ";
    if (killer == NULL) {
        killer = killer_of(t, mutant->proves, false, SELFTEST_SILENT_RUNS, &needed);
    }
    if (killer == NULL) {
        printf("%-36s SURVIVES\n", mutant->name);
        return false;
    }
    printf("%-36s %-36s %6llu  %s%s\n", mutant->name, killer->name, (unsigned long long)needed,
           whose, mutant->text);
    return true;
}

unsigned selftest_mutants(struct selftest *t, const char *prefix, unsigned *count)
{
    unsigned survivors = 0;
    *count = 0;
    printf("%-36s %-36s %6s  %s\n", "mutant", "killed by", "runs", "what is wrong");
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        const struct model_mutant_info *mutant = &model_mutants[i];
        if (strncmp(mutant->name, prefix, strlen(prefix)) == 0 ||
            selftest_names(mutant->proves, prefix)) {
            model_mutant_on = (uint16_t)(i + 1);
            survivors += !is_killed(t, mutant);
            model_mutant_on = 0;
            fflush(stdout);
            t->has_failed = survivors > 0;
            ++*count;
        }
    }
    return survivors;
}
