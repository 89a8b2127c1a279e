/* SPDX-License-Identifier: MIT */
/* wsksim rules: the contract as a list, one rule in full, or the readings of its silences. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/command.h"
#include "replay/selftest.h"

static const char *kind_text(enum model_rule_kind kind)
{
    switch (kind) {
    case MODEL_KIND_CLIENT:
        return "driver";
    case MODEL_KIND_LINT:
        return "advice";
    case MODEL_KIND_BOTH:
        return "both";
    case MODEL_KIND_SUBSYSTEM:
        return "system";
    case MODEL_KIND_PERMISSION:
        return "freedom";
    case MODEL_KIND_ENGINE:
        return "machine";
    }
    return "";
}

static const char *severity_text(enum model_severity severity)
{
    switch (severity) {
    case MODEL_SEVERITY_NONE:
        return "-";
    case MODEL_SEVERITY_WARNING:
        return "lint";
    case MODEL_SEVERITY_ERROR:
        return "error";
    }
    return "";
}

static void print_rule(const struct model_rule_info *rule)
{
    printf("%s (%s, %s)\n  %s\n", rule->id, kind_text(rule->kind), severity_text(rule->severity),
           rule->text);
    if (rule->codes[0] != '\0') {
        printf("  on Windows: %s\n", rule->codes);
    }
    if (rule->source[0] != '\0') {
        printf("  source: %s\n", rule->source);
    }
}

static int print_named(const struct flags *flags)
{
    for (unsigned i = 0; i < flags->argument_count; i++) {
        enum model_rule rule = model_rule_find(flags->argument[i]);
        if (rule >= MODEL_RULE_COUNT) {
            return command_refuse("no rule '%.40s'; 'wsksim rules' lists them", flags->argument[i]);
        }
        print_rule(&model_rules[rule]);
    }
    return EXIT_CODE_CLEAN;
}

static int print_list(const char *prefix)
{
    unsigned count = 0;
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        const struct model_rule_info *rule = &model_rules[i];
        if (strncmp(rule->id, prefix, strlen(prefix)) == 0) {
            printf("%-18s %-8s %-5s  %s\n", rule->id, kind_text(rule->kind),
                   severity_text(rule->severity), rule->text);
            count++;
        }
    }
    return count > 0 ? EXIT_CODE_CLEAN : command_refuse("no rule begins with '%.40s'", prefix);
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

static int test_rules(const struct flags *flags)
{
    static struct selftest test; /* large */
    static char message[SIM_MODULE_MESSAGE_MAX];
    unsigned count;
    const char *path = flags->cases[0] != '\0' ? flags->cases : default_cases();
    if (flags->mutants == 1 && !WSKSIM_MUTANTS) {
        return command_refuse("this build has no mutants; configure one with -DWSKSIM_MUTANTS=ON");
    }
    if (path == NULL || access(path, R_OK) != 0) {
        return command_refuse("no module with cases at %s; name it with -cases=",
                              path == NULL ? "(unknown)" : path);
    }
    if (!selftest_open(&test, path, message, sizeof message)) {
        return command_refuse("%s", message);
    }
    unsigned failed = flags->mutants == 1 ? selftest_mutants(&test, flags->rule, &count)
                                          : selftest_cases(&test, flags->rule, &count);
    printf("%u %s, %u %s\n", count, flags->mutants == 1 ? "mutants" : "cases", failed,
           flags->mutants == 1 ? "survive" : "failed");
    return failed == 0 && count > 0 ? EXIT_CODE_CLEAN : EXIT_CODE_INTERNAL;
}

int command_rules(const struct flags *flags)
{
    if (flags->selftest == 1 || flags->mutants == 1) {
        return test_rules(flags);
    }
    if (flags->knobs == 1) {
        print_knobs();
        return EXIT_CODE_CLEAN;
    }
    return flags->argument_count > 0 ? print_named(flags) : print_list(flags->rule);
}
