/* SPDX-License-Identifier: MIT */
/*
 * wsksim rules: the contract as a list, a rule in full, the readings of its silences; and the proof
 * of it, on cases that each make one mistake or check one promise.
 */
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

static int test_rules(const struct flags *flags)
{
    static struct selftest test; /* large */
    unsigned count, failed;
    if (flags->mutants == 1 && !WSKSIM_MUTANTS) {
        return command_refuse("this build has no mutants; configure one with -DWSKSIM_MUTANTS=ON");
    }
    if (!open_cases(flags, true, &test)) {
        return EXIT_CODE_USAGE;
    }
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
        return command_refuse("nothing to run for rules that begin with '%.40s'", flags->rule);
    }
    return failed == 0 ? EXIT_CODE_CLEAN : EXIT_CODE_INTERNAL;
}

/* Rules, of those that the prefix names, that nothing proves. */
static int print_unproven(const struct flags *flags)
{
    static struct selftest test;
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

static int print_list(const struct flags *flags, const struct rule_evidence *evidence)
{
    unsigned count = 0;
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        if (begins(model_rules[i].id, flags->rule)) {
            if (flags->brief == 1) {
                rule_print_line(&model_rules[i]);
            } else {
                rule_print((enum model_rule)i, evidence);
            }
            count++;
        }
    }
    if (evidence->cases != NULL) {
        count += rule_print_rows(flags->rule, flags->brief == 1, evidence->cases);
    }
    return count > 0 ? EXIT_CODE_CLEAN : command_refuse("no rule begins with '%.40s'", flags->rule);
}

static void print_knobs(void)
{
    for (int i = 0; i < MODEL_KNOB_COUNT; i++) {
        const struct model_knob_info *knob = &model_knobs[i];
        printf("%s (once per %s): %s\n", knob->name,
               knob->scope == MODEL_KNOB_RUN ? "run" : "event", knob->question);
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
    static struct selftest test;
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
