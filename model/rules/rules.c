/* SPDX-License-Identifier: MIT */
/* The table of rules.h, filled from rules.def, and the search by id. */
#include "model/rules/rules.h"

#include <string.h>

const struct model_rule_info model_rules[MODEL_RULE_COUNT] = {
#define RULE(name, id, kind, severity, text, source, codes)                                        \
    {id, MODEL_KIND_##kind, MODEL_SEVERITY_##severity, text, source, codes},
#include "model/rules/rules.def"
#undef RULE
};

enum model_rule model_rule_find(const char *id)
{
    unsigned rule = 0;

    while (rule < MODEL_RULE_COUNT && strcmp(model_rules[rule].id, id) != 0) {
        rule++;
    }
    return (enum model_rule)rule;
}

const char *model_lint_text(enum model_rule rule)
{
    static const char *const text[MODEL_RULE_COUNT] = {
#define LINT(name, seen) [RULE_##name] = (seen),
#include "model/rules/lints.def"
#undef LINT
    };
    return text[rule] != NULL ? text[rule] : model_rules[rule].text;
}
