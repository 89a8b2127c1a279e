/* SPDX-License-Identifier: MIT */
/*
 * The tables of rules and knobs: ids are unique, texts are what reports rely on, names and numbers
 * of values convert both ways, and the grades of a few rules are as the contract says.
 */
#include "model/rules/knobs.h"
#include "model/rules/rules.h"

#include <stdio.h>
#include <string.h>

static unsigned passed, failed;

static void check(int is_true, const char *what, const char *which)
{
    if (is_true) {
        passed++;
    } else {
        failed++;
        printf("failed: %s: %s\n", which, what);
    }
}

static int is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return 0;
        }
    }
    return 1;
}

static void test_rules(void)
{
    for (unsigned i = 0; i < MODEL_RULE_COUNT; i++) {
        const struct model_rule_info *rule = &model_rules[i];
        size_t length = strlen(rule->text);

        check(model_rule_find(rule->id) == i, "first rule with this id", rule->id);
        check(length > 0 && length <= 300, "length of the text", rule->id);
        check(is_plain(rule->text) && is_plain(rule->source) && is_plain(rule->codes), "ASCII",
              rule->id);
        check((rule->kind == MODEL_KIND_SUBSYSTEM || rule->kind == MODEL_KIND_PERMISSION) ?
                  rule->severity == MODEL_SEVERITY_NONE : 1, "blames nobody", rule->id);
        check(rule->kind == MODEL_KIND_CLIENT ? rule->severity == MODEL_SEVERITY_ERROR : 1,
              "a duty of the client is an error", rule->id);
        check(rule->kind == MODEL_KIND_LINT ? rule->severity == MODEL_SEVERITY_WARNING : 1,
              "advice is a warning", rule->id);
        const char *seen = model_lint_text((enum model_rule)i);
        check(is_plain(seen) && strlen(seen) > 0 && strlen(seen) <= 300, "what a lint saw",
              rule->id);
    }
    check(strstr(model_lint_text(RULE_LSTN_009), "never been completed") != NULL, "its clause",
          "LSTN-009");
    check(strstr(model_lint_text(RULE_KRN_022), "has completed") != NULL, "its clause", "KRN-022");
    check(model_lint_text(RULE_CTL_008) == model_rules[RULE_CTL_008].text, "the statement",
          "CTL-008");
    check(model_rule_find("KRN-999") == MODEL_RULE_COUNT, "unknown id", "KRN-999");
    check(model_rules[RULE_CTL_008].severity == MODEL_SEVERITY_WARNING, "advice", "CTL-008");
    check(model_rules[RULE_KRN_018].severity == MODEL_SEVERITY_ERROR, "duty", "KRN-018");
    check(strstr(model_rules[RULE_KRN_018].codes, "BC 0x44") != NULL, "codes", "KRN-018");
    check(model_rules[RULE_EVT_004].kind == MODEL_KIND_SUBSYSTEM, "ours", "EVT-004");
}

static void test_knobs(void)
{
    char name[40];

    for (unsigned i = 0; i < MODEL_KNOB_COUNT; i++) {
        const struct model_knob_info *knob = &model_knobs[i];

        check(model_knob_find(knob->name) == i, "first knob with this name", knob->name);
        check(knob->values >= 2, "a choice", knob->name);
        check((knob->on_request & 1u) == 0 && knob->on_request >> knob->values == 0,
              "mask covers values other than the default", knob->name);
        for (unsigned v = 0; v < knob->values; v++) {
            model_knob_value_name((enum model_knob)i, v, name, sizeof name);
            check(name[0] != '\0' && model_knob_value_find((enum model_knob)i, name) == (int)v,
                  name, knob->name);
        }
        model_knob_value_name((enum model_knob)i, knob->values, name, sizeof name);
        check(name[0] == '\0', "no value beyond the last", knob->name);
    }
    check(model_knob_find("amb.99") == MODEL_KNOB_COUNT, "unknown knob", "amb.99");
    check(model_knob_value_find(KNOB_AMB_01, "1") == 1, "by number", "amb.01");
    check(model_knob_value_find(KNOB_AMB_01, "2") == -1, "no such number", "amb.01");
    check(model_knob_value_find(KNOB_LISTEN_BACKLOG, "1") == 2, "name before number",
          "listen.backlog");
    check(strcmp(model_knob_value_name(KNOB_AMB_01, 1, name, 4), "adm") == 0, "cut", "amb.01");
}

int main(void)
{
    test_rules();
    test_knobs();
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
