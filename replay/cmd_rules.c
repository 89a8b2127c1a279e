/* SPDX-License-Identifier: MIT */
/*
 * wsksim rules: the contract as a list, a rule in full, the readings of its silences; and the proof
 * of it, on cases that each make one mistake or check one promise.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/command.h"
#include "replay/rule_list.h"

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- the cases ---- */

/* rule_cases.so beside the engine's libraries; NULL if there is no telling where we are. */
static const char *default_cases(void)
{
    static char path[SIM_MODULE_PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    if (length <= 0) {
        return NULL;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    strcpy(slash, "/../lib/wsksim/rule_cases.so");
    return path;
}

/* False after one line on stderr; but when nobody named the module it may well be missing. */
static bool open_cases(const struct flags *flags, bool is_needed, struct selftest *test)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    const char *path = flags->cases[0] != '\0' ? flags->cases : default_cases();
    if (path == NULL || access(path, R_OK) != 0) {
        if (is_needed || flags->cases[0] != '\0') {
            command_refuse("no module with cases at %s; name it with -cases=",
                           path == NULL ? "(unknown)" : path);
        }
        return false;
    }
    if (!selftest_open(test, path, message, sizeof message)) {
        command_refuse("%s", message);
        return false;
    }
    return true;
}

static struct selftest test; /* large */

/*
 * In the middle of a run, on the stack of whatever fiber it is in: ends at once. Each row was
 * written when its case was done.
 */
static void on_interrupt(int signal)
{
    static const char clean[] = "wsksim: interrupted; what was done so far is above\n";
    static const char failed[] = "wsksim: interrupted; of what was done so far, something failed\n";
    ssize_t written = test.has_failed ? write(STDERR_FILENO, failed, sizeof failed - 1)
                                      : write(STDERR_FILENO, clean, sizeof clean - 1);
    (void)signal;
    (void)written;
    _exit(test.has_failed ? EXIT_CODE_INTERNAL : EXIT_CODE_INTERRUPTED);
}

static void catch_interrupts(void)
{
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_ONSTACK};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int test_rules(const struct flags *flags)
{
    unsigned count, failed;
    if (flags->runs == 0) {
        return command_refuse("-runs=0: nothing would be run; a number from 1 on is expected");
    }
    if (flags->mutants == 1 && !WSKSIM_MUTANTS) {
        return command_refuse("this build has no mutants; configure one with -DWSKSIM_MUTANTS=ON");
    }
    if (!open_cases(flags, true, &test)) {
        return EXIT_CODE_USAGE;
    }
    catch_interrupts();
    if (flags->mutants == 1) {
        failed = selftest_mutants(&test, flags->rule, &count);
        printf("%u mutants, %u survive\n", count, failed);
    } else {
        uint64_t runs = flags->runs >= 0 ? (uint64_t)flags->runs : SELFTEST_SILENT_RUNS;
        failed = flags->twins == 1 ? selftest_twins(&test, flags->rule, runs, &count)
                                   : selftest_cases(&test, flags->rule, runs, &count);
        printf("%u %s, %u failed\n", count, flags->twins == 1 ? "twins" : "cases", failed);
    }
    if (count == 0) {
        return command_refuse("nothing to run: '%.40s' begins no id and is no case", flags->rule);
    }
    return failed == 0 ? EXIT_CODE_CLEAN : EXIT_CODE_INTERNAL;
}

/* Rules, of those that the prefix names, that nothing proves. */
static int print_unproven(const struct flags *flags)
{
    unsigned count = 0;
    if (!open_cases(flags, true, &test)) {
        return EXIT_CODE_USAGE;
    }
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        if (begins(model_rules[i].id, flags->rule) && model_rules[i].kind != MODEL_KIND_ENGINE &&
            !rule_is_proven(model_rules[i].id, test.cases)) {
            rule_print_line(&model_rules[i]);
            count++;
        }
    }
    printf("%u rules without a proof\n", count);
    return count == 0 ? EXIT_CODE_CLEAN : EXIT_CODE_INTERNAL;
}

/* ---- the list ---- */

static const struct store_campaign *last_campaign(const struct flags *flags)
{
    static struct store_campaign campaign; /* large */
    struct store *store;
    if (access(flags->db, R_OK) != 0 || store_open(&store, flags->db, STORE_READ) != STORE_OK) {
        return NULL;
    }
    bool is_there = store_last_campaign(store, &campaign) == STORE_OK;
    store_close(store);
    return is_there ? &campaign : NULL;
}

static int print_named(const struct flags *flags, const struct rule_evidence *evidence)
{
    for (unsigned i = 0; i < flags->argument_count; i++) {
        enum model_rule rule = model_rule_find(flags->argument[i]);
        if (rule >= MODEL_RULE_COUNT) {
            return command_refuse("no rule '%.40s'; 'wsksim rules' lists them", flags->argument[i]);
        }
        rule_print(rule, evidence);
    }
    return EXIT_CODE_CLEAN;
}

static void print_one(const struct flags *flags, enum model_rule rule,
                      const struct rule_evidence *evidence)
{
    if (flags->brief == 1) {
        rule_print_line(&model_rules[rule]);
    } else {
        rule_print(rule, evidence);
    }
}

static bool is_named_by_a_case(const char *id, const char *prefix, const struct wsksim_cases *cases)
{
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (selftest_is_chosen(c, prefix) && selftest_proves(c->proves, id)) {
            return true;
        }
    }
    return false;
}

/* No rule begins like this: a class of bugs, a property, a silence, a case. What is about it. */
static int print_about(const struct flags *flags, const struct rule_evidence *evidence)
{
    if (evidence->cases == NULL) {
        return command_refuse("no rule begins with '%.40s', and there is no module with cases",
                              flags->rule);
    }
    if (rule_print_cases(flags->rule, evidence->cases) == 0) {
        return command_refuse("no rule begins with '%.40s', and no case or mutant names it",
                              flags->rule);
    }
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        if (is_named_by_a_case(model_rules[i].id, flags->rule, evidence->cases)) {
            print_one(flags, (enum model_rule)i, evidence);
        }
    }
    return EXIT_CODE_CLEAN;
}

static int print_list(const struct flags *flags, const struct rule_evidence *evidence)
{
    unsigned count = 0;
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        if (begins(model_rules[i].id, flags->rule)) {
            print_one(flags, (enum model_rule)i, evidence);
            count++;
        }
    }
    if (evidence->cases != NULL) {
        count += rule_print_rows(flags->rule, flags->brief == 1, evidence->cases);
    }
    return count > 0 ? EXIT_CODE_CLEAN : print_about(flags, evidence);
}

static void print_knobs(void)
{
    for (int i = 0; i < MODEL_KNOB_COUNT; i++) {
        const struct model_knob_info *knob = &model_knobs[i];
        const char *silences = model_knob_silences((enum model_knob)i);
        printf("%s (once per %s%s%s): %s\n", knob->name,
               knob->scope == MODEL_KNOB_RUN ? "run" : "event", silences[0] != '\0' ? "; " : "",
               silences, knob->question);
        for (unsigned v = 0; v < knob->values; v++) {
            char name[64];
            model_knob_value_name((enum model_knob)i, v, name, sizeof name);
            printf("  %u %s%s\n", v, name,
                   v == 0                             ? " (default)"
                   : (knob->on_request >> v & 1) != 0 ? " (only on request)"
                                                      : "");
        }
    }
}

int command_rules(const struct flags *flags)
{
    if (flags->selftest == 1 || flags->twins == 1 || flags->mutants == 1) {
        return test_rules(flags);
    }
    if (flags->unproven == 1) {
        return print_unproven(flags);
    }
    if (flags->knobs == 1) {
        print_knobs();
        return EXIT_CODE_CLEAN;
    }
    const struct rule_evidence evidence = {
        .cases = open_cases(flags, false, &test) ? test.cases : NULL,
        .campaign = last_campaign(flags),
    };
    return flags->argument_count > 0 ? print_named(flags, &evidence) : print_list(flags, &evidence);
}
