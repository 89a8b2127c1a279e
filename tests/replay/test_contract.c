/* SPDX-License-Identifier: MIT */
/*
 * Nothing of the contract is homeless: every rule of the documents (tests/rules/contract.def) has a
 * row and a proof, every class of mistakes a case, every property a case or a monitor of traces,
 * every silence a knob, every reading of it a case or test that shows it. And nothing claims to
 * prove what does not exist.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "replay/rule_list.h"

enum kind { RULE, PROPERTY, MISTAKE, SILENCE, ROW };

static const struct entry {
    enum kind kind;
    const char *id, *knob;
} contract[] = {
#define CONTRACT(kind, id, knob) {kind, id, knob},
#include "tests/rules/contract.def"
#undef CONTRACT
};

/* Properties that a monitor checks on traces. */
static const char *const on_traces[] = {
#define PROPERTY(id, where, how) id,
#include "tests/spec/properties.def"
#undef PROPERTY
};

/* How sources call the knobs. */
static const char *const symbols[] = {
#define KNOB(name, id, scope, values, on_request, value_names, question) "KNOB_" #name,
#include "model/rules/knobs.def"
#undef KNOB
};

static const struct wsksim_cases *cases;

static int open_cases(void **state)
{
    static struct selftest test; /* large */
    static char message[SIM_MODULE_MESSAGE_MAX];
    (void)state;
    if (!selftest_open(&test, RULE_CASES, message, sizeof message)) {
        print_message("%s\n", message);
        return -1;
    }
    cases = test.cases;
    return 0;
}

/* ---- each id of a kind must pass ---- */

static void each(enum kind kind, bool (*is_at_home)(const struct entry *entry), const char *without)
{
    unsigned homeless = 0;
    for (size_t i = 0; i < SIM_COUNT(contract); i++) {
        if (contract[i].kind == kind && !is_at_home(&contract[i])) {
            print_message("%s%s", homeless == 0 ? without : " ", contract[i].id);
            homeless++;
        }
    }
    print_message("%s", homeless > 0 ? "\n" : "");
    assert_int_equal(homeless, 0);
}

static bool has_row(const struct entry *entry)
{
    return model_rule_find(entry->id) != MODEL_RULE_COUNT;
}

static bool is_proven(const struct entry *entry)
{
    return rule_is_proven(entry->id, cases);
}

static bool is_named(const char *id)
{
    for (const struct rule_place *place = rule_places; place->id != NULL; place++) {
        if (strcmp(place->id, id) == 0) {
            return true;
        }
    }
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        if (selftest_proves(model_mutants[i].proves, id)) {
            return true;
        }
    }
    return false;
}

static bool is_elsewhere(const char *id)
{
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        if (strcmp(cases->elsewhere[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Enforced under its own name, or by what a breach leads to, or a permission. */
static bool has_place(const struct entry *entry)
{
    const char *found = rule_found_as(entry->id, cases);
    enum model_rule rule = model_rule_find(entry->id);
    return is_named(entry->id) || found != NULL || is_elsewhere(entry->id) ||
           (rule != MODEL_RULE_COUNT && model_rules[rule].kind == MODEL_KIND_PERMISSION);
}

static bool is_made(const struct entry *entry)
{
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (c->kind == WSKSIM_CASE_MISTAKE && selftest_proves(c->proves, entry->id)) {
            return true;
        }
    }
    return false;
}

static bool is_checked(const struct entry *entry)
{
    for (size_t i = 0; i < SIM_COUNT(on_traces); i++) {
        if (strcmp(on_traces[i], entry->id) == 0) {
            return true;
        }
    }
    return is_proven(entry);
}

/* And the knob says which entry it answers. */
static bool has_knob(const struct entry *entry)
{
    enum model_knob knob = model_knob_find(entry->knob);
    return entry->knob[0] == '\0' ||
           (knob != MODEL_KNOB_COUNT && selftest_proves(model_knob_silences(knob), entry->id));
}

static void test_rules(void **state)
{
    (void)state;
    each(RULE, has_row, "no row: ");
    each(RULE, is_proven, "no proof: ");
    each(RULE, has_place, "no place in the model: ");
}

/* What binds the system is broken by a mutant, unless no driver can see it (elsewhere.def). */
static bool is_broken_once(const struct entry *entry)
{
    enum model_rule rule = model_rule_find(entry->id);
    if (rule == MODEL_RULE_COUNT || (model_rules[rule].kind != MODEL_KIND_SUBSYSTEM &&
                                     model_rules[rule].kind != MODEL_KIND_BOTH)) {
        return true;
    }
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        if (selftest_proves(model_mutants[i].proves, entry->id)) {
            return true;
        }
    }
    return is_elsewhere(entry->id);
}

static void test_duties(void **state)
{
    (void)state;
    each(RULE, is_broken_once, "no mutant: ");
}

static void test_mistakes(void **state)
{
    (void)state;
    each(MISTAKE, is_made, "no case: ");
}

static void test_properties(void **state)
{
    (void)state;
    each(PROPERTY, is_checked, "nothing checks: ");
}

static void test_silences(void **state)
{
    (void)state;
    each(SILENCE, has_knob, "no knob: ");
}

/* ---- what is proven elsewhere ---- */

static bool is_in_file(const char *path, const char *text)
{
    char line[512];
    FILE *file = fopen(path, "r");
    bool is_found = false;
    while (file != NULL && !is_found && fgets(line, sizeof line, file) != NULL) {
        is_found = strstr(line, text) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return is_found;
}

static bool is_in_place(const struct wsksim_elsewhere *proof)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, proof->place);
    return is_in_file(path, proof->id);
}

/* Values of knobs: test_readings. */
static void test_elsewhere(void **state)
{
    unsigned missing = 0;
    (void)state;
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        const struct wsksim_elsewhere *proof = &cases->elsewhere[i];
        if (strchr(proof->id, '=') == NULL && !is_in_place(proof)) {
            print_message("%s does not name %s\n", proof->place, proof->id);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

/* The rows of the transition table. */
static void test_rows(void **state)
{
    (void)state;
    each(ROW, is_proven, "no proof: ");
}

/* ---- each reading is shown ---- */

/* True if .knobs ("name=value name=value") pins the knob to this value. */
static bool is_pinned(const char *knobs, enum model_knob knob, unsigned value)
{
    char copy[256], *at = copy;
    snprintf(copy, sizeof copy, "%s", knobs == NULL ? "" : knobs);
    for (char *pin = strsep(&at, " "); pin != NULL; pin = strsep(&at, " ")) {
        char *equal = strchr(pin, '=');
        if (equal != NULL) {
            *equal = '\0';
            if (strcmp(pin, model_knobs[knob].name) == 0) {
                return model_knob_value_find(knob, equal + 1) == (int)value;
            }
        }
    }
    return false;
}

/* By a case that names the knob and pins the value: the self-test sees that the value matters. */
static bool is_shown_by_a_case(enum model_knob knob, unsigned value)
{
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        if (selftest_proves(c->proves, model_knobs[knob].name) &&
            is_pinned(c->knobs, knob, value)) {
            return true;
        }
    }
    return false;
}

/* By the test that elsewhere.def names, if it knows the knob. */
static bool is_shown_elsewhere(enum model_knob knob, unsigned value)
{
    char name[64], id[128], path[512];
    model_knob_value_name(knob, value, name, sizeof name);
    snprintf(id, sizeof id, "%s=%s", model_knobs[knob].name, name);
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        if (strcmp(cases->elsewhere[i].id, id) == 0) {
            snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, cases->elsewhere[i].place);
            return is_in_file(path, symbols[knob]) || is_in_file(path, id);
        }
    }
    return false;
}

static void test_readings(void **state)
{
    unsigned missing = 0;
    (void)state;
    for (unsigned knob = 0; knob < MODEL_KNOB_COUNT; knob++) {
        for (unsigned value = 0; value < model_knobs[knob].values; value++) {
            char name[64];
            model_knob_value_name((enum model_knob)knob, value, name, sizeof name);
            if (!is_shown_by_a_case((enum model_knob)knob, value) &&
                !is_shown_elsewhere((enum model_knob)knob, value)) {
                print_message("no case shows %s=%s\n", model_knobs[knob].name, name);
                missing++;
            }
        }
    }
    assert_int_equal(missing, 0);
}

/* ---- what proofs name exists ---- */

/* "kernel.wait_tie=drawn" */
static bool is_value(const char *id)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", id);
    char *equal = strchr(copy, '=');
    if (equal == NULL) {
        return false;
    }
    *equal = '\0';
    enum model_knob knob = model_knob_find(copy);
    return knob != MODEL_KNOB_COUNT && model_knob_value_find(knob, equal + 1) >= 0;
}

/* "amb.13", the control plane's name of a knob that is called otherwise here. */
static bool is_entry(const char *name, const char *id)
{
    return strncmp(name, "amb.", 4) == 0 && strncmp(id, "AMBIGUOUS-", 10) == 0 &&
           strcmp(name + 4, id + 10) == 0;
}

static bool is_known(const char *id)
{
    for (size_t i = 0; i < SIM_COUNT(contract); i++) {
        if (strcmp(contract[i].id, id) == 0 || is_entry(id, contract[i].id)) {
            return true;
        }
    }
    return model_rule_find(id) != MODEL_RULE_COUNT || model_knob_find(id) != MODEL_KNOB_COUNT ||
           is_value(id);
}

static unsigned count_unknown(const char *ids, const char *by)
{
    char copy[512], *at = copy;
    unsigned unknown = 0;
    snprintf(copy, sizeof copy, "%s", ids);
    for (char *id = strsep(&at, " "); id != NULL; id = strsep(&at, " ")) {
        if (id[0] != '\0' && !is_known(id)) {
            print_message("%s names %s\n", by, id);
            unknown++;
        }
    }
    return unknown;
}

static void test_names(void **state)
{
    unsigned unknown = 0;
    (void)state;
    for (const struct wsksim_case *c = cases->begin; c < cases->end; c++) {
        unknown += count_unknown(c->proves, c->name);
    }
    for (unsigned i = 0; i < cases->elsewhere_count; i++) {
        unknown += count_unknown(cases->elsewhere[i].id, cases->elsewhere[i].place);
    }
    for (int i = 0; i < MODEL_MUTANT_COUNT; i++) {
        unknown += count_unknown(model_mutants[i].proves, model_mutants[i].name);
    }
    assert_int_equal(unknown, 0);
}

/* choose.c picks a case by its name. */
static void test_unique(void **state)
{
    unsigned twice = 0;
    (void)state;
    for (const struct wsksim_case *a = cases->begin; a < cases->end; a++) {
        for (const struct wsksim_case *b = a + 1; b < cases->end; b++) {
            if (strcmp(a->name, b->name) == 0) {
                print_message("two cases are called %s: %s, %s\n", a->name, a->file, b->file);
                twice++;
            }
        }
    }
    assert_int_equal(twice, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),      cmocka_unit_test(test_duties),
        cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_properties),
        cmocka_unit_test(test_silences),   cmocka_unit_test(test_readings),
        cmocka_unit_test(test_elsewhere),  cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_unique),
    };
    return cmocka_run_group_tests(tests, open_cases, NULL);
}
