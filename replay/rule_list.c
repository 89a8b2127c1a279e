/* SPDX-License-Identifier: MIT */
/* See rule_list.h. */
#include "replay/rule_list.h"

#include <stdio.h>
#include <string.h>

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

void rule_print_line(const struct model_rule_info *rule)
{
    printf("%-18s %-8s %-5s  %s\n", rule->id, kind_text(rule->kind), severity_text(rule->severity),
           rule->text);
}

static const char *print_places_of(const char *id, const char *separator)
{
    for (const struct rule_place *place = rule_places; place->id != NULL; place++) {
        if (strcmp(place->id, id) == 0) {
            printf("%s%s", separator, place->file);
            separator = ", ";
        }
    }
    return separator;
}

/* Where its id stands, and where a mutant stands that breaks it. */
static void print_places(const char *id)
{
    const char *separator = print_places_of(id, "  enforced in: ");
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        if (selftest_proves(model_mutants[i].proves, id)) {
            separator = print_places_of(model_mutants[i].name, separator);
        }
    }
    puts(separator[0] == ',' ? "" : "  enforced in: nowhere by name");
}

const char *rule_found_as(const char *id, const struct wsksim_cases *cases)
{
    static char first[64];
    const char *found = NULL;
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (c->kind == WSKSIM_CASE_MISTAKE && selftest_proves(c->proves, id)) {
            snprintf(first, sizeof first, "%.*s", (int)strcspn(c->proves, " "), c->proves);
            if (strcmp(first, id) == 0) {
                return first;
            }
            found = first;
        }
    }
    return found;
}

/* A breach that shows by what it leads to. */
static void print_found_as(const char *id, const struct wsksim_cases *cases)
{
    const char *found = rule_found_as(id, cases);
    if (found != NULL && strcmp(found, id) != 0) {
        printf("  found as: %s\n", found);
    }
}

static void print_mutants(const char *id)
{
    const char *separator = "  broken by: ";
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        if (selftest_proves(model_mutants[i].proves, id)) {
            printf("%s%s", separator, model_mutants[i].name);
            separator = ", ";
        }
    }
    if (separator[0] == ',') {
        puts("");
    }
}

static bool is_elsewhere(const struct wsksim_cases *cases, unsigned i, const char *id)
{
    return strcmp(cases->elsewhere[i].id, id) == 0;
}

bool rule_is_proven(const char *id, const struct wsksim_cases *cases)
{
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (selftest_proves(c->proves, id)) {
            return true;
        }
    }
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        if (is_elsewhere(cases, i, id)) {
            return true;
        }
    }
    return false;
}

static void print_proofs(const char *id, const struct wsksim_cases *cases)
{
    const char *separator = "  proven by: ";
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (selftest_proves(c->proves, id)) {
            printf("%s%s (tests/rules/%s)", separator, c->name, c->file);
            separator = ", ";
        }
    }
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        if (is_elsewhere(cases, i, id)) {
            printf("%s%s (%s)", separator, cases->elsewhere[i].what, cases->elsewhere[i].place);
            separator = ", ";
        }
    }
    puts(separator[0] == ',' ? "" : "  proven by: nothing");
}

static const char *case_text(enum wsksim_case_kind kind)
{
    switch (kind) {
    case WSKSIM_CASE_MISTAKE:
        return "mistake";
    case WSKSIM_CASE_DUTY:
        return "promise";
    case WSKSIM_CASE_FREEDOM:
        return "freedom";
    }
    return "";
}

unsigned rule_print_cases(const char *prefix, const struct wsksim_cases *cases)
{
    unsigned count = 0;
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (selftest_is_chosen(c, prefix)) {
            printf("case %s (%s, tests/rules/%s): %s\n", c->name,
                   case_text((enum wsksim_case_kind)c->kind), c->file, c->proves);
            count++;
        }
    }
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        const struct wsksim_elsewhere *e = &cases->elsewhere[i];
        if (selftest_names(e->id, prefix)) {
            printf("test of %s (%s): %s\n", e->id, e->place, e->what);
            count++;
        }
    }
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        if (selftest_names(model_mutants[i].proves, prefix)) {
            printf("mutant %s: %s\n", model_mutants[i].name, model_mutants[i].proves);
            count++;
        }
    }
    return count;
}

static void print_campaign(enum model_rule rule, const struct store_campaign *campaign)
{
    const char *slash = strrchr(campaign->module, '/');
    printf("  exercised: %llu times", (unsigned long long)campaign->checked[rule]);
    if (campaign->lints[rule] > 0) {
        printf(", with %llu lints,", (unsigned long long)campaign->lints[rule]);
    }
    printf(" in the last campaign (%s, %llu runs)\n", slash != NULL ? slash + 1 : campaign->module,
           (unsigned long long)campaign->runs);
}

void rule_print(enum model_rule number, const struct rule_evidence *evidence)
{
    const struct model_rule_info *rule = &model_rules[number];
    printf("%s (%s, %s)\n  %s\n", rule->id, kind_text(rule->kind), severity_text(rule->severity),
           rule->text);
    if (rule->codes[0] != '\0') {
        printf("  on Windows: %s\n", rule->codes);
    }
    if (rule->source[0] != '\0') {
        printf("  source: %s\n", rule->source);
    }
    print_places(rule->id);
    if (evidence->cases != NULL) {
        print_found_as(rule->id, evidence->cases);
        print_proofs(rule->id, evidence->cases);
        print_mutants(rule->id);
    }
    if (evidence->campaign != NULL) {
        print_campaign(number, evidence->campaign);
    }
}

unsigned rule_print_rows(const char *prefix, bool is_brief, const struct wsksim_cases *cases)
{
    unsigned count = 0;
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        const char *id = cases->elsewhere[i].id;
        if (strncmp(id, "T-", 2) != 0 || strncmp(id, prefix, strlen(prefix)) != 0) {
            continue;
        }
        count++;
        if (is_brief) {
            printf("%-18s %-8s %-5s  a row of the gate's transition table\n", id, "system", "-");
        } else {
            printf("%s (row of the gate's transition table)\n", id);
            print_proofs(id, cases);
        }
    }
    return count;
}
